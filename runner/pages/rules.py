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
from runner.wording import plural


def page(rules: Sequence[Rule], left_out: Sequence[Issue]) -> RenderableType:
    """Show the rules that run, then those that cannot, with the reason, then how many there are."""
    sum_of = Text.assemble((f"{plural(len(rules), 'rule')} can run", "bold green" if rules else "bold red"))
    lost = _by_rule(left_out)
    if lost:
        sum_of.append(f", {len(lost):,} cannot: `eql-runner validate` shows where to look", "red")
    return Group(*(_rule(rule) for rule in rules), *(_left_out(issues) for issues in lost), sum_of)


def _by_rule(issues: Sequence[Issue]) -> list[list[Issue]]:
    """Return the issues of each rule together; what is wrong with a whole file counts as one rule."""
    found: dict[tuple[str, str, str], list[Issue]] = {}
    for issue in issues:
        found.setdefault((str(issue.path), issue.rule_id, issue.rule_name), []).append(issue)
    return list(found.values())


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


def _left_out(issues: Sequence[Issue]) -> RenderableType:
    name, rule_id = screen.safe(issues[0].rule_name or issues[0].path.name), issues[0].rule_id
    why = Text.assemble((f"{screen.safe(rule_id)}\n" if rule_id else "", "dim"))
    why.append(screen.safe("\n".join(issue.message for issue in issues)))
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
                "rule_id": issues[0].rule_id,
                "name": issues[0].rule_name,
                "path": str(issues[0].path),
                "runnable": False,
                "reason": "; ".join(issue.message for issue in issues),
            }
            for issues in _by_rule(left_out)
        ),
    ]
