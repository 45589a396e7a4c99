"""Searching events in memory: what `eql-runner test` and the tests do, and anyone who has events and no cluster."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from runner.query import fields, timestamps
from runner.query.ast import Field, Query
from runner.query.kinds import Fields
from runner.query.matching import Event, Joined
from runner.query.parser import parse
from runner.query.program import Kind, Program, compile_for, named
from runner.query.traversal import filters, nodes
from runner.query.types import FieldTypes


@dataclass(frozen=True, slots=True)
class FoundSequence:
    """One sequence or sample: its events in the order of the stages (None for a missing one), and its join keys."""

    events: tuple[Event | None, ...]
    join_keys: tuple[Any, ...]


@dataclass(frozen=True, slots=True)
class Found:
    """What a search found: the `events` of an event query; the `sequences` of a sequence or a sample."""

    events: list[Event]
    sequences: list[FoundSequence]


def search(
    query: str | Program,
    events: Iterable[Event],
    *,
    timestamp_field: str = "@timestamp",
    event_category_field: str = "event.category",
    tiebreaker_field: str | None = None,
    size: int | None = None,
    max_samples_per_key: int | None = None,
    field_types: Mapping[str, str] | FieldTypes | None = None,
) -> Found:
    """Run a query over events, given in any order; return at most `size` findings, the ones that the API returns.

    The events are put in order of their timestamp, then of their tiebreaker; those without a timestamp come first (a
    sample takes them as they come). A Program brings its own fields and types. `field_types` need not name all fields.
    Raises QueryError.
    """
    events = list(events)
    if isinstance(query, Program):
        program = query
    else:
        known = Fields(
            named(field_types), timestamp_field=timestamp_field, complete=False, absent=_absent(parse(query), events)
        )
        program = compile_for(query, known, event_category_field, timestamp_field, tiebreaker_field)
    matching = program.matching(max_samples_per_key=max_samples_per_key or 1, size=size)
    found: list[Joined[Event]] = []
    for time, event in _ordered(events, program):
        found += matching.feed(event, time, event)
    found += matching.finish()
    if program.kind is Kind.EVENT:
        return Found([item for joined in found for item in joined.items if item is not None], [])
    return Found([], [FoundSequence(joined.items, joined.join_keys) for joined in found])


def _absent(query: Query, events: list[Event]) -> frozenset[str]:
    """Return the optional fields that no event has."""
    optional = {
        node.path
        for each in filters(query)
        for node in nodes(each.condition)
        if isinstance(node, Field) and node.optional
    }
    return frozenset(path for path in optional if all(fields.reader(path)(event) is None for event in events))


def _ordered(events: Iterable[Event], program: Program) -> list[tuple[int, Event]]:
    """Return the events with their times in nanoseconds, in order; a sample's as they come, time is nothing to it."""
    if program.kind is Kind.SAMPLE:
        return [(0, event) for event in events]
    read_time = fields.reader(program.timestamp_field)
    read_tie = fields.reader(program.tiebreaker_field) if program.tiebreaker_field else fields.nothing
    timed: list[tuple[int, tuple[int, Any], Event]] = []
    untimed: list[Event] = []
    for event in events:
        time = timestamps.nanoseconds(_least(read_time(event)))
        if time is None:
            untimed.append(event)
        else:
            timed.append((time, tiebreak(read_tie(event)), event))
    timed.sort(key=lambda each: each[:2])
    start = timed[0][0] if timed else 0
    return [(start, event) for event in untimed] + [(time, event) for time, _tie, event in timed]


def tiebreak(value: Any) -> tuple[int, Any]:
    """Return a key that orders values of a tiebreaker: numbers, texts, none. Source: `Ordinal.compareTo`."""
    return _rank(_least(value))


def _least(value: Any) -> Any:
    """Return one value of a field that may have several: Elasticsearch sorts by the least."""
    return min(value, key=_rank) if isinstance(value, list) else value


def _rank(value: Any) -> tuple[int, Any]:
    if value is None:
        return (3, 0)
    return (1, value) if isinstance(value, int | float) else (2, str(value))
