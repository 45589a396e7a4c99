"""A sequence on its way: what it has, and what it must not meet."""

from typing import Generic, TypeVar

from runner.query.stages import JoinKeys

T = TypeVar("T")


def milliseconds(time: int) -> int:
    """Return the millisecond of an instant in nanoseconds; what must be missing is asked for in those.

    Elasticsearch's range on the timestamps is in whole milliseconds, exclusive (x-pack/plugin/eql
    `TumblingWindow.prepareQueryForMissingEvents`): events of the same millisecond do not count.
    """
    return time // 1_000_000


class Candidate(Generic[T]):
    """A sequence matched up to one stage. Times are nanoseconds; identity is what tells two candidates apart."""

    __slots__ = ("broken", "intruder", "items", "keys", "lead", "position", "start", "time")

    def __init__(self, keys: JoinKeys, time: int, item: T, lead: int | None) -> None:
        self.keys = keys
        self.items: list[T] = [item]
        self.start = time
        self.time = time
        self.position = 0
        self.lead = lead  # when the last event that must be missing before the start happened
        self.intruder: int | None = None  # the first event, in milliseconds, that must be missing before the next one
        self.broken = False  # an event was there that had to be missing; the candidate still takes its place

    def extend(self, time: int, item: T) -> None:
        """Take the event of the next stage."""
        if self.intruder is not None and self.intruder < milliseconds(time):
            self.broken = True
        self.intruder = None
        self.items.append(item)
        self.time = time
        self.position += 1

    def intrude(self, time: int) -> None:
        """See an event that must be missing between the last one and the next."""
        moment = milliseconds(time)
        if self.intruder is None and moment > milliseconds(self.time):
            self.intruder = moment
