"""The client over the real node, straight and through a proxy in which things go wrong."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from elasticsearch import Elasticsearch

from runner.elastic.alert_filter import Filter
from runner.elastic.alert_index import AlertIndex
from runner.elastic.alert_search import AlertSearch, Found
from runner.elastic.client import Client, Patience
from runner.elastic.setup import Names, install
from runner.execution.alerts import Occasion, build
from runner.execution.model import Alert, Hit, Match, RunType
from runner.rules.model import Rule, Severity
from tests.elastic.forwarding import Forwarding
from tests.made import event, minute, rule

SEQUENCE = 'sequence by host.name [process where process.name == "a"] [process where process.name == "b"]'


def client_of(url: str, deadline: timedelta = timedelta(seconds=10), request_timeout: float = 30) -> Client:
    """A client that waits little between attempts."""
    elasticsearch = Elasticsearch(url, max_retries=0, request_timeout=request_timeout)
    return Client(elasticsearch, url, patience=Patience(deadline, first=0.01, longest=0.05))


@pytest.fixture
def client(elasticsearch_url: str) -> Iterator[Client]:
    made = client_of(elasticsearch_url)
    yield made
    made.close()


@pytest.fixture
def proxy(elasticsearch_url: str) -> Iterator[Forwarding]:
    with Forwarding(elasticsearch_url) as running:
        yield running


@pytest.fixture
def proxied(proxy: Forwarding) -> Iterator[Client]:
    """A client whose requests go through the proxy."""
    made = client_of(proxy.url)
    yield made
    made.close()


@pytest.fixture
def names(client: Client, index_prefix: str) -> Names:
    """Indices of our own, made."""
    made = Names(f"{index_prefix}-alerts", f"{index_prefix}-executions", f"{index_prefix}-state")
    install(client, made)
    return made


def alerts_of(one: Rule, at: float, *names: str, **source: object) -> tuple[Alert, ...]:
    stored = [event(at + number, name, **source) for number, name in enumerate(names)]
    hits = tuple(Hit(item.index, item.id, minute(at), item.source) for item in stored)
    return build(one, Match(hits), Occasion("execution-1", RunType.STANDARD, minute(at)))


@pytest.fixture
def search(client: Client, names: Names) -> AlertSearch:
    """A search of five alerts of four rules, one of them a sequence of two events, the oldest first."""
    medium, high = rule(), rule(rule_id="rule-2", name="Worse *Process*", severity=Severity.HIGH)
    block = rule(rule_id="rule-3", name="Quiet", building_block_type="default")
    written = [
        *alerts_of(medium, 1, "evil", host={"name": "web-1"}),
        *alerts_of(high, 2, "evil", host={"name": "db-1"}, user={"name": "root"}),
        *alerts_of(rule(SEQUENCE, rule_id="rule-4", name="Two Steps"), 3, "a", "b", host={"name": "web-2"}),
        *alerts_of(block, 5, "evil"),
    ]
    AlertIndex(client, names.alerts).write(written)
    return AlertSearch(client, names.alerts)


def only(search: AlertSearch, rule_id: str) -> Found:
    """The one alert of a rule."""
    (found,) = search.newest(Filter(rule=rule_id), 5)[0]
    return found


def twins(alert: Found, number: int, **changed: object) -> list[Alert]:
    """So many alerts like this one, by the ids `twin-0`, `twin-1` …"""
    ids = [f"twin-{each}" for each in range(number)]
    return [Alert(each, {**alert.document, "kibana.alert.uuid": each, **changed}) for each in ids]
