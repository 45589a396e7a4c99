"""What the matcher asks first, so as to ask less, never changes what it answers."""

import random

import pytest

from runner.query import compile
from runner.query.alternatives import necessary

A, B = {"process": {"name": "a", "args": ["x", "y"]}}, {"process": {"name": "b"}}


@pytest.mark.parametrize(
    ("condition", "field", "constants"),
    [
        ('(n == "a" and x == 1) or (n in ("b", "c") and y == 2)', "n", ["a", "b", "c"]),
        ('n == "a" or n == "b"', "n", ["a", "b"]),
        ('(x == "1" and n == "a") or (n == "b" and y == "2")', "n", ["a", "b"]),
        ('(n == "a" and x == 1) or y == 2', None, []),
        ('n == "a" or m == "a"', None, []),
        ('n == "a" or n : "b*"', None, []),
        ('n == "a" or ?n == "b"', None, []),
        ('n == "a" or n in~ ("b", "c")', None, []),
        ('n == "a" or n == null', None, []),
        ('n == "a" or not n == "b"', None, []),
    ],
)
def test_what_all_alternatives_ask_of_one_field(condition, field, constants):
    found = necessary(compile(f"any where {condition}").query.filter.condition.operands)

    assert (found and found.value.path) == field
    assert [literal.value for literal in found.options] == constants if found else constants == []


@pytest.mark.parametrize(
    ("condition", "a", "b"),
    [
        ('(process.name == "a" and process.args == "x") or (process.name == "b" and process.args == "x")', True, False),
        ('not ((process.name == "a" and process.args == "x") or process.name == "b")', False, False),
        (
            '(process.name == "c" and process.args == "x") or (process.name == "b" and process.args == null)',
            False,
            True,
        ),
    ],
)
def test_alternatives_that_share_a_field(condition, a, b):
    matches = compile(f"any where {condition}").matches

    assert (matches(A), matches(B)) == (a, b)


def test_a_conjunction_answers_the_same_when_it_has_learnt_what_to_ask_first():
    query = 'any where a == "1" and b == "1" and (c == "1" or d == "1") and not e == "1" and not (f == "1" or g == "1")'
    chance = random.Random(1)
    events = [{name: chance.choice("12") for name in "abcdefg" if chance.random() < 0.8} for _ in range(5000)]
    learnt = compile(query).matches
    for event in events:
        learnt(event)

    assert [learnt(event) for event in events] == [_expected(event) for event in events]


def _expected(event):
    one = {name for name, value in event.items() if value == "1"}
    return {"a", "b"} <= one and bool({"c", "d"} & one) and not {"e", "f", "g"} & one
