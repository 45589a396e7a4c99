"""Sequences: ordered events that share their join keys, within `maxspan`, not cut by `until`.

The machine is Elasticsearch's (EQL syntax reference, "How a sequence query handles matches"; x-pack/plugin/eql
`SequenceMatcher`, `KeyToSequences`, `OrdinalGroup`), for one stream instead of one search a stage:

- for a key and a stage there is one candidate: a sequence matched up to that stage. A newer one replaces it;
- an event of the next stage takes the candidate on, always, and leaves none behind, even if the result comes to nothing;
- an event cannot follow itself: stages are asked from the last to the first. Events of one instant follow each other
  in the order in which they are fed;
- `maxspan` is inclusive, from the first event to the last;
- `until` ends every candidate of its keys, also one that the same event has just taken on, but no sequence that the
  same event has completed.

What has to be missing is decided in `absences`.
"""

from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from typing import Any, Generic, TypeAlias, TypeVar

from runner.query.absences import Absences
from runner.query.candidates import Candidate
from runner.query.matching import Event, Joined
from runner.query.stages import CompiledStage, JoinKeys, plain, rank

T = TypeVar("T")
Act: TypeAlias = Callable[[JoinKeys, int, T], None]


@dataclass(frozen=True, slots=True)
class _Role(Generic[T]):
    """What one stage does with an event: `act` for each of its keys, if there is anything that it could act on."""

    stage: int  # index into the distinct stages
    needed: Callable[[], object]
    act: Act[T]


