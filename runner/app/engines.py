"""Put together what executes rules: the only place where sources, sinks and ledgers become one."""

import gc
import socket
import uuid
from collections.abc import Callable
from datetime import timedelta
from functools import partial
from threading import Event

from runner.app import housekeeping, notifying
from runner.app.process import now
from runner.elastic.alert_index import AlertIndex
from runner.elastic.auto_search import AutoSearch
from runner.elastic.capabilities import Capabilities, EqlApi, version_of
from runner.elastic.client import Client
from runner.elastic.dsl_search import DslSearch
from runner.elastic.eql_search import EqlSearch
from runner.elastic.failures import Action
from runner.elastic.ingest_lag import IngestLag, LagNoted
from runner.elastic.presence import StatePresence
from runner.elastic.privileges import must_suffice
from runner.elastic.setup import Names, install
from runner.elastic.state_index import StateIndex
from runner.elastic.suppressed_index import SuppressingSink
from runner.engine import Engine
from runner.errors import SettingsError
from runner.execution.executor import Executor
from runner.execution.model import State
from runner.execution.replicas import Replicas
from runner.execution.seams import AlertSink, EventSource, Ledger
from runner.notify.config import Notifications
from runner.notify.marks import MarkingSink
from runner.schedule.plan import Limits
from runner.settings import Settings
from runner.telemetry import logs
from runner.telemetry.watched_ledger import WatchedLedger


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

    `moved` is told of every state of the ledger. With `setup`, what writing takes is seen to first: the privileges of the
    account, and the indices, unless the settings say not to. A `shared` engine is one of several that run the same rules,
    and leaves to each of them its own. `told` says who is told of its alerts.
    """
    gc.freeze()  # modules and rules stay as long as the process does: no collection need look through them again
    client = Client.connect(found, stop)
    try:
        return _engine(client, found, moved, told, setup=setup, shared=shared)
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
        must_suffice(client, names.all, making=found.setup)
        for line in install(client, names) if found.setup else ():
            logs.logger().info(f"setup: {line}")
    backend, source = _source(found, client)
    lag = IngestLag(client)
    source = LagNoted(source, lag)
    name = _name_of_this_runner()
    alerts = AlertIndex(client, names.alerts)
    sink: AlertSink = SuppressingSink(client, alerts, alias=names.alerts, suppressed=names.suppressed)
    dispatch = reroute = None
    if told is not None:
        dispatch = notifying.dispatch(found, told, name, now)
        sink = marking = MarkingSink(sink, told.routes, dispatch.accept)
        reroute = partial(notifying.read_again, found, dispatch, marking)
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
        instruments=housekeeping.instruments(found, client, lag, now),
        probe=lambda: _probe(client),
        close=client.close,
        dispatch=dispatch,
        reroute=reroute,
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
