"""Which of a rule's exceptions an execution goes by."""

from dataclasses import replace
from datetime import datetime

from runner.rules.model import Rule


def in_force(rule: Rule, now: datetime) -> tuple[Rule, tuple[str, ...]]:
    """Return the rule without the exceptions that have expired, and a note of each of these."""
    expired = [item for item in rule.exceptions if not item.in_force(now)]
    if not expired:
        return rule, ()
    notes = tuple(
        f"the exception `{item.name}` expired on {item.expires:%Y-%m-%d} and is not applied" for item in expired
    )
    return replace(rule, exceptions=tuple(item for item in rule.exceptions if item.in_force(now))), notes
