"""Ways through the tree of a query: its stages, its filters, and all that stands below an expression."""

from collections.abc import Iterator
from dataclasses import fields
from typing import Any

from runner.errors import QueryError
from runner.query.ast import EventFilter, EventQuery, Expression, Place, Query, SequenceQuery, Stage

DEEPEST = 100  # levels of a condition


def stages(query: Query) -> Iterator[Stage]:
    """Yield the stages of a query, none of an event query's, and after them the `until` that ends a sequence."""
    if not isinstance(query, EventQuery):
        yield from query.stages
    if isinstance(query, SequenceQuery) and query.until:
        yield query.until


def filters(query: Query) -> Iterator[EventFilter]:
    """Yield the event filters of a query."""
    if isinstance(query, EventQuery):
        yield query.filter
    for stage in stages(query):
        yield stage.filter


def nodes(node: Any) -> Iterator[Expression]:
    """Yield an expression and all below it. Raises QueryError where it is nested too deeply."""
    waiting: list[tuple[Any, int]] = [(node, 1)]
    while waiting:
        found, depth = waiting.pop()
        if depth > DEEPEST:
            place: Place = found.place
            raise QueryError("the condition is nested too deeply", line=place.line, column=place.column)
        yield found
        for each in fields(found):
            below = getattr(found, each.name)
            children = below if isinstance(below, tuple) else (below,)
            waiting += [(child, depth + 1) for child in children if hasattr(child, "place")]
