"""Events by Query DSL on a real node: how many requests it takes, and what it says when an answer is not whole."""

from datetime import datetime, timedelta

import pytest

from runner.elastic.capabilities import Capabilities
from runner.elastic.dsl_search import DslSearch
from runner.errors import ClusterBusy, ClusterError, ClusterUnavailable, QueryRejected
from runner.execution.alerts import is_its_own_ancestor
from runner.execution.executor import Executor
from runner.execution.model import Match, Verdict
from runner.offline.memory import MemoryLedger, MemorySink, StoredEvent
from runner.rules.datemath import DateMath
from runner.rules.model import Schedule, Suppression
from runner.schedule.windows import Window
from tests.contracts.conftest import index_events
from tests.elastic.conftest import client_of
from tests.elastic.forwarding import Answered, Changed, Cut, always, once, times
from tests.made import event, iso, minute, rule

pytestmark = pytest.mark.live

HOUR = Window(minute(0), minute(60))
EVERYTHING = "process where true"
HERE = "process where length(process.name) > 0"
"""What no search decides, but a program."""

BUSY = Answered(429, {"error": {"type": "circuit_breaking_exception", "reason": "Data too large"}, "status": 429})


class Bench:
    """A source over events of the real node, behind a proxy."""

    def __init__(self, node, proxy, client, prefix):
        self.node, self.proxy, self.prefix = node, proxy, prefix
        self.client = client

    def index(self, events, **mappings):
        index_events(self.node, self.prefix, events, **mappings)

    def source(self, **options):
        return DslSearch(self.client, Capabilities(self.client), **options)

    def rule(self, query=EVERYTHING, **fields):
        return rule(query, index=(f"{self.prefix}-logs-*",), **fields)

    def pages(self, of=None, window=HOUR, after=None, **options):
        return list(self.source(**options).search(of or self.rule(), window, after))

    def open_searches(self):
        stats = self.node.indices.stats(index=f"{self.prefix}-*", metric="search")
        return stats["_all"]["total"]["search"]["open_contexts"]


@pytest.fixture
def bench(node, proxy, proxied, index_prefix):
    return Bench(node, proxy, proxied, index_prefix)


def ids(pages):
    return [hit.id for page in pages for hit in hits(page)]


def hits(page):
    return [*page.hits, *(hit for match in page.matches for hit in match.events)]


def faults(pages):
    return [fault for page in pages for fault in page.faults]


def test_a_page_that_is_not_full_takes_one_search_and_one_look_at_the_fields(bench):
    bench.index([event(1), event(2)])
    pages = bench.pages()
    assert [sent.path.rpartition("/")[2] for sent in bench.proxy.seen] == ["_field_caps", "_search"]
    assert [page.requests for page in pages] == [2]


def test_the_fields_are_looked_at_once_for_rules_that_search_the_same(bench):
    bench.index([event(1)])
    source = bench.source()
    for _ in range(3):
        list(source.search(bench.rule(), HOUR))
    assert len(bench.proxy.paths("_field_caps")) == 1


def test_a_rule_that_does_not_look_back_sees_a_new_field_at_once(bench):
    at_once = Schedule(timedelta(minutes=5), DateMath.parse("now-5m"), DateMath.parse("now"))
    bench.index([event(1, id="old")])
    source, of = bench.source(), bench.rule('process where new.field == "x"', schedule=at_once)
    assert ids(source.search(of, HOUR)) == []
    new = event(2, new={"field": "x"}).source
    bench.node.index(index=f"{bench.prefix}-logs-test", id="new", document=new, refresh=True)
    assert ids(source.search(of, HOUR)) == ["new"]


def test_twelve_thousand_events_are_all_found_in_order_and_the_point_in_time_is_closed(bench):
    bench.index([event(number / 250, id=f"{number:05}") for number in range(12_000)])
    assert ids(bench.pages(page_size=5000)) == [f"{number:05}" for number in range(12_000)]
    assert bench.open_searches() == 0


