"""How late events come in, the cluster's clock, and events of the future, on a real node."""

from datetime import UTC, datetime, timedelta
from functools import partial

import pytest

from runner.elastic.alert_index import AlertIndex
from runner.elastic.capabilities import Capabilities
from runner.elastic.cluster_clock import drift
from runner.elastic.dsl_search import DslSearch
from runner.elastic.eql_search import EqlSearch
from runner.elastic.future_events import future_events
from runner.elastic.ingest_lag import IngestLag, LagNoted
from runner.elastic.state_index import StateIndex
from runner.execution.executor import Executor
from runner.execution.model import RunType, Verdict
from runner.schedule.plan import Limits
from runner.schedule.windows import Window
from tests.contracts.conftest import index_events
from tests.elastic.conftest import client_of
from tests.elastic.eql_api import EqlApi
from tests.elastic.forwarding import Answered, always
from tests.made import event, iso, minute, rule

pytestmark = pytest.mark.live

HOUR = Window(minute(0), minute(60))
FORMATS = {
    "as the index would": ({}, iso),
    "in a form of its own": ({"format": "epoch_millis"}, lambda instant: round(instant.timestamp() * 1000)),
}


def late(at, by, number=0, spelled=iso, **fields):
    """An event that came in so many minutes after it happened, at an instant that is `spelled` so."""
    ingested = {"event": {"category": ["process"], "ingested": spelled(minute(at + by))}}
    return event(at, id=f"{at}-{by}-{number}", **{**ingested, **fields})


@pytest.fixture
def lag(client):
    return IngestLag(client)


@pytest.mark.parametrize("written", FORMATS.values(), ids=FORMATS)
def test_the_lag_is_measured_index_by_index_over_what_came_in_lately(node, index_prefix, lag, written):
    form, spelled = written
    came = partial(late, spelled=spelled)
    quick = [came(30, 0.1, number, index="logs-quick") for number in range(100)]
    slow = [came(30, 10, number, index="logs-slow") for number in range(95)]
    slow += [came(20, 35, number, index="logs-slow") for number in range(5)]
    old = [came(-300, 100, index="logs-quick")]
    wrong = came(30, 1, index="logs-nanoseconds", **{"@timestamp": 1_700_000_000_000_000_000})
    events = [*quick, *slow, *old, wrong]
    index_events(node, index_prefix, events, **{"event.ingested": {"type": "date", **form}})

    found = lag.measure((f"{index_prefix}-logs-*",), minute(60))

    seconds = {
        name.rpartition("-")[2]: (each.p50.total_seconds(), each.p99.total_seconds()) for name, each in found.items()
    }
    assert seconds["quick"] == (6, 6)
    assert seconds["slow"][0] == 600
    assert seconds["slow"][1] == pytest.approx(2100, rel=0.3)


@pytest.mark.parametrize("indexed", [[], [event(30)]], ids=["no index", "no event.ingested"])
def test_without_both_fields_nothing_is_measured(node, index_prefix, lag, indexed):
    if indexed:
        index_events(node, index_prefix, indexed)
    assert lag.measure((f"{index_prefix}-logs-*",), minute(60)) == {}


def test_a_data_stream_is_one_whatever_its_backing_indices_are_called(proxy, proxied):
    values = {"50.0": 1.0, "95.0": 2.0, "99.0": 3.0}
    keys = {".ds-logs-a-default-2026.01.01-000001": 1, ".ds-logs-a-default-2026.01.02-000002": 5, "logs-b": 1}
    buckets = [{"key": key, "lag": {"values": {**values, "99.0": p99 * 1000.0}}} for key, p99 in keys.items()]
    fields = {name: {"date": {}} for name in ("event.ingested", "@timestamp")}
    proxy.faults += [
        always("_field_caps", Answered(200, {"indices": ["x"], "fields": fields})),
        always("_search", Answered(200, {"aggregations": {"sample": {"index": {"buckets": buckets}}}})),
    ]
    found = IngestLag(proxied).measure(("logs-*",), minute(60))
    assert {name: each.p99.total_seconds() for name, each in found.items()} == {"logs-a-default": 5, "logs-b": 1}


