"""The deterministic automaton of an expression with intersections and complements in it (Brzozowski's derivatives).

A state is what of the expression is left to match; both operators are one step more.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

from runner.query.lucene import (
    EMPTY,
    LAST,
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
    takes,
)

MOST_STEPS = 5000  # states, times characters told apart; Lucene has its limit, too (DEFAULT_DETERMINIZE_WORK_LIMIT)

_EVERYTHING = Other(NOTHING)


class State(NamedTuple):
    """What comes after which characters, by the states' numbers, and whether the text may end here."""

    steps: list[tuple[Characters, int]]
    ends: bool


def states(node: Node) -> list[State]:
    """Return the states, of which the first is the start. Raises ValueError where there are too many."""
    classes = list(_classes(node))
    numbers, waiting, found = {node: 0}, [node], []
    for left in waiting:  # which grows
        steps = []
        for each in classes:
            after = derivative(left, each.ranges[0][0])
            if after == NOTHING:
                continue
            if after not in numbers:
                numbers[after] = len(waiting)
                waiting.append(after)
            steps.append((each, numbers[after]))
        found.append(State(steps, takes_empty(left)))
        if len(waiting) * len(classes) > MOST_STEPS:
            raise ValueError("it repeats too often within `&` or `~`")
    return found


def _classes(node: Node) -> Iterator[Characters]:
    """Yield the characters that the expression does not tell apart, together."""
    named = list(_named(node))
    edges = sorted({0, LAST + 1} | {edge for each in named for low, high in each.ranges for edge in (low, high + 1)})
    alike: dict[tuple[bool, ...], list[Range]] = {}
    for low, after in pairwise(edges):
        alike.setdefault(tuple(takes(each, low) for each in named), []).append((low, after - 1))
    yield from map(characters, alike.values())


def _named(node: Node) -> set[Characters]:
    match node:
        case Characters():
            return {node}
        case Chain(parts) | Both(parts) | Either(parts):
            return set().union(*map(_named, parts))
        case Other(part) | Repeat(part, _, _):
            return _named(part)


def takes_empty(node: Node) -> bool:
    """Tell whether the empty text matches."""
    match node:
        case Characters():
            return False
        case Chain(parts) | Both(parts):
            return all(map(takes_empty, parts))
        case Either(choices):
            return any(map(takes_empty, choices))
        case Other(part):
            return not takes_empty(part)
        case Repeat(part, least, _most):
            return least == 0 or takes_empty(part)


def derivative(node: Node, code: int) -> Node:
    """Return what is left to match after the character."""
    match node:
        case Characters():
            return EMPTY if takes(node, code) else NOTHING
        case Chain(parts):
            if not parts:
                return NOTHING
            rest = _chain(parts[1:])
            after = _chain((derivative(parts[0], code), rest))
            return _either([after, derivative(rest, code)]) if takes_empty(parts[0]) else after
        case Either(choices):
            return _either([derivative(choice, code) for choice in choices])
        case Both(parts):
            return _both([derivative(part, code) for part in parts])
        case Other(part):
            return Other(derivative(part, code))
        case Repeat(part, least, most):
            if most == 0:
                return NOTHING
            left = Repeat(part, max(least - 1, 0), None if most is None else most - 1)
            return _chain((derivative(part, code), left))


# The constructors below keep equal languages in equal form where that is cheap, so that states are few.


def _chain(parts: tuple[Node, ...]) -> Node:
    flat: list[Node] = []
    for part in parts:
        if part == NOTHING:
            return NOTHING
        flat += part.parts if isinstance(part, Chain) else [part]
    flat = [part for part in flat if not (isinstance(part, Repeat) and part.most == 0)]
    return flat[0] if len(flat) == 1 else Chain(tuple(flat))


def _either(choices: list[Node]) -> Node:
    flat = _distinct([part for each in choices for part in (each.choices if isinstance(each, Either) else (each,))])
    if _EVERYTHING in flat:
        return _EVERYTHING
    flat = [choice for choice in flat if choice != NOTHING]
    if not flat:
        return NOTHING
    return flat[0] if len(flat) == 1 else Either(tuple(flat))


def _both(parts: list[Node]) -> Node:
    flat = _distinct([part for each in parts for part in (each.parts if isinstance(each, Both) else (each,))])
    if NOTHING in flat:
        return NOTHING
    flat = [part for part in flat if part != _EVERYTHING]
    if not flat:
        return _EVERYTHING
    return flat[0] if len(flat) == 1 else Both(tuple(flat))


def _distinct(nodes: list[Node]) -> list[Node]:
    return list(dict.fromkeys(nodes))