def test_events_of_one_instant_are_all_found_once(bench):
    bench.index([event(1, id=f"{number:03}") for number in range(50)])
    assert sorted(ids(bench.pages(page_size=7))) == [f"{number:03}" for number in range(50)]


def test_a_search_that_is_closed_early_frees_its_point_in_time(bench):
    bench.index([event(number / 10, id=str(number)) for number in range(50)])
    search = bench.source(page_size=5).search(bench.rule(), HOUR)
    next(search)
    assert bench.open_searches() > 0
    search.close()
    assert bench.open_searches() == 0


def test_candidates_come_with_the_fields_that_are_left_to_decide_on_and_no_more(bench):
    bench.index([event(1, message="x" * 1000)])
    of = bench.rule('process where event.action != "end" and (process.name == host.name or process.name != null)')
    (page,) = bench.pages(of)
    (hit,) = page.hits
    assert hit.source == {"process": {"name": "evil"}, "host": {"name": "h"}}  # on all else the index has decided
    assert page.program.matches(hit.source)
    assert bench.source().documents(of, [hit]).hits[0].source["message"] == "x" * 1000


SCORE = {"properties": {"score": {"type": "float"}}}
ALIAS = {"process": {"properties": {"score": {"type": "alias", "path": "known.score"}}}}


def asked_for(bench):
    """Return what each search asked for: columns, from the source, and from source and index."""
    sent = [one.body for one in bench.proxy.seen if one.path.endswith("_search")]
    return [
        (
            [one["field"] for one in body.get("docvalue_fields", ())],
            (body["_source"] or {"includes": []})["includes"],
            [one["field"] for one in body.get("fields", ())],
        )
        for body in sent
    ]


def decided(pages):
    return [hit.id for page in pages for hit in page.hits if page.program.matches(hit.source)]


def test_what_a_column_tells_whole_is_read_from_it_and_no_source_is_parsed(bench):
    pid = {"properties": {"pid": {"type": "long"}}}
    bench.index([event(1, process={"name": "evil", "pid": 5}), event(2)], process=pid)
    of = bench.rule("process where length(process.name) == 4 and process.pid + 1 == 6")
    assert decided(bench.pages(of)) == ["evil-1"]
    assert asked_for(bench) == [(["process.name", "process.pid"], [], [])]


def test_other_types_are_read_from_the_source(bench):
    bench.index([event(1, id="1", process={"name": "evil", "score": 0.1})], process=SCORE)
    assert decided(bench.pages(bench.rule("process where process.score + length(process.name) == 4.1"))) == ["1"]
    assert asked_for(bench) == [(["process.name"], ["process.score"], [])]


def test_what_a_source_lacks_is_asked_for_once_more_and_from_then_on_at_once(bench):
    bench.index([event(number, id=str(number), known={"score": 5}) for number in range(7)], known=SCORE)
    bench.node.indices.put_mapping(index=f"{bench.prefix}-*", properties=ALIAS)
    of = bench.rule("process where process.score + length(process.name) == 9")
    source = bench.source(page_size=3)
    for _ in range(2):
        assert decided(source.search(of, HOUR)) == list("0123456")
    lean, *others = asked_for(bench)
    assert lean == (["process.name"], ["process.score"], [])
    assert all(asked == (["process.name"], ["process.score"], ["process.score"]) for asked in others)
    assert len(others) == 1 + 3 + 1 + 3  # either time a first page, and three through a point in time


def test_what_is_too_long_for_the_index_is_read_from_the_source_from_that_page_on(bench):
    names = {"properties": {"name": {"type": "keyword", "ignore_above": 256}}}
    bench.index([event(number, id=str(number)) for number in range(3)], process=names)
    padded = {**event(5).source, "process": {"name": ["evil", "x" * 300]}}
    bench.node.index(index=f"{bench.prefix}-logs-test", id="5", document=padded, refresh=True)
    of = bench.rule("process where length(process.name) > 299 or length(process.name) == 4")
    assert ids(pages := bench.pages(of, page_size=2)) == ["0", "1", "2", "5"]
    assert decided(pages) == ["0", "1", "2", "5"]
    column, thorough = (["process.name"], [], []), ([], ["process.name"], ["process.name"])
    assert asked_for(bench) == [column, column, column, thorough, thorough]


