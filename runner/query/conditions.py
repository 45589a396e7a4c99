"""From the condition of a query to bounds in Query DSL.

A test of a field against constants is true or not, also of a missing field: `not (a == 1)` is true where `a` is
missing, as in Elasticsearch, which searches for it with `must_not` (x-pack/plugin/ql ExpressionTranslators). A test of
what a function made of a field may be null and stays so under `not`; of it no more is pushed than that the field must
have a value.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from runner.query.ast import (
    And,
    Arithmetic,
    Call,
    Comparison,
    EventFilter,
    Expression,
    Field,
    In,
    Literal,
    Negative,
    Not,
    Or,
    Pattern,
    Stage,
)
from runner.query.bounds import Bounds, conjunction, decided, disjunction, implied, negated
from runner.query.clauses import ALWAYS, NEVER, Clause, every
from runner.query.indexed import Indexed, Value, field
from runner.query.types import FieldTypes

_MIRRORED: Mapping[str, str] = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_BOTH_NEEDED = frozenset({"add", "divide", "modulo", "multiply", "subtract"})


@dataclass(frozen=True)
class Conditions:
    """The translation of conditions over the fields of these types."""

    types: FieldTypes
    event_category_field: str

    def of_stage(self, stage: Stage) -> Bounds:
        """Return the bounds of the events that a stage can use: its join keys have a value, unless they may be null."""
        keys = [self._needed(key) for key in stage.by if not (isinstance(key, Field) and key.optional)]
        return conjunction([self.of_filter(stage.filter), *map(implied, keys)])

    def of_filter(self, event: EventFilter) -> Bounds:
        """Return the bounds of the events of a category that fulfil a condition."""
        condition = self.of(event.condition)
        if event.category is None:
            return condition
        return conjunction([field(self.event_category_field, self.types).equals(event.category), condition])

    def of(self, expression: Expression) -> Bounds:
        """Return the bounds of the events of which an expression is true."""
        match expression:
            case Literal(value):
                return decided(ALWAYS) if value is True else Bounds(NEVER, NEVER, nullable=value is None)
            case Field(path):
                return field(path, self.types).equals(value=True)
            case Not(Not(operand)):
                return self.of(operand)
            case Not(operand):
                return negated(self.of(operand))
            case And(operands):
                return conjunction(map(self.of, operands))
            case Or(operands):
                return disjunction(map(self.of, operands))
            case Comparison():
                return self._comparison(expression)
            case In(Field(path), options) if _constant(options):
                return self._membership(expression, field(path, self.types))
            case Pattern(value=Field(path)):
                return self._pattern(expression, field(path, self.types))
            case In(value=value) | Pattern(value=value):
                return implied(self._needed(value))
            case Call(_, (Field(path), *options)) if _constant(options):
                return self._call(expression, field(path, self.types))
            case _:
                return implied(self._needed(expression))

    def _comparison(self, comparison: Comparison) -> Bounds:
        operator: str = comparison.operator
        left, right = comparison.left, comparison.right
        if isinstance(left, Literal) and not isinstance(right, Literal):
            operator, left, right = _MIRRORED[operator], right, left
        match operator, left, right:
            case "!=", _, _:
                return negated(self._equality(left, right))
            case "==", _, _:
                return self._equality(left, right)
            case _, Field(path), Literal(value) if value is not None:
                return field(path, self.types).compares(operator, value)
        return implied(every([self._needed(left), self._needed(right)]))

    def _equality(self, left: Expression, right: Expression) -> Bounds:
        match left, right:
            case Field(path), Literal(None):
                return negated(field(path, self.types).present)
            case _, Literal(None):
                return implied(ALWAYS)
            case Field(path), Literal(value) if value is not None:
                return field(path, self.types).equals(value)
            case ((Not() | And() | Or() | Comparison() | In() | Pattern() | Call()), Literal(bool() as wanted)):
                return self.of(left) if wanted else negated(self.of(left))
        return implied(every([self._needed(left), self._needed(right)]))

    def _membership(self, membership: In, indexed: Indexed) -> Bounds:
        values = [value for value in map(_value, membership.options) if value is not None]
        return disjunction(indexed.equals(value, insensitive=membership.insensitive) for value in values)

    def _pattern(self, pattern: Pattern, indexed: Indexed) -> Bounds:
        def one(value: Value) -> Bounds:
            if not isinstance(value, str):
                return indexed.equals(value)
            test = indexed.matches_regex if pattern.kind == "regex" else indexed.matches
            return test(value, insensitive=pattern.insensitive)

        values = [literal.value for literal in pattern.patterns if literal.value is not None]
        return disjunction(map(one, values))

    def _call(self, call: Call, indexed: Indexed) -> Bounds:
        values = [_value(argument) for argument in call.arguments[1:]]
        texts = [value for value in values if isinstance(value, str)]
        if len(texts) == len(values):
            match call.name:
                case "cidrMatch":
                    return disjunction(map(indexed.within, texts))
                case "startsWith":
                    return indexed.starts(texts[0], insensitive=call.insensitive)
                case "endsWith":
                    return indexed.holds(texts[0], last=True, insensitive=call.insensitive)
                case "stringContains":
                    return indexed.holds(texts[0], last=False, insensitive=call.insensitive)
        return implied(self._needed(call))

    def _needed(self, expression: Expression) -> Clause:
        """Return what must be there for an expression to have a value at all."""
        match expression:
            case Field(path):
                return field(path, self.types).present.upper
            case Negative(operand):
                return self._needed(operand)
            case Arithmetic(_, left, right):
                return every([self._needed(left), self._needed(right)])
            case Call(name, arguments) if name in _BOTH_NEEDED:
                return every(map(self._needed, arguments))
            case Call(_, (first, *_)):
                return self._needed(first)
            case _:
                return ALWAYS


def _constant(expressions: Sequence[Expression]) -> bool:
    return all(isinstance(expression, Literal) for expression in expressions)


def _value(expression: Expression) -> Value | None:
    return expression.value if isinstance(expression, Literal) else None
