"""No cause of a half answer ends as "complete, no alerts": the window stays open, and once all is well it is repeated.

Each row is one cause. It goes through the whole engine over the real node: what went wrong is done by the proxy, or to
the indices themselves.
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta

import pytest

from runner.elastic.alert_index import AlertIndex
from runner.elastic.capabilities import Capabilities
from runner.elastic.dsl_search import DslSearch
from runner.elastic.eql_search import EqlSearch
from runner.elastic.setup import Names, install
from runner.elastic.state_index import StateIndex
from runner.execution.executor import Executor
from runner.execution.model import Verdict
from tests.conftest import own_names
from tests.contracts.conftest import index_events
from tests.elastic.conftest import client_of
from tests.elastic.eql_api import EqlApi
from tests.elastic.forwarding import Answered, Changed, Cut, always
from tests.made import event, minute, rule

pytestmark = pytest.mark.live

EVENTS = "logs-*/_search"
ALERTS = "-alerts/_search"
PATIENCE = timedelta(seconds=0.2)

PARTIAL, TIMED_OUT, FAILED = Verdict.PARTIAL, Verdict.TIMED_OUT, Verdict.FAILED


@dataclass
class Bench:
    """The engine over one event that the rule finds, at half a minute; the rule has run once, at noon.

    The event lies before the window of the run at ten minutes: that finds it only where the ledger says so.
    """

    node: object
    proxy: EqlApi
    names: object
    pattern: str
    by_api: bool = False

    def __post_init__(self):
        client = client_of(self.proxy.url, PATIENCE)
        capabilities = Capabilities(client, kept=timedelta(0))
        search = EqlSearch if self.by_api else DslSearch
        options = {"wait": timedelta(seconds=0.05)} if self.by_api else {}
        source = search(client, capabilities, search_timeout=timedelta(seconds=10), **options)
        self.rule = rule(rule_id=uuid.uuid4().hex, index=(self.pattern,))
        self.ledger = StateIndex(client, self.names.state, self.names.executions)
        self.executor = Executor(source, AlertIndex(client, self.names.alerts), self.ledger)
        self.client = client
        self.run(0)

    def run(self, at):
        return self.executor.run(self.rule, minute(at))

    def alerts(self):
        self.node.indices.refresh(index=self.names.alerts)
        of_rule = {"term": {"kibana.alert.rule.rule_id": self.rule.rule_id}}
        return self.node.count(index=self.names.alerts, query=of_rule)["count"]

    def covered_until(self):
        return self.ledger.read(self.rule).coverage.until

    def block(self, name, setting):
        """Block an index as an operator, or a full disk, does; return how to undo it."""
        self.node.indices.put_settings(index=name, settings={setting: True})
        return lambda: self.node.indices.put_settings(index=name, settings={setting: None})


@pytest.fixture(scope="module")
def ground(node, elasticsearch_url):
    """Indices of ours, and one of events, for all tests: each has a rule of its own."""
    with own_names(node) as prefix:
        names = Names(f"{prefix}-alerts", f"{prefix}-executions", f"{prefix}-state")
        client = client_of(elasticsearch_url)
        install(client, names)
        client.close()
        index_events(node, prefix, [event(0.5)])
        yield prefix, names


@pytest.fixture
def bench(node, elasticsearch_url, ground):
    made = []
    prefix, names = ground

    def make(*, by_api=False, events="logs"):
        proxy = EqlApi(elasticsearch_url).__enter__()
        made.append(Bench(node, proxy, names, f"{prefix}-{events}-*", by_api))
        return made[-1]

    yield make
    for one in made:
        one.client.close()
        one.proxy.__exit__()


def nothing_but(**said):
    """The node's answer without its hits, and with what a cluster in trouble says instead."""
    return Changed(lambda answer: {**answer, "hits": {"hits": []}, **said})


def error(status, kind):
    return Answered(status, {"error": {"type": kind, "reason": "because"}, "status": status})


def item(status, kind):
    """Each item of a bulk's answer says that it failed; nothing was sent on."""

    def fault(sent):
        if "_bulk" not in sent.path or b'"create":{"_id"' not in sent.content:
            return None
        count = sent.content.count(b'"create":{"_id"')
        refused = {"create": {"_id": "x", "status": status, "error": {"type": kind, "reason": "because"}}}
        return Answered(200, {"errors": True, "items": [refused] * count})

    return fault


