"""One log line for each execution: its message says everything in words, its fields say it to machines.

rule.id  rule.name  rule.version         event.outcome  event.start  event.duration (ns)
error.type  error.message                eql_runner.execution.…: all that `Execution` counts
"""

import logging
from collections.abc import Mapping
from typing import Any

from runner.execution.model import Execution, Verdict
from runner.rules.model import Rule
from runner.schedule.windows import Window
from runner.telemetry.logs import Logger
from runner.wording import plural

_LEVELS: Mapping[Verdict, int] = {
    Verdict.COMPLETE: logging.INFO,
    Verdict.TRUNCATED: logging.WARNING,
    Verdict.PARTIAL: logging.WARNING,
    Verdict.TIMED_OUT: logging.WARNING,
    Verdict.FAILED: logging.ERROR,
}
_OUTCOMES = {Verdict.COMPLETE: "success", Verdict.TRUNCATED: "success", Verdict.FAILED: "failure"}


class ExecutionLog:
    """Writes one line for each execution."""

    def __init__(self, log: Logger) -> None:
        self._log = log

    def executed(self, execution: Execution) -> None:
        """An execution has ended."""
        self._log.log(_LEVELS[execution.verdict], sentence(execution), **fields(execution))

    def skipped(self, rule: Rule) -> None:
        """A rule was due while still running."""
        self._log.warning(
            f"{rule.name}: not started, its last start still runs or waits; the next one searches its range too. "
            "If this goes on: raise RUNNER_WORKERS, or the rule's interval",
            **{"rule.id": rule.rule_id, "rule.name": rule.name, "event.action": "rule-start-skipped"},
        )

    def crashed(self, rule: Rule, error: Exception) -> None:
        """A run ended in a bug of ours."""
        self._log.error(
            f"{rule.name}: stopped by an error in eql-runner itself: {type(error).__name__}: {error}. "
            "Its range stays open and is searched again; please report the stack trace",
            exc_info=error,
            **{
                "rule.id": rule.rule_id,
                "rule.name": rule.name,
                "event.action": "rule-execution",
                "event.outcome": "failure",
                "error.type": type(error).__name__,
                "error.message": str(error),
            },
        )


def sentence(execution: Execution) -> str:
    """Say an execution in one line."""
    came_in = f" for what came in {span(execution.ingested)}" if execution.ingested else ""
    head = f"{execution.rule_name}: {execution.verdict}, {execution.run_type} {span(execution.window)}{came_in}"
    if execution.failure:
        hint = f" {execution.failure.hint}" if execution.failure.hint else ""
        return f"{head}: {execution.failure.text.rstrip('.')}.{hint} [{execution.failure.kind}, for the {execution.failure.who}]"
    counts = [
        f"{execution.created} created",
        *([f"{execution.suppressed} suppressed"] if execution.suppressed else []),
        plural(execution.duplicates, "duplicate"),
        *([f"{execution.rejected} rejected"] if execution.rejected else []),
        *([f"{execution.backlog} waiting"] if execution.backlog else []),
        f"{execution.matched} of {execution.candidates} matched",
        *([f"{sum(execution.excepted.values())} excepted"] if execution.excepted else []),
        plural(execution.requests, "request"),
        f"{execution.duration:.2f} s",
        *execution.faults,
        *execution.notes,
    ]
    return f"{head}: {', '.join(counts)}"


def span(window: Window) -> str:
    """Write a window: `2025-06-01 11:51:05 to 12:00:05`, with the second date where it is another."""
    start, end = (f"{instant:%Y-%m-%d %H:%M:%S}" for instant in (window.start, window.end))
    return f"{start} to {end[11:] if start[:10] == end[:10] else end}"


def fields(execution: Execution) -> dict[str, Any]:
    """Return an execution in the names that the executions index has, too: ECS where it fits, else ours."""
    found: dict[str, Any] = {
        "event.action": "rule-execution",
        "event.outcome": _OUTCOMES.get(execution.verdict, "unknown"),
        "event.start": execution.started.isoformat(),
        "event.duration": round(execution.duration * 1e9),
        "rule.id": execution.rule_id,
        "rule.name": execution.rule_name,
        "rule.version": str(execution.rule_version),
        "eql_runner.execution.id": execution.id,
        "eql_runner.execution.verdict": str(execution.verdict),
        "eql_runner.execution.run_type": str(execution.run_type),
        "eql_runner.execution.window.start": execution.window.start.isoformat(),
        "eql_runner.execution.window.end": execution.window.end.isoformat(),
    }
    for name in ("candidates", "matched", "created", "suppressed", "duplicates", "rejected", "backlog", "requests"):
        found[f"eql_runner.execution.{name}"] = getattr(execution, name)
    if execution.ingested:
        found["eql_runner.execution.ingested.start"] = execution.ingested.start.isoformat()
        found["eql_runner.execution.ingested.end"] = execution.ingested.end.isoformat()
    if execution.excepted:
        excepted = [{"item": item, "count": count} for item, count in execution.excepted.items()]
        found["eql_runner.execution.excepted"] = excepted
    if execution.notes:
        found["eql_runner.execution.notes"] = list(execution.notes)
    if execution.faults:
        found["error.message"] = "; ".join(execution.faults)
    if execution.failure:
        found["error.type"] = execution.failure.kind
        found["error.message"] = execution.failure.text
        found["eql_runner.execution.failure.who"] = execution.failure.who
        found["eql_runner.execution.failure.hint"] = execution.failure.hint
    return found
