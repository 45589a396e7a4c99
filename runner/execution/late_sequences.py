"""Sequences of which an event came in late: the late events first, then the rule over the times around them.

    late events    any that a match can be made of, by the time of ingestion
    their times    each with the `maxspan` after it; near ones are one range, long ones are cut
    sequences      the rule as always, over each range; a search reads `maxspan` before it anyway
                   → those with a late event among them

So a sequence is found whichever of its events came late, however long ago the others came in. What all came in time is
left to the searches of its time: a rule that is new, or edited, does not begin with the past beside a late event.
"""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from runner.execution import late, matching
from runner.execution.model import Match, Verdict
from runner.execution.seams import EventSource
from runner.query import Program
from runner.rules.model import Rule
from runner.schedule.windows import Window, sliced

NEAR = timedelta(minutes=30)
"""Ranges no further apart are searched as one: what lies between costs less than another search."""

_INSTANT = timedelta(milliseconds=1)


@contextmanager
def over(
    rule: Rule, window: Window, ingested: Window, source: EventSource, longest: timedelta
) -> Iterator[Iterator[matching.Step]]:
    """Give the pages of a sweep, each with the matches that it completes; searches are closed when the block is left.

    For rules that `late.is_swept` says are swept, and that find sequences. `longest` is how much is searched at once,
    where `maxspan` is no more.
    """
    with closing(_steps(rule, window, ingested, source, longest)) as steps:
        yield steps


def _steps(
    rule: Rule, window: Window, ingested: Window, source: EventSource, longest: timedelta
) -> Generator[matching.Step, None, None]:
    single, maxspan = rule.program.single, rule.program.maxspan
    assert single is not None  # as `late.is_swept` has found
    assert maxspan is not None
    tardy: set[tuple[str, str]] = set()
    ranges: list[Window] = []
    by_ingestion = late.by_ingestion(_finding(rule, single), window)
    with matching.over(by_ingestion, window, source.search(by_ingestion, ingested)) as steps:
        for page, matches in steps:
            for hit in (match.events[0] for match in matches):
                tardy.add((hit.index, hit.id))
                ranges = _with(ranges, hit.time, maxspan, window.end)
            yield replace(page, excepted={}), []  # what exceptions take away is counted below
    # Where the range is read again for each piece, a piece is no shorter than what is read before it.
    for piece in sliced(ranges, max(longest, maxspan)):
        with matching.over(rule, piece, source.search(rule, piece)) as steps:
            for page, matches in steps:
                yield page, [match for match in matches if _holds(match, tardy)]
                if any(fault.verdict is Verdict.TIMED_OUT for fault in page.faults):
                    return  # the next would, too, and keep other rules from their worker


def _finding(rule: Rule, program: Program) -> Rule:
    return replace(rule, query=program.text, program=program)


def _holds(match: Match, tardy: set[tuple[str, str]]) -> bool:
    return any((hit.index, hit.id) in tardy for hit in match.events)


def _with(ranges: list[Window], time: datetime, maxspan: timedelta, end: datetime) -> list[Window]:
    """Return the ranges, oldest first, with that of an event no older than those in them.

    It ends with the window: what happened later has been searched when the event was there, or will be.
    """
    found = Window(time, min(time + maxspan + _INSTANT, end))
    if ranges and found.start - ranges[-1].end <= NEAR:
        *before, last = ranges
        return [*before, Window(last.start, max(last.end, found.end))]
    return [*ranges, found]
