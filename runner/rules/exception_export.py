"""Kibana's export of exception lists: NDJSON, the lists first, then their items, a summary last.

The same lines follow the rules in an export of rules. Sources: Kibana, `export_exception_list_and_items.ts` and
`ExceptionListItemSchema`. An item tells its rules only by its list: a rule names the lists that it obeys.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from runner.rules.draft import Draft
from runner.rules.exceptions import ListKey
from runner.rules.issues import Code, Issue, IssueSeverity
from runner.rules.kibana_export import Kind, LinePlaces, kind_of, objects

# Kibana's key → ours, for what is called otherwise; what is in neither column says nothing to us.
_NAMES = {"description": "reason", "created_by": "owner", "created_at": "created", "expire_time": "expires"}
_SAME = ("name", "item_id", "list_id", "namespace_type", "os_types", "entries")


@dataclass(frozen=True)
class Export:
    """What an export holds: drafts of items, the lists that they may be of, and the issues of the export as such."""

    items: tuple[Draft, ...] = ()
    lists: frozenset[ListKey] = frozenset()
    issues: tuple[Issue, ...] = ()


def read(path: Path, text: str) -> Export:
    """Read an export."""
    issues: list[Issue] = []
    found: list[Draft] = []
    lists: set[ListKey] = set()
    promised: int | None = None
    for number, table in objects(path, text, issues):
        kind = kind_of(table)
        if kind is Kind.ITEM:
            found.append(Draft(path, _renamed(table), LinePlaces(number, table)))
        elif kind is Kind.LIST:
            lists.add((str(table["list_id"]), str(table.get("namespace_type", "single"))))
        elif kind is Kind.SUMMARY:
            promised = table.get("exported_exception_list_item_count")
    if promised is not None and promised != len(found) and not issues:
        message = f"the export's summary tells of {promised} exception items, but there are {len(found)}"
        issues.append(Issue(IssueSeverity.WARNING, Code.INCOMPLETE, message, path, hint="export the list again"))
    return Export(tuple(found), frozenset(lists), tuple(issues))


def _renamed(table: Mapping[str, Any]) -> dict[str, Any]:
    same = {name: table[name] for name in _SAME if table.get(name) is not None}
    return same | {ours: table[name] for name, ours in _NAMES.items() if table.get(name) is not None}
