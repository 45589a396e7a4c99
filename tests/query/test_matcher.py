"""Laws of the matcher, over generated conditions and events."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.query import compile
from runner.query.ast import And, Comparison, Field, In, Literal, Not, Or, Pattern
from runner.query.kinds import Fields
from runner.query.matcher import compile_condition

NOTHING_KNOWN = Fields(None, timestamp_field="@timestamp")

texts = st.sampled_from(["", "a", "A", "ab", "aB", "b", "é", "É", "1", "a*"])
scalars = st.one_of(texts, st.integers(-2, 2), st.sampled_from([0.5, 1.0]), st.booleans())
values = st.one_of(st.none(), scalars, st.lists(scalars, max_size=3))
events = st.dictionaries(st.sampled_from("abc"), values)
fields = st.sampled_from("abc").map(Field)
leaves = st.one_of(
    st.builds(Comparison, st.sampled_from(["==", "!=", "<", "<=", ">", ">="]), fields, scalars.map(Literal)),
    st.builds(Comparison, st.sampled_from(["==", "!="]), fields, st.just(Literal(None))),
    st.builds(Comparison, st.sampled_from(["==", "!=", "<"]), fields, fields),
    st.builds(In, fields, st.lists(texts.map(Literal), min_size=1, max_size=3).map(tuple), st.booleans()),
    st.builds(
        lambda field, insensitive, pattern: Pattern("like", insensitive, field, (Literal(pattern),)),
        fields,
        st.booleans(),
        st.sampled_from(["*", "a*", "?", "*b", "A?", ""]),
    ),
    st.sampled_from([Literal(True), Literal(False), Literal(None)]),
)
conditions = st.recursive(
    leaves,
    lambda inner: st.one_of(
        inner.map(Not),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: And(tuple(parts))),
        st.lists(inner, min_size=2, max_size=3).map(lambda parts: Or(tuple(parts))),
    ),
    max_leaves=6,
)


def holds(condition, event) -> bool:
    return compile_condition(condition, NOTHING_KNOWN)(event)


@given(conditions, events)
def test_a_double_negation_is_none(condition, event):
    assert holds(Not(Not(condition)), event) == holds(condition, event)


@given(conditions, conditions, events)
def test_de_morgan(first, second, event):
    assert holds(Not(And((first, second))), event) == holds(Or((Not(first), Not(second))), event)
    assert holds(Not(Or((first, second))), event) == holds(And((Not(first), Not(second))), event)


@given(conditions, events)
def test_a_condition_and_its_negation_are_never_both_true(condition, event):
    assert not (holds(condition, event) and holds(Not(condition), event))


@given(conditions, conditions, events)
def test_and_and_or_are_what_their_operands_are(first, second, event):
    assert holds(And((first, second)), event) == (holds(first, event) and holds(second, event))
    assert holds(Or((first, second)), event) == (holds(first, event) or holds(second, event))


@given(fields, scalars, events)
def test_unequal_is_not_equal(field, value, event):
    equal, unequal = (Comparison(operator, field, Literal(value)) for operator in ("==", "!="))
    assert holds(unequal, event) == holds(Not(equal), event) != holds(equal, event)


@given(fields, st.lists(scalars, min_size=1, max_size=3), events)
def test_in_is_equal_to_one_of_them(field, options, event):
    literals = tuple(map(Literal, options))
    either = Or((*(Comparison("==", field, literal) for literal in literals), Literal(False)))
    assert holds(In(field, literals), event) == holds(either, event)


@given(st.text(max_size=8), st.text(alphabet="abAB*?é", max_size=5))
def test_insensitive_forms_do_not_see_the_case_of_ascii(text, pattern):
    for kind in (":", "like"):
        node = Pattern(kind, True, Field("a"), (Literal(pattern),))
        upper = Pattern(kind, True, Field("a"), (Literal(_ascii(pattern, str.upper)),))
        found = {
            holds(each, {"a": value})
            for each in (node, upper)
            for value in (text, _ascii(text, str.upper), _ascii(text, str.lower))
        }
        assert len(found) == 1


def _ascii(text: str, change) -> str:
    return "".join(change(letter) if letter.isascii() else letter for letter in text)


@given(st.dictionaries(st.sampled_from("xyz"), scalars, min_size=1))
def test_nested_and_dotted_say_the_same(leaf):
    nested = {"a": {"b": leaf}}
    spellings = [{"a.b": leaf}, {"a": {f"b.{key}": value for key, value in leaf.items()}}]
    spellings.append({f"a.b.{key}": value for key, value in leaf.items()})
    for key, value in leaf.items():
        program = compile(f"any where a.b.{key} == {json.dumps(value, ensure_ascii=False)}")
        assert all(map(program.matches, [nested, *spellings]))


@given(events)
def test_matching_leaves_the_event_as_it_is(event):
    before = json.dumps(event)
    compile('any where a == "a" and (b : "*" or length(c) > 0) and a != b').matches(event)
    assert json.dumps(event) == before


MANY_DIGITS = "9" * 5000  # more than Python reads as a whole number
ODD = [
    *(MANY_DIGITS, f"-{MANY_DIGITS}", f"1.{MANY_DIGITS}", f"1.2.3-{MANY_DIGITS}", f"{MANY_DIGITS}-01-01", "1e999"),
    *(float("inf"), float("-inf"), float("nan"), 10**30, -(10**30), 1e308, "٣", "²", "1.2.3-²", "\ud800", "a\0b"),
    *("1.2.3.4/33", "fe80::1%eth0", {"x": 1}, [{"x": 1}], [[1], "x"], [], ""),
]


@pytest.mark.parametrize("kind", [None, "keyword", "long", "double", "boolean", "date", "date_nanos", "ip", "version"])
def test_whatever_stands_in_an_event_is_decided(kind):
    conditions = ['a == "5"', 'a != "x"', 'a < "5"', "not a == null", "a == b", "a < b"]
    if kind in (None, "keyword"):
        conditions += [
            'a like "9*"',
            'a regex~ ".*9"',
            'startsWith~(a, b) or endsWith(a, "9")',
            "indexOf(a, a, n) == 1",
        ]
        conditions += ['substring(a, n, n) == "9"', "number(a, n) > 1", "number(a) > 1", 'between(a, "9", "9") == b']
    if kind in (None, "long", "double"):
        conditions += [
            "a < 5",
            "a in (1, 2)",
            "a + 1 > a * 2",
            "a / 2 == a % 2",
            "-a > 0",
            'concat(a, "x") == string(a)',
        ]
    if kind in (None, "ip"):
        conditions += ['cidrMatch(a, "::/0")']
    types = kind and {"a": kind, "b": kind, "n": "long"}
    for condition in conditions:
        program = compile(f"any where {condition}", field_types=types)
        for value in ODD:
            assert program.matches({"a": value, "b": value, "n": value}) in (True, False)
