"""The matcher: a condition → one test of an event, with Elasticsearch's semantics.

Elasticsearch makes searches of a condition (x-pack/plugin/eql QueryTranslator). `and`, `or` and `not` combine them; what
is below, a *leaf*, is true of an event or not, also where a field is missing:

- a field against constants is true when one of the field's values passes, so it is false where there is none. `!=` and
  `not` negate that: `not (a == 1)` and `a != 1` are true when no value is 1, so also where `a` is missing;
- `a == null` and `a != null` ask whether there is a value; in `==` and `!=` a `?field` that is mapped nowhere is null;
- all else is a script (`expressions`): true when it is definitely true for some choice of one value for each place that
  names a field, null standing for a missing one. So `length(a) > 1` is false where `a` is missing, and its negation
  true, but `length(a) != 1` is false (`Scripts.multiValueDocValuesRewrite`, `InternalEqlScriptUtils`);
- a condition without fields is worth what it is worth; null is neither true nor false, so that its negation is neither.

Two questions therefore suffice, whether a condition is definitely true and whether its negation is (`negated`). Each
compiles to one closure; `not` swaps them.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import product
from typing import Any, TypeAlias

from runner.query import addresses, comparisons, fields, wildcards
from runner.query.alternatives import necessary
from runner.query.ast import (
    And,
    Call,
    Comparison,
    EventFilter,
    Expression,
    Field,
    In,
    Literal,
    Not,
    Or,
    Pattern,
    conjoined,
    conjuncts,
)
from runner.query.connectives import Condition, all_of, always, any_of, never
from runner.query.expressions import Slots, compile_value, constant
from runner.query.kinds import CONVERT, Fields, Kind, spelled
from runner.query.matching import Event
from runner.query.patterns import pattern_test

Test: TypeAlias = Callable[[Any], bool]


def compile_filter(node: EventFilter, known: Fields, *, event_category_field: str) -> Condition:
    """Compile `category where condition`."""
    return compile_condition(conjoined(conjuncts(node, event_category_field)), known)


def compile_condition(node: Expression, known: Fields) -> Condition:
    """Compile a condition: the test whether it is definitely true of an event."""
    return _Compiler(known).holds(node)


class _Compiler:
    def __init__(self, known: Fields) -> None:
        self._known = known

    def holds(self, node: Expression) -> Condition:
        """Compile the question whether the condition is definitely true."""
        return self._compile(node, negated=False)

    def _compile(self, node: Expression, *, negated: bool) -> Condition:
        if isinstance(node, Not):
            return self._compile(node.operand, negated=not negated)
        if isinstance(node, And | Or):
            return all_of(self._conjuncts(node, negated=negated))
        if isinstance(node, Comparison):
            return self._comparison(node, negated=negated)
        return self._leaf(node, negated=negated)

    def _conjuncts(self, node: Expression, *, negated: bool) -> list[Condition]:
        """Compile the tests that must all hold for a condition to hold."""
        if isinstance(node, And | Or) and isinstance(node, And) is not negated:
            return [test for operand in node.operands for test in self._conjuncts(operand, negated=negated)]
        if not isinstance(node, And | Or):
            return [self._compile(node, negated=negated)]
        alternatives = any_of([self._compile(operand, negated=negated) for operand in node.operands])
        first = None if negated else necessary(node.operands)
        return [alternatives] if first is None else [self._leaf(first, negated=False), alternatives]

    def _comparison(self, node: Comparison, *, negated: bool) -> Condition:
        if node.operator in ("==", "!="):
            node = Comparison(node.operator, self._present(node.left), self._present(node.right), node.place)
            for side, other in ((node.left, node.right), (node.right, node.left)):
                # A function or a condition against true or false is that condition, or its negation.
                if (
                    isinstance(side, Literal)
                    and isinstance(side.value, bool)
                    and not isinstance(other, Field | Literal)
                ):
                    same = (node.operator == "==") is side.value
                    return self._compile(other, negated=negated is same)
            if node.operator == "!=" and self._is_plain(node):
                return self._leaf(Comparison("==", node.left, node.right), negated=not negated)
        return self._leaf(node, negated=negated)

    def _present(self, side: Expression) -> Expression:
        """Return the side, null for an optional field that is mapped nowhere."""
        if isinstance(side, Field) and side.optional and not self._known.mapped(side.path):
            return Literal(value=None, place=side.place)
        return side

    def _is_plain(self, node: Comparison) -> bool:
        """Tell whether the comparison is of a field with a constant."""
        sides = (node.left, node.right)
        return any(isinstance(side, Field) for side in sides) and any(constant(side)[0] for side in sides)

    def _leaf(self, node: Expression, *, negated: bool) -> Condition:
        known, value = constant(node)
        if known:
            return always if value is (not negated) else never
        holds = self._plain(node) or self._script(node)
        return (lambda event: not holds(event)) if negated else holds

    def _plain(self, node: Expression) -> Condition | None:
        """Compile a test of one field against constants; None where it is not of that form."""
        match node:
            case Field():
                return self._equal(node, [True])
            case Comparison():
                return self._plain_comparison(node)
            case In(value=Field() as field):
                return self._plain_in(node, field)
            case Pattern(value=Field() as field):
                return self._textual(field, pattern_test(node))
            case Call(arguments=(Field() as field, *others)):
                return self._plain_call(node, field, others)
        return None

    def _plain_comparison(self, node: Comparison) -> Condition | None:
        left, operator, right = node.left, node.operator, node.right
        if not isinstance(left, Field):
            left, operator, right = right, comparisons.MIRRORED[operator], left  # type: ignore[assignment]  # MIRRORED maps operators to operators
        is_constant, value = constant(right)
        if not isinstance(left, Field) or not is_constant:
            return None
        if value is None:
            return self._presence(left, operator)
        if operator == "==":
            return self._equal(left, [value])
        return self._tested(left, comparisons.compares(self._kind(left), operator, value))

    def _presence(self, field: Field, operator: str) -> Condition:
        read = self._reader(field)
        if operator == "==":
            return lambda event: read(event) is None
        return never  # nothing is less or greater than null

    def _plain_in(self, node: In, field: Field) -> Condition | None:
        options = [constant(option) for option in node.options]
        if not all(is_constant for is_constant, _ in options):
            return None
        values = [value for _, value in options if value is not None]
        if node.insensitive:
            return self._tested(field, comparisons.equals_insensitive(values))
        return self._equal(field, values)

    def _plain_call(self, node: Call, field: Field, others: Sequence[Expression]) -> Condition | None:
        given = [constant(other) for other in others]
        if not all(is_constant for is_constant, _ in given):
            return None
        values = [value for _, value in given]
        if node.name == "cidrMatch":
            if None in values:
                return never
            networks = [addresses.network(value) for value in values]
            return self._tested(field, addresses.within([network for network in networks if network]))
        test = _text_test(node, values)
        return test and self._textual(field, test)

    def _equal(self, field: Field, values: Sequence[comparisons.Constant]) -> Condition:
        """Compile: one of the field's values equals one of those given."""
        kind = self._kind(field)
        texts = comparisons.equal_spellings(kind, values)
        if texts is None:
            return self._tested(field, comparisons.equals_any(kind, values))
        # The built-in methods are the quickest tests of a text that there are.
        return self._textual(field, next(iter(texts)).__eq__ if len(texts) == 1 else texts.__contains__)

    def _textual(self, field: Field, test: Callable[[str], bool]) -> Condition:
        """Compile a test of the field's values as texts."""
        return self._tested(field, lambda value: test(value if type(value) is str else spelled(value)), test)

    def _tested(self, field: Field, test: Test, of_text: Callable[[str], bool] | None = None) -> Condition:
        """Compile: one of the field's values passes the test, of which `of_text` is the same for texts."""
        if not self._known.mapped(field.path):
            return never
        return fields.passing(field.path, test, of_text or test, self._known.source(field.path))

    def _script(self, node: Expression) -> Condition:
        """Compile: the expression is definitely true for some choice of the values of the fields it names."""
        slots = Slots(self._known.kind)
        compute = compile_value(node, slots)
        reads = [self._choices(field) for field in slots.fields]
        if len(reads) == 1:
            (read,) = reads
            return lambda event: any(compute((value,)) is True for value in read(event))
        return lambda event: any(compute(chosen) is True for chosen in product(*(read(event) for read in reads)))

    def _choices(self, field: Field) -> Callable[[Event], Sequence[Any]]:
        """Return how to read the values that a place may take: null alone where there is none."""
        read = self._reader(field)
        convert = CONVERT.get(self._kind(field), _as_it_stands)

        def choices(event: Event) -> Sequence[Any]:
            value = read(event)
            if type(value) is list:
                return _distinct(map(convert, value))
            return (None,) if value is None else (convert(value),)

        return choices

    def _reader(self, field: Field) -> fields.Read:
        if not self._known.mapped(field.path):
            return fields.nothing
        return fields.reader(field.path, self._known.source(field.path))

    def _kind(self, field: Field) -> Kind:
        return self._known.kind(field.path)


def _text_test(node: Call, values: list[Any]) -> Callable[[str], bool] | None:
    """Return the test that a search function makes of a text; None where the function is no search."""
    if node.name not in ("startsWith", "endsWith", "stringContains") or len(values) != 1:
        return None
    if values[0] is None:
        return lambda _text: False
    part = wildcards.folded(values[0]) if node.insensitive else str(values[0])
    fold = wildcards.folded if node.insensitive else str
    if node.name == "startsWith":
        return lambda text: fold(text).startswith(part)
    if node.name == "endsWith":
        return lambda text: fold(text).endswith(part)
    return lambda text: bool(part) and part in fold(text)


def _distinct(values: Iterable[Any]) -> list[Any]:
    """Drop repeated values, but none for another that Python calls equal: 1 and true, 0.0 and -0.0 are two each."""
    return list({each if type(each) is str else (type(each), repr(each)): each for each in values}.values())


def _as_it_stands(value: Any) -> Any:
    return value
