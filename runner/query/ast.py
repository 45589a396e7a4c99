"""The tree of an EQL query: frozen values, each with its place in the text.

The shape follows Elasticsearch's own grammar (x-pack/plugin/eql/src/main/antlr/EqlBase.g4). `not in` is
`Not(In(…))`; `!=` stays a Comparison. Nodes compare by content alone: two trees are equal when the queries say the
same, wherever they stand.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Literal as OneOf
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Place:
    """Where a node starts in the query text, both from 1."""

    line: int = 1
    column: int = 1


NOWHERE = Place()


@dataclass(frozen=True, slots=True)
class Literal:
    """A constant: text, whole number, decimal, boolean or null (None)."""

    value: str | int | float | bool | None
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Field:
    """A field by its dotted path; `optional` for `?path`, which may be unmapped everywhere."""

    path: str
    optional: bool = False
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Not:
    """Logical negation."""

    operand: "Expression"
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class And:
    """Conjunction of two or more operands (nested `and` is flattened)."""

    operands: "tuple[Expression, ...]"
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Or:
    """Disjunction of two or more operands (nested `or` is flattened)."""

    operands: "tuple[Expression, ...]"
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Comparison:
    """`==`, `!=`, `<`, `<=`, `>` or `>=`; equality of text is case-sensitive."""

    operator: OneOf["==", "!=", "<", "<=", ">", ">="]
    left: "Expression"
    right: "Expression"
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class In:
    """`in` (case-sensitive) or `in~` (insensitive): the value equals one of the options."""

    value: "Expression"
    options: "tuple[Expression, ...]"
    insensitive: bool = False
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Pattern:
    """`:`, `like`, `like~`, `regex`, `regex~` against one or more constant patterns.

    `:` is insensitive equality with `*` and `?` as wildcards; `like` has the same wildcards; `regex` is Lucene's
    regular expression over the whole value. For `:` an option may also be a number or a boolean.
    """

    kind: OneOf[":", "like", "regex"]
    insensitive: bool
    value: "Expression"
    patterns: tuple[Literal, ...]
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Arithmetic:
    """`+`, `-`, `*`, `/` or `%` of two numbers."""

    operator: OneOf["+", "-", "*", "/", "%"]
    left: "Expression"
    right: "Expression"
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Negative:
    """Unary minus."""

    operand: "Expression"
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Call:
    """A function by its canonical name (`startsWith`); `insensitive` for the `~` form."""

    name: str
    arguments: "tuple[Expression, ...]"
    insensitive: bool = False
    place: Place = field(default=NOWHERE, compare=False)


Expression: TypeAlias = Literal | Field | Not | And | Or | Comparison | In | Pattern | Arithmetic | Negative | Call


@dataclass(frozen=True, slots=True)
class EventFilter:
    """`category where condition`; `category` is None for `any`."""

    category: str | None
    condition: Expression
    place: Place = field(default=NOWHERE, compare=False)


def conjuncts(event: EventFilter, event_category_field: str) -> tuple[Expression, ...]:
    """Return the conditions that an event must all fulfil, the category's first."""
    operands = event.condition.operands if isinstance(event.condition, And) else (event.condition,)
    if event.category is None:
        return operands
    return (Comparison("==", Field(event_category_field), Literal(event.category)), *operands)


def conjoined(conditions: Sequence[Expression]) -> Expression:
    """Return one condition that holds where all of these do."""
    if len(conditions) == 1:
        return conditions[0]
    return And(tuple(conditions)) if conditions else Literal(value=True)


@dataclass(frozen=True, slots=True)
class Pipe:
    """`| head n` or `| tail n`."""

    name: OneOf["head", "tail"]
    count: int
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class Stage:
    """One `[category where …] by …` of a sequence or sample.

    `by` holds this stage's join keys, the shared ones of the query first. `missing` is `![…]`. `with runs=N` is
    unrolled by the parser into N stages.
    """

    filter: EventFilter
    by: tuple[Expression, ...] = ()
    missing: bool = False
    place: Place = field(default=NOWHERE, compare=False)


@dataclass(frozen=True, slots=True)
class EventQuery:
    """A query for single events."""

    filter: EventFilter
    pipes: tuple[Pipe, ...] = ()


@dataclass(frozen=True, slots=True)
class SequenceQuery:
    """A query for ordered events that share their join keys, within `maxspan`, not cut by `until`."""

    stages: tuple[Stage, ...]
    maxspan: timedelta | None = None
    until: Stage | None = None
    pipes: tuple[Pipe, ...] = ()


@dataclass(frozen=True, slots=True)
class SampleQuery:
    """A query for unordered events that share their join keys."""

    stages: tuple[Stage, ...]
    pipes: tuple[Pipe, ...] = ()


Query: TypeAlias = EventQuery | SequenceQuery | SampleQuery
