"""`regex` and `regex~` as quick tests of a whole text.

Most expressions become one of Python's `re`. Those that it cannot say, and those over which it could go back and forth
for long (repetitions within repetitions, or many in a row), become an automaton (`derivatives`).
"""

import re
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import TypeAlias

from runner.query import derivatives
from runner.query.lucene import ANY, NOTHING, Both, Chain, Characters, Either, Node, Other, Repeat
from runner.query.lucene_parser import parse

Test: TypeAlias = Callable[[str], bool]

MOST_LOOPS = 2  # unbounded repetitions in a row, with which `re` is quadratic at worst
MOST_REPEATS = 10_000  # by number; Lucene gives up on automata of that many states


def any_match(patterns: Iterable[str], *, insensitive: bool) -> Test:
    """Return a test whether a text matches one of the patterns. Raises ValueError on a pattern that is none."""
    tests = [_test(pattern, insensitive) for pattern in dict.fromkeys(patterns)]
    if len(tests) == 1:
        return tests[0]
    return lambda text: any(test(text) for test in tests)


@lru_cache(maxsize=1024)
def _test(pattern: str, insensitive: bool) -> Test:  # noqa: FBT001  a cache's key is positional
    try:
        node = parse(pattern, insensitive=insensitive)
        if _loops(node) > MOST_LOOPS:
            return derivatives.matcher(node)
        matches = re.compile(_python(node), re.DOTALL).fullmatch
    except RecursionError:
        raise ValueError("it is nested too deeply") from None
    except OverflowError:
        raise ValueError("it repeats too often") from None
    return lambda text: matches(text) is not None


def _loops(node: Node) -> int:
    """Return how many unbounded repetitions can follow each other; more than MOST_LOOPS where `re` will not do."""
    match node:
        case Characters():
            return 0
        case Chain(parts):
            return sum(map(_loops, parts))
        case Either(choices):
            return max(map(_loops, choices))
        case Both() | Other():
            return MOST_LOOPS + 1
        case Repeat(part, _least, most):
            inner = _loops(part)
            if most is not None and most > MOST_REPEATS:
                raise ValueError(f"a repetition of more than {MOST_REPEATS} times")
            if most is not None and most <= 1:
                return inner
            if (
                inner
                or isinstance(part, Repeat)
                or (most is None and not isinstance(part, Characters) and _varies(part))
            ):
                return MOST_LOOPS + 1
            return 1 if most is None else 0


def _varies(node: Node) -> bool:
    """Tell whether what the node matches can differ in length, so that its repetition can be cut in several ways."""
    match node:
        case Characters():
            return False
        case Chain(parts):
            return any(map(_varies, parts))
        case Either() | Both() | Other():
            return True
        case Repeat(_part, least, most):
            return least != most


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
