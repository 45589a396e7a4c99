"""Two clauses between which a condition lies.

`upper` keeps each event of which the condition is true; `lower` keeps only such events. Where they are the same the
index decides alone.

| | upper | lower |
|---|---|---|
| `a and b` | every upper | every lower |
| `a or b` | either upper | either lower |
| `not a`, of a leaf | without the lower | without the upper |

A condition may be null, and null stays null under `not`; of such a leaf (`nullable`) nothing is known when it is negated.
"""

from collections.abc import Iterable
from dataclasses import dataclass

from runner.query.clauses import ALWAYS, NEVER, Clause, either, every, without


@dataclass(frozen=True, slots=True)
class Bounds:
    """What a condition is true of lies between `lower` and `upper`."""

    upper: Clause
    lower: Clause
    nullable: bool = False


def decided(clause: Clause) -> Bounds:
    """Return the bounds of a condition that the clause decides."""
    return Bounds(clause, clause)


def implied(clause: Clause) -> Bounds:
    """Return the bounds of a condition that cannot be true without the clause, and of which no more is known."""
    return Bounds(clause, NEVER, nullable=True)


def negated(bounds: Bounds) -> Bounds:
    """Return the bounds of the negation of a leaf; those of `and` and `or` are made of their parts' negations."""
    if bounds.nullable:
        return implied(ALWAYS)
    return Bounds(without(bounds.lower), without(bounds.upper))


def conjunction(parts: Iterable[Bounds]) -> Bounds:
    """Return the bounds of what all parts are true of."""
    bounds = list(parts)
    return Bounds(every(part.upper for part in bounds), every(part.lower for part in bounds))


def disjunction(parts: Iterable[Bounds]) -> Bounds:
    """Return the bounds of what some part is true of."""
    bounds = list(parts)
    return Bounds(either(part.upper for part in bounds), either(part.lower for part in bounds))
