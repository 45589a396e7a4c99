"""The checks: what a query must fulfil beyond reading well, with and without knowing the fields' types."""

import pytest

from runner.errors import QueryError
from runner.query import FieldType, compile
from runner.query.types import from_names

TYPES = {
    "k": "keyword",
    "k2": "keyword",
    "l": "long",
    "d": "double",
    "b": "boolean",
    "t": "date",
    "ip": "ip",
    "v": "version",
    "words": "text",
    "words.keyword": "keyword",
    "geo": "geo_point",
    "span": "long_range",
    "rows": "nested",
    "rows.k": "keyword",
    "labels": "flattened",
    "event.category": "keyword",
    "process": "object",
    "process.name": "keyword",
}


def complaint(query: str, types=None) -> QueryError:
    with pytest.raises(QueryError) as raised:
        compile(query, field_types=types)
    assert raised.value.text == query
    return raised.value


@pytest.mark.parametrize(
    ("condition", "column", "message", "hint"),
    [
        ('"text"', 11, "must be true or false, this is a string", ""),
        ("1 + 2", 11, "must be true or false, this is a number", ""),
        ("length(a)", 11, "must be true or false, this is a whole number", ""),
        ("a == 1 and 5", 22, "must be true or false", ""),
        ("not concat(a)", 15, "must be true or false", ""),
        ('a + "1" == 2', 15, "`+` takes numbers, this is a string", ""),
        ("a * (b == 1) > 2", 16, "`*` takes numbers, this is a boolean", ""),
        ('-concat(a) == "1"', 12, "`-` takes numbers", ""),
        ('a in (1, "x")', 20, "values of one type", ""),
        ('a in ("x", true)', 22, "values of one type", ""),
        ('1 in ("x")', 17, "values of one type", ""),
        ("a in~ (1)", 18, "`in~` compares strings", "use `in`"),
        ("a : 5", 15, "`:` compares strings", "use == for 5"),
        ('a like ("x", true)', 24, "`like` compares strings", ""),
        ('length(a) : "5"', 11, "`:` compares strings, this is a whole number", "use =="),
        ('a regex "x("', 19, "bad regular expression: unexpected end at position 3", "Lucene"),
        ('a regex~ ("x", "[b")', 26, "bad regular expression: `]` expected at position 3", "Lucene"),
        (r'a regex """\b""" ', 19, "bad regular expression: `\\b` is not a class", "Lucene"),
        (
            "startsWith(a, 1) == true",
            25,
            "second argument of `startsWith` must be a string, this is a whole number",
            "",
        ),
        ('substring(a, "1") == "x"', 24, "second argument of `substring` must be a whole number", ""),
        ("substring(a, 1.5) == a", 24, "second argument of `substring` must be a whole number", ""),
        ('between(a, "b", "c", "d") == "e"', 32, "fourth argument of `between` must be a boolean", ""),
        ("number(true) == 1", 18, "first argument of `number` must be a string", ""),
        ('number("x") == 1', 18, "no number", ""),
        ('add(a, "1") == 2', 18, "second argument of `add` must be a number", ""),
        ("cidrMatch(a, b)", 24, "must be constants", ""),
        ('cidrMatch(a, "10.0.0.0/33")', 24, "neither a CIDR block nor an address", "10.0.0.0/8"),
        ('cidrMatch(a, "10.0.0.0/8", "localhost")', 38, "neither a CIDR block nor an address", ""),
        ("cidrMatch(a, 1)", 24, "second argument of `cidrMatch` must be a string", ""),
    ],
)
def test_refused_whatever_the_fields_are(condition, column, message, hint):
    error = complaint(f"any where {condition}")
    assert message in error.message
    assert hint in error.hint
    assert error.column == column


@pytest.mark.parametrize("condition", ["not " * 200 + "a", "1 + " * 200 + "1 == 1", "-" * 200 + "a == 1"])
def test_a_condition_has_a_depth_that_python_can_walk(condition):
    assert "nested too deeply" in complaint(f"any where {condition}").message


@pytest.mark.parametrize(
    "condition",
    [
        "a",
        "null",
        "a == null and null == a",
        'a in (b, "x")',
        "a in (null, 1)",
        'a : (null, "x")',
        'a == "x" or a == 5',
        "substring(a, length(b)) == a",
        "substring(a, b - 1) == a",
        "startsWith(null, a) == false",
        'cidrMatch("10.0.0.1", "10.0.0.0/8", null)',
        'cidrMatch(a, concat("10.0.0.0", "/8"))',
        "concat(1, true, a) == a",
        "string(1.5) == a",
        "number(a, b) == 1",
    ],
)
def test_accepted_when_nothing_is_known(condition):
    assert compile(f"any where {condition}")


