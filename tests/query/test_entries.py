"""Exclusions decided here: entry by entry, with and without the fields' types."""

import pytest

from runner.query import FieldType, compile
from runner.query.entries import Entry, EntryType, Exclusion, Nested, compile_exclusion
from runner.query.exclusions import Exclusions
from runner.query.kinds import Fields
from runner.query.types import from_names
from tests.made import event

M, ANY, W, EXISTS, LIST = EntryType


def holds(entries, document, types=None, os_types=()):
    known = Fields(from_names(types) if types is not None else None, timestamp_field="@timestamp")
    entries = entries if isinstance(entries, tuple) else (entries,)
    return compile_exclusion(Exclusion("x", entries, os_types), known)(document)


def is_not(field, type, *values):
    return Entry(field, type, values, included=False)


@pytest.mark.parametrize(
    ("entry", "document", "expected"),
    [
        pytest.param(Entry("a", M, ("x",)), {"a": "x"}, True, id="match: the value"),
        pytest.param(Entry("a", M, ("x",)), {"a": "X"}, False, id="match: in its own case"),
        pytest.param(Entry("a", M, ("x",)), {"a": "x y"}, False, id="match: as a whole"),
        pytest.param(Entry("a", M, ("x*",)), {"a": "xyz"}, False, id="match: a star is a star"),
        pytest.param(Entry("a", M, ("x",)), {"a": ["y", "x"]}, True, id="match: one of the values"),
        pytest.param(Entry("a", M, ("5",)), {"a": 5}, True, id="match: a number by its spelling"),
        pytest.param(Entry("a", M, ("true",)), {"a": True}, True, id="match: a boolean by its spelling"),
        pytest.param(Entry("a.b", M, ("x",)), {"a.b": "x"}, True, id="match: a dotted key"),
        pytest.param(Entry("a.b", M, ("x",)), {"a": {"b": "x"}}, True, id="match: a nested key"),
        pytest.param(Entry("a.keyword", M, ("x",)), {"a": "x"}, True, id="match: a multi-field reads its field"),
        pytest.param(Entry("a", M, ("10.0.0.0/8",)), {"a": "10.1.2.3"}, True, id="match: a network"),
        pytest.param(Entry("a", ANY, ("x", "y")), {"a": "y"}, True, id="match_any: one of them"),
        pytest.param(Entry("a", ANY, ("x", "y")), {"a": "z"}, False, id="match_any: none of them"),
        pytest.param(Entry("a", W, ("c:\\\\*.exe",)), {"a": "c:\\x.exe"}, True, id="wildcard: a backslash is doubled"),
        pytest.param(Entry("a", W, ("x*z",)), {"a": "xyz"}, True, id="wildcard: a star"),
        pytest.param(Entry("a", W, ("x?z",)), {"a": "xz"}, False, id="wildcard: a question mark is one letter"),
        pytest.param(Entry("a", W, ("X*",)), {"a": "xyz"}, False, id="wildcard: in its own case"),
        pytest.param(Entry("a", W, (r"\*y*",)), {"a": "*yz"}, True, id="wildcard: an escaped star is a star"),
        pytest.param(Entry("a", W, (r"\*y*",)), {"a": "xyz"}, False, id="wildcard: an escaped star is nothing else"),
        pytest.param(Entry("a", W, (r"\*\?",)), {"a": "*?"}, True, id="wildcard: nothing but escapes"),
        pytest.param(Entry("a", W, ("x\\",)), {"a": "x\\"}, True, id="wildcard: a backslash at the end"),
        pytest.param(Entry("a", W, ("x*", "*z")), {"a": "yz"}, True, id="wildcard: one of several"),
        pytest.param(Entry("a", EXISTS), {"a": 0}, True, id="exists: a value"),
        pytest.param(Entry("a", EXISTS), {"a": [None]}, False, id="exists: null is none"),
        pytest.param(Entry("a", EXISTS, included=False), {"b": 1}, True, id="does not exist"),
        pytest.param(Entry("a", EXISTS, included=False), {"a": 1}, False, id="does not exist, and does"),
        pytest.param(Entry("a", LIST, ("x", "y")), {"a": "y"}, True, id="list: a value"),
        pytest.param(Entry("a", LIST, ("10.0.0.1-10.0.0.9",)), {"a": "10.0.0.5"}, True, id="list: a range"),
        pytest.param(Entry("a", LIST, ("10.0.0.1-10.0.0.9",)), {"a": "10.0.0.10"}, False, id="list: beyond a range"),
        pytest.param(Entry("a", LIST, ("10.0.0.0/30",)), {"a": "10.0.0.2"}, True, id="list: a network"),
        pytest.param(Entry("a", LIST, ("web-01",)), {"a": "web-01"}, True, id="list: a dash makes no range"),
        pytest.param(is_not("a", M, "x"), {"a": "y"}, True, id="is not"),
        pytest.param(is_not("a", M, "x"), {"a": ["x", "y"]}, False, id="is not: no value may be it"),
        pytest.param(is_not("a", ANY, "x", "y"), {"a": "z"}, True, id="is not one of"),
        pytest.param(is_not("a", W, "x*"), {"a": "yx"}, True, id="is not like"),
        pytest.param(is_not("a", LIST, "x"), {"a": "y"}, True, id="is not in the list"),
    ],
)
def test_an_entry_tests_the_values_of_its_field(entry, document, expected):
    assert holds(entry, document) is expected


