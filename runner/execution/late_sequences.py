"""Sequences of which an event came in late: the late events first, then the rule over the times around them.

    late events    any that a match can be made of, by the time of ingestion
    their times    each with the `maxspan` after it; near ones are one range
    sequences      the rule as always, over each range; a search reads `maxspan` before it anyway

So a sequence is found whichever of its events came late, however long ago the others came in. What is found again that
was found before adds nothing: the ids of alerts see to it.
"""

from collections.abc import Generator, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import datetime, timedelta

from runner.execution import late, matching
from runner.execution.seams import EventSource
from runner.query import Program
from runner.rules.model import Rule
from runner.schedule.windows import Window

NEAR = timedelta(minutes=10)
"""Ranges no further apart are searched as one: what lies between costs less than another search."""

_INSTANT = timedelta(milliseconds=1)


@contextmanager
def over(rule: Rule, window: Window, ingested: Window, source: EventSource) -> Iterator[Iterator[matching.Step]]:
    """Give the pages of a sweep, each with the matches that it completes; searches are closed when the block is left.

    For rules that `late.is_swept` says are swept, and that find sequences.
    """
    with closing(_steps(rule, window, ingested, source)) as steps:
        yield steps


def _steps(rule: Rule, window: Window, ingested: Window, source: EventSource) -> Generator[matching.Step, None, None]:
    single, maxspan = rule.program.single, rule.program.maxspan
    assert single is not None  # as `late.is_swept` has found
    assert maxspan is not None
    ranges: list[Window] = []
    by_ingestion = late.by_ingestion(_finding(rule, single), window)
    with matching.over(by_ingestion, window, source.search(by_ingestion, ingested)) as steps:
        for page, matches in steps:
            for match in matches:
                ranges = _with(ranges, match.events[0].time, maxspan, window.end)
            yield replace(page, excepted={}), []  # what exceptions take away is counted below
    for each in ranges:
        with matching.over(rule, each, source.search(rule, each)) as steps:
            yield from steps


def _finding(rule: Rule, program: Program) -> Rule:
    return replace(rule, query=program.text, program=program)


def _with(ranges: list[Window], time: datetime, maxspan: timedelta, end: datetime) -> list[Window]:
    """Return the ranges, oldest first, with that of an event no older than those in them.

    It ends with the window: what happened later has been searched when the event was there, or will be.
    """
    found = Window(time, min(time + maxspan + _INSTANT, end))
    if ranges and found.start - ranges[-1].end <= max(NEAR, maxspan):
        *before, last = ranges
        return [*before, Window(last.start, max(last.end, found.end))]
    return [*ranges, found]
