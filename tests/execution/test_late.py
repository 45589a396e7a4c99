"""The sweep finds what came in after its range was searched, claims nothing by it, and loses nothing.

Neither to the cap nor to a failure: what is not swept whole is swept again.
"""

from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from runner.errors import ClusterUnavailable
from runner.execution import late
from runner.execution.late import INGESTED
from runner.execution.model import Backlog, Execution, Fault, RunType, Swept, Verdict
from runner.schedule.windows import Window
from tests.execution.sweeping import HOUR, Bench
from tests.made import minute, rule


def test_an_event_later_than_the_look_back_is_found_by_its_ingestion():
    bench = Bench()
    bench.run(0)
    bench.run(5)
    bench.come_in(8, happened=-3)

    standard, swept = bench.run(10)

    assert (standard.run_type, standard.created) == (RunType.STANDARD, 0)
    assert (swept.run_type, swept.created, swept.window.start, swept.window.end) == (
        RunType.SWEEP,
        1,
        minute(1 - 60),
        minute(1),
    )
    assert [alert.document["eql_runner.run_type"] for alert in bench.sink.alerts] == ["sweep"]


def test_a_sweep_adds_nothing_twice_and_does_not_touch_the_coverage():
    swept, plain = Bench(), Bench(back=None)
    for bench in (swept, plain):
        for at in (0, 5, 10, 15):
            bench.come_in(at - 1, happened=at - 2)
            bench.come_in(at - 1, happened=at - 20, number=at)
            bench.run(at)
    assert swept.ledger.read(rule()).coverage == plain.ledger.read(rule()).coverage
    assert swept.ledger.read(rule()).last.run_type is RunType.STANDARD
    assert (len(swept.sink.alerts), len(plain.sink.alerts)) == (8, 4)


def test_what_a_sweep_has_no_room_for_waits_and_is_taken_up_where_it_was_cut():
    bench = Bench()
    capped = rule(max_signals=10)
    bench.run(0, capped)
    for number in range(25):
        bench.come_in(4, happened=-30, number=number)

    _, swept = bench.run(5, capped)

    assert (swept.verdict, swept.created, swept.backlog) == (Verdict.TRUNCATED, 10, 15)
    (waiting,) = bench.ledger.read(capped).backlog
    assert (waiting.pending, waiting.after, waiting.ingested) == (15, minute(-30), Window(minute(-4), minute(5)))
    bench.come_in(8, happened=-20)
    runs = [bench.run(at, capped) for at in (10, 15)]
    assert [[execution.created for execution in run] for run in runs] == [[0, 10], [0, 5, 1]]
    assert len(bench.sink.alerts) == 26
    assert bench.ledger.read(capped).backlog == ()
    assert bench.swept() == Swept(minute(15))


def test_the_rest_of_a_cut_sweep_is_found_also_when_sweeps_are_turned_off():
    bench = Bench()
    capped = rule(max_signals=10)
    bench.run(0, capped)
    for number in range(15):
        bench.come_in(4, happened=-30, number=number)
    bench.run(5, capped)

    bench.turn(None)
    bench.run(10, capped)

    assert len(bench.sink.alerts) == 15
    assert [execution.run_type for execution in bench.run(15, capped)] == [RunType.STANDARD]


TROUBLE = {
    "shards failed": (Fault(Verdict.PARTIAL, "2 of 5 shards failed"), Verdict.PARTIAL),
    "it timed out": (Fault(Verdict.TIMED_OUT, "timed out"), Verdict.TIMED_OUT),
    "the cluster was away": (ClusterUnavailable("no connection", "wait"), Verdict.FAILED),
}


@pytest.mark.parametrize(("trouble", "verdict"), TROUBLE.values(), ids=TROUBLE)
@pytest.mark.parametrize("runs", [1, 3, 30])
def test_a_sweep_that_is_not_whole_is_repeated_until_it_is(trouble, verdict, runs):
    bench = Bench()
    bench.run(0)
    bench.source.trouble = trouble
    bench.come_in(1, happened=-10, number=1)
    bench.come_in(runs * 5 - 1, happened=-30 + runs * 5, number=2)
    for at in range(5, runs * 5 + 5, 5):
        standard, swept = bench.run(at)
        assert (standard.verdict, swept.run_type, swept.verdict) == (Verdict.COMPLETE, RunType.SWEEP, verdict)
    assert bench.swept() == Swept(minute(0))

    bench.source.trouble = None
    _, *sweeps = bench.run(runs * 5 + 5)

    assert bench.found() == {"-10-1", f"{-30 + runs * 5}-2"}
    assert bench.swept() == Swept(minute(runs * 5 + 5))
    assert all(sweep.ingested.length <= timedelta(minutes=14) for sweep in sweeps)


