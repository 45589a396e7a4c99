"""A query, checked and ready to run: immutable, shared by threads."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any, Literal, TypeAlias

from runner.errors import QueryError
from runner.query import ast, fields, written
from runner.query.checks import check, faults
from runner.query.connectives import Condition
from runner.query.indexed import consulted
from runner.query.join_keys import keys_reader
from runner.query.kinds import Fields
from runner.query.matcher import compile_filter
from runner.query.matching import Event, Joined, Matching
from runner.query.parser import parse
from runner.query.pipes import piped
from runner.query.prefilter import Prefilter, prefilter
from runner.query.samples import SampleMatching
from runner.query.sequences import SequenceMatching
from runner.query.stages import CompiledStage, no_keys
from runner.query.traversal import filters, nodes, stages
from runner.query.types import FieldType, FieldTypes, from_name

__all__ = ["Event", "Joined", "Kind", "Matching", "Program", "compile"]


class Kind(StrEnum):
    """What a query finds."""

    EVENT = "event"
    SEQUENCE = "sequence"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class Compiled:
    """The running parts of a query: an event query is one stage."""

    stages: tuple[CompiledStage, ...] = ()
    until: CompiledStage | None = None


@dataclass(frozen=True)
class Program:
    """A checked query. `fields` are all paths it reads; `maxspan` only where a sequence names one."""

    text: str
    query: ast.Query
    kind: Kind
    fields: frozenset[str]
    maxspan: timedelta | None = None
    timestamp_field: str = "@timestamp"
    event_category_field: str = "event.category"
    tiebreaker_field: str | None = None
    compiled: Compiled = field(default=Compiled(), repr=False, compare=False)

    @cached_property
    def matches(self) -> Condition:
        """Tell whether an event query's condition is definitely true of the event (pipes aside).

        For a sequence or a sample: whether the event can be one of its stages, or its `until`.
        """
        until = self.compiled.until
        stages = (*self.compiled.stages, *((until,) if until else ()))
        if len(stages) == 1:
            only: Condition = stages[0].matches
            return only
        return lambda event: any(stage.matches(event) for stage in stages)

    @cached_property
    def single(self) -> "Program | None":
        """The event query for all that a match can be made of; None where it would be nested too deeply.

        A missing event (`![…]`) and `until` are no part of it, for no match is made of them.
        """
        if isinstance(self.query, ast.EventQuery):
            return self
        try:
            return compile(
                written.any_stage(self.query, self.event_category_field),
                event_category_field=self.event_category_field,
                timestamp_field=self.timestamp_field,
                tiebreaker_field=self.tiebreaker_field,
            )
        except QueryError:
            return None

    def matching(self, *, max_samples_per_key: int = 1, size: int | None = None) -> Matching[Any]:
        """Return a fresh run of the program.

        With a `size` it finds at most that many, as the EQL search API does: of samples the first, else the last ones
        (or those that the first pipe takes), before the pipes take theirs.
        """
        pipes = self.query.pipes
        if size is not None:
            taken: Literal["head", "tail"] = "head" if self.kind is Kind.SAMPLE else "tail"
            pipes = (ast.Pipe(pipes[0].name if pipes else taken, size), *pipes)
        return piped(self._unpiped(max_samples_per_key), pipes)

    def typed(self, field_types: Mapping[str, str] | FieldTypes) -> "Program":
        """Return the same query for fields of these types. Raises QueryError as `compile` does."""
        return compile(
            self.text,
            event_category_field=self.event_category_field,
            timestamp_field=self.timestamp_field,
            tiebreaker_field=self.tiebreaker_field,
            field_types=field_types,
        )

    def adapted(self, types: FieldTypes, conjuncts: tuple[int, ...] | None = None) -> "Program":
        """Return the same query for data whose fields have these types, where a path that has none is absent.

        Unlike `typed` it refuses no path for being mapped nowhere. With `conjuncts`, no more of an event query is asked
        than those of its conjuncts (`Prefilter.undecided`). Raises QueryError where the types do not fit.
        """
        known = _known(self.fields, types)
        options = self.event_category_field, self.timestamp_field, self.tiebreaker_field
        return _adapted(self.text, known, self.fields, options, conjuncts)

    def prefilter(self, types: FieldTypes) -> Prefilter:
        """Return what to search for, where fields have these types. See `prefilter`."""
        known = _known(self.fields | {self.event_category_field}, types)
        return _prefilter(self.text, self.event_category_field, known)

    def unmapped(self, types: FieldTypes) -> tuple[ast.Field, ...]:
        """Return the places that name a field that none of the types has, optional ones aside."""
        known = Fields(types, timestamp_field=self.timestamp_field)
        return tuple(
            each
            for each in _fields(self.query)
            if not (each.optional or known.types(each.path) or known.nested_in(each.path))
        )

    def misfits(self, types: FieldTypes) -> tuple[QueryError, ...]:
        """Return all that does not fit fields of these types; a field that is mapped nowhere is none of it."""
        absent = self.fields - types.keys()
        known = Fields(types, timestamp_field=self.timestamp_field, complete=False, absent=absent)
        return tuple(faults(self.query, known, self.event_category_field))

    def _unpiped(self, max_samples_per_key: int) -> Matching[Any]:
        stages = self.compiled.stages
        if self.kind is Kind.EVENT:
            return EventMatching(stages[0])
        if self.kind is Kind.SAMPLE:
            return SampleMatching(stages, max_samples_per_key=max_samples_per_key)
        category = fields.reader(self.event_category_field)
        return SequenceMatching(stages, maxspan=self.maxspan, until=self.compiled.until, category=category)


class EventMatching:
    """One run of an event query: each match stands alone."""

    def __init__(self, stage: CompiledStage) -> None:
        self._matches = stage.matches

    def feed(self, event: Event, time: int, item: Any) -> list[Joined[Any]]:  # noqa: ARG002  an event asks for no time
        """Take the next event; return it if it matches."""
        return [Joined((item,))] if self._matches(event) else []

    def finish(self) -> list[Joined[Any]]:
        """Nothing is held back."""
        return []


def compile(  # noqa: A001  the word of the trade, as in re.compile
    text: str,
    *,
    event_category_field: str = "event.category",
    timestamp_field: str = "@timestamp",
    tiebreaker_field: str | None = None,
    field_types: Mapping[str, str] | FieldTypes | None = None,
) -> Program:
    """Read, check and compile a query.

    With `field_types` (of all fields that the data has) unknown fields and unfit types are errors, and values compare
    as their types do; without, as `kinds` says. Raises QueryError.
    """
    known = Fields(named(field_types), timestamp_field=timestamp_field)
    return compile_for(text, known, event_category_field, timestamp_field, tiebreaker_field)


_Known: TypeAlias = tuple[tuple[str, FieldType], ...]


def _known(paths: Iterable[str], types: FieldTypes) -> _Known:
    """Return the types that these fields are searched by, to be compared with those of another time."""
    return tuple((path, types[path]) for path in sorted(consulted(paths)) if path in types)


@lru_cache(maxsize=4096)
def _prefilter(text: str, event_category_field: str, known: _Known) -> Prefilter:
    """Translate a query for types that come round again at every execution."""
    return prefilter(parse(text), dict(known), event_category_field=event_category_field)


@lru_cache(maxsize=4096)
def _adapted(
    text: str,
    known: _Known,
    paths: frozenset[str],
    options: tuple[str, str, str | None],
    conjuncts: tuple[int, ...] | None,
) -> Program:
    """Compile a query for types that come round again at every execution."""
    typed = Fields(dict(known), timestamp_field=options[1])
    absent = frozenset(path for path in paths if not typed.mapped(path))
    fields_known = Fields(dict(known), timestamp_field=options[1], complete=False, absent=absent)
    return compile_for(text, fields_known, *options, conjuncts=conjuncts)


def compile_for(
    text: str,
    known: Fields,
    event_category_field: str,
    timestamp_field: str,
    tiebreaker_field: str | None,
    *,
    conjuncts: tuple[int, ...] | None = None,
) -> Program:
    """Compile a query for what is known of the fields; of an event query those `conjuncts` alone, where they are given."""
    try:
        query = parse(text)
        check(query, known, event_category_field)
    except QueryError as error:
        error.text = text
        raise error.noted() from error.__cause__
    if conjuncts is not None and isinstance(query, ast.EventQuery):
        query = _narrowed(query, conjuncts, event_category_field)
    return Program(
        text,
        query,
        _kind(query),
        frozenset(_paths(query, event_category_field)),
        query.maxspan if isinstance(query, ast.SequenceQuery) else None,
        timestamp_field,
        event_category_field,
        tiebreaker_field,
        _compiled(query, known, event_category_field),
    )


def _narrowed(query: ast.EventQuery, numbers: tuple[int, ...], event_category_field: str) -> ast.EventQuery:
    parts = ast.conjuncts(query.filter, event_category_field)
    condition = ast.conjoined([parts[number] for number in numbers])
    return replace(query, filter=ast.EventFilter(None, condition, query.filter.place))


def named(given: Mapping[str, str] | FieldTypes | None) -> FieldTypes | None:
    """Return field types, of which plain names stand for fields mapped everywhere."""
    if given is None:
        return None
    return {path: from_name(each) if isinstance(each, str) else each for path, each in given.items()}


def _kind(query: ast.Query) -> Kind:
    if isinstance(query, ast.EventQuery):
        return Kind.EVENT
    return Kind.SAMPLE if isinstance(query, ast.SampleQuery) else Kind.SEQUENCE


def _compiled(query: ast.Query, known: Fields, event_category_field: str) -> Compiled:
    def filtered(node: ast.EventFilter) -> Condition:
        return compile_filter(node, known, event_category_field=event_category_field)

    def stage(node: ast.Stage) -> CompiledStage:
        # An `until` needs no keys (x-pack/plugin/eql `Optimizer.AddMandatoryJoinKeyFilter`): without one it ends null.
        optional = tuple(node is until or (isinstance(key, ast.Field) and key.optional) for key in node.by)
        keys = keys_reader(node.by, known, sample=isinstance(query, ast.SampleQuery)) if node.by else no_keys
        return CompiledStage(filtered(node.filter), keys, optional, node.missing, node.filter.category)

    if isinstance(query, ast.EventQuery):
        return Compiled((CompiledStage(filtered(query.filter)),))
    until = query.until if isinstance(query, ast.SequenceQuery) else None
    # `with runs` repeats a stage. Equal is not the same here: to Python, a stage with 1 equals one with true.
    distinct = {id(node): stage(node) for node in query.stages}
    return Compiled(tuple(distinct[id(node)] for node in query.stages), stage(until) if until else None)


def _paths(query: ast.Query, event_category_field: str) -> Iterable[str]:
    if any(node.category is not None for node in filters(query)):
        yield event_category_field
    yield from (each.path for each in _fields(query))


def _fields(query: ast.Query) -> Iterable[ast.Field]:
    """Yield each place of a query that names a field."""
    for node in filters(query):
        yield from (each for each in nodes(node.condition) if isinstance(each, ast.Field))
    for stage in stages(query):
        yield from (key for key in stage.by if isinstance(key, ast.Field))