@pytest.mark.parametrize(
    ("condition", "column", "message", "hint"),
    [
        ("k", 11, "must be true or false, this is a string", ""),
        ("ip", 11, "must be true or false, this is an ip address", ""),
        ("t", 11, "must be true or false, this is a date", ""),
        ("t - 1 > 5", 11, "`-` takes numbers, this is a date", ""),
        ('t like "2024*"', 11, "`like` compares strings, this is a date", ""),
        ('startsWith(t, "2024")', 22, "first argument of `startsWith` must be a string, this is a date", ""),
        ("not l", 15, "must be true or false, this is a whole number", ""),
        ("k3 == 1", 11, "unknown field `k3`", "did you mean `k`? write ?k3 if it need not exist"),
        ("nothing == 1", 11, "unknown field `nothing`", "write ?nothing"),
        ("length(lenght) > 1", 18, "unknown field `lenght`", ""),
        ("geo == 1", 11, "of type geo_point, which EQL cannot compare", ""),
        (
            "labels != null",
            11,
            "of type flattened, which EQL cannot compare",
            "name one of its keys, such as `labels.key`",
        ),
        ("span == 1", 11, "of type long_range", ""),
        ("process == 1", 11, "of type object", ""),
        ('rows.k == "x"', 11, "inside the nested field `rows`", ""),
        ('l in (1, "x")', 20, "values of one type: number here, not text", ""),
        ("k in (1)", 17, "values of one type: text here, not number", ""),
        ('l : "1"', 11, "`:` compares strings, this is a whole number", ""),
        ('ip like "10.*"', 11, "`like` compares strings, this is an ip address", ""),
        ("k + 1 == 2", 11, "`+` takes numbers, this is a string", ""),
        ('cidrMatch(k, "10.0.0.0/8")', 21, "first argument of `cidrMatch` must be an ip address, this is a string", ""),
        ("length(l) > 1", 18, "first argument of `length` must be a string", ""),
        ('t > "now-1d"', 15, "date math is not supported", "write the date out"),
        ('t == "2024-01-01||+1d"', 16, "date math is not supported", ""),
    ],
)
def test_refused_when_the_types_are_known(condition, column, message, hint):
    error = complaint(f"any where {condition}", TYPES)
    assert message in error.message
    assert hint in error.hint
    assert error.column == column


@pytest.mark.parametrize(
    "condition",
    [
        "b",
        "?nothing == 1",
        "?nothing",
        'words == "x" and length(words) > 1 and words.keyword : "x"',
        'labels.some.thing == "x"',
        'l == "5" and t == "2024" and ip in ("10.0.0.0/8") and v > "1.0"',
        "d in (1, 2.5) and b in (true)",
        "k == 5",
        'process.name == "x"',
    ],
)
def test_accepted_when_the_types_are_known(condition):
    assert compile(f"any where {condition}", field_types=TYPES)


def test_a_category_needs_its_field():
    types = {"k": "keyword", "kind": "keyword"}
    error = complaint("process where true", types)
    assert (error.message, error.column) == (
        "unknown field `event.category`, where the category `process` would stand",
        1,
    )
    assert "any where" in error.hint
    assert compile("any where true", field_types=types)
    assert compile("process where true", field_types=types, event_category_field="kind")
    assert compile("process where true").adapted({})
    assert "category `b`" in complaint("sequence [any where true] [any where true] until [b where true]", types).message


def test_a_key_of_a_flattened_field_is_no_absent_one():
    labelled = compile('any where labels.env == "a" and length(process.name) > 1')
    assert labelled.adapted(from_names(TYPES)).matches({"labels": {"env": "a"}, "process": {"name": "ab"}})


def test_a_text_without_a_keyword_is_no_argument():
    types = {"plain": FieldType(frozenset({"text"}), aggregatable=False), "l": FieldType(frozenset({"long"}))}
    for argument_of in ("length(plain) > 1", 'concat("a", plain) == "b"', 'string(plain) == "c"'):
        assert "text field without a keyword" in complaint(f"any where {argument_of}", types).message
        assert "text field without a keyword" in complaint(f"any where {argument_of}", {"plain": "text"}).message
    assert compile('any where plain == "whole"', field_types=types)
    types["plain.raw"] = FieldType(frozenset({"keyword"}))
    assert compile("any where length(plain) > 1", field_types=types)


def test_a_field_of_several_types_may_be_anything():
    types = {"a": FieldType(frozenset({"keyword", "long"}))}
    assert compile('any where a == 1 and a : "x" and length(a) > 1 and a + 1 == 2', field_types=types)


@pytest.mark.parametrize(
    ("first", "second", "right"),
    [
        ("k", "words", True),
        ("k", "v", True),
        ("l", "d", True),
        ("k", "l", False),
        ("t", "l", False),
        ("ip", "k", False),
    ],
)
def test_join_keys_must_have_types_that_can_be_equal(first, second, right):
    query = f"sequence [any where true] by {first} [any where true] by {second}"
    if right:
        assert compile(query, field_types=TYPES)
    else:
        assert f"join key `{second}`" in complaint(query, TYPES).message


def test_join_keys_must_be_mapped_unless_optional():
    query = "sequence by {} [any where true] [any where true]"
    assert "unknown field `nothing`" in complaint(query.format("nothing"), TYPES).message
    assert compile(query.format("?nothing"), field_types=TYPES)


def test_every_stage_and_until_are_checked():
    query = "sequence [any where true] [any where {}] until [any where {}]"
    assert complaint(query.format("length(a)", "true")).column == 38
    assert complaint(query.format("true", "1")).column == 61
