"""`| head n` and `| tail n` over what a query finds, in the order in which it finds it.

As in Elasticsearch, a chain of pipes is folded into one limit with an offset (x-pack/plugin/eql `Optimizer.CombineLimits`
and `Limit.view`): `| head 4 | tail 2` is the third and the fourth. Where fewer are found than the chain asks for, the
offset gives way: of three, `| head 4 | tail 2` is the last two.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, TypeAlias, TypeVar

from runner.query.ast import Pipe
from runner.query.matching import Event, Joined, Matching

T = TypeVar("T")
Found: TypeAlias = list[Joined[T]]


@dataclass(frozen=True, slots=True)
class Limit:
    """At most `count` findings after the first `offset`, counted from the end where `tail`."""

    count: int
    offset: int = 0
    tail: bool = False

    @classmethod
    def of(cls, pipes: Sequence[Pipe]) -> "Limit":
        """Fold a chain of at least one pipe."""
        first, *others = pipes
        limit = cls(first.count, tail=first.name == "tail")
        for pipe in others:
            limit = limit.then(pipe)
        return limit

    def then(self, pipe: Pipe) -> "Limit":
        """Return the limit with one more pipe behind it."""
        if pipe.count >= self.count:
            return self
        skipped = 0 if self.tail == (pipe.name == "tail") else self.count - pipe.count
        return Limit(pipe.count, self.offset + skipped, self.tail)

    @property
    def total(self) -> int:
        """How many findings it takes to fill the limit."""
        return self.count + self.offset

    def view(self, found: Found[T]) -> Found[T]:
        """Cut a list that holds at most `total`: the first ones, or the last ones where `tail`."""
        size = len(found)
        skipped = self.offset if size >= self.total else max(0, size - self.count)
        return found[: size - skipped][-self.count :] if self.tail else found[skipped:][: self.count]


class Limited(Generic[T]):
    """A run that reports only what its limit lets through; holds `limit.total` findings at most."""

    def __init__(self, matching: Matching[T], limit: Limit) -> None:
        self._matching = matching
        self._limit = limit
        self._left = limit.total  # how many more a head takes
        self._held: deque[Joined[T]] = deque(maxlen=limit.total)

    def feed(self, event: Event, time: int, item: T) -> Found[T]:
        """Take the next event; return what it completes and the limit lets through."""
        if self._left <= 0:
            return []  # nothing can pass any more, so there is nothing to look for
        return self._take(self._matching.feed(event, time, item))

    def finish(self) -> Found[T]:
        """Return what the end of the stream decides."""
        passed = self._take(self._matching.finish())
        return passed + self._limit.view(list(self._held))

    def _take(self, found: Found[T]) -> Found[T]:
        """Let through what may pass at once; hold what only the end decides."""
        if self._limit.tail:
            self._held.extend(found)
            return []
        found = found[: self._left]
        self._left -= len(found)
        if self._limit.offset == 0:
            return found
        self._held.extend(found)
        return []


def piped(matching: Matching[T], pipes: Sequence[Pipe]) -> Matching[T]:
    """Return the run with the pipes applied; the run itself where there are none."""
    if not pipes:
        return matching
    limit = Limit.of(pipes)
    return Limited(matching, limit if limit.count else Limit(0))
