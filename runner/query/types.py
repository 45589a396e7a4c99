"""What is known of the fields' types, as Elasticsearch's field capabilities tell it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

ANALYSED = frozenset({"text", "match_only_text"})
"""The types whose values the index keeps as words; without `fielddata` they are not aggregatable."""


@dataclass(frozen=True, slots=True)
class FieldType:
    """One field over all indices searched.

    `types` are Elasticsearch's type names (`keyword`, `long`, `text` …), more than one where indices differ;
    `everywhere` is false when some index does not map the field; `searchable` and `aggregatable` hold only when they
    hold in every index that maps it.
    """

    types: frozenset[str]
    everywhere: bool = True
    searchable: bool = True
    aggregatable: bool = True


FieldTypes: TypeAlias = Mapping[str, FieldType]
"""Dotted path → type. A path that is not there is mapped in no index."""


def from_names(names: Mapping[str, str]) -> FieldTypes:
    """Build field types from plain names, each field mapped everywhere: `{"process.pid": "long"}`."""
    return {path: from_name(name) for path, name in names.items()}


def from_name(name: str) -> FieldType:
    """Build the type of a field that is mapped to it everywhere."""
    return FieldType(frozenset({name}), aggregatable=name not in ANALYSED)
