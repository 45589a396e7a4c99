"""What to search next: a rule's schedule and coverage at one instant → tasks, fresh range first.

    standard    the rule's own window, `[from, to)`: fresh threats are never behind old work
    backlog     windows that the cap cut, from where they were cut
    catch-up    ranges missed by downtime or failure, oldest first, in slices
    sweep       what came in late since the last sweep, oldest first, in slices, after the rest of one that the cap cut

What is older than the catch-up limit is given up, by name: a Gap, or what stays unswept. Backlog never is.
"""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from runner.execution.model import Backlog, Coverage, Execution, RunType, Swept, Verdict
from runner.rules.model import Schedule
from runner.schedule.windows import Window, merged, sliced, whole_milliseconds, without

SHORTEST_SLICE = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Limits:
    """How far back and in what portions missed ranges are searched."""

    max_catch_up: timedelta = timedelta(hours=24)
    catch_up_slice: timedelta = timedelta(hours=1)
    tasks: int = 12  # a run, and so many sweeps; what does not fit waits for the next
    late_sweep: timedelta | None = None  # how old an event may come in and still be looked for; None: no sweep
    shortened: timedelta | None = None  # the longest slice, where one of more was too long to be searched in time

    def after(self, last: Execution | None) -> "Limits":
        """Return the limits for a run after the execution: missed ranges in halves of one that ran out of time."""
        if last is None or last.verdict is not Verdict.TIMED_OUT or last.run_type is not RunType.CATCH_UP:
            return self
        return replace(self, shortened=max(last.window.length / 2, SHORTEST_SLICE))


@dataclass(frozen=True, slots=True)
class Task:
    """One window to search, and why; `after` where a cut window is taken up again.

    A sweep looks for events of the window that came in during another, `ingested`.
    """

    window: Window
    run_type: RunType = RunType.STANDARD
    after: datetime | None = None
    ingested: Window | None = None


@dataclass(frozen=True, slots=True)
class Plan:
    """The tasks of one run in their order, and the ranges that are given up for being too old.

    What came in late during `unswept` is not looked for any more.
    """

    tasks: tuple[Task, ...]
    given_up: tuple[Window, ...] = ()
    unswept: Window | None = None


def standard_window(schedule: Schedule, now: datetime) -> Window:
    """Return the rule's own window at `now`, in whole milliseconds."""
    return Window(whole_milliseconds(schedule.start.resolve(now)), whole_milliseconds(schedule.end.resolve(now)))


def first_promise(schedule: Schedule, now: datetime) -> datetime:
    """Return where the coverage of a rule begins that runs for the first time: its first window less the look-back.

    So the first window is like any other: the range since the last run, and the look-back before it for late events.
    Never later than `now`.
    """
    return min(standard_window(schedule, now).start + schedule.lookback(now), whole_milliseconds(now))


def open_ranges(coverage: Coverage, end: datetime) -> tuple[Window, ...]:
    """Return what lies between the start of the coverage and `end` and is neither covered, backlog nor given up."""
    if coverage.since is None or coverage.since >= end:
        return ()
    accounted = (*coverage.covered, *(cut.window for cut in coverage.backlog), *coverage.gaps)
    return without([Window(coverage.since, end)], accounted)


def plan(
    schedule: Schedule, coverage: Coverage, now: datetime, limits: Limits = Limits(), swept: Swept | None = None
) -> Plan:
    """Return what a run at `now` has to search."""
    window = standard_window(schedule, now)
    end = _end(window, now)
    lookback = schedule.lookback(now)
    horizon = _horizon(limits, window, end)
    missed = open_ranges(coverage, end)
    given_up = without(missed, [Window(horizon, end)])
    missed = without(missed, given_up)
    newest = missed[-1] if missed and missed[-1].end == end else None
    fresh = _stretched(window, newest, lookback, schedule.interval)
    # Events of a missed range may have come in late, so each starts a look-back earlier, as a run in time would have.
    older = merged(hole.extended(lookback) for hole in without(missed, [fresh]))
    longest = limits.shortened or max(limits.catch_up_slice, window.length)
    slices = sliced(without(older, [fresh]), longest)
    tasks = (
        Task(fresh),
        *(Task(cut.window, RunType.BACKLOG, _taken_up(cut, now)) for cut in coverage.backlog),
        *(Task(piece, RunType.CATCH_UP) for piece in slices),
    )
    # What happened from here on is searched now or later, and then all of it that has come in by now is seen.
    seen = fresh.start if newest is None else min(fresh.start, newest.start)
    late, unswept = _sweeps(schedule, swept, now, limits, seen) if swept is not None else ((), None)
    return Plan((*tasks[: limits.tasks], *late[: limits.tasks]), given_up, unswept)


def _end(window: Window, now: datetime) -> datetime:
    """Return until when a run can have missed anything: what is still to come is not missed, though it is searched."""
    return min(window.end, whole_milliseconds(now))


def _horizon(limits: Limits, window: Window, end: datetime) -> datetime:
    return end - max(limits.max_catch_up, window.length)


def _taken_up(cut: Backlog, now: datetime) -> datetime | None:
    """Return from where on the window is searched again: all of it where the clock that cut it was ahead.

    For what has come since may stand before the cut: it goes by another clock where the rule searches by ingestion.
    """
    return cut.after if cut.window.end <= now else None


def _sweeps(
    schedule: Schedule, swept: Swept, now: datetime, limits: Limits, seen: datetime
) -> tuple[tuple[Task, ...], Window | None]:
    """Return the sweeps that are due, oldest first, and the range of ingestion that stays unswept for being too old.

    They look for what had happened before `seen`. They begin a look-back before what is not swept yet, for it takes a
    while until what has come in can be found. With sweeps turned off only the rest of a cut one is due.
    """
    rest = [Task(swept.cut.window, RunType.SWEEP, swept.cut.after, swept.cut.ingested)] if swept.cut else []
    if limits.late_sweep is None:
        return tuple(rest), None
    window = standard_window(schedule, now)
    end = _end(window, now)
    horizon = _horizon(limits, window, end)
    start = max(swept.until, horizon) - schedule.lookback(now)
    # Where a run is at most one interval late, it is one sweep, not two.
    pieces = sliced((Window(start, max(start, end)),), window.length + schedule.interval)
    unswept = Window(swept.until, horizon) if swept.until < horizon else None
    return (*rest, *(_sweep(piece, seen, limits.late_sweep) for piece in pieces)), unswept


def _sweep(ingested: Window, seen: datetime, back: timedelta) -> Task:
    start = ingested.start - back
    return Task(Window(start, max(start, min(ingested.end, seen))), RunType.SWEEP, ingested=ingested)


def _stretched(window: Window, newest: Window | None, lookback: timedelta, interval: timedelta) -> Window:
    """Return the standard window, begun earlier where a run was at most one interval late: one search, not two.

    `newest` is what is open right up to now.
    """
    if newest is None:
        return window
    start = newest.start - lookback
    return Window(start, window.end) if window.start - interval <= start < window.start else window
