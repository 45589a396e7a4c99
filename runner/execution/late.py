"""Events that came in late: a rule turned to look by the time of ingestion, for what had happened before."""

from dataclasses import replace

from runner.execution.model import Execution, RunType, Verdict
from runner.query import Kind
from runner.rules.model import Rule
from runner.schedule.windows import Window

INGESTED = "event.ingested"


def swept(rule: Rule, searched: Execution) -> bool:
    """Tell whether what came in during the searched window is to be looked for behind it.

    Not for rules that search by ingestion already, and not for sequences, whose other events may have come in long before.
    """
    whole = searched.verdict is Verdict.COMPLETE and searched.run_type in {RunType.STANDARD, RunType.CATCH_UP}
    return whole and rule.program.kind is Kind.EVENT and rule.range_field == rule.timestamp_field


def by_ingestion(rule: Rule, happened: Window) -> Rule:
    """Return the rule as it searches by the time of ingestion, for events that happened in the window."""
    limits = {"gte": happened.start.isoformat(), "lt": happened.end.isoformat()}
    then = {"meta": {}, "query": {"range": {rule.timestamp_field: limits}}}
    return replace(rule, timestamp_override=INGESTED, timestamp_override_fallback=True, filters=(*rule.filters, then))
