"""Events by the EQL search API, before a stand-in as strict as the API."""

from datetime import timedelta

import pytest

from runner.elastic.auto_search import AutoSearch
from runner.elastic.capabilities import Capabilities, EqlApi
from runner.elastic.dsl_search import DslSearch
from runner.elastic.eql_search import EqlSearch
from runner.errors import QueryRejected
from runner.execution.model import Verdict
from runner.schedule.windows import Window
from tests.contracts.conftest import index_events
from tests.elastic import eql_api
from tests.elastic.conftest import client_of
from tests.elastic.forwarding import Answered, Cut, once
from tests.made import event, minute, rule

pytestmark = pytest.mark.live

HOUR = Window(minute(0), minute(60))
EVERYTHING = "process where true"


class Bench:
    """A source over the API's stand-in, which is over events of the real node."""

    def __init__(self, node, api, prefix):
        self.node, self.api, self.prefix = node, api, prefix
        self.client = client_of(api.url)
        self.capabilities = Capabilities(self.client)

    def index(self, events, **mappings):
        index_events(self.node, self.prefix, events, **mappings)

    def source(self, **options):
        return EqlSearch(self.client, self.capabilities, **options)

    def auto(self):
        return AutoSearch(self.source(), DslSearch(self.client, self.capabilities))

    def rule(self, query=EVERYTHING, **fields):
        return rule(query, index=(f"{self.prefix}-logs-*",), **fields)

    def pages(self, query=EVERYTHING, window=HOUR, **options):
        return list(self.source(**options).search(self.rule(query), window))

    def searches(self):
        return [
            sent for sent in self.api.seen if sent.path.endswith("/_eql/search") and "no-such-index" not in sent.path
        ]


@pytest.fixture
def bench(node, elasticsearch_url, index_prefix):
    with eql_api.EqlApi(elasticsearch_url) as api:
        made = Bench(node, api, index_prefix)
        yield made
        made.client.close()


def ids(pages):
    return [tuple(hit.id for hit in match.events) for page in pages for match in page.matches]


def verdicts(pages):
    return [fault.verdict for page in pages for fault in page.faults]


def events(number, at=lambda number: number / 100):
    return [event(at(n), id=f"{n:04}") for n in range(number)]


def test_a_search_takes_one_request_and_brings_whole_documents(bench):
    bench.index([event(1, extra={"deep": 1})])
    bench.capabilities.eql_api()
    bench.api.seen.clear()
    (page,) = bench.pages()
    assert [sent.path.rpartition("/")[2] for sent in bench.api.seen] == ["_field_caps", "search"]
    assert page.matches[0].events[0].source["extra"] == {"deep": 1}
    assert bench.source().documents(bench.rule(), page.matches[0].events).requests == 0


def test_what_is_sent_leaves_nothing_to_defaults_that_lose_events(bench):
    bench.index([event(1)])
    bench.pages()
    (sent,) = bench.searches()
    assert sent.body["result_position"] == "head"
    assert sent.parameters["allow_partial_search_results"] == "true"
    assert sent.parameters["allow_partial_sequence_results"] == "false"
    assert (sent.body["timestamp_field"], sent.body["event_category_field"]) == ("@timestamp", "event.category")


def test_the_search_moves_on_until_every_event_is_found(bench):
    bench.index(events(120))
    pages = bench.pages(page_size=50)
    assert ids(pages) == [(f"{n:04}",) for n in range(120)]
    assert len(bench.searches()) == 3


def test_events_of_one_instant_that_fill_a_page_are_asked_for_with_more_room(bench):
    bench.index(events(60, at=lambda number: 1 if number < 55 else 2))
    pages = bench.pages(page_size=10)
    assert sorted(ids(pages)) == [(f"{n:04}",) for n in range(60)]
    assert max(sent.body["size"] for sent in bench.searches()) == 160


def test_more_events_of_one_instant_than_the_api_returns_are_a_fault(bench):
    bench.index(events(60, at=lambda _: 1))
    pages = bench.pages(page_size=10, most=40)
    assert verdicts(pages) == [Verdict.PARTIAL]
    assert len(ids(pages)) == 40


def test_a_full_answer_of_sequences_is_asked_for_with_more_room(bench):
    bench.index(events(50))
    query = "sequence [process where true] [process where true]"
    pages = bench.pages(query, page_size=5)
    expected = ids(bench.pages(query))
    assert ids(pages) == expected
    assert [sent.body["size"] for sent in bench.searches()][:2] == [5, 20]


