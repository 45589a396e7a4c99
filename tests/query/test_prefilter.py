"""The shape of the Query DSL that a query becomes. That it finds what it must is shown on a real node, in tests/live."""

from collections.abc import Mapping
from typing import Any

import pytest

from runner.query.ast import Field, Literal
from runner.query.automaton import is_small, literal_start, spelled, wildcard
from runner.query.clauses import ALWAYS, MOST_TERMS, NEVER, Leaf, either, every, exists, relaxed, without, written
from runner.query.conditions import Conditions
from runner.query.indexed import consulted
from runner.query.lucene_parser import parse as parse_regex
from runner.query.parser import parse
from runner.query.prefilter import DEEPEST, MOST_LEAVES, Prefilter, prefilter
from runner.query.regex import any_match
from runner.query.types import FieldType, FieldTypes, from_names

TYPES: dict[str, FieldType] = {
    **from_names(
        {
            "event.category": "keyword",
            "name": "keyword",
            "line": "wildcard",
            "dataset": "constant_keyword",
            "pid": "long",
            "small": "byte",
            "ratio": "double",
            "score": "float",
            "half": "half_float",
            "signed": "boolean",
            "time": "date",
            "ip": "ip",
            "release": "version",
            "message": "text",
            "title": "text",
            "title.keyword": "keyword",
            "labels": "flattened",
            "nested": "nested",
            "nested.name": "keyword",
            "parent": "object",
            "user": "keyword",
            "host": "keyword",
        }
    ),
    "mixed": FieldType(frozenset({"keyword", "long"})),
    "sizes": FieldType(frozenset({"integer", "long"})),
    "texts": FieldType(frozenset({"keyword", "wildcard"})),
    "hidden": FieldType(frozenset({"keyword"}), searchable=False),
}


def term(field: str, value: Any) -> dict[str, Any]:
    return {"term": {field: value}}


def insensitive(kind: str, field: str, value: str) -> dict[str, Any]:
    return {kind: {field: {"value": value, "case_insensitive": True}}}


def filtered(*clauses: dict[str, Any]) -> dict[str, Any]:
    return {"bool": {"filter": list(clauses)}}


def one_of(*clauses: dict[str, Any]) -> dict[str, Any]:
    return {"bool": {"should": list(clauses)}}


def none_of(*clauses: dict[str, Any]) -> dict[str, Any]:
    return {"bool": {"must_not": list(clauses)}}


def seen(field: str, *clauses: dict[str, Any]) -> dict[str, Any]:
    """The clauses, or a value that was too long to be indexed."""
    first, *others = clauses
    return one_of(first, term("_ignored", field), *others)


def present(field: str) -> dict[str, Any]:
    return seen(field, {"exists": {"field": field}})


EVERYTHING: dict[str, Any] = {"match_all": {}}
NOTHING: dict[str, Any] = {"match_none": {}}


def translated(condition: str, types: FieldTypes = TYPES) -> Prefilter:
    return prefilter(parse(f"any where {condition}"), types)