@pytest.mark.parametrize(
    "entry",
    [
        Entry("a", M, ("x",)),
        Entry("a", ANY, ("x",)),
        Entry("a", W, ("*",)),
        Entry("a", LIST, ("x",)),
        Entry("a", EXISTS),
        is_not("a", M, "x"),
        is_not("a", ANY, "x"),
        is_not("a", W, "x"),
        is_not("a", LIST, "x"),
        Nested("a", (is_not("b", M, "x"),)),
    ],
)
@pytest.mark.parametrize("document", [{}, {"a": None}, {"a": []}, {"a": {}}, {"b": "x"}])
@pytest.mark.parametrize("types", [None, {}, {"a": "keyword"}, {"a": "ip"}])
def test_an_event_without_the_field_is_kept(entry, document, types):
    assert not holds(entry, document, types)


@pytest.mark.parametrize(
    ("type", "wanted", "value", "expected"),
    [
        ("keyword", "5", 5, True),
        ("keyword", "5.0", 5, False),
        ("long", "5", "5", True),
        ("long", "5.0", 5, True),
        ("long", "5.5", 5, False),
        ("long", "five", 5, False),
        ("double", "0.5", 0.5, True),
        ("boolean", "true", "true", True),
        ("boolean", "false", True, False),
        ("ip", "10.0.0.0/8", "10.9.9.9", True),
        ("ip", "::ffff:10.0.0.1", "10.0.0.1", True),
        ("keyword", "10.0.0.0/8", "10.9.9.9", False),
        ("date", "2024-05-01", "2024-05-01T10:00:00Z", True),
        ("date", "2024-05-01", 1714557600000, True),
        ("date", "2024-05-01", "2024-05-02T00:00:00Z", False),
        ("text", "quick fox", "the quick fox", False),
        ("text", "the quick fox", "the quick fox", True),
    ],
)
def test_values_compare_as_the_type_of_the_field_says(type, wanted, value, expected):
    assert holds(Entry("a", M, (wanted,)), {"a": value}, {"a": type}) is expected


def test_a_wildcard_is_for_texts():
    assert holds(Entry("a", W, ("10.*",)), {"a": "10.0.0.1"}, {"a": "keyword"})
    assert not holds(Entry("a", W, ("10.*",)), {"a": "10.0.0.1"}, {"a": "ip"})


def test_all_entries_must_hold():
    entries = (Entry("a", M, ("x",)), is_not("b", M, "y"))
    assert holds(entries, {"a": "x", "b": "z"})
    assert not holds(entries, {"a": "x", "b": "y"})
    assert not holds(entries, {"a": "x"})


def test_nested_entries_must_hold_of_one_object():
    entry = Nested("libs", (Entry("name", M, ("a",)), Entry("signed", M, ("false",))))
    apart = {"libs": [{"name": "a", "signed": True}, {"name": "b", "signed": False}]}
    together = {"libs": [{"name": "b"}, {"name": "a", "signed": False}]}
    assert not holds(entry, apart)
    assert holds(entry, together)
    assert holds(Nested("a.libs", entry.entries), {"a": together})
    assert holds(Nested("a.libs", entry.entries), {"a.libs": {"name": "a", "signed": "false"}})


@pytest.mark.parametrize(
    ("document", "expected"),
    [
        ({"host": {"os": {"type": "linux"}}}, True),
        ({"host.os.type": "macos"}, True),
        ({"host": {"os": {"name.caseless": "linux"}}}, True),
        ({"host": {"os": {"type": "windows"}}}, False),
        ({}, False),
    ],
)
def test_an_exclusion_can_be_for_some_systems(document, expected):
    assert holds(Entry("a", M, ("x",)), {"a": "x", **document}, os_types=("linux", "macos")) is expected


TYPES = {
    "host.name": FieldType(frozenset({"keyword"})),
    "pid": FieldType(frozenset({"long"})),
    "message": FieldType(frozenset({"match_only_text"})),
    "title": FieldType(frozenset({"text"})),
    "title.keyword": FieldType(frozenset({"keyword"})),
    "mixed": FieldType(frozenset({"keyword", "long"})),
    "ip": FieldType(frozenset({"ip"})),
}


