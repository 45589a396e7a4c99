"""The implementations of each seam, behind one way to make them."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

import pytest
from elasticsearch import Elasticsearch

from runner.elastic.alert_index import AlertIndex
from runner.elastic.capabilities import Capabilities
from runner.elastic.client import Client, Patience
from runner.elastic.dsl_search import DslSearch
from runner.elastic.eql_search import EqlSearch
from runner.elastic.presence import StatePresence
from runner.elastic.setup import Names, install
from runner.elastic.state_index import StateIndex
from runner.elastic.suppressed_index import SuppressingSink
from runner.execution.replicas import Presence
from runner.execution.seams import AlertSink, EventSource, Ledger
from runner.offline.memory import MemoryLedger, MemoryPresence, MemorySink, MemorySource, StoredEvent
from tests.conftest import own_names
from tests.elastic.eql_api import EqlApi

LIVE = pytest.mark.live
STRINGS_ARE_KEYWORDS = [{"strings": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}}]


@dataclass(frozen=True)
class Made:
    """A source over some events; `patterns` turns index patterns of a test into those where the events are."""

    source: EventSource
    patterns: Callable[..., tuple[str, ...]]


Make = Callable[..., Made]


def index_events(node: Elasticsearch, prefix: str, events: Sequence[StoredEvent], **mappings: object) -> None:
    """Index the events, each in its index behind the prefix."""
    properties = {"@timestamp": {"type": "date"}, **mappings}
    for name in {event.index for event in events}:
        node.indices.create(
            index=f"{prefix}-{name}",
            mappings={"dynamic_templates": STRINGS_ARE_KEYWORDS, "properties": properties},
            settings={"number_of_replicas": 0, "number_of_shards": 2},
        )
    operations: list[object] = []
    for event in events:
        operations += [{"create": {"_index": f"{prefix}-{event.index}", "_id": event.id}}, event.source]
    if operations:
        assert not node.bulk(operations=operations, refresh=True)["errors"]


def live_client(url: str) -> Client:
    return Client(Elasticsearch(url, max_retries=0, request_timeout=30), url, patience=Patience(timedelta(seconds=10)))


SOURCES = ["memory", pytest.param("dsl", marks=LIVE), pytest.param("eql", marks=LIVE)]


@contextmanager
def making(kind: str, request: pytest.FixtureRequest) -> Iterator[Make]:
    """Give what makes sources of a kind: in memory, or over indices of the real node by Query DSL or the EQL API."""
    if kind == "memory":
        yield lambda events, page_size=1000, **_: Made(MemorySource(events, page_size=page_size), lambda *p: p)
        return
    url, node = request.getfixturevalue("elasticsearch_url"), request.getfixturevalue("node")
    with own_names(node) as prefix, EqlApi(url) as api:
        client = live_client(api.url)

        def make(events: Sequence[StoredEvent], page_size: int = 1000, **mappings: object) -> Made:
            index_events(node, prefix, events, **mappings)
            search = {"dsl": DslSearch, "eql": EqlSearch}[kind]
            source = search(client, Capabilities(client, kept=timedelta(0)), page_size=page_size)
            return Made(source, lambda *patterns: tuple(_prefixed(prefix, pattern) for pattern in patterns))

        yield make
        client.close()


@pytest.fixture(params=SOURCES)
def make_source(request: pytest.FixtureRequest) -> Iterator[Make]:
    """Make a source over the events."""
    with making(request.param, request) as make:
        yield make


@pytest.fixture(params=["memory", pytest.param("live", marks=LIVE)])
def sink(request: pytest.FixtureRequest) -> Iterator[AlertSink]:
    """An empty sink."""
    if request.param == "memory":
        yield MemorySink()
        return
    prefix = request.getfixturevalue("index_prefix")
    client = live_client(request.getfixturevalue("elasticsearch_url"))
    names = Names(f"{prefix}-alerts", f"{prefix}-executions", f"{prefix}-state", suppressed=f"{prefix}-suppressed")
    install(client, names)
    alerts = AlertIndex(client, names.alerts)
    yield SuppressingSink(client, alerts, alias=names.alerts, suppressed=names.suppressed)
    client.close()


@pytest.fixture(params=["memory", pytest.param("live", marks=LIVE)])
def ledger(request: pytest.FixtureRequest) -> Iterator[Ledger]:
    """An empty ledger."""
    if request.param == "memory":
        yield MemoryLedger()
        return
    prefix = request.getfixturevalue("index_prefix")
    client = live_client(request.getfixturevalue("elasticsearch_url"))
    install(client, Names(f"{prefix}-alerts", f"{prefix}-executions", f"{prefix}-state"))
    yield StateIndex(client, f"{prefix}-state", f"{prefix}-executions")
    client.close()


@pytest.fixture(params=["memory", pytest.param("live", marks=LIVE)])
def presence(request: pytest.FixtureRequest) -> Iterator[Presence]:
    """A presence in which nobody is alive."""
    if request.param == "memory":
        yield MemoryPresence()
        return
    prefix = request.getfixturevalue("index_prefix")
    client = live_client(request.getfixturevalue("elasticsearch_url"))
    install(client, Names(f"{prefix}-alerts", f"{prefix}-executions", f"{prefix}-state"))
    yield StatePresence(client, f"{prefix}-state")
    client.close()


def _prefixed(prefix: str, pattern: str) -> str:
    minus = "-" if pattern.startswith("-") else ""
    return f"{minus}{prefix}-{pattern.removeprefix('-')}"
