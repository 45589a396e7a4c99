"""Rules that keep failing: one notification when a rule's executions fail `AFTER` times in a row, one when they recover.

Counted are standard executions, one a start; failed is whose window is not proven searched (a truncated one is). What is
counted is kept in the cluster, so that restarts, replicas and `once` go on counting. While the cluster is away nothing can
be kept: this process counts on, and writes it when it can.
"""

import hashlib
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from runner.errors import RunnerError
from runner.execution.model import Execution, RunType, Verdict
from runner.notify.config import Route
from runner.notify.model import Entry, Kind, Streak, Streaks
from runner.rules.model import Rule

AFTER = 3

_WELL = frozenset({Verdict.COMPLETE, Verdict.TRUNCATED})
_LONGEST_DETAIL = 500


class Failing:
    """Counts failures. An observer of the scheduler, shared by its threads.

    `put` takes entries, and raises RunnerError when they are not kept.
    """

    def __init__(
        self,
        streaks: Streaks,
        routes: Sequence[Route],
        put: Callable[[Sequence[Entry]], object],
        clock: Callable[[], datetime],
    ) -> None:
        self._clock = clock
        self._streaks = streaks
        self.replace(routes)
        self._put = put
        self._lock = threading.Lock()
        self._rules: Mapping[str, Rule] = {}
        self._known: dict[str, Streak] = {}
        self._unwritten: set[str] = set()

    def loaded(self, rules: Iterable[Rule]) -> None:
        """The rules that run from now on."""
        self._rules = {rule.rule_id: rule for rule in rules}

    def replace(self, routes: Iterable[Route]) -> None:
        """Tell by these routes from now on. May be called by any thread."""
        self._routes = [route for route in routes if route.executions]

    def refresh(self) -> None:
        """Read what other processes have counted. Raises RunnerError."""
        found = self._streaks.all()
        with self._lock:
            ours = {rule_id: self._known[rule_id] for rule_id in self._unwritten if rule_id in self._known}
            self._known = {**found, **ours}

    def executed(self, execution: Execution) -> None:
        """An execution has ended."""
        if execution.run_type is RunType.STANDARD:
            self._count(execution.rule_id, execution.rule_name, execution.started, _error(execution))

    def skipped(self, rule: Rule) -> None:
        """A rule was due while still running: that is neither well nor failed."""

    def crashed(self, rule: Rule, error: Exception) -> None:
        """A run ended in a bug of ours: it has proven nothing."""
        what = f"an error of eql-runner itself: {type(error).__name__}; the log has its stack trace"
        self._count(rule.rule_id, rule.name, self._clock(), what)

    def _count(self, rule_id: str, name: str, at: datetime, error: str) -> None:
        with self._lock:
            before = self._known.get(rule_id)
            if before is None and not error:
                return
            if error:
                streak = before or Streak(rule_id, name, 0, at)
                after = replace(streak, failures=streak.failures + 1, error=error)
            else:
                assert before is not None, "a rule that never failed is left alone"
                after = replace(before, failures=0)
            self._move(before, after, at)

    def _move(self, before: Streak | None, after: Streak, at: datetime) -> None:
        """Tell what is to be told, and keep the count. What fails here is done at the rule's next execution."""
        try:
            if after.failures >= AFTER and not after.told:
                self._put(self._entries(Kind.FAILING, after, at))
                after = replace(after, told=True)
            elif not after.failures and before is not None and before.told:
                self._put(self._entries(Kind.RECOVERED, before, at))
            self._streaks.write(after)
            self._unwritten.discard(after.rule_id)
        except RunnerError:  # the execution's own failure says in the log that the cluster is away
            self._unwritten.add(after.rule_id)
            if not after.failures:
                return  # the recovery is still to be told, so the streak is kept as it was
        if after.failures:
            self._known[after.rule_id] = after
        else:
            self._known.pop(after.rule_id, None)

    def _entries(self, kind: Kind, streak: Streak, at: datetime) -> tuple[Entry, ...]:
        rule = self._rules.get(streak.rule_id)
        severity, tags = (str(rule.severity), frozenset(rule.tags)) if rule else ("", frozenset[str]())
        channels = dict.fromkeys(
            channel
            for route in self._routes
            if route.takes(streak.rule_id, streak.rule_name, severity, tags)
            for channel in route.channels
        )
        return tuple(
            Entry(
                id=f"{kind}:{_digest(streak)}:{channel}",
                channel=channel,
                kind=kind,
                rule_id=streak.rule_id,
                rule_name=streak.rule_name,
                severity=severity,
                created=at,
                due=at,
                detail=_detail(kind, streak),
            )
            for channel in channels
        )


def _digest(streak: Streak) -> str:
    """Return what names a streak of a rule in ids, whose length is bounded."""
    return hashlib.sha256(f"{streak.rule_id}\0{streak.since.isoformat()}".encode()).hexdigest()[:32]


def _detail(kind: Kind, streak: Streak) -> str:
    since = f"{streak.since:%Y-%m-%d %H:%M:%S} UTC"
    if kind is Kind.RECOVERED:
        return f"it had failed {streak.failures} times in a row since {since}; what was missed is searched by itself"
    return f"{streak.failures} executions in a row have failed since {since}. {streak.error}"


def _error(execution: Execution) -> str:
    """Return why an execution proves nothing; empty where it does."""
    if execution.verdict in _WELL:
        return ""
    failure = execution.failure
    text = f"{failure.text.rstrip('.')}. {failure.hint}" if failure else "; ".join(execution.faults)
    return (text.strip() or str(execution.verdict))[:_LONGEST_DETAIL]