def test_a_crash_between_a_search_and_its_sweep_does_not_lose_the_sweep():
    bench = Bench()
    bench.run(0)
    bench.come_in(4, happened=-30)
    bench.source.trouble = KeyboardInterrupt()
    with pytest.raises(KeyboardInterrupt):
        bench.run(5)
    assert [execution.run_type for execution in bench.ledger.executions][-1] is RunType.STANDARD

    bench.source.trouble = None
    bench.run(10)

    assert bench.found() == {"-30-0"}


def test_after_downtime_all_that_came_in_meanwhile_is_swept_behind_what_was_missed():
    bench = Bench()
    bench.run(0)
    for at in (2, 20, 100, 299):
        bench.come_in(at, happened=-30, number=at)
        bench.come_in(at, happened=at - 1, number=at)

    bench.run(300)
    bench.run(305)

    created = Counter()
    for execution in bench.ledger.executions:
        created[execution.run_type] += execution.created
    # What came in at 100 and later was more than an hour late.
    assert +created == {RunType.SWEEP: 2, RunType.STANDARD: 1, RunType.CATCH_UP: 3}
    assert bench.swept() == Swept(minute(305))


def test_a_sweep_that_always_fails_holds_up_nothing_else():
    bench = Bench()
    bench.run(0)
    bench.source.trouble = ClusterUnavailable("no connection", "wait")
    bench.come_in(30, happened=30)

    bench.run(120)

    assert bench.found() == {"30-0"}


def test_what_is_unswept_for_too_long_is_given_up_and_told_once():
    bench = Bench()
    bench.run(0)

    runs = [bench.run(at) for at in (60 * 30, 60 * 30 + 5, 60 * 30 + 10, 60 * 30 + 15)]

    notes = [[note for execution in run for note in execution.notes] for run in runs]
    told = f"what came in late from {minute(0).isoformat()} to {minute(60 * 6).isoformat()} is not looked for any more"
    first, *later = notes
    assert [note.startswith(told) for note in first] == [True]
    assert "backfill --again" in first[0]
    assert not any(later)


def test_a_changed_query_goes_on_where_the_old_one_had_swept_to_and_anew_where_its_sweep_was_cut():
    bench = Bench()
    old = rule(max_signals=10)
    other = rule('process where process.name in ("evil", "x")', max_signals=10)
    bench.run(0, old)
    for number in range(15):
        bench.come_in(4, happened=-30, number=number)
    bench.run(5, old)
    bench.come_in(6, happened=-20)

    bench.run(10, other)

    assert len(bench.sink.alerts) == 16
    assert bench.swept() == Swept(minute(10))


def test_turned_off_and_on_again_sweeps_go_on_where_they_were():
    bench = Bench()
    bench.run(0)
    bench.turn(None)
    bench.come_in(4, happened=-30)
    bench.run(5)
    assert (bench.swept(), bench.found()) == (Swept(minute(0)), set())

    bench.turn(2 * HOUR)
    bench.run(10)

    assert bench.found() == {"-30-0"}


def test_turned_off_for_long_sweeps_begin_anew():
    bench = Bench()
    bench.run(0)
    bench.turn(None)
    bench.run(60 * 25)
    assert bench.swept() is None

    bench.turn(HOUR)
    (standard, *_) = bench.run(60 * 25 + 5)

    assert (standard.notes, bench.swept()) == ((), Swept(minute(60 * 25 + 5)))


def test_a_rule_whose_state_knows_of_no_sweeps_begins_with_its_next_run():
    bench = Bench(back=None)
    bench.run(0)
    assert bench.swept() is None
    bench.turn(HOUR)
    bench.come_in(4, happened=-30)

    bench.run(5)

    assert (bench.found(), bench.swept()) == ({"-30-0"}, Swept(minute(5)))


def test_a_rule_turned_to_search_by_ingestion_is_swept_no_more():
    bench = Bench()
    bench.run(0)
    bench.run(5, rule(timestamp_override=INGESTED))
    assert bench.swept() is None


def test_a_backfill_leaves_the_sweeps_as_they_are():
    bench = Bench()
    bench.run(0)
    before = bench.swept()
    list(bench.executor.backfill(rule(), [Window(minute(-600), minute(-500))], minute(20)))
    assert bench.swept() == before == Swept(minute(0))


