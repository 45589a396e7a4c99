"""The parser: which tree a text becomes, and what is said of a text that is none."""

import re
from datetime import timedelta
from pathlib import Path

import pytest

from runner.errors import QueryError
from runner.query import compile
from runner.query.ast import (
    And,
    Arithmetic,
    Call,
    Comparison,
    EventFilter,
    EventQuery,
    Field,
    In,
    Literal,
    Negative,
    Not,
    Or,
    Pattern,
    Pipe,
    Place,
    SampleQuery,
    SequenceQuery,
    Stage,
)
from runner.query.parser import parse

A, B, C = Field("a"), Field("b"), Field("c")
ONE, TWO = Literal(1), Literal(2)


def condition(text: str):
    query = parse(f"any where {text}")
    assert isinstance(query, EventQuery)
    return query.filter.condition


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a", A),
        ("?a.b", Field("a.b", optional=True)),
        ("a . b", Field("a.b")),
        ("`a-b`.`c d`", Field("a-b.c d")),
        ("`a``b`", Field("a`b")),
        ("@timestamp", Field("@timestamp")),
        ("null", Literal(None)),
        ("1", ONE),
        ("-1", Literal(-1)),
        ("- -1", ONE),
        ("+1", ONE),
        ("1.5e3", Literal(1500.0)),
        (".5", Literal(0.5)),
        ("9223372036854775807", Literal(9223372036854775807)),
        ("-9223372036854775808", Literal(-9223372036854775808)),
        ("-9223372036854775809", Literal(-9223372036854775808.0)),
        ("18446744073709551615", Literal(18446744073709551615)),
        ("18446744073709551616", Literal(18446744073709551616.0)),
        ("0" * 5000 + "1", ONE),
        ("1" + "0" * 300, Literal(1e300)),
        ("-a", Negative(A)),
        ("a == 1", Comparison("==", A, ONE)),
        ("a < b", Comparison("<", A, B)),
        ("a or b and c", Or((A, And((B, C))))),
        ("(a or b) or c", Or((A, B, C))),
        ("a and (b and c)", And((A, B, C))),
        ("not a and b", And((Not(A), B))),
        ("not not a", Not(Not(A))),
        ("a + 1 * 2", Arithmetic("+", A, Arithmetic("*", ONE, TWO))),
        ("a - 1 - 2", Arithmetic("-", Arithmetic("-", A, ONE), TWO)),
        ("-a * 2", Arithmetic("*", Negative(A), TWO)),
        ("a % 2 == 1", Comparison("==", Arithmetic("%", A, TWO), ONE)),
        ("a in (1, b)", In(A, (ONE, B))),
        ('a in~ ("x")', In(A, (Literal("x"),), insensitive=True)),
        ("a not in (1)", Not(In(A, (ONE,)))),
        ('a not in~ ("x")', Not(In(A, (Literal("x"),), insensitive=True))),
        ("1 + a in (1)", Arithmetic("+", ONE, In(A, (ONE,)))),
        ('a : "x"', Pattern(":", True, A, (Literal("x"),))),
        ('a:("x","y")', Pattern(":", True, A, (Literal("x"), Literal("y")))),
        ('a like "x"', Pattern("like", False, A, (Literal("x"),))),
        ('a like~ "x"', Pattern("like", True, A, (Literal("x"),))),
        ('a regex ("x")', Pattern("regex", False, A, (Literal("x"),))),
        ('a regex~ "x"', Pattern("regex", True, A, (Literal("x"),))),
        ("length(a) > 1", Comparison(">", Call("length", (A,)), ONE)),
        ('startswith~ (a, "x")', Call("startsWith", (A, Literal("x")), insensitive=True)),
        ("CIDRMATCH(a, b)", Call("cidrMatch", (A, B))),
        ("a // all\n/* of */ and b", And((A, B))),
        ("a /* in /* a */ comment */ and b", And((A, B))),
        ("a /* of /etc/* */ and b", And((A, B))),
    ],
)
def test_tree_of_a_condition(text, tree):
    assert condition(text) == tree


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r'"a\"b"', 'a"b'),
        (r'"\\ \t\n\r\b\f\'"', "\\ \t\n\r\b\f'"),
        (r'"\u{e9}\u{1F600}\u{000041}"', "é😀A"),
        (r'"\u00e9\u26035\u{2603}}"', "é\u26035\u2603}"),
        (r'"""a\n"b"""', r'a\n"b'),
        ('""""""', ""),
        ('""""quoted"""""', '"quoted""'),
        ('""', ""),
    ],
)
def test_value_of_a_string(text, value):
    assert condition(f"a == {text}") == Comparison("==", A, Literal(value))


