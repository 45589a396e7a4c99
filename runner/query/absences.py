"""What has to be missing before a sequence's first event, or after its last: `![…]` at either end.

The rule is Elasticsearch's (x-pack/plugin/eql `TumblingWindow.doCheckMissingEvents`). With `lead` the last unwanted
event before the first event of the sequence, and `trail` the first one after its last:

    missing first         found, unless lead → last event is within maxspan
    missing last          found, unless first event → trail is within maxspan
    missing at both ends  found, unless lead → trail is within maxspan; without a lead, found

So what is asked for is a span of time that holds the sequence and no unwanted event. An unwanted event in the same
millisecond as the sequence's end is not outside of it, and does not count. At the end of the stream there is no
`trail`: the sequence is found.
"""

from collections import OrderedDict, deque
from collections.abc import Iterator
from typing import Generic, TypeVar

from runner.query.candidates import Candidate, milliseconds
from runner.query.stages import JoinKeys

T = TypeVar("T")


class _Waiting(Generic[T]):
    """A sequence that has all its events. `found` is None until it is decided, at the latest after `deadline`."""

    __slots__ = ("candidate", "deadline", "found")

    def __init__(self, candidate: Candidate[T], deadline: int | None, *, found: bool | None) -> None:
        self.candidate = candidate
        self.deadline = deadline
        self.found = found


class Absences(Generic[T]):
    """Decides complete sequences, and hands them out in the order in which they were completed.

    Holds for each key the last unwanted event before, for `maxspan`; and the sequences that wait for an unwanted
    event after, each for `maxspan` at most. Where nothing has to be missing at the ends, it holds nothing.
    """

    def __init__(self, maxspan: int | None, *, leading: bool, trailing: bool) -> None:
        self._maxspan = maxspan  # nanoseconds
        self._leading = leading
        self._trailing = trailing
        # The newest unwanted event of a key, and the newest of an earlier millisecond; the newest key stands last.
        self._leads: OrderedDict[JoinKeys, tuple[int, int | None]] = OrderedDict()
        self._queue: deque[_Waiting[T]] = deque()
        self._waiting: dict[JoinKeys, deque[_Waiting[T]]] = {}

    @property
    def size(self) -> int:
        """How many times and sequences it holds."""
        return len(self._leads) + len(self._queue)

    def waiting(self) -> bool:
        """Tell whether an unwanted event after could matter to any sequence."""
        return bool(self._waiting)

    def lead(self, keys: JoinKeys, time: int, _item: T) -> None:
        """See an event that must be missing before."""
        newest, earlier = self._leads.pop(keys, (None, None))
        if newest is not None and milliseconds(newest) < milliseconds(time):
            earlier = newest
        self._leads[keys] = (time, earlier)

    def last_before(self, keys: JoinKeys, start: int) -> int | None:
        """Return when the last event that must be missing before `start` happened, None if there was none."""
        newest, earlier = self._leads.get(keys, (None, None))
        return newest if newest is not None and milliseconds(newest) < milliseconds(start) else earlier

    def trail(self, keys: JoinKeys, time: int, _item: T) -> None:
        """See an event that must be missing after."""
        waiting = self._waiting.pop(keys, None)
        if waiting is None:
            return
        spared: deque[_Waiting[T]] = deque()
        for one in waiting:
            if milliseconds(one.candidate.time) == milliseconds(time):
                spared.append(one)
            else:
                one.found = one.deadline is not None and time > one.deadline
        if spared:
            self._waiting[keys] = spared

    def decide(self, candidate: Candidate[T]) -> None:
        """Take a sequence that has all its events."""
        if not self._trailing:
            if candidate.lead is None or self._apart(candidate.lead, candidate.time):
                self._queue.append(_Waiting(candidate, None, found=True))
            return
        if self._leading and candidate.lead is None:
            self._queue.append(_Waiting(candidate, None, found=True))
            return
        since = candidate.start if candidate.lead is None else candidate.lead
        deadline = None if self._maxspan is None else since + self._maxspan
        one = _Waiting(candidate, deadline, found=None)
        self._queue.append(one)
        self._waiting.setdefault(candidate.keys, deque()).append(one)

    def decided(self, now: int) -> Iterator[Candidate[T]]:
        """Yield the sequences found, up to the first one that is not decided yet."""
        while self._queue:
            one = self._queue[0]
            if one.found is None and (one.deadline is None or one.deadline >= now):
                return
            self._queue.popleft()
            if one.found is None:
                self._release(one)
                one.found = True
            if one.found:
                yield one.candidate

    def finish(self) -> Iterator[Candidate[T]]:
        """Yield the sequences found now that no unwanted event can come."""
        for one in self._queue:
            if one.found is not False:
                yield one.candidate
        self._queue.clear()
        self._waiting.clear()

    def expire(self, now: int) -> None:
        """Drop what lies more than `maxspan` back: it can no longer matter to a sequence that starts now."""
        while self._leads:
            keys, (newest, _) = next(iter(self._leads.items()))
            if not self._apart(newest, now):
                break
            del self._leads[keys]

    def _apart(self, earlier: int, later: int) -> bool:
        """Tell whether more than `maxspan` lies between; never without one."""
        return self._maxspan is not None and later - earlier > self._maxspan

    def _release(self, one: _Waiting[T]) -> None:
        """No longer wait for an unwanted event: of its key, the head of the queue is the one that waits longest."""
        waiting = self._waiting[one.candidate.keys]
        waiting.popleft()
        if not waiting:
            del self._waiting[one.candidate.keys]