def test_what_the_search_decides_needs_no_candidate(bench):
    bench.index([event(1), event(2, "good")])
    (page,) = bench.pages(bench.rule('process where process.name == "evil"'))
    assert (page.hits, [match.events[0].id for match in page.matches]) == ((), ["evil-1"])


def test_a_value_that_only_the_index_knows_is_brought_along(bench):
    runtime = {"type": "keyword", "script": "emit('constant')"}
    bench.index([event(1)])
    bench.node.indices.put_mapping(index=f"{bench.prefix}-*", runtime={"data_stream.dataset": runtime})
    of = bench.rule('process where concat(data_stream.dataset, "") == "constant"')
    (page,) = bench.pages(of)
    assert page.program.matches(page.hits[0].source)
    assert bench.source().documents(of, page.hits).hits[0].source["data_stream.dataset"] == "constant"


def test_an_alert_s_event_has_what_only_the_index_knows_of_it(bench):
    bench.index([event(1)])
    constant = {"type": "keyword", "script": "emit('constant')"}
    bench.node.indices.put_mapping(
        index=f"{bench.prefix}-*",
        runtime={"data_stream.dataset": constant, "event.module": constant, "host.name": constant},
    )
    (page,) = bench.pages()
    (hit,) = bench.source().documents(bench.rule(), hits(page)).hits
    assert (hit.source["data_stream.dataset"], hit.source["event.module"]) == ("constant", "constant")
    assert "host.name" not in hit.source  # what the document holds is left as it is


def test_a_document_is_as_it_was_sent_whatever_was_read_of_it_before(bench):
    files = [{"size": 5, "path": "a"}, {"size": 6, "path": "b"}]
    text = {"type": "text", "fields": {"raw": {"type": "keyword"}}}
    sizes = {"properties": {"size": {"type": "float"}}}
    sent = event(1, files=files, title="x", scores={"none": []})
    bench.index([sent], files=sizes, title=text, scores={"properties": {"none": {"type": "float"}}})
    of = bench.rule("process where files.size * 2 == 10", suppression=Suppression(("title.raw", "scores.none")))
    (page,) = bench.pages(of)
    assert page.hits[0].source["title.raw"] == ["x"]
    assert bench.source().documents(of, page.hits).hits[0].source == sent.source


@pytest.mark.parametrize(
    ("lineage", "own"),
    [
        pytest.param({"kibana.alert.rule.uuid": "rule-1"}, True, id="of this rule"),
        pytest.param({"kibana.alert.rule.uuid": "other"}, False, id="of another"),
        pytest.param(
            {"kibana.alert.rule.uuid": "other", "kibana.alert.ancestors": [{"id": "e"}, {"rule": "rule-1"}]},
            True,
            id="of another, on one of this",
        ),
    ],
)
@pytest.mark.parametrize("suppression", [None, Suppression(("host.name",))], ids=["alone", "grouped"])
@pytest.mark.parametrize("query", [EVERYTHING, HERE], ids=["decided by the search", "decided here"])
def test_an_alert_tells_that_it_comes_from_the_rule_before_it_is_read_whole(bench, lineage, own, query, suppression):
    bench.index([event(1, **{"kibana.alert.uuid": "x"}, **lineage)])
    of = bench.rule(query, suppression=suppression)
    (page,) = bench.pages(of)
    match = Match(tuple(hits(page)))
    assert bool(page.matches) is (query == EVERYTHING)
    assert is_its_own_ancestor(of, match) is own
    whole = Match(tuple(bench.source().documents(of, match.events).hits))
    assert is_its_own_ancestor(of, whole) is own