EXACT = {
    "equality of a keyword is a term": ('name == "a"', term("name", "a")),
    "a constant on the left changes sides": ('"a" == name', term("name", "a")),
    "an order with the constant on the left turns": ("5 < pid", {"range": {"pid": {"gt": 5}}}),
    "equality without regard to case is a term too": ('name : "Cmd.exe"', insensitive("term", "name", "Cmd.exe")),
    "it is negated as any other": ('not name : "Cmd.exe"', none_of(insensitive("term", "name", "Cmd.exe"))),
    "like without a wildcard is equality": ('name like "a"', term("name", "a")),
    "a plain regular expression is equality": (r'name regex "a\\.b"', term("name", "a.b")),
    "a list is one clause": ('name in ("a", "b", "a")', {"terms": {"name": ["a", "b"]}}),
    "alternatives of one field are one list": ('name == "a" or name == "b"', {"terms": {"name": ["a", "b"]}}),
    "a null in a list is no option": ('name in ("a", null)', term("name", "a")),
    "a list without regard to case": (
        'name in~ ("a", "b")',
        one_of(insensitive("term", "name", "a"), insensitive("term", "name", "b")),
    ),
    "not equal keeps what has no value": ('name != "a"', none_of(term("name", "a"))),
    "two negations are none": ('not not name == "a"', term("name", "a")),
    "a negated list is one must_not": (
        'pid == 1 and name not in ("a", "b") and not host == "c"',
        {
            "bool": {
                "filter": [term("pid", 1)],
                "must_not": [{"terms": {"name": ["a", "b"]}}, term("host", "c")],
            }
        },
    ),
    "a negated conjunction stays one": (
        'not (name == "a" and pid == 1)',
        none_of(filtered(term("name", "a"), term("pid", 1))),
    ),
    "a conjunction is flat": (
        'name == "a" and (pid == 1 and (host == "c" and name == "a"))',
        filtered(term("name", "a"), term("pid", 1), term("host", "c")),
    ),
    "a predicate that is true": ('(name == "a") == true', term("name", "a")),
    "a predicate that is false": ('(name == "a") == false', none_of(term("name", "a"))),
    "a boolean field is a condition": ("signed", term("signed", True)),
    "a boolean": ("signed == false", term("signed", False)),
    "a whole number": ("pid == 5", term("pid", 5)),
    "a whole number as a decimal": ("pid == 5.0", term("pid", 5)),
    "a whole number is never a fraction": ("pid == 5.5", NOTHING),
    "order of whole numbers": ("pid >= 5", {"range": {"pid": {"gte": 5}}}),
    "numbers of several widths": ("sizes > 5", {"range": {"sizes": {"gt": 5}}}),
    "equality of a double": ("ratio == 0.1", term("ratio", 0.1)),
    "order of doubles": ("ratio > 0.1", {"range": {"ratio": {"gt": 0.1}}}),
    "zero and zero with a sign": ("ratio == 0.0 or ratio == -0.0", {"terms": {"ratio": [0.0, "-0.0"]}}),
    "order beside a zero with a sign": (
        "ratio >= 0.0 or ratio >= -0.0",
        one_of({"range": {"ratio": {"gte": 0.0}}}, {"range": {"ratio": {"gte": "-0.0"}}}),
    ),
    "a whole number has no such zero": ("pid == -0.0", term("pid", 0)),
    "an address": ('ip == "10.0.0.1"', term("ip", "10.0.0.1")),
    "the order of dates": (
        'time > "2024-05-01"',
        {"range": {"time": {"gt": "2024-05-01", "format": "strict_date_optional_time"}}},
    ),
    "a date that is a whole day": (
        'time == "2024-05-01"',
        {"range": {"time": {"gte": "2024-05-01", "lte": "2024-05-01", "format": "strict_date_optional_time"}}},
    ),
    "an address of IPv4 in IPv6": ('ip == "::ffff:10.0.0.1"', term("ip", "::ffff:10.0.0.1")),
    "a date with minutes": (
        'time > "2024-05-01T10:30+02:00"',
        {"range": {"time": {"gt": "2024-05-01T10:30+02:00", "format": "strict_date_optional_time"}}},
    ),
    "256 characters": (f'name != "{"é" * 256}"', none_of(term("name", "é" * 256))),
    "a network": ('cidrMatch(ip, "10.0.0.0/8", "::1/128")', {"terms": {"ip": ["10.0.0.0/8", "::1/128"]}}),
    "outside a network": ('cidrMatch(ip, "10.0.0.0/8") == false', none_of(term("ip", "10.0.0.0/8"))),
    "a constant_keyword is never too long": ('startsWith(dataset, "logs")', {"prefix": {"dataset": "logs"}}),
    "a constant_keyword's prefix with a question mark": (
        r'startsWith(dataset, "abc?\\")',
        {"prefix": {"dataset": "abc?\\"}},
    ),
    "a constant_keyword's text with a question mark": ('dataset == "a?"', term("dataset", "a?")),
    "a constant_keyword's presence": ("dataset != null", {"exists": {"field": "dataset"}}),
    "text by its keyword subfield": ('title == "A b"', term("title.keyword", "A b")),
    "a flattened key": ('labels.env == "prod"', term("labels.env", "prod")),
    "several kinds of keyword": ('texts == "a"', term("texts", "a")),
    "what is not mapped is absent": ('absent == "a"', NOTHING),
    "what is not mapped is not equal": ('absent != "a"', EVERYTHING),
    "what is not mapped is null": ("absent == null", EVERYTHING),
    "what is not mapped leaves the other option": ('absent like "*a*" or name == "b"', term("name", "b")),
    "an optional field that is not mapped is null, which differs from all": ('?absent != "a"', EVERYTHING),
    "a constant differs from null on either side": ('"a" != ?absent', EVERYTHING),
    "an optional field that is not mapped equals nothing": ('?absent == "a"', NOTHING),
    "an optional field that is not mapped is one option": ('?absent != "a" and name == "b"', term("name", "b")),
    "an optional field that is not mapped is less than nothing": ("not ?absent < 5", EVERYTHING),
    "two optional fields that are not mapped": ("?absent == ?gone", EVERYTHING),
    "null, as it is written": ('null != "a"', EVERYTHING),
    "a computed constant": ("pid == 2 * 2", term("pid", 4)),
    "not a computed constant keeps what has no value": ("pid != 2 * 2", none_of(term("pid", 4))),
    "a computed text": ('name != concat("a", "b")', none_of(term("name", "ab"))),
    "a computed constant on the left": ("2 * 2 < pid", {"range": {"pid": {"gt": 4}}}),
    "a list with a computed constant": (
        'not name in ("a", concat("b", "c"))',
        none_of({"terms": {"name": ["a", "bc"]}}),
    ),
    "a computed argument": ('startsWith(dataset, concat("lo", "gs"))', {"prefix": {"dataset": "logs"}}),
    "a condition of constants": ('name == "a" and length("abc") == 3', term("name", "a")),
    "a condition of constants that is false": ('name == "a" or not "abc" like "a*"', term("name", "a")),
    "a constant condition": ("true", EVERYTHING),
    "a false condition": ("false", NOTHING),
}


