"""What people do with alerts, on a real node: changed with who, when and why, and never over someone else's change."""

import pytest

from runner.elastic.alert_filter import Filter
from runner.elastic.alert_index import AlertIndex
from runner.elastic.alert_search import AlertSearch
from runner.elastic.client import Client
from runner.elastic.setup import Names
from runner.elastic.workflow import Change, Status, Workflow, history, status
from tests.elastic.conftest import only, twins
from tests.elastic.forwarding import Changed as ChangedAnswer
from tests.elastic.forwarding import Cut, Forwarding, once
from tests.made import minute

pytestmark = pytest.mark.live

CLOSED = Change(Status.CLOSED, "ana", minute(10), "a drill")


@pytest.fixture
def workflow(client: Client, names: Names, search: AlertSearch) -> Workflow:
    """The workflow of the five alerts."""
    return Workflow(client, names.alerts)


def test_a_change_is_kept_on_the_alert_with_who_when_and_why(workflow: Workflow) -> None:
    result = workflow.change(
        [only(workflow.search, "rule-1")], Change(Status.ACKNOWLEDGED, "ben", minute(9), "looking into it")
    )
    assert len(result.changed) == 1
    result = workflow.change([only(workflow.search, "rule-1")], CLOSED)
    document = only(workflow.search, "rule-1").document
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
    again = workflow.change([only(workflow.search, "rule-1")], CLOSED)
    assert (len(again.changed), len(again.already)) == (0, 1)


def test_reopening_takes_the_reason_away_and_keeps_the_history(workflow: Workflow) -> None:
    workflow.change([only(workflow.search, "rule-1")], CLOSED)
    workflow.change([only(workflow.search, "rule-1")], Change(Status.OPEN, "ana", minute(11)))
    document = only(workflow.search, "rule-1").document
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
    stale = only(workflow.search, "rule-1")
    workflow.change([stale], Change(Status.ACKNOWLEDGED, "ben", minute(9)))
    result = workflow.change([stale], CLOSED)
    ((conflict,), document) = result.conflicts, only(workflow.search, "rule-1").document
    assert "ben set it to acknowledged" in conflict.reason
    assert (status(document), len(history(document))) == ("acknowledged", 1)


def test_another_write_that_leaves_the_status_is_no_conflict(client: Client, workflow: Workflow) -> None:
    stale = only(workflow.search, "rule-1")
    client._elasticsearch.update(index=stale.index, id=stale.id, doc={"kibana.alert.workflow_tags": ["x"]})
    assert len(workflow.change([stale], CLOSED).changed) == 1
    document = only(workflow.search, "rule-1").document
    assert (status(document), document["kibana.alert.workflow_tags"]) == ("closed", ["x"])


def test_an_alert_deleted_meanwhile_is_told(client: Client, workflow: Workflow) -> None:
    stale = only(workflow.search, "rule-1")
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
    result = Workflow(proxied, names.alerts).change([only(workflow.search, "rule-1")], CLOSED)
    assert (len(result.changed), result.conflicts) == (1, ())
    assert len(history(only(workflow.search, "rule-1").document)) == 1


def test_many_alerts_are_changed_in_parts(client: Client, names: Names, workflow: Workflow) -> None:
    AlertIndex(client, names.alerts).write(twins(only(workflow.search, "rule-1"), 1203, host={"name": "many"}))
    found = list(workflow.search.all(Filter(host="many")))
    assert len(workflow.change(found, CLOSED).changed) == 1203
    assert workflow.search.newest(Filter(host="many", statuses=("open",)), 5)[1] == 0