@pytest.mark.parametrize("query", [EVERYTHING, HERE], ids=["decided by the search", "decided here"])
def test_alerts_of_the_rule_itself_leave_the_room_to_others(bench, query):
    own = [event(-3, id=f"own {n}", **{"kibana.alert.rule.uuid": "rule-1"}) for n in range(7)]
    others = [event(-2, id=f"other {n}", **{"kibana.alert.rule.uuid": "rule-2"}) for n in range(5)]
    bench.index(own + others)
    executor = Executor(bench.source(), MemorySink(), MemoryLedger())
    of = bench.rule(query, max_signals=3)

    runs = [executor.run(of, minute(at)) for at in (0, 1)]

    assert [sum(execution.created for execution in run) for run in runs] == [3, 2]
    backfilled = list(executor.backfill(of, [Window(minute(-9), minute(0))], minute(2)))
    assert [execution.verdict for execution in backfilled] == [Verdict.COMPLETE]


def test_events_of_an_index_that_keeps_no_sources_are_found(bench):
    bench.node.indices.create(
        index=f"{bench.prefix}-logs-bare",
        mappings={
            "_source": {"enabled": False},
            "properties": {"@timestamp": {"type": "date"}, "pid": {"type": "long"}},
        },
    )
    document = {"@timestamp": iso(minute(1)), "pid": 5}
    bench.node.index(index=f"{bench.prefix}-logs-bare", id="1", document=document, refresh=True)
    of = bench.rule("any where pid + 1 == 6")
    (page,) = bench.pages(of)
    assert bench.source().documents(of, page.hits).hits[0].source == {"pid": 5}


def test_the_rules_own_filters_hold(bench):
    bench.index([event(1), event(2, "good"), event(3, host={"name": "other"})])
    not_good = {"meta": {"negate": True}, "query": {"match_phrase": {"process.name": "good"}}}
    on_host = {"meta": {}, "query": {"term": {"host.name": "h"}}}
    assert ids(bench.pages(bench.rule(filters=(not_good, on_host)))) == ["evil-1"]


def test_a_filter_that_the_cluster_refuses_is_the_authors(bench):
    bench.index([event(1)])
    with pytest.raises(QueryRejected, match="unknown query"):
        bench.pages(bench.rule(filters=({"query": {"no_such_query": {}}},)))


def test_half_of_a_surrogate_pair_hides_no_event(bench):
    bench.index([event(1)])
    raw = b'{"@timestamp":"2026-01-01T12:02:00.000Z","event":{"category":"process"},"process":{"name":"\\ud800"}}'
    bench.node.perform_request(
        "PUT",
        f"/{bench.prefix}-logs-test/_doc/half?refresh=true",
        headers={"content-type": "application/json", "accept": "application/json"},
        body=raw,
    )
    pages = bench.pages(bench.rule("process where length(process.name) > 0"))
    assert ids(pages) == ["evil-1", "half"]
    assert bench.source().documents(bench.rule(), hits(pages[0])).hits[1].source["process"]["name"] == "\ud800"


def test_a_document_of_ten_megabytes_is_a_candidate_like_others(bench):
    bench.index([event(1, id="large", large="x" * 10_000_000), event(2, id="small")], large={"type": "text"})
    of = bench.rule("process where length(process.name) > 0")
    (page,) = bench.pages(of)
    assert ids([page]) == ["large", "small"]
    assert all("large" not in hit.source for hit in page.hits)
    assert len(bench.source().documents(of, page.hits).hits[0].source["large"]) == 10_000_000


@pytest.mark.parametrize("clock", ["date", "date_nanos"])
def test_an_event_without_a_timestamp_is_found_by_its_override_and_before_all_others(bench, clock):
    ingested = {"ingested": iso(minute(5))}
    events = [event(number, id=str(number), **ingested) for number in (7, 8, 9)]
    undated = [StoredEvent(one.index, f"undated {one.id}", {**one.source, "@timestamp": None}) for one in events]
    malformed = StoredEvent(events[0].index, "malformed", {**events[0].source, "@timestamp": "no date"})
    bench.index(
        [*events, *undated, malformed],
        **{"@timestamp": {"type": clock, "ignore_malformed": True}},
        ingested={"type": "date"},
    )
    of = bench.rule(timestamp_override="ingested")
    for size in (1000, 2):
        pages = bench.pages(of, page_size=size)
        assert ids(pages)[4:] == ["7", "8", "9"]
        assert sorted(ids(pages)[:4]) == ["malformed", "undated 7", "undated 8", "undated 9"]
        assert {hit.time for hit in hits(pages[0])[:2]} == {minute(5)}
    assert "undated 7" in ids(bench.pages(of, after=minute(8)))


