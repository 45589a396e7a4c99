"""What people do with alerts, on a real node: found, named, changed, and never over someone else's change."""

from dataclasses import replace

import pytest

from runner.elastic.alert_index import AlertIndex
from runner.elastic.alert_search import Filter, Found
from runner.elastic.client import Client
from runner.elastic.setup import Names
from runner.elastic.workflow import Change, Status, Workflow, history, status
from runner.errors import OperatorError
from runner.execution.alerts import Occasion, build
from runner.execution.model import Alert, Hit, Match, RunType
from runner.rules.model import Rule, Severity
from tests.elastic.forwarding import Changed as ChangedAnswer
from tests.elastic.forwarding import Cut, Forwarding, once
from tests.made import event, minute, rule

pytestmark = pytest.mark.live

SEQUENCE = 'sequence by host.name [process where process.name == "a"] [process where process.name == "b"]'
CLOSED = Change(Status.CLOSED, "ana", minute(10), "a drill")


def alerts_of(one: Rule, at: float, *names: str, **source: object) -> tuple[Alert, ...]:
    stored = [event(at + number, name, **source) for number, name in enumerate(names)]
    hits = tuple(Hit(item.index, item.id, minute(at), item.source) for item in stored)
    return build(one, Match(hits), Occasion("execution-1", RunType.STANDARD, minute(at)))


@pytest.fixture
def workflow(client: Client, names: Names) -> Workflow:
    """Five alerts of three rules, one of them a sequence of two events, the oldest first."""
    medium, high = rule(), rule(rule_id="rule-2", name="Worse *Process*", severity=Severity.HIGH)
    block = rule(rule_id="rule-3", name="Quiet", building_block_type="default")
    written = [
        *alerts_of(medium, 1, "evil", host={"name": "web-1"}),
        *alerts_of(high, 2, "evil", host={"name": "db-1"}, user={"name": "root"}),
        *alerts_of(rule(SEQUENCE, rule_id="rule-4", name="Two Steps"), 3, "a", "b", host={"name": "web-2"}),
        *alerts_of(block, 5, "evil"),
    ]
    AlertIndex(client, names.alerts).write(written)
    return Workflow(client, names.alerts)


def listed(workflow: Workflow, **conditions: object) -> list[str]:
    found, total = workflow.search.newest(Filter(**conditions), 50)
    assert len(found) == total
    return [alert.document["kibana.alert.rule.name"] for alert in found]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    {
        "all but building blocks, newest first": ({}, ["Two Steps", "Worse *Process*", "Evil Process"]),
        "building blocks too": (
            {"building_blocks": True},
            ["Quiet", *["Two Steps"] * 3, "Worse *Process*", "Evil Process"],
        ),
        "a severity": ({"severities": ("high", "critical")}, ["Worse *Process*"]),
        "a rule by id": ({"rule": "rule-1"}, ["Evil Process"]),
        "a rule by a part of its name, in any case": ({"rule": "PROCESS"}, ["Worse *Process*", "Evil Process"]),
        "a star in a name is a star": ({"rule": "worse *p"}, ["Worse *Process*"]),
        "a host by a pattern": ({"host": "web-*"}, ["Two Steps", "Evil Process"]),
        "since": ({"since": minute(2)}, ["Two Steps", "Worse *Process*"]),
        "words anywhere": ({"text": "evil ROOT"}, ["Worse *Process*"]),
        "a status": ({"statuses": ("closed",)}, []),
        "several conditions": ({"host": "web-*", "rule": "rule-1"}, ["Evil Process"]),
    }.values(),
    ids=str,
)
def test_a_filter_finds(workflow: Workflow, conditions: dict[str, object], expected: list[str]) -> None:
    assert listed(workflow, **conditions) == expected


def only(workflow: Workflow, rule_id: str) -> Found:
    (found,) = workflow.search.newest(Filter(rule=rule_id), 5)[0]
    return found


def test_an_alert_is_named_by_its_id_or_the_beginning_of_it(workflow: Workflow) -> None:
    alert = only(workflow, "rule-1")
    assert workflow.search.named(alert.id).id == alert.id
    assert workflow.search.named(alert.id[:8].upper()).id == alert.id


def test_an_id_that_names_none_is_told_with_near_ones(workflow: Workflow) -> None:
    alert = only(workflow, "rule-1")
    typo = ("1" if alert.id[0] == "0" else "0") + alert.id[1:]
    with pytest.raises(OperatorError, match="there is no alert") as caught:
        workflow.search.named(typo)
    assert alert.id[:12] in caught.value.hint
    with pytest.raises(OperatorError) as caught:
        workflow.search.named("zzzzzzzz")
    assert "alerts list" in caught.value.hint
    with pytest.raises(OperatorError, match="too short"):
        workflow.search.named("a")


def test_an_id_that_names_several_is_told_with_all_of_them(client: Client, names: Names, workflow: Workflow) -> None:
    document = only(workflow, "rule-1").document
    twins = [Alert(f"abcd{number}", {**document, "kibana.alert.uuid": f"abcd{number}"}) for number in range(3)]
    AlertIndex(client, names.alerts).write(twins)
    with pytest.raises(OperatorError, match="several") as caught:
        workflow.search.named("abcd")
    assert all(alert.id in caught.value.hint for alert in twins)