@pytest.mark.parametrize("case", EXACT)
def test_what_the_index_decides_alone(case: str) -> None:
    condition, expected = EXACT[case]
    found = translated(condition)
    assert found.query == expected
    assert found.dear is None
    assert found.exact
    assert found.decides(dear=False)


UPPER = {
    "a value may be too long to be indexed": ("name != null", present("name")),
    "not a computed null": ("pid != 1 / 0", present("pid")),
    "no value, as far as the index knows": ("name == null", none_of({"exists": {"field": "name"}})),
    "a pattern with a plain start": ('name : "cmd.*"', seen("name", insensitive("prefix", "name", "cmd."))),
    "a pattern whose start is long enough": (
        r'name like "C:\\Windows\\*.exe"',
        seen("name", {"wildcard": {"name": r"C:\\Windows\\*.exe"}}),
    ),
    "a drive letter left open is no open start": (
        r'name : "?:\\Users\\*\\x"',
        seen("name", insensitive("wildcard", "name", r"?:\\Users\\*\\x")),
    ),
    "alternatives share what may be too long": (
        'name like ("abcd*", "efgh*")',
        one_of({"prefix": {"name": "abcd"}}, term("_ignored", "name"), {"prefix": {"name": "efgh"}}),
    ),
    "any text at all": ('name : "*"', present("name")),
    "a negated pattern keeps what the matcher must see": (
        'not name : "cmd.*"',
        none_of(insensitive("prefix", "name", "cmd.")),
    ),
    "letters that some versions fold further": ('name : "sh"', insensitive("term", "name", "sh")),
    "letters that some versions fold further are not negated": ('not name : "sh"', EVERYTHING),
    "a letter beyond ASCII": ('not name : "é"', EVERYTHING),
    "the order of keywords": ('name > "m"', seen("name", {"range": {"name": {"gt": "m"}}})),
    "a long text may be too long to be indexed": (f'name == "{"x" * 300}"', seen("name", term("name", "x" * 300))),
    "a character beyond 16 bits counts as two": (
        f'name == "{"😀" * 129}"',
        seen("name", term("name", "😀" * 129)),
    ),
    "a key of a flattened field, likewise": (f'labels.env == "{"😀" * 129}"', EVERYTHING),
    "a prefix of more bytes than the index takes": (f'startsWith(name, "{"😀" * 300}")', present("name")),
    "a part that repeats itself too often for the index": (f'stringContains(name, "{"a" * 500}")', present("name")),
    "a network of IPv4 in IPv6": ('cidrMatch(ip, "::ffff:10.0.0.0/104")', present("ip")),
    "a network of IPv4 in IPv6 and beyond": ('ip == "::ffff:10.0.0.0/64"', present("ip")),
    "a constant_keyword's text with a star": ('dataset == "a*"', {"exists": {"field": "dataset"}}),
    "a constant_keyword's prefix with a star": ('not startsWith(dataset, "a*c")', EVERYTHING),
    "a constant_keyword's pattern with a question mark": ('dataset : "a?b*"', {"exists": {"field": "dataset"}}),
    "a constant_keyword's pattern with a backslash": (r'dataset like "a\\b*c"', {"exists": {"field": "dataset"}}),
    "a decimal may have been rounded": ("score == 0.1", term("score", 0.1)),
    "the order of decimals includes the bound": ("score > 0.1", {"range": {"score": {"gte": 0.1}}}),
    "the negated order of decimals does not": ("not (score > 0.1)", none_of({"range": {"score": {"gt": 0.1}}})),
    "a decimal beyond the type's": ("half in (0.5, 1e10)", present("half")),
    "the order of half floats is the matcher's": ("half > 0.1", present("half")),
    "date math is the matcher's": ('time > "now-1d"', present("time")),
    "a date that date_nanos cannot hold is the matcher's": ('time > "1960-01-01"', present("time")),
    "an address as a text": ('ip : "10.0.0.1"', term("ip", "10.0.0.1")),
    "what is no address": ('ip == "localhost"', present("ip")),
    "a pattern of addresses": ('ip : "10.*"', present("ip")),
    "the order of addresses": ('ip > "10.0.0.1"', present("ip")),
    "a version": ('release == "1.2.3"', term("release", "1.2.3")),
    "text alone has some value": ('message == "a b"', {"exists": {"field": "message"}}),
    "a pattern of a flattened key": ('labels.env like "prod*"', EVERYTHING),
    "the presence of a flattened key": ("labels.env != null", EVERYTHING),
    "no part at all": ('stringContains(name, "")', present("name")),
    "types that differ": ('mixed == "5"', present("mixed")),
    "a type that does not fit": ('pid == "five"', present("pid")),
    "a number out of the type's range": ("small > 1000", present("small")),
    "a nested field": ('nested.name == "a"', EVERYTHING),
    "an object": ("parent != null", EVERYTHING),
    "a field beside an optional one that is not mapped": ("?absent != name", present("name")),
    "a field that cannot be searched": ('hidden == "a"', EVERYTHING),
    "a function needs its field": ("length(name) > 5", present("name")),
    "a negated function may be anything": ("not (length(name) > 5)", EVERYTHING),
    "a function that is null may be asked for": ('indexOf(name, "a") == null', EVERYTHING),
    "arithmetic needs both its fields": ("pid + small == 3", filtered(present("pid"), present("small"))),
    "a field beside a field": ("name == host", filtered(present("name"), present("host"))),
    "a function of a function": ('substring(string(pid), 1) : "2*"', present("pid")),
    "a regular expression that starts plainly": (
        r'name regex "/var/run/\\w+\\.(a|b)"',
        seen("name", {"regexp": {"name": r"/var/run/\w+\.(a|b)"}}),
    ),
    "a regular expression that the index may refuse, by its start": (
        'name regex "abcd.*a.{40}"',
        seen("name", {"prefix": {"name": "abcd"}}),
    ),
    "a regular expression that the index may refuse": ('name regex ".*a.{40}"', present("name")),
    "presence is said once": ('name != null and name == "a" and pid == 1', filtered(term("name", "a"), term("pid", 1))),
    "an unknown condition leaves the rest": ('nested.name == "a" and name == "b"', term("name", "b")),
    "an unknown option leaves nothing": ('nested.name == "a" or name == "b"', EVERYTHING),
}


