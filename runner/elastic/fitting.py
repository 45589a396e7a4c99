"""Which fields of an alert have the shape that our mapping wants: objects where it has objects, values where values.

A value of another type, such as a text where a number belongs, is no matter here: the index keeps it and leaves it out
of the search (`ignore_malformed`). A shape that does not fit makes Elasticsearch refuse the whole document.
"""

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from runner.elastic import templates
from runner.execution.model import Document

_ANY_SHAPE = frozenset({"geo_point", "object"})


def misfits(document: Document) -> Iterator[str]:
    """Yield the top-level keys whose values do not have the shape that the alerts' mapping wants."""
    mappings = _mappings()
    for key, value in document.items():
        nested: Any = value
        for name in reversed(key.split(".")):
            nested = {name: nested}
        if not _fits(mappings, nested):
            yield key


def _fits(wanted: Mapping[str, Any] | None, value: Any) -> bool:
    if wanted is None or value is None:
        return True
    if isinstance(value, list | tuple):
        return all(_fits(wanted, each) for each in value)
    is_object = isinstance(value, Mapping)
    if "properties" in wanted:
        inner = wanted["properties"]
        return is_object and all(_fits(inner.get(name), each) for name, each in value.items())
    kind = wanted.get("type")
    return kind in _ANY_SHAPE or is_object == (kind == "flattened")


@cache
def _mappings() -> Mapping[str, Any]:
    return templates.alerts_mappings()
