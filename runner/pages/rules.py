"""Rules: what would run, how often, and over which range and indices."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.text import Text

from runner.pages import screen
from runner.rules.issues import Issue
from runner.rules.model import Rule


def page(rules: Sequence[Rule], left_out: Sequence[Issue]) -> RenderableType:
    """Show the rules that run, then those that cannot, with the reason, then how many there are."""
    sum_of = Text.assemble((f"{screen.plural(len(rules), 'rule')} can run", "bold green" if rules else "bold red"))
    if left_out:
        sum_of.append(f", {len(left_out):,} cannot", "red")
    return Group(*(_rule(rule) for rule in rules), *(_left_out(issue) for issue in left_out), sum_of)


def _rule(rule: Rule) -> RenderableType:
    schedule = rule.schedule
    facts = Text.assemble(
        (f"{rule.rule_id}\n", "dim"),
        f"{rule.program.kind}, ",
        screen.severity(str(rule.severity)),
        f", every {schedule.interval_text} over {schedule.start.text} to {schedule.end.text}\n",
        (screen.safe(", ".join(rule.index)), "dim"),
    )
    return Group(Text(screen.safe(rule.name), "bold"), Padding(facts, (0, 0, 0, 2), expand=False), "")


def _left_out(issue: Issue) -> RenderableType:
    name = screen.safe(issue.rule_name or issue.path.name)
    why = Text.assemble((f"{screen.safe(issue.rule_id)}\n" if issue.rule_id else "", "dim"), screen.safe(issue.message))
    return Group(Text.assemble((name, "bold"), ("  cannot run", "red")), Padding(why, (0, 0, 0, 2), expand=False), "")


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
