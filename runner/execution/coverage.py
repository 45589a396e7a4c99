"""How an execution moves its rule's coverage. Pure: a coverage and an execution → the coverage after it.

Only a complete execution covers its window. One that the cap cut leaves a backlog to be taken up where it was cut. Any
other leaves its window open, and an open window is planned again.
"""

from dataclasses import replace
from datetime import datetime

from runner.execution.model import Backlog, Coverage, Execution, RunType, Verdict
from runner.schedule.windows import Window, merged, without

MOST_RANGES = 100
"""So many ranges of each kind are kept; beyond that the oldest claims are dropped, never widened."""


def moved(coverage: Coverage, execution: Execution) -> Coverage:
    """Return the coverage after the execution."""
    if execution.run_type is not RunType.BACKFILL:
        coverage = _begun(coverage, execution.window.start)
    if execution.verdict is Verdict.COMPLETE:
        return bounded(_covered(coverage, execution.window))
    if execution.verdict is Verdict.TRUNCATED and execution.resume is not None:
        return bounded(_cut(coverage, execution.window, execution.resume, execution.backlog))
    return coverage


def given_up(coverage: Coverage, ranges: tuple[Window, ...]) -> Coverage:
    """Return the coverage with the ranges named as gaps."""
    return bounded(replace(coverage, gaps=merged((*coverage.gaps, *ranges)))) if ranges else coverage


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


def _begun(coverage: Coverage, start: datetime) -> Coverage:
    return coverage if coverage.since is not None else replace(coverage, since=start)


def _covered(coverage: Coverage, window: Window) -> Coverage:
    return replace(
        coverage,
        covered=merged((*coverage.covered, window)),
        backlog=_outside(coverage.backlog, window),
        gaps=without(coverage.gaps, [window]),
    )


def _cut(coverage: Coverage, window: Window, resume: datetime, pending: int) -> Coverage:
    """Take up what is not covered of the cut window as backlog.

    All matches of the window before `resume` are alerted, so every older cut inside it moves on at least to there.
    """
    older = tuple(_taken_further(cut, window, resume, pending) for cut in coverage.backlog)
    pieces = without([window], (*coverage.covered, *(cut.window for cut in older)))
    new = tuple(Backlog(piece, resume, pending if piece is pieces[-1] else 0) for piece in pieces)
    gaps = without(coverage.gaps, [window])
    return replace(coverage, backlog=tuple(sorted((*older, *new), key=lambda cut: cut.window)), gaps=gaps)


def _taken_further(cut: Backlog, window: Window, resume: datetime, pending: int) -> Backlog:
    if not (window.start <= cut.window.start and cut.window.end <= window.end):
        return cut
    return Backlog(cut.window, max(cut.after, resume), pending if cut.window == window else cut.pending)


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
    span = Window(coverage.since, coverage.covered[-1].end)
    left = without([span], (*coverage.covered, *coverage.gaps))
    return left[0].start if left else span.end
