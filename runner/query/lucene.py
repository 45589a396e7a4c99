"""The tree of a Lucene regular expression: frozen values. See `lucene_parser` for what it is read from."""

from bisect import bisect_right
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

LAST = 0x10FFFF

Range: TypeAlias = tuple[int, int]
"""The codes of the first and the last of some characters."""


@dataclass(frozen=True, slots=True)
class Characters:
    """One character of the ranges, which are sorted, disjoint, and inclusive. Without ranges: no text at all."""

    ranges: tuple[Range, ...]


@dataclass(frozen=True, slots=True)
class Chain:
    """The parts, one after the other. Without parts: the empty text."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Either:
    """One of the choices."""

    choices: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Both:
    """What all of the parts match."""

    parts: "tuple[Node, ...]"


@dataclass(frozen=True, slots=True)
class Other:
    """What the part does not match."""

    part: "Node"


@dataclass(frozen=True, slots=True)
class Repeat:
    """The part, `least` to `most` times; without end where `most` is None."""

    part: "Node"
    least: int
    most: int | None


Node: TypeAlias = Characters | Chain | Either | Both | Other | Repeat

EMPTY = Chain(())
NOTHING = Characters(())
ANY = Characters(((0, LAST),))
ANYTHING = Repeat(ANY, 0, None)


def characters(ranges: Iterable[Range]) -> Characters:
    """Return one character of the ranges, which may come in any order and overlap."""
    merged: list[Range] = []
    for first, last in sorted(ranges):
        if merged and first <= merged[-1][1] + 1:
            merged[-1] = (merged[-1][0], max(last, merged[-1][1]))
        else:
            merged.append((first, last))
    return Characters(tuple(merged))


def takes(characters: Characters, code: int) -> bool:
    """Tell whether the character of that code is one of these."""
    place = bisect_right(characters.ranges, code, key=_first) - 1
    return place >= 0 and code <= characters.ranges[place][1]


def _first(each: Range) -> int:
    return each[0]


def outside(ranges: Iterable[Range]) -> list[Range]:
    """Return the ranges of all other characters."""
    start, gaps = 0, []
    for first, last in characters(ranges).ranges:
        if start < first:
            gaps.append((start, first - 1))
        start = last + 1
    return [*gaps, (start, LAST)] if start <= LAST else gaps
