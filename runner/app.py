"""The composition root: the only place where settings become objects and concrete classes meet.

Each function is what a command does, apart from parsing and printing. All of them raise RunnerError.
"""

import gc
import getpass
import os
import signal
import socket
import uuid
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from threading import Event, Thread
from types import FrameType

from pydantic import SecretStr

from runner import app_housekeeping, app_notifications, service
from runner.elastic.alert_index import AlertIndex
from runner.elastic.alert_reader import read_alerts
from runner.elastic.auto_search import AutoSearch
from runner.elastic.capabilities import Capabilities, EqlApi, version_of
from runner.elastic.client import Client
from runner.elastic.dsl_search import DslSearch
from runner.elastic.eql_search import EqlSearch
from runner.elastic.failures import Action
from runner.elastic.ingest_lag import IngestLag, LagNoted
from runner.elastic.mapped import MappedFields
from runner.elastic.presence import StatePresence
from runner.elastic.privileges import unreadable
from runner.elastic.setup import Names, install
from runner.elastic.state_index import StateIndex
from runner.elastic.suppressed_index import SuppressingSink
from runner.elastic.workflow import Workflow
from runner.engine import Engine
from runner.errors import OperatorError, SettingsError
from runner.execution.executor import Executor
from runner.execution.model import AlertSink, Document, EventSource, Execution, Ledger, State
from runner.execution.rehearsal import Rehearsal
from runner.execution.replicas import Replicas
from runner.kibana.importer import Kibana
from runner.kibana.objects import dashboard_id, prepared
from runner.notify.config import Notifications
from runner.notify.marks import MarkingSink
from runner.offline import demo, rule_tests
from runner.offline.files import write_ndjson
from runner.offline.junit import junit
from runner.offline.memory import MemoryLedger
from runner.report.page import page as html_page
from runner.report.source import read_ndjson, since
from runner.rules import watch
from runner.rules.draft import Draft
from runner.rules.issues import Issue
from runner.rules.loader import RuleSet, load, shipped_rules, with_index, with_indices
from runner.rules.mapping_lint import Mapped, mapping_lint
from runner.rules.model import Rule
from runner.schedule.plan import Limits
from runner.schedule.windows import Window, without
from runner.service import Service
from runner.settings import Settings, load_settings
from runner.telemetry import logs
from runner.telemetry.execution_log import ExecutionLog
from runner.telemetry.watched_ledger import WatchedLedger

LONGEST_FLUSH = timedelta(seconds=30)
"""How long a command that ends waits for notifications to be sent."""


def debugging() -> bool:
    """Tell whether stack traces are wanted, even where the settings cannot be read."""
    return os.environ.get("RUNNER_LOG_LEVEL", "").lower() == "debug"


def now() -> datetime:
    """Return the time. Below this module and `cli`, time is an argument."""
    return datetime.now(UTC)


def settings(*, quiet: bool = True) -> Settings:
    """Read the settings and set up logging after them; `quiet` commands log only what is wrong."""
    found = load_settings()
    level = found.log_level
    if quiet and level == "info":
        level = "warning"
    logs.configure(found.log_format, level, _secrets(found))
    return found


def rules(found: Settings, paths: Sequence[Path] = ()) -> RuleSet:
    """Load the rules of the paths, else of the settings, with the settings' index patterns."""
    loaded = load(paths or rule_paths(found), found.exceptions_path)
    return with_indices(loaded, found.index_override, found.index_overrides)


def rule_paths(found: Settings) -> list[Path]:
    """Return where rules are read from."""
    return [found.rules_path or shipped_rules()]


def runnable(found: Settings) -> RuleSet:
    """Load the rules to run. Raises OperatorError where there is none, or one is bad and the settings are strict."""
    ruleset = rules(found)
    where = ", ".join(map(str, rule_paths(found)))
    hint = "`eql-runner validate` shows every problem with its place."
    if found.strict and not ruleset.sound:
        raise OperatorError(f"there are errors in the rules of {where}, and RUNNER_STRICT is on", hint)
    if not ruleset.rules:
        raise OperatorError(f"no rule of {where} can run", hint)
    return ruleset