def shards(kind):
    reason = {"type": kind, "reason": "because"}
    return {"_shards": {"total": 2, "failed": 1, "failures": [{"shard": 0, "index": "i", "reason": reason}]}}


def of_documents(happening):
    """What happens to the reading of whole documents, which asks for ids."""
    return lambda sent: happening if EVENTS in sent.path and b'"ids"' in sent.content else None


def half_the_types(answer):
    failure = {"error": {"type": "node_disconnected_exception", "reason": "gone"}}
    return {"indices": answer["indices"], "fields": {}, "failed_indices": 1, "failures": [{"failure": failure}]}


CLUSTERS = {"total": 2, "successful": 1, "skipped": 1}
DETAILS = {"total": 2, "details": {"far": {"status": "partial"}, "near": {"status": "successful"}}}

BY_QUERY_DSL = {
    "_shards.failed": (always(EVENTS, nothing_but(**shards("node_disconnected_exception"))), PARTIAL),
    "_shards.failed for want of memory": (always(EVENTS, nothing_but(**shards("circuit_breaking_exception"))), PARTIAL),
    "timed_out": (always(EVENTS, nothing_but(timed_out=True)), TIMED_OUT),
    "a remote cluster skipped": (always(EVENTS, nothing_but(_clusters=CLUSTERS)), PARTIAL),
    "a remote cluster partial": (always(EVENTS, nothing_but(_clusters=DETAILS)), PARTIAL),
    "terminated_early": (always(EVENTS, nothing_but(terminated_early=True)), PARTIAL),
    "429": (always(EVENTS, error(429, "es_rejected_execution_exception")), FAILED),
    "a circuit breaker": (always(EVENTS, error(429, "circuit_breaking_exception")), FAILED),
    "503": (always(EVENTS, Answered(503, "")), FAILED),
    "the connection is cut": (always(EVENTS, Cut()), FAILED),
    "a search that is refused": (always(EVENTS, error(400, "parsing_exception")), FAILED),
    "the login is lost": (always("", error(401, "security_exception")), FAILED),
    "the privilege is lost": (always(EVENTS, error(403, "security_exception")), FAILED),
    "an answer that is none": (always(EVENTS, Answered(200, [])), FAILED),
    "field types that cannot be read": (always("_field_caps", Answered(503, "")), FAILED),
    "field types of some indices": (always("_field_caps", Changed(half_the_types)), PARTIAL),
    "whole documents that cannot be read": (of_documents(error(503, "no_shard_available_action_exception")), FAILED),
    "whole documents that are refused": (of_documents(error(400, "x_content_parse_exception")), FAILED),
    "whole documents whose shard fails": (of_documents(nothing_but(**shards("node_disconnected_exception"))), FAILED),
    "whole documents of a remote cluster skipped": (
        of_documents(nothing_but(_shards={"total": 0}, _clusters=CLUSTERS)),
        FAILED,
    ),
    "whole documents of indices that are not to be seen": (of_documents(nothing_but(_shards={"total": 0})), FAILED),
    "known alerts that cannot be looked for": (always(ALERTS, Answered(503, "")), FAILED),
    "a bulk item rejected": (item(400, "version_conflict_of_a_new_kind"), PARTIAL),
    "a bulk item refused for the index": (item(403, "cluster_block_exception"), PARTIAL),
    "a bulk item put off": (item(429, "es_rejected_execution_exception"), FAILED),
    "a bulk too large": (always("-alerts/_bulk", Answered(413, "")), PARTIAL),
    "the bulk's answer cut short": (always("-alerts/_bulk", Answered(200, {"items": []})), FAILED),
    "the state cannot be read": (always("-state/_doc", Answered(503, "")), FAILED),
    "the record cannot be written": (always("/_bulk", Answered(503, "")), FAILED),
}


@pytest.mark.parametrize(("fault", "verdict"), BY_QUERY_DSL.values(), ids=BY_QUERY_DSL)
def test_what_goes_wrong_is_a_verdict_and_the_window_is_repeated(bench, fault, verdict):
    subject = bench()
    subject.proxy.faults.append(fault)

    (record, *_) = subject.run(5)

    assert (record.verdict, record.created) == (verdict, 0)
    assert record.faults or record.failure.text
    subject.proxy.faults.clear()
    assert_open_and_repeated(subject)


def assert_open_and_repeated(subject):
    assert subject.covered_until() == minute(0)
    (record, *_) = subject.run(10)
    assert record.verdict is Verdict.COMPLETE
    assert subject.alerts() == 1
    (covered,) = subject.ledger.read(subject.rule).coverage.covered
    assert covered.end == minute(10)


