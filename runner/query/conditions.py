"""From the condition of a query to bounds in Query DSL.

The walk is the matcher's (`matcher`): a negation goes down to the leaves. A leaf that tests a field against constants is
true or not, also of a missing field: `not (a == 1)` is true where `a` is missing, as in Elasticsearch, which searches
for it with `must_not` (x-pack/plugin/ql ExpressionTranslators). A constant is whatever names no field: `2 * 2` is one,
computed as the matcher does (Elasticsearch: OptimizerRules.ConstantFolding). Of any other leaf, a script in
Elasticsearch, no more is pushed than that the fields which it cannot do without have a value.
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
from runner.query.expressions import constant
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
            case Field(path):
                return self._field(path).equals(value=True)
            case Comparison():
                return self._comparison(expression)
            case In(Field(path), options) if (values := _values(options)) is not None:
                return self._membership(values, self._field(path), insensitive=expression.insensitive)
            case Pattern(value=Field(path)):
                return self._pattern(expression, self._field(path))
            case Call(_, (Field(path), *options)) if (values := _values(options)) is not None:
                return self._call(expression, values, self._field(path))
        known, value = constant(expression)
        if known:
            return _settled(value)
        match expression:
            case In(value=value) | Pattern(value=value):
                return implied(self._needed(value))
            case _:
                return implied(self._needed(expression))

    def _comparison(self, comparison: Comparison) -> Bounds:
        operator: str = comparison.operator
        left, right = comparison.left, comparison.right
        if operator in ("==", "!="):
            left, right = self._null_where_absent(left), self._null_where_absent(right)
        left, right = _folded(left), _folded(right)
        if isinstance(left, Literal) and isinstance(right, Literal):
            return _settled(constant(Comparison(comparison.operator, left, right))[1])
        if isinstance(left, Literal):
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

    def _membership(self, options: Sequence[Value | None], indexed: Indexed, *, insensitive: bool) -> Bounds:
        values = [value for value in options if value is not None]
        if insensitive:
            return disjunction(indexed.spells(value, insensitive=True) for value in values)
        return disjunction(map(indexed.equals, values))

    def _pattern(self, pattern: Pattern, indexed: Indexed) -> Bounds:
        def one(value: Value) -> Bounds:
            if not isinstance(value, str):
                return indexed.spells(value, insensitive=True)
            test = indexed.matches_regex if pattern.kind == "regex" else indexed.matches
            return test(value, insensitive=pattern.insensitive)

        return disjunction(one(literal.value) for literal in pattern.patterns if literal.value is not None)

    def _call(self, call: Call, values: Sequence[Value | None], indexed: Indexed) -> Bounds:
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


def _folded(expression: Expression) -> Expression:
    """Return the expression, as the value that it always has where it names no field."""
    known, value = constant(expression)
    return Literal(value, expression.place) if known else expression


def _values(expressions: Sequence[Expression]) -> list[Value | None] | None:
    """Return the values of expressions of which none names a field; None where one does."""
    found = [constant(expression) for expression in expressions]
    return [value for _, value in found] if all(known for known, _ in found) else None


def _settled(value: Value | None) -> Bounds:
    """Return the bounds of a condition that always has this value."""
    return decided(ALWAYS if value else NEVER) if isinstance(value, bool) else implied(NEVER)
