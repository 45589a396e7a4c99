"""The prefilter: a query and the fields' types → the Query DSL that finds every event that can match.

The law: *the matcher says True ⇒ the search keeps the event*. What Query DSL cannot say is left to the matcher; where
the DSL says all of it, the prefilter is `exact` and the converse holds too.

    tree ─ conditions ─► bounds (by what `indexed` says of each field) ─► clauses ─► Query DSL

Each condition becomes a pair of clauses, its `bounds`. A negation makes an upper bound from the lower one; that is all
there is to polarity.

Sequences and samples share one search, for all events that some stage can use. Maxspan and pipes are never pushed.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from runner.query.ast import EventQuery, Query, SampleQuery, SequenceQuery, conjuncts
from runner.query.bounds import Bounds, disjunction, implied
from runner.query.clauses import Clause, leaves, relaxed, written
from runner.query.conditions import Conditions
from runner.query.types import FieldTypes

DEEPEST = 24  # levels of a query; Elasticsearch takes 30 (indices.query.bool.max_nested_depth)
MOST_LEAVES = (
    900  # tests in a query, a list being one; Elasticsearch takes at least 1,024 (indices.query.bool.max_clause_count)
)


@dataclass(frozen=True)
class Prefilter:
    """What to search for: `query` with the cheap clauses alone, `dear` with the costly ones too, None without any.

    `exact` tells whether the whole of it decides: what a search for `pushed(dear=True)` finds is what matches.
    `undecided` are the numbers of an event query's conjuncts (`ast.conjuncts`) that may still fail of what a search
    finds, be it with the cheap clauses alone; None where the query is to be asked as a whole.
    """

    query: Mapping[str, Any]
    dear: Mapping[str, Any] | None
    exact: bool
    undecided: tuple[int, ...] | None = None

    def pushed(self, *, dear: bool) -> Mapping[str, Any]:
        """Return the Query DSL to send, with or without what is costly to search for."""
        return self.dear if dear and self.dear is not None else self.query

    def decides(self, *, dear: bool) -> bool:
        """Tell whether all that the search finds matches, so that no matcher need be asked."""
        return self.exact and (dear or self.dear is None)


def prefilter(query: Query, types: FieldTypes, *, event_category_field: str = "event.category") -> Prefilter:
    """Translate a query. `types` must hold what `indexed.consulted` names for the fields that the query reads."""
    conditions = Conditions(types, event_category_field)
    bounds = _bounds(query, conditions)
    whole = _bearable(bounds.upper)
    cheap = relaxed(whole, dear=False, depth=DEEPEST)
    dear = None if cheap == whole else written(whole)
    if not isinstance(query, EventQuery):
        return Prefilter(written(cheap), dear, exact=False)
    exact = whole == bounds.lower
    if whole != bounds.upper:  # cut, and which conjunct it was is not told
        return Prefilter(written(cheap), dear, exact)
    parts = [conditions.of(part) for part in conjuncts(query.filter, event_category_field)]
    return Prefilter(written(cheap), dear, exact, tuple(n for n, part in enumerate(parts) if not _is_decided(part)))


def _is_decided(part: Bounds) -> bool:
    """Tell whether the cheap clauses decide a condition."""
    return part.lower == part.upper == relaxed(part.upper, dear=False, depth=DEEPEST)


def _bounds(query: Query, conditions: Conditions) -> Bounds:
    match query:
        case EventQuery(event):
            return conditions.of_filter(event)
        case SequenceQuery(stages, until=until):
            used = [conditions.of_stage(stage) for stage in stages]
            if until:
                used.append(conditions.of_filter(until.filter))  # it ends sequences without a key too
        case SampleQuery(stages):
            used = [conditions.of_stage(stage) for stage in stages]
    return implied(disjunction(used).upper)


def _bearable(clause: Clause) -> Clause:
    """Return the clause, wider where Elasticsearch would refuse it for its depth or size."""
    depth = DEEPEST
    kept = relaxed(clause, dear=True, depth=depth)
    while leaves(kept) > MOST_LEAVES:
        depth -= 1
        kept = relaxed(clause, dear=True, depth=depth)
    return kept
