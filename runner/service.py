"""The life of `eql-runner run`: serve health, wait for the cluster, schedule, reload on request, stop in bounded time."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timedelta
from itertools import chain, repeat
from threading import Event

from runner.engine import Engine
from runner.errors import AccessDenied, ClusterError, RunnerError
from runner.execution.model import Execution, State
from runner.housekeeping import Housekeeping, is_due
from runner.loaded_rules import LoadedRules
from runner.notify.dispatch import Dispatch
from runner.rules.loader import RuleSet
from runner.rules.model import Rule
from runner.schedule.scheduler import Observer, Scheduler
from runner.schedule.windows import Window, without
from runner.settings import Settings
from runner.telemetry.execution_log import ExecutionLog
from runner.telemetry.health import Contact, Health
from runner.telemetry.housekeeping_metrics import HousekeepingMetrics
from runner.telemetry.logs import Logger
from runner.telemetry.metrics import Metrics
from runner.telemetry.notification_metrics import NotificationMetrics
from runner.telemetry.server import Server, authority

TELLING_ENDS_IN = timedelta(seconds=5)
PROBE_EVERY = timedelta(seconds=15)
BACKOFF = (1.0, 2.0, 5.0, 10.0, 30.0)
"""Seconds between attempts to reach the cluster at the start; the last one repeats."""


class Service:
    """One process of `eql-runner run`.

    `connect` makes the engine, and raises RunnerError; `moved` is to be told of every state that its ledger holds.
    `load` reads the rules anew. `stop` ends the service, `hangup` asks for rules and notifications to be read again.
    """

    def __init__(
        self,
        settings: Settings,
        log: Logger,
        clock: Callable[[], datetime],
        *,
        load: Callable[[], RuleSet],
        connect: Callable[[Callable[[State], None]], Engine],
        stop: Event,
        hangup: Event,
        backoff: Sequence[float] = BACKOFF,
        probe_every: timedelta = PROBE_EVERY,
    ) -> None:
        self._settings = settings
        self._log = log
        self._clock = clock
        self._load = load
        self._connect = connect
        self._stop = stop
        self._hangup = hangup
        self._backoff = backoff
        self._probe_every = probe_every
        self._metrics = Metrics(clock, sweeping=settings.late_sweep is not None)
        self._health = Health(clock)
        self._live: frozenset[str] = frozenset()
        self._dispatch: Dispatch | None = None
        self._rules = LoadedRules(log, self._metrics, self._health)
        self._gaps: dict[str, tuple[Window, ...]] = {}

    def run(self, ruleset: RuleSet) -> None:
        """Run until `stop` is set. Raises RunnerError for what no waiting can mend, such as a wrong key."""
        self._rules.take(ruleset)
        with self._served():
            engine = self._reached()
            if engine is not None:
                with engine:
                    self._scheduled(engine, ruleset)

    def _moved(self, state: State) -> None:
        """The ledger holds this of a rule: count it, and log each range that has just been given up."""
        self._metrics.moved(state)
        before = self._gaps.get(state.rule_id)
        self._gaps[state.rule_id] = state.coverage.gaps
        if before is None:
            return
        for gap in without(state.coverage.gaps, before):
            start, end = (f"{instant:%Y-%m-%dT%H:%M:%S.%fZ}" for instant in (gap.start, gap.end))
            self._log.warning(
                f"gave up {gap.length} of {state.rule_id}, which is older than RUNNER_MAX_CATCHUP; "
                f"`eql-runner backfill {state.rule_id} --from {start} --to {end}` searches it",
                **{"rule.id": state.rule_id, "event.action": "rule-gap", "event.start": start, "event.end": end},
            )

    def _served(self) -> AbstractContextManager[object]:
        host, port = self._settings.http_host, self._settings.http_port
        if port == 0:
            return nullcontext()
        health = self._health
        server = Server(host, port, health=health.alive, ready=health.ready, metrics=self._metrics.text)
        self._log.info(f"health and metrics on http://{authority(host, port)}: /healthz /readyz /metrics")
        return server

    def _reached(self) -> Engine | None:
        """Wait for the cluster as long as it takes; None when told to stop meanwhile."""
        self._health.waiting_for = "waiting for Elasticsearch"
        for pause in chain(self._backoff, repeat(self._backoff[-1])):
            try:
                engine = self._connect(self._moved)
            except ClusterError as error:
                if self._stop.is_set():
                    return None
                self._health.waiting_for = f"waiting for Elasticsearch: {error}"
                self._health.contact = Contact(self._clock(), str(error))
                self._log.warning(f"waiting for Elasticsearch, next attempt in {pause:.0f} s: {_advice(error)}")
            else:
                self._health.contact = Contact(self._clock())
                self._health.waiting_for = ""
                self._health.backend = engine.backend
                self._log.info(f"connected to {engine.cluster}, searching by {engine.backend}")
                return engine
            if self._stop.wait(pause):
                return None
        raise AssertionError("the pauses never end")

    def _scheduled(self, engine: Engine, ruleset: RuleSet) -> None:
        observer = Observers(ExecutionLog(self._log), self._metrics)
        self._start_telling(engine.dispatch, observer, ruleset)
        scheduler = Scheduler(engine.executor.run, observer, self._clock, self._settings.workers)
        self._health.beat = lambda: scheduler.beat
        self._health.running = lambda: scheduler.running
        engine.executor.loaded(ruleset.hash)
        with self._housekeeping(engine):
            scheduler.start(ruleset.rules)
            self._log.info(f"started: each rule runs within a minute, {self._settings.workers} at a time")
            self._watch(engine, scheduler)
        self._log.info(
            f"stopping: running executions have {self._settings.shutdown_timeout.total_seconds():.0f} s to end"
        )
        abandoned = scheduler.stop(self._settings.shutdown_timeout)
        self._stop_telling()
        self._leave(engine)
        if abandoned:
            self._log.warning(
                f"stopped, abandoning {', '.join(abandoned)}; their windows are searched again at the next start"
            )
        else:
            self._log.info("stopped")

    @contextmanager
    def _housekeeping(self, engine: Engine) -> Iterator[None]:
        """Look after what is beside the rules."""
        keeping = Housekeeping(
            engine.instruments,
            self._log,
            HousekeepingMetrics(self._metrics.registry),
            self._clock,
            rules=lambda: self._rules.ruleset.rules,
            leads=lambda: engine.replicas is None or engine.replicas.leads("housekeeping"),
        )
        keeping.start()
        yield
        keeping.stop()

    def _start_telling(self, dispatch: Dispatch | None, observers: "Observers", ruleset: RuleSet) -> None:
        """Begin to deliver notifications, where anyone is to be told."""
        if dispatch is None:
            return
        self._dispatch = dispatch
        observers.add(dispatch.failing)
        channels, registry = dispatch.channels, self._metrics.registry
        dispatch.observers.add(NotificationMetrics(registry, channels, lambda: dispatch.standing, self._clock))
        dispatch.loaded(ruleset.rules)
        dispatch.start()
        self._log.info(f"notifications go to {', '.join(channels)}")

    def _stop_telling(self) -> None:
        if self._dispatch is None:
            return
        left = self._dispatch.stop(min(TELLING_ENDS_IN, self._settings.shutdown_timeout))
        if left:
            self._log.warning(
                f"stopped in the middle of sending ({', '.join(left)}): it is sent again by the next start"
            )

    def _watch(self, engine: Engine, scheduler: Scheduler) -> None:
        """Until told to stop, ask now and then whether the cluster is there; read rules and notifications again on request.

        It waits for no instant of the clock, and so sees when that is set back.
        """
        probed = self._clock()
        while not self._stop.wait(0.5):
            if self._hangup.is_set():
                self._hangup.clear()
                self._reload(engine, scheduler)
                if engine.reroute is not None:
                    engine.reroute(self._rules.ruleset.rules)
            back = scheduler.keep_time()
            if back is not None:
                self._log.warning(
                    f"the system's clock was set back by {back.total_seconds():.0f} s: each rule starts within a minute",
                    **{"event.action": "clock"},
                )
            if is_due(probed, self._probe_every, self._clock()):
                self._probe(engine)
                probed = self._clock()

    def _probe(self, engine: Engine) -> None:
        before = self._health.contact
        try:
            engine.probe()
            self._announce(engine)
        except RunnerError as error:
            self._health.contact = Contact(self._clock(), str(error))
            if before and not before.problem:
                what = "refuses" if isinstance(error, AccessDenied) else "does not answer"
                self._log.warning(f"Elasticsearch {what}: {_advice(error)}")
        else:
            self._health.contact = Contact(self._clock())
            if before and before.problem:
                self._log.info("Elasticsearch answers again; what was missed is searched by the next executions")

    def _announce(self, engine: Engine) -> None:
        """Tell the other runners that this one is alive, and log when their number changes."""
        if engine.replicas is None:
            return
        live = engine.replicas.announce(self._clock())
        if live != self._live and max(len(live), len(self._live)) > 1:
            self._log.info(f"runners that share the rules: {', '.join(sorted(live))}")
        self._live = live

    def _leave(self, engine: Engine) -> None:
        """Let the other runners take over at once."""
        if engine.replicas is None:
            return
        try:
            engine.replicas.leave()
        except RunnerError as error:
            self._log.warning(f"the other runners will miss this one only after a minute: {error}")

    def _reload(self, engine: Engine, scheduler: Scheduler) -> None:
        """Take the rules as they are now, all of them; none where there is an error that was not there before."""
        try:
            ruleset = self._load()
            digest = ruleset.hash
        except Exception as error:  # noqa: BLE001  # no surprise in a file ends the rules that run
            self._rules.failed(error)
            return
        if self._rules.refuses(ruleset):
            return
        engine.executor.loaded(digest)
        scheduler.replace(ruleset.rules)
        if self._dispatch is not None:
            self._dispatch.loaded(ruleset.rules)
        self._rules.take(ruleset)


class Observers:
    """Several observers as one."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def add(self, observer: Observer) -> None:
        """Tell this one too, from now on."""
        self._observers = (*self._observers, observer)

    def executed(self, execution: Execution) -> None:
        """An execution has ended."""
        for observer in self._observers:
            observer.executed(execution)

    def skipped(self, rule: Rule) -> None:
        """A rule was due while still running."""
        for observer in self._observers:
            observer.skipped(rule)

    def crashed(self, rule: Rule, error: Exception) -> None:
        """A run ended in a bug of ours."""
        for observer in self._observers:
            observer.crashed(rule, error)


def _advice(error: RunnerError) -> str:
    return f"{error}. {error.hint}" if error.hint else str(error)
