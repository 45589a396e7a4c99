"""What an expression is, as far as that can be told before it meets an event.

Source: Elasticsearch, x-pack/plugin/eql and x-pack/plugin/ql, `dataType` and `resolveType` of each expression.
"""

from runner.query.ast import (
    And,
    Arithmetic,
    Call,
    Comparison,
    Expression,
    Field,
    In,
    Literal,
    Negative,
    Not,
    Or,
    Pattern,
)
from runner.query.functions import Type, resolve
from runner.query.kinds import DATES, NUMBERS, Fields, Kind

_CONDITIONS = (And, Or, Not, Comparison, In, Pattern)
_STRINGS = frozenset({Kind.TEXT, Kind.VERSION})
_LISTED = _STRINGS | NUMBERS | {Kind.BOOLEAN}
_FIELD_TYPES = {
    Kind.TEXT: Type.STRING,
    Kind.VERSION: Type.STRING,
    Kind.WHOLE: Type.INTEGER,
    Kind.DECIMAL: Type.NUMBER,
    Kind.BOOLEAN: Type.BOOLEAN,
    Kind.ADDRESS: Type.ADDRESS,
    Kind.DATE: Type.DATE,
    Kind.NANOS: Type.DATE,
}


def kind_of(node: Expression, known: Fields) -> Kind | None:
    """Return a field's kind, None where nothing certain is known."""
    if not isinstance(node, Field) or not known.types(node.path):
        return None
    kind = known.kind(node.path)
    return None if kind is Kind.ANY else kind


def type_of(node: Expression, known: Fields) -> Type | None:
    """Return what an expression is; None where it may be anything, or is null."""
    if isinstance(node, _CONDITIONS):
        return Type.BOOLEAN
    match node:
        case Literal(value=bool()):
            return Type.BOOLEAN
        case Literal(value=str()):
            return Type.STRING
        case Literal(value=int()):
            return Type.INTEGER
        case Literal(value=float()) | Arithmetic() | Negative():
            return Type.NUMBER
        case Call():
            function = resolve(node.name)
            return function.returns if function else None
        case Field():
            kind = kind_of(node, known)
            return _FIELD_TYPES.get(kind) if kind else None
    return None


def is_accepted(found: Type, wanted: Type, argument: Expression) -> bool:
    """Tell whether a function that wants one type takes an argument of another."""
    if wanted is Type.ANY or found is wanted:
        return True
    if wanted is Type.NUMBER:
        return found is Type.INTEGER
    if wanted is Type.INTEGER:  # what is computed may be whole
        return found is Type.NUMBER and not isinstance(argument, Literal | Field)
    return wanted is Type.ADDRESS and found is Type.STRING and not isinstance(argument, Field)


def family(kind: Kind) -> str:
    """Return the name of what values of a kind can be equal to."""
    if kind in NUMBERS:
        return "number"
    if kind in DATES:
        return "date"
    return "text" if kind in _STRINGS else kind.value


def listed_family(node: Expression, known: Fields) -> str | None:
    """Return the family that the values of a list must have for this expression to be in it, None where any will do."""
    if isinstance(node, Field):
        kind = kind_of(node, known)
        return family(kind) if kind in _LISTED else None
    return literal_family(node)


def literal_family(node: Expression) -> str | None:
    """Return the family of a constant as it is written, None of all else."""
    match node:
        case Literal(value=bool()):
            return "boolean"
        case Literal(value=str()):
            return "text"
        case Literal(value=int() | float()):
            return "number"
    return None
