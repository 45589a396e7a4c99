"""Samples: one event for each stage, in any order, that share their join keys.

The source is Elasticsearch's x-pack/plugin/eql `SampleIterator` and `SampleQueryRequest`: the keys come from composite
aggregations, so samples are ordered by their keys, ascending, null first; for each key every stage offers its first
`stages + max_samples_per_key - 1` events; from these `matchSamples` takes combinations, depth first, in which no event
stands twice, until it has `max_samples_per_key`. Time plays no part: the events' order is the order of the documents.
"""

from collections.abc import Iterator, Sequence
from typing import Generic, TypeAlias, TypeVar

from runner.query.matching import Event, Joined
from runner.query.stages import CompiledStage, JoinKeys, plain, rank

T = TypeVar("T")
Offered: TypeAlias = list[tuple[int, T]]  # the event's place in the stream, and its item


class SampleMatching(Generic[T]):
    """One run of a sample query; finds everything at the end of the stream.

    Memory is bounded by the keys seen, not by the events: for a key and stage it holds at most
    `stages + max_samples_per_key - 1` items.
    """

    def __init__(self, stages: Sequence[CompiledStage], *, max_samples_per_key: int = 1) -> None:
        self._stages = tuple(stages)
        self._wanted = max_samples_per_key
        self._enough = len(self._stages) + max_samples_per_key - 1
        self._offered: list[dict[JoinKeys, Offered[T]]] = [{} for _ in self._stages]
        self._fed = 0

    def feed(self, event: Event, time: int, item: T) -> list[Joined[T]]:  # noqa: ARG002 - a sample asks for no time
        """Take the next event; a sample is never complete before the end."""
        self._fed += 1
        for stage, offered in zip(self._stages, self._offered, strict=True):
            for keys in stage.join(event):
                items = offered.setdefault(keys, [])
                if len(items) < self._enough:
                    items.append((self._fed, item))
        return []

    def finish(self) -> list[Joined[T]]:
        """Return the samples, ordered by their keys."""
        first, *others = self._offered
        shared = [keys for keys in first if all(keys in offered for offered in others)]
        found: list[Joined[T]] = []
        for keys in sorted(shared, key=rank):
            choices = [offered[keys] for offered in self._offered]
            combinations = _combinations(choices, ())
            for chosen, _ in zip(combinations, range(self._wanted), strict=False):
                found.append(Joined(tuple(item for _, item in chosen), plain(keys)))
        return found


def _combinations(
    choices: Sequence[Offered[T]], chosen: tuple[tuple[int, T], ...]
) -> Iterator[tuple[tuple[int, T], ...]]:
    """Yield one event of each list, without an event twice, the last list varying fastest."""
    if not choices:
        yield chosen
        return
    taken = {place for place, _ in chosen}
    for candidate in choices[0]:
        if candidate[0] not in taken:
            yield from _combinations(choices[1:], (*chosen, candidate))