@pytest.mark.parametrize("case", UPPER)
def test_what_the_index_can_say_of_the_rest(case: str) -> None:
    condition, expected = UPPER[case]
    found = translated(condition)
    assert found.query == expected
    assert found.dear is None


DEAR = {
    "a pattern that starts with anything": (
        'name like "*abc*"',
        present("name"),
        seen("name", {"wildcard": {"name": "*abc*"}}),
    ),
    "a pattern whose start is too short to narrow the dictionary": (
        r'name : "C:\\*.exe"',
        present("name"),
        seen("name", insensitive("wildcard", "name", r"C:\\*.exe")),
    ),
    "a short start": ('startsWith(name, "ab")', present("name"), seen("name", {"prefix": {"name": "ab"}})),
    "an end": (
        'endsWith~(name, ".exe")',
        present("name"),
        seen("name", insensitive("wildcard", "name", "*.exe")),
    ),
    "a regular expression": ('name regex "(a|b)c"', present("name"), seen("name", {"regexp": {"name": "(a|b)c"}})),
    "a regular expression without regard to case is written out": (
        'name regex~ "(a|b)c"',
        present("name"),
        seen("name", {"regexp": {"name": "([Aa]|[Bb])[Cc]"}}),
    ),
    "an end with what would be wildcards": (
        r'endsWith(name, "\\a*")',
        present("name"),
        seen("name", {"wildcard": {"name": r"*\\a\*"}}),
    ),
    "a part": ('stringContains(name, "abc")', present("name"), seen("name", {"wildcard": {"name": "*abc*"}})),
    "a negated pattern is left out": (
        'pid == 1 and not name like "*abc*"',
        term("pid", 1),
        {"bool": {"filter": [term("pid", 1)], "must_not": [{"wildcard": {"name": "*abc*"}}]}},
    ),
    "letters of a range, in either case": (
        'name regex~ "[A-Za-z][A-Za-z]"',
        present("name"),
        seen("name", {"regexp": {"name": "[A-Za-z][A-Za-z]"}}),
    ),
    "letters of a range are not one letter when negated either": (
        'not name regex~ "[A-Za-z][A-Za-z]"',
        EVERYTHING,
        none_of({"regexp": {"name": "[A-Za-z][A-Za-z]"}}),
    ),
    "a negated alternative keeps its cheap options": (
        'not (name like "*abc*" or name == "d")',
        none_of(term("name", "d")),
        none_of({"wildcard": {"name": "*abc*"}}, term("name", "d")),
    ),
    "a cheap clause beside it says that there is a value": (
        'name like "*abc*" and name like "defg*"',
        seen("name", {"prefix": {"name": "defg"}}),
        filtered(seen("name", {"wildcard": {"name": "*abc*"}}), seen("name", {"prefix": {"name": "defg"}})),
    ),
}


