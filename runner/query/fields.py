"""Reading a field of an event by its dotted path.

An event is what JSON makes of a document: objects, lists and scalars. `a.b` may be written `{"a": {"b": 1}}`,
`{"a.b": 1}` or any mixture; a list of objects has each one's values. As in Elasticsearch, nulls and empty lists are
no values, lists are flattened, and the order of values means nothing. An object where a value is looked for is none.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeAlias

from runner.query.matching import Event

Read: TypeAlias = Callable[[Event], Any]
"""Reads one field: None (no value), the one value, or a list of two or more."""

_SCALARS = frozenset({str, int, float, bool})


def values(event: Event, path: str) -> list[Any]:
    """Return all values at the path, none of them null."""
    return list(_walk(event, _splits(path.split("."))))


def first_value(event: Event, path: str) -> Any:
    """Return the first value at the path, None where there is none."""
    found = values(event, path)
    return found[0] if found else None


def first_text(event: Event, path: str) -> str:
    """Return the first value at the path as Python spells it, no text where there is none."""
    found = first_value(event, path)
    return "" if found is None else str(found)


def reader(path: str, field: str | None = None) -> Read:
    """Return the quickest way to read the path.

    `field` is the field of a multi-field, in which documents have its values; an event that spells the multi-field's
    own path in full has them there, as the index told.
    """
    if field is not None and field != path:
        return _multi(path, field)
    names = path.split(".")
    thorough = _thorough(path)
    match names:
        case [_only]:
            return _one(path, thorough)
        case [first, second]:
            return _two(first, second, path, thorough)
        case [first, second, third]:
            return _three(first, second, third, path, thorough)
    return _many(names, thorough)


def nothing(_event: Event) -> None:
    """Read a field that no event has: there is no value, which is None."""


def passing(
    path: str, test: Callable[[Any], bool], of_text: Callable[[str], bool], field: str | None = None
) -> Callable[[Event], bool]:
    """Return the quickest way to tell whether one of the values at the path passes a test.

    `of_text` is the same test for a text; of `field` see `reader`.
    """
    names = path.split(".")
    general = _passing(reader(path, field), test, of_text)
    plain = field in (None, path) and len(names) == 2
    return _two_passing(names[0], names[1], path, of_text, general) if plain else general


def _passing(read: Read, test: Callable[[Any], bool], of_text: Callable[[str], bool]) -> Callable[[Event], bool]:
    def passes(event: Event) -> bool:
        value = read(event)
        if type(value) is str:
            return of_text(value)
        if value is None:
            return False
        if type(value) is list:
            for each in value:  # noqa: SIM110  a loop is quicker than any() over a generator
                if of_text(each) if type(each) is str else test(each):
                    return True
            return False
        return test(value)

    return passes


def _two_passing(
    first: str, second: str, path: str, of_text: Callable[[str], bool], general: Callable[[Event], bool]
) -> Callable[[Event], bool]:
    """Take the nested way to a text, which is the usual case, without a call of the reader."""

    def passes(event: Event) -> bool:
        if path not in event and type(event) is dict:
            node = event.get(first)
            if type(node) is dict:
                value = node.get(second)
                if type(value) is str:
                    return of_text(value)
                if value is None:
                    return False
        return general(event)

    return passes


_Splits: TypeAlias = "list[tuple[str, _Splits | None]]"


def _splits(names: list[str]) -> _Splits:
    """Return each key that the path can start with, and how it goes on behind it (None: it ends there)."""
    found: _Splits = []
    for count in range(1, len(names) + 1):
        rest = names[count:]
        found.append((".".join(names[:count]), _splits(rest) if rest else None))
    return found


def _walk(node: Any, splits: _Splits) -> Iterator[Any]:
    if isinstance(node, Mapping):
        for key, rest in splits:
            child = node.get(key)
            if child is not None:
                yield from _leaves(child) if rest is None else _walk(child, rest)
    elif isinstance(node, list | tuple):
        for item in node:
            yield from _walk(item, splits)


def _leaves(value: Any) -> Iterator[Any]:
    if isinstance(value, list | tuple):
        for item in value:
            yield from _leaves(item)
    elif value is not None and not isinstance(value, Mapping):
        yield value


def _packed(found: list[Any]) -> Any:
    """Return None, the one value, or the list."""
    if len(found) > 1:
        return found
    return found[0] if found else None


def _leaf(value: Any) -> Any:
    """Return what is read of the value at the end of a path."""
    kind = type(value)
    if kind in _SCALARS:
        return value
    if kind is list and value:
        for item in value:
            if type(item) not in _SCALARS:
                break
        else:
            return value if len(value) > 1 else value[0]
    return _packed(list(_leaves(value)))


def _thorough(path: str) -> Read:
    splits = _splits(path.split("."))

    def read(event: Event) -> Any:
        return _packed(list(_walk(event, splits)))

    return read


def _one(path: str, thorough: Read) -> Read:
    def read(event: Event) -> Any:
        if type(event) is not dict:
            return thorough(event)
        value = event.get(path)
        return value if type(value) is str or value is None else _leaf(value)

    return read


def _multi(path: str, field: str) -> Read:
    own, of_field = reader(path), reader(field)
    return lambda event: own(event) if path in event else of_field(event)


# The readers below take the nested way, which is final when no key of the event spells the path otherwise.


def _two(first: str, second: str, path: str, thorough: Read) -> Read:
    def read(event: Event) -> Any:
        if path in event or type(event) is not dict:
            return thorough(event)
        node = event.get(first)
        if type(node) is dict:
            value = node.get(second)
            return value if type(value) is str or value is None else _leaf(value)
        return None if node is None else thorough(event)

    return read


def _three(first: str, second: str, third: str, path: str, thorough: Read) -> Read:
    head, tail = f"{first}.{second}", f"{second}.{third}"

    def read(event: Event) -> Any:
        if path in event or head in event or type(event) is not dict:
            return thorough(event)
        outer = event.get(first)
        if type(outer) is dict:
            if tail in outer:
                return thorough(event)
            inner = outer.get(second)
            if type(inner) is dict:
                value = inner.get(third)
                return value if type(value) is str or value is None else _leaf(value)
            return None if inner is None else thorough(event)
        return None if outer is None else thorough(event)

    return read


def _many(names: list[str], thorough: Read) -> Read:
    heads = [".".join(names[:count]) for count in range(2, len(names) + 1)]
    first = names[0]

    def read(event: Event) -> Any:
        # Where the event has no such object at all, which is common, the walk can be spared.
        if first not in event and not any(head in event for head in heads):
            return None
        return thorough(event)

    return read
