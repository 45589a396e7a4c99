"""What is written of a tree parses to the same tree."""

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.query import compile, written
from runner.query.ast import And, Arithmetic, Call, Comparison, Field, In, Literal, Negative, Not, Or, Pattern
from runner.query.functions import FUNCTIONS
from runner.query.parser import parse


def read(text):
    return parse(f"any where {text}").filter.condition


WRITTEN = {
    "a name": (Field("process.name"), "process.name"),
    "an optional one": (Field("a", optional=True), "?a"),
    "a name that is a keyword": (Field("process.where"), "`process.where`"),
    "a name with other letters": (Field("a-b.c`d"), "`a-b.c``d`"),
    "a string": (Literal('C:\\a "b"\n'), r'"C:\\a \"b\"\n"'),
    "operands in parentheses": (
        Or((And((Field("a"), Not(Field("b")))), Comparison("==", Field("c"), Literal(-1)))),
        "(a and (not b)) or (c == (-1))",
    ),
    "not in": (Not(In(Field("a"), (Literal("x"), Literal(None)))), 'not (a in ("x", null))'),
    "patterns": (Pattern("like", True, Field("a"), (Literal("x*"),)), 'a like~ ("x*")'),
    "the pattern of one letter": (Pattern(":", True, Field("a"), (Literal("x*"),)), 'a : ("x*")'),
    "a call": (Call("endsWith", (Field("a"), Literal("x")), insensitive=True), 'endsWith~(a, "x")'),
    "the largest whole number": (Comparison("<", Field("a"), Literal(2**64 - 1)), "a < 18446744073709551615"),
    "the largest number": (Comparison("<", Field("a"), Literal(sys.float_info.max)), "a < 1.7976931348623157e+308"),
}


@pytest.mark.parametrize(("tree", "text"), WRITTEN.values(), ids=WRITTEN)
def test_a_tree_is_written(tree, text):
    assert written.condition(tree) == text
    assert read(text) == tree


SINGLE = {
    "each stage, with its category": (
        "sequence by a [process where b == 1] [any where true] with runs=3 [`x y` where c or d]".replace(
            "`x y`", '"x y"'
        ),
        'any where ((event.category == "process") and (b == 1)) or (true) or ((event.category == "x y") and (c or d))',
    ),
    "what has to be missing is no part of it, nor is `until`": (
        "sequence by a with maxspan=1m [any where b == 1] ![any where c == 1] [any where d == 1] until [any where e == 1]",
        "any where (b == 1) or (d == 1)",
    ),
    "one is not true": (
        "sample by a [any where b == 1] [any where b == true]",
        "any where (b == 1) or (b == true)",
    ),
    "an event query is its own": ("any where b == 1", "any where b == 1"),
}


@pytest.mark.parametrize(("query", "text"), SINGLE.values(), ids=SINGLE)
def test_what_a_match_is_made_of_is_found_by_an_event_query(query, text):
    assert compile(query).single.text == text


def test_where_it_would_be_nested_too_deeply_there_is_none():
    deep = "string(" * 97 + "a" + ")" * 97
    assert compile(f'sequence [process where {deep} == "1"] [process where b == 1]').single is None


numbers = st.integers(0, 2**64 - 1) | st.floats(min_value=0, allow_infinity=False)
strings = st.text(st.characters(exclude_categories=["Cs"]))
constants = (numbers | strings | st.booleans() | st.none()).map(Literal)
literals = constants | (st.integers(-(2**63), -1) | st.floats(max_value=-0.0, allow_infinity=False)).map(Literal)
paths = st.from_regex(r"[a-zA-Z_@][a-z]{0,3}(\.[a-z]{1,4})?", fullmatch=True) | strings.filter(bool)
names = st.builds(Field, paths | st.sampled_from(["not", "a.by", "true"]), st.booleans())


def some(values, least=1, most=3):
    return st.lists(values, min_size=least, max_size=most).map(tuple)


def calls(inner):
    def call(function):
        counts = [count for count in range(6) if function.takes(count)]
        arguments = st.sampled_from(counts).flatmap(lambda count: some(inner, count, count))
        tildes = st.booleans() if function.has_insensitive else st.just(value=False)
        return st.builds(Call, st.just(function.name), arguments, tildes)

    return st.sampled_from(list(FUNCTIONS.values())).flatmap(call)


def joined(kind, inner):
    """Two or more operands, none of the same kind: the parser takes those apart."""
    return some(inner.filter(lambda tree: not isinstance(tree, kind)), 2).map(kind)


def deeper(inner):
    unsigned = inner.filter(lambda tree: not (isinstance(tree, Literal) and type(tree.value) in (int, float)))
    return (
        unsigned.map(Negative)
        | inner.map(Not)
        | joined(And, inner)
        | joined(Or, inner)
        | st.builds(Comparison, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), inner, inner)
        | st.builds(Arithmetic, st.sampled_from(["+", "-", "*", "/", "%"]), inner, inner)
        | st.builds(In, inner, some(inner), st.booleans())
        | st.builds(Pattern, st.sampled_from(["like", "regex"]), st.booleans(), inner, some(constants))
        | st.builds(Pattern, st.just(":"), st.just(value=True), inner, some(constants))
        | calls(inner)
    )


@given(st.recursive(literals | names, deeper, max_leaves=12))
def test_what_is_written_parses_to_the_same_tree(tree):
    text = written.condition(tree)
    again = read(text)
    assert again == tree
    assert written.condition(again) == text  # equal trees may differ: to Python, 1 is true
