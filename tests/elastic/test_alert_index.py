"""The alerts index under fire: what is acknowledged is there, and nothing is lost in between."""

from datetime import timedelta

import pytest

from runner.elastic.alert_index import AlertIndex
from runner.errors import ClusterBusy, SetupError
from runner.execution.model import Alert
from tests.elastic.conftest import client_of
from tests.elastic.forwarding import Answered, Changed, Cut, always, once, times

pytestmark = pytest.mark.live


def alert(id, **fields):
    return Alert(id, {"@timestamp": "2026-01-01T00:00:00.000Z", "kibana.alert.uuid": id, **fields})


def failing(status, kind, *positions):
    """Items of a bulk's answer that say they failed; the node has been kept from nothing."""

    def change(answer):
        for position in positions:
            error = {"type": kind, "reason": "because"}
            answer["items"][position] = {"create": {"_id": "x", "status": status, "error": error}}
        return answer

    return Changed(change)


def held_back(number):
    """The bulk reaches the node without its last items, which are answered 429: a half-failed bulk."""

    def fault(sent):
        if "_bulk" not in sent.path or fault.done:
            return None
        fault.done = True
        items = [{"create": {"_id": "x", "status": 429, "error": {"type": "es_rejected_execution_exception"}}}] * number
        return Answered(200, {"errors": True, "items": items})

    fault.done = False
    return fault


@pytest.fixture
def sink(proxied, names):
    return AlertIndex(proxied, names.alerts)


def test_items_that_are_put_off_are_sent_again(proxy, sink):
    proxy.faults.append(held_back(2))
    written = sink.write([alert("a"), alert("b")])
    assert (written.created, written.rejected) == (("a", "b"), ())
    assert len(proxy.paths("_bulk")) == 2
    assert written.requests == 3  # and one look whether the alias has rolled over: a thread's first write cannot know


def test_an_answer_that_was_lost_makes_duplicates_of_what_was_written(proxy, sink):
    proxy.faults.append(once("_bulk", Cut(after=True)))
    written = sink.write([alert("a")])
    assert (written.created, written.duplicates) == ((), ("a",))
    assert sink.known(["a"]) == {"a"}


@pytest.mark.parametrize("happening", [Cut(), Answered(503, ""), Answered(429, "")], ids=str)
def test_a_bulk_that_was_not_taken_is_sent_again(proxy, sink, happening):
    proxy.faults.append(times(2, "_bulk", happening))
    assert sink.write([alert("a")]).created == ("a",)


def test_a_cluster_that_takes_nothing_until_the_deadline_is_an_error(proxy, names):
    proxy.faults.append(always("_bulk", Answered(429, "")))
    sink = AlertIndex(client_of(proxy.url, timedelta(seconds=0.3)), names.alerts)
    with pytest.raises(ClusterBusy):
        sink.write([alert("a")])


def test_what_is_not_taken_until_the_deadline_is_rejected_when_the_rest_was(proxy, names):
    proxy.faults.append(always("_bulk", failing(429, "es_rejected_execution_exception", -1)))
    sink = AlertIndex(client_of(proxy.url, timedelta(seconds=0.3)), names.alerts)
    written = sink.write([alert("a"), alert("b")])
    assert written.created == ("a",)
    assert [item.id for item in written.rejected] == ["b"]
    assert "did not take 1 alert:" in written.rejected[0].reason


def test_an_item_that_the_index_refuses_is_rejected_with_the_reason(proxy, sink):
    proxy.faults.append(once("_bulk", failing(403, "cluster_block_exception", 0)))
    written = sink.write([alert("a"), alert("b")])
    assert written.created == ("b",)
    assert written.rejected[0].reason == "403 cluster_block_exception: because"


MISFITS = {
    "an object where a keyword is": {"process": {"name": {"first": "a"}}},
    "a keyword where an object is": {"process": "a"},
    "an array of objects where a number is": {"process": {"pid": [{"a": 1}]}},
}


@pytest.mark.parametrize("source", MISFITS.values(), ids=MISFITS)
def test_what_does_not_fit_stands_aside_and_the_rest_of_the_event_in_its_place(node, names, sink, source):
    fits = {"host": {"name": "web-1"}, "event.kind": "signal"}
    written = sink.write([alert("fits"), alert("not", **source, **fits)])
    assert (set(written.created), written.rejected) == ({"fits", "not"}, ())
    stored = node.get(index=names.alerts, id="not")["_source"]
    assert stored["eql_runner.source"] == source
    assert (stored["kibana.alert.uuid"], stored["event.kind"], "process" in stored) == ("not", "signal", False)
    (found,) = node.search(index=names.alerts, query={"term": {"host.name": "web-1"}})["hits"]["hits"]
    assert found["_id"] == "not"


