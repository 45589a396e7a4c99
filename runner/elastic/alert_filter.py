"""Which alerts are meant, in a person's terms, and the same in Query DSL."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runner.query.timestamps import timestamp

Query = Mapping[str, Any]

_FREE_TEXT = (
    "kibana.alert.reason",
    "kibana.alert.rule.name",
    "host.name",
    "user.name",
    "process.name",
    "process.command_line",
    "file.path",
)


@dataclass(frozen=True, slots=True)
class Filter:
    """Which alerts are meant: each condition that is given must hold, one of several values suffices.

    `rule` is an id or a part of a name, `host` a name with wildcards, `text` words anywhere in what a person reads of an
    alert. Building blocks are left out unless asked for.
    """

    statuses: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    rule: str = ""
    host: str = ""
    since: datetime | None = None
    text: str = ""
    building_blocks: bool = False

    def query(self) -> dict[str, Any]:
        """Return the filter in Query DSL."""
        conditions: list[Query] = []
        if self.statuses:
            conditions.append({"terms": {"kibana.alert.workflow_status": list(self.statuses)}})
        if self.severities:
            conditions.append({"terms": {"kibana.alert.severity": list(self.severities)}})
        if self.rule:
            conditions.append(_of_rule(self.rule))
        if self.host:
            conditions.append(_like("host.name", self.host))
        if self.since:
            conditions.append(made_since(self.since))
        conditions += [_with_word(word) for word in self.text.split()]
        hidden = [] if self.building_blocks else [{"exists": {"field": "kibana.alert.building_block_type"}}]
        return {"bool": {"filter": conditions, "must_not": hidden}}


def made_since(start: datetime) -> Query:
    """Return the query for alerts made at or after the instant."""
    return {"range": {"@timestamp": {"gte": timestamp(start)}}}


def _of_rule(text: str) -> Query:
    exactly = [{"term": {f"kibana.alert.rule.{name}": text}} for name in ("rule_id", "uuid")]
    return {"bool": {"should": [*exactly, _like("kibana.alert.rule.name", f"*{_literal(text)}*")]}}


def _with_word(word: str) -> Query:
    return {"bool": {"should": [_like(path, f"*{_literal(word)}*") for path in _FREE_TEXT]}}


def _like(path: str, pattern: str) -> Query:
    return {"wildcard": {path: {"value": pattern, "case_insensitive": True}}}


def _literal(text: str) -> str:
    """Return the text as a wildcard pattern that means only itself."""
    return "".join(f"\\{char}" if char in "\\*?" else char for char in text)