def test_a_change_is_kept_on_the_alert_with_who_when_and_why(workflow: Workflow) -> None:
    result = workflow.change(
        [only(workflow, "rule-1")], Change(Status.ACKNOWLEDGED, "ben", minute(9), "looking into it")
    )
    assert len(result.changed) == 1
    result = workflow.change([only(workflow, "rule-1")], CLOSED)
    document = only(workflow, "rule-1").document
    assert {name: document[f"kibana.alert.workflow_{name}"] for name in ("status", "user", "reason")} == {
        "status": "closed",
        "user": "ana",
        "reason": "a drill",
    }
    assert document["kibana.alert.workflow_status_updated_at"] == "2026-01-01T12:10:00.000Z"
    assert [(one["from"], one["to"], one["user"], one["reason"]) for one in history(document)] == [
        ("open", "acknowledged", "ben", "looking into it"),
        ("acknowledged", "closed", "ana", "a drill"),
    ]
    assert document["process"] == {"name": "evil"}
    again = workflow.change([only(workflow, "rule-1")], CLOSED)
    assert (len(again.changed), len(again.already)) == (0, 1)


def test_reopening_takes_the_reason_away_and_keeps_the_history(workflow: Workflow) -> None:
    workflow.change([only(workflow, "rule-1")], CLOSED)
    workflow.change([only(workflow, "rule-1")], Change(Status.OPEN, "ana", minute(11)))
    document = only(workflow, "rule-1").document
    assert document["kibana.alert.workflow_reason"] is None
    assert len(history(document)) == 2


def test_the_change_of_a_sequence_goes_to_its_building_blocks(workflow: Workflow) -> None:
    shell = next(one for one in workflow.search.newest(Filter(), 50)[0] if one.is_shell)
    result = workflow.change([shell], CLOSED)
    blocks = list(workflow.search.blocks([shell]))
    assert (len(result.changed), result.blocks) == (1, 2)
    assert [block.document["process"]["name"] for block in blocks] == ["a", "b"]
    assert {status(block.document) for block in blocks} == {"closed"}
    assert {history(block.document)[0]["reason"] for block in blocks} == {"a drill"}


def test_someone_elses_change_meanwhile_is_a_conflict_and_stays(workflow: Workflow) -> None:
    stale = only(workflow, "rule-1")
    workflow.change([stale], Change(Status.ACKNOWLEDGED, "ben", minute(9)))
    result = workflow.change([stale], CLOSED)
    ((conflict,), document) = result.conflicts, only(workflow, "rule-1").document
    assert "ben set it to acknowledged" in conflict.reason
    assert (status(document), len(history(document))) == ("acknowledged", 1)


def test_another_write_that_leaves_the_status_is_no_conflict(client: Client, workflow: Workflow) -> None:
    stale = only(workflow, "rule-1")
    client._elasticsearch.update(index=stale.index, id=stale.id, doc={"kibana.alert.workflow_tags": ["x"]})
    assert len(workflow.change([stale], CLOSED).changed) == 1
    document = only(workflow, "rule-1").document
    assert (status(document), document["kibana.alert.workflow_tags"]) == ("closed", ["x"])


def test_an_alert_deleted_meanwhile_is_told(client: Client, workflow: Workflow) -> None:
    stale = only(workflow, "rule-1")
    client._elasticsearch.delete(index=stale.index, id=stale.id)
    (conflict,) = workflow.change([stale], CLOSED).conflicts
    assert "deleted" in conflict.reason


@pytest.mark.parametrize(
    "happening",
    [
        Cut(after=True),
        ChangedAnswer(lambda body: {**body, "items": [{"update": {**body["items"][0]["update"], "status": 429}}]}),
    ],
    ids=["the answer is lost", "the cluster says busy"],
)
def test_a_change_made_whose_answer_was_lost_is_made_once(
    proxied: Client, proxy: Forwarding, names: Names, workflow: Workflow, happening: object
) -> None:
    proxy.faults.append(once("/_bulk", happening))
    result = Workflow(proxied, names.alerts).change([only(workflow, "rule-1")], CLOSED)
    assert (len(result.changed), result.conflicts) == (1, ())
    assert len(history(only(workflow, "rule-1").document)) == 1


def test_all_that_a_filter_selects_is_found_over_many_pages(client: Client, names: Names, workflow: Workflow) -> None:
    document = only(workflow, "rule-1").document
    many = [
        Alert(f"many-{number}", {**document, "kibana.alert.uuid": f"many-{number}", "host": {"name": "many"}})
        for number in range(1203)
    ]
    AlertIndex(client, names.alerts).write(many)
    found = list(workflow.search.all(Filter(host="many")))
    assert {alert.id for alert in found} == {alert.id for alert in many}
    assert len(workflow.change(found, CLOSED).changed) == 1203
    assert workflow.search.newest(replace(Filter(host="many"), statuses=("open",)), 5)[1] == 0
