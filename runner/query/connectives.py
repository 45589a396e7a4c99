"""Conjunctions and disjunctions of tests: what is constant is left out, what decides most often is asked first."""

from collections.abc import Callable
from typing import TypeAlias

from runner.query.matching import Event

LEARNT_FROM = 200
"""Events from which a conjunction learns which of its parts says no most often, to ask that one first from then on."""

Condition: TypeAlias = Callable[[Event], bool]


def all_of(parts: list[Condition]) -> Condition:
    """Return the test whether all of the parts hold; it learns which of them to ask first."""
    if never in parts:
        return never
    tests = [part for part in parts if part is not always]
    if not tests:
        return always
    if len(tests) == 1:
        return tests[0]
    order = tuple(tests)
    decided = dict.fromkeys(order, 0)
    left = LEARNT_FROM

    def holds(event: Event) -> bool:
        for test in order:
            if not test(event):
                if left > 0:
                    learn(test)
                return False
        return True

    def learn(decisive: Condition) -> None:
        nonlocal order, left
        decided[decisive] += 1
        left -= 1
        if left <= 0:
            # Replaced whole, since another thread may be on its way through it.
            order = tuple(sorted(order, key=lambda test: -decided[test]))

    return holds


def any_of(parts: list[Condition]) -> Condition:
    """Return the test whether one of the parts holds."""
    if always in parts:
        return always
    tests = [part for part in parts if part is not never]
    if not tests:
        return never
    if len(tests) == 1:
        return tests[0]
    if len(tests) == 2:
        one, other = tests
        return lambda event: one(event) or other(event)

    def holds(event: Event) -> bool:
        for test in tests:  # noqa: SIM110  a loop is quicker than any() over a generator
            if test(event):
                return True
        return False

    return holds


def always(_event: Event) -> bool:
    """Hold of every event."""
    return True


def never(_event: Event) -> bool:
    """Hold of no event."""
    return False