LOOKS_BACK = {
    "less far than events are late": ({}, True),
    "by ingestion": ({"timestamp_override": "event.ingested"}, False),
    "in other indices": ({"index": ("other-*",)}, False),
}


@pytest.mark.parametrize(("fields", "warned"), LOOKS_BACK.values(), ids=LOOKS_BACK)
def test_a_rule_that_looks_back_too_little_is_told_in_its_executions(node, client, index_prefix, lag, fields, warned):
    pattern = (f"{index_prefix}-logs-*",)
    index_events(node, index_prefix, [late(30, 10)], **{"event.ingested": {"type": "date"}})
    lag.measure(pattern, minute(60))
    source = LagNoted(DslSearch(client, Capabilities(client)), lag)
    of = rule(**{"index": pattern, **fields})

    notes = [note for page in source.search(of, HOUR) for note in page.notes if "looks back" in note]

    expected = (
        f"looks back 240 s, and of the events of {index_prefix}-logs-test one in a hundred comes in later than 600 s"
    )
    assert [note.startswith(expected) for note in notes] == [True] * warned


DRIFTS = {"ahead": 30, "behind": -30, "none": 0}


@pytest.mark.parametrize("seconds", DRIFTS.values(), ids=DRIFTS)
def test_the_drift_of_the_clusters_clock_is_seen(client, seconds):
    found = drift(client, lambda: datetime.now(UTC) - timedelta(seconds=seconds))
    assert found.total_seconds() == pytest.approx(seconds, abs=1)


def test_a_cluster_that_does_not_tell_the_time_has_no_drift(proxy, proxied):
    proxy.faults.append(always("_nodes", Answered(400, {"error": {"type": "api_not_available_exception"}})))
    assert drift(proxied, lambda: datetime.now(UTC)) is None


@pytest.mark.parametrize("written", FORMATS.values(), ids=FORMATS)
def test_events_of_the_future_are_counted_within_bounds(node, client, index_prefix, written):
    form, spelled = written
    happen = [event(at, **{"@timestamp": spelled(minute(at))}) for at in (-1, 0.01, 1, 60, 23 * 60, 25 * 60)]
    index_events(node, index_prefix, happen, **{"@timestamp": {"type": "date", **form}})
    assert future_events(client, (f"{index_prefix}-logs-*",), minute(0), timedelta(seconds=5)) == 3
    assert future_events(client, (f"{index_prefix}-none-*",), minute(0), timedelta(seconds=5)) == 0


@pytest.mark.parametrize("written", FORMATS.values(), ids=FORMATS)
@pytest.mark.parametrize("api", [False, True], ids=["by Query DSL", "by the EQL API"])
def test_a_sweep_finds_what_came_in_late_up_to_its_bound(node, elasticsearch_url, names, index_prefix, api, written):
    form, spelled = written
    known = {"event.ingested": {"type": "date"}, "@timestamp": {"type": "date", **form}}
    happened = [late(at, 8 - at, **{"@timestamp": spelled(minute(at))}) for at in (-10, -29, -60)]
    index_events(node, index_prefix, happened, **known)
    with EqlApi(elasticsearch_url) as proxy:
        client = client_of(proxy.url)
        source = (EqlSearch if api else DslSearch)(client, Capabilities(client))
        ledger = StateIndex(client, names.state, names.executions)
        limits = Limits(late_sweep=timedelta(minutes=30))
        executor = Executor(source, AlertIndex(client, names.alerts), ledger, limits=limits)
        of = rule(index=(f"{index_prefix}-logs-*",))
        runs = [executor.run(of, minute(at)) for at in (10, 15)]
        client.close()
    assert [[(one.run_type, one.verdict, one.created) for one in run] for run in runs] == [
        [(RunType.STANDARD, Verdict.COMPLETE, 0), (RunType.SWEEP, Verdict.COMPLETE, 2)],
        [(RunType.STANDARD, Verdict.COMPLETE, 0), (RunType.SWEEP, Verdict.COMPLETE, 0)],
    ]


