"""What a query must fulfil beyond reading well: types, constants, and the fields where their types are known.

Source: Elasticsearch, x-pack/plugin/eql Verifier and VerifierTests, and the `resolveType` of each expression.
"""

import difflib
from collections.abc import Callable, Iterator
from dataclasses import fields as fields_of
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
    Literal,
    Negative,
    Not,
    Or,
    Pattern,
    Place,
    Query,
    SequenceQuery,
    Stage,
)
from runner.query.expressions import constant
from runner.query.functions import Type, resolve
from runner.query.kinds import DATES, NUMBERS, Fields, Kind
from runner.query.patterns import pattern_test

Step: TypeAlias = Callable[[], None]
"""One check. Raises QueryError."""

DEEPEST = 100  # levels of a condition
_ORDINALS = ("first", "second", "third", "fourth", "fifth")
_CONDITIONS = (And, Or, Not, Comparison, In, Pattern)
_STRINGS = frozenset({Kind.TEXT, Kind.VERSION})
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
    until = query.until if isinstance(query, SequenceQuery) else None
    for stage in [*query.stages, *([until] if until else [])]:
        yield from checks.filter(stage.filter)
        for key in stage.by:
            yield from checks.expression(key)
    yield partial(checks.keys, query.stages)


def filters(query: Query) -> Iterator[EventFilter]:
    """Yield the event filters of a query."""
    if isinstance(query, EventQuery):
        yield query.filter
        return
    until = query.until if isinstance(query, SequenceQuery) else None
    for stage in [*query.stages, *([until] if until else [])]:
        yield stage.filter


def nodes(node: Any) -> Iterator[Expression]:
    """Yield an expression and all below it. Raises QueryError where it is nested too deeply."""
    waiting: list[tuple[Any, int]] = [(node, 1)]
    while waiting:
        found, depth = waiting.pop()
        if depth > DEEPEST:
            raise _error("the condition is nested too deeply", found)
        yield found
        for each in fields_of(found):
            below = getattr(found, each.name)
            children = below if isinstance(below, tuple) else (below,)
            waiting += [(child, depth + 1) for child in children if hasattr(child, "place")]


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
                mine, other = self._known_kind(first), self._known_kind(key)
                if mine and other and _family(mine) != _family(other):
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
        found = self._type(node)
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
        found = self._type(node)
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
        families = [_literal_family(node.value)]
        if isinstance(node.value, Field):
            kind = self._known_kind(node.value)
            families = [_family(kind)] if kind in _STRINGS | NUMBERS | {Kind.BOOLEAN} else [None]
        for option in node.options:
            family = _literal_family(option)
            if node.insensitive and family not in (None, "text"):
                raise _error("`in~` compares strings", option, "use `in` for numbers")
            if family and families[-1] and family != families[-1]:
                raise _error(f"a list holds values of one type: {families[-1]} here, not {family}", option)
            families.append(family or families[-1])

    def _pattern(self, node: Pattern) -> None:
        operator = node.kind + ("~" if node.insensitive and node.kind != ":" else "")
        found = self._type(node.value)
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
            wanted, found = function.parameter(position), self._type(argument)
            if found is not None and not _fits(found, wanted, argument):
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
            raise _error(f"`{node.path}` is of type {', '.join(sorted(types))}, which EQL cannot compare", node)

    def _known_kind(self, node: Expression) -> Kind | None:
        """Return a field's kind, None where nothing certain is known."""
        if not isinstance(node, Field) or not self._known.types(node.path):
            return None
        kind = self._known.kind(node.path)
        return None if kind is Kind.ANY else kind

    def _type(self, node: Expression) -> Type | None:
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
                kind = self._known_kind(node)
                return _FIELD_TYPES.get(kind) if kind else None
        return None


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


def _fits(found: Type, wanted: Type, argument: Expression) -> bool:
    if wanted is Type.ANY or found is wanted:
        return True
    if wanted is Type.NUMBER:
        return found is Type.INTEGER
    if wanted is Type.INTEGER:  # what is computed may be whole
        return found is Type.NUMBER and not isinstance(argument, Literal | Field)
    return wanted is Type.ADDRESS and found is Type.STRING and not isinstance(argument, Field)


def _family(kind: Kind) -> str:
    if kind in NUMBERS:
        return "number"
    if kind in DATES:
        return "date"
    return "text" if kind in _STRINGS else kind.value


def _literal_family(node: Expression) -> str | None:
    match node:
        case Literal(value=bool()):
            return "boolean"
        case Literal(value=str()):
            return "text"
        case Literal(value=int() | float()):
            return "number"
    return None


def _name(node: Expression) -> str:
    return node.path if isinstance(node, Field) else "…"


def _error(message: str, node: Any, hint: str = "") -> QueryError:
    place: Place = node.place
    return QueryError(message, line=place.line, column=place.column, hint=hint)
