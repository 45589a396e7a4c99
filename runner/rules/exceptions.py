"""Exception items: which events must not become alerts, of which rules, until when, and who answers for it."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeAlias

import orjson

from runner.query.entries import Entry, Exclusion, Nested

ENDPOINT_LIST = "endpoint_list"  # Elastic Defend's own: neither Kibana's rules nor ours apply it

ListKey: TypeAlias = tuple[str, str]
"""A list's `list_id` and `namespace_type`."""


@dataclass(frozen=True, slots=True)
class Target:
    """The rules that an item or a list is for, apart from those that name its list themselves.

    `rules` are ids or names, `tags` those of rules.
    """

    rules: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()
    all_rules: bool = False

    def holds(self, rule_id: str, name: str, tags: Iterable[str]) -> bool:
        """Tell whether a rule is meant."""
        return self.all_rules or rule_id in self.rules or name in self.rules or not set(tags).isdisjoint(self.tags)


@dataclass(frozen=True)
class ExceptionItem:
    """One item of one exception list; `exclusion` says which events it is about, and has the item's id."""

    exclusion: Exclusion
    name: str
    list_id: str
    namespace_type: str = "single"
    target: Target = Target()
    owner: str = ""
    reason: str = ""
    created: datetime | None = None
    expires: datetime | None = None
    path: Path | None = None
    line: int = 1

    @property
    def item_id(self) -> str:
        return self.exclusion.id

    @property
    def list_key(self) -> ListKey:
        return self.list_id, self.namespace_type

    def in_force(self, now: datetime) -> bool:
        """Tell whether the item applies to an execution that starts now."""
        return self.expires is None or now <= self.expires


def digest(items: Iterable[ExceptionItem]) -> str:
    """Return a short digest of what the items take away, whatever they are called and whoever owns them."""
    told = sorted(orjson.dumps(_told(item.exclusion)) for item in items)
    return hashlib.sha256(b"\n".join(told)).hexdigest()[:16]


def _told(exclusion: Exclusion) -> list[Any]:
    return [exclusion.os_types, *map(_told_entry, exclusion.entries)]


def _told_entry(entry: Entry | Nested) -> Mapping[str, Any]:
    if isinstance(entry, Nested):
        return {"field": entry.field, "entries": [_told_entry(inner) for inner in entry.entries]}
    return {"field": entry.field, "type": entry.type, "values": entry.values, "included": entry.included}
