"""What the index would make of a pattern: how large its automaton becomes, and with which text it starts.

Lucene turns each wildcard pattern and regular expression into a deterministic automaton and refuses those that take it
too much effort (Operations.determinize, limit 10,000; `index.max_regex_length` 1,000). `*a????????????????` has one
state for each way in which the last sixteen characters can have been an `a`.
"""

import re
from collections.abc import Iterator

LARGEST = 4000  # summed over the states, of what each holds; Lucene took 69,000 and refused 300,000
LARGEST_PLAIN = 100  # characters; without a `?` behind a `*` the size grows with the square of the length at most

_SPECIAL = frozenset('.?+*|{}[]()"\\#@&<>~')
_REPEATS = frozenset("?+*{")
_PART = re.compile(
    r'\\.|"[^"]*"|\[\^?(?:\\.|.)(?:\\.|[^\]\\])*\]|.', re.DOTALL
)  # an escape, quotes, a class, a character


def is_small(pattern: str) -> bool:
    """Tell whether the automaton of a pattern with `*` and `?` stays well below what the index takes."""
    if "?" not in pattern.partition("*")[2] and len(pattern) <= LARGEST_PLAIN:
        return True
    start = _closure(frozenset({0}), pattern)
    seen, waiting, total = {start}, [start], 0
    letters = {*pattern} - {"*", "?"} | {""}  # the empty text stands for every other character
    while waiting:
        places = waiting.pop()
        total += len(places)
        if total > LARGEST:
            return False
        for letter in letters:
            after = _closure(frozenset(_step(places, pattern, letter)), pattern)
            if after not in seen:
                seen.add(after)
                waiting.append(after)
    return True


def literal_start(expression: str) -> tuple[str, bool]:
    r"""Return the plain text that every match of a regular expression starts with, and whether it is all of it.

    `C:\\Users\\[a-z]+` starts with `C:\Users\`. Escaped letters are read as classes, as `\d` is.
    """
    text: list[str] = []
    place = 0
    while place < len(expression):
        letter, width = expression[place], 1
        if letter == "\\" and place + 1 < len(expression) and not expression[place + 1].isalnum():
            letter, width = expression[place + 1], 2
        elif letter in _SPECIAL:
            break
        if expression[place + width : place + width + 1] in _REPEATS:
            break
        text.append(letter)
        place += width
    rest = expression[place:]
    return ("", False) if _has_alternatives(rest) else ("".join(text), not rest)


def _has_alternatives(expression: str) -> bool:
    """Tell whether a `|` stands outside all parentheses."""
    depth = 0
    for part in _PART.findall(expression):
        depth += {"(": 1, ")": -1}.get(part, 0)
        if part == "|" and depth <= 0:
            return True
    return False


def _closure(places: frozenset[int], pattern: str) -> frozenset[int]:
    """Add the places behind each `*` that a place stands before."""
    return places | {place + 1 for place in places if place < len(pattern) and pattern[place] == "*"}


def _step(places: frozenset[int], pattern: str, letter: str) -> Iterator[int]:
    for place in places:
        if place < len(pattern):
            if pattern[place] == "*":
                yield place
            elif pattern[place] in ("?", letter):
                yield place + 1
