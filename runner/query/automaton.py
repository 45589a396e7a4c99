"""What the index would make of a pattern: how large its automaton becomes, and with which text it starts.

Lucene turns each wildcard pattern and regular expression into a deterministic automaton and refuses those that take it
too much effort (Operations.determinize, limit 10,000; `index.max_regex_length` 1,000). `*a????????????????` has one
state for each way in which the last sixteen characters can have been an `a`.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

from runner.query.lucene import (
    ANY,
    ANYTHING,
    LAST,
    Both,
    Chain,
    Characters,
    Either,
    Node,
    Other,
    Range,
    Repeat,
    outside,
)

LARGEST = 1000  # summed over the states, of the places each holds; Lucene took 69,000 and refused 300,000
MOST_PLACES = 500


def wildcard(pattern: str) -> Node:
    """Return a pattern with `*` and `?` as an expression."""
    known: dict[str, Node] = {"*": ANYTHING, "?": ANY}
    return Chain(tuple(known.get(letter) or Characters(((ord(letter),) * 2,)) for letter in pattern))


def literal_start(node: Node, *, insensitive: bool = False) -> tuple[str, bool]:
    r"""Return the text that all matches start with, and whether it is all of them. `C:\\[a-z]+` starts with `C:\`."""
    match node:
        case Characters(ranges):
            letter = _letter(ranges, insensitive=insensitive)
            return letter, bool(letter)
        case Chain(parts):
            start = ""
            for part in parts:
                text, whole = literal_start(part, insensitive=insensitive)
                start += text
                if not whole:
                    return start, False
            return start, True
        case Repeat(part, least, _) if least:
            return literal_start(part, insensitive=insensitive)[0], False
        case _:
            return "", False


def _letter(ranges: tuple[Range, ...], *, insensitive: bool) -> str:
    """Return the one character that these are; case aside, a letter of ASCII is both of its forms and no other set."""
    letter = chr(ranges[-1][0]) if ranges else ""
    forms = {letter.upper(), letter.lower()} if insensitive and letter.isascii() else {letter}
    return letter if ranges == tuple((ord(form), ord(form)) for form in sorted(forms) if form) else ""


def spelled(node: Node) -> str | None:
    r"""Write an expression so that it means the same in every flag: `ab` read insensitively is `[Aa][Bb]`.

    None where it has an operator that has no such form.
    """
    match node:
        case Characters():
            return "." if node == ANY else _class(node)
        case Chain(parts):
            texts = [spelled(part) for part in parts]
            return None if None in texts else "".join(map(str, texts))
        case Either(choices):
            texts = [spelled(choice) for choice in choices]
            return None if None in texts else f"({'|'.join(text or '()' for text in texts)})"
        case Repeat(part, least, most):
            text = spelled(part)
            return None if text is None else f"({text}){{{least},{'' if most is None else most}}}"
        case Both() | Other():
            return None


def _class(node: Characters) -> str | None:
    if not node.ranges:
        return None
    if len(node.ranges) == 1 and node.ranges[0][0] == node.ranges[0][1]:
        return _escaped(node.ranges[0][0])
    negated = node.ranges[0][0] == 0 and node.ranges[-1][1] == LAST
    ranges = outside(node.ranges) if negated else node.ranges
    inner = "".join(
        _escaped(first) if first == last else f"{_escaped(first)}-{_escaped(last)}" for first, last in ranges
    )
    return f"[{'^' if negated else ''}{inner}]"


def _escaped(code: int) -> str:
    letter = chr(code)
    return f"\\{letter}" if letter.isascii() and not letter.isalnum() else letter


def is_small(node: Node) -> bool:
    """Tell whether an expression's automaton stays well below what the index takes."""
    places = _Places()
    whole = places.add(node)
    if whole is None:
        return False
    letters = sorted({letter for ranges in places.letters for first, last in ranges for letter in (first, last + 1)})
    start = frozenset(whole.first)
    seen, waiting, total = {start}, [start], 0
    while waiting:
        state = waiting.pop()
        total += len(state)
        if total > LARGEST:
            return False
        for letter in letters:
            after = places.after(state, letter)
            if after not in seen:
                seen.add(after)
                waiting.append(after)
    return True


@dataclass(frozen=True, slots=True)
class _Part:
    """A part of an expression, by the places where it can begin and end; `empty` when it matches the empty text."""

    empty: bool = True
    first: frozenset[int] = frozenset()
    last: frozenset[int] = frozenset()


@dataclass(frozen=True)
class _Places:
    """The places of an expression, one for each character it names, and which can follow which (Glushkov)."""

    letters: list[tuple[Range, ...]] = field(default_factory=list)
    following: list[set[int]] = field(default_factory=list)

    def after(self, state: Iterable[int], letter: int) -> frozenset[int]:
        """Return where the expression can go on when the letter was read at one of the places."""
        found: set[int] = set()
        for place in state:
            if any(first <= letter <= last for first, last in self.letters[place]):
                found |= self.following[place]
        return frozenset(found)

    def add(self, node: Node) -> _Part | None:
        """Add an expression; None where it is too large, or is no plain one."""
        match node:
            case Characters(ranges):
                if len(self.letters) >= MOST_PLACES:
                    return None
                self.letters.append(ranges)
                self.following.append(set())
                here = frozenset({len(self.letters) - 1})
                return _Part(empty=False, first=here, last=here)
            case Chain(parts):
                return self._chain(parts)
            case Either(choices):
                return self._either(choices)
            case Repeat(part, least, most):
                return self._repeat(part, least, most)
            case Both() | Other():
                return None

    def _chain(self, nodes: Iterable[Node]) -> _Part | None:
        whole = _Part()
        for node in nodes:
            part = self.add(node)
            if part is None:
                return None
            whole = self._joined(whole, part)
        return whole

    def _either(self, nodes: Iterable[Node]) -> _Part | None:
        parts = [self.add(node) for node in nodes]
        known = [part for part in parts if part is not None]
        if len(known) < len(parts):
            return None
        return _Part(
            any(part.empty for part in known),
            frozenset().union(*(part.first for part in known)),
            frozenset().union(*(part.last for part in known)),
        )

    def _repeat(self, node: Node, least: int, most: int | None) -> _Part | None:
        """Add a repetition as Lucene does (Operations.repeat): a copy that may be left out follows the one before it."""
        whole, before = _Part(), _Part()
        for count in range(1, max(least, 1) + 1 if most is None else most + 1):
            part = self.add(node)
            if part is None or (part.empty and most is not None and most > 1):
                return None  # Lucene makes far more of a repeated empty text than its places
            self._link(before.last, part.first)
            if most is None and count >= least:
                self._link(part.last, part.first)
            first = whole.first | part.first if before.empty else whole.first
            last = whole.last | part.last if count > least else part.last
            before = _Part(before.empty and part.empty, last=part.last)
            whole = _Part(least == 0 or before.empty, first, last)
        return whole

    def _joined(self, one: _Part, other: _Part) -> _Part:
        self._link(one.last, other.first)
        return _Part(
            one.empty and other.empty,
            one.first | other.first if one.empty else one.first,
            one.last | other.last if other.empty else other.last,
        )

    def _link(self, last: Iterable[int], first: Iterable[int]) -> None:
        for place in last:
            self.following[place].update(first)
