"""The same world over a real node: its events, alerts and states are in indices, and the way there is a troubled one.

Time is still simulated: it is an argument of every run, and events carry it. What goes wrong on the wire (cut and late
answers, 429, bulks of which half is said to have failed, searches that lost a shard) is decided by the same seed, request
by request; an alias rolls over now and then.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from elasticsearch import Elasticsearch
from elasticsearch.helpers import bulk

from runner.elastic.alert_index import AlertIndex
from runner.elastic.capabilities import Capabilities
from runner.elastic.client import Client, Patience
from runner.elastic.dsl_search import DslSearch
from runner.elastic.presence import StatePresence
from runner.elastic.rollover import Conditions, Rollover
from runner.elastic.setup import Names, install
from runner.elastic.state_index import StateIndex
from runner.execution.model import Alert
from tests.chaos.world import SMALL, Outcome, World
from tests.elastic.forwarding import Answered, Changed, Cut, Forwarding, Happening, Late, Sent

WIRE = 0.3  # of the trouble's rate, for each request
TOO_LATE = 1.0  # seconds
PATIENT_FOR = 0.8  # seconds, for one answer of a write or read
BUSY = Answered(429, {"error": {"type": "circuit_breaking_exception", "reason": "Data too large"}, "status": 429})

_KEYWORDS = {"strings": {"match_mapping_type": "string", "mapping": {"type": "keyword"}}}
_MAPPINGS: dict[str, Any] = {
    "properties": {
        "@timestamp": {"type": "date"},
        "event": {"properties": {"ingested": {"type": "date"}}},
        "process": {"properties": {"pid": {"type": "keyword"}}},
    },
    "dynamic_templates": [_KEYWORDS],
}


class LiveWorld(World):
    """Two runners over one node, behind one proxy."""

    def __init__(self, seed: int, rate: float, node: Elasticsearch, proxy: Forwarding, prefix: str) -> None:
        self.node, self.proxy, self.prefix = node, proxy, prefix
        self.restart: Callable[[], None] | None = None
        self.kills_due = [11.0, 23.0]  # minutes
        super().__init__(seed, rate, SMALL)
        self.proxy.faults.append(self.on_the_wire)

    def furnish(self) -> None:
        """Make the indices, and the ways to them."""
        names = Names(f"{self.prefix}-alerts", f"{self.prefix}-executions", f"{self.prefix}-state")
        elasticsearch = Elasticsearch(self.proxy.url, max_retries=0, request_timeout=PATIENT_FOR)
        patience = Patience(first=0.001, longest=0.02)
        self.client = Client(elasticsearch, "the node", patience=patience)
        install(Client(self.node, "the node"), names)
        events = f"{self.prefix}-logs-test"
        # Without replicas, so that a single node is green again when it has been started again.
        self.node.indices.create(index=events, mappings=_MAPPINGS, settings={"number_of_replicas": 0})
        self.rules = [replace(made, index=(f"{self.prefix}-logs-*",)) for made in self.rules]
        self.source = _Source(self, events)
        self.sink = _Sink(self, names.alerts)
        self.ledger = StateIndex(self.client, names.state, names.executions)
        self.presence = StatePresence(self.client, names.state)
        at_few = Conditions(docs=3)
        behind = Client(self.node, "the node")
        self.aliases = [Rollover(behind, alias, at_few) for alias in (names.alerts, names.executions)]

    def happen(self) -> None:
        """Now and then a rule is edited, an alias rolls over, and the node is killed and started again."""
        super().happen()
        if self.trouble.strikes("a roll-over", 1.5):
            for alias in self.aliases:
                if list(alias.tend(datetime.now(UTC))):
                    self.trouble.seen["rolled over"] = self.trouble.seen.get("rolled over", 0) + 1
        if self.restart is not None and self.kills_due and self.now >= self.kills_due[0]:
            self.kills_due.pop(0)
            self.restart()

    def on_the_wire(self, sent: Sent) -> Happening | None:
        """Decide what happens to a request."""
        searching = sent.path.endswith("/_search") and "-logs-" in sent.path
        writing = "-alerts/_bulk" in sent.path
        for kind, concerned, happening in (
            ("cut before", True, Cut()),
            ("cut after", True, Cut(after=True)),
            ("429", True, BUSY),
            ("503", True, Answered(503, "")),
            ("too late", not searching, Late(TOO_LATE)),
            ("a shard lost", searching, Changed(_half_of_it)),
            ("half a bulk said to have failed", writing, Changed(_half_failed)),
        ):
            if concerned and self.trouble.strikes(f"on the wire: {kind}", WIRE if kind != "too late" else WIRE / 4):
                return happening
        return None

    def shells(self) -> range:
        """As many as there are alerts that count against the cap."""
        blocks = {"exists": {"field": "kibana.alert.group.index"}}
        return range(self.node.count(index=f"{self.prefix}-alerts", query={"bool": {"must_not": blocks}})["count"])


class _Source(DslSearch):
    """Events of the node's index, to which more come."""

    def __init__(self, world: LiveWorld, index: str) -> None:
        # Minutes pass here in milliseconds: what is known of the fields ages at once.
        super().__init__(world.client, Capabilities(world.client, kept=timedelta(0)), page_size=20)
        self._node, self._events = world.node, index

    def add(self, events: Any) -> None:
        """Index the events, at once to be found."""
        actions = [{"_index": self._events, "_id": one.id, "_source": one.source} for one in events]
        bulk(self._node, actions, refresh=True)


class _Sink(AlertIndex):
    """The alerts index, and what is in it."""

    def __init__(self, world: LiveWorld, alias: str) -> None:
        super().__init__(world.client, alias)
        self._node, self._name = world.node, alias

    @property
    def alerts(self) -> tuple[Alert, ...]:
        found = self._node.search(index=self._name, size=10_000)["hits"]["hits"]
        return tuple(Alert(hit["_id"], hit["_source"]) for hit in found)


def _half_of_it(answer: Any) -> Any:
    reason = {"type": "node_disconnected_exception", "reason": "gone"}
    failed = {"total": 2, "failed": 1, "failures": [{"shard": 0, "index": "i", "reason": reason}]}
    return {**answer, "hits": {**answer["hits"], "hits": answer["hits"]["hits"][::2]}, "_shards": failed}


def _half_failed(answer: Any) -> Any:
    put_off = {"create": {"_id": "x", "status": 429, "error": {"type": "es_rejected_execution_exception"}}}
    items = [put_off if number % 2 else item for number, item in enumerate(answer["items"])]
    return {**answer, "errors": True, "items": items}


@contextmanager
def live_world(seed: int, rate: float, node: Elasticsearch, url: str, prefix: str) -> Iterator[LiveWorld]:
    """Give a world behind a proxy of its own."""
    with Forwarding(url) as proxy:
        world = LiveWorld(seed, rate, node, proxy, prefix)
        try:
            yield world
        finally:
            world.client.close()


def play_live(seed: int, rate: float, node: Elasticsearch, url: str, prefix: str) -> Outcome:
    """Play one world on the node."""
    with live_world(seed, rate, node, url, prefix) as world:
        return world.play()
