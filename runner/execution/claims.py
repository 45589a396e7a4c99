"""What a state may claim at an instant: nothing that lies later. A clock that was ahead has claimed more.

Such claims are taken back, or an outage would pass for searched until their time has come. When that clock searched is
not known, only how far it claimed; so all goes that it can have claimed in catching up, or behind a range that only it can
have given up, and is searched again: the alerts' ids make that harmless. What waits stays, for it claims nothing.

It may as well be the clock of now that is behind. By no more than RUNNER_MAX_CATCHUP, the same run searches the oldest of
what is taken back, so that nothing of it is too old once the clock is right. By more, too much would be, and nothing is
taken back: a clock that was so far ahead has left a gap behind it, or has just begun the line; else it was right.
"""

from dataclasses import replace
from datetime import datetime, timedelta

from runner.execution import late
from runner.execution.model import Coverage, State, Swept
from runner.schedule.windows import Window, whole_milliseconds

APART = timedelta(minutes=1)
"""So far apart the clocks of several runners may be without anything being taken back at each change between them."""


def upheld(state: State, now: datetime, max_catch_up: timedelta, lookback: timedelta) -> tuple[State, tuple[str, ...]]:
    """Return the state as it may stand at `now`, and what to tell of it where something was taken back."""
    now = whole_milliseconds(now)
    due = now - max_catch_up
    newest = max(_ends(state), default=now)
    ahead = newest > now + APART
    if newest - now > max_catch_up and not _jumped(state.coverage, now, max_catch_up):
        return state, (_behind(newest),)
    hasty = [gap.start for gap in state.coverage.gaps if gap.end > due + APART]
    swept, unswept = state.swept, _unswept(state.swept, due)
    if not ahead and not hasty and unswept is None:
        return state, ()
    proven = min([now, *([newest - max_catch_up - lookback] if ahead else []), *hasty])
    start = min(proven, unswept or proven)
    if swept is not None and (unswept is not None or swept.until > start):
        # The rest of a cut sweep is swept anew, as under a changed query.
        given_up = swept.given_up if unswept is None else None
        swept = late.renewed(replace(swept, until=min(swept.until, start), given_up=given_up))
    why = (
        f"a clock was ahead, for the ledger reached to {newest.isoformat()}, which is still to come"
        if ahead
        else "a clock was ahead, or RUNNER_MAX_CATCHUP has grown, for what was given up is not too old to be caught up"
    )
    left = _taken_back(state.coverage, proven, due, now)
    again = f"from {max(start, left.since).isoformat()} on is" if left.since is not None else "is"
    note = (
        f"{why}: what the ledger claims {again} taken back, and searched again; its line begins "
        f"{'with this run' if left.since is None else f'at {left.since.isoformat()}'}. Where a clock was ahead for longer, or "
        "before that, `eql-runner backfill --again` finds what was missed"
    )
    return replace(state, coverage=left, swept=swept), (note,)


def _unswept(swept: Swept | None, due: datetime) -> datetime | None:
    """Return from where on to sweep again what was given up too early; None where nothing was."""
    given_up = swept.given_up if swept is not None else None
    return max(given_up.start, due) if given_up is not None and given_up.end > due + APART else None


def _jumped(coverage: Coverage, now: datetime, max_catch_up: timedelta) -> bool:
    """Tell whether the line shows that a clock was far ahead: a gap that is still to come, or its beginning shortly before.

    A longer line is the work of a clock that was right for as long.
    """
    since, until = coverage.since, coverage.until
    begun = since is not None and since > now + APART and (until is None or until - since <= max_catch_up)
    return begun or any(gap.end > now + APART for gap in coverage.gaps)


def _behind(newest: datetime) -> str:
    return (
        f"the ledger reaches to {newest.isoformat()}, further ahead of this clock than RUNNER_MAX_CATCHUP: the clock seems to "
        "be behind. Nothing is taken back; set the clock right, for meanwhile events of now are not searched for"
    )


def _ends(state: State) -> list[datetime]:
    """Return until when, at the latest, anything is spoken for."""
    covered, since, swept = state.coverage.until, state.coverage.since, state.swept
    return [end for end in (covered, since, swept.until if swept is not None else None) if end is not None]


def _taken_back(coverage: Coverage, proven: datetime, due: datetime, now: datetime) -> Coverage:
    return replace(
        coverage,
        since=coverage.since if coverage.since is None or coverage.since <= now + APART else None,
        covered=tuple(_until(one, proven) for one in coverage.covered if one.start < proven),
        gaps=tuple(_until(one, due) for one in coverage.gaps if one.start < due),
    )


def _until(window: Window, end: datetime) -> Window:
    return Window(window.start, min(window.end, end))
