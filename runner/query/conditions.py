"""From the condition of a query to bounds in Query DSL.

The walk is the matcher's (`matcher`): a negation goes down to the leaves. A leaf that tests a field against constants is
true or not, also of a missing field: `not (a == 1)` is true where `a` is missing, as in Elasticsearch, which searches
for it with `must_not` (x-pack/plugin/ql ExpressionTranslators). Of any other leaf, a script in Elasticsearch, no more is
pushed than that the fields which it cannot do without have a value.
"""

from collections.abc import Sequence
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
    conjuncts,
)
from runner.query.bounds import Bounds, conjunction, decided, disjunction, implied, negated
from runner.query.clauses import ALWAYS, NEVER, Clause, every
from runner.query.comparisons import MIRRORED
from runner.query.functions import resolve
from runner.query.indexed import Indexed, Value, field
from runner.query.types import FieldTypes


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
        return conjunction(map(self.of, conjuncts(event, self.event_category_field)))

    def of(self, expression: Expression, *, negative: bool = False) -> Bounds:
        """Return the bounds of the events of which an expression, or its negation, is definitely true."""
        match expression:
            case Not(operand):
                return self.of(operand, negative=not negative)
            case And(operands) | Or(operands):
                parts = [self.of(operand, negative=negative) for operand in operands]
                return disjunction(parts) if isinstance(expression, Or) is not negative else conjunction(parts)
            case Comparison(("==" | "!=") as operator, left, right):
                for side, other in ((left, right), (right, left)):
                    match side, other:
                        case Literal(bool() as wanted), Not() | And() | Or() | Comparison() | In() | Pattern() | Call():
                            return self.of(other, negative=negative is ((operator == "==") is wanted))
        leaf = self._leaf(expression)
        return negated(leaf) if negative else leaf

    def _leaf(self, expression: Expression) -> Bounds:
        match expression:
            case Literal(bool() as value):
                return decided(ALWAYS if value else NEVER)
            case Literal():
                return implied(NEVER)
            case Field(path):
                return self._field(path).equals(value=True)
            case Comparison():
                return self._comparison(expression)
            case In(Field(path), options) if _constant(options):
                return self._membership(expression, self._field(path))
            case Pattern(value=Field(path)):
                return self._pattern(expression, self._field(path))
            case Call(_, (Field(path), *options)) if _constant(options):
                return self._call(expression, self._field(path))
            case In(value=value) | Pattern(value=value):
                return implied(self._needed(value))
            case _:
                return implied(self._needed(expression))

    def _comparison(self, comparison: Comparison) -> Bounds:
        operator: str = comparison.operator
        left, right = self._null_where_absent(comparison.left), self._null_where_absent(comparison.right)
        if isinstance(left, Literal) and not isinstance(right, Literal):
            operator, left, right = MIRRORED[operator], right, left
        match left, operator, right:
            case Field(path), "==", Literal(None):
                return negated(self._field(path).present)
            case Field(path), "!=", Literal(None):
                return self._field(path).present
            case Field(path), "==", Literal(value) if value is not None:
                return self._field(path).equals(value)
            case Field(path), "!=", Literal(value) if value is not None:
                return negated(self._field(path).equals(value))
            case Field(path), _, Literal(value) if value is not None:
                return self._field(path).compares(operator, value)
            case _, "==" | "!=", Literal(None):
                return implied(ALWAYS)
        return implied(every([self._needed(left), self._needed(right)]))

    def _null_where_absent(self, side: Expression) -> Expression:
        """Return the side, null for an optional field that is mapped nowhere: Elasticsearch then asks for null."""
        absent = isinstance(side, Field) and side.optional and not self._field(side.path).types
        return Literal(None, side.place) if absent else side

    def _membership(self, membership: In, indexed: Indexed) -> Bounds:
        values = [value for value in map(_value, membership.options) if value is not None]
        if membership.insensitive:
            return disjunction(indexed.spells(value, insensitive=True) for value in values)
        return disjunction(map(indexed.equals, values))

    def _pattern(self, pattern: Pattern, indexed: Indexed) -> Bounds:
        def one(value: Value) -> Bounds:
            if not isinstance(value, str):
                return indexed.spells(value, insensitive=True)
            test = indexed.matches_regex if pattern.kind == "regex" else indexed.matches
            return test(value, insensitive=pattern.insensitive)

        return disjunction(one(literal.value) for literal in pattern.patterns if literal.value is not None)

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
                return self._field(path).present.upper
            case Negative(operand):
                return self._needed(operand)
            case Arithmetic(_, left, right):
                return every([self._needed(left), self._needed(right)])
            case Call(name, arguments):
                function = resolve(name)
                takes_null = function is None or function.nulls
                return every(map(self._needed, arguments[:1] if takes_null else arguments))
            case Literal(None):
                return NEVER
            case _:
                return ALWAYS

    def _field(self, path: str) -> Indexed:
        return field(path, self.types)


def _constant(expressions: Sequence[Expression]) -> bool:
    return all(isinstance(expression, Literal) for expression in expressions)


def _value(expression: Expression) -> Value | None:
    return expression.value if isinstance(expression, Literal) else None
