"""The conditions of a query, from grammar to tree: one method for each rule of `eql.lark` below a condition.

Each takes the rule's children and returns a value of `ast`; what reads well but cannot mean anything (an unknown
function, an array index) ends here with a QueryError. Source of what is refused: Elasticsearch, x-pack/plugin/eql,
ExpressionBuilder, AbstractBuilder and EqlParser.
"""

import difflib
import math
from collections.abc import Sequence
from sys import intern
from typing import Any, NamedTuple, NoReturn, Protocol

from runner.errors import QueryError
from runner.query import strings
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
    Place,
)
from runner.query.functions import FUNCTIONS, resolve

_WHOLE = range(-(2**63), 2**64)  # a whole number that neither a long nor an unsigned one holds is read as a decimal
_MOST_DIGITS = 20  # of such a number; Python refuses to read those of thousands


class Token(Protocol):
    """What we use of the lexer's tokens, which are strings that know their place."""

    line: int
    column: int
    type: str

    def __str__(self) -> str: ...


class Text(NamedTuple):
    """A string literal's value, or a name, and where it starts."""

    value: str
    place: Place


def refuse(message: str, where: Place | Token, hint: str = "") -> NoReturn:
    """Raise a QueryError at the place."""
    raise QueryError(message, line=where.line, column=where.column, hint=hint)


def place_of(token: Token) -> Place:
    return Place(token.line, token.column)


class ConditionBuilder:
    """The callbacks for conditions. Stateless."""

    def condition(self, children: list[Any]) -> Or:
        return Or(tuple(_flat(Or, children)), children[0].place)

    def conjunction(self, children: list[Any]) -> And:
        return And(tuple(_flat(And, children)), children[0].place)

    def negation(self, children: list[Any]) -> Not:
        return Not(children[1], place_of(children[0]))

    def relationship(self, children: list[Any]) -> NoReturn:
        refuse("process relationships (`… of […]`) are not supported", children[0], "use a sequence with join keys")

    def comparison(self, children: list[Any]) -> Comparison:
        left, operator, right = children
        return Comparison(str(operator), left, right, left.place)  # type: ignore[arg-type]  # the grammar's COMPARE

    def membership(self, children: list[Any]) -> In:
        value, operator, *options = children
        return In(value, tuple(options), str(operator) == "in~", value.place)

    def no_membership(self, children: list[Any]) -> Not:
        value, _not, operator, *options = children
        return Not(self.membership([value, operator, *options]), value.place)

    def pattern(self, children: list[Any]) -> Pattern:
        value, operator, *patterns = children
        kind = str(operator)
        insensitive = kind == ":" or kind.endswith("~")
        return Pattern(kind.rstrip("~"), insensitive, value, tuple(patterns), value.place)  # type: ignore[arg-type]  # PATTERN

    def arithmetic(self, children: list[Any]) -> Arithmetic:
        left, operator, right = children
        return Arithmetic(str(operator), left, right, left.place)  # type: ignore[arg-type]  # the grammar's SIGN, FACTOR

    def signed(self, children: list[Any]) -> Expression:
        sign, operand = children
        if str(sign) == "+":
            return operand  # type: ignore[no-any-return]  # an expression, by the grammar
        if isinstance(operand, Literal) and type(operand.value) in (int, float):
            negative = -operand.value  # type: ignore[operator]  # it is a number
            whole = isinstance(negative, float) or negative in _WHOLE
            return Literal(negative if whole else float(negative), place_of(sign))
        return Negative(operand, place_of(sign))

    def call(self, children: list[Any]) -> Call:
        token, *arguments = children
        written = str(token)
        insensitive = written.endswith("~")
        function = resolve(written.rstrip("~"))
        if function is None:
            refuse(f"unknown function `{written}`", token, _function_hint(written.rstrip("~")))
        if insensitive and not function.has_insensitive:
            refuse(f"function `{function.name}` has no case-insensitive form", token, f"write {function.name}(…)")
        if not function.takes(len(arguments)):
            refuse(f"function `{function.name}` takes {function.arity}, it has {len(arguments)}", token)
        return Call(function.name, tuple(arguments), insensitive, place_of(token))

    # Names and constants

    def field(self, children: list[Any]) -> Field:
        optional = getattr(children[0], "type", "") == "OPTIONAL"
        names: Sequence[Any] = children[1:] if optional else children
        for name in names:
            if not isinstance(name, Text):
                refuse("array indexes are not supported", name, "compare the whole field: any of its values may match")
        path = names[0].value if len(names) == 1 else ".".join([name.value for name in names])
        return Field(intern(path), optional, place_of(children[0]) if optional else names[0].place)

    def plain_name(self, children: list[Any]) -> Text:
        return Text(str(children[0]), place_of(children[0]))

    def quoted_name(self, children: list[Any]) -> Text:
        return Text(str(children[0])[1:-1].replace("``", "`"), place_of(children[0]))

    def string(self, children: list[Any]) -> Literal:
        text = children[0]
        return Literal(text.value, text.place)

    def raw_string(self, children: list[Any]) -> Text:
        return Text(strings.raw(str(children[0])), place_of(children[0]))

    def escaped_string(self, children: list[Any]) -> Text:
        token = children[0]
        try:
            return Text(strings.unescape(str(token)), place_of(token))
        except ValueError as error:
            refuse(str(error), token, "write \\u{…} with the character's code in hex digits, such as \\u{e9}")

    def old_string(self, children: list[Any]) -> NoReturn:
        token = children[0]
        if str(token).startswith("?"):
            refuse("this form of raw string is not supported", token, 'use triple double quotes: """…"""')
        refuse("a string stands in double quotes", token, 'write "…"')

    def integer(self, children: list[Any]) -> Literal:
        """Source: ExpressionBuilder.visitIntegerLiteral, StringUtils.parseIntegral."""
        digits = str(children[0]).lstrip("0")
        if len(digits) <= _MOST_DIGITS and (number := int(digits or "0")) in _WHOLE:
            return Literal(number, place_of(children[0]))
        return self.decimal(children)

    def decimal(self, children: list[Any]) -> Literal:
        """Source: ExpressionBuilder.visitDecimalLiteral, StringUtils.parseDouble: what is infinite is refused."""
        number = float(str(children[0]))
        if math.isinf(number):
            refuse("this number is too large", children[0])
        return Literal(number, place_of(children[0]))

    def true(self, children: list[Any]) -> Literal:
        return Literal(value=True, place=place_of(children[0]))

    def false(self, children: list[Any]) -> Literal:
        return Literal(value=False, place=place_of(children[0]))

    def null(self, children: list[Any]) -> Literal:
        return Literal(value=None, place=place_of(children[0]))


def _flat(kind: type[And | Or], operands: list[Any]) -> list[Expression]:
    """Return the operands with those of the same kind taken apart: `a and (b and c)` has three."""
    return [part for operand in operands for part in (operand.operands if isinstance(operand, kind) else (operand,))]


def _function_hint(name: str) -> str:
    if name.lower() in ("wildcard", "match"):
        return f"use `{'like~' if name.lower() == 'wildcard' else 'regex~'}` instead of {name}(…)"
    near = difflib.get_close_matches(name.lower(), FUNCTIONS, 2, 0.6)
    if near:
        return f"did you mean {' or '.join(f'`{FUNCTIONS[key].name}`' for key in near)}?"
    return f"EQL has {', '.join(sorted(function.name for function in FUNCTIONS.values()))}"
