"""Roll-over and retention on a real node: the alias goes on, duplicates are found behind it, nothing foreign is touched."""

from datetime import UTC, datetime, timedelta

import pytest

from runner.elastic.alert_index import AlertIndex
from runner.elastic.capabilities import Capabilities
from runner.elastic.dsl_search import DslSearch
from runner.elastic.rollover import Conditions, Rollover
from runner.elastic.state_index import StateIndex
from runner.errors import ClusterUnavailable, SetupError
from runner.execution.executor import Executor
from runner.execution.model import Alert, Verdict
from runner.schedule.windows import Window
from tests.contracts.conftest import index_events
from tests.made import event, minute, rule

pytestmark = pytest.mark.live

AT_ONE = Conditions(docs=1)
NOW = datetime(2030, 1, 1, tzinfo=UTC)  # so that all that is old enough is past its time


def alert(id):
    return Alert(id, {"@timestamp": "2026-01-01T00:00:00.000Z", "kibana.alert.uuid": id})


def behind(node, alias):
    return sorted(node.indices.get_alias(name=alias).body)


def write_index(node, alias):
    found = node.indices.get_alias(name=alias).body
    return [name for name, about in found.items() if about["aliases"][alias].get("is_write_index")]


CONDITIONS = {
    "documents": (Conditions(docs=1), True),
    "age": (Conditions(age=timedelta(seconds=1)), None),  # that old by itself, sooner or later
    "size": (Conditions(size="1b"), True),
    "nothing yet": (Conditions(), False),
}


@pytest.mark.parametrize(("conditions", "rolls"), CONDITIONS.values(), ids=CONDITIONS)
def test_the_alias_goes_on_in_a_new_index_when_a_condition_is_met(node, client, names, conditions, rolls):
    AlertIndex(client, names.alerts).write([alert("a")])
    lines = list(Rollover(client, names.alerts, conditions).tend(NOW))
    if rolls is None:
        rolls = bool(lines)
    assert behind(node, names.alerts) == [f"{names.alerts}-00000{n}" for n in range(1, 3 if rolls else 2)]
    assert len(lines) == rolls
    if rolls:
        assert lines[0].startswith(
            f"{names.alerts} goes on in {names.alerts}-000002: {names.alerts}-000001 has reached "
        )
        assert write_index(node, names.alerts) == [f"{names.alerts}-000002"]


def test_an_empty_index_does_not_roll_over_and_a_second_runner_finds_nothing_to_do(client, names):
    assert list(Rollover(client, names.alerts, AT_ONE).tend(NOW)) == []
    AlertIndex(client, names.alerts).write([alert("a")])
    one, other = Rollover(client, names.alerts, AT_ONE), Rollover(client, names.alerts, AT_ONE)
    assert (len(list(one.tend(NOW))), len(list(other.tend(NOW)))) == (1, 0)


def test_retention_deletes_what_is_old_and_ours_and_never_the_write_index(node, client, names):
    sink = AlertIndex(client, names.alerts)
    kept = Rollover(client, names.alerts, AT_ONE, retention=timedelta(days=36500))
    short = Rollover(client, names.alerts, Conditions(), retention=timedelta(days=1))
    for name in ("a", "b"):
        sink.write([alert(name)])
        assert len(list(kept.tend(NOW))) == 1
    foreign = f"{names.alerts}-000000"
    node.indices.create(index=foreign, mappings={"_meta": {"owner": "someone"}})
    node.indices.put_alias(index=foreign, name=names.alerts)

    lines = list(short.tend(NOW))

    assert [line.split(":")[0] for line in lines] == [f"deleted {names.alerts}-00000{n}" for n in (1, 2)]
    assert behind(node, names.alerts) == [foreign, f"{names.alerts}-000003"]


def test_nothing_is_repeated_when_the_alias_rolls_over_between_executions(node, client, names, index_prefix):
    index_events(node, index_prefix, [event(0.5), event(3), event(6)])
    ledger = StateIndex(client, names.state, names.executions)
    executor = Executor(DslSearch(client, Capabilities(client)), AlertIndex(client, names.alerts), ledger)
    of = rule(index=(f"{index_prefix}-logs-*",))
    executions = []
    for at in (5, 10, 15):
        executions += executor.run(of, minute(at))
        for alias in (names.alerts, names.executions):
            node.indices.refresh(index=alias)
            list(Rollover(client, alias, AT_ONE).tend(NOW))
    executions += executor.backfill(of, [Window(minute(-5), minute(15))], minute(20))

    assert {execution.verdict for execution in executions} == {Verdict.COMPLETE}
    assert [execution.created for execution in executions] == [2, 1, 0, 0]
    node.indices.refresh(index=[names.alerts, names.executions])
    assert node.count(index=names.alerts)["count"] == 3
    assert node.count(index=names.executions)["count"] == 4
    assert len(behind(node, names.executions)) == 4


def test_building_blocks_left_by_a_run_that_ended_are_not_repeated_behind_a_roll_over(
    node, client, names, index_prefix
):
    index_events(node, index_prefix, [event(1, "a"), event(2, "b")])
    query = 'sequence by host.name [process where process.name == "a"] [process where process.name == "b"]'
    of = rule(query, index=(f"{index_prefix}-logs-*",))
    ledger = StateIndex(client, names.state, names.executions)
    source = DslSearch(client, Capabilities(client))

    class EndsBeforeTheShell(AlertIndex):
        def write(self, alerts):
            if any("kibana.alert.group.index" not in alert.document for alert in alerts):
                raise ClusterUnavailable("gone")
            return super().write(alerts)

    (ended,) = Executor(source, EndsBeforeTheShell(client, names.alerts), ledger).run(of, minute(5))
    list(Rollover(client, names.alerts, AT_ONE).tend(NOW))
    sink = AlertIndex(client, names.alerts)
    sink.write([alert("another")])
    Executor(source, sink, ledger).run(of, minute(10))

    assert ended.verdict is Verdict.FAILED
    node.indices.refresh(index=names.alerts)
    found = node.search(index=names.alerts, query={"exists": {"field": "kibana.alert.group.id"}})["hits"]["hits"]
    assert sorted((hit["_index"][-1], hit["_source"].get("kibana.alert.group.index")) for hit in found[:2]) == [
        ("1", 0),
        ("1", 1),
    ]
    assert len(found) == 3


def test_an_alias_stays_where_it_is_while_another_template_would_shape_its_next_index(node, client, names):
    AlertIndex(client, names.alerts).write([alert("a")])
    rival = f"{names.alerts}-rival"
    node.indices.put_index_template(name=rival, index_patterns=[f"{names.alerts}-*2"], priority=9000)
    with pytest.raises(SetupError, match=f"{rival} .* would shape {names.alerts}-000002 in place of ours"):
        list(Rollover(client, names.alerts, AT_ONE).tend(NOW))
    assert list(Rollover(client, names.alerts, Conditions()).tend(NOW)) == []
    assert behind(node, names.alerts) == [f"{names.alerts}-000001"]
    node.indices.delete_index_template(name=rival)
    assert len(list(Rollover(client, names.alerts, AT_ONE).tend(NOW))) == 1