def test_timestamps_in_milliseconds_and_nanoseconds_are_in_one_order(bench):
    times = {"late": "12:01:00.001000001", "ms": "12:01:00.001", "early": "12:01:00.000999999"}
    late, ms, early = (event(0, id=name, **{"@timestamp": f"2026-01-01T{at}Z"}) for name, at in times.items())
    bench.index([ms])
    nanos = [StoredEvent("logs-nanos", one.id, one.source) for one in (late, early)]
    bench.index(nanos, **{"@timestamp": {"type": "date_nanos"}})
    for size in (1000, 1):
        assert ids(bench.pages(page_size=size)) == ["early", "ms", "late"]


@pytest.mark.parametrize("other", ["1601-01-01T00:00:00.000Z", "2500-01-01T00:00:00.000Z"])
def test_a_time_that_no_nanosecond_tells_is_found_and_in_order_among_those_that_one_tells(bench, other):
    ingested = {"ingested": iso(minute(5))}
    dates = [event(1, id="ms", **ingested), event(0, id="other", **{"@timestamp": other}, **ingested)]
    nanos = [event(2, id="nanos", index="logs-nanos", **ingested)]
    nanos.append(event(0, id="undated", index="logs-nanos", **{"@timestamp": None}, **ingested))
    bench.index(dates, ingested={"type": "date"})
    bench.index(nanos, **{"@timestamp": {"type": "date_nanos"}}, ingested={"type": "date"})
    of = bench.rule(timestamp_override="ingested")
    late = ["other"] if other > "2262" else []
    expected = ["undated", *([] if late else ["other"]), "ms", "nanos", *late]
    for size in (1000, 1):
        pages = bench.pages(of, page_size=size)
        assert (ids(pages), faults(pages)) == (expected, [])
    found = {hit.id: (hit.dated, iso(hit.time)) for page in pages for hit in hits(page)}
    assert found["other"] == (True, other)
    assert found["undated"] == (False, iso(minute(5)))
    # What was found may be where a run was cut, and the next goes on.
    rest = bench.pages(of, after=datetime.fromisoformat(other))
    assert (faults(rest), "other" in ids(rest)) == ([], True)


@pytest.mark.parametrize("kind", ["keyword", "long", "date", "double", "ip"])
def test_an_index_without_the_tiebreaker_is_searched_with_those_that_have_it(bench, kind):
    tie = {"ip": "10.0.0.1", "date": iso(minute(0))}.get(kind, 5)
    bench.index([event(1, id="with", tie=tie)], tie={"type": kind})
    bench.index([event(1, id="without", index="logs-other"), event(0, id="first", index="logs-other")])
    for size in (1000, 1):
        assert ids(bench.pages(bench.rule(tiebreaker_field="tie"), page_size=size)) == ["first", "with", "without"]


# Answers that are not whole.

FAILED = {"shard": 0, "index": "i", "reason": {"type": "node_disconnected_exception", "reason": "gone"}}


def failed_shards(*failures):
    def change(answer):
        answer["_shards"] |= {"failed": len(failures), "failures": list(failures)}
        return answer

    return Changed(change)


def test_failed_shards_make_the_page_partial(bench):
    bench.index([event(1)])
    bench.proxy.faults.append(once("_search", failed_shards(FAILED)))
    (fault,) = faults(bench.pages())
    assert fault.verdict is Verdict.PARTIAL
    assert "1 of 2 shards failed: i: node_disconnected_exception: gone" in fault.text


def test_a_search_out_of_time_says_so_and_goes_no_further(bench):
    bench.index([event(number, id=str(number)) for number in range(20)])
    late = Changed(lambda answer: {**answer, "timed_out": True})
    bench.proxy.faults.append(always("_search", late))
    pages = bench.pages(page_size=5)
    assert [fault.verdict for fault in faults(pages)] == [Verdict.TIMED_OUT]
    assert ids(pages) == ["0", "1", "2", "3", "4"]


