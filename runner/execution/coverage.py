"""How an execution moves its rule's coverage. Pure: a coverage and an execution → the coverage after it.

Only a complete execution covers its window. One that the cap cut leaves a backlog to be taken up where it was cut. Any
other leaves its window open, and an open window is planned again.
"""

from dataclasses import replace
from datetime import datetime

from runner.execution.model import Backlog, Coverage, Execution, RunType, Verdict
from runner.schedule.windows import Window, merged, whole_milliseconds, without

MOST_RANGES = 100
"""So many ranges of each kind are kept; beyond that the oldest claims are dropped, never widened."""


def begun(coverage: Coverage, start: datetime) -> Coverage:
    """Return the coverage of a rule that begins at `start`, unless it has begun already."""
    return coverage if coverage.since is not None else replace(coverage, since=start)


def moved(coverage: Coverage, execution: Execution) -> Coverage:
    """Return the coverage after the execution. A sweep proves nothing of its window: it sees only what came in late.

    Nor does any search prove what is still to come when it starts, however far ahead its window reaches.
    """
    window = _passed(execution)
    if execution.run_type is RunType.SWEEP or window.empty:
        return coverage
    if execution.verdict is Verdict.COMPLETE:
        return bounded(_covered(coverage, window))
    if execution.verdict is Verdict.TRUNCATED and execution.resume is not None:
        return bounded(_cut(coverage, window, execution.resume, execution.backlog))
    return coverage


def joined(coverage: Coverage, execution: Execution, known: Coverage) -> Coverage:
    """Return the coverage after an execution that knew no more than `known`; others have moved it since.

    What they left waiting goes on waiting, from the earlier cut: it may have come in after this one had looked.
    """
    after = moved(coverage, execution)
    for cut in coverage.backlog:
        if cut not in known.backlog and cut.window.overlaps(execution.window):
            at = cut.after if execution.resume is None else min(cut.after, execution.resume)
            after = bounded(_cut(after, cut.window, at, cut.pending))
    return after


def given_up(coverage: Coverage, ranges: tuple[Window, ...]) -> Coverage:
    """Return the coverage with the ranges named as gaps, but for what of them is accounted for by now."""
    left = without(ranges, (*coverage.covered, *(cut.window for cut in coverage.backlog)))
    return bounded(replace(coverage, gaps=merged((*coverage.gaps, *left)))) if left else coverage


def renewed(coverage: Coverage, query_hash: str) -> Coverage:
    """Return the coverage line to go on with: a changed query begins a new one where the old had its first open end.

    What the old query had not yet searched is searched by the new one; what it had is not claimed for the new one.
    """
    if coverage.query_hash == query_hash:
        return coverage
    return Coverage(query_hash, since=_first_open(coverage))


def bounded(coverage: Coverage, most: int = MOST_RANGES) -> Coverage:
    """Return the coverage with at most `most` ranges of a kind.

    Covered ranges beyond that are forgotten from the oldest, with `since` moved behind them; neighbouring backlogs are
    joined into one that is taken up at the earlier cut.
    """
    if len(coverage.covered) > most:
        kept = coverage.covered[-most:]
        coverage = replace(coverage, covered=kept, since=max(coverage.since or kept[0].start, kept[0].start))
    while len(coverage.backlog) > most:
        first, second, *rest = coverage.backlog
        both = Backlog(
            Window(first.window.start, max(first.window.end, second.window.end)),
            min(first.after, second.after),
            first.pending + second.pending,
        )
        coverage = replace(coverage, backlog=(both, *rest))
    return replace(coverage, gaps=coverage.gaps[-most:])


def _passed(execution: Execution) -> Window:
    """Return what of the window had passed when the execution started."""
    window, started = execution.window, whole_milliseconds(execution.started)
    return Window(window.start, max(window.start, min(window.end, started)))


def _covered(coverage: Coverage, window: Window) -> Coverage:
    return replace(
        coverage,
        covered=merged((*coverage.covered, window)),
        backlog=_outside(coverage.backlog, window),
        gaps=without(coverage.gaps, [window]),
    )


def _cut(coverage: Coverage, window: Window, resume: datetime, pending: int) -> Coverage:
    """Make the whole cut window backlog, from the cut on, in place of whatever was known of its parts.

    Also of what was covered: this window looked there again for late events, and behind the cut it has not seen them.
    """
    cut = Backlog(window, resume, pending)
    return replace(
        coverage,
        covered=without(coverage.covered, [window]),
        backlog=tuple(sorted((*_outside(coverage.backlog, window), cut), key=lambda one: one.window)),
        gaps=without(coverage.gaps, [window]),
    )


def _outside(backlog: tuple[Backlog, ...], window: Window) -> tuple[Backlog, ...]:
    return tuple(
        replace(cut, window=piece, pending=cut.pending if piece == cut.window else 0)
        for cut in backlog
        for piece in without([cut.window], [window])
    )


def _first_open(coverage: Coverage) -> datetime | None:
    """Return the earliest instant that the coverage has not proven, given gaps as settled."""
    if coverage.since is None or not coverage.covered:
        return coverage.since
    # A backfill may have covered no more than what lies before the line.
    span = Window(coverage.since, max(coverage.since, coverage.covered[-1].end))
    left = without([span], (*coverage.covered, *coverage.gaps))
    return left[0].start if left else span.end
