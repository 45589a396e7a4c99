"""`| head n` and `| tail n` over what a query finds, in the order in which it finds it.

A pipe takes what its predecessor lets through, so `| head 4 | tail 2` is the third and the fourth. Elasticsearch folds
such chains into one limit with an offset (x-pack/plugin/eql `Limit.view`), which comes to the same.
"""

from collections import deque
from collections.abc import Sequence
from typing import Generic, Protocol, TypeAlias, TypeVar

from runner.query import ast
from runner.query.matching import Event, Joined, Matching

T = TypeVar("T")
Found: TypeAlias = list[Joined[T]]


class _Pipe(Protocol[T]):
    def take(self, found: Found[T]) -> Found[T]:
        """Return what of `found` may pass now."""
        ...

    def end(self) -> Found[T]:
        """Return what was held back, now that nothing more comes."""
        ...


class _Head(Generic[T]):
    """The first `count`; holds nothing."""

    def __init__(self, count: int) -> None:
        self.left = count

    def take(self, found: Found[T]) -> Found[T]:
        passed = found[: self.left]
        self.left -= len(passed)
        return passed

    def end(self) -> Found[T]:
        return []


class _Tail(Generic[T]):
    """The last `count`; holds that many."""

    def __init__(self, count: int) -> None:
        self._last: deque[Joined[T]] = deque(maxlen=count)

    def take(self, found: Found[T]) -> Found[T]:
        self._last.extend(found)
        return []

    def end(self) -> Found[T]:
        return list(self._last)


class Piped(Generic[T]):
    """A run whose findings go through pipes, in the order of the query."""

    def __init__(self, matching: Matching[T], pipes: Sequence[ast.Pipe]) -> None:
        self._matching = matching
        self._heads: list[_Head[T]] = []
        self._pipes: list[_Pipe[T]] = []
        for pipe in pipes:
            if pipe.name == "head":
                self._heads.append(_Head(pipe.count))
                self._pipes.append(self._heads[-1])
            else:
                self._pipes.append(_Tail(pipe.count))

    def feed(self, event: Event, time: int, item: T) -> Found[T]:
        """Take the next event; return what it completes and the pipes let through."""
        if any(head.left <= 0 for head in self._heads):
            return []  # nothing can pass any more, so there is nothing to look for
        found = self._matching.feed(event, time, item)
        for pipe in self._pipes:
            found = pipe.take(found)
        return found

    def finish(self) -> Found[T]:
        """Return what the end of the stream decides."""
        found = self._matching.finish()
        for pipe in self._pipes:
            found = pipe.take(found) + pipe.end()
        return found


def piped(matching: Matching[T], pipes: Sequence[ast.Pipe]) -> Matching[T]:
    """Return the run with the pipes applied; the run itself where there are none."""
    return Piped(matching, pipes) if pipes else matching