def test_pages_shrink_while_the_cluster_is_short_of_memory(bench):
    bench.index([event(number / 10, id=f"{number:03}") for number in range(200)])
    bench.proxy.faults.append(times(2, "_search", BUSY))
    pages = bench.pages(page_size=1000)
    sizes = [sent.body["size"] for sent in bench.proxy.seen if sent.path.endswith("_search")]
    assert sizes[:3] == [1000, 250, 62]
    assert ids(pages) == [f"{number:03}" for number in range(200)]


def test_shards_short_of_memory_are_asked_again_with_smaller_pages(bench):
    bench.index([event(number / 10, id=f"{number:03}") for number in range(100)])
    tripped = {**FAILED, "reason": {"type": "circuit_breaking_exception", "reason": "Data too large"}}
    bench.proxy.faults.append(times(2, "_search", failed_shards(tripped)))
    pages = bench.pages(page_size=1000)
    assert (ids(pages), faults(pages)) == ([f"{number:03}" for number in range(100)], [])
    bench.proxy.faults.append(always("_search", failed_shards(tripped)))
    assert {fault.verdict for fault in faults(bench.pages(page_size=1000))} == {Verdict.PARTIAL}


def test_a_cluster_that_stays_busy_is_an_error(bench):
    bench.index([event(1)])
    bench.client = client_of(bench.proxy.url, timedelta(seconds=0.3))
    bench.proxy.faults.append(always("_search", BUSY))
    with pytest.raises(ClusterBusy, match="Data too large"):
        bench.pages()


def test_connections_cut_between_pages_lose_nothing(bench):
    bench.index([event(number / 10, id=f"{number:03}") for number in range(60)])

    def every_third(sent):
        every_third.count += 1
        return Cut(after=every_third.count % 2 == 0) if every_third.count % 3 == 0 else None

    every_third.count = 0
    bench.proxy.faults.append(every_third)
    assert ids(bench.pages(page_size=10)) == [f"{number:03}" for number in range(60)]


def missing(answer, shards=2):
    """Return the answer without its documents, from so many shards."""
    return {**answer, "hits": {"hits": []}, "_shards": {"total": shards, "successful": shards, "failed": 0}}


SKIPPED = {"total": 1, "successful": 0, "skipped": 1, "details": {"away": {"status": "skipped"}}}
TRIPPED = {**FAILED, "reason": {"type": "circuit_breaking_exception", "reason": "Data too large"}}


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        pytest.param(lambda answer: failed_shards(FAILED).change(missing(answer)), ClusterUnavailable, id="a shard"),
        pytest.param(lambda answer: failed_shards(TRIPPED).change(missing(answer)), ClusterBusy, id="for memory"),
        pytest.param(
            lambda answer: missing(answer, 0) | {"_clusters": SKIPPED}, ClusterUnavailable, id="a remote cluster"
        ),
        pytest.param(lambda answer: missing(answer, 0), ClusterError, id="nobody has looked"),
    ],
)
def test_documents_of_which_nobody_tells_are_an_error_not_alerts_without_their_events(bench, change, expected):
    bench.index([event(1)])
    (page,) = bench.pages()
    bench.client = client_of(bench.proxy.url, timedelta(seconds=0.3))
    bench.proxy.faults.append(always("_search", Changed(change)))
    with pytest.raises(ClusterError, match="documents that match cannot be read") as raised:
        bench.source().documents(bench.rule(), hits(page))
    assert type(raised.value) is expected


def test_documents_are_read_though_a_shard_without_them_fails(bench):
    bench.index([event(1)])
    (page,) = bench.pages()
    bench.proxy.faults.append(once("_search", failed_shards(FAILED)))
    assert bench.source().documents(bench.rule(), hits(page)).hits[0].source["host"] == {"name": "h"}


