"""Which time ranges to search, as values: what is half-open, aware, and whole milliseconds."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta


def whole_milliseconds(instant: datetime) -> datetime:
    """Return the instant in UTC without its microseconds below a millisecond, as Elasticsearch dates have none."""
    instant = instant.astimezone(UTC)
    return instant.replace(microsecond=instant.microsecond // 1000 * 1000)


@dataclass(frozen=True, slots=True, order=True)
class Window:
    """A half-open range of event time, `start` ≤ t < `end`."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a window needs aware instants")
        if self.start > self.end:
            raise ValueError(f"a window cannot end before it starts: {self.start} … {self.end}")

    @property
    def length(self) -> timedelta:
        return self.end - self.start

    @property
    def empty(self) -> bool:
        return self.start == self.end

    def holds(self, instant: datetime) -> bool:
        """Tell whether the instant lies in the window."""
        return self.start <= instant < self.end

    def overlaps(self, other: "Window") -> bool:
        """Tell whether the two share an instant."""
        return self.start < other.end and other.start < self.end

    def extended(self, before: timedelta) -> "Window":
        """Return the window with its start moved back."""
        return Window(self.start - before, self.end)


def merged(windows: Iterable[Window]) -> tuple[Window, ...]:
    """Return the same instants as few, sorted, disjoint windows (touching ones become one)."""
    out: list[Window] = []
    for window in sorted(w for w in windows if not w.empty):
        if out and window.start <= out[-1].end:
            out[-1] = Window(out[-1].start, max(out[-1].end, window.end))
        else:
            out.append(window)
    return tuple(out)


def without(windows: Iterable[Window], taken: Iterable[Window]) -> tuple[Window, ...]:
    """Return what of `windows` lies in none of `taken`."""
    left = list(merged(windows))
    for hole in merged(taken):
        left = [
            piece
            for window in left
            for piece in (
                Window(window.start, max(window.start, min(window.end, hole.start))),
                Window(min(window.end, max(window.start, hole.end)), window.end),
            )
            if not piece.empty
        ]
    return merged(left)


def sliced(ranges: Iterable[Window], length: timedelta) -> list[Window]:
    """Cut ranges into pieces no longer than `length`, oldest first."""
    pieces: list[Window] = []
    for piece in ranges:
        start = piece.start
        while start < piece.end:
            pieces.append(Window(start, min(start + length, piece.end)))
            start = pieces[-1].end
    return pieces