def connect(
    found: Settings,
    stop: Event | None = None,
    moved: Callable[[State], None] | None = None,
    *,
    setup: bool = True,
    shared: bool = False,
    told: Notifications | None = None,
) -> Engine:
    """Reach the cluster and put together what executes rules on it.

    `moved` is told of every state of the ledger. With `setup`, what lacks is made first, unless the settings say not to.
    A `shared` engine is one of several that run the same rules, and leaves to each of them its own. `told` says who is told
    of its alerts.
    """
    gc.freeze()  # modules and rules stay as long as the process does: no collection need look through them again
    client = Client.connect(found, stop)
    try:
        return _engine(client, found, moved, told, setup=setup and found.setup, shared=shared)
    except BaseException:
        client.close()
        raise


def _engine(
    client: Client,
    found: Settings,
    moved: Callable[[State], None] | None,
    told: Notifications | None,
    *,
    setup: bool,
    shared: bool,
) -> Engine:
    version = version_of(client)
    names = Names.of(found)
    if setup:
        for line in install(client, names):
            logs.logger().info(f"setup: {line}")
    backend, source = _source(found, client)
    lag = IngestLag(client)
    source = LagNoted(source, lag)
    name = _name_of_this_runner()
    alerts = AlertIndex(client, names.alerts)
    sink: AlertSink = SuppressingSink(client, alerts, alias=names.alerts, suppressed=names.suppressed)
    dispatch = None
    if told is not None:
        dispatch = app_notifications.dispatch(found, told, name, now)
        sink = MarkingSink(sink, told.routes, dispatch.accept)
    ledger: Ledger = StateIndex(client, names.state, names.executions)
    if moved is not None:
        ledger = WatchedLedger(ledger, moved)
    replicas = Replicas(name, StatePresence(client, names.state)) if shared else None
    limits = Limits(found.max_catchup, late_sweep=found.late_sweep)
    return Engine(
        executor=Executor(source, sink, ledger, limits=limits, replicas=replicas, space=found.space),
        source=source,
        sink=sink,
        ledger=ledger,
        cluster=f"Elasticsearch {'.'.join(map(str, version))} at {client.name}",
        backend=backend,
        replicas=replicas,
        unreadable=partial(unreadable, client),
        probe=lambda: _probe(client),
        close=client.close,
        dispatch=dispatch,
        instruments=app_housekeeping.instruments(found, client, lag, now),
    )


def _source(found: Settings, client: Client) -> tuple[str, EventSource]:
    """Return how events are searched, in words, and by what: as the settings say, else as the cluster can."""
    capabilities = Capabilities(client)
    by_dsl = DslSearch(client, capabilities, page_size=found.page_size, search_timeout=found.search_timeout)
    if found.backend == "dsl":
        return "Query DSL", by_dsl
    if capabilities.eql_api() is not EqlApi.NONE:
        by_api = EqlSearch(client, capabilities, page_size=found.page_size, search_timeout=found.search_timeout)
        return "the EQL search API", by_api if found.backend == "eql" else AutoSearch(by_api, by_dsl)
    if found.backend == "eql":
        hint = "Set RUNNER_BACKEND to auto or dsl: the rules find the same."
        raise SettingsError("RUNNER_BACKEND is eql, and this cluster has no EQL search API", hint)
    return "Query DSL (this cluster has no EQL search API)", by_dsl


def _name_of_this_runner() -> str:
    """Return a name that no other process has, and that a person can place."""
    return f"{socket.gethostname()}-{uuid.uuid4().hex[:8]}"


_PING = Action("reach the cluster", "`monitor` on the cluster")


def _probe(client: Client) -> None:
    client.ask(_PING, "", lambda es: es.info(), timeout=timedelta(seconds=5))


def setup(found: Settings) -> list[str]:
    """Make what lacks in the cluster; return a line for each thing done."""
    client = Client.connect(found)
    try:
        return list(install(client, Names.of(found)))
    finally:
        client.close()


