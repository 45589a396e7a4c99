"""`regex` and `regex~` as quick tests of a whole text, whatever the text.

Most texts are tested by one of Python's `re`, which is the quickest as long as it cannot go back and forth for long:
`backtracking` tells up to which length of a text. Longer ones, and all where `re` might try too often or cannot say the
expression, are given to an automaton, which reads each character once (`positions`).
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from math import inf
from typing import TypeAlias

from runner.query import backtracking, positions
from runner.query.lucene import ANY, NOTHING, Both, Chain, Characters, Either, Node, Other, Repeat
from runner.query.lucene_parser import parse

Test: TypeAlias = Callable[[str], bool]

LEAST_LENGTH = 64  # a limit below it spares few texts the automaton


def any_match(patterns: Iterable[str], *, insensitive: bool) -> Test:
    """Return a test whether a text matches one of the patterns. Raises ValueError on a pattern that is none."""
    tests = [_test(pattern, insensitive) for pattern in dict.fromkeys(patterns)]
    if len(tests) == 1:
        return tests[0]
    return lambda text: any(test(text) for test in tests)


@lru_cache(maxsize=1024)
def _test(pattern: str, insensitive: bool) -> Test:  # noqa: FBT001  a cache's key is positional
    try:
        return _compiled(parse(pattern, insensitive=insensitive))
    except RecursionError:
        raise ValueError("it is nested too deeply") from None


def _compiled(node: Node) -> Test:
    match node:
        case Both(parts):
            tests = [_compiled(part) for part in parts]
            return lambda text: all(test(text) for test in tests)
        case Other(part):
            test = _compiled(part)
            return lambda text: not test(text)
    node = backtracking.trimmed(node)
    longest = backtracking.longest(node)
    if longest < LEAST_LENGTH:
        return positions.matcher(node)
    matches = re.compile(_python(node), re.DOTALL).fullmatch
    if longest == inf:
        return lambda text: matches(text) is not None
    automaton = positions.matcher(node)
    return lambda text: matches(text) is not None if len(text) <= longest else automaton(text)


def _python(node: Node) -> str:
    match node:
        case Characters():
            return _python_class(node)
        case Chain(parts):
            return "".join(map(_python, parts))
        case Either(choices):
            return f"(?:{'|'.join(map(_python, choices))})"
        case Repeat(part, least, most):
            inner = _python(part) if isinstance(part, Characters) else f"(?:{_python(part)})"
            return f"{inner}{{{least},{'' if most is None else most}}}"
        case Both() | Other():
            raise AssertionError("left to the automaton")


def _python_class(node: Characters) -> str:
    if node == ANY:
        return "."
    if node == NOTHING:
        return "(?!)"
    (first, last), *others = node.ranges
    if first == last and not others:
        return re.escape(chr(first))
    return "[" + "".join(f"\\U{low:08x}-\\U{high:08x}" for low, high in node.ranges) + "]"