PAIR = (
    "sequence by host.name with maxspan=3m "
    '[process where process.name == "a" and not (process.name : ("B*", "\\"") or process.name == ?absent.field)] '
    '["process" where `process`.name == "b"]'
)


@pytest.mark.parametrize("api", [False, True], ids=["by Query DSL", "by the EQL API"])
def test_a_sweep_finds_the_sequences_of_which_an_event_came_in_late(node, elasticsearch_url, names, index_prefix, api):
    known = {"event.ingested": {"type": "date"}}
    tardy = [late(-10, 18, process={"name": "a"}), late(-20, 28, process={"name": "b"})]
    intime = [event(-8, "b"), event(-21, "a"), event(-15, "b")]
    index_events(node, index_prefix, [*tardy, *intime], **known)
    of = rule(PAIR, index=(f"{index_prefix}-logs-*",))
    with EqlApi(elasticsearch_url) as proxy:
        client = client_of(proxy.url)
        source = (EqlSearch if api else DslSearch)(client, Capabilities(client))
        sink, ledger = AlertIndex(client, names.alerts), StateIndex(client, names.state, names.executions)
        executor = Executor(source, sink, ledger, limits=Limits(late_sweep=timedelta(minutes=30)))
        runs = [executor.run(of, minute(at)) for at in (10, 15)]
        client.close()
    assert [[(one.run_type, one.verdict, one.created, one.duplicates) for one in run] for run in runs] == [
        [(RunType.STANDARD, Verdict.COMPLETE, 0, 0), (RunType.SWEEP, Verdict.COMPLETE, 2, 0)],
        [(RunType.STANDARD, Verdict.COMPLETE, 0, 0), (RunType.SWEEP, Verdict.COMPLETE, 0, 2)],
    ]


@pytest.mark.parametrize("api", [False, True], ids=["by Query DSL", "by the EQL API"])
def test_a_sweep_that_fails_or_is_cut_is_made_again_until_all_is_found(
    node, elasticsearch_url, names, index_prefix, api
):
    def refused(sent):
        sweeping = b"event.ingested" in sent.content and sent.path.endswith("_search" if not api else "/_eql/search")
        return Answered(400, {"error": {"type": "x", "reason": "no"}, "status": 400}) if sweeping else None

    known = {"event.ingested": {"type": "date"}}
    index_events(node, index_prefix, [late(at, 8 - at) for at in (-10, -29)], **known)
    of = rule(index=(f"{index_prefix}-logs-*",), max_signals=1)
    runs, waiting = [], []
    with EqlApi(elasticsearch_url) as proxy:
        for at in (10, 15, 20, 25):
            proxy.faults[:] = [refused] if at == 10 else []
            # Each run is a process of its own: only the indices remember.
            client = client_of(proxy.url)
            source = (EqlSearch if api else DslSearch)(client, Capabilities(client))
            ledger = StateIndex(client, names.state, names.executions)
            limits = Limits(late_sweep=timedelta(minutes=30))
            runs.append(Executor(source, AlertIndex(client, names.alerts), ledger, limits=limits).run(of, minute(at)))
            waiting.append((ledger.read(of).swept.until, sum(cut.pending for cut in ledger.read(of).backlog)))
            client.close()
    assert [[(one.run_type, one.verdict, one.created) for one in run] for run in runs] == [
        [(RunType.STANDARD, Verdict.COMPLETE, 0), (RunType.SWEEP, Verdict.FAILED, 0)],
        [(RunType.STANDARD, Verdict.COMPLETE, 0), (RunType.SWEEP, Verdict.TRUNCATED, 1)],
        [(RunType.STANDARD, Verdict.COMPLETE, 0), (RunType.SWEEP, Verdict.COMPLETE, 1)],
        [(RunType.STANDARD, Verdict.COMPLETE, 0), (RunType.SWEEP, Verdict.COMPLETE, 0)],
    ]
    assert waiting == [(minute(5), 0), (minute(15), 1), (minute(15), 0), (minute(25), 0)]