def setup_kibana(found: Settings) -> list[str]:
    """Import data views, searches and the dashboard into Kibana; return a line for each, and where to look."""
    kibana = Kibana.connect(found)
    imported = kibana.load(_objects(found))
    return [*map(str, imported), f"look at {kibana.address(dashboard_id(kibana.space))}"]


def export_kibana(found: Settings, output: Path) -> list[str]:
    """Write what `setup_kibana` would import into a file; return how to import it by hand."""
    with _writing(output):
        output.write_bytes(_objects(found))
    return [f"wrote {output}: import it in Kibana, Stack Management, Saved Objects, Import"]


def _objects(found: Settings) -> bytes:
    """Return Kibana's objects for this installation, with links to the indices that the rules search."""
    patterns = {pattern for rule in rules(found).rules for pattern in rule.index}
    return prepared(found, sorted(patterns))


def warn_of_unreadable(engine: Engine, wanted: Sequence[Rule]) -> None:
    """Log which of the rules' indices the account may not read."""
    if warning := service.unreadable(engine, wanted):
        logs.logger().warning(warning)


@contextmanager
def workflow(found: Settings) -> Iterator[Workflow]:
    """Give access to the alerts and their workflow."""
    client = Client.connect(found)
    try:
        yield Workflow(client, found.alerts_index)
    finally:
        client.close()


