"""Suppression on a real node: counts that hold under concurrency, and the walk over Query DSL and the EQL API."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta

import pytest
from elasticsearch import Elasticsearch

from runner.elastic.alert_index import AlertIndex
from runner.elastic.capabilities import Capabilities
from runner.elastic.client import Client
from runner.elastic.dsl_search import DslSearch
from runner.elastic.eql_search import EqlSearch
from runner.elastic.setup import Names, install
from runner.elastic.suppressed_index import SuppressingSink
from runner.errors import SetupError
from runner.execution.absorbing import Group, Suppressed
from runner.execution.executor import Executor
from runner.execution.model import Alert, Verdict
from runner.offline.memory import MemoryLedger
from runner.query.entries import Entry, EntryType, Exclusion
from runner.rules.exceptions import ExceptionItem
from runner.rules.model import Suppression
from tests.contracts.conftest import index_events
from tests.elastic.conftest import client_of
from tests.elastic.eql_api import EqlApi
from tests.made import event, iso, minute, rule

pytestmark = pytest.mark.live

SEQUENCE = (
    'sequence by host.name with maxspan=3m [process where process.name == "a"] [process where process.name == "b"]'
)


@pytest.fixture
def ours(client: Client, index_prefix: str) -> Names:
    made = Names(
        f"{index_prefix}-alerts",
        f"{index_prefix}-executions",
        f"{index_prefix}-state",
        suppressed=f"{index_prefix}-suppressed",
    )
    install(client, made)
    return made


@pytest.fixture
def sink(client: Client, ours: Names) -> SuppressingSink:
    return sink_of(client, ours)


def sink_of(client: Client, names: Names) -> SuppressingSink:
    return SuppressingSink(client, AlertIndex(client, names.alerts), alias=names.alerts, suppressed=names.suppressed)


@pytest.fixture(params=["dsl", "eql"])
def search(request: pytest.FixtureRequest, elasticsearch_url: str) -> Iterator[DslSearch | EqlSearch]:
    with EqlApi(elasticsearch_url) as api:
        client = client_of(api.url)
        made = {"dsl": DslSearch, "eql": EqlSearch}[request.param]
        yield made(client, Capabilities(client, kept=timedelta(0)), page_size=3)
        client.close()


def alert(id: str, **fields: object) -> Alert:
    group = Group("g", (("host.name", ("h",)),)).fields(minute(0))
    times = {"kibana.alert.start": iso(minute(1)), "kibana.alert.last_detected": iso(minute(1))}
    status = {"kibana.alert.workflow_status": "open"}
    return Alert(id, {"@timestamp": iso(minute(1)), "kibana.alert.uuid": id, **group, **times, **status, **fields})


def match(id: str, into: str = "a") -> Suppressed:
    return Suppressed(id, into, "rule-1", "g", minute(2), (("logs", id),), "execution-1", minute(3))


def alerts(node: Elasticsearch, names: Names) -> list[dict[str, object]]:
    hits = node.search(index=names.alerts, size=1000, sort="eql_runner.suppression.anchor")["hits"]["hits"]
    return [hit["_source"] for hit in hits if "eql_runner.suppression.anchor" in hit["_source"]]


def counts(node: Elasticsearch, names: Names) -> list[object]:
    return [document["kibana.alert.suppression.docs_count"] for document in alerts(node, names)]


def test_many_runners_at_once_count_each_match_once(elasticsearch_url: str, node: Elasticsearch, ours: Names) -> None:
    clients = [client_of(elasticsearch_url) for _ in range(4)]
    sinks = [sink_of(client, ours) for client in clients]
    sinks[0].write([alert("a")])

    def absorb(number: int) -> int:
        done = 0
        for start in range(0, 40, 10):
            written = sinks[number].absorb([match(str(start + number * 5 + n)) for n in range(10)])
            done += len(written.created)
        return done

    with ThreadPoolExecutor(4) as pool:
        created = sum(pool.map(absorb, range(4)))
    for client in clients:
        client.close()

    distinct = {start + number * 5 + n for number in range(4) for start in range(0, 40, 10) for n in range(10)}
    assert created == len(distinct)
    assert counts(node, ours) == [len(distinct)]


def test_what_an_analyst_does_to_an_alert_meanwhile_stays(
    node: Elasticsearch, ours: Names, sink: SuppressingSink
) -> None:
    sink.write([alert("a")])
    node.update(index=f"{ours.alerts}-000001", id="a", doc={"kibana.alert.workflow_status": "acknowledged"})
    sink.absorb([match("m")])
    (document,) = alerts(node, ours)
    assert document["kibana.alert.workflow_status"] == "acknowledged"
    assert document["kibana.alert.suppression.docs_count"] == 1


def test_alerts_in_an_index_that_was_rolled_over_go_on_absorbing(
    node: Elasticsearch, ours: Names, sink: SuppressingSink
) -> None:
    sink.write([alert("a")])
    node.indices.rollover(alias=ours.alerts)
    sink.write([alert("b")])
    sink.absorb([match("m"), match("n", "b"), match("o", "b")])
    assert sorted(counts(node, ours)) == [1, 2]


def test_without_its_index_nothing_is_claimed(node: Elasticsearch, ours: Names, sink: SuppressingSink) -> None:
    node.indices.delete(index=ours.suppressed)
    with pytest.raises(SetupError, match="no such index"):
        sink.known(["a"])


def test_the_walk_groups_and_counts(
    node: Elasticsearch, index_prefix: str, ours: Names, sink: SuppressingSink, search: DslSearch | EqlSearch
) -> None:
    events = [event(-8 + n / 10, id=f"{n:02}", host={"name": "ab"[n % 2]}, tags=["y", "x"]) for n in range(20)]
    index_events(node, index_prefix, events)
    of = rule(index=(f"{index_prefix}-logs-*",), suppression=Suppression(("host.name", "tags"), timedelta(hours=1)))
    executor = Executor(search, sink, MemoryLedger())

    (first,) = executor.run(of, minute(0))
    (second,) = executor.run(of, minute(1))

    assert (first.verdict, first.created, first.suppressed) == (Verdict.COMPLETE, 2, 18)
    assert (second.created, second.suppressed, second.duplicates) == (0, 0, 20)
    assert counts(node, ours) == [9, 9]
    assert alerts(node, ours)[0]["kibana.alert.suppression.terms"] == [
        {"field": "host.name", "value": ["a"]},
        {"field": "tags", "value": ["x", "y"]},
    ]


def test_a_query_that_the_search_decides_by_itself_groups_too(
    node: Elasticsearch, index_prefix: str, ours: Names, sink: SuppressingSink, search: DslSearch | EqlSearch
) -> None:
    index_events(node, index_prefix, [event(-8 + n, id=str(n), host={"name": "h"}) for n in range(5)])
    item = ExceptionItem(Exclusion("x", (Entry("_none", EntryType.MATCH, ("x",)),)), "x", "x")
    of = rule(
        'process where process.name == "evil"',
        index=(f"{index_prefix}-logs-*",),
        suppression=Suppression(("host.name",)),
        exceptions=(item,),
    )

    (execution,) = Executor(search, sink, MemoryLedger()).run(of, minute(0))

    assert (execution.created, execution.suppressed) == (1, 4)
    assert alerts(node, ours)[0]["kibana.alert.suppression.terms"] == [{"field": "host.name", "value": ["h"]}]
    assert alerts(node, ours)[0]["kibana.alert.suppression.end"] == iso(minute(-4))


def test_sequences_group_by_what_their_events_share(
    node: Elasticsearch, index_prefix: str, ours: Names, sink: SuppressingSink, search: DslSearch | EqlSearch
) -> None:
    steps = [("a", -8), ("b", -7), ("a", -6), ("b", -5)]
    index_events(node, index_prefix, [event(at, name, host={"name": "h"}) for name, at in steps])
    of = replace(
        rule(SEQUENCE, index=(f"{index_prefix}-logs-*",)), suppression=Suppression(("host.name",), timedelta(hours=1))
    )

    (execution,) = Executor(search, sink, MemoryLedger()).run(of, minute(0))

    assert (execution.created, execution.suppressed) == (1, 1)
    assert node.count(index=ours.alerts)["count"] == 3
    assert counts(node, ours) == [1]
