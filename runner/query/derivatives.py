"""A deterministic automaton for a Lucene expression, made while it runs: each text costs a look-up a character.

For what `positions` cannot say: here the state is what of the expression is left to match (Brzozowski's derivative), so
intersection and complement are one step more, and a repetition of thousands is as small as one of two.
"""

from collections.abc import Callable

from runner.query.lucene import EMPTY, NOTHING, Both, Chain, Characters, Either, Node, Other, Repeat, takes

MOST_STATES = 5000  # then the automaton is forgotten and made anew, so that memory is bounded

_EVERYTHING = Other(NOTHING)


def matcher(node: Node) -> Callable[[str], bool]:
    """Return the test whether the whole text matches."""
    states: dict[Node, dict[str, Node]] = {}

    def matches(text: str) -> bool:
        state = node
        for letter in text:
            after = states.get(state)
            if after is None:
                if len(states) >= MOST_STATES:
                    states.clear()
                after = states.setdefault(state, {})
            following = after.get(letter)
            if following is None:
                following = after[letter] = _derivative(state, ord(letter))
            state = following
            if state == NOTHING:
                return False
        return _takes_empty(state)

    return matches


def _takes_empty(node: Node) -> bool:
    match node:
        case Characters():
            return False
        case Chain(parts) | Both(parts):
            return all(map(_takes_empty, parts))
        case Either(choices):
            return any(map(_takes_empty, choices))
        case Other(part):
            return not _takes_empty(part)
        case Repeat(part, least, _most):
            return least == 0 or _takes_empty(part)


def _derivative(node: Node, code: int) -> Node:
    """Return what is left to match after the character."""
    match node:
        case Characters():
            return EMPTY if takes(node, code) else NOTHING
        case Chain(parts):
            if not parts:
                return NOTHING
            rest = _chain(parts[1:])
            after = _chain((_derivative(parts[0], code), rest))
            return _either([after, _derivative(rest, code)]) if _takes_empty(parts[0]) else after
        case Either(choices):
            return _either([_derivative(choice, code) for choice in choices])
        case Both(parts):
            return _both([_derivative(part, code) for part in parts])
        case Other(part):
            return Other(_derivative(part, code))
        case Repeat(part, least, most):
            if most == 0:
                return NOTHING
            left = Repeat(part, max(least - 1, 0), None if most is None else most - 1)
            return _chain((_derivative(part, code), left))


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
