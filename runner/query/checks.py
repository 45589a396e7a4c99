"""What a query must fulfil beyond reading well: types, constants, and the fields where their types are known.

Source: Elasticsearch, x-pack/plugin/eql Verifier and VerifierTests, and the `resolveType` of each expression.
"""

import difflib
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, TypeAlias

from runner.errors import QueryError
from runner.query import addresses
from runner.query.ast import (
    And,
    Arithmetic,
    Call,
    Comparison,
    EventFilter,
    EventQuery,
    Expression,
    Field,
    In,
    Negative,
    Not,
    Or,
    Pattern,
    Place,
    Query,
    Stage,
)
from runner.query.expressions import constant
from runner.query.functions import Type, resolve
from runner.query.kinds import DATES, Fields
from runner.query.patterns import pattern_test
from runner.query.traversal import nodes, stages
from runner.query.type_inference import family, is_accepted, kind_of, listed_family, literal_family, type_of

Step: TypeAlias = Callable[[], None]
"""One check. Raises QueryError."""

_ORDINALS = ("first", "second", "third", "fourth", "fifth")


def check(query: Query, known: Fields, event_category_field: str) -> None:
    """Check a query. Raises QueryError at the first thing that is wrong."""
    for error in faults(query, known, event_category_field):
        raise error


def faults(query: Query, known: Fields, event_category_field: str) -> Iterator[QueryError]:
    """Yield all that is wrong with a query, what is below before what is above it."""
    for step in _steps(query, _Checks(known, event_category_field)):
        try:
            step()
        except QueryError as error:
            yield error


def _steps(query: Query, checks: "_Checks") -> Iterator[Step]:
    if isinstance(query, EventQuery):
        yield from checks.filter(query.filter)
        return
    for stage in stages(query):
        yield from checks.filter(stage.filter)
        for key in stage.by:
            yield from checks.expression(key)
    yield partial(checks.keys, query.stages)