@pytest.mark.parametrize("case", DEAR)
def test_what_is_costly_is_pushed_only_on_demand(case: str) -> None:
    condition, cheap, dear = DEAR[case]
    found = translated(condition)
    assert found.pushed(dear=False) == found.query == cheap
    assert found.pushed(dear=True) == dear
    assert not found.decides(dear=False)


def test_a_dear_clause_may_decide_where_it_is_pushed() -> None:
    found = translated('dataset like "*abc*"')
    assert found.exact
    assert found.decides(dear=True)
    assert not found.decides(dear=False)


CATEGORY = {
    "a category is a term": (
        'process where name == "a"',
        filtered(term("event.category", "process"), term("name", "a")),
    ),
    "any has none": ('any where name == "a"', term("name", "a")),
    "a condition that never holds": ("process where false", NOTHING),
    "a condition that always holds": ("process where true", term("event.category", "process")),
}


@pytest.mark.parametrize("case", CATEGORY)
def test_the_event_category(case: str) -> None:
    query, expected = CATEGORY[case]
    assert prefilter(parse(query), TYPES).query == expected


def test_the_event_category_may_be_another_field() -> None:
    found = prefilter(parse("process where true"), TYPES, event_category_field="name")
    assert found.query == term("name", "process")


JOINED = {
    "a sequence keeps what any stage can use": (
        'sequence by user [process where name == "a"] [any where pid == 1]',
        one_of(
            filtered(term("event.category", "process"), term("name", "a"), present("user")),
            filtered(term("pid", 1), present("user")),
        ),
    ),
    "an optional key may be null": (
        "sequence by ?user [process where true] [any where pid == 1]",
        one_of(term("event.category", "process"), term("pid", 1)),
    ),
    "until ends sequences, so it is read too, also without a key": (
        "sequence by user [any where pid == 1] [any where pid == 2] until [any where pid == 3]",
        one_of(*(filtered(term("pid", pid), present("user")) for pid in (1, 2)), term("pid", 3)),
    ),
    "what must be missing is read, to see whether it is": (
        "sequence with maxspan=1m [any where pid == 1] ![any where pid == 2]",
        {"terms": {"pid": [1, 2]}},
    ),
    "a stage that repeats is searched for once": (
        "sequence [any where pid == 1] with runs=3 [any where pid == 2]",
        {"terms": {"pid": [1, 2]}},
    ),
    "a sample is searched for as a sequence is": (
        "sample by user [any where pid == 1] by host [any where pid == 2] by name",
        one_of(
            filtered(term("pid", 1), present("user"), present("host")),
            filtered(term("pid", 2), present("user"), present("name")),
        ),
    ),
    "a sequence that cannot be is not decided by the search": (
        "sequence [any where pid == 5.5] [any where pid == 5.5]",
        NOTHING,
    ),
    "pipes are not pushed": ("any where pid == 1 | head 5", term("pid", 1)),
}


