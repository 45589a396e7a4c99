"""What every search of a rule is limited to."""

from dataclasses import replace
from datetime import datetime

import pytest

from runner.elastic import filters
from runner.schedule.windows import Window
from tests.made import minute, rule

WINDOW = Window(minute(0), minute(9))


def between(path):
    bounds = {"gte": "2026-01-01T12:00:00.000Z", "lt": "2026-01-01T12:09:00.000Z"}
    return {"range": {path: {**bounds, "format": "strict_date_optional_time"}}}


def test_a_window_is_half_open_with_milliseconds_written_out():
    assert filters.within(rule(), WINDOW) == between("@timestamp")


def test_an_override_is_asked_first_and_the_timestamp_only_where_it_is_absent():
    overridden = rule(timestamp_override="event.ingested")
    fallback = {"must_not": [{"exists": {"field": "event.ingested"}}], "filter": [between("@timestamp")]}
    assert filters.within(overridden, WINDOW) == {
        "bool": {"should": [between("event.ingested"), {"bool": fallback}], "minimum_should_match": 1}
    }
    assert filters.within(replace(overridden, timestamp_override_fallback=False), WINDOW) == between("event.ingested")
    assert filters.within(rule(timestamp_override="@timestamp"), WINDOW) == between("@timestamp")


def from_on(text, nanos):
    """Return the bound of a cut at the instant; None where there is none."""
    query = filters.from_on(rule(), datetime.fromisoformat(text), nanos=nanos)
    return None if query == {"match_all": {}} else query["bool"]["should"][0]["range"]["@timestamp"]["gte"]


@pytest.mark.parametrize(
    ("after", "nanos", "expected"),
    [
        ("2026-01-01T00:00:00.000Z", True, "2026-01-01T00:00:00.000Z"),
        ("1969-12-31T23:59:59.999Z", False, "1969-12-31T23:59:59.999Z"),
        ("1969-12-31T23:59:59.999Z", True, None),
        ("2500-01-01T00:00:00.000Z", False, "2500-01-01T00:00:00.000Z"),
        ("2500-01-01T00:00:00.000Z", True, "2262-04-11T23:47:16.854Z"),
    ],
)
def test_a_cut_is_one_that_the_indices_can_hold_and_never_later(after, nanos, expected):
    assert from_on(after, nanos) == expected


PHRASE = {"match_phrase": {"host.name": "a"}}
EXISTS = {"exists": {"field": "user.name"}}
ITEMS = {
    "a query": ({"meta": {}, "query": PHRASE}, ([PHRASE], [])),
    "a negated query": ({"meta": {"negate": True}, "query": PHRASE}, ([], [PHRASE])),
    "a disabled filter": ({"meta": {"disabled": True}, "query": PHRASE}, ([], [])),
    "no meta": ({"query": PHRASE}, ([PHRASE], [])),
    "the older form": ({"meta": {"negate": True}, "$state": {"store": "appState"}, **EXISTS}, ([], [EXISTS])),
    "a match of type phrase": (
        {"query": {"match": {"host.name": {"query": "a", "type": "phrase"}}}},
        ([{"match_phrase": {"host.name": {"query": "a"}}}], []),
    ),
    "combined by or": (
        {
            "meta": {
                "type": "combined",
                "relation": "OR",
                "params": [{"query": PHRASE}, {"meta": {"negate": True}, **EXISTS}],
            }
        },
        ([{"bool": {"should": [PHRASE, {"bool": {"must_not": [EXISTS]}}], "minimum_should_match": 1}}], []),
    ),
    "combined by and": (
        {"meta": {"type": "combined", "relation": "AND", "negate": True, "params": [{"query": PHRASE}]}},
        ([], [{"bool": {"filter": [PHRASE]}}]),
    ),
}


@pytest.mark.parametrize(("item", "expected"), ITEMS.values(), ids=ITEMS)
def test_a_filter_of_the_rule_must_or_must_not_hold(item, expected):
    assert filters.of_rule(rule(filters=(item,))) == expected
