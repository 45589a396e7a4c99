"""Exclusions over fields of known types: what a search can leave out, and the local decision on the rest.

The law: *what the search leaves out, the local decision takes away too*. Where the two are the same the search decides
alone, and nothing is left to do for us. Where the search cannot say it (an analysed text, a nested object, a field of
several types), or what the index holds is not all that the document says (values longer than `ignore_above`), the
local decision looks at each event that the search has kept.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from runner.query import escaped_wildcards, indexed
from runner.query.bounds import Bounds, conjunction, decided, disjunction
from runner.query.clauses import (
    ALWAYS,
    IGNORED,
    MOST_TERMS,
    NEVER,
    Clause,
    Either,
    Every,
    Leaf,
    Without,
    either,
    every,
    leaves,
    without,
    written,
)
from runner.query.entries import Condition, Entry, EntryType, Exclusion, Nested, compile_exclusion
from runner.query.indexed import KEY, NUMERIC, Indexed
from runner.query.kinds import Fields, boolean, number
from runner.query.matching import Event
from runner.query.program import Program
from runner.query.types import FieldTypes

MOST_LEAVES = 100  # tests that all exclusions push together, a list being one; the prefilter needs its own room
MOST_VALUES = MOST_TERMS  # of one entry


class Sourced(Protocol):
    """Anything found that holds an event."""

    @property
    def source(self) -> Event: ...


T = TypeVar("T", bound=Sourced)


@dataclass(frozen=True)
class Pushed:
    """What the search leaves out for one exclusion, as Query DSL."""

    id: str
    query: Mapping[str, Any]


class Exclusions:
    """A rule's exclusions, compiled for its fields; without types nothing is pushed and all is decided here.

    `exact` tells whether the search decides them all. `complete`: it does as far as the index knows the events, which
    is how far Elasticsearch's own EQL goes. `whole_texts` are the analysed fields that are compared as a whole.
    """

    def __init__(
        self, exclusions: Sequence[Exclusion], types: FieldTypes | None = None, *, timestamp_field: str = "@timestamp"
    ) -> None:
        known = Fields(types, timestamp_field=timestamp_field)
        self._local: list[tuple[str, Condition]] = []
        self.pushed: list[Pushed] = []
        self.complete = True
        room = MOST_LEAVES
        for exclusion in exclusions:
            bounds = _UNKNOWN if types is None else _bounds(exclusion, types)
            if leaves(bounds.lower) > room:
                bounds = Bounds(bounds.upper, NEVER)
            room -= leaves(bounds.lower)
            if bounds.lower != NEVER:
                self.pushed.append(Pushed(exclusion.id, written(bounds.lower)))
            if bounds.lower != bounds.upper:
                self._local.append((exclusion.id, compile_exclusion(exclusion, known)))
            self.complete = self.complete and _as_indexed(bounds.lower) == _as_indexed(bounds.upper)
        self.whole_texts = _analysed(exclusions, types) if types else frozenset()

    @property
    def exact(self) -> bool:
        """Whether the search decides all of them."""
        return not self._local

    def must_not(self) -> list[Mapping[str, Any]]:
        """Return the queries of what the search leaves out."""
        return [one.query for one in self.pushed]

    def of(self, event: Event) -> list[str]:
        """Return the ids of the exclusions that take the event away, apart from those that the search decides."""
        return [exclusion_id for exclusion_id, holds in self._local if holds(event)]

    def sift(self, found: Sequence[T], program: Program) -> tuple[list[T], Counter[str]]:
        """Return what is not taken away, and how much each exclusion took, of events that the program would use."""
        taken: Counter[str] = Counter()
        if not self._local:
            return list(found), taken
        kept: list[T] = []
        for one in found:
            ids = self.of(one.source)
            if not ids:
                kept.append(one)
            elif program.matches(one.source):
                taken.update(ids)
        return kept, taken


_UNKNOWN = Bounds(ALWAYS, NEVER)


def _bounds(exclusion: Exclusion, types: FieldTypes) -> Bounds:
    parts = [_of_entry(entry, types) for entry in exclusion.entries]
    if exclusion.systems:
        parts.append(disjunction(_of_entry(entry, types) for entry in exclusion.systems))
    return conjunction(parts)


def _of_entry(entry: Entry | Nested, types: FieldTypes) -> Bounds:
    if isinstance(entry, Nested):
        # Which values stand together in one object, the index knows only where it keeps the objects apart.
        return _UNKNOWN
    field = indexed.field(entry.field, types)
    if entry.type is EntryType.EXISTS:
        return field.present if entry.included else _not(field.present)
    if len(entry.values) > MOST_VALUES:
        return field.unknown if entry.included else _UNKNOWN
    passes = disjunction(
        [*(_of_value(entry, value, field) for value in entry.plain), *([field.unknown] * bool(entry.ranges))]
    )
    return passes if entry.included else conjunction([field.present, _not(passes)])


def _of_value(entry: Entry, value: str, field: Indexed) -> Bounds:
    if entry.type is not EntryType.WILDCARD:
        return _equals(value, field)
    if not _is_text(field):
        return field.unknown
    literal = escaped_wildcards.literal(value)
    if literal is not None:
        return field.equals(literal)
    pattern = escaped_wildcards.unescaped(value)
    return field.matches(pattern) if pattern is not None else field.unknown


def _equals(value: str, field: Indexed) -> Bounds:
    """Return the bounds of equality; the text that an entry holds is read as the field's type reads it."""
    if field.types and field.types <= NUMERIC:
        spelled = number(value)
        return decided(NEVER) if spelled is None else field.equals(spelled)
    if field.types == {"boolean"}:
        told = boolean(value)
        return decided(NEVER) if told is None else field.equals(told)
    return field.equals(value)


def _is_text(field: Indexed) -> bool:
    return field.types == KEY or bool(field.types and field.types <= indexed.KEYWORDS)


def _not(bounds: Bounds) -> Bounds:
    return Bounds(without(bounds.lower), without(bounds.upper))


def _as_indexed(clause: Clause) -> Clause:
    """Return the clause as if no value had been left out of the index."""
    match clause:
        case Leaf(field=path) if path == IGNORED:
            return NEVER
        case Every(parts):
            return every(map(_as_indexed, parts))
        case Either(parts):
            return either(map(_as_indexed, parts))
        case Without(part):
            return without(_as_indexed(part))
        case _:
            return clause


def _analysed(exclusions: Iterable[Exclusion], types: FieldTypes) -> frozenset[str]:
    """Return the fields that the index knows word by word only."""
    paths = {
        entry.field
        for exclusion in exclusions
        for entry in exclusion.entries
        if isinstance(entry, Entry) and entry.type is not EntryType.EXISTS
    }
    return frozenset(path for path in paths if indexed.field(path, types).types & {"text", "match_only_text"})