@pytest.mark.parametrize("case", JOINED)
def test_one_search_for_all_stages(case: str) -> None:
    query, expected = JOINED[case]
    found = prefilter(parse(query), TYPES)
    assert found.query == expected
    assert not query.startswith("s") or not found.exact


SEED = """
process where host.os.type == "linux" and event.type == "start" and event.action in ("exec", "start") and (
  (process.name == "kubectl" and process.args == "run" and process.args == "--") or
  (process.name in ("docker", "ctl") and process.args == "run")
) and process.args in ("bash", "sh") and process.command_line like~ ("*atd*", "* nc *", "*./.*")
"""
SEED_FIELDS = (
    "event.category",
    "host.os.type",
    "event.type",
    "event.action",
    "process.name",
    "process.args",
    "process.command_line",
)


@pytest.mark.parametrize("command_line", ["keyword", "wildcard"])
def test_a_rule_like_the_seed_rule_is_flat_and_leaves_its_patterns_for_later(command_line: str) -> None:
    types = from_names(dict.fromkeys(SEED_FIELDS, "keyword") | {"process.command_line": command_line})
    found = prefilter(parse(SEED), types)
    common = [
        term("event.category", "process"),
        term("host.os.type", "linux"),
        term("event.type", "start"),
        {"terms": {"event.action": ["exec", "start"]}},
        one_of(
            filtered(term("process.name", "kubectl"), term("process.args", "run"), term("process.args", "--")),
            filtered({"terms": {"process.name": ["docker", "ctl"]}}, term("process.args", "run")),
        ),
        {"terms": {"process.args": ["bash", "sh"]}},
    ]
    patterns = [insensitive("wildcard", "process.command_line", text) for text in ("*atd*", "* nc *", "*./.*")]
    assert found.query == filtered(*common, present("process.command_line"))
    assert found.dear == filtered(*common, seen("process.command_line", *patterns))
    assert not found.exact

    assert found.undecided == (6,)


UNDECIDED = {
    "nothing of what the index decides": ('name == "a" and pid == 1', ()),
    "a script": ('name == "a" and length(host) > 1', (2,)),
    "one alternative is a script": ('name == "a" and (pid == 1 or length(host) > 1)', (2,)),
    "a negated script": ('name == "a" and not length(host) > 1', (2,)),
    "dear patterns": ('pid == 1 and name == "a" and host like "*a*"', (3,)),
    "a value that may be too long for the index": (f'name == "{"a" * 300}" and pid == 1', (1,)),
    "a field that is mapped nowhere": ('name == "a" and nowhere == "b"', ()),
}


@pytest.mark.parametrize(("condition", "left"), UNDECIDED.values(), ids=UNDECIDED)
def test_what_the_search_does_not_decide_is_left(condition: str, left: tuple[int, ...]) -> None:
    assert prefilter(parse(f"process where {condition}"), TYPES).undecided == left


def test_of_a_sequence_all_is_left() -> None:
    assert prefilter(parse('sequence [any where name == "a"] [any where pid == 1]'), TYPES).undecided is None


def test_of_a_query_that_was_cut_all_is_left() -> None:
    patterns = ", ".join(f'"longer{number}*"' for number in range(MOST_LEAVES + 1))
    assert translated(f"pid == 1 and (pid == 2 or name like ({patterns}))").undecided is None


