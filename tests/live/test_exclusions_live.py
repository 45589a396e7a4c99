"""The laws of exclusions, on a real node.

What a search leaves out for an exclusion, the local decision takes away too; where the exclusion is exact the two are the
same. And the local decision is what the queries find that Kibana makes of the entries, but for analysed texts and for
missing fields, which never let an event go.
"""

import json
from typing import Any

import pytest
from elasticsearch import BadRequestError
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

from runner.elastic.capabilities import Capabilities
from runner.elastic.dsl_search import DslSearch
from runner.errors import QueryError
from runner.query.entries import Entry, EntryType, Exclusion, compile_exclusion
from runner.query.exclusions import Exclusions
from runner.query.kinds import Fields
from runner.rules.exceptions import ExceptionItem
from tests.contracts.conftest import live_client
from tests.live.indexed_events import ADDRESSES, DATES, DECIMALS, NUMBERS, TEXTS, Indexed, alerted, matched_by
from tests.live.made_queries import queries
from tests.made import rule

pytestmark = pytest.mark.live

M, ANY, W, EXISTS, LIST = EntryType
TEXT_FIELDS = ["event.category", "name", "process.args", "process.line", "title.keyword", "some"]
WHOLE_FIELDS = ["process.pid"]
OTHERS = [
    "title",
    "message",
    "stored",
    "hidden",
    "mixed",
    "wide",
    "inner.name",
    "labels.env",
    "labels.deep.down",
    "sizes",
    "absent",
]

texts = st.sampled_from([text for text in TEXTS if text])
patterns = st.lists(
    st.sampled_from(["*", "?", "cmd", ".exe", "c:\\\\", "C:", "\\*", "\\?", "x", "a", "日"]), min_size=1, max_size=4
).map("".join)
networks = st.sampled_from([*ADDRESSES, "10.0.0.0/24", "::/0", "2001:db8::/32"])
numbers = st.sampled_from([*map(str, NUMBERS), "5.0", "5.5"])
dates = st.sampled_from([date for date in DATES if len(date) <= 24])


def entries_of(fields: list[str], values: st.SearchStrategy[str]) -> st.SearchStrategy[Entry]:
    return st.builds(
        lambda field, kind, many, included: Entry(
            field, kind, () if kind is EXISTS else tuple(many[:1] if kind is M else many), included
        ),
        st.sampled_from(fields),
        st.sampled_from([M, ANY, LIST, EXISTS]),
        st.lists(values, min_size=1, max_size=3),
        st.booleans(),
    )


def wildcards_of(fields: list[str]) -> st.SearchStrategy[Entry]:
    return st.builds(
        lambda field, value, included: Entry(field, W, (value,), included),
        st.sampled_from(fields),
        patterns,
        st.booleans(),
    )


plain = (
    entries_of(TEXT_FIELDS, texts)
    | wildcards_of(TEXT_FIELDS)
    | entries_of(WHOLE_FIELDS, numbers)
    | entries_of(["ratio"], st.sampled_from([str(decimal) for decimal in DECIMALS]))
    | entries_of(["signed"], st.sampled_from(["true", "false"]))
    | entries_of(["seen"], dates)
    | entries_of(["ip"], networks)
)
anything = plain | entries_of(OTHERS, texts | numbers) | wildcards_of([*OTHERS, "process.pid", "ip"])


def exclusions(entries: st.SearchStrategy[Entry]) -> st.SearchStrategy[Exclusion]:
    return st.lists(entries, min_size=1, max_size=3).map(lambda found: Exclusion("x", tuple(found)))


def taken(indexed: Indexed, exclusion: Exclusion) -> set[str]:
    holds = compile_exclusion(exclusion, Fields(indexed.types, timestamp_field="@timestamp"))
    return {number for number, event in indexed.events.items() if holds(event)}


def as_kibana_asks(entry: Entry) -> dict[str, Any]:
    """Return the query that Kibana makes of an entry; excluded, it asks for a value besides."""
    match entry.type:
        case EntryType.EXISTS:
            query: dict[str, Any] = {"exists": {"field": entry.field}}
            return query if entry.included else {"bool": {"must_not": query}}
        case EntryType.WILDCARD:
            query = {"wildcard": {entry.field: entry.values[0]}}
        case EntryType.LIST:
            query = {"terms": {entry.field: list(entry.values)}}
        case _:
            query = {"bool": {"should": [{"match_phrase": {entry.field: value}} for value in entry.values]}}
    if entry.included:
        return query
    return {"bool": {"must_not": query, "filter": {"exists": {"field": entry.field}}}}


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(exclusion=exclusions(anything))
def test_what_the_search_leaves_out_is_taken_away_here_too(indexed: Indexed, exclusion: Exclusion) -> None:
    note(str(exclusion))
    compiled = Exclusions([exclusion], indexed.types)
    note(json.dumps(compiled.must_not(), ensure_ascii=False))
    left_out = indexed.found({"bool": {"should": compiled.must_not() or [{"match_none": {}}]}})
    here = taken(indexed, exclusion)
    assert left_out <= here, [indexed.events[number] for number in left_out - here]
    if compiled.exact:
        assert left_out == here, [indexed.events[number] for number in here - left_out]
    else:
        assert {number for number, event in indexed.events.items() if compiled.of(event)} | left_out == here


@settings(max_examples=400, suppress_health_check=list(HealthCheck))
@given(exclusion=exclusions(plain))
def test_the_decision_here_is_what_the_node_finds_for_kibanas_queries(indexed: Indexed, exclusion: Exclusion) -> None:
    note(str(exclusion))
    try:
        found = indexed.found({"bool": {"filter": [as_kibana_asks(entry) for entry in exclusion.entries]}})
    except BadRequestError:
        assume(False)  # a constant that the field's type does not take: Kibana's rule would fail
    # What is too long for the index is known to the document alone.
    whole = indexed.events.keys() - indexed.found({"exists": {"field": "_ignored"}})
    here = taken(indexed, exclusion)
    assert found & whole == here & whole, [indexed.events[number] for number in (found ^ here) & whole]


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(text=queries, exclusion=exclusions(anything), dear_above=st.sampled_from([0, 5000]))
def test_a_search_finds_what_matches_and_is_not_taken_away(
    indexed: Indexed, elasticsearch_url: str, text: str, exclusion: Exclusion, dear_above: int
) -> None:
    note(text)
    note(str(exclusion))
    try:
        matched = matched_by(indexed, text)
    except QueryError:
        assume(False)  # a type that does not fit: no such query runs
    item = ExceptionItem(exclusion, "Made", "made")
    searched = rule(text, index=tuple(indexed.indices.split(",")), exceptions=(item,))
    client = live_client(elasticsearch_url)
    try:
        found = alerted(searched, DslSearch(client, Capabilities(client), dear_above=dear_above))
    finally:
        client.close()
    assert {one for (one,) in found} == matched - taken(indexed, exclusion)
