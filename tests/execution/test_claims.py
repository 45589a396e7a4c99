"""What a clock that was ahead has claimed is taken back, searched again, and told of once."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runner.execution import claims
from runner.execution.executor import Executor
from runner.execution.model import Backlog, Coverage, State, Swept
from runner.execution.replicas import Replicas
from runner.offline.memory import MemoryLedger, MemoryPresence, MemorySink, MemorySource
from runner.rules.datemath import DateMath
from runner.rules.model import Schedule
from runner.schedule.windows import Window
from tests.execution.sweeping import HOUR, Bench
from tests.made import event, minute, rule

DAY = 24 * 60


def window(start, end):
    return Window(minute(start), minute(end))


def state(*covered, since=-5000, gaps=(), backlog=(), swept=None):
    coverage = Coverage("q", minute(since), tuple(covered), tuple(backlog), tuple(gaps))
    return State("r", coverage, swept=swept)


CUT = Backlog(window(-64, 300), minute(10), 7)
REST = Backlog(window(-200, -140), minute(-150), 7, window(-140, -130))
UPHELD = {
    "nothing lies ahead": (state(window(-5000, 0), gaps=[window(-9000, -8000)], swept=Swept(minute(0))), None),
    "no more than clocks are apart": (state(window(-5000, 0.9), swept=Swept(minute(0.9))), None),
    "what waits, though it reaches ahead": (state(window(-5000, 0), backlog=[CUT]), None),
    "all that it can have caught up": (state(window(-5000, 60)), state(window(-5000, 56 - DAY))),
    "all that is still to come, where a gap was left on the way": (
        state(window(-5000, 0), window(2 * DAY, 3 * DAY), gaps=[window(0, 2 * DAY)]),
        state(window(-5000, 0)),
    ),
    "also a line that begins in the future": (state(window(40, 60), since=40), State("r", Coverage("q"))),
    "also one that begins in the far future": (
        state(window(5 * DAY, 5 * DAY + 9), since=5 * DAY),
        State("r", Coverage("q")),
    ),
    "what a clock that was ahead gave up, and what it claimed behind that": (
        state(window(-5000, -10), window(5, DAY + 5), gaps=[window(-10, 5)]),
        state(window(-5000, -10)),
    ),
    "but not what is given up for being too old": (
        state(window(-3000, 60), gaps=[window(-5000, -3000)]),
        state(window(-3000, 56 - DAY), gaps=[window(-5000, -3000)]),
    ),
    "of a gap what is not too old": (
        state(window(-5000, -DAY - 60), gaps=[window(-DAY - 60, -60)]),
        state(window(-5000, -DAY - 60), gaps=[window(-DAY - 60, -DAY)]),
    ),
    "the sweeps that it made": (
        state(window(-5000, 0), swept=Swept(minute(60))),
        state(window(-5000, 56 - DAY), swept=Swept(minute(56 - DAY))),
    ),
    "the sweeps that it gave up": (
        state(window(-5000, 60), swept=Swept(minute(-10), given_up=window(-200, -10))),
        state(window(-5000, 56 - DAY), swept=Swept(minute(56 - DAY))),
    ),
    "the sweeps that it gave up, though it covered nothing": (
        state(window(-5000, 0), swept=Swept(minute(0), given_up=window(-200, -10))),
        state(window(-5000, 0), swept=Swept(minute(-200))),
    ),
    "but not sweeps given up for being too old": (
        state(window(-5000, 0), swept=Swept(minute(0), given_up=window(-5000, -DAY))),
        None,
    ),
    "the rest of one that it cut": (
        state(window(-5000, 0), swept=Swept(minute(60), REST)),
        state(window(-5000, 56 - DAY), swept=Swept(minute(56 - DAY))),
    ),
}


@pytest.mark.parametrize(("before", "after"), UPHELD.values(), ids=UPHELD)
def test_what_is_taken_back(before, after):
    found, told = claims.upheld(before, minute(0), timedelta(days=1), timedelta(minutes=4))

    assert found == (after or before)
    assert bool(told) == (after is not None)


def test_a_clock_that_is_further_behind_than_any_catch_up_takes_nothing_back_and_is_told():
    before = state(window(-5000, 3 * DAY), gaps=[window(-9000, -5000)], swept=Swept(minute(3 * DAY)))
    found, (note,) = claims.upheld(before, minute(0), timedelta(days=1), timedelta(minutes=4))
    assert found == before
    assert "the clock seems to be behind" in note


@pytest.mark.parametrize("behind", [60, 12 * 60, DAY - 30, 3 * DAY, 20000 * DAY])
def test_a_clock_that_is_behind_for_one_run_leaves_no_gap(behind):
    bench = Bench(back=timedelta(hours=24))
    for at in range(0, 60, 5):
        bench.run(at)
    bench.ledger.move(
        replace(
            bench.ledger.read(rule()), coverage=Coverage(rule().query_hash, minute(-9 * DAY), (window(-9 * DAY, 55),))
        )
    )

    notes = [note for at in (60 - behind, 65, 70, 75) for execution in bench.run(at) for note in execution.notes]

    told = "a clock was ahead" if behind < DAY else "the ledger reaches to"
    assert [note.startswith(told) for note in notes] == [True]
    for at in range(80, 400, 5):
        bench.run(at)
    coverage = bench.ledger.read(rule()).coverage
    assert (coverage.since, coverage.gaps, coverage.covered[-1]) == (minute(-9 * DAY), (), window(-9 * DAY, 395))
    assert bench.swept() == Swept(minute(395))


@pytest.mark.parametrize("ahead", [120, 600])
def test_where_the_line_of_a_rule_begins_that_was_new_to_a_clock_that_was_ahead_is_told(ahead):
    bench = Bench(back=None)
    bench.run(ahead)
    notes = [note for execution in bench.run(60) for note in execution.notes]
    assert bench.ledger.read(rule()).coverage.since == minute(55)
    assert ["its line begins with this run" in note for note in notes] == [True]


@pytest.mark.parametrize("outage", ["none", "right after it", "later"])
@pytest.mark.parametrize("ahead", [10 * 60, DAY + 3, 30 * DAY, -120], ids=["10h", "a day", "30d", "behind"])
def test_a_clock_that_is_wrong_for_one_run_loses_nothing(ahead, outage):
    bench = Bench(back=timedelta(hours=24))
    starts = [-5, 0, 5]
    for at in starts:
        bench.run(at)
    bench.run(10 + ahead)
    away = {"none": (), "right after it": range(11, 130), "later": range(26, 145)}[outage]
    for number, at in enumerate(range(9, 260, 7)):
        bench.source.add([event(at, id=f"{at}")])
        bench.come_in(at, at - 100, number)

    notes = [
        note
        for at in range(15, 600, 5)
        if at not in away
        for execution in bench.run(at)
        for note in (*execution.notes, *(["gap"] if execution.gaps else []))
    ]

    assert len(bench.sink.alerts) == 2 * len(range(9, 260, 7))
    assert [note.startswith("a clock was ahead") for note in notes] == ([True] if ahead > 0 else [])
    coverage = bench.ledger.read(rule()).coverage
    assert (coverage.until, coverage.gaps, len(coverage.covered)) == (minute(595), (), 1)
    assert bench.swept() == Swept(minute(595))


def test_an_edit_after_a_clock_was_ahead_does_not_begin_its_line_in_the_future():
    bench = Bench(back=None)
    bench.run(0)
    bench.run(5 + 600)
    bench.source.add([event(20)])
    other = rule("process where true")

    bench.run(120, other)

    assert bench.found() == {"evil-20"}


AHEAD = Schedule(timedelta(minutes=5), DateMath.parse("now-9m"), DateMath.parse("now+1h"))


def test_a_window_that_reaches_ahead_claims_nothing_that_is_still_to_come():
    bench = Bench(back=HOUR)
    of = rule(schedule=AHEAD)
    bench.run(0, of)
    bench.source.add([event(at) for at in (1, 20, 60, 130)])
    assert bench.ledger.read(of).coverage.until == minute(0)

    notes = [note for execution in bench.run(100, of) for note in execution.notes]

    assert bench.found() == {"evil-1", "evil-20", "evil-60", "evil-130"}
    assert bench.ledger.read(of).coverage.covered == (window(-9, 100),)
    assert (bench.swept(of), notes) == (Swept(minute(100)), [])


@pytest.mark.parametrize("start", ["now-9m", "now-5m"])
def test_replicas_whose_clocks_are_seconds_apart_take_nothing_back(start):
    """Neither does coverage go back, nor is anything told, whichever of them runs the rule."""
    schedule = Schedule(timedelta(minutes=5), DateMath.parse(start), DateMath.parse("now"))
    ledger, of = MemoryLedger(), rule(schedule=schedule)
    drifts = {"a": 0.5, "b": -0.4}
    executors = {
        name: Executor(MemorySource(), MemorySink(), ledger, replicas=Replicas(name, MemoryPresence()))
        for name in drifts
    }
    until, notes = [], []
    for at in range(0, 100, 5):
        for name, drift in drifts.items():
            for execution in executors[name].run(of, minute(at + drift)):
                notes += execution.notes
                until.append(ledger.read(of).coverage.until)

    assert (notes, until) == ([], sorted(until))