@pytest.mark.parametrize(
    ("text", "category"),
    [("process where a", "process"), ("any where a", None), ('"a-b" where a', "a-b"), ('"""a"b""" where a', 'a"b')],
)
def test_category(text, category):
    assert parse(text) == EventQuery(EventFilter(category, A))


def test_pipes():
    assert parse("any where a | head 5 | tail 3") == EventQuery(
        EventFilter(None, A), (Pipe("head", 5), Pipe("tail", 3))
    )


def test_sequence():
    text = """
    sequence by a with maxspan=90s
      [x where b] by b with runs=2
      ![y where c] by c
    until [z where a] by a
    | tail 1"""
    stage = Stage(EventFilter("x", B), (A, B))
    assert parse(text) == SequenceQuery(
        (stage, stage, Stage(EventFilter("y", C), (A, C), missing=True)),
        timedelta(seconds=90),
        Stage(EventFilter("z", A), (A, A)),
        (Pipe("tail", 1),),
    )


@pytest.mark.parametrize(
    ("span", "length"),
    [
        ("500ms", {"milliseconds": 500}),
        ("5s", {"seconds": 5}),
        ("5m", {"minutes": 5}),
        ("2h", {"hours": 2}),
        ("1d", {"days": 1}),
    ],
)
def test_maxspan(span, length):
    query = parse(f"sequence with maxspan={span} [a where true] [b where true]")
    assert query.maxspan == timedelta(**length)


def test_sample():
    text = "sample by a [x where b] by b [y where c] by ?c"
    assert parse(text) == SampleQuery(
        (Stage(EventFilter("x", B), (A, B)), Stage(EventFilter("y", C), (A, Field("c", optional=True))))
    )


def test_a_bracket_after_a_join_key_opens_a_stage():
    assert len(parse("sequence by a [x where a] by b [y where a] by c").stages) == 2


def test_nodes_know_their_places():
    tree = condition('a == 1\n  and length(b)\n > "x"')
    first, second = tree.operands
    assert (first.place, second.place, second.right.place) == (Place(1, 11), Place(2, 7), Place(3, 4))