def test_a_query_deeper_than_the_index_takes_is_cut_and_not_exact() -> None:
    condition = 'name == "a"'
    for level in range(60):
        condition = f'pid == {level} or (host == "{level}" and ({condition}))'
    found = translated(condition)
    assert _depth(found.query) <= DEEPEST + 1
    assert not found.exact


def test_a_query_larger_than_the_index_takes_is_cut() -> None:
    patterns = ", ".join(f'"longer{number}*"' for number in range(MOST_LEAVES + 1))
    found = translated(f"pid == 1 and (pid == 2 or name like ({patterns}))")
    assert found.query == term("pid", 1)
    assert not found.exact


def listed(count: int) -> str:
    return ", ".join(f'"{number}"' for number in range(count))


LISTS = {
    "a long list is one test": ("name in ({})", 5000, [5000]),
    "so is what is not in it": ("not name in ({})", 5000, [5000]),
    "a list is no longer than the index takes": ("name in ({})", MOST_TERMS + 10, [MOST_TERMS, 10]),
    "a list of keys of a flattened field": ("labels.env in ({})", 5000, [5000]),
    "a list of a wildcard field is a test for each": ("line in ({})", 5000, []),
}


@pytest.mark.parametrize("case", LISTS)
def test_long_lists(case: str) -> None:
    condition, count, lengths = LISTS[case]
    found = translated(f'host == "a" and {condition.format(listed(count))}').query
    assert [len(values) for values in _lists(found)] == lengths


def test_two_long_lists_are_two_tests() -> None:
    found = translated(f"name in ({listed(5000)}) and not host in ({listed(5000)})")
    assert [len(values) for values in _lists(found.query)] == [5000, 5000]
    assert found.exact


def test_addresses_are_one_list_and_networks_beside_them_a_test_each() -> None:
    addresses = ", ".join(f'"10.0.{number // 250}.{number % 250}"' for number in range(5000))
    networks = ", ".join(f'"10.{number}.0.0/16"' for number in range(200))
    assert list(map(len, _lists(translated(f"cidrMatch(ip, {addresses}, {networks})").query))) == [5000, 200]
    many = ", ".join(f'"10.{number // 250}.{number % 250}.0/24"' for number in range(MOST_LEAVES + 1))
    assert translated(f'host == "a" and cidrMatch(ip, {many})').query == term("host", "a")


def _lists(query: Any) -> list[list[str]]:
    """The values of each list of terms in a query."""
    if isinstance(query, Mapping):
        if "terms" in query:
            return list(query["terms"].values())
        return [values for part in query.values() for values in _lists(part)]
    return [values for part in query for values in _lists(part)] if isinstance(query, list) else []


def _depth(query: Any) -> int:
    if isinstance(query, Mapping):
        return ("bool" in query) + max(map(_depth, query.values()), default=0)
    return max(map(_depth, query), default=0) if isinstance(query, list) else 0


def test_a_text_is_not_searched_by_a_subfield_that_some_index_lacks() -> None:
    types = dict(TYPES) | {"title.keyword": FieldType(frozenset({"keyword"}), everywhere=False)}
    assert translated('title == "a"', types).query == {"exists": {"field": "title"}}


def test_the_types_to_look_up_are_those_of_fields_their_parents_and_their_keyword_subfields() -> None:
    assert consulted(["a.b.c", "d"]) == {"a", "a.b", "a.b.c", "a.b.c.keyword", "d", "d.keyword"}


def test_negation_turns_the_bounds_and_not_what_may_be_null() -> None:
    conditions = Conditions(TYPES, "event.category")
    known = conditions.of(Field("signed"), negative=True)
    assert (known.upper, known.lower) == (without(Leaf("term", "signed", True)),) * 2
    unknown = conditions.of(Literal(None), negative=True)
    assert (unknown.upper, unknown.lower) == (ALWAYS, NEVER)