def test_an_event_stands_aside_as_a_whole_where_it_quarrels_with_a_field_that_no_mapping_names(node, names, sink):
    assert sink.write([alert("first", custom="a")]).created == ("first",)
    event = {"custom": {"a": 1}, "host": {"name": "web-1"}, "event.kind": "signal"}
    assert sink.write([alert("second", **event)]).created == ("second",)
    stored = node.get(index=names.alerts, id="second")["_source"]
    assert (stored["eql_runner.source"], stored["event.kind"]) == (event, "signal")


def test_an_event_whose_own_event_fields_do_not_fit_is_a_signal_all_the_same(node, names, sink):
    event = {"event": {"category": {"a": 1}, "kind": "signal"}, "process": {"name": "sh"}}
    copied = {"kibana.alert.original_event.category": {"a": 1}}
    assert sink.write([alert("a", **event, **copied)]).created == ("a",)
    stored = node.get(index=names.alerts, id="a")["_source"]
    assert stored["eql_runner.source"] == {"event": event["event"]}
    assert (stored["event.kind"], stored["process"]) == ("signal", {"name": "sh"})


def test_an_alert_that_fits_in_no_way_is_kept_unread(node, names, sink):
    deep: object = 1
    for _ in range(150):
        deep = {"a": deep}
    source = {"process": {"name": deep}, "kibana.alert.original_event.severity": {"not": "a number"}}
    assert sink.write([alert("deep", **source)]).created == ("deep",)
    stored = node.get(index=names.alerts, id="deep")["_source"]
    assert stored["eql_runner.raw"] == {"process": {"name": deep}}
    assert stored["kibana.alert.uuid"] == "deep"


def test_values_that_are_malformed_or_long_do_not_refuse_an_alert(node, names, sink):
    source = {
        "process": {"pid": "no number", "args": ["x" * 40_000]},
        "event": {"created": "no date"},
        "host": {"ip": "nowhere"},
    }
    assert sink.write([alert("a", **source)]).created == ("a",)
    assert node.get(index=names.alerts, id="a")["_source"]["process"]["args"] == ["x" * 40_000]


def test_more_fields_than_the_mapping_takes_do_not_refuse_an_alert(sink):
    wide = {"custom": {f"field{number}": "x" for number in range(4000)}}
    assert sink.write([alert("wide", **wide)]).created == ("wide",)


def test_an_alert_of_ten_megabytes_goes_alone(proxy, sink):
    written = sink.write([alert("a"), alert("b", message="x" * 10_000_000), alert("c")])
    assert sorted(written.created) == ["a", "b", "c"]
    assert len(proxy.paths("_bulk")) == 3


def test_what_is_too_large_for_a_proxy_goes_in_parts_and_the_rest_is_rejected(proxy, sink):
    limit = 100_000
    proxy.faults.append(
        lambda sent: (
            Answered(413, "<html>", "text/html") if len(sent.content) > limit and "_bulk" in sent.path else None
        )
    )
    small = [alert(str(number), message="x" * 30_000) for number in range(8)]
    written = sink.write([*small[:4], alert("large", message="x" * 200_000), *small[4:]])
    assert sorted(written.created) == [str(number) for number in range(8)]
    assert [item.id for item in written.rejected] == ["large"]


def test_duplicates_are_found_in_the_indices_before_a_rollover(node, names, sink):
    sink.write([alert("a")])
    node.indices.rollover(alias=names.alerts)
    sink.write([alert("b")])
    assert sink.known(["a", "b", "c"]) == {"a", "b"}


def test_an_alert_that_another_wrote_just_before_a_rollover_is_taken_back(node, proxied, names, sink):
    other = AlertIndex(proxied, names.alerts)
    sink.write([alert("a")])
    assert sink.known(["b"]) == frozenset()
    other.write([alert("b")])
    node.indices.rollover(alias=names.alerts)

    written = sink.write([alert("b"), alert("c")])

    assert (written.created, written.duplicates) == (("c",), ("b",))
    hits = node.search(index=names.alerts, query={"ids": {"values": ["b", "c"]}})["hits"]["hits"]
    assert sorted((hit["_id"], hit["_index"][-1]) for hit in hits) == [("b", "1"), ("c", "2")]


def test_a_missing_alias_is_named_and_nothing_is_created_in_its_place(node, client, index_prefix):
    sink = AlertIndex(client, f"{index_prefix}-none")
    with pytest.raises(SetupError) as caught:
        sink.write([alert("a")])
    assert "eql-runner setup" in caught.value.hint
    with pytest.raises(SetupError):
        sink.known(["a"])
    assert not node.indices.exists(index=f"{index_prefix}-none")
