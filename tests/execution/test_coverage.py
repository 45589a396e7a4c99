"""How executions move the coverage; above all, that it never claims what was not searched completely."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from runner.execution import claims
from runner.execution import coverage as ledger
from runner.execution.model import Backlog, Coverage, Execution, RunType, State, Verdict
from runner.rules.datemath import DateMath
from runner.rules.model import Schedule
from runner.schedule.plan import Limits, first_promise, plan
from runner.schedule.windows import Window

EPOCH = datetime(2026, 1, 1, 12, tzinfo=UTC)


def minute(number: float) -> datetime:
    return EPOCH + timedelta(minutes=number)


def window(start: float, end: float) -> Window:
    return Window(minute(start), minute(end))


def execution(start: float, end: float, verdict: Verdict, resume: float | None = None, **more) -> Execution:
    return Execution(
        id="e",
        rule_id="r",
        rule_name="r",
        rule_version=1,
        query_hash="q",
        run_type=more.pop("run_type", RunType.STANDARD),
        window=window(start, end),
        started=minute(more.pop("started", end)),
        duration=0.1,
        verdict=verdict,
        resume=None if resume is None else minute(resume),
        **more,
    )


EMPTY = Coverage("q")
BEGUN = Coverage("q", since=minute(0))
ONE = Coverage("q", since=minute(0), covered=(window(0, 9),))


@pytest.mark.parametrize(
    ("before", "done", "after"),
    [
        pytest.param(BEGUN, execution(0, 9, Verdict.COMPLETE), ONE, id="complete covers its window"),
        pytest.param(
            ONE,
            execution(5, 14, Verdict.COMPLETE),
            replace(ONE, covered=(window(0, 14),)),
            id="overlapping windows become one range",
        ),
        *(
            pytest.param(ONE, execution(5, 14, verdict), ONE, id=f"{verdict} covers nothing")
            for verdict in (Verdict.PARTIAL, Verdict.TIMED_OUT, Verdict.FAILED)
        ),
        pytest.param(
            ONE,
            execution(5, 14, Verdict.TRUNCATED, resume=7, backlog=30),
            replace(ONE, covered=(window(0, 5),), backlog=(Backlog(window(5, 14), minute(7), 30),)),
            id="a cut window becomes backlog, also where it looked again for late events",
        ),
        pytest.param(
            replace(ONE, backlog=(Backlog(window(9, 14), minute(12), 30),)),
            execution(10, 19, Verdict.TRUNCATED, resume=11, backlog=8),
            replace(ONE, backlog=(Backlog(window(9, 10), minute(12), 0), Backlog(window(10, 19), minute(11), 8))),
            id="a cut window takes over the backlog that it overlaps, from its own cut",
        ),
        pytest.param(
            replace(ONE, backlog=(Backlog(window(9, 14), minute(10), 30),)),
            execution(9, 14, Verdict.TRUNCATED, resume=12, backlog=5, run_type=RunType.BACKLOG),
            replace(ONE, backlog=(Backlog(window(9, 14), minute(12), 5),)),
            id="backlog that is cut again moves on",
        ),
        pytest.param(
            replace(ONE, backlog=(Backlog(window(9, 14), minute(10), 30),)),
            execution(9, 14, Verdict.COMPLETE, run_type=RunType.BACKLOG),
            replace(ONE, covered=(window(0, 14),)),
            id="backlog that is done is covered",
        ),
        pytest.param(
            replace(ONE, backlog=(Backlog(window(9, 14), minute(10), 30),)),
            execution(10, 19, Verdict.COMPLETE),
            replace(ONE, covered=(window(0, 9), window(10, 19)), backlog=(Backlog(window(9, 10), minute(10), 0),)),
            id="a complete window takes its part out of the backlog",
        ),
        pytest.param(
            replace(ONE, gaps=(window(9, 20),)),
            execution(9, 15, Verdict.COMPLETE, run_type=RunType.BACKFILL),
            replace(ONE, covered=(window(0, 15),), gaps=(window(15, 20),)),
            id="a backfill closes its part of a gap",
        ),
        pytest.param(
            EMPTY,
            execution(-99, -90, Verdict.COMPLETE, run_type=RunType.BACKFILL),
            replace(EMPTY, covered=(window(-99, -90),)),
            id="a backfill of a rule never run does not begin its line",
        ),
        pytest.param(
            BEGUN,
            execution(0, 69, Verdict.COMPLETE, started=9),
            ONE,
            id="a window that reaches ahead covers no more than has passed",
        ),
        pytest.param(
            ONE,
            execution(5, 74, Verdict.TRUNCATED, resume=7, backlog=30, started=14),
            replace(ONE, covered=(window(0, 5),), backlog=(Backlog(window(5, 14), minute(7), 30),)),
            id="nor is more of it backlog where the cap cuts it",
        ),
        pytest.param(
            ONE, execution(20, 29, Verdict.COMPLETE, started=14), ONE, id="a window that lies ahead covers nothing"
        ),
    ],
)
def test_an_execution_moves_the_coverage(before, done, after):
    assert ledger.moved(before, done) == after


WAITING = Backlog(window(9, 14), minute(12), 30)
CUT_AGAIN = Backlog(window(9, 14), minute(11), 5)


@pytest.mark.parametrize(
    ("known", "found", "done", "after"),
    [
        pytest.param(
            ONE,
            replace(ONE, covered=(window(-60, 9),)),
            execution(5, 14, Verdict.COMPLETE),
            replace(ONE, covered=(window(-60, 14),)),
            id="what another has covered stays covered",
        ),
        pytest.param(
            ONE,
            replace(ONE, backlog=(WAITING,)),
            execution(5, 19, Verdict.COMPLETE),
            replace(ONE, covered=(window(0, 9), window(14, 19)), backlog=(WAITING,)),
            id="what another has left waiting is not covered by a search that may not have seen it",
        ),
        pytest.param(
            ONE,
            replace(ONE, backlog=(WAITING,)),
            execution(5, 19, Verdict.TRUNCATED, resume=10, backlog=7),
            replace(
                ONE,
                covered=(window(0, 5),),
                backlog=(
                    Backlog(window(5, 9), minute(10), 0),
                    Backlog(window(9, 14), minute(10), 30),
                    Backlog(window(14, 19), minute(10), 0),
                ),
            ),
            id="of two cuts the earlier counts",
        ),
        pytest.param(
            replace(ONE, backlog=(WAITING,)),
            replace(ONE, backlog=(CUT_AGAIN,)),
            execution(9, 14, Verdict.COMPLETE, run_type=RunType.BACKLOG),
            replace(ONE, backlog=(CUT_AGAIN,)),
            id="backlog that another has cut earlier is not done",
        ),
        pytest.param(
            replace(ONE, backlog=(WAITING,)),
            replace(ONE, covered=(window(-60, 9),), backlog=(WAITING,)),
            execution(9, 14, Verdict.COMPLETE, run_type=RunType.BACKLOG),
            replace(ONE, covered=(window(-60, 14),)),
            id="backlog that was known is done",
        ),
    ],
)
def test_an_execution_joins_what_others_have_found_meanwhile(known, found, done, after):
    assert ledger.joined(found, done, known) == after


def test_what_others_have_searched_meanwhile_is_not_given_up():
    found = replace(ONE, covered=(window(0, 20),), backlog=(Backlog(window(30, 40), minute(35), 1),))

    assert ledger.given_up(found, (window(9, 60),)).gaps == (window(20, 30), window(40, 60))


@pytest.mark.parametrize(
    ("covered", "since"),
    [
        pytest.param((window(0, 9), window(20, 30)), 9, id="at a hole"),
        pytest.param((window(0, 9),), 9, id="at the end"),
        pytest.param((), 0, id="at the start, where nothing is covered"),
        pytest.param((window(-60, -30),), 0, id="at the start, where a backfill has covered what lies before it"),
    ],
)
def test_a_changed_query_begins_a_new_line_at_the_first_open_end(covered, since):
    before = Coverage("old", since=minute(0), covered=covered)

    assert ledger.renewed(before, "new") == Coverage("new", since=minute(since))
    assert ledger.renewed(before, "old") is before


def test_many_backlogs_are_joined_without_losing_an_instant():
    cuts = tuple(Backlog(window(n, n + 1), minute(n), 1) for n in range(10))

    joined = ledger.bounded(Coverage("q", since=minute(0), backlog=cuts), most=3)

    assert len(joined.backlog) == 3
    assert joined.backlog[0] == Backlog(window(0, 8), minute(0), 8)


class Ledger(RuleBasedStateMachine):
    """Runs on a clock of minutes, with any verdict for any task; the model is a set of minutes searched completely.

    Now and then the clock of one run is ahead, the query is edited, or a range is backfilled. What a clock that was ahead
    has claimed may stand until the next run by one that is right, and no longer. That run comes before the time of it all
    has come, for then nobody can know; and before a clock is ahead again, nothing of the last time waits.
    """

    def __init__(self):
        super().__init__()
        self.schedule = Schedule(timedelta(minutes=5), DateMath.parse("now-9m"), DateMath.parse("now"))
        self.limits = Limits(max_catch_up=timedelta(hours=2), catch_up_slice=timedelta(minutes=30), tasks=6)
        self.now = 0
        self.edits = 0
        self.coverage = Coverage("q0")
        self.searched: set[int] = set()  # under the query of now
        self.settled: set[int] = set()  # under that of its time, or given up by a clock that was right
        self.begun: int | None = None
        self.right = True

    @rule(
        wait=st.sampled_from([5, 5, 5, 6, 12, 47, 200]),
        ahead=st.sampled_from([0] * 8 + [30, 118, 125, 5000]),
        data=st.data(),
    )
    def run(self, wait, ahead, data):
        self.now += wait
        if not self.right:
            self.notice(wait)
        if not self.right or any(cut.window.end > minute(self.now) for cut in self.coverage.backlog):
            ahead = 0
        clock = minute(self.now + ahead)
        state, _ = claims.upheld(
            State("r", self.coverage), clock, self.limits.max_catch_up, self.schedule.lookback(clock)
        )
        self.coverage = ledger.renewed(state.coverage, f"q{self.edits}")
        self.coverage = ledger.begun(self.coverage, first_promise(self.schedule, clock))
        self.right = ahead == 0
        if self.right and self.begun is None:
            self.begun = number(self.coverage.since)
        due = plan(self.schedule, self.coverage, clock, self.limits)
        self.coverage = ledger.given_up(self.coverage, due.given_up)
        if self.right:
            self.settled |= minutes((*state.coverage.gaps, *due.given_up))
        for task in due.tasks:
            verdict = self.search(task.window, task.run_type, number(clock), data)
            if verdict is Verdict.COMPLETE:
                self.sweep(number(task.window.start), data)
            if verdict is Verdict.FAILED:
                break

    def notice(self, wait):
        """Come early enough to see that what is claimed lies ahead; where it is too little, it is believed."""
        ends = [
            self.coverage.since,
            self.coverage.until,
            *(gap.end + self.limits.max_catch_up for gap in self.coverage.gaps),
        ]
        furthest = max(number(end) for end in ends if end is not None)
        if furthest - 2 >= self.now - wait:
            self.now = min(self.now, furthest - 2)
        else:
            self.searched |= minutes(self.coverage.covered)
            self.settled |= minutes(self.coverage.covered)

    @rule(back=st.integers(0, 500), length=st.integers(1, 200), data=st.data())
    def backfill(self, back, length, data):
        self.coverage = ledger.renewed(self.coverage, f"q{self.edits}") if self.right else self.coverage
        if self.coverage.query_hash == f"q{self.edits}":
            start = self.now - back
            self.search(window(start, min(start + length, self.now)), RunType.BACKFILL, self.now, data)

    @rule()
    def edit(self):
        self.edits += 1
        self.searched = set()
        if self.right:
            self.coverage = ledger.renewed(self.coverage, f"q{self.edits}")

    def search(self, of, run_type, clock, data):
        verdict = data.draw(st.sampled_from(Verdict))
        start, end = number(of.start), number(of.end)
        resume = data.draw(st.integers(start, end)) if verdict is Verdict.TRUNCATED else None
        more = {"run_type": run_type, "backlog": 7 if resume is not None else 0, "started": clock}
        self.coverage = ledger.moved(self.coverage, execution(start, end, verdict, resume, **more))
        if verdict is Verdict.COMPLETE:
            passed = set(range(start, min(end, self.now)))
            self.searched |= passed
            self.settled |= passed
        return verdict

    def sweep(self, end, data):
        """What came in late is looked for behind a searched window, in any verdict."""
        verdict = data.draw(st.sampled_from(Verdict))
        resume = data.draw(st.integers(end - 60, end)) if verdict is Verdict.TRUNCATED else None
        done = execution(end - 60, end, verdict, resume, run_type=RunType.SWEEP, backlog=7 if resume else 0)
        self.coverage = ledger.moved(self.coverage, done)

    @rule()
    def restart_from_what_is_bounded(self):
        since = self.coverage.since
        self.coverage = ledger.bounded(self.coverage, most=2)
        if since is not None:
            self.settled |= set(range(number(since), number(self.coverage.since)))

    @invariant()
    def nothing_is_claimed_that_was_not_searched_completely(self):
        if self.right:
            assert minutes(self.coverage.covered) <= self.searched

    @invariant()
    def every_instant_is_accounted_for(self):
        """Once a rule has begun, each instant is searched, backlog, given up, or planned again, until now."""
        if not self.right or self.begun is None:
            return
        due = plan(self.schedule, self.coverage, minute(self.now), replace(self.limits, tasks=10_000))
        ranges = (*self.coverage.covered, *self.coverage.gaps, *due.given_up, *(task.window for task in due.tasks))
        assert set(range(self.begun, self.now)) <= minutes(ranges) | self.settled


def number(instant: datetime) -> int:
    return round((instant - EPOCH) / timedelta(minutes=1))


def minutes(ranges) -> set[int]:
    return {each for one in ranges for each in range(number(one.start), number(one.end))}


TestLedger = Ledger.TestCase
TestLedger.settings = settings(max_examples=60, stateful_step_count=25)
