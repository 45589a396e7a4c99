"""Wildcard patterns: the quick tests against the plain definition, and no text takes long."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.query.wildcards import any_like, folded


def plainly(pattern: str, text: str) -> bool:
    """The definition, letter by letter."""
    places = {0}
    for letter in text:
        places = _after_stars(places, pattern)
        places = {
            p if pattern[p] == "*" else p + 1 for p in places if p < len(pattern) and pattern[p] in ("*", "?", letter)
        }
    return len(pattern) in _after_stars(places, pattern)


def _after_stars(places: set[int], pattern: str) -> set[int]:
    found = set(places)
    for place in range(len(pattern)):
        if place in found and pattern[place] == "*":
            found.add(place + 1)
    return found


@given(st.lists(st.text(alphabet="ab*?\n", max_size=6), min_size=1, max_size=4), st.text(alphabet="ab\nc", max_size=8))
def test_like_the_definition(patterns, text):
    assert any_like(patterns, insensitive=False)(text) == any(plainly(pattern, text) for pattern in patterns)


@given(st.lists(st.text(alphabet="aBé*?", max_size=6), min_size=1, max_size=4), st.text(alphabet="AbÉé", max_size=8))
def test_insensitive_is_like_of_the_folded(patterns, text):
    test = any_like(patterns, insensitive=True)
    assert test(text) == any(plainly(folded(pattern), folded(text)) for pattern in patterns)


@given(st.text())
def test_folding_changes_capitals_of_ascii_alone(text):
    assert folded(text) == "".join(letter.lower() if letter.isascii() else letter for letter in text)


@pytest.mark.timeout(20)
def test_no_text_takes_long():
    assert not any_like(["*a" * 30 + "b", "*a?" * 30 + "b"], insensitive=True)("a" * 20000)
