"""Two sides measured in one run: interleaved, repeated, compared by their medians."""

import gc
import time
from collections.abc import Callable
from dataclasses import dataclass
from statistics import median

Side = Callable[[], object]


@dataclass(frozen=True)
class Timed:
    """Seconds that each side took, by its median."""

    ours: float
    other: float

    @property
    def ratio(self) -> float:
        return self.ours / self.other


@dataclass(frozen=True)
class Need:
    """One thing that a row must reach: the number that was measured, and its bound."""

    number: float
    bound: float
    unit: str = ""
    at_least: bool = False

    @property
    def met(self) -> bool:
        return self.number >= self.bound if self.at_least else self.number <= self.bound

    def __str__(self) -> str:
        return f"{self.number:.3g}{self.unit}"

    @property
    def target(self) -> str:
        return f"{'≥' if self.at_least else '≤'} {self.bound:g}{self.unit}"


@dataclass(frozen=True)
class Row:
    """What was measured, against what, what either side took, and what must be reached."""

    what: str
    against: str
    ours: str
    other: str
    needs: tuple[Need, ...]


def side_by_side(ours: Side, other: Side, *, rounds: int, before: Side = lambda: None, warm_up: float = 0.0) -> Timed:
    """Measure either side in turn; who begins changes from round to round.

    First each side runs for `warm_up` seconds that are not counted: Java is slow with what it has not done often. `before` is called ahead of each single measurement, and is not measured.
    """
    for side in (ours, other):
        begun = time.perf_counter()
        while time.perf_counter() - begun < warm_up:
            before()
            side()
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        order = (0, 1) if number % 2 else (1, 0)
        for which in order:
            before()
            taken[which].append(_seconds((ours, other)[which]))
    return Timed(median(taken[0]), median(taken[1]))


def milliseconds(seconds: float) -> str:
    return f"{seconds * 1000:,.0f} ms"


def _seconds(side: Side) -> float:
    gc.collect()  # what one side leaves is not to be swept up in the time of the other
    begun = time.perf_counter()
    side()
    return time.perf_counter() - begun
