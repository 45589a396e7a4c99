"""What every Ledger keeps: states move under optimistic concurrency, and every execution stays in the history."""

from dataclasses import replace

import pytest

from runner.errors import StateConflict
from runner.execution.model import Backlog, Coverage, Execution, Failure, Lease, RunType, Swept, Verdict
from runner.execution.seams import Ledger
from runner.schedule.windows import Window
from tests.made import minute, rule

RULE = rule()
WINDOW = Window(minute(0), minute(9))


def execution(id: str) -> Execution:
    return Execution(
        id=id,
        rule_id=RULE.rule_id,
        rule_name=RULE.name,
        rule_version=3,
        query_hash=RULE.query_hash,
        run_type=RunType.CATCH_UP,
        window=WINDOW,
        started=minute(9.123456),
        duration=1.5,
        verdict=Verdict.TRUNCATED,
        matched=7,
        backlog=2,
        faults=("one",),
        notes=("two",),
        failure=Failure("SearchTimeout", "cluster", "slow", "wait"),
        resume=minute(4),
    )


def test_a_rule_never_seen_has_an_empty_coverage_of_its_query(ledger: Ledger) -> None:
    state = ledger.read(RULE)
    assert (state.rule_id, state.coverage, state.last) == (RULE.rule_id, Coverage(RULE.query_hash), None)


def test_what_is_recorded_is_read_back(ledger: Ledger) -> None:
    coverage = Coverage(
        RULE.query_hash,
        since=minute(-60),
        covered=(WINDOW, Window(minute(20), minute(30))),
        backlog=(Backlog(Window(minute(9), minute(20)), minute(12), 4),),
        gaps=(Window(minute(-60), minute(0)),),
    )
    moved = ledger.record(execution("1"), replace(ledger.read(RULE), coverage=coverage, last=execution("1")))
    read = ledger.read(RULE)
    assert (read.coverage, read.last) == (coverage, execution("1"))
    assert moved == read


def test_how_far_late_events_are_swept_is_read_back(ledger: Ledger) -> None:
    coverage = Coverage(RULE.query_hash, since=minute(0), backlog=(Backlog(WINDOW, minute(4), 1),))
    cut = Backlog(Window(minute(-60), minute(0)), minute(-30), 12, ingested=WINDOW)
    sweep = replace(execution("1"), run_type=RunType.SWEEP, ingested=WINDOW)
    for swept in (Swept(minute(9)), Swept(minute(9), cut), None):
        moved = ledger.record(sweep, replace(ledger.read(RULE), coverage=coverage, last=sweep, swept=swept))
        assert moved == ledger.read(RULE)


def test_a_state_moves_on_by_the_token_it_was_given(ledger: Ledger) -> None:
    state = ledger.read(RULE)
    for number in range(3):
        state = ledger.record(execution(str(number)), replace(state, last=execution(str(number))))
    assert ledger.read(RULE).last == execution("2")


def test_a_state_that_another_runner_moved_stays_as_the_other_left_it(ledger: Ledger) -> None:
    ours, theirs = ledger.read(RULE), ledger.read(RULE)
    ledger.record(execution("theirs"), replace(theirs, last=execution("theirs")))
    with pytest.raises(StateConflict):
        ledger.record(execution("ours"), replace(ours, last=execution("ours")))
    assert ledger.read(RULE).last == execution("theirs")

    ours = ledger.read(RULE)
    ledger.record(execution("again"), replace(ledger.read(RULE), last=execution("again")))
    with pytest.raises(StateConflict):
        ledger.record(execution("ours"), replace(ours, last=execution("ours")))


def test_of_two_that_have_swept_one_is_told_though_the_last_execution_is_the_same(ledger: Ledger) -> None:
    ledger.record(execution("1"), replace(ledger.read(RULE), last=execution("1")))
    ours, theirs = ledger.read(RULE), ledger.read(RULE)
    ledger.record(execution("theirs"), replace(theirs, swept=Swept(minute(5))))
    with pytest.raises(StateConflict):
        ledger.record(execution("ours"), replace(ours, swept=Swept(minute(9))))
    assert ledger.read(RULE).swept == Swept(minute(5))


def test_the_states_of_rules_are_apart(ledger: Ledger) -> None:
    other = replace(RULE, rule_id="other/rule %")
    ledger.record(execution("1"), replace(ledger.read(other), last=execution("1")))
    assert ledger.read(RULE).last is None
    assert ledger.read(other).last == execution("1")


def test_a_lease_is_moved_alone_and_read_back(ledger: Ledger) -> None:
    lease = Lease("runner-a", minute(5))
    moved = ledger.move(replace(ledger.read(RULE), lease=lease))
    assert ledger.read(RULE).lease == lease
    ledger.record(execution("1"), replace(moved, last=execution("1")))
    assert ledger.read(RULE).lease == lease


def test_of_two_who_take_the_lease_one_is_told(ledger: Ledger) -> None:
    ours, theirs = ledger.read(RULE), ledger.read(RULE)
    ledger.move(replace(theirs, lease=Lease("theirs", minute(5))))
    with pytest.raises(StateConflict):
        ledger.move(replace(ours, lease=Lease("ours", minute(5))))
    assert ledger.read(RULE).lease == Lease("theirs", minute(5))
