r"""Lucene's regular expressions → their tree: the syntax of `regex` and `regex~`, with all of its optional operators.

Source: Lucene 9.12 RegExp (Elasticsearch 8.19) with the flags that EQL sets (255, all of them); where its document and
its parser differ the parser holds, and was asked. What surprises:

- a pattern is for the whole text; `^` and `$` are ordinary characters, `.` is any character, also a line's end;
- `&` is intersection, `~` complement, `#` no text at all, `@` any text, `"…"` the text as it is, `<1-42>` a number;
- a backslash makes any character ordinary, but `\d \w \s \D \W \S` are classes and other letters are refused;
- `regex~` folds the letters of ASCII, but not in ranges: `[a-z]` is small letters in both.
"""

from runner.query.lucene import (
    ANY,
    ANYTHING,
    EMPTY,
    NOTHING,
    Both,
    Chain,
    Characters,
    Either,
    Node,
    Other,
    Range,
    Repeat,
    characters,
    outside,
)

MOST_REPEATS = 10_000  # by number; Lucene gives up on automata of that many states

_DIGITS = [(ord("0"), ord("9"))]
_WORD = [*_DIGITS, (ord("A"), ord("Z")), (ord("_"), ord("_")), (ord("a"), ord("z"))]
_SPACE = [(9, 10), (13, 13), (32, 32)]
_CLASSES = {"d": _DIGITS, "w": _WORD, "s": _SPACE}


def parse(pattern: str, *, insensitive: bool = False) -> Node:
    """Read a pattern. Raises ValueError, whose message names what is wrong and where."""
    return _Parser(pattern, insensitive=insensitive).parse()


