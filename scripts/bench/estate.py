"""Events on a real node, the seed rule over them, and what executes it: put together as `eql-runner` does."""

import logging
import uuid
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from itertools import islice
from typing import Any

import orjson
from elasticsearch import Elasticsearch

from runner.app.engines import connect
from runner.elastic.capabilities import Capabilities
from runner.elastic.client import Client
from runner.elastic.filters import within
from runner.elastic.serializer import Serializer
from runner.engine import Engine
from runner.execution.model import Execution, Verdict
from runner.offline.events import INTEGRATIONS, Arrival, process_events
from runner.query.prefilter import prefilter
from runner.rules.loader import load, shipped_rules
from runner.rules.model import Rule
from runner.schedule.windows import Window
from runner.settings import Settings
from runner.telemetry import logs

AT_ONCE = 2500  # events in one bulk
SPAN = timedelta(minutes=6)  # the rule looks nine minutes back, and the measuring takes some of them
OWN_COMMAND_LINE = 3  # one of so many ordinary events has a command line that no other has
STRINGS = {"match_mapping_type": "string", "mapping": {"type": "keyword", "ignore_above": 8191}}
DATES = {"@timestamp": {"type": "date"}, "event": {"properties": {"ingested": {"type": "date"}}}}


@dataclass(frozen=True)
class Estate:
    """`count` events of which `matches` match the seed rule, all of them in the window of an execution at `now`."""

    node: Elasticsearch
    url: str
    prefix: str
    now: datetime
    count: int
    matches: int

    @cached_property
    def rule(self) -> Rule:
        """The seed rule, over the indices of this estate."""
        (rule,) = load([shipped_rules()]).rules
        return replace(rule, index=self.patterns)

    def rules(self, number: int) -> list[Rule]:
        """Return copies of the rule that no ledger has seen, so that their alerts are all new."""
        return [replace(self.rule, rule_id=f"bench-{uuid.uuid4().hex}") for _ in range(number)]

    @property
    def patterns(self) -> tuple[str, ...]:
        return tuple(f"{self.prefix}-{integration.index.split('-')[0]}-*" for integration in INTEGRATIONS)

    @cached_property
    def settings(self) -> Settings:
        names = {
            name: f"{self.prefix}-{name.removesuffix('_index')}"
            for name in Settings.model_fields
            if name.endswith("_index")
        }
        return Settings(elasticsearch_url=(self.url,), backend="dsl", **names)

    def engine(self) -> Engine:
        """Return an engine that knows nothing of the cluster yet: the field types are read anew."""
        return connect(self.settings)

    def raw(self) -> dict[str, Any]:
        """Return the body of one search with all that the rule's query says in Query DSL, wildcards included."""
        rule = self.rule
        client = Client.connect(self.settings)
        try:
            types = Capabilities(client).landscape(rule).types
        finally:
            client.close()
        pushed = prefilter(rule.program.query, types).pushed(dear=True)
        window = within(rule, Window(self.now - timedelta(minutes=9), self.now))
        return {"query": {"bool": {"filter": [window, pushed]}}, "size": 100, "sort": [{"@timestamp": "asc"}]}

    def search(self, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        """Send the one search. Raises where it does not find all that there is."""
        answer = self.node.search(index=list(self.patterns), body=body)
        found = answer["hits"]["hits"]
        assert len(found) == self.matches
        return list(found)

    def clear(self) -> None:
        self.node.indices.clear_cache(index=f"{self.prefix}-*")

    def alerted(self, executions: Sequence[Execution]) -> None:
        """Check that all matches have become alerts. Raises AssertionError."""
        for execution in executions:
            assert execution.verdict is Verdict.COMPLETE, execution
            assert execution.created == self.matches, execution

    def fill(self, near_misses: int) -> None:
        """Index the events."""
        for integration in INTEGRATIONS:
            self.node.indices.create(
                index=f"{self.prefix}-{integration.index}",
                settings={"number_of_replicas": 0, "refresh_interval": -1},
                mappings={"properties": DATES, "dynamic_templates": [{"strings": STRINGS}]},
            )
        start = self.now - SPAN
        arrivals = process_events(
            self.count, start, self.now - timedelta(seconds=1), matches=self.matches, near_misses=near_misses
        )
        with ThreadPoolExecutor(2) as pool:
            waiting = []
            while bodies := [_lines(self.prefix, one) for one in islice(arrivals, AT_ONCE)]:
                waiting.append(pool.submit(self._bulk, b"".join(bodies)))
                if len(waiting) > 4:  # so that the events of a million are never in memory at once
                    waiting.pop(0).result()
            for one in waiting:
                one.result()
        self.node.indices.refresh(index=f"{self.prefix}-*")
        self.node.indices.forcemerge(index=f"{self.prefix}-*", max_num_segments=1, request_timeout=300)

    def _bulk(self, body: bytes) -> None:
        assert not self.node.bulk(body=body, filter_path="errors")["errors"]


@contextmanager
def filled(url: str, count: int, *, matches: int, near_misses: int) -> Iterator[Estate]:
    """Give an estate, and delete it afterwards."""
    logs.configure("console", "warning", ())
    prefix = f"bench-{uuid.uuid4().hex[:8]}"
    with Elasticsearch(url, request_timeout=120, serializers={Serializer.mimetype: Serializer()}) as node:
        estate = Estate(node, url, prefix, datetime.now(UTC), count, matches)
        try:
            estate.fill(near_misses)
            estate.engine().close()  # which makes the indices of alerts and states
            yield estate
        finally:
            for name in node.indices.get(index=f"{prefix}*", features="aliases").body:
                node.indices.delete(index=name)
            for template in node.indices.get_index_template()["index_templates"]:
                if template["name"].startswith(prefix):
                    node.indices.delete_index_template(name=template["name"])
            for template in node.cluster.get_component_template()["component_templates"]:
                if template["name"].startswith(prefix):
                    node.cluster.delete_component_template(name=template["name"])


@contextmanager
def requests() -> Iterator[list[str]]:
    """Give the list of all requests sent meanwhile, each as method and path."""
    sent: list[str] = []

    class Noting(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            sent.append(record.getMessage().partition(" [")[0])

    log, handler = logging.getLogger("elastic_transport.transport"), Noting()
    level, propagate = log.level, log.propagate
    log.setLevel(logging.INFO)
    log.propagate = False
    log.addHandler(handler)
    try:
        yield sent
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
        log.propagate = propagate


def with_own_command_line(arrival: Arrival) -> Mapping[str, Any]:
    """Return the event's source; of the ordinary ones, some get a command line of their own."""
    source = arrival.event.source
    number = int(arrival.event.id.rpartition("-")[2])
    if arrival.kind != "noise" or number % OWN_COMMAND_LINE:
        return source
    process = source["process"]
    argument = f"--config=/srv/{number * 2_654_435_761 % 2**32:08x}.conf"
    own = {"args": [*process["args"], argument], "command_line": f"{process['command_line']} {argument}"}
    return {**source, "process": {**process, **own}}


def _lines(prefix: str, arrival: Arrival) -> bytes:
    """Return the lines of a bulk for one event."""
    action = {"create": {"_index": f"{prefix}-{arrival.event.index}", "_id": arrival.event.id}}
    return orjson.dumps(action) + b"\n" + orjson.dumps(with_own_command_line(arrival)) + b"\n"