def test_clauses_are_simplified() -> None:
    a, b = Leaf("term", "a", 1), Leaf("term", "b", 1)
    assert every([]) == ALWAYS
    assert either([]) == NEVER
    assert every([a, NEVER]) == NEVER
    assert either([a, ALWAYS]) == ALWAYS
    assert every([a, ALWAYS]) == either([a, NEVER]) == without(without(a)) == every([a, a]) == a
    assert every([a, exists("a")]) == a
    assert either([a, exists("a")]) == exists("a")
    assert without(ALWAYS) == NEVER
    assert written(every([without(a), without(b)])) == none_of(term("a", 1), term("b", 1))


def test_relaxing_widens_and_narrows_under_a_negation() -> None:
    dear = Leaf("wildcard", "a", "*b*", dear=True)
    assert relaxed(dear, dear=False, depth=9) == exists("a")
    assert relaxed(without(dear), dear=False, depth=9) == ALWAYS
    assert relaxed(without(without(dear)), dear=False, depth=9) == exists("a")
    assert relaxed(dear, dear=True, depth=9) == dear
    assert relaxed(without(either([dear, exists("b")])), dear=True, depth=1) == ALWAYS


SIZES = {"*a*b*c*": True, "*a?b": True, "*a" + "?" * 16: False, "*" + "ab?" * 8 + "*": True, "*a" * 120: False}


@pytest.mark.parametrize("pattern", SIZES)
def test_the_size_of_a_patterns_automaton(pattern: str) -> None:
    assert is_small(wildcard(pattern)) == SIZES[pattern]


STARTS = {
    r"abc": ("abc", True),
    r"a\.b\-c": ("a.b-c", True),
    r"abc.*": ("abc", False),
    r"abc?d": ("ab", False),
    r"abc{2}": ("abc", False),
    r"ab\d": ("ab", False),
    r"ab|cd": ("", False),
    r"ab(c|d)": ("ab", False),
    r"ab[(]|c": ("", False),
    r"ab[|]c": ("ab|c", True),
    r"ab[\]|]c": ("ab", False),
    r'ab"|"c': ("ab|c", True),
    r"ab\|cd": ("ab|cd", True),
    r"^ab$": ("^ab$", True),
    r"C:\\(x|y)": ("C:\\", False),
    r"": ("", True),
}


INSENSITIVE_STARTS = {
    r"aB\.c": ("ab.c", True),
    r"[Ab][a-z]": ("", False),
    r"[Aa][bB]": ("ab", True),
    r"[A-Za-z][A-Za-z]": ("", False),
    r"[A-Za-z]:\\Users\\.*": ("", False),
    r"ab[A-Za-z]c": ("ab", False),
    r"[A-A]b": ("", False),  # a range is one of these letters, in their case
    r"[a-a]b": ("", False),
    r"éb": ("éb", True),
    r"É|é": ("", False),
    r"[Éé]b": ("", False),  # the index folds the letters of ASCII alone
    "[\u212ak]": ("", False),
    r"#": ("", False),
}


SPELLED = {
    "ab": "[Aa][Bb]",
    r"a\.b": r"[Aa]\.[Bb]",
    "a.*": "[Aa](.){0,}",
    "[a-z]+": "([a-z]){1,}",
    "[^a]?": "([^Aa]){0,1}",
    "(a|()|é)": "([Aa]|()|é)",
    r"\d{2,3}": "([0-9]){2,3}",
    "~a": None,
    "a&b": None,
    "#": None,
}


@pytest.mark.parametrize("expression", SPELLED)
def test_how_an_expression_is_written_out(expression: str) -> None:
    written_out = spelled(parse_regex(expression, insensitive=True))
    assert written_out == SPELLED[expression]
    if written_out is not None:
        insensitive, plain = any_match([expression], insensitive=True), any_match([written_out], insensitive=False)
        for text in ("", "a", "A", "é", "É", "ab", "aB", "a.B", "aXB", "zZ", "z", "12", "1234", "a\n"):
            assert insensitive(text) == plain(text), text


@pytest.mark.parametrize("expression", STARTS)
def test_the_text_that_a_regular_expression_starts_with(expression: str) -> None:
    assert literal_start(parse_regex(expression)) == STARTS[expression]


@pytest.mark.parametrize("expression", INSENSITIVE_STARTS)
def test_the_text_that_a_regular_expression_starts_with_case_aside(expression: str) -> None:
    node = parse_regex(expression, insensitive=True)
    assert literal_start(node, insensitive=True) == INSENSITIVE_STARTS[expression]
