"""The demo: the real timetable, planner and executor over memory, on a clock that does not wait.

An hour in the life of a small estate: ordinary process events, near misses, matches, some of them late; a burst of
matches larger than the cap; and twelve minutes in which the runner is down.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import groupby
from operator import attrgetter

from runner.execution.executor import Executor
from runner.execution.model import Alert, Coverage, Execution
from runner.offline.events import Arrival, process_events
from runner.offline.memory import MemoryLedger, MemorySink, MemorySource
from runner.rules.model import Rule
from runner.schedule.scheduler import Timetable
from runner.schedule.windows import Window

LENGTH = timedelta(hours=1)
DRAIN = timedelta(minutes=15)  # the clock goes on so long after the last event, so that late ones and backlog are done


@dataclass(frozen=True, slots=True)
class Demo:
    """What the demo did, and what it should have found."""

    events: int
    late: int
    near_misses: int
    expected: frozenset[str]  # ids of the events that match
    downtime: Window
    executions: tuple[Execution, ...]
    alerts: tuple[Alert, ...]
    coverage: tuple[tuple[Rule, Coverage], ...]

    @property
    def found(self) -> tuple[str, ...]:
        """The ids of the events alerted, one an alert."""
        return tuple(alert.document["kibana.alert.ancestors"][0]["id"] for alert in self.alerts)

    @property
    def missed(self) -> frozenset[str]:
        """The ids of matching events without an alert."""
        return self.expected - set(self.found)

    @property
    def repeated(self) -> int:
        """How many alerts are for an event that has one already."""
        return len(self.found) - len(set(self.found))


def run(rules: Sequence[Rule], until: datetime) -> Demo:
    """Play the hour before `until` and the time that it takes to drain."""
    begin = until - LENGTH - DRAIN
    downtime = Window(begin + timedelta(minutes=33), begin + timedelta(minutes=45))
    timetable = Timetable(begin)
    # Right after a start, so that one execution meets the whole burst and the cap cuts it.
    burst = timetable.next(rules[0], begin + timedelta(minutes=18))
    arrivals = sorted(_arrivals(begin, begin + LENGTH, burst), key=attrgetter("arrives"))
    source, sink, ledger = MemorySource(), MemorySink(), MemoryLedger()
    executor = Executor(source, sink, ledger)
    starts = [start for start in timetable.due(rules, begin, until) if not downtime.holds(start.instant)]
    waiting = iter(arrivals)
    pending = next(waiting, None)
    executions: list[Execution] = []
    for instant, due in groupby(starts, key=attrgetter("instant")):
        while pending is not None and pending.arrives <= instant:
            source.add([pending.event])
            pending = next(waiting, None)
        for start in due:
            executions += executor.run(start.rule, instant)
    return Demo(
        events=len(arrivals),
        late=sum(arrival.late > timedelta(seconds=30) for arrival in arrivals),
        near_misses=sum(arrival.kind == "near miss" for arrival in arrivals),
        expected=frozenset(arrival.event.id for arrival in arrivals if arrival.kind == "match"),
        downtime=downtime,
        executions=tuple(executions),
        alerts=sink.alerts,
        coverage=tuple((rule, ledger.read(rule).coverage) for rule in rules),
    )


def _arrivals(begin: datetime, end: datetime, burst: datetime) -> Iterator[Arrival]:
    yield from process_events(3000, begin, end, matches=45, near_misses=150, late=0.1, seed=1)
    yield from process_events(130, burst, burst + timedelta(minutes=1), matches=120, late=0.1, seed=2)