def sweep(start, end, verdict, resume=None):
    happened, ingested = Window(minute(start - 60), minute(start)), Window(minute(start), minute(end))
    at = None if resume is None else minute(resume)
    made = Execution("x", "r", "R", 1, "q", RunType.SWEEP, happened, minute(end), 1.0, verdict, ingested=ingested)
    return replace(made, resume=at, backlog=7 if resume is not None else 0)


def cut(start, end, after):
    return Backlog(Window(minute(start - 60), minute(start)), minute(after), 7, Window(minute(start), minute(end)))


TEN = Swept(minute(10))
MOVES = {
    "complete moves it": (TEN, sweep(6, 15, Verdict.COMPLETE), Swept(minute(15))),
    "an old one does not move it back": (TEN, sweep(0, 5, Verdict.COMPLETE), TEN),
    "not over a hole": (TEN, sweep(11, 20, Verdict.COMPLETE), TEN),
    "one that the cap cut leaves its rest": (
        TEN,
        sweep(6, 15, Verdict.TRUNCATED, -20),
        Swept(minute(15), cut(6, 15, -20)),
    ),
    "a rest that is cut again goes on": (
        Swept(minute(15), cut(6, 15, -20)),
        sweep(6, 15, Verdict.TRUNCATED, -10),
        Swept(minute(15), cut(6, 15, -10)),
    ),
    "a rest that is complete is gone": (
        Swept(minute(15), cut(6, 15, -20)),
        sweep(6, 15, Verdict.COMPLETE),
        Swept(minute(15)),
    ),
    "not past a rest that waits": (
        Swept(minute(15), cut(6, 15, -20)),
        sweep(11, 20, Verdict.COMPLETE),
        Swept(minute(15), cut(6, 15, -20)),
    ),
    **{
        f"{verdict} does not move it": (TEN, sweep(6, 15, verdict), TEN)
        for verdict in (Verdict.PARTIAL, Verdict.TIMED_OUT, Verdict.FAILED)
    },
    "another search does not": (TEN, replace(sweep(6, 15, Verdict.COMPLETE), ingested=None), TEN),
    "there is none to move": (None, sweep(6, 15, Verdict.COMPLETE), None),
}


@pytest.mark.parametrize(("before", "execution", "after"), MOVES.values(), ids=MOVES)
def test_a_sweep_moves_the_line_of_sweeps(before, execution, after):
    assert late.moved(before, execution) == after


NOT_SWEPT = {
    "by ingestion already": rule(timestamp_override="event.ingested"),
    "a sample": rule("sample by host.name [any where true] [any where true]"),
    "a sequence without maxspan": rule("sequence [any where true] [any where true]"),
    "a sequence with a pipe": rule("sequence with maxspan=1m [any where true] [any where true] | head 1"),
}


@pytest.mark.parametrize("of", NOT_SWEPT.values(), ids=NOT_SWEPT)
def test_some_rules_are_not_swept(of):
    bench = Bench()
    bench.run(0, of)
    assert [execution.run_type for execution in bench.run(5, of)] == [RunType.STANDARD]


def test_behind_a_window_that_is_not_complete_nothing_is_swept():
    bench = Bench()
    capped = rule(max_signals=1)
    bench.run(0, capped)
    for number in range(3):
        bench.come_in(4, happened=3, number=number)
    assert [execution.run_type for execution in bench.run(5, capped)] == [RunType.STANDARD]


def test_an_event_of_the_future_is_found_once_its_time_has_come():
    bench = Bench(back=None)
    bench.run(0)
    bench.come_in(1, happened=60)
    found = {at: sum(execution.created for execution in bench.run(at)) for at in range(5, 75, 5)}
    assert [at for at, created in found.items() if created] == [65]


def test_a_range_that_is_given_up_is_in_the_history_with_the_run_that_gave_it_up():
    bench = Bench(back=None)
    bench.run(0)
    standard, *_ = bench.run(60 * 30)
    assert [(gap.start, gap.end) for gap in standard.gaps] == [(minute(0), minute(60 * 6))]
    (record,) = [execution for execution in bench.ledger.executions if execution.gaps]
    assert record == standard
    assert all(not execution.gaps for execution in bench.run(60 * 30 + 5))


def test_a_changed_query_is_told_once_with_where_its_coverage_begins():
    bench = Bench(back=None)
    bench.run(0)
    other = rule("process where true")
    notes = [[note for execution in bench.run(at, other) for note in execution.notes] for at in (5, 10)]
    assert notes == [[f"what the rule finds has changed: a new line of coverage begins at {minute(0).isoformat()}"], []]
