"""Prometheus metrics, in a registry of their own.

`loaded` makes the series of each rule, at zero, and removes those of rules that are gone: what is made in `_add` is
unmade in `_remove`. What a rule is called may change while it stays.
"""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics, generate_latest

from runner import __version__
from runner.execution.model import Execution, RunType, State, Verdict
from runner.rules.model import Rule

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
disable_created_metrics()  # type: ignore[no-untyped-call]  # a second series beside each counter, of use to nobody here
_SECONDS = (0.05, 0.25, 1, 5, 15, 60, 240)


class Metrics:
    """All numbers of one process. An observer of the scheduler, and told of every state that the ledger holds.

    `sweeping` tells whether this process sweeps for late events: one that does not is behind with nothing, though the ledger
    still knows how far another has come.
    """

    def __init__(self, clock: Callable[[], datetime], *, sweeping: bool = True) -> None:
        self._clock = clock
        self._sweeping = sweeping
        self._registry = CollectorRegistry()
        self._states: dict[str, State] = {}
        self._since: dict[str, datetime] = {}
        self._named: dict[str, tuple[str, str]] = {}
        self._executions = self._counter(
            "runner_rule_executions", "Executions, by verdict and run type.", "rule_id", "verdict", "run_type"
        )
        self._duration = Histogram(
            "runner_rule_execution_duration_seconds",
            "How long executions took.",
            ("rule_id",),
            buckets=_SECONDS,
            registry=self._registry,
        )
        self._last = self._gauge("runner_rule_last_execution_timestamp_seconds", "Start of the last execution.")
        self._created = self._counter("runner_alerts_created", "Alerts created.", "rule_id")
        self._suppressed = self._counter(
            "runner_alerts_suppressed", "Matches that alerts have absorbed instead of becoming alerts.", "rule_id"
        )
        self._excepted = self._counter(
            "runner_events_excepted", "Events that exceptions took away; again where windows overlap.", "rule_id"
        )
        self._duplicate = self._counter("runner_alerts_duplicate", "Alerts found to exist already.", "rule_id")
        self._rejected = self._counter("runner_alerts_rejected", "Alerts that the cluster did not take.", "rule_id")
        self._skipped = self._counter(
            "runner_rule_starts_skipped", "Starts left out because the rule was still running.", "rule_id"
        )
        self._crashes = self._counter("runner_rule_crashes", "Runs ended by an error of eql-runner itself.", "rule_id")
        self._counted = (
            self._duration,
            self._created,
            self._suppressed,
            self._excepted,
            self._duplicate,
            self._rejected,
            self._skipped,
            self._crashes,
        )
        """What begins at zero for each rule."""
        self._backlog = self._gauge("runner_rule_backlog", "Matches seen beyond the cap that wait for the next runs.")
        self._lag = self._gauge(
            "runner_rule_coverage_lag_seconds", "Time since the end of the newest range proven searched."
        )
        self._gap = self._gauge("runner_rule_gap_seconds", "Length of all ranges given up for being too old.")
        self._sweep = self._gauge(
            "runner_rule_sweep_lag_seconds", "How far sweeps for late events are behind the searches."
        )
        self._info = Gauge(
            "runner_rule_info", "1 for each rule.", ("rule_id", "rule_name", "severity"), registry=self._registry
        )
        self._rules = Gauge("runner_rules_loaded", "Rules that run.", registry=self._registry)
        self._failures = Gauge(
            "runner_rule_load_failures", "Rules left out, at the last load, for their errors.", registry=self._registry
        )
        self._ruleset = Gauge(
            "runner_ruleset_info", "1, with the hash of the rules.", ("hash",), registry=self._registry
        )
        build = Gauge("runner_build_info", "1, with the version.", ("version",), registry=self._registry)
        build.labels(__version__).set(1)

    @property
    def registry(self) -> CollectorRegistry:
        """Where others may add series of their own."""
        return self._registry

    def text(self) -> bytes:
        """Return all series in Prometheus' text format."""
        return generate_latest(self._registry)

    def loaded(self, rules: Iterable[Rule], failures: int, ruleset_hash: str) -> None:
        """The rules that run from now on."""
        coming = {rule.rule_id: rule for rule in rules}
        for rule_id in self._since.keys() - coming.keys():
            self._remove(rule_id)
        for rule_id in coming.keys() - self._since.keys():
            self._add(rule_id)
        for rule in coming.values():
            self._name(rule)
        self._rules.set(len(coming))
        self._failures.set(failures)
        self._ruleset.clear()
        self._ruleset.labels(ruleset_hash).set(1)

    def load_failed(self, failures: int) -> None:
        """The rules were read again, and not taken for so many errors."""
        self._failures.set(failures)

    def executed(self, execution: Execution) -> None:
        """An execution has ended."""
        rule_id = execution.rule_id
        if rule_id not in self._since:
            return  # it was still running when its rule went
        self._executions.labels(rule_id, str(execution.verdict), str(execution.run_type)).inc()
        self._duration.labels(rule_id).observe(execution.duration)
        self._last.labels(rule_id).set(execution.started.timestamp())
        self._created.labels(rule_id).inc(execution.created)
        self._suppressed.labels(rule_id).inc(execution.suppressed)
        self._excepted.labels(rule_id).inc(sum(execution.excepted.values()))
        self._duplicate.labels(rule_id).inc(execution.duplicates)
        self._rejected.labels(rule_id).inc(execution.rejected)

    def skipped(self, rule: Rule) -> None:
        """A rule was due while still running."""
        if rule.rule_id in self._since:
            self._skipped.labels(rule.rule_id).inc()

    def crashed(self, rule: Rule, error: Exception) -> None:  # noqa: ARG002  # the log tells the error
        """A run ended in a bug of ours."""
        if rule.rule_id in self._since:
            self._crashes.labels(rule.rule_id).inc()

    def moved(self, state: State) -> None:
        """The ledger holds this of a rule."""
        self._states[state.rule_id] = state

    def _add(self, rule_id: str) -> None:
        self._since[rule_id] = self._clock()
        for verdict in Verdict:
            self._executions.labels(rule_id, str(verdict), str(RunType.STANDARD))
        for series in self._counted:
            series.labels(rule_id)
        self._last.labels(rule_id)
        self._backlog.labels(rule_id).set_function(lambda: self._pending(rule_id))
        self._lag.labels(rule_id).set_function(lambda: self._lag_of(rule_id).total_seconds())
        self._gap.labels(rule_id).set_function(lambda: self._gaps_of(rule_id).total_seconds())
        self._sweep.labels(rule_id).set_function(lambda: self._sweep_lag_of(rule_id).total_seconds())

    def _name(self, rule: Rule) -> None:
        """Tell the rule's name and severity in place of those that it had."""
        rule_id, named = rule.rule_id, (rule.name, str(rule.severity))
        if self._named.get(rule_id, named) != named:
            self._info.remove_by_labels({"rule_id": rule_id})
        self._named[rule_id] = named
        self._info.labels(rule_id, *named).set(1)

    def _remove(self, rule_id: str) -> None:
        gauges = (self._last, self._backlog, self._lag, self._gap, self._sweep, self._info)
        for series in (self._executions, *self._counted, *gauges):
            _ = series.remove_by_labels({"rule_id": rule_id})
        self._since.pop(rule_id)
        self._named.pop(rule_id)
        self._states.pop(rule_id, None)

    def _pending(self, rule_id: str) -> int:
        known = self._states.get(rule_id)
        return sum(cut.pending for cut in known.backlog) if known else 0

    def _lag_of(self, rule_id: str) -> timedelta:
        """The time since the newest covered instant; of a rule never covered, since it was first loaded."""
        known = self._states.get(rule_id)
        until = known.coverage.until or known.coverage.since if known else None
        now = self._clock()
        return now - (until or self._since.get(rule_id, now))

    def _gaps_of(self, rule_id: str) -> timedelta:
        known = self._states.get(rule_id)
        return sum((gap.length for gap in known.coverage.gaps), timedelta(0)) if known else timedelta(0)

    def _sweep_lag_of(self, rule_id: str) -> timedelta:
        known = self._states.get(rule_id)
        return known.sweep_lag if known and self._sweeping else timedelta(0)

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, labels, registry=self._registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, ("rule_id",), registry=self._registry)
