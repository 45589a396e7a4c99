"""The law of the prefilter, on a real node: what the matcher says True of, the search keeps.

Some hundred events are indexed once; then each generated query is searched for in both of its forms, and its answers are
compared with the matcher's. Where the prefilter says that it is exact the answers must be the same.
"""

import json

import pytest
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

from runner.elastic.capabilities import Capabilities
from runner.elastic.dsl_search import DslSearch
from runner.errors import QueryError
from runner.offline.memory import MemorySource, StoredEvent
from runner.query import compile, search
from runner.query.prefilter import prefilter
from tests.contracts.conftest import live_client
from tests.live.indexed_events import Indexed, alerted, matched_by
from tests.live.made_queries import joined, queries
from tests.made import rule

pytestmark = pytest.mark.live


@settings(max_examples=600, suppress_health_check=list(HealthCheck))
@given(text=queries)
def test_what_the_matcher_says_true_of_the_search_keeps(indexed: Indexed, text: str) -> None:
    note(text)
    try:
        matched = matched_by(indexed, text)
    except QueryError:
        assume(False)  # a type that does not fit: no such query runs
    found = prefilter(compile(text).query, indexed.types)
    note(json.dumps(found.pushed(dear=True), ensure_ascii=False))
    for dear in (False, True):
        kept = indexed.found(found.pushed(dear=dear))
        assert kept >= matched, [indexed.events[number] for number in matched - kept]
        if found.decides(dear=dear):
            assert kept == matched, [indexed.events[number] for number in kept - matched]
        left = compile(text).adapted(indexed.types, found.undecided)
        decided = {number for number in kept if left.matches(indexed.events[number])}
        assert decided == matched, [indexed.events[number] for number in decided ^ matched]


@settings(max_examples=300, suppress_health_check=list(HealthCheck))
@given(text=queries | joined, dear_above=st.sampled_from([0, 5000]))
def test_what_comes_of_candidates_is_what_matches_their_documents(
    indexed: Indexed, elasticsearch_url: str, text: str, dear_above: int
) -> None:
    """Candidates are read from columns, sources and the index, and the search has decided on some conditions."""
    note(text)
    try:
        typed = rule(text, program=compile(text, field_types=indexed.types))
    except QueryError:
        assume(False)
    documents = [StoredEvent("logs-made", number, event) for number, event in indexed.events.items()]
    wanted = alerted(typed, MemorySource(documents))
    client = live_client(elasticsearch_url)
    try:
        searched = rule(text, index=tuple(indexed.indices.split(",")))
        found = alerted(searched, DslSearch(client, Capabilities(client), page_size=150, dear_above=dear_above))
    finally:
        client.close()
    assert found == wanted


@settings(max_examples=100, suppress_health_check=list(HealthCheck))
@given(text=joined)
def test_what_a_sequence_needs_the_search_keeps(indexed: Indexed, text: str) -> None:
    note(text)
    try:
        program = compile(text, field_types=indexed.types)
    except QueryError:
        assume(False)
    found = prefilter(program.query, indexed.types)
    note(json.dumps(found.pushed(dear=True), ensure_ascii=False))
    wanted = search(program, indexed.events.values()).sequences
    for dear in (False, True):
        kept = indexed.found(found.pushed(dear=dear))
        events = [event for number, event in indexed.events.items() if number in kept]
        assert search(program, events).sequences == wanted
        assert not found.decides(dear=dear)
