"""Clauses of a search: a small algebra over them, and how they are written as Query DSL.

    Clause = Leaf | Always | Never | Every (all of them) | Either (one of them) | Without (not it)

Made only by `every`, `either` and `without`, clauses stay flat and free of repetition, so that two that say the same
are mostly equal. `written` gives the DSL; `relaxed` gives a wider clause, without what is dear to search for or too
deep for Elasticsearch to take.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

MOST_TERMS = 65_536  # in one list: Elasticsearch's index.max_terms_count
IGNORED = "_ignored"  # the metadata field that lists a document's fields with a value that was not indexed


@dataclass(frozen=True, slots=True)
class Leaf:
    """One test of one field: `kind` is the DSL query's name, `value` its value, `options` what stands beside it.

    `dear` when the index must try its whole dictionary of terms, or most of it, to answer. `apart` when it makes a test
    of each term of a list, and no set of them.
    """

    kind: str
    field: str
    value: str | int | float | bool | None = None
    options: tuple[tuple[str, str | int | float | bool], ...] = ()
    dear: bool = False
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Always:
    """Keeps every document."""


@dataclass(frozen=True, slots=True)
class Never:
    """Keeps no document."""


@dataclass(frozen=True, slots=True)
class Every:
    """Keeps what all parts keep."""

    parts: "tuple[Clause, ...]"


@dataclass(frozen=True, slots=True)
class Either:
    """Keeps what one of the parts keeps."""

    parts: "tuple[Clause, ...]"


@dataclass(frozen=True, slots=True)
class Without:
    """Keeps what the part does not keep."""

    part: "Clause"


Clause: TypeAlias = Leaf | Always | Never | Every | Either | Without

ALWAYS = Always()
NEVER = Never()


def exists(field: str) -> Leaf:
    """Return the clause for documents with an indexed value."""
    return Leaf("exists", field)


def ignored(field: str) -> Leaf:
    """Return the clause for documents with a value that was not indexed: longer than `ignore_above`, or malformed."""
    return Leaf("term", IGNORED, field)


def every(parts: Iterable[Clause]) -> Clause:
    """Return the conjunction."""
    kept: dict[Clause, None] = {}
    for part in parts:
        if part == NEVER:
            return NEVER
        kept.update(dict.fromkeys(part.parts if isinstance(part, Every) else (part,)))
    kept.pop(ALWAYS, None)
    for part in [part for part in kept if any(map(_is_presence, _options(part)))]:
        if any(other != part and _grants(other, part) for other in kept):
            del kept[part]
    return _joined(Every, list(kept), ALWAYS)


def either(parts: Iterable[Clause]) -> Clause:
    """Return the disjunction."""
    kept: dict[Clause, None] = {}
    for part in parts:
        if part == ALWAYS:
            return ALWAYS
        kept.update(dict.fromkeys(part.parts if isinstance(part, Either) else (part,)))
    kept.pop(NEVER, None)
    present = {part.field for part in kept if isinstance(part, Leaf) and part.kind == "exists"}
    found = [part for part in kept if not isinstance(part, Leaf) or _is_presence(part) or part.field not in present]
    denied = [part.part for part in found if isinstance(part, Without)]
    if found and len(denied) == len(found):
        return without(every(denied))
    return _joined(Either, found, NEVER)


def without(part: Clause) -> Clause:
    """Return the negation."""
    if part == ALWAYS:
        return NEVER
    if part == NEVER:
        return ALWAYS
    return part.part if isinstance(part, Without) else Without(part)


def relaxed(clause: Clause, *, dear: bool, depth: int) -> Clause:
    """Return a clause that keeps at least as much: its dear parts only if asked for, and at most `depth` levels."""
    return _moved(clause, dear=dear, depth=depth, wider=True)


def leaves(clause: Clause) -> int:
    """Count the tests that Elasticsearch makes of a clause: one for a list, unless it takes the list apart."""
    match clause:
        case Either(parts):
            return sum(map(_weight, _lists(parts)))
        case Every(parts):
            return sum(leaves(part) for part in parts if not isinstance(part, Without)) + sum(
                map(_weight, _lists(_denied(parts)))
            )
        case Without(part):
            return leaves(part)
        case Leaf():
            return 1
        case Always() | Never():
            return 0


def written(clause: Clause) -> dict[str, Any]:
    """Return the clause as Query DSL, to stand in a filter."""
    match clause:
        case Leaf():
            return _leaf(clause)
        case Always():
            return {"match_all": {}}
        case Never():
            return {"match_none": {}}
        case Either(parts):
            options = [_list(each) for each in _lists(parts)]
            return options[0] if len(options) == 1 else {"bool": {"should": options}}
        case Every() | Without():
            parts = clause.parts if isinstance(clause, Every) else (clause,)
            kept = [written(part) for part in parts if not isinstance(part, Without)]
            dropped = [_list(each) for each in _lists(_denied(parts))]
            return {"bool": ({"filter": kept} if kept else {}) | ({"must_not": dropped} if dropped else {})}


def _is_presence(clause: Clause) -> bool:
    return isinstance(clause, Leaf) and clause.kind == "exists"


def _grants(clause: Clause, other: Clause) -> bool:
    """Tell whether what a clause keeps is kept by another, which asks for not much more than that there is a value."""
    wanted = _options(other)
    return all(
        option in wanted or (isinstance(option, Leaf) and exists(option.field) in wanted) for option in _options(clause)
    )


def _joined(kind: type[Every | Either], parts: list[Clause], neutral: Clause) -> Clause:
    if not parts:
        return neutral
    return parts[0] if len(parts) == 1 else kind(tuple(parts))


def _moved(clause: Clause, *, dear: bool, depth: int, wider: bool) -> Clause:
    """Return the clause made wider or narrower; under a negation the direction turns."""
    match clause:
        case Leaf(dear=True) if not dear:
            return exists(clause.field) if wider else NEVER
        case Every() | Either() | Without() if depth <= 0:
            return ALWAYS if wider else NEVER
        case Every(parts):
            return every(_moved(part, dear=dear, depth=depth - 1, wider=wider) for part in parts)
        case Either(parts):
            return either(_moved(part, dear=dear, depth=depth - 1, wider=wider) for part in parts)
        case Without(part):
            return without(_moved(part, dear=dear, depth=depth - 1, wider=not wider))
        case _:
            return clause


def _options(clause: Clause) -> tuple[Clause, ...]:
    return clause.parts if isinstance(clause, Either) else (clause,)


def _denied(parts: Iterable[Clause]) -> list[Clause]:
    """Return what is kept by none of the parts that are negations."""
    return [option for part in parts if isinstance(part, Without) for option in _options(part.part)]


def _lists(parts: Iterable[Clause]) -> list[list[Clause]]:
    """Return alternatives, each alone, but the plain terms of one field together, where the first of them stands."""
    terms: dict[tuple[str, bool], list[Clause]] = {}
    found: list[list[Clause]] = []
    for part in parts:
        if not (isinstance(part, Leaf) and part.kind == "term" and not part.options):
            found.append([part])
            continue
        same = terms.get((part.field, part.apart))
        if same is None or len(same) >= MOST_TERMS:
            same = terms[part.field, part.apart] = []
            found.append(same)
        same.append(part)
    return found


def _weight(parts: list[Clause]) -> int:
    """Count the tests of a list."""
    first = parts[0]
    if len(parts) == 1:
        return leaves(first)
    return len(parts) if isinstance(first, Leaf) and first.apart else 1


def _list(parts: list[Clause]) -> dict[str, Any]:
    """Write a list, or what stands alone."""
    first = parts[0]
    if len(parts) > 1 and isinstance(first, Leaf):
        return {"terms": {first.field: [part.value for part in parts if isinstance(part, Leaf)]}}
    return written(first)


def _leaf(leaf: Leaf) -> dict[str, Any]:
    if leaf.kind == "exists":
        return {"exists": {"field": leaf.field}}
    if leaf.kind == "range":
        return {"range": {leaf.field: dict(leaf.options)}}
    if leaf.options:
        return {leaf.kind: {leaf.field: {"value": leaf.value, **dict(leaf.options)}}}
    return {leaf.kind: {leaf.field: leaf.value}}