class _Checks:
    def __init__(self, known: Fields, event_category_field: str) -> None:
        self._known = known
        self._event_category_field = event_category_field

    def filter(self, node: EventFilter) -> Iterator[Step]:
        """Yield the checks of a filter."""
        if node.category is not None:
            yield partial(self._category, node)
        yield from self.expression(node.condition)
        yield partial(self._condition, node.condition)

    def expression(self, node: Expression) -> Iterator[Step]:
        """Yield the checks of an expression and all below it, what is below first."""
        for found in reversed(list(nodes(node))):
            rule = _RULES.get(type(found))
            if rule:
                yield partial(rule, self, found)

    def keys(self, stages: tuple[Stage, ...]) -> None:
        """Check that the join keys have types that can be equal."""
        for columns in zip(*(stage.by for stage in stages), strict=True):
            first = columns[0]
            for key in columns[1:]:
                mine, other = kind_of(first, self._known), kind_of(key, self._known)
                if mine and other and family(mine) != family(other):
                    raise _error(f"join key `{_name(key)}` is {other.value}, `{_name(first)}` is {mine.value}", key)

    def _category(self, node: EventFilter) -> None:
        path = self._event_category_field
        if self._known.complete and not self._known.types(path):
            raise _error(
                f"unknown field `{path}`, where the category `{node.category}` would stand",
                node,
                "write `any where …`, or name the field in event_category_override",
            )

    def _condition(self, node: Expression) -> None:
        found = type_of(node, self._known)
        if found not in (None, Type.BOOLEAN):
            assert found is not None
            raise _error(f"a condition must be true or false, this is {found.value}", node)

    def _logic(self, node: And | Or) -> None:
        for operand in node.operands:
            self._condition(operand)

    def _negation(self, node: Not) -> None:
        self._condition(node.operand)

    def _arithmetic(self, node: Arithmetic) -> None:
        for operand in (node.left, node.right):
            self._number(operand, node.operator)

    def _negative(self, node: Negative) -> None:
        self._number(node.operand, "-")

    def _number(self, node: Expression, operator: str) -> None:
        found = type_of(node, self._known)
        if found not in (None, Type.NUMBER, Type.INTEGER):
            assert found is not None
            raise _error(f"`{operator}` takes numbers, this is {found.value}", node)

    def _comparison(self, node: Comparison) -> None:
        for field, other in ((node.left, node.right), (node.right, node.left)):
            is_constant, value = constant(other)
            if isinstance(field, Field) and is_constant and isinstance(value, str):
                self._date(field, value, other)

    def _date(self, field: Field, text: str, node: Expression) -> None:
        if self._known.kind(field.path) in DATES and (text.startswith("now") or "||" in text):
            raise _error(
                "date math is not supported in a query", node, "write the date out; a rule's window is its `from`"
            )

    def _in(self, node: In) -> None:
        wanted = listed_family(node.value, self._known)
        for option in node.options:
            found = literal_family(option)
            if node.insensitive and found not in (None, "text"):
                raise _error("`in~` compares strings", option, "use `in` for numbers")
            if found and wanted and found != wanted:
                raise _error(f"a list holds values of one type: {wanted} here, not {found}", option)
            wanted = wanted or found

    def _pattern(self, node: Pattern) -> None:
        operator = node.kind + ("~" if node.insensitive and node.kind != ":" else "")
        found = type_of(node.value, self._known)
        if found not in (None, Type.STRING):
            assert found is not None
            raise _error(f"`{operator}` compares strings, this is {found.value}", node.value, "use == instead")
        for pattern in node.patterns:
            if isinstance(pattern.value, bool | int | float):
                raise _error(f"`{operator}` compares strings", pattern, f'use == for {pattern.value}, or write "…"')
        try:
            pattern_test(node)
        except ValueError:
            self._regex(node)

    def _regex(self, node: Pattern) -> None:
        for pattern in node.patterns:
            try:
                pattern_test(Pattern(node.kind, node.insensitive, node.value, (pattern,)))
            except ValueError as error:
                hint = "the syntax is Lucene's: \\ makes a character ordinary; ^ and $ need not be written"
                raise _error(f"bad regular expression: {error}", pattern, hint) from None

    def _call(self, node: Call) -> None:
        function = resolve(node.name)
        assert function is not None  # the parser knows no other
        for position, argument in enumerate(node.arguments):
            wanted, found = function.parameter(position), type_of(argument, self._known)
            if found is not None and not is_accepted(found, wanted, argument):
                ordinal = _ORDINALS[position] if position < len(_ORDINALS) else f"{position + 1}th"
                raise _error(
                    f"the {ordinal} argument of `{node.name}` must be {wanted.value}, this is {found.value}", argument
                )
            if wanted in (Type.STRING, Type.ANY) and isinstance(argument, Field):
                self._exact(argument)
        if node.name == "cidrMatch":
            self._networks(node)
        elif node.name == "number":
            self._numeral(node)

    def _networks(self, node: Call) -> None:
        for argument in node.arguments[1:]:
            is_constant, value = constant(argument)
            if not is_constant:
                raise _error("the networks of `cidrMatch` must be constants", argument)
            if isinstance(value, str) and addresses.network(value) is None:
                raise _error(
                    f'"{value}" is neither a CIDR block nor an address', argument, "such as 10.0.0.0/8 or fe80::/10"
                )

    def _numeral(self, node: Call) -> None:
        is_constant, value = constant(node)
        if is_constant and value is None and constant(node.arguments[0])[1] is not None:
            raise _error("this text is no number", node.arguments[0])

    def _exact(self, field: Field) -> None:
        """Refuse a text field that has no keyword to read: its index knows only words."""
        if self._known.is_analysed(field.path):
            hint = f"use a keyword field, such as {field.path}.keyword where there is one"
            raise _error(f"`{field.path}` is a text field without a keyword subfield", field, hint)

    def _field(self, node: Field) -> None:
        nested = self._known.nested_in(node.path)
        if nested:
            raise _error(f"`{node.path}` is inside the nested field `{nested}`, which EQL cannot search", node)
        types = self._known.types(node.path)
        if self._known.complete and not types and not node.optional:
            near = difflib.get_close_matches(node.path, self._known.paths, 3)
            hint = f"did you mean {' or '.join(f'`{path}`' for path in near)}? " if near else ""
            raise _error(f"unknown field `{node.path}`", node, f"{hint}write ?{node.path} if it need not exist")
        if types and not self._known.is_supported(node.path):
            hint = f"name one of its keys, such as `{node.path}.key`" if "flattened" in types else ""
            raise _error(f"`{node.path}` is of type {', '.join(sorted(types))}, which EQL cannot compare", node, hint)


_RULES: dict[type, Any] = {
    And: _Checks._logic,  # noqa: SLF001  the table of the class above
    Or: _Checks._logic,  # noqa: SLF001
    Not: _Checks._negation,  # noqa: SLF001
    Arithmetic: _Checks._arithmetic,  # noqa: SLF001
    Negative: _Checks._negative,  # noqa: SLF001
    Comparison: _Checks._comparison,  # noqa: SLF001
    In: _Checks._in,  # noqa: SLF001
    Pattern: _Checks._pattern,  # noqa: SLF001
    Call: _Checks._call,  # noqa: SLF001
    Field: _Checks._field,  # noqa: SLF001
}


def _name(node: Expression) -> str:
    return node.path if isinstance(node, Field) else "…"


def _error(message: str, node: Any, hint: str = "") -> QueryError:
    place: Place = node.place
    return QueryError(message, line=place.line, column=place.column, hint=hint)