class SequenceMatching(Generic[T]):
    """One run of a sequence query.

    Memory is bounded by what is open, never by the events seen: at most one candidate a key and stage, dropped as soon
    as `maxspan` has passed since its start, whether its key comes again or not; and, where events must be missing
    first or last, what `Absences` holds. Dropping is amortised O(1) an event. Without `maxspan` a candidate waits for
    ever, as in Elasticsearch.
    """

    def __init__(
        self,
        stages: Sequence[CompiledStage],
        *,
        maxspan: timedelta | None = None,
        until: CompiledStage | None = None,
        category: Callable[[Event], Any] | None = None,
    ) -> None:
        """Prepare a run; `category` reads an event's category, for stages that name theirs."""
        self._missing = tuple(stage.missing for stage in stages)
        self._last = self._missing.count(False) - 1
        self._maxspan = None if maxspan is None else maxspan // timedelta(microseconds=1) * 1000
        self._open: list[dict[JoinKeys, Candidate[T]]] = [{} for _ in range(self._last)]
        self._live: OrderedDict[Candidate[T], None] = OrderedDict()  # all of the open, by their start
        self._absences: Absences[T] = Absences(self._maxspan, leading=self._missing[0], trailing=self._missing[-1])
        self._completed: list[Candidate[T]] = []  # by the event at hand
        self._stages: list[CompiledStage] = []
        roles = self._roles(stages, until)
        self._category = category
        self._by_category = {
            named: tuple(role for role in roles if self._stages[role.stage].category in {None, named})
            for named in {stage.category for stage in self._stages}
        }
        self._by_category.setdefault(None, ())
        self._all = roles
        self._now: int | None = None

    @property
    def size(self) -> int:
        """How many candidates, waiting sequences and remembered times it holds."""
        return len(self._live) + self._absences.size

    def feed(self, event: Event, time: int, item: T) -> list[Joined[T]]:
        """Take the next event; return the sequences that it completes or decides, in order of their last events.

        Raises ValueError when time goes back.
        """
        if self._now is not None and time < self._now:
            raise ValueError(f"events must be fed in order of time: {time} after {self._now}")
        self._now = time
        self._expire(time)
        seen: dict[int, tuple[JoinKeys, ...]] = {}
        for role in self._watching(event):
            if not role.needed():
                continue
            joins = seen.get(role.stage)
            if joins is None:
                joins = seen[role.stage] = tuple(self._stages[role.stage].join(event))
            for keys in joins:
                role.act(keys, time, item)
        return self._decided(time)

    def finish(self) -> list[Joined[T]]:
        """End the stream: what has not come is missing."""
        return [self._joined(candidate) for candidate in self._absences.finish()]

    def _roles(self, stages: Sequence[CompiledStage], until: CompiledStage | None) -> tuple[_Role[T], ...]:
        """Return what is asked of an event, in order: what must be missing, the stages from last to first, `until`."""
        absent: list[_Role[T]] = []
        present: list[_Role[T]] = []
        for stage in stages:
            position = len(present)
            if not stage.missing:
                needed = self._open[position - 1].__len__ if position else _always
                act = partial(self._extend, position) if position else self._begin
                present.append(self._role(stage, needed, act))
            elif position == 0:
                absent.append(self._role(stage, _always, self._absences.lead))
            elif position > self._last:
                absent.append(self._role(stage, self._absences.waiting, self._absences.trail))
            else:
                between = self._open[position - 1]
                absent.append(self._role(stage, between.__len__, partial(self._intrude, between)))
        ends = [] if until is None else [self._role(until, self._live.__len__, self._cut)]
        return (*absent, *reversed(present), *ends)

    def _role(self, stage: CompiledStage, needed: Callable[[], object], act: Act[T]) -> _Role[T]:
        if stage not in self._stages:  # `with runs` repeats a stage, which need not be asked twice
            self._stages.append(stage)
        return _Role(self._stages.index(stage), needed, act)

    def _watching(self, event: Event) -> tuple[_Role[T], ...]:
        """Return the roles that the event's category lets take part; all where that cannot be told."""
        if self._category is None:
            return self._all
        category = self._category(event)
        if isinstance(category, str):
            return self._by_category.get(category, self._by_category[None])
        return self._all

    def _begin(self, keys: JoinKeys, time: int, item: T) -> None:
        candidate = Candidate(keys, time, item, self._absences.last_before(keys, time))
        if self._last == 0:
            self._completed.append(candidate)
        else:
            self._live[candidate] = None
            self._place(candidate)

    def _extend(self, position: int, keys: JoinKeys, time: int, item: T) -> None:
        candidate = self._open[position - 1].pop(keys, None)
        if candidate is None:
            return
        candidate.extend(time, item)
        if position == self._last:
            del self._live[candidate]
            self._completed.append(candidate)
        else:
            self._place(candidate)

    def _place(self, candidate: Candidate[T]) -> None:
        """Make the candidate the one of its key and stage."""
        replaced = self._open[candidate.position].get(candidate.keys)
        if replaced is not None:
            del self._live[replaced]
        self._open[candidate.position][candidate.keys] = candidate

    def _intrude(self, between: dict[JoinKeys, Candidate[T]], keys: JoinKeys, time: int, _item: T) -> None:
        candidate = between.get(keys)
        if candidate is not None:
            candidate.intrude(time)

    def _cut(self, keys: JoinKeys, _time: int, _item: T) -> None:
        for opened in self._open:
            candidate = opened.pop(keys, None)
            if candidate is not None:
                del self._live[candidate]

    def _expire(self, now: int) -> None:
        """Drop the candidates whose `maxspan` has passed."""
        self._absences.expire(now)
        while self._live and self._maxspan is not None:
            oldest = next(iter(self._live))
            if now - oldest.start <= self._maxspan:
                break
            del self._live[oldest]
            del self._open[oldest.position][oldest.keys]

    def _decided(self, now: int) -> list[Joined[T]]:
        if len(self._completed) > 1:  # one event, several keys: Elasticsearch orders them (`SequenceKey.compareTo`)
            self._completed.sort(key=lambda candidate: rank(candidate.keys))
        for candidate in self._completed:
            if not candidate.broken:
                self._absences.decide(candidate)
        self._completed.clear()
        return [self._joined(candidate) for candidate in self._absences.decided(now)]

    def _joined(self, candidate: Candidate[T]) -> Joined[T]:
        items = iter(candidate.items)
        return Joined(tuple(None if missing else next(items) for missing in self._missing), plain(candidate.keys))


def _always() -> bool:
    return True
