"""What a run searches: the standard window, the backlog, what was missed."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runner.execution.model import Backlog, Coverage, Execution, RunType, Swept, Verdict
from runner.rules.datemath import DateMath
from runner.rules.model import Schedule
from runner.schedule.plan import Limits, Task, first_promise, plan
from runner.schedule.windows import Window, merged

EPOCH = datetime(2026, 1, 1, 12, tzinfo=UTC)
SCHEDULE = Schedule(timedelta(minutes=5), DateMath.parse("now-9m"), DateMath.parse("now"))
LIMITS = Limits(max_catch_up=timedelta(hours=24), catch_up_slice=timedelta(hours=1))


def minute(number: float) -> datetime:
    return EPOCH + timedelta(minutes=number)


def window(start: float, end: float) -> Window:
    return Window(minute(start), minute(end))


def standard(start: float, end: float) -> Task:
    return Task(window(start, end))


def catch_up(start: float, end: float) -> Task:
    return Task(window(start, end), RunType.CATCH_UP)


def covered(*ranges: tuple[float, float], **more) -> Coverage:
    return Coverage("q", since=minute(ranges[0][0]), covered=tuple(window(*one) for one in ranges), **more)


@pytest.mark.parametrize(
    ("coverage", "now", "expected"),
    [
        pytest.param(Coverage("q"), 0, [standard(-9, 0)], id="a rule never run searches its own window"),
        pytest.param(covered((-9, 0)), 5, [standard(-4, 5)], id="a run in time overlaps the last by the look-back"),
        pytest.param(covered((-9, 0)), 3, [standard(-6, 3)], id="a run too early still searches its own window"),
        pytest.param(covered((-9, 0)), 7, [standard(-4, 7)], id="a run a little late begins where the last ended"),
        pytest.param(
            covered((-9, 0)),
            60,
            [standard(51, 60), catch_up(-4, 51)],
            id="after downtime the fresh range comes first, then the missed one with its look-back",
        ),
        pytest.param(
            covered((-9, 0)),
            150,
            [standard(141, 150), catch_up(-4, 56), catch_up(56, 116), catch_up(116, 141)],
            id="a long missed range is cut into slices, oldest first",
        ),
        pytest.param(
            covered((-9, 0), (20, 60)),
            65,
            [standard(56, 65), catch_up(-4, 20)],
            id="a hole in the past is caught up",
        ),
        pytest.param(
            covered((-9, 0), backlog=(Backlog(window(0, 5), minute(3), 40),)),
            10,
            [standard(1, 10), Task(window(0, 5), RunType.BACKLOG, minute(3))],
            id="a window that the cap cut is taken up where it was cut, after the fresh range",
        ),
        pytest.param(
            Coverage("q", since=minute(-9)),
            5,
            [standard(-4, 5), catch_up(-13, -4)],
            id="a first run that failed is caught up",
        ),
    ],
)
def test_a_run_searches(coverage, now, expected):
    assert list(plan(SCHEDULE, coverage, minute(now), LIMITS).tasks) == expected


AHEAD = replace(SCHEDULE, end=DateMath.parse("now+1h"))
ALL_AHEAD = replace(AHEAD, start=DateMath.parse("now+5m"))
REACHING_AHEADS = {
    "what is still to come is searched and not missed": (AHEAD, covered((-9, 0)), 5, [standard(-4, 65)]),
    "a run a little late begins where the last ended": (AHEAD, covered((-9, 0)), 7, [standard(-4, 67)]),
    "after downtime what has passed is missed": (AHEAD, covered((-9, 0)), 60, [standard(51, 120), catch_up(-4, 51)]),
    "what lies ahead altogether is caught up when it has passed": (
        ALL_AHEAD,
        covered((-9, 0)),
        5,
        [standard(10, 65), catch_up(0, 5)],
    ),
    "what a clock that was ahead has cut is searched whole": (
        SCHEDULE,
        covered((-9, 0), backlog=(Backlog(window(0, 12), minute(3), 40),)),
        10,
        [standard(1, 10), Task(window(0, 12), RunType.BACKLOG)],
    ),
}


@pytest.mark.parametrize(("of", "coverage", "now", "expected"), REACHING_AHEADS.values(), ids=REACHING_AHEADS)
def test_a_window_that_reaches_ahead(of, coverage, now, expected):
    assert list(plan(of, coverage, minute(now), LIMITS).tasks) == expected


@pytest.mark.parametrize(
    ("of", "lookback", "promise"), [(SCHEDULE, 4, -5), (AHEAD, 4, -5), (ALL_AHEAD, 0, 0)], ids=["now", "1h", "all"]
)
def test_a_window_that_reaches_ahead_looks_back_no_farther_and_promises_no_later(of, lookback, promise):
    assert of.lookback(minute(0)) == timedelta(minutes=lookback)
    assert first_promise(of, minute(0)) == minute(promise)


def test_nothing_is_swept_for_that_is_still_to_come_in():
    *_, last = plan(AHEAD, covered((-9, 0)), minute(5), SWEEPING, Swept(minute(0))).tasks
    assert last == sweep(-4, 5, -4)


def test_what_is_older_than_the_limit_is_given_up_by_name():
    limits = Limits(max_catch_up=timedelta(hours=1))

    due = plan(SCHEDULE, covered((-9, 0)), minute(100), limits)

    assert due.given_up == (window(0, 40),)
    assert due.tasks == (standard(91, 100), catch_up(36, 91))


def test_backlog_is_never_given_up():
    cut = Backlog(window(0, 5), minute(3), 40)

    due = plan(SCHEDULE, covered((-9, 0), backlog=(cut,)), minute(3000), LIMITS)

    assert Task(cut.window, RunType.BACKLOG, cut.after) in due.tasks
    assert not any(gap.overlaps(cut.window) for gap in due.given_up)


def test_a_run_takes_so_many_tasks_and_the_rest_waits_for_the_next():
    coverage = covered((-9, 0))

    due = plan(SCHEDULE, coverage, minute(600), Limits(tasks=3))
    searched = replace(coverage, covered=merged((*coverage.covered, *(task.window for task in due.tasks))))
    later = plan(SCHEDULE, searched, minute(605), Limits(tasks=3))

    assert len(due.tasks) == 3
    assert later.tasks[1].window.start <= due.tasks[-1].window.end < later.tasks[1].window.end


def ended(verdict, run_type, length):
    return Execution("x", "r", "R", 1, "q", run_type, window(0, length), minute(0), 1.0, verdict)


SLICES = {
    "half of a slice that ran out of time": (ended(Verdict.TIMED_OUT, RunType.CATCH_UP, 60), 30),
    "half again, below the rule's own window": (ended(Verdict.TIMED_OUT, RunType.CATCH_UP, 10), 5),
    "never less than a minute": (ended(Verdict.TIMED_OUT, RunType.CATCH_UP, 1), 1),
    "the usual length after any other end": (ended(Verdict.PARTIAL, RunType.CATCH_UP, 60), 60),
    "the usual length after a fresh window": (ended(Verdict.TIMED_OUT, RunType.STANDARD, 9), 60),
    "the usual length at first": (None, 60),
}


@pytest.mark.parametrize(("last", "length"), SLICES.values(), ids=SLICES)
def test_a_slice_that_ran_out_of_time_is_searched_in_halves(last, length):
    _, *slices = plan(SCHEDULE, covered((-9, 0)), minute(300), LIMITS.after(last)).tasks
    assert {task.run_type for task in slices} == {RunType.CATCH_UP}
    assert slices[0].window == window(-4, length - 4)


SWEEPING = replace(LIMITS, late_sweep=timedelta(hours=1))


def sweep(start: float, end: float, seen: float) -> Task:
    """What came in from `start` to `end`, and had happened up to an hour before, and before `seen`."""
    return Task(window(start - 60, seen), RunType.SWEEP, ingested=window(start, end))


CUT = Backlog(window(-64, -4), minute(-30), 7, window(-4, 5))
REST = Task(CUT.window, RunType.SWEEP, CUT.after, CUT.ingested)
SWEEPS = {
    "in time it takes in a look-back of the last one": (covered((-9, 0)), Swept(minute(0)), 5, [sweep(-4, 5, -4)]),
    "too early it is a short one": (covered((-9, 0)), Swept(minute(0)), 3, [sweep(-4, 3, -6)]),
    "a little late it is one": (covered((-9, 0)), Swept(minute(0)), 7, [sweep(-4, 7, -4)]),
    "after one that failed it reaches back to that one's start": (
        covered((-9, 5)),
        Swept(minute(0)),
        10,
        [sweep(-4, 10, 1)],
    ),
    "after several it is as many as a run in time would need, oldest first": (
        covered((-9, 20)),
        Swept(minute(0)),
        25,
        [sweep(-4, 10, 10), sweep(10, 24, 16), sweep(24, 25, 16)],
    ),
    "after downtime what is still to be searched is left to the searches": (
        covered((-9, 0)),
        Swept(minute(0)),
        20,
        [sweep(-4, 10, 0), sweep(10, 20, 0)],
    ),
    "what a cut one left comes first": (
        covered((-9, 5)),
        Swept(minute(5), CUT),
        10,
        [REST, sweep(1, 10, 1)],
    ),
    "a clock behind that of the last runner sweeps nothing": (covered((-9, 10)), Swept(minute(10)), 5, []),
    "nothing is searched where all that could be late is still to be searched": (
        covered((-400, -300)),
        Swept(minute(0)),
        5,
        [sweep(-4, 5, -64)],
    ),
    "none has ever begun": (covered((-9, 0)), None, 5, []),
}


@pytest.mark.parametrize(("coverage", "swept", "now", "expected"), SWEEPS.values(), ids=SWEEPS)
def test_late_events_are_swept_last(coverage, swept, now, expected):
    tasks = plan(SCHEDULE, coverage, minute(now), SWEEPING, swept).tasks
    searches = len(tasks) - len(expected)
    assert list(tasks[searches:]) == expected
    assert not any(task.run_type is RunType.SWEEP for task in tasks[:searches])


def test_with_sweeps_turned_off_only_the_rest_of_a_cut_one_is_due():
    due = plan(SCHEDULE, covered((-9, 5)), minute(3000), LIMITS, Swept(minute(5), CUT))
    assert ([task for task in due.tasks if task.run_type is RunType.SWEEP], due.unswept) == ([REST], None)


def test_what_is_unswept_for_longer_than_the_limit_is_given_up_by_name_and_a_cut_sweep_never():
    limits = replace(SWEEPING, max_catch_up=timedelta(hours=1))

    due = plan(SCHEDULE, covered((-9, 95)), minute(100), limits, Swept(minute(10), CUT))

    assert due.unswept == window(10, 40)
    assert [task for task in due.tasks if task.run_type is RunType.SWEEP][:2] == [REST, sweep(36, 50, 50)]


def test_a_run_takes_so_many_sweeps_beside_its_other_tasks():
    limits = replace(SWEEPING, tasks=3)
    due = plan(SCHEDULE, covered((-9, 0)), minute(600), limits, Swept(minute(0)))
    kinds = [task.run_type for task in due.tasks]
    assert kinds == [RunType.STANDARD, *[RunType.CATCH_UP] * 2, *[RunType.SWEEP] * 3]
