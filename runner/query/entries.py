"""Entries: tests of single fields that, joined by `and`, make an exclusion; the language of Kibana's exception items.

| type | an event's field passes when |
|---|---|
| match, match_any | one of its values equals (one of) the given |
| wildcard | one of its values is like the given, with `*` and `?`; a backslash takes away what the next character means |
| exists | it has a value |
| list | one of its values is in the list; addresses also by network, or by range as `10.0.0.1-10.0.0.9` |
| nested | one of the objects there passes all the inner entries |

Values compare as the queries do that Kibana makes of entries (`build_exception_filter.ts`): by the field's mapped type,
in their own case, texts as a whole. In two things we keep more events than it does. An analysed text has to equal the
value as a whole, where Kibana looks for the phrase in it. And an `excluded` entry (*is not*) needs a value to judge:
a missing field is no reason to let an event go. Only `exists`, excluded, asks for a missing field, and gets it.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import Any, TypeAlias

from runner.query import addresses, escaped_wildcards, fields
from runner.query.comparisons import Test, equals_any
from runner.query.kinds import Fields, Kind, spelled
from runner.query.matching import Event

Condition: TypeAlias = Callable[[Event], bool]

OS_FIELDS = ("host.os.type", "host.os.name.caseless")  # the second is what Elastic Defend and Endgame fill


class EntryType(StrEnum):
    """How an entry tests its field."""

    MATCH = "match"
    MATCH_ANY = "match_any"
    WILDCARD = "wildcard"
    EXISTS = "exists"
    LIST = "list"


@dataclass(frozen=True)
class Entry:
    """One test of one field; not `included`, it is the test's negation."""

    field: str
    type: EntryType
    values: tuple[str, ...] = ()
    included: bool = True

    @property
    def reads(self) -> frozenset[str]:
        """The paths that the test reads, in the index and in documents: `a.keyword` stands there as `a`."""
        return frozenset({self.field, self.field.removesuffix(".keyword")})

    @cached_property
    def plain(self) -> tuple[str, ...]:
        """The values that are no range of addresses."""
        return tuple(value for value in self.values if address_range(value) is None) if self._ranged else self.values

    @cached_property
    def ranges(self) -> tuple[addresses.Network, ...]:
        """The ranges of addresses; only a list has them."""
        return tuple(found for value in self.values if (found := address_range(value))) if self._ranged else ()

    @property
    def _ranged(self) -> bool:
        return self.type is EntryType.LIST


@dataclass(frozen=True)
class Nested:
    """Tests of the fields of one object among those at `field`; the inner entries' fields are named from there."""

    field: str
    entries: tuple[Entry, ...]

    @property
    def reads(self) -> frozenset[str]:
        """The paths that the tests read."""
        return frozenset({self.field}.union(f"{self.field}.{path}" for entry in self.entries for path in entry.reads))


@dataclass(frozen=True)
class Exclusion:
    """What takes events away: every entry holds, and the system is one of `os_types` where there are any."""

    id: str
    entries: tuple[Entry | Nested, ...]
    os_types: tuple[str, ...] = ()

    @property
    def reads(self) -> frozenset[str]:
        """The paths that the tests read."""
        own = frozenset[str]().union(*(entry.reads for entry in self.entries))
        return own | set(OS_FIELDS) if self.os_types else own

    @property
    def systems(self) -> tuple[Entry, ...]:
        """The entries of which one has to hold for the system."""
        if not self.os_types:
            return ()
        return tuple(Entry(path, EntryType.MATCH_ANY, self.os_types) for path in OS_FIELDS)


def compile_exclusion(exclusion: Exclusion, known: Fields) -> Condition:
    """Compile an exclusion: the test whether it takes an event away."""
    conditions = [_compiled(entry, known) for entry in exclusion.entries]
    systems = [_field_test(entry, known) for entry in exclusion.systems]
    if systems:
        conditions.append(lambda event: any(test(event) for test in systems))
    return lambda event: all(condition(event) for condition in conditions)


def address_range(text: str) -> addresses.Network | None:
    """Return what `10.0.0.1-10.0.0.9` names, None where the text is no such range."""
    first, dash, last = text.partition("-")
    if not dash:
        return None
    start, end = addresses.address(first.strip()), addresses.address(last.strip())
    return None if start is None or end is None else addresses.Network(start, end)


def _compiled(entry: Entry | Nested, known: Fields) -> Condition:
    return _nested_test(entry, known) if isinstance(entry, Nested) else _field_test(entry, known)


def _field_test(entry: Entry, known: Fields, parent: str = "") -> Condition:
    """Compile one entry; `parent` is the path of the object that it is tested on, where it is not the event."""
    path = f"{parent}.{entry.field}" if parent else entry.field
    included = entry.included
    when_absent = entry.type is EntryType.EXISTS and not included
    if not known.mapped(path):
        return lambda _event: when_absent
    inside = f"{parent}." if parent else ""
    read = fields.reader(entry.field, known.source(path).removeprefix(inside))
    test = _value_test(entry, known.kind(path))

    def condition(event: Event) -> bool:
        found = read(event)
        if found is None:
            return when_absent
        passes = any(map(test, found)) if type(found) is list else test(found)
        return passes is included

    return condition


def _value_test(entry: Entry, kind: Kind) -> Test:
    match entry.type:
        case EntryType.EXISTS:
            return lambda _value: True
        case EntryType.WILDCARD:
            return _like(entry.values) if kind in {Kind.TEXT, Kind.ANY} else lambda _value: False
        case _ if entry.ranges and kind in {Kind.ADDRESS, Kind.ANY}:
            equal, inside = equals_any(kind, entry.plain), addresses.within(entry.ranges)
            return lambda value: equal(value) or inside(value)
        case _:
            return equals_any(kind, entry.values)


def _like(patterns: Iterable[str]) -> Test:
    tests = [escaped_wildcards.test_of(pattern) for pattern in patterns]
    return lambda value: any(test(spelled(value)) for test in tests)


def _nested_test(nested: Nested, known: Fields) -> Condition:
    tests = [_field_test(entry, known, nested.field) for entry in nested.entries]
    return lambda event: any(all(test(one) for test in tests) for one in objects(event, nested.field))


def objects(event: Event, path: str) -> Iterator[Mapping[str, Any]]:
    """Yield the objects at a path, however it is spelled."""
    return _objects(event, path.split("."))


def _objects(node: Any, names: list[str]) -> Iterator[Mapping[str, Any]]:
    if isinstance(node, list | tuple):
        for item in node:
            yield from _objects(item, names)
    elif isinstance(node, Mapping):
        if not names:
            yield node
        for count in range(1, len(names) + 1):
            yield from _objects(node.get(".".join(names[:count])), names[count:])
