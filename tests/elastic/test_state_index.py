"""The state index under fire: a state moves once, by one."""

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from runner.elastic.state_index import StateIndex
from runner.errors import ClusterAnswerError, SetupError, StateConflict
from runner.execution.model import Execution, RunType, Verdict
from runner.schedule.windows import Window
from tests.elastic.forwarding import Answered, Changed, Cut, once
from tests.made import rule

pytestmark = pytest.mark.live
RULE = rule()
THEN = datetime(2026, 1, 1, tzinfo=UTC)


def execution(id):
    return Execution(
        id, RULE.rule_id, RULE.name, 1, "h", RunType.STANDARD, Window(THEN, THEN), THEN, 0.5, Verdict.COMPLETE
    )


@pytest.fixture
def ledger(proxied, names):
    return StateIndex(proxied, names.state, names.executions)


def recorded(ledger, id):
    return ledger.record(execution(id), replace(ledger.read(RULE), last=execution(id)))


def history(node, names):
    node.indices.refresh(index=names.executions)
    hits = node.search(index=names.executions, size=100)["hits"]["hits"]
    return sorted(hit["_id"] for hit in hits)


def test_both_documents_go_in_one_request(proxy, ledger):
    recorded(ledger, "1")
    assert len(proxy.paths("_bulk")) == 1


@pytest.mark.parametrize("happening", [Cut(), Cut(after=True), Answered(503, ""), Answered(429, "")], ids=str)
def test_a_record_whose_answer_is_lost_or_late_is_made_once(proxy, node, names, ledger, happening):
    recorded(ledger, "0")
    proxy.faults.append(once("_bulk", happening))
    moved = recorded(ledger, "1")
    assert ledger.read(RULE) == moved
    assert ledger.read(RULE).token == moved.token
    assert history(node, names) == ["0", "1"]


def test_the_history_keeps_an_execution_whose_state_another_has_moved(node, names, ledger):
    ours = ledger.read(RULE)
    recorded(ledger, "theirs")
    with pytest.raises(StateConflict):
        ledger.record(execution("ours"), replace(ours, last=execution("ours")))
    assert history(node, names) == ["ours", "theirs"]
    assert ledger.read(RULE).last == execution("theirs")


def test_a_document_that_one_index_puts_off_is_sent_again_alone(proxy, node, names, ledger):
    def put_off(answer):
        answer["items"][0]["create"] = {"status": 429, "error": {"reason": "full"}}
        return answer

    proxy.faults.append(once("_bulk", Changed(put_off)))
    moved = recorded(ledger, "1")
    assert moved.token == ledger.read(RULE).token
    assert history(node, names) == ["1"]


def test_a_document_that_an_index_refuses_is_an_error(proxy, ledger):
    def refuse(answer):
        answer["items"][1]["create"] = {"status": 400, "error": {"type": "x", "reason": "no"}}
        return answer

    proxy.faults.append(once("_bulk", Changed(refuse)))
    with pytest.raises(ClusterAnswerError, match="400 no"):
        recorded(ledger, "1")


def test_a_state_that_cannot_be_read_is_an_error_that_names_it(node, names, ledger):
    node.index(index=names.state, id=RULE.rule_id, document={"rule_id": RULE.rule_id})
    with pytest.raises(ClusterAnswerError, match=f"the state of rule {RULE.rule_id} in {names.state}"):
        ledger.read(RULE)


def test_a_missing_index_is_an_error_with_the_next_step(proxied, index_prefix):
    ledger = StateIndex(proxied, f"{index_prefix}-none", f"{index_prefix}-none-either")
    with pytest.raises(SetupError) as caught:
        ledger.read(RULE)
    assert "eql-runner setup" in caught.value.hint