def test_a_missing_event_of_a_sequence_is_none(bench):
    bench.index([event(1, "a", id="a"), event(5, "c", id="c")])
    named = [f'process where process.name == "{name}"' for name in "abc"]
    (page,) = bench.pages(f"sequence with maxspan=10m [{named[0]}] ![{named[1]}] [{named[2]}]")
    (match,) = page.matches
    assert [hit and hit.id for hit in match.hits] == ["a", None, "c"]


def test_a_search_that_runs_longer_is_waited_for(bench):
    bench.index([event(1, id="a")])
    bench.api.slow = 2
    pages = bench.pages()
    assert (ids(pages), verdicts(pages)) == ([("a",)], [])
    assert [sent.method for sent in bench.api.seen if "/_eql/search/" in sent.path] == ["GET", "GET"]


def test_a_search_that_is_given_up_is_deleted_in_the_cluster(bench):
    bench.index([event(1)])
    bench.api.slow = 1000
    pages = bench.pages(search_timeout=timedelta(seconds=3), wait=timedelta(seconds=1))
    assert verdicts(pages) == [Verdict.TIMED_OUT]
    assert bench.api.stored == {}
    assert len(bench.api.deleted) == 1


def test_a_search_whose_answer_fails_is_deleted_in_the_cluster(bench):
    bench.index([event(1)])
    bench.api.slow = 1000
    refusal = {"error": {"type": "parsing_exception", "reason": "no"}, "status": 400}
    bench.api.faults.append(once("/_eql/search/", Answered(400, refusal)))
    with pytest.raises(QueryRejected):
        bench.pages()
    assert len(bench.api.deleted) == 1


FAILURE = {"shard": 0, "index": "i", "reason": {"type": "no_shard_available_action_exception", "reason": "gone"}}
NOT_WHOLE = {
    "failed shards": ({"shard_failures": [FAILURE], "is_partial": True}, [Verdict.PARTIAL]),
    "partial without a reason": ({"is_partial": True}, [Verdict.PARTIAL]),
    "out of time": ({"timed_out": True}, [Verdict.TIMED_OUT]),
}


@pytest.mark.parametrize(("extra", "expected"), NOT_WHOLE.values(), ids=NOT_WHOLE)
def test_an_answer_that_is_not_whole_says_so(bench, extra, expected):
    bench.index([event(1, id="a")])
    bench.api.extra = extra
    pages = bench.pages()
    assert (ids(pages), verdicts(pages)) == ([("a",)], expected)


def test_a_connection_that_is_cut_is_tried_again(bench):
    bench.index([event(1, id="a")])
    bench.capabilities.eql_api()
    bench.api.faults.append(once("_eql/search", Cut(after=True)))
    assert ids(bench.pages()) == [("a",)]


UNKNOWN = 'process where nowhere.to.be == "x" or process.name == "evil"'


def test_an_unknown_field_is_the_authors_matter_and_named(bench):
    bench.index([event(1)])
    with pytest.raises(QueryRejected, match=r"nowhere\.to\.be"):
        bench.pages(UNKNOWN)


def test_auto_searches_by_query_dsl_what_the_api_refuses_and_says_so(bench):
    bench.index([event(1, id="a", extra=1)])
    of = bench.rule(UNKNOWN)
    auto = bench.auto()
    pages = list(auto.search(of, HOUR))
    hits = [hit for page in pages for hit in (*page.hits, *(one for match in page.matches for one in match.events))]
    assert [hit.id for hit in hits] == ["a"]
    assert any("searched by Query DSL" in note for page in pages for note in page.notes)
    assert auto.documents(of, hits).hits[0].source["extra"] == 1


def test_auto_searches_by_the_api_what_it_takes(bench):
    bench.index([event(1, id="a", extra=1)])
    auto = bench.auto()
    pages = list(auto.search(bench.rule(), HOUR))
    assert ids(pages) == [("a",)]
    assert auto.documents(bench.rule(), pages[0].matches[0].events).requests == 0


def test_no_index_is_a_note_and_no_search(bench):
    (page,) = bench.pages()
    assert "no index matches" in page.notes[0]
    assert bench.searches() == []


def test_an_older_cluster_is_not_sent_what_it_does_not_know(node, elasticsearch_url, index_prefix):
    with eql_api.EqlApi(elasticsearch_url, partial=False) as api:
        bench = Bench(node, api, index_prefix)
        bench.index([event(1, id="a")])
        assert bench.capabilities.eql_api() is EqlApi.PLAIN
        assert ids(bench.pages()) == [("a",)]
        bench.client.close()


def test_what_the_cluster_has_of_the_api_is_found_out(bench, client):
    assert bench.capabilities.eql_api() is EqlApi.PARTIAL
    assert Capabilities(client).eql_api() in EqlApi
