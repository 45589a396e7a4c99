"""Programs and searches as their users see them."""

import traceback
from dataclasses import FrozenInstanceError
from datetime import timedelta

import pytest

from runner.errors import QueryError
from runner.query import FieldType, Kind, compile, search

EVENTS = [
    {"@timestamp": 3, "n": 3, "event": {"category": ["process", "file"]}, "host": {"id": "a"}},
    {"@timestamp": 1, "n": 1, "event": {"category": "process"}, "host": {"id": "b"}},
    {"@timestamp": 2, "n": 2, "event.category": "file", "host": {"id": "a"}},
    {"n": 0, "event": {"category": "process"}, "host": {"id": "b"}},
]


def numbers(events):
    return [event["n"] for event in events]


def test_a_program_says_what_it_is():
    program = compile(
        "sequence by a with maxspan=1m [x where b] [y where length(c) > 1] by until [z where ?d]".replace(
            " by until", " until"
        )
    )
    assert program.kind is Kind.SEQUENCE
    assert program.fields == {"a", "b", "c", "d", "event.category"}
    assert program.maxspan == timedelta(minutes=1)
    assert compile("any where a.b == 1").fields == {"a.b"}
    assert compile("x where true", event_category_field="kind").fields == {"kind"}
    assert compile("sample by a [x where b] [y where c]").kind is Kind.SAMPLE
    with pytest.raises(FrozenInstanceError):
        program.text = ""


def test_programs_are_equal_when_their_queries_are():
    assert compile("any where a") == compile("any where a")
    assert compile("any where a") != compile("any where b")


@pytest.mark.parametrize(
    ("query", "found"),
    [
        ("any where true", [0, 1, 2, 3]),
        ("process where true", [0, 1, 3]),
        ("file where true", [2, 3]),
        ('"file" where n == 3', [3]),
        ("network where true", []),
        ("any where true | head 2", [0, 1]),
        ("any where true | tail 2", [2, 3]),
        ("any where true | head 3 | tail 2", [1, 2]),
        ("any where true | head 0", []),
    ],
)
def test_search_finds_events_in_order_of_time(query, found):
    assert numbers(search(query, EVENTS).events) == found


def test_size_takes_the_last_ones_as_the_api_does():
    assert numbers(search("any where true", EVENTS, size=2).events) == [2, 3]
    assert numbers(search("any where true | head 3", EVENTS, size=2).events) == [0, 1]


def test_search_takes_other_fields():
    events = [{"when": "2024-01-02", "kind": "a", "tie": 2}, {"when": "2024-01-02", "kind": "a", "tie": 1}]
    found = search("a where true", events, timestamp_field="when", event_category_field="kind", tiebreaker_field="tie")
    assert [event["tie"] for event in found.events] == [1, 2]


def test_search_joins_sequences():
    found = search("sequence by host.id [file where n == 2] [process where true]", EVENTS)
    assert [(numbers(one.events), one.join_keys) for one in found.sequences] == [([2, 3], ("a",))]
    assert found.events == []


def test_join_keys_are_equal_as_the_index_has_them():
    events = [{"@timestamp": 1, "a": "7", "n": 1}, {"@timestamp": 2, "a": 7, "n": 2}]
    query = "sequence by a [any where n == 1] [any where n == 2]"
    assert search(query, events).sequences == []
    assert len(search(query, events, field_types={"a": "long"}).sequences) == 1


def test_search_runs_a_program_as_it_is():
    program = compile("any where n > 1", field_types={"n": "long"})
    assert numbers(search(program, EVENTS).events) == [2, 3]


def test_field_types_of_a_search_need_not_be_complete():
    assert numbers(search("any where n == 3", EVENTS, field_types={"host.id": "keyword"}).events) == [3]


def test_an_optional_field_that_no_event_has_is_null():
    assert len(search("any where ?x == ?y", EVENTS).events) == 4
    assert search("any where ?x == ?host.id", EVENTS).events == []


def test_a_field_that_is_mapped_nowhere_has_no_value_whatever_the_source_says():
    types = {"n": FieldType(frozenset({"long"}))}
    program = compile("any where ?host.id == null", field_types=types)
    assert program.matches(EVENTS[0])
    assert not compile('any where ?host.id == "a" or ?host.id : "*"', field_types=types).matches(EVENTS[0])


def test_typed_compiles_the_same_query_for_other_types():
    program = compile('any where a == "10.0.0.0/8" or a > 5')
    assert program.typed({"a": "ip"}).matches({"a": "10.1.1.1"})
    assert program.typed({"a": "long"}).text == program.text


def test_a_matching_starts_afresh():
    program = compile("any where true | head 1")
    first, second = program.matching(), program.matching()
    assert [len(run.feed({}, 0, "x")) for run in (first, first, second)] == [1, 0, 1]


def test_a_sequence_program_matches_what_can_be_a_stage_of_it():
    program = compile("sequence [file where n == 2] [process where n == 3]")
    assert [program.matches(event) for event in EVENTS] == [True, False, True, False]


def test_a_traceback_shows_the_place_the_line_a_caret_and_what_to_do():
    with pytest.raises(QueryError) as raised:
        compile("process where\n  name = 1")
    shown = traceback.format_exception_only(raised.value)
    assert "".join(shown).endswith(
        "unexpected `=`\nline 2, column 8\n    name = 1\n         ^\n`=` is not an operator, use ==\n"
    )
