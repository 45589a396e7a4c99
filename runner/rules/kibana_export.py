"""Kibana's rule export: NDJSON, one object a line; rules first, then exception lists and connectors, a summary last.

Source: Kibana, `get_export_by_object_ids.ts` and its relatives; the export of a rule has the fields of the detections
API in snake_case. Rules are read here and exception items in `exception_export`; what else is there is named once.
"""

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from runner.rules.draft import Draft, KeyPath
from runner.rules.issues import Code, Issue, IssueSeverity, Place
from runner.wording import plural


class Kind(StrEnum):
    """What a line of an export holds."""

    RULE = "rule"
    LIST = "exception list"
    ITEM = "exception item"
    CONNECTOR = "connector"
    SUMMARY = "summary"


_READ_ELSEWHERE = (Kind.LIST, Kind.ITEM)


@dataclass(frozen=True, slots=True)
class LinePlaces:
    """The places of a rule that stands on one line of an export; only the text it holds can be shown."""

    line: int
    table: Mapping[str, Any]

    def of(self, key: KeyPath) -> Place:
        """Return the line, with the key and its value in short."""
        name = key[0] if key else None
        if not isinstance(name, str) or name not in self.table:
            return Place(self.line)
        shown = f"{json.dumps(name)}: {json.dumps(self.table[name], ensure_ascii=False)}"
        return Place(self.line, 1, Place.on(shown, 1, 1).excerpt)

    def inside(self, key: KeyPath, line: int, column: int) -> Place:
        """Return the export's line, with the line of the text that the key holds."""
        lines = str(self.table.get(str(key[0]), "")).split("\n")
        shown = Place.on(lines[line - 1] if line <= len(lines) else "", line, column)
        return Place(self.line, 1, shown.excerpt, shown.caret)


def drafts(path: Path, text: str) -> tuple[tuple[Draft, ...], tuple[Issue, ...]]:
    """Return the rules of the export as drafts, and the issues of the export as such."""
    found: list[Draft] = []
    issues: list[Issue] = []
    others: Counter[str] = Counter()
    summary: Mapping[str, Any] | None = None
    for number, table in objects(path, text, issues):
        kind = kind_of(table)
        if kind is Kind.RULE:
            found.append(Draft(path, _without_nulls(table), LinePlaces(number, table)))
        elif kind is Kind.SUMMARY:
            summary = table
        elif kind not in _READ_ELSEWHERE:
            others[kind] += 1
    return tuple(found), (*issues, *_about_export(path, len(found), others, summary, complained=bool(issues)))


def objects(path: Path, text: str, issues: list[Issue]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield each line's object with the line's number; what is none becomes an issue."""
    for number, line in enumerate(text.split("\n"), start=1):
        table = _object(path, number, line, issues)
        if table is not None:
            yield number, table


def _object(path: Path, number: int, line: str, issues: list[Issue]) -> Mapping[str, Any] | None:
    if not line.strip():
        return None
    try:
        table = orjson.loads(line)  # as strict as Elasticsearch is with what alerts carry on: no half characters
    except orjson.JSONDecodeError as error:
        place = Place.on(line, number, error.colno)
        issues.append(Issue(IssueSeverity.ERROR, Code.SYNTAX, f"not valid JSON: {error.msg}", path, place))
        return None
    if not isinstance(table, dict):
        message = "expected a JSON object on each line, as Kibana exports rules"
        issues.append(Issue(IssueSeverity.ERROR, Code.NOT_A_RULE, message, path, Place.on(line, number, 1)))
        return None
    return table


def kind_of(table: Mapping[str, Any]) -> Kind:
    """Return what an object of an export is."""
    if "exported_count" in table or "exported_rules_count" in table or "exported_exception_list_count" in table:
        return Kind.SUMMARY
    if "item_id" in table:
        return Kind.ITEM
    if "list_id" in table:
        return Kind.LIST
    if "attributes" in table:
        return Kind.CONNECTOR
    return Kind.RULE


def _about_export(
    path: Path, rules: int, others: Counter[str], summary: Mapping[str, Any] | None, *, complained: bool
) -> list[Issue]:
    issues = []
    if others:
        told = " and ".join(plural(count, kind) for kind, count in sorted(others.items()))
        issues.append(Issue(IssueSeverity.INFO, Code.NO_EFFECT, f"not read from this export: {told}", path))
    promised = (summary or {}).get("exported_rules_count", rules)
    if promised != rules and not complained:
        message = f"the export holds {plural(rules, 'rule')}, and its summary tells of {promised}"
        issues.append(Issue(IssueSeverity.WARNING, Code.INCOMPLETE, message, path, hint="export the rules again"))
    if summary is None and rules and not complained:
        message = "the export's summary, its last line, is missing: rules may be missing too"
        issues.append(Issue(IssueSeverity.WARNING, Code.INCOMPLETE, message, path, hint="export the rules again"))
    return issues


def _without_nulls(table: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in table.items() if value is not None}
