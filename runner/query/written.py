"""Parts of a tree, written as text again. The law: what is written parses to the same tree.

Every operand that is not plain stands in parentheses, so that no precedence has to be known here.
"""

import re
from typing import assert_never

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
    SampleQuery,
    SequenceQuery,
    conjoined,
    conjuncts,
)

_NAME = re.compile(r"[A-Za-z_@][A-Za-z0-9_]*")
_KEYWORDS = frozenset(
    [
        "and",
        "any",
        "by",
        "false",
        "in",
        "join",
        "like",
        "maxspan",
        "not",
        "null",
        "of",
        "or",
        "regex",
        "sample",
        "sequence",
        "true",
        "until",
        "where",
        "with",
    ]
)  # Source: x-pack/plugin/eql, EqlBase.g4
_ESCAPES = str.maketrans({"\\": "\\\\", '"': '\\"', "\n": "\\n", "\r": "\\r", "\t": "\\t"})


def any_stage(query: SequenceQuery | SampleQuery, event_category_field: str) -> str:
    """Return the event query for what can be any one of the events that a match is made of.

    So neither for what has to be missing, nor for `until`.
    """
    filters = (stage.filter for stage in query.stages if not stage.missing)
    conditions = (conjoined(conjuncts(each, event_category_field)) for each in filters)
    return f"any where {' or '.join(f'({one})' for one in dict.fromkeys(map(condition, conditions)))}"


def condition(tree: Expression) -> str:
    """Return a condition as EQL."""
    match tree:
        case Literal():
            return _literal(tree.value)
        case Field():
            return ("?" if tree.optional else "") + _path(tree.path)
        case Not():
            return f"not {_operand(tree.operand)}"
        case Negative():
            return f"-{_operand(tree.operand)}"
        case And():
            return " and ".join(map(_operand, tree.operands))
        case Or():
            return " or ".join(map(_operand, tree.operands))
        case Comparison() | Arithmetic():
            return f"{_operand(tree.left)} {tree.operator} {_operand(tree.right)}"
        case In():
            return f"{_operand(tree.value)} in{_tilde(tree)} ({_list(tree.options)})"
        case Pattern():
            operator = tree.kind if tree.kind == ":" else tree.kind + _tilde(tree)
            return f"{_operand(tree.value)} {operator} ({_list(tree.patterns)})"
        case Call():
            return f"{tree.name}{_tilde(tree)}({_list(tree.arguments)})"
    assert_never(tree)


def _operand(tree: Expression) -> str:
    text = condition(tree)
    plain = isinstance(tree, Field | Call) or (isinstance(tree, Literal) and not text.startswith("-"))
    return text if plain else f"({text})"


def _list(trees: tuple[Expression, ...]) -> str:
    return ", ".join(map(condition, trees))


def _tilde(tree: In | Pattern | Call) -> str:
    return "~" if tree.insensitive else ""


def _literal(value: str | float | None) -> str:
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value.translate(_ESCAPES)}"'
    return repr(value)


def _path(path: str) -> str:
    """Return a field's path, in backticks where it cannot stand without; they hold the dots, too."""
    plain = all(_NAME.fullmatch(name) and name not in _KEYWORDS for name in path.split("."))
    return path if plain else "`" + path.replace("`", "``") + "`"
