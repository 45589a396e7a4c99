"""When each rule starts; never what it searches.

A rule's slots are `offset + k · interval` since the epoch, for each whole k; the offset is a hash of the rule's id, below
the interval. They depend on the rule alone: a restart, a second runner and the demo's clock meet the same slots, and a
thousand rules do not start in one second. So that a person sees something soon, each rule also starts once within the
first minute after the scheduler did (`FIRST_WITHIN`), spread by the same hash.

A start that comes late, or that finds the rule still running, costs no coverage: several missed starts become one, and
the next execution searches whatever the ledger does not hold.

APScheduler waits for instants of the system's clock. One that is set forward makes starts come early; one that is set back
would put them all off by as much, so they are reckoned anew (`Scheduler.keep_time`).
"""

import heapq
import queue
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Protocol

from apscheduler.events import (  # type: ignore[import-untyped]  # APScheduler 3 ships no types
    EVENT_JOB_MAX_INSTANCES,
    JobSubmissionEvent,
)
from apscheduler.executors.base import BaseExecutor, run_job  # type: ignore[import-untyped]
from apscheduler.executors.debug import DebugExecutor  # type: ignore[import-untyped]
from apscheduler.schedulers.background import BackgroundScheduler  # type: ignore[import-untyped]
from apscheduler.triggers.base import BaseTrigger  # type: ignore[import-untyped]
from apscheduler.triggers.interval import IntervalTrigger  # type: ignore[import-untyped]

from runner.execution.model import Execution
from runner.rules.model import Rule

FIRST_WITHIN = timedelta(minutes=1)
HEARTBEAT = timedelta(seconds=5)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Start:
    """A rule is due at an instant."""

    instant: datetime
    rule: Rule


@dataclass(frozen=True, slots=True)
class Timetable:
    """The starts of every rule, for a scheduler that was started at `started`."""

    started: datetime

    def next(self, rule: Rule, after: datetime) -> datetime:
        """Return the rule's first start later than `after`."""
        interval = rule.schedule.interval
        first = min(
            self.started + _offset(rule.rule_id, min(interval, FIRST_WITHIN)),
            _next_slot(rule.rule_id, interval, self.started),
        )
        return first if after < first else _next_slot(rule.rule_id, interval, after)

    def due(self, rules: Iterable[Rule], since: datetime, until: datetime) -> Iterator[Start]:
        """Yield the starts in `since` ≤ t < `until`, by time, then by rule id."""
        return heapq.merge(*(self._starts(rule, since, until) for rule in rules), key=_order)

    def _starts(self, rule: Rule, since: datetime, until: datetime) -> Iterator[Start]:
        instant = self.next(rule, since - timedelta.resolution)
        while instant < until:
            yield Start(instant, rule)
            instant = self.next(rule, instant)


def _order(start: Start) -> tuple[datetime, str]:
    return start.instant, start.rule.rule_id