def test_documents_are_read_in_smaller_parts_while_the_cluster_is_busy(bench):
    bench.index([event(number / 10, id=f"{number:03}") for number in range(60)])
    (page,) = bench.pages()
    bench.proxy.faults.append(once("_search", BUSY))
    read = bench.source().documents(bench.rule(), hits(page))
    assert [hit.id for hit in read.hits] == ids([page])
    assert all("host" in hit.source for hit in read.hits)
    assert read.requests == 1 + 5  # one of fifty that failed, then twelve each


def test_a_document_that_has_gone_since_keeps_what_was_read(bench):
    bench.index([event(1), event(2)])
    of = bench.rule("process where length(process.name) > 0")
    (page,) = bench.pages(of)
    bench.node.delete(index=f"{bench.prefix}-logs-test", id="evil-1", refresh=True)
    gone, there = bench.source().documents(of, page.hits).hits
    assert gone.source == page.hits[0].source
    assert there.source["host"] == {"name": "h"}


def test_documents_are_read_by_the_names_by_which_the_rule_searches(bench):
    bench.index([event(1), event(2, index="logs-other")])
    alias = f"{bench.prefix}-alias"
    bench.node.indices.put_alias(index=f"{bench.prefix}-logs-test", name=alias, filter={"exists": {"field": "host"}})
    of = rule(EVERYTHING, index=(alias,))
    (page,) = bench.pages(of)
    bench.proxy.seen.clear()
    assert bench.source().documents(of, hits(page)).hits[0].source["host"] == {"name": "h"}
    assert bench.proxy.paths() == [f"/{alias}/_search"]


def test_an_id_that_an_index_holds_twice_leaves_room_for_others(bench):
    bench.index([event(1)])  # an index of two shards
    there = {"index": f"{bench.prefix}-logs-test", "refresh": True}
    for routing in range(8):
        bench.node.index(**there, id="twice", routing=str(routing), document=event(2).source)
    found = {one.id: one for one in hits(*bench.pages())}
    assert len(hits(*bench.pages())) == 3
    wanted = [found["twice"], found["evil-1"]]
    assert all("host" in one.source for one in bench.source().documents(bench.rule(), wanted).hits)


# What a person should know.


def test_no_index_is_a_note(bench):
    (page,) = bench.pages()
    assert page.notes == (f"no index matches {bench.prefix}-logs-*; there is nothing to search until one does",)


def test_an_index_without_the_timestamp_is_named_and_the_others_are_searched(bench):
    bench.index([event(1)])
    bench.node.indices.create(index=f"{bench.prefix}-logs-bare")
    (page,) = bench.pages()
    assert ids([page]) == ["evil-1"]
    assert page.notes == (
        f"these indices lack the field @timestamp, so nothing there can be found: {bench.prefix}-logs-bare",
    )


def test_an_override_that_no_index_has_is_named_and_the_timestamp_used(bench):
    bench.index([event(1)])
    (page,) = bench.pages(bench.rule(timestamp_override="event.ingested"))
    assert ids([page]) == ["evil-1"]
    assert page.notes == (
        f"none of the indices of {bench.prefix}-logs-* has the field event.ingested, so events there are looked for by @timestamp",
    )


# Dear clauses.

DEAR = 'process where process.name like~ ("*vi*", "*zz*", "*yy*") and host.name == "h"'


def sent_wildcards(bench):
    bodies = [sent.content for sent in bench.proxy.seen if sent.path.endswith("_search")]
    bench.proxy.seen.clear()
    return [b"wildcard" in body or b"regexp" in body for body in bodies]


def test_dear_clauses_are_sent_only_where_the_cheap_ones_keep_too_many(bench):
    bench.index([event(number / 10, ["evil", "good"][number % 2], id=f"{number:03}") for number in range(40)])
    few, many = bench.source(dear_above=100), bench.source(dear_above=10)
    evil = [f"{number:03}" for number in range(0, 40, 2)]
    found = list(few.search(bench.rule(DEAR), HOUR))
    assert (sent_wildcards(bench), len(found[0].hits)) == ([False], 40)
    for expected in ([False, True], [True]):
        pages = list(many.search(bench.rule(DEAR), HOUR))
        assert sent_wildcards(bench) == expected
        assert ids(pages) == evil
