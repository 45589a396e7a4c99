"""How often Python's `re` may try in the worst of texts, since it goes back over what it has tried.

For each part of an expression that is the number of ways in which it can match from one place on: a factor times a power
of the text's length. Ways of parts that follow each other multiply. Where the next character says which way to go, there
is one: `[a-z]{1,9}` before a dot can give nothing back, `(cmd|powershell)` is one of the two.
"""

from collections.abc import Sequence
from itertools import pairwise
from math import inf, log
from typing import NamedTuple

from runner.query.lucene import ANY, Both, Chain, Characters, Either, Node, Other, Range, Repeat, characters

MOST_TRIES = 250_000  # a few milliseconds
MOST_TRIES_EACH = 60  # for each character, so that the whole takes long for long texts only; an automaton is no quicker
_MOST = 10**18  # more is as good as without end


class _Ways(NamedTuple):
    """At most `factor * length ** power`."""

    power: int
    factor: float


class _Start(NamedTuple):
    """The characters with which something can begin, and whether it can be empty."""

    ranges: tuple[Range, ...]
    empty: bool


_ONE = _Ways(0, 1)
_ENDLESS = _Ways(0, inf)
_END = _Start((), empty=True)


def longest(node: Node) -> float:
    """Return the length of the longest text over which `re` does not try too often: 0 where there is none."""
    power, factor = _ways(node, _END)
    tries = factor * max(_scanned(node), 1)
    if not power:
        return inf if tries <= MOST_TRIES else 0
    if power == 1 and tries <= MOST_TRIES_EACH:
        return inf
    return float((MOST_TRIES / tries) ** (1 / power))


def trimmed(node: Node) -> Node:
    """Return the same without what any text at its end makes idle: `a+b*.*` is `a.*`."""
    match node:
        case Chain((*parts, Repeat(part, least, most), Repeat(last, _, None) as end)) if last == ANY and least != most:
            return trimmed(Chain((*parts, *([Repeat(part, least, least)] if least else []), end)))
    return node


def _ways(node: Node, after: _Start) -> _Ways:
    """Return in how many ways a part can match before what comes after it."""
    match node:
        case Characters():
            return _ONE
        case Chain(parts):
            power, factor = _ONE
            for part in reversed(parts):
                ways = _ways(part, after)
                power, factor = power + ways.power, factor * ways.factor
                after = _then(_start(part), after)
            return _Ways(power, factor)
        case Either(choices):
            each = [_ways(choice, after) for choice in choices]
            decided = _apart([_then(_start(choice), after) for choice in choices])
            factors = [ways.factor for ways in each]
            return _Ways(max(ways.power for ways in each), max(factors) if decided else sum(factors))
        case Repeat(part, least, most):
            return _repeated(part, least, most, after)
        case Both() | Other():
            return _ENDLESS


def _repeated(part: Node, least: int, most: int | None, after: _Start) -> _Ways:
    if most is None and part == ANY and after == _END:
        return _ONE  # any text up to the end is there at once
    start = _start(part)
    once = _ways(part, _Start(_union(start, after), after.empty))
    if most is None:
        return _Ways(1, 1) if once == _ONE and not start.empty else _ENDLESS
    if once.factor == inf or most * log(once.factor) > log(_MOST):
        return _ENDLESS
    # What can be empty is tried empty before anything: each number of rounds is a way of its own.
    counted = least != most and (start.empty or not _apart([start, after]))
    counts = most - least + 1 if counted else 1
    return _Ways(once.power * most, once.factor**most * counts)


def _scanned(node: Node) -> int:
    """Return how many characters each try may read again in repetitions."""
    match node:
        case Chain(parts):
            return sum(map(_scanned, parts))
        case Either(choices):
            return max(map(_scanned, choices))
        case Repeat(part, least, most):
            return min(max(_scanned(part), 1) * (max(least, 1) if most is None else most), _MOST)
        case _:
            return 0


def _start(node: Node) -> _Start:
    match node:
        case Characters(ranges):
            return _Start(ranges, empty=False)
        case Chain(parts):
            start = _END
            for part in reversed(parts):
                start = _then(_start(part), start)
            return start
        case Either(choices):
            starts = [_start(choice) for choice in choices]
            return _Start(_union(*starts), any(start.empty for start in starts))
        case Repeat(part, least, _):
            start = _start(part)
            return _Start(start.ranges, start.empty or least == 0)
        case Both() | Other():
            return _Start(ANY.ranges, empty=True)


def _then(start: _Start, after: _Start) -> _Start:
    return _Start(_union(start, after), after.empty) if start.empty else start


def _union(*starts: _Start) -> tuple[Range, ...]:
    return characters(each for start in starts for each in start.ranges).ranges


def _apart(starts: Sequence[_Start]) -> bool:
    """Tell whether the next character, or that there is none, says which of them it is."""
    ordered = sorted(each for start in starts for each in start.ranges)
    overlap = any(first <= last for (_, last), (first, _) in pairwise(ordered))
    return not overlap and sum(start.empty for start in starts) <= 1