@pytest.mark.parametrize(
    ("text", "line", "column", "message", "hint"),
    [
        ("", 1, 1, "ends too early", "category where condition"),
        (f"process where a == {'1' * 5000}", 1, 20, "this number is too large", ""),
        ("process where a == -1e999", 1, 21, "this number is too large", ""),
        (f"sequence with maxspan={'9' * 5000}s [a where true] [b where true]", 1, 23, "this number is too large", ""),
        (f"any where true | head {'9' * 5000}", 1, 23, "this number is too large", ""),
        ("process where", 1, 14, "ends too early", ""),
        ("process where a ==\n", 1, 19, "ends too early", ""),
        ("42 where true", 1, 1, "unexpected `42`", ""),
        ("process where a = 1", 1, 17, "unexpected `=`", "use =="),
        ("process where a AND b", 1, 17, "unexpected `AND`", "and"),
        ("process where a && b", 1, 17, "unexpected `&&`", "use `and`"),
        ("process where a || b", 1, 18, "unexpected `|`", "use `or`"),
        ("process where !a", 1, 15, "unexpected `!`", "not"),
        ("process where a == 'x'", 1, 20, "double quotes", '"…"'),
        ('process where a == ?"x"', 1, 20, "raw string", '"""…"""'),
        ("process where a == ?'x'", 1, 20, "raw string", '"""…"""'),
        ('process where a == "x', 1, 20, "not closed", "line"),
        (r'process where a == "C:\dir"', 1, 20, r"unknown escape `\d`", r"\\d"),
        (r'process where a == "\u{1}"', 1, 20, "2 to 8 hex digits", "\\u{e9}"),
        (r'process where a == "\u{110000}"', 1, 20, "not a Unicode character", ""),
        (r'process where a == "\u{d800}"', 1, 20, "not a Unicode character", ""),
        (r'process where a == "\u{00}"', 1, 20, "not a Unicode character", ""),
        (r'process where a == "\u0000"', 1, 20, r"`\u0000` is not a Unicode character", ""),
        (r'process where a == "\u26g3"', 1, 20, r"unknown escape `\u`", "4 of them"),
        ("process where `a == 1", 1, 15, "not closed", ""),
        ("process where a in ()", 1, 21, "unexpected `)`", ""),
        ("process where a == b == c", 1, 22, "unexpected `==`", ""),
        ("process where (a", 1, 17, "ends too early", ""),
        ("process where event.sequence == 1", 1, 21, "unexpected `sequence`", "backticks"),
        ("process where a[0] == 1", 1, 16, "array indexes", ""),
        ("file where child of [any where true]", 1, 12, "relationships", "sequence"),
        ("process where nothing(a)", 1, 15, "unknown function `nothing`", ""),
        ("process where startWith(a, b)", 1, 15, "unknown function `startWith`", "startsWith"),
        ('process where wildcard(a, "x*")', 1, 15, "unknown function `wildcard`", "like~"),
        ("process where length~(a) > 1", 1, 15, "no case-insensitive form", "length(…)"),
        ("process where length(a, b) > 1", 1, 15, "exactly 1 argument, it has 2", ""),
        ("process where concat() == a", 1, 15, "at least 1 argument, it has 0", ""),
        ("process where substring(a) == b", 1, 15, "2 to 3 arguments, it has 1", ""),
        ("any where true | unique a", 1, 18, "pipe `unique` is not supported", "head"),
        ("any where true | heed 5", 1, 18, "pipe `heed` is not supported", "head"),
        ("any where true | head", 1, 18, "exactly one number", ""),
        ("any where true | head 1, 2", 1, 18, "exactly one number", ""),
        ("any where true | head -1", 1, 23, "positive whole number", ""),
        ("any where true | head 1.5", 1, 23, "positive whole number", ""),
        ("sequence [a where true]", 1, 11, "at least 2 stages", ""),
        ("sequence [a where true] with runs=1", 1, 11, "at least 2 stages", ""),
        ("sequence [a where true] with runs=0 [b where true]", 1, 35, "between 1 and 100", ""),
        ("sequence [a where true] with runs=101 [b where true]", 1, 35, "between 1 and 100", ""),
        ("sequence [a where true] with run=2 [b where true]", 1, 30, "`run` is not an option", "runs"),
        ("sequence with maxspan=2.5m [a where true] [b where true]", 1, 23, "whole number", "ms"),
        ("sequence with maxspan=0s [a where true] [b where true]", 1, 23, "positive", ""),
        ("sequence with maxspan=5 [a where true] [b where true]", 1, 23, "needs a unit", "5s"),
        ("sequence with maxspan=5w [a where true] [b where true]", 1, 24, "`w` is not a unit", "ms, s, m, h, d"),
        ("sequence with maxspan=146098d [a where true] [b where true]", 1, 23, "too long", "400 years at most"),
        ("sequence with maxspan=99999999999d [a where true] [b where true]", 1, 23, "too long", "400 years at most"),
        ("sequence with maxspan=5s by a [a where true] [b where true]", 1, 29, "before `with maxspan`", ""),
        ("sequence [a where true] by x [b where true]", 1, 31, "0 join keys", ""),
        ("sequence [a where true] by x [b where true] by y, z", 1, 48, "2 join keys", ""),
        ("sequence by x + 1 [a where true] [b where true]", 1, 13, "must be a field", ""),
        ("sequence [a where true] ![b where true]", 1, 25, "needs `with maxspan`", ""),
        ("sequence with maxspan=1s ![a where true] ![b where true]", 1, 26, "not missing", ""),
        ("sequence with maxspan=1s [a where true] [b where true] until ![c where true]", 1, 62, "until", ""),
        ("sequence [a where true] [b where true] fork=true", 1, 40, "unexpected `fork`", "not supported"),
        ("sample [a where true] [b where true]", 1, 9, "at least one join key", "sample by"),
        ("sample by x [a where true] ![b where true]", 1, 28, "no missing events", ""),
        ("sample by x [a where true] with runs=2", 1, 14, "no `with runs`", ""),
        ("sample by x [a where true] [b where true] | head 1", 1, 45, "no pipes", ""),
        ("join by x [a where true] [b where true]", 1, 1, "`join` is not supported", "sample"),
    ],
)
def test_what_is_said_of_a_text_that_is_no_query(text, line, column, message, hint):
    with pytest.raises(QueryError) as raised:
        parse(text)
    error = raised.value
    assert message in error.message
    assert hint in error.hint
    assert (error.line, error.column) == (line, column)
    assert error.text == text


def test_the_error_points_at_the_place():
    with pytest.raises(QueryError) as raised:
        parse("process where\n  a = 1")
    assert raised.value.pointed() == "2:5: unexpected `=`\n    a = 1\n      ^"


def test_many_terms_and_deep_parentheses_are_read():
    assert len(condition(" or ".join(["a"] * 5000)).operands) == 5000
    assert condition("(" * 5000 + "a" + ")" * 5000) == A


def test_every_query_in_the_documentation_compiles():
    page = (Path(__file__).parents[2] / "docs" / "eql.md").read_text(encoding="utf-8")
    queries = re.findall(r"```eql\n(.*?)```", page, re.DOTALL)
    assert len(queries) >= 3
    for query in queries:
        assert compile(query)
