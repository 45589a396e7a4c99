"""Wildcard patterns (`*` any text, `?` any one character) as quick tests of a whole text.

Nothing escapes a wildcard (x-pack/plugin/eql StringUtils.toLikePattern). The insensitive forms fold the 26 letters of
ASCII and nothing else, as the index does: AutomatonQueries.toCaseInsensitiveChar; seen on Elasticsearch 8.19.
"""

import re
from collections.abc import Callable, Iterable
from typing import TypeAlias

Test: TypeAlias = Callable[[str], bool]


def folded(text: str) -> str:
    """Return the text with the capitals of ASCII as small letters, all else as it is."""
    return (
        text.lower()
        if text.isascii()
        else text.encode("utf-8", "surrogatepass").lower().decode("utf-8", "surrogatepass")
    )


def is_wildcard(pattern: str) -> bool:
    """Tell whether the pattern has a wildcard."""
    return "*" in pattern or "?" in pattern


def any_like(patterns: Iterable[str], *, insensitive: bool) -> Test:
    """Return a test whether a text is like one of the patterns.

    Patterns without a `?` and with stars at their ends alone, which is most of them, become plain equality, prefixes,
    suffixes and substrings; these are searched for at the speed of C.
    """
    sorted_out = _Kinds()
    for pattern in dict.fromkeys(folded(pattern) if insensitive else pattern for pattern in patterns):
        sorted_out.add(pattern)
    test = sorted_out.test()
    if not insensitive:
        return test
    return lambda text: test(folded(text))


class _Kinds:
    """Patterns by what it takes to test them."""

    def __init__(self) -> None:
        self.equal: set[str] = set()
        self.prefixes: list[str] = []
        self.suffixes: list[str] = []
        self.within: list[str] = []
        self.others: list[Test] = []
        self.everything = False

    def add(self, pattern: str) -> None:
        core = pattern.strip("*")
        if not is_wildcard(core):
            before, after = pattern.startswith("*"), pattern.endswith("*")
            if not core and before:
                self.everything = True
            elif before and after:
                self.within.append(core)
            elif before:
                self.suffixes.append(core)
            elif after:
                self.prefixes.append(core)
            else:
                self.equal.add(core)
        elif "?" in core:
            self.others.append(_expression(pattern))
        else:
            self.others.append(_pieces(pattern))

    def test(self) -> Test:
        """Return the test whether any of them fits, the cheapest first."""
        if self.everything:
            return lambda _text: True
        equal, within, others = frozenset(self.equal), tuple(self.within), tuple(self.others)
        prefixes, suffixes = tuple(self.prefixes), tuple(self.suffixes)
        if equal and not (within or others or prefixes or suffixes):
            return equal.__contains__

        def test(text: str) -> bool:
            if text in equal or text.startswith(prefixes) or text.endswith(suffixes):
                return True
            for core in within:
                if core in text:
                    return True
            for other in others:  # noqa: SIM110  a loop is quicker than any() over a generator
                if other(text):
                    return True
            return False

        return test


def _pieces(pattern: str) -> Test:
    """Return the test of a pattern with stars alone: its pieces, from left to right, each where it first occurs."""
    first, *middle, last = pattern.split("*")
    middle = [piece for piece in middle if piece]
    least = len(first) + len(last)

    def test(text: str) -> bool:
        if len(text) < least or not text.startswith(first) or not text.endswith(last):
            return False
        place, end = len(first), len(text) - len(last)
        for piece in middle:
            found = text.find(piece, place, end)
            if found < 0:
                return False
            place = found + len(piece)
        return True

    return test


def _expression(pattern: str) -> Test:
    """Return the test of a pattern with question marks, as an expression that never goes back over a piece it has found."""
    first, *rest = [_piece(piece) for piece in re.split(r"\*+", pattern)]
    text = first
    if rest:
        *middle, last = rest
        text += "".join(f"(?>.*?{piece})" for piece in middle if piece)
        text += f".*{last}" if last else ".*"
    matches = re.compile(text, re.DOTALL).fullmatch
    return lambda value: matches(value) is not None


def _piece(piece: str) -> str:
    return "".join("." if letter == "?" else re.escape(letter) for letter in piece)
