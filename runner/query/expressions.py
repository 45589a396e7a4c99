"""Expressions over one choice of values: what Elasticsearch does in a script.

`compile_value` makes a function of an expression. It is called with one value for each place where the expression
names a field (null where the field has none), in the order of `Slots`, and returns the expression's value, or None for
null. Logic is Kleene's: `null and false` is false, `null or true` is true, all else with a null is null, but for
`== null` and `!= null`, which ask whether there is a value. A comparison of a field with a constant, or of two fields,
is by the fields' types, as everywhere; what is computed compares as it stands.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeAlias

from runner.query import addresses, comparisons
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
from runner.query.functions import ARITHMETIC, Type, negate, resolve
from runner.query.kinds import SPELLED, Kind, number, spelled
from runner.query.patterns import pattern_test
from runner.query.wildcards import folded

Values: TypeAlias = Sequence[Any]
Compute: TypeAlias = Callable[[Values], Any]


@dataclass
class Slots:
    """The places where an expression names a field, each with a value of its own choice.

    `kind_of` tells how a path's values compare.
    """

    kind_of: Callable[[str], Kind] = lambda _path: Kind.ANY
    fields: list[Field] = field(default_factory=list)

    def add(self, found: Field) -> int:
        """Add a place; return its position."""
        self.fields.append(found)
        return len(self.fields) - 1


def compile_value(node: Expression, slots: Slots) -> Compute:
    """Compile an expression, adding the fields it names to the slots."""
    return _RULES[type(node)](node, slots)


def constant(node: Expression) -> tuple[bool, Any]:
    """Tell whether an expression names no field, and its value then."""
    if isinstance(node, Literal):
        return True, node.value
    if isinstance(node, Field):
        return False, None
    slots = Slots()
    compute = compile_value(node, slots)
    return (False, None) if slots.fields else (True, compute(()))


def _literal(node: Literal, _slots: Slots) -> Compute:
    value = node.value
    return lambda _values: value


def _field(node: Field, slots: Slots) -> Compute:
    spell = _spelling(node, slots)
    value = _side(node, slots)
    return value if spell is None else lambda values: spell(value(values))


def _side(node: Expression, slots: Slots) -> Compute:
    """Compile a side of a comparison, for `_pair`: a field's value not yet spelled."""
    if not isinstance(node, Field):
        return compile_value(node, slots)
    place = slots.add(node)
    return lambda values: values[place]


def _spelling(node: Expression, slots: Slots) -> Callable[[Any], Any] | None:
    """Return how a side's value is spelled for all but comparisons by type, None where it is as it stands."""
    return SPELLED.get(slots.kind_of(node.path)) if isinstance(node, Field) else None


def _not(node: Not, slots: Slots) -> Compute:
    operand = compile_value(node.operand, slots)

    def compute(values: Values) -> bool | None:
        value = operand(values)
        return None if value is None else not value

    return compute


def _and(node: And, slots: Slots) -> Compute:
    return _logic([compile_value(operand, slots) for operand in node.operands], decisive=False)


def _or(node: Or, slots: Slots) -> Compute:
    return _logic([compile_value(operand, slots) for operand in node.operands], decisive=True)


def _logic(operands: list[Compute], *, decisive: bool) -> Compute:
    """Return the one of `and` and `or` that the decisive value settles whatever the others are."""

    def compute(values: Values) -> bool | None:
        unknown = False
        for operand in operands:
            value = operand(values)
            if value is None:
                unknown = True
            elif bool(value) is decisive:
                return decisive
        return None if unknown else not decisive

    return compute


def _comparison(node: Comparison, slots: Slots) -> Compute:
    if node.operator in ("==", "!="):
        for side, other in ((node.left, node.right), (node.right, node.left)):
            if isinstance(side, Literal) and side.value is None:
                return _null_check(compile_value(other, slots), wanted=node.operator == "==")
    left, right = _side(node.left, slots), _side(node.right, slots)
    compare = _pair(node.operator, node.left, node.right, slots)
    return lambda values: compare(left(values), right(values))


