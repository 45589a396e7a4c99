"""Events that came in late: how far they are looked for, and the rule that looks for them, turned to search by ingestion.

How far is a line of its own beside the coverage, for its clock is that of ingestion. Pure: a line and an execution → the
line after it. Only a sweep that was complete, or cut by the cap with its rest kept, moves it; any other is planned again.
"""

from dataclasses import replace
from datetime import datetime

from runner.execution.model import Backlog, Execution, Swept, Verdict
from runner.query import Kind
from runner.rules.model import Rule
from runner.schedule.plan import Limits
from runner.schedule.windows import Window

INGESTED = "event.ingested"


def is_swept(rule: Rule) -> bool:
    """Tell whether the rule's late events can be looked for.

    Not for rules that search by ingestion already. A sequence without `maxspan`, and a sample, may have their other
    events anywhere; with a pipe, which of the sequences count depends on all the others.
    """
    if rule.range_field != rule.timestamp_field:
        return False
    program = rule.program
    if program.kind is Kind.EVENT:
        return True
    return program.maxspan is not None and not program.query.pipes and program.single is not None


def begun(rule: Rule, swept: Swept | None, start: datetime, limits: Limits) -> Swept | None:
    """Return the rule's line, begun at `start` unless it has begun already.

    While sweeps are turned off it stays where it is, and goes on when they are turned on again; it is forgotten when that
    would be too late.
    """
    if not is_swept(rule):
        return None
    if limits.late_sweep is not None:
        return swept or Swept(start)
    stale = swept is not None and swept.cut is None and swept.until < start - limits.max_catch_up
    return None if stale else swept


def renewed(swept: Swept | None) -> Swept | None:
    """Return the line to go on with under a changed query: what a cut sweep has left is swept anew."""
    if swept is None or swept.cut is None or swept.cut.ingested is None:
        return swept
    return replace(swept, until=min(swept.until, swept.cut.ingested.start), cut=None)


def moved(swept: Swept | None, execution: Execution) -> Swept | None:
    """Return the line after the execution. It never moves over a hole, nor over the rest of a cut sweep."""
    ingested = execution.ingested
    if swept is None or ingested is None or ingested.start > swept.until:
        return swept
    if swept.cut is not None and swept.cut.ingested != ingested:
        return swept
    until = max(swept.until, ingested.end)
    if execution.verdict is Verdict.COMPLETE:
        return replace(swept, until=until, cut=None)
    if execution.verdict is Verdict.TRUNCATED and execution.resume is not None:
        return replace(swept, until=until, cut=Backlog(execution.window, execution.resume, execution.backlog, ingested))
    return swept


def given_up(swept: Swept | None, unswept: Window | None) -> Swept | None:
    """Return the line, begun anew behind what is given up."""
    if swept is None or unswept is None:
        return swept
    last = swept.given_up
    start = last.start if last is not None and last.end >= unswept.start else unswept.start
    return replace(swept, until=unswept.end, given_up=Window(start, unswept.end))


def unswept_note(unswept: Window) -> str:
    """Say what is given up, and how to find it all the same."""
    start, end = (instant.isoformat() for instant in (unswept.start, unswept.end))
    return (
        f"what came in late from {start} to {end} is not looked for any more, for that is longer ago than "
        "RUNNER_MAX_CATCHUP: `eql-runner backfill --again` over the time before it finds it"
    )


def by_ingestion(rule: Rule, happened: Window) -> Rule:
    """Return the rule as it searches by the time of ingestion, for events that happened in the window."""
    # Whatever format the field's own dates have.
    limits = {
        "gte": happened.start.isoformat(),
        "lt": happened.end.isoformat(),
        "format": "strict_date_optional_time",
    }
    then = {"meta": {}, "query": {"range": {rule.timestamp_field: limits}}}
    return replace(rule, timestamp_override=INGESTED, timestamp_override_fallback=True, filters=(*rule.filters, then))
