"""Executions: what was searched, how completely, and what came of it."""

from collections.abc import Mapping, Sequence
from itertools import groupby
from operator import attrgetter
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from runner.execution.model import Execution, Verdict
from runner.pages import screen
from runner.wording import plural


def page(executions: Sequence[Execution], nothing: str = "nothing was executed") -> RenderableType:
    """Show executions as a table, then what was wrong with each that is not complete, then the sum."""
    if not executions:
        return Text(nothing)
    return Group(rows(executions), "", *_troubles(executions), _sum(executions))


def backfill(executions: Sequence[Execution], *, dry_run: bool) -> RenderableType:
    """Show the executions of a backfill, and whether they were but a rehearsal."""
    shown = page(executions, nothing="everything in that range is proven searched (--again repeats it)")
    return Group(shown, Text("dry run: nothing was written", "yellow")) if dry_run else shown


def rows(executions: Sequence[Execution], *, named: bool = True) -> RenderableType:
    """Show a line for each execution, below its rule's name where `named`."""
    heading = screen.columns(*_WIDTHS)
    heading.add_row(*_HEADINGS, style="dim")
    parts: list[RenderableType] = [heading]
    for name, group in groupby(executions, key=attrgetter("rule_name")):
        if named:
            parts.append(Text(screen.safe(name), "bold"))
        table = screen.columns(*_WIDTHS)
        for execution in group:
            table.add_row(*_row(execution))
        parts.append(table)
    return Group(*parts)


_HEADINGS = ("Run type", "Window (UTC)", "Verdict", "New", "Known", "Waiting", "Time")
_WIDTHS = (9, 26, 9, -6, -6, -8, -7)


def _row(execution: Execution) -> tuple[RenderableType, ...]:
    return (
        str(execution.run_type),
        screen.span(execution.window, execution.started),
        screen.verdict(execution.verdict),
        screen.count(execution.created),
        screen.count(execution.duplicates, ""),
        screen.count(execution.backlog, "yellow"),
        f"{execution.duration:.2f}s",
    )


def as_json(execution: Execution) -> dict[str, Any]:
    """Return an execution as plain JSON values, named as `Execution` names them."""
    failure = execution.failure
    return {
        "id": execution.id,
        "rule_id": execution.rule_id,
        "rule_name": execution.rule_name,
        "rule_version": execution.rule_version,
        "query_hash": execution.query_hash,
        "run_type": str(execution.run_type),
        "window": {"start": execution.window.start.isoformat(), "end": execution.window.end.isoformat()},
        "started": execution.started.isoformat(),
        "duration_seconds": round(execution.duration, 6),
        "verdict": str(execution.verdict),
        **{name: getattr(execution, name) for name in _COUNTS},
        "excepted": dict(execution.excepted),
        "faults": list(execution.faults),
        "notes": list(execution.notes),
        "failure": failure and {"kind": failure.kind, "who": failure.who, "text": failure.text, "hint": failure.hint},
    }


_COUNTS = ("candidates", "matched", "created", "suppressed", "duplicates", "rejected", "backlog", "requests")


def _troubles(executions: Sequence[Execution]) -> list[Text]:
    """Say what was wrong, and what is worth knowing, of each rule: each thing once."""
    said: dict[str, dict[str, str]] = {}
    for execution in executions:
        of_rule = said.setdefault(execution.rule_name, {})
        if execution.failure:
            failure = execution.failure
            hint = f"\n  {failure.hint}" if failure.hint else ""
            of_rule[f"{failure.text}{hint}\n  (for the {failure.who})"] = "red"
        of_rule.update(dict.fromkeys(execution.faults, "yellow"))
        of_rule.update(dict.fromkeys(execution.notes, "cyan"))
    return [_trouble(name, texts) for name, texts in said.items() if texts]


def _trouble(name: str, texts: Mapping[str, str]) -> Text:
    found = Text.assemble((screen.safe(name), "bold"), "\n")
    for text, style in texts.items():
        found.append("● ", style).append(f"{screen.safe(text)}\n")
    return found


def _sum(executions: Sequence[Execution]) -> Text:
    created = sum(execution.created for execution in executions)
    known = sum(execution.duplicates for execution in executions)
    waiting = sum(execution.backlog for execution in executions)
    suppressed = sum(execution.suppressed for execution in executions)
    excepted = sum(sum(execution.excepted.values()) for execution in executions)
    incomplete = sum(execution.verdict is not Verdict.COMPLETE for execution in executions)
    text = Text.assemble((f"{plural(created, 'alert')} created", "bold"), f", {known:,} known already")
    if suppressed:
        text.append(f", {suppressed:,} suppressed")
    if excepted:
        text.append(f", {plural(excepted, 'event')} excepted")
    if waiting:
        text.append(f", {waiting:,} waiting for the next run", "yellow")
    if incomplete:
        text.append(f"\n{incomplete} of {plural(len(executions), 'execution')} not complete", "bold yellow")
    else:
        complete = "complete" if len(executions) == 1 else "all complete"
        text.append(f"\n{plural(len(executions), 'execution')}, {complete}", "green")
    return text