def _pair(operator: str, left: Expression, right: Expression, slots: Slots) -> comparisons.Pair:
    """Return how the values of two expressions compare."""
    if operator == "!=":
        same = _pair("==", left, right, slots)
        return lambda one, other: None if (equal := same(one, other)) is None else not equal
    if isinstance(right, Field) and not isinstance(left, Field):
        mirrored = _pair(comparisons.MIRRORED[operator], right, left, slots)
        return lambda one, other: mirrored(other, one)
    if isinstance(left, Field):
        kind = slots.kind_of(left.path)
        if isinstance(right, Field):
            return comparisons.of_fields(operator, kind, slots.kind_of(right.path))
        is_constant, value = constant(right)
        if is_constant and value is not None:
            test = (
                comparisons.equals_any(kind, [value])
                if operator == "=="
                else comparisons.compares(kind, operator, value)
            )
            return lambda one, _other: None if one is None else test(one)
    as_it_stands = comparisons.equal if operator == "==" else partial(comparisons.ordered, comparisons.ORDERS[operator])
    return _of_spelled(as_it_stands, left, right, slots)


def _of_spelled(compare: comparisons.Pair, left: Expression, right: Expression, slots: Slots) -> comparisons.Pair:
    """Return the comparison over the values of the sides as they are spelled."""
    first, second = _spelling(left, slots), _spelling(right, slots)
    if first is None and second is None:
        return compare
    return lambda one, other: compare(first(one) if first else one, second(other) if second else other)


def _null_check(operand: Compute, *, wanted: bool) -> Compute:
    return lambda values: (operand(values) is None) is wanted


def _in(node: In, slots: Slots) -> Compute:
    value = _side(node.value, slots)
    options = [_side(option, slots) for option in node.options]
    pairs = [
        _of_spelled(_equal_insensitive, node.value, option, slots)
        if node.insensitive
        else _pair("==", node.value, option, slots)
        for option in node.options
    ]

    def compute(values: Values) -> bool | None:
        found = value(values)
        unknown = found is None
        for option, same in zip(options, pairs, strict=True):
            equal = same(found, option(values))
            if equal:
                return True
            unknown = unknown or equal is None
        return None if unknown else False

    return compute


def _equal_insensitive(left: Any, right: Any) -> bool | None:
    if left is None or right is None:
        return None
    return folded(spelled(left)) == folded(spelled(right))


def _pattern(node: Pattern, slots: Slots) -> Compute:
    value = compile_value(node.value, slots)
    test = pattern_test(node)

    def compute(values: Values) -> bool | None:
        found = value(values)
        return None if found is None else test(spelled(found))

    return compute


def _arithmetic(node: Arithmetic, slots: Slots) -> Compute:
    left, right = compile_value(node.left, slots), compile_value(node.right, slots)
    apply = ARITHMETIC[node.operator]
    return lambda values: apply(left(values), right(values))


def _negative(node: Negative, slots: Slots) -> Compute:
    operand = compile_value(node.operand, slots)
    return lambda values: negate(operand(values))


def _call(node: Call, slots: Slots) -> Compute:
    function = resolve(node.name)
    assert function is not None  # the parser knows no other
    arguments = [_argument(each, function.parameter(place), slots) for place, each in enumerate(node.arguments)]
    if node.name == "cidrMatch":
        return _cidr_match(node, arguments[0])
    apply = partial(function.apply, insensitive=node.insensitive) if function.has_insensitive else function.apply
    wants_nulls = function.nulls

    def compute(values: Values) -> Any:
        given = [argument(values) for argument in arguments]
        return None if not wants_nulls and None in given else apply(*given)

    return compute


def _argument(node: Expression, type_: Type, slots: Slots) -> Compute:
    """Compile an argument, brought to the parameter's type: a text field may hold numbers, and a number's a text."""
    compute = compile_value(node, slots)
    if type_ is Type.STRING:
        return lambda values: None if (value := compute(values)) is None else spelled(value)
    if type_ in (Type.NUMBER, Type.INTEGER):
        return lambda values: None if (value := compute(values)) is None else number(value)
    return compute


def _cidr_match(node: Call, value: Compute) -> Compute:
    blocks = [constant(argument)[1] for argument in node.arguments[1:]]
    if None in blocks:
        return lambda _values: None
    test = addresses.within([found for block in blocks if (found := addresses.network(block))])

    def compute(values: Values) -> bool | None:
        found = value(values)
        return None if found is None else test(found)

    return compute


_RULES: dict[type, Callable[[Any, Slots], Compute]] = {
    Literal: _literal,
    Field: _field,
    Not: _not,
    And: _and,
    Or: _or,
    Comparison: _comparison,
    In: _in,
    Pattern: _pattern,
    Arithmetic: _arithmetic,
    Negative: _negative,
    Call: _call,
}