@pytest.mark.parametrize(
    ("entry", "pushed", "exact", "complete"),
    [
        pytest.param(Entry("host.name", M, ("a",)), {"term": {"host.name": "a"}}, True, True, id="a text"),
        pytest.param(
            Entry("host.name", ANY, ("a", "b")), {"terms": {"host.name": ["a", "b"]}}, True, True, id="several"
        ),
        pytest.param(Entry("pid", M, ("7",)), {"term": {"pid": 7}}, True, True, id="a number"),
        pytest.param(Entry("pid", M, ("seven",)), None, True, True, id="no number"),
        pytest.param(Entry("ip", M, ("10.0.0.0/8",)), {"term": {"ip": "10.0.0.0/8"}}, True, True, id="a network"),
        pytest.param(
            Entry("ip", M, ("::ffff:10.0.0.0/104",)), None, False, False, id="a network that the index refuses"
        ),
        pytest.param(Entry("absent", M, ("a",)), None, True, True, id="mapped nowhere"),
        pytest.param(
            Entry("host.name", W, ("a*",)), {"prefix": {"host.name": "a"}}, False, True, id="a long value may fit too"
        ),
        pytest.param(Entry("host.name", EXISTS), {"exists": {"field": "host.name"}}, False, True, id="exists"),
        pytest.param(
            is_not("pid", M, "7"),
            {"bool": {"filter": [{"exists": {"field": "pid"}}], "must_not": [{"term": {"pid": 7}}]}},
            False,
            True,
            id="is not",
        ),
        pytest.param(Entry("title", M, ("a",)), {"term": {"title.keyword": "a"}}, True, True, id="by its subfield"),
        pytest.param(Entry("message", M, ("a",)), None, False, False, id="an analysed text"),
        pytest.param(Entry("mixed", M, ("7",)), None, False, False, id="several types"),
        pytest.param(Nested("libs", (Entry("a", M, ("x",)),)), None, False, False, id="nested"),
    ],
)
def test_what_can_be_said_in_query_dsl_is_pushed(entry, pushed, exact, complete):
    compiled = Exclusions([Exclusion("x", (entry,))], TYPES)
    assert [one.query for one in compiled.pushed] == ([pushed] if pushed else [])
    assert (compiled.exact, compiled.complete) == (exact, complete)


def test_of_two_entries_the_search_takes_only_what_both_can_say():
    compiled = Exclusions([Exclusion("x", (Entry("pid", M, ("7",)), Entry("message", M, ("a",))))], TYPES)
    assert (compiled.pushed, compiled.exact) == ([], False)
    assert compiled.of({"pid": 7, "message": "a"}) == ["x"]


def test_without_types_all_is_decided_here():
    compiled = Exclusions([Exclusion("x", (Entry("pid", M, ("7",)),))])
    assert (compiled.pushed, compiled.exact, compiled.complete) == ([], False, False)
    assert compiled.of({"pid": 7}) == ["x"]


def test_too_many_tests_for_one_search_are_left_to_us():
    many = [Exclusion(str(n), (Entry("host.name", W, (f"a{n}*",)),)) for n in range(150)]
    compiled = Exclusions(many, TYPES)
    assert len(compiled.pushed) == 100
    assert not compiled.complete
    assert compiled.of({"host.name": "a149x"}) == ["1", "14", "149"]


def test_a_list_of_many_values_is_one_test():
    values = tuple(f"host-{n}" for n in range(5000))
    compiled = Exclusions([Exclusion("x", (Entry("host.name", LIST, values),))], TYPES)
    assert len(compiled.pushed[0].query["terms"]["host.name"]) == 5000
    assert compiled.exact


def test_a_list_of_networks_is_a_test_for_each():
    values = tuple(f"10.{n}.0.0/16" for n in range(150))
    compiled = Exclusions([Exclusion("x", (Entry("ip", LIST, values),))], TYPES)
    assert (compiled.pushed, compiled.of({"ip": "10.149.0.1"})) == ([], ["x"])


def test_what_is_not_pushed_takes_no_room():
    unknown = [Exclusion(str(n), (Entry("message", M, (f"{n}",)),)) for n in range(150)]
    compiled = Exclusions([*unknown, Exclusion("x", (Entry("pid", M, ("7",)),))], TYPES)
    assert [one.id for one in compiled.pushed] == ["x"]


def test_analysed_texts_are_named():
    assert Exclusions([Exclusion("x", (Entry("message", M, ("a",)),))], TYPES).whole_texts == {"message"}


def test_what_is_taken_counts_by_exclusion_where_the_query_would_have_used_it():
    program = compile('process where process.name == "evil"')
    compiled = Exclusions([Exclusion("one", (Entry("host.name", M, ("h",)),)), Exclusion("two", ())])
    found = [event(0), event(1, "good")]
    kept, taken = Exclusions([Exclusion("one", (Entry("host.name", M, ("h",)),))]).sift(found, program)
    assert (kept, dict(taken)) == ([], {"one": 1})
    assert compiled.sift(found, program)[1] == {"one": 1, "two": 1}
