"""A cluster that is away for an hour: waited for without haste, then caught up, with nothing missed and no gap."""

from datetime import timedelta

import pytest
from elasticsearch import Elasticsearch

from runner.elastic.alert_index import AlertIndex
from runner.elastic.capabilities import Capabilities
from runner.elastic.client import Client, Patience
from runner.elastic.dsl_search import DslSearch
from runner.elastic.state_index import StateIndex
from runner.execution.executor import Executor
from runner.execution.model import RunType, Verdict
from tests.contracts.conftest import index_events
from tests.elastic.forwarding import Answered, Cut, always
from tests.made import event, minute, rule

pytestmark = pytest.mark.live

AWAY = {"no connection": Cut(), "no node behind the proxy": Answered(503, "")}


@pytest.mark.parametrize("happening", AWAY.values(), ids=AWAY)
def test_an_hour_without_the_cluster_is_caught_up(node, proxy, names, index_prefix, happening):
    # Waits as long as it does in earnest, of which a twentieth of a second is left; so at most a try or two a request.
    patience = Patience(timedelta(seconds=0.05), first=0.25, longest=10.0)
    client = Client(Elasticsearch(proxy.url, max_retries=0), proxy.url, patience=patience)
    source = DslSearch(client, Capabilities(client))
    ledger = StateIndex(client, names.state, names.executions)
    executor = Executor(source, AlertIndex(client, names.alerts), ledger)
    of = rule(index=(f"{index_prefix}-logs-*",))
    events = [event(at + 0.5) for at in range(0, 70, 2)]
    index_events(node, index_prefix, events)
    executor.run(of, minute(0))

    proxy.faults.append(always("", happening))
    proxy.seen.clear()
    away = [execution for at in range(5, 65, 5) for execution in executor.run(of, minute(at))]
    assert {execution.failure.kind for execution in away} == {"ClusterUnavailable"}
    assert len(away) == 12
    assert len(proxy.seen) <= 12 * 3

    proxy.faults.clear()
    back = executor.run(of, minute(65))

    assert [execution.run_type for execution in back] == [RunType.STANDARD, RunType.CATCH_UP]
    assert {execution.verdict for execution in back} == {Verdict.COMPLETE}
    assert sum(execution.created for execution in back) == sum(
        one.source["@timestamp"] < "2026-01-01T13:05" for one in events
    )
    coverage = ledger.read(of).coverage
    client.close()
    assert (len(coverage.covered), coverage.gaps, coverage.until) == (1, (), minute(65))