def _offset(rule_id: str, below: timedelta) -> timedelta:
    """Return the rule's share of a span: whole milliseconds, spread evenly by its id."""
    number = int.from_bytes(sha256(rule_id.encode()).digest()[:8])
    return number % max(below // _MILLISECOND, 1) * _MILLISECOND


def _next_slot(rule_id: str, interval: timedelta, after: datetime) -> datetime:
    offset = _offset(rule_id, interval)
    passed = (after - _EPOCH - offset) // interval
    return _EPOCH + offset + (passed + 1) * interval


class Observer(Protocol):
    """Who is told what the scheduler's rules did: logs, metrics and health."""

    def executed(self, execution: Execution) -> None:
        """An execution has ended, in whatever verdict."""
        ...

    def skipped(self, rule: Rule) -> None:
        """A rule was due while its last start was still running or waiting for a worker."""
        ...

    def crashed(self, rule: Rule, error: Exception) -> None:
        """A run ended in an exception that nobody foresaw: a bug of ours. The rule stays scheduled."""
        ...


class Scheduler:
    """Starts each rule at its times, on a bounded number of threads, and no rule beside itself.

    `run` executes one rule at an instant; what it yields is handed to the observer, one execution at a time.
    """

    def __init__(
        self,
        run: Callable[[Rule, datetime], Iterable[Execution]],
        observer: Observer,
        clock: Callable[[], datetime],
        workers: int,
    ) -> None:
        self._run = run
        self._observer = observer
        self._clock = clock
        self._workers = _Workers(workers)
        self._scheduler = BackgroundScheduler(
            timezone=UTC,
            executors={"default": self._workers, "loop": DebugExecutor()},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": None},
        )
        self._scheduler.add_listener(self._skipped, EVENT_JOB_MAX_INSTANCES)
        self._rules: dict[str, Rule] = {}
        self._timetable = Timetable(_EPOCH)
        self._beat: datetime | None = None
        self._beating: Any = None
        self._changed = threading.Condition()
        self._running: dict[str, datetime] = {}
        self._stopping = False

    @property
    def beat(self) -> datetime | None:
        """When the loop last went round; it does so every `HEARTBEAT` while it lives."""
        return self._beat

    @property
    def running(self) -> dict[str, datetime]:
        """The ids of the rules that are executing now, and since when."""
        with self._changed:
            return dict(self._running)

    def start(self, rules: Iterable[Rule]) -> None:
        """Schedule the rules and return at once."""
        self._timetable = Timetable(self._clock())
        self._heartbeat()
        self._beating = self._scheduler.add_job(self._heartbeat, _every(HEARTBEAT), executor="loop")
        self.replace(rules)
        self._scheduler.start()

    def keep_time(self) -> timedelta | None:
        """Start all rules anew where the clock was set back by more than `HEARTBEAT`; return by how much at least, then.

        To be called now and then by one that waits for no instant of the clock. Each rule starts once in the next minute.
        """
        now = self._clock()
        if self._beat is None or self._beat - now <= HEARTBEAT:
            return None
        back = self._beat - now
        self._timetable = Timetable(now)
        self._heartbeat()
        self._beating.reschedule(_every(HEARTBEAT))
        for rule in self._rules.values():
            self._scheduler.reschedule_job(rule.rule_id, trigger=_Slots(self._timetable, rule))
        return back

    def replace(self, rules: Iterable[Rule]) -> None:
        """Schedule exactly these rules from now on; one that is running ends first, as the rule that it was."""
        coming = {rule.rule_id: rule for rule in rules}
        leaving, self._rules = self._rules, coming
        for rule_id in leaving.keys() - coming.keys():
            self._scheduler.remove_job(rule_id)
        for rule in coming.values():
            known = leaving.get(rule.rule_id)
            if known is None or known.schedule.interval != rule.schedule.interval:
                trigger = _Slots(self._timetable, rule)
                self._scheduler.add_job(
                    self._start, trigger, (rule.rule_id,), id=rule.rule_id, name=rule.name, replace_existing=True
                )

    def stop(self, timeout: timedelta) -> tuple[str, ...]:
        """Start nothing more, wait for what runs, at most `timeout`; return the ids of the rules abandoned.

        What is abandoned goes on in daemon threads until the process ends. That is safe: coverage moves last.
        """
        with self._changed:
            self._stopping = True
        self._scheduler.shutdown(wait=False)
        with self._changed:
            self._changed.wait_for(lambda: not self._running, timeout.total_seconds())
            return tuple(sorted(self._running))

    def _heartbeat(self) -> None:
        self._beat = self._clock()

    def _start(self, rule_id: str) -> None:
        rule = self._rules.get(rule_id)
        now = self._clock()
        with self._changed:
            if rule is None or self._stopping:
                return
            self._running[rule_id] = now
        try:
            for execution in self._run(rule, now):
                self._observer.executed(execution)
        except Exception as error:  # noqa: BLE001  # one rule's surprise must not end the others
            self._observer.crashed(rule, error)
        finally:
            with self._changed:
                del self._running[rule_id]
                self._changed.notify_all()

    def _skipped(self, event: JobSubmissionEvent) -> None:
        rule = self._rules.get(event.job_id)
        if rule is not None:
            self._observer.skipped(rule)


def _every(span: timedelta) -> IntervalTrigger:
    """Return what triggers each time that the span has passed, from now on."""
    return IntervalTrigger(seconds=int(span.total_seconds()), timezone=UTC)


class _Slots(BaseTrigger):  # type: ignore[misc]  # an untyped base class
    """Asks the timetable when a rule starts next."""

    def __init__(self, timetable: Timetable, rule: Rule) -> None:
        self._timetable = timetable
        self._rule = rule

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        return self._timetable.next(self._rule, previous_fire_time or now - timedelta.resolution)


class _Workers(BaseExecutor):  # type: ignore[misc]  # an untyped base class
    """A fixed number of daemon threads, so that an abandoned execution cannot keep the process alive.

    APScheduler's own pool is joined when the interpreter exits, however long that takes.
    """

    def __init__(self, count: int) -> None:
        super().__init__()
        self._tasks: queue.SimpleQueue[tuple[Any, list[datetime]] | None] = queue.SimpleQueue()
        self._threads = [threading.Thread(target=self._work, name=f"worker-{n}", daemon=True) for n in range(count)]

    def start(self, scheduler: BackgroundScheduler, alias: str) -> None:
        super().start(scheduler, alias)
        for thread in self._threads:
            thread.start()

    def shutdown(self, wait: bool = True) -> None:  # noqa: FBT001, FBT002  # APScheduler's signature
        for _ in self._threads:
            self._tasks.put(None)
        for thread in self._threads if wait else ():
            thread.join()

    def _do_submit_job(self, job: Any, run_times: list[datetime]) -> None:
        self._tasks.put((job, run_times))

    def _work(self) -> None:
        while (task := self._tasks.get()) is not None:
            job, run_times = task
            # APScheduler's pools do the same: its job knows the store that it came from.
            self._run_job_success(job.id, run_job(job, job._jobstore_alias, run_times, self._logger.name))  # noqa: SLF001
