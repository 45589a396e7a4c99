"""An automaton for a regular expression: its states are sets of places in the expression, made while it runs.

Glushkov's construction: each character of the expression is a position, repetitions written out, and a set of positions
is the bits of one number. Unlike Python's `re` it never goes back: a text costs a look-up a character, or, for a set not
met before, a few operations on numbers of as many bits as there are positions.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import pairwise
from typing import NamedTuple

from runner.query import derivatives
from runner.query.lucene import ANY, Both, Chain, Characters, Either, Node, Other, Repeat, takes

MOST_POSITIONS = 10_000  # Lucene gives up on automata of that many states
MOST_JUMPS = 1000  # groups of positions that are followed by the same ones
MOST_STEPS = 10_000  # remembered; then they are forgotten and made anew, so that memory is bounded


class _Part(NamedTuple):
    """The positions with which what an expression matches can begin and end, and whether it can be empty."""

    first: int
    last: int
    empty: bool


class _State(dict[str, "_State | bool"]):
    """What comes after each letter: another state, or the answer, where no letter after it can change that."""

    __slots__ = ("after", "matches")

    def __init__(self, after: int, *, matches: bool) -> None:
        self.after = after
        self.matches = matches


def matcher(node: Node) -> Callable[[str], bool]:
    """Return the test whether the whole text matches. Raises ValueError where the automaton is too large."""
    return _Automaton(node).matches


class _Automaton:
    def __init__(self, node: Node) -> None:
        self._characters = [ANY]  # of each position; the first is the start, which no character leads to
        self._follow = [0]  # for each position those that can come next
        part = self._add(node)
        self._follow[0] = part.first
        self._ends = part.last | part.empty
        self._set_up()

    def matches(self, text: str) -> bool:
        state = self._start
        for letter in text:
            following = state.get(letter)
            if following is None:
                following = self._step(state, letter)
            if following is True or following is False:
                return following
            state = following
        return state.matches

    # Building

    def _add(self, node: Node) -> _Part:
        match node:
            case Characters():
                if len(self._follow) > MOST_POSITIONS:
                    raise ValueError("it repeats too often")
                here = 1 << len(self._follow)
                self._follow.append(0)
                self._characters.append(node)
                return _Part(here, here, empty=False)
            case Chain(parts):
                return self._chain([self._add(part) for part in parts])
            case Either(choices):
                firsts, lasts, empty = zip(*[self._add(choice) for choice in choices], strict=True)
                return _Part(_union(firsts), _union(lasts), any(empty))
            case Repeat(part, least, most):
                return self._repeat(part, least, most)
            case Both() | Other():
                return self._listed(derivatives.states(node))

    def _chain(self, parts: list[_Part]) -> _Part:
        first = last = 0
        empty = True
        for part in parts:
            self._join(last, part.first)
            first |= part.first if empty else 0
            last = part.last | (last if part.empty else 0)
            empty = empty and part.empty
        return _Part(first, last, empty)

    def _repeat(self, part: Node, least: int, most: int | None) -> _Part:
        if most == 0:
            return _Part(0, 0, empty=True)
        one = self._add(part)
        if not one.first:  # it has no characters
            return _Part(0, 0, empty=least == 0 or one.empty)
        copies = [one, *(self._add(part) for _ in range(1, max(least, 1) if most is None else most))]
        for one, other in pairwise(copies):
            self._join(one.last, other.first)
        if most is None:
            self._join(copies[-1].last, copies[-1].first)
        # A copy can be left out only together with all after it, so the first one begins; that some may be empty says
        # no more than that fewer are needed.
        empty = least == 0 or copies[0].empty
        needed = 1 if empty else least
        return _Part(copies[0].first, _union(copy.last for copy in copies[needed - 1 :]), empty)

    def _listed(self, states: list[derivatives.State]) -> _Part:
        """Add an automaton, with a position for each way into a state."""
        ways = {way: self._add(way[0]).first for state in states for way in dict.fromkeys(state.steps)}
        leaving = [_union(ways[way] for way in state.steps) for state in states]
        for (_, state), way in ways.items():
            self._join(way, leaving[state])
        last = _union(way for (_, state), way in ways.items() if states[state].ends)
        return _Part(leaving[0], last, states[0].ends)

    def _join(self, last: int, first: int) -> None:
        if first:
            for place in _places(last):
                self._follow[place] |= first

    # Running

    def _set_up(self) -> None:
        """Sort out what is used at each step."""
        by_characters: dict[Characters, int] = {}
        by_jump: dict[int, int] = {}
        shared = Counter(self._follow)
        self._next = self._endless = 0  # from which the next position follows; from which on everything matches
        for place, (characters, follow) in enumerate(zip(self._characters, self._follow, strict=True)):
            here, following = 1 << place, 2 << place
            by_characters[characters] = by_characters.get(characters, 0) | (here if place else 0)
            self._endless |= here if place and characters == ANY and follow & here & self._ends else 0
            # Copies of a repetition differ in the next position alone, choices of a repetition in nothing.
            self._next |= here if follow & following else 0
            jump = follow if shared[follow] > 1 else follow & ~following
            if jump:
                by_jump[jump] = by_jump.get(jump, 0) | here
        if len(by_jump) > MOST_JUMPS:
            raise ValueError("it repeats too often")
        self._by_characters = list(by_characters.items())
        self._jumps = [(owners, jump) for jump, owners in by_jump.items()]
        self._forget()

    def _forget(self) -> None:
        self._steps = 0
        self._takers: dict[str, int] = {}  # letter → the positions that take it
        self._states: dict[int, _State | bool] = {}
        self._start = self._made(1)

    def _step(self, state: _State, letter: str) -> "_State | bool":
        self._steps += 1
        if self._steps > MOST_STEPS:
            self._forget()
        taking = self._takers.get(letter)
        if taking is None:
            taking = self._takers[letter] = self._taking(ord(letter))
        found = state[letter] = self._state(state.after & taking)
        return found

    def _taking(self, code: int) -> int:
        return _union(places for characters, places in self._by_characters if takes(characters, code))

    def _state(self, places: int) -> "_State | bool":
        found = self._states.get(places)
        if found is None:
            settled = not places or places & self._endless
            found = self._states[places] = bool(places) if settled else self._made(places)
        return found

    def _made(self, places: int) -> _State:
        if places.bit_count() < len(self._jumps):
            after = _union(self._follow[place] for place in _places(places))
        else:
            after = (places & self._next) << 1
            for owners, jump in self._jumps:
                if places & owners:
                    after |= jump
        return _State(after, matches=bool(places & self._ends))


def _union(sets: Iterable[int]) -> int:
    union = 0
    for each in sets:
        union |= each
    return union


def _places(places: int) -> Iterator[int]:
    """Yield the bits that are set."""
    while places:
        low = places & -places
        yield low.bit_length() - 1
        places ^= low