class _Parser:
    """Recursive descent, a method for each level of binding, loosest first."""

    def __init__(self, pattern: str, *, insensitive: bool) -> None:
        self._pattern = pattern
        self._insensitive = insensitive
        self._at = 0

    def parse(self) -> Node:
        if not self._pattern:
            return EMPTY
        node = self._union()
        if self._more():
            raise self._error(f"unexpected `{self._pattern[self._at]}`")
        return node

    def _union(self) -> Node:
        choices = [self._intersection()]
        while self._take("|"):
            choices.append(self._intersection())
        return choices[0] if len(choices) == 1 else Either(tuple(choices))

    def _intersection(self) -> Node:
        parts = [self._chain()]
        while self._take("&"):
            parts.append(self._chain())
        return parts[0] if len(parts) == 1 else Both(tuple(parts))

    def _chain(self) -> Node:
        parts = [self._repeated()]
        while self._more() and self._peek() not in ")|&":
            parts.append(self._repeated())
        return parts[0] if len(parts) == 1 else Chain(tuple(parts))

    def _repeated(self) -> Node:
        node = self._complement()
        while self._more() and self._peek() in "?*+{":
            sign = self._next()
            if sign == "{":
                least, most = self._counts()
            else:
                least, most = {"?": (0, 1), "*": (0, None), "+": (1, None)}[sign]
            node = Repeat(node, least, most)
        return node

    def _counts(self) -> tuple[int, int | None]:
        least = self._number()
        most: int | None = least
        if self._take(","):
            most = self._number() if self._more() and self._peek().isdigit() else None
        if not self._take("}"):
            raise self._error("`}` expected")
        if max(least, most or 0) > MOST_REPEATS:
            raise self._error(f"a repetition of more than {MOST_REPEATS} times")
        if most is not None and least > most:
            raise self._error(f"the repetition {least} to {most} is empty")
        return least, most

    def _number(self) -> int:
        start = self._at
        while self._more() and self._peek() in "0123456789":
            self._at += 1
        if start == self._at:
            raise self._error("a number expected")
        return int(self._pattern[start : self._at])

    def _complement(self) -> Node:
        if self._take("~"):
            return Other(self._complement())
        if self._take("["):
            return self._class()
        return self._simple()

    def _class(self) -> Node:
        negated = self._take("^")
        ranges = self._class_item()
        while self._more() and self._peek() != "]":
            ranges += self._class_item()
        if not self._take("]"):
            raise self._error("`]` expected")
        return characters(outside(ranges) if negated else ranges)

    def _class_item(self) -> list[Range]:
        known = self._known_class()
        if known is not None:
            return known
        first = self._character()
        if not self._take("-"):
            return self._cases(first)
        last = self._character()
        if first > last:
            raise self._error(f"the range {chr(first)}-{chr(last)} is empty")
        return [(first, last)]

    def _simple(self) -> Node:
        if self._take("."):
            return ANY
        if self._take("#"):
            return NOTHING
        if self._take("@"):
            return ANYTHING
        if self._take('"'):
            return Chain(tuple(characters(self._cases(ord(letter))) for letter in self._until('"')))
        if self._take("("):
            return self._group()
        if self._take("<"):
            return self._interval(self._until(">"))
        known = self._known_class()
        return characters(self._cases(self._character()) if known is None else known)

    def _group(self) -> Node:
        if self._take(")"):
            return EMPTY
        node = self._union()
        if not self._take(")"):
            raise self._error("`)` expected")
        return node

    def _interval(self, text: str) -> Node:
        first, dash, last = text.partition("-")
        if not dash or not (first.isdecimal() and last.isdecimal()):
            raise self._error(f"`<{text}>` is not a number interval such as <1-42>")
        least, most = sorted((int(first), int(last)))
        width = len(first) if len(first) == len(last) else 0
        return _numbers(least, most, width)

    def _known_class(self) -> list[Range] | None:
        """Take a backslash with a letter: a class, or an error."""
        letter = self._pattern[self._at + 1 : self._at + 2]
        if self._peek() != "\\" or not (letter.isascii() and letter.isalpha()):
            return None
        ranges = _CLASSES.get(letter.lower())
        if ranges is None:
            raise self._error(f"`\\{letter}` is not a class; classes are \\d \\w \\s \\D \\W \\S")
        self._at += 2
        return list(ranges) if letter.islower() else outside(ranges)

    def _character(self) -> int:
        self._take("\\")
        return ord(self._next())

    def _cases(self, code: int) -> list[Range]:
        letter = chr(code)
        if not self._insensitive or not (letter.isascii() and letter.isalpha()):
            return [(code, code)]
        return [(ord(form), ord(form)) for form in (letter.upper(), letter.lower())]

    def _until(self, end: str) -> str:
        found = self._pattern.find(end, self._at)
        if found < 0:
            raise self._error(f"`{end}` expected")
        text = self._pattern[self._at : found]
        self._at = found + 1
        return text

    def _more(self) -> bool:
        return self._at < len(self._pattern)

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self, letter: str) -> bool:
        if self._peek() == letter:
            self._at += 1
            return True
        return False

    def _next(self) -> str:
        if not self._more():
            raise self._error("unexpected end")
        self._at += 1
        return self._pattern[self._at - 1]

    def _error(self, message: str) -> ValueError:
        return ValueError(f"{message} at position {self._at + 1}")


def _numbers(least: int, most: int, width: int) -> Node:
    """Return the decimal numbers from `least` to `most`: of `width` digits, or with any zeros before (width 0)."""
    choices: list[Node] = []
    for digits in range(len(str(least)), len(str(most)) + 1):
        low, high = max(least, 10 ** (digits - 1) if digits > 1 else 0), min(most, 10**digits - 1)
        choices.append(_between(str(low), str(high)))
        if width > digits:
            choices[-1] = Chain((Repeat(_digit("0", "0"), width - digits, width - digits), choices[-1]))
    node = Either(tuple(choices))
    return node if width else Chain((Repeat(_digit("0", "0"), 0, None), node))


def _between(low: str, high: str) -> Node:
    """Return the numbers of one length from `low` to `high`."""
    if len(low) == 1:
        return _digit(low, high)
    rest = len(low) - 1
    if low[0] == high[0]:
        return Chain((_digit(low[0], low[0]), _between(low[1:], high[1:])))
    choices: list[Node] = [
        Chain((_digit(low[0], low[0]), _between(low[1:], "9" * rest))),
        Chain((_digit(high[0], high[0]), _between("0" * rest, high[1:]))),
    ]
    if int(high[0]) - int(low[0]) > 1:
        inner = _digit(str(int(low[0]) + 1), str(int(high[0]) - 1))
        choices.append(Chain((inner, Repeat(_digit("0", "9"), rest, rest))))
    return Either(tuple(choices))


def _digit(first: str, last: str) -> Characters:
    return Characters(((ord(first), ord(last)),))