def some(**said):
    return lambda proxy: proxy.extra.update(hits={"total": {"value": 0, "relation": "eq"}, "events": []}, **said)


def more_than_it_says(proxy):
    proxy.extra["hits"] = {"total": {"value": 1, "relation": "gte"}, "events": []}


def never_ready(proxy):
    proxy.slow = 1000


BY_THE_EQL_API: dict[str, tuple[Callable[[EqlApi], None], Verdict]] = {
    "is_partial": (some(is_partial=True), PARTIAL),
    "shard_failures": (
        some(shard_failures=[{"index": "i", "shard": 0, "reason": {"type": "x", "reason": "gone"}}]),
        PARTIAL,
    ),
    "timed_out": (some(timed_out=True), TIMED_OUT),
    "still running at the deadline": (never_ready, TIMED_OUT),
    "hits.total.relation is gte": (more_than_it_says, PARTIAL),
}


@pytest.mark.parametrize(("trouble", "verdict"), BY_THE_EQL_API.values(), ids=BY_THE_EQL_API)
def test_what_the_eql_api_says_is_a_verdict_and_the_window_is_repeated(bench, trouble, verdict):
    subject = bench(by_api=True)
    trouble(subject.proxy)

    (record, *_) = subject.run(5)

    assert (record.verdict, record.created) == (verdict, 0)
    subject.proxy.extra.clear()
    subject.proxy.slow = 0
    assert_open_and_repeated(subject)


BLOCKS = {
    "the alerts index is read-only": ("alerts", "index.blocks.write"),
    "the disk is full": ("alerts", "index.blocks.read_only_allow_delete"),
    "the history is read-only": ("executions", "index.blocks.write"),
    "the state index is read-only": ("state", "index.blocks.write"),
}


@pytest.mark.parametrize(("index", "block"), BLOCKS.values(), ids=BLOCKS)
def test_what_an_index_of_ours_does_not_take_is_not_lost(bench, index, block):
    subject = bench()
    unblock = subject.block(getattr(subject.names, index), block)

    (record, *_) = subject.run(5)

    assert record.verdict in {FAILED, PARTIAL}
    assert record.created == 0 or record.failure
    unblock()
    subject.run(10)
    assert subject.alerts() == 1


def test_a_missing_alerts_alias_is_a_failure_and_the_window_is_repeated(bench, node):
    subject = bench()
    concrete = f"{subject.names.alerts}-000001"
    node.indices.delete_alias(index=concrete, name=subject.names.alerts)

    (record, *_) = subject.run(5)

    assert (record.verdict, record.failure.who) == (FAILED, "operator")
    node.indices.put_alias(index=concrete, name=subject.names.alerts, is_write_index=True)
    assert_open_and_repeated(subject)


def test_indices_without_a_timestamp_are_partial_until_it_is_there(bench, node, ground):
    subject = bench(events="bare")
    name = f"{ground[0]}-bare-one"
    node.indices.create(index=name, mappings={"properties": {"host": {"type": "object"}}})

    (record, *_) = subject.run(5)

    assert (record.verdict, record.created) == (PARTIAL, 0)
    assert "@timestamp" in record.faults[0]
    node.indices.put_mapping(index=name, properties={"@timestamp": {"type": "date"}})
    node.indices.put_mapping(
        index=name, dynamic_templates=[{"s": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}}]
    )
    node.index(index=name, document=event(0.5).source, refresh=True)
    assert_open_and_repeated(subject)


def test_no_index_at_all_has_nothing_to_search_and_says_so(bench):
    subject = bench(events="none")

    (record, *_) = subject.run(5)

    assert record.verdict is Verdict.COMPLETE
    assert record.notes == (f"no index matches {subject.rule.index[0]}; there is nothing to search until one does",)


def test_no_index_for_want_of_a_privilege_is_a_failure(bench):
    subject = bench()
    pattern = subject.rule.index[0]
    held = {pattern: {"read": False, "view_index_metadata": False}}
    subject.proxy.faults += [
        always("_has_privileges", Answered(200, {"has_all_requested": False, "index": held})),
        # What Elasticsearch answers about a pattern of which it may show nothing.
        always("_field_caps", Answered(200, {"indices": [], "fields": {}})),
    ]

    (record, *_) = subject.run(5)

    assert (record.verdict, record.failure.kind) == (FAILED, "AccessDenied")
    subject.proxy.faults.clear()
    assert_open_and_repeated(subject)
