"""Rules: what would run, how often, and over which range and indices."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import RenderableType
from rich.text import Text

from runner.pages import screen
from runner.rules.issues import Issue
from runner.rules.model import Rule


def page(rules: Sequence[Rule], left_out: Sequence[Issue]) -> RenderableType:
    """Show the rules that run, then those that cannot, with the reason."""
    table = screen.table("Rule", "Kind", "Severity", "Runs", "Searches", "Indices", wrap=("Rule", "Indices"))
    for rule in rules:
        table.add_row(
            _named(rule.name, rule.rule_id),
            str(rule.program.kind),
            screen.severity(str(rule.severity)),
            f"every {rule.schedule.interval_text}",
            f"{rule.schedule.start.text} to {rule.schedule.end.text}",
            screen.safe("\n".join(rule.index)),
        )
    for issue in left_out:
        name = _named(issue.rule_name or issue.path.name, issue.rule_id)
        table.add_row(name, Text("not run", "red"), "", "", "", Text(screen.safe(issue.message), "dim"))
    return table


def as_json(rules: Sequence[Rule], left_out: Sequence[Issue], now: datetime) -> list[dict[str, Any]]:
    """Return the rules as plain JSON values."""
    return [
        *(
            {
                "rule_id": rule.rule_id,
                "name": rule.name,
                "version": rule.version,
                "type": rule.type,
                "kind": str(rule.program.kind),
                "severity": str(rule.severity),
                "risk_score": rule.risk_score,
                "interval_seconds": rule.schedule.interval.total_seconds(),
                "from": rule.schedule.start.text,
                "to": rule.schedule.end.text,
                "lookback_seconds": rule.schedule.lookback(now).total_seconds(),
                "index": list(rule.index),
                "path": str(rule.path) if rule.path else None,
                "runnable": True,
            }
            for rule in rules
        ),
        *(
            {
                "rule_id": issue.rule_id,
                "name": issue.rule_name,
                "path": str(issue.path),
                "runnable": False,
                "reason": issue.message,
            }
            for issue in left_out
        ),
    ]


def _named(name: str, rule_id: str) -> Text:
    return Text.assemble(screen.safe(name), (f"\n{screen.safe(rule_id)}" if rule_id else "", "dim"))
