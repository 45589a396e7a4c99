"""What a rule lets its events say about the alert: severity, risk score and name.

Sources: Kibana, `rule_types/utils/mappings/*.ts`. Unlike there, the overrides hold for sequences too: the highest
severity and risk of any event, the name from the first event that has one.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import floor
from typing import Any

from runner.execution.model import Document
from runner.query import values
from runner.rules.model import Rule, Severity

_EVENT_SEVERITY = "event.severity"  # the one field whose values are compared as numbers
_LARGEST_SAFE = 2**53 - 1  # beyond it Kibana cannot tell whole numbers apart, and takes none


@dataclass(frozen=True, slots=True)
class Standing:
    """How an alert presents itself."""

    name: str
    severity: Severity
    risk_score: float


def standing(rule: Rule, sources: Sequence[Document]) -> Standing:
    """Return the alert's name, severity and risk score: as the rule's mappings read the events, else the rule's own."""
    return Standing(
        name=_name(rule, sources) or rule.name,
        severity=_severity(rule, sources) or rule.severity,
        risk_score=_risk_score(rule, sources, default=rule.risk_score),
    )


def _name(rule: Rule, sources: Sequence[Document]) -> str | None:
    """Return the text of the override field; one with several values names nothing."""
    if rule.rule_name_override is None:
        return None
    found = (values(source, rule.rule_name_override) for source in sources)
    return next((some[0] for some in found if len(some) == 1 and isinstance(some[0], str) and some[0]), None)


def _severity(rule: Rule, sources: Sequence[Document]) -> Severity | None:
    """Return the highest severity of which a mapping holds."""
    holding = {
        Severity(mapping["severity"])
        for mapping in rule.severity_mapping
        if any(_equals(mapping, value) for value in _all(sources, mapping["field"]))
    }
    return max(holding, key=list(Severity).index, default=None)


def _equals(mapping: Any, value: Any) -> bool:
    whole = isinstance(value, int) and not isinstance(value, bool) and abs(value) <= _LARGEST_SAFE
    if mapping["field"] == _EVENT_SEVERITY:
        wanted = _number(mapping["value"])
        return whole and wanted is not None and value == floor(wanted)
    return (whole or isinstance(value, str)) and str(value) == str(mapping["value"])


def _risk_score(rule: Rule, sources: Sequence[Document], default: float) -> float:
    """Return the highest valid score of the first mapping's field; the further mappings say nothing."""
    if not rule.risk_score_mapping:
        return default
    numbers = (_number(value) for value in _all(sources, rule.risk_score_mapping[0]["field"]))
    return max((number for number in numbers if number is not None and 0 <= number <= 100), default=default)


def _number(value: Any) -> float | None:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        return float(value)
    except ValueError:
        return None


def _all(sources: Sequence[Document], path: str) -> Iterable[Any]:
    return (value for source in sources for value in values(source, path))