def user() -> str:
    """Return the name of who is at the keyboard. Raises OperatorError where the system knows none."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):  # a container's user without an entry in passwd
        raise OperatorError("this system does not say who you are", "Say it by --by.") from None


def once(engine: Engine, wanted: Sequence[Rule], workers: int) -> Iterator[tuple[Execution, ...]]:
    """Execute each rule once, so many at a time; yield what each did, in the order of the rules."""
    with ThreadPoolExecutor(workers, "once") as pool:
        yield from pool.map(lambda rule: engine.executor.run(rule, now()), wanted)


def notifications(found: Settings, wanted: Sequence[Rule]) -> Notifications | None:
    """Return who is to be told of what these rules find, None where nobody is."""
    return app_notifications.notifications(found, wanted)


def tell(engine: Engine, wanted: Sequence[Rule], executions: Iterable[Execution]) -> None:
    """Deliver what is to be told, for commands that end; what cannot be sent in time waits for the next one."""
    if engine.dispatch is None:
        return
    engine.dispatch.loaded(wanted)
    engine.dispatch.count(executions)
    engine.dispatch.flush(now() + LONGEST_FLUSH)


def log_executions(executions: Iterable[Execution]) -> None:
    """Log a line for each execution."""
    log = ExecutionLog(logs.logger())
    for execution in executions:
        log.executed(execution)


def states(engine: Engine, wanted: Iterable[Rule]) -> list[tuple[Rule, State]]:
    """Return what the ledger holds of each rule."""
    return [(rule, engine.ledger.read(rule)) for rule in wanted]


def open_slices(engine: Engine, rule: Rule, window: Window, longest: timedelta, *, again: bool) -> list[Window]:
    """Return what of the window is not proven searched (or all of it, `again`), in slices, oldest first."""
    coverage = engine.ledger.read(rule).coverage
    proven = coverage.covered if coverage.query_hash == rule.query_hash and not again else ()
    slices: list[Window] = []
    for piece in without([window], proven):
        start = piece.start
        while start < piece.end:
            slices.append(Window(start, min(start + longest, piece.end)))
            start = slices[-1].end
    return slices


def backfill(engine: Engine, rule: Rule, slices: Sequence[Window], *, dry_run: bool) -> Iterator[Execution]:
    """Search the slices; a dry run sees the same events, and writes nothing anywhere."""
    executor = engine.executor
    if dry_run:
        executor = Executor(engine.source, Rehearsal(engine.sink), MemoryLedger())
    return executor.backfill(rule, slices, now())


def validate(paths: Sequence[Path], *, cluster: bool = False) -> RuleSet:
    """Read the rules of the paths, which takes no settings; else those of the settings.

    With `cluster` their fields and indices are looked up in it, under the settings' index patterns.
    """
    if cluster:
        return _validated_by_cluster(settings(), paths)
    return load(paths) if paths else rules(settings())


def _validated_by_cluster(found: Settings, paths: Sequence[Path]) -> RuleSet:
    client = Client.connect(found)
    fields = MappedFields(client)

    def asked(draft: Draft, rule: Rule) -> Iterable[Issue]:
        searched = with_index(rule, found.index_override, found.index_overrides)
        mapped = Mapped(fields.types(searched), fields.empty(searched.index), partial(fields.names, searched.index))
        return mapping_lint(draft, searched, mapped)

    try:
        loaded = load(paths or rule_paths(found), found.exceptions_path, asked)
    finally:
        client.close()
    return with_indices(loaded, found.index_override, found.index_overrides)


def test(paths: Sequence[Path]) -> tuple[RuleSet, rule_tests.Report]:
    """Run the tests that lie beside the rules."""
    ruleset = load(paths or rule_paths(settings()))
    return ruleset, rule_tests.run(ruleset.rules)


def write_junit(path: Path, report: rule_tests.Report) -> None:
    """Write the results of tests as JUnit XML. Raises OperatorError when the file cannot be written."""
    with _writing(path):
        path.write_text(junit(report), encoding="utf-8")


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise OperatorError(f"{path} cannot be written: {error.strerror}", "Name another file.") from error


def report(files: Sequence[Path], output: Path, past: timedelta | None) -> int:
    """Write one HTML page of alerts; return how many there are. Raises RunnerError.

    They come from the NDJSON files, else from the alerts index; those made within `past` (None: all of the files', and
    a day of the index's).
    """
    at = now()
    if files:
        documents = [document for file in files for document in read_ndjson(file)]
        documents = documents if past is None else list(since(documents, at - past))
        origin = ", ".join(file.name for file in files)
    else:
        found = settings()
        documents = _alerts(found, at - (past or timedelta(days=1)))
        origin = found.alerts_index
    with _writing(output):
        output.write_text(html_page(documents, at, origin=origin), encoding="utf-8")
    return len(documents)


def _alerts(found: Settings, start: datetime) -> list[Document]:
    client = Client.connect(found)
    try:
        return list(read_alerts(client, found.alerts_index, start))
    finally:
        client.close()


def play(output: Path) -> demo.Demo:
    """Play the demo with the shipped rules, and write its alerts."""
    played = demo.run(load([shipped_rules()]).rules, now())
    write_ndjson(output, played.alerts)
    return played


def run(found: Settings) -> None:
    """Run the scheduler until SIGTERM or SIGINT; SIGHUP, or a changed rule file, reads the rules again."""
    stop, hangup = Event(), Event()
    watched = [*rule_paths(found), *([found.exceptions_path] if found.exceptions_path else [])]
    seen = {path: watch.stamps(path) for path in watched}
    ruleset = runnable(found)
    told = notifications(found, ruleset.rules)
    running = Service(
        found,
        logs.logger(),
        now,
        load=lambda: rules(found),
        connect=lambda moved: _connect_soon(found, stop, moved, told),
        stop=stop,
        hangup=hangup,
    )
    _on_signals(stop, hangup)
    for path in seen if found.watch_rules else ():
        Thread(target=watch.watch, args=(path, seen[path], stop, hangup.set), name="rules-watch", daemon=True).start()
    running.run(ruleset)


def _connect_soon(found: Settings, stop: Event, moved: Callable[[State], None], told: Notifications | None) -> Engine:
    """Connect, or say within seconds why not: the service waits and tries again by itself."""
    hasty = Client.connect(found.model_copy(update={"retry_deadline": timedelta(seconds=1)}), stop)
    try:
        _probe(hasty)
    finally:
        hasty.close()
    return connect(found, stop, moved, shared=True, told=told)


def _on_signals(stop: Event, hangup: Event) -> None:
    """Stop on the first SIGTERM or SIGINT; a second one ends the process at once."""

    def stopping(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    signal.signal(signal.SIGTERM, stopping)
    signal.signal(signal.SIGINT, stopping)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda _number, _frame: hangup.set())


def _secrets(found: Settings) -> list[str]:
    values = (getattr(found, name) for name in type(found).model_fields)
    return [value.get_secret_value() for value in values if isinstance(value, SecretStr)]
