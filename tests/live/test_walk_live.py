"""The whole walk over a real node is the walk over memory: the same alerts, absorbed matches and coverage, run after run."""

import random
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import Any

import orjson
import pytest
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st

from runner.elastic.alert_index import AlertIndex
from runner.elastic.capabilities import Capabilities
from runner.elastic.client import Client
from runner.elastic.dsl_search import DslSearch
from runner.elastic.setup import Names, install
from runner.elastic.state_index import StateIndex
from runner.elastic.suppressed_index import SuppressingSink
from runner.errors import QueryError
from runner.execution.executor import Executor
from runner.execution.model import Execution
from runner.execution.seams import Ledger
from runner.offline.memory import MemoryLedger, MemorySink, MemorySource, StoredEvent
from runner.query import compile
from runner.query.entries import Entry, EntryType, Exclusion
from runner.rules.exceptions import ExceptionItem
from runner.rules.model import Rule, Suppression
from tests.conftest import own_names
from tests.contracts.conftest import live_client
from tests.live.indexed_events import put
from tests.made import iso, minute, rule

pytestmark = pytest.mark.live

RUNS = (0, 3, 5, 15)
"""The minutes of a rule's runs; events come in before any of them."""

KEYWORD = {"type": "keyword", "ignore_above": 256}
BOTH: dict[str, Any] = {
    "made": KEYWORD,
    "event": {"properties": {"category": KEYWORD}},
    "host": {"properties": {"name": KEYWORD}},
    "ingested": {"type": "date"},
    "on": {"type": "boolean"},
    "pid": {"type": "long"},
    "place": {"type": "ip"},
    "process": {"properties": {"args": KEYWORD, "name": KEYWORD}},
    "score": {"type": "float"},
    "seen": {"type": "date"},
    "tie": {"type": "long"},
    "title": {"type": "text", "fields": {"keyword": KEYWORD}},
    "told": {"type": "flattened"},
    "user": {"properties": {"id": KEYWORD, "name": KEYWORD}},
}
MAPPINGS: dict[str, dict[str, Any]] = {
    "one": {**BOTH, "@timestamp": {"type": "date"}, "mixed": KEYWORD, "some": KEYWORD},
    "two": {**BOTH, "@timestamp": {"type": "date_nanos"}, "mixed": {"type": "long"}},
}
VALUES: dict[str, list[Any]] = {
    "event.category": ["process", "file"],
    "host.name": ["h1", "h2", ["h1", "h2"], "z" * 300],
    "mixed": ["5", "7"],
    "on": [True, False],
    "pid": [1, 2, [1, 2]],
    "place": ["10.0.0.1", "::1"],
    "process.args": ["x", "y", ["x", "y"]],
    "process.name": ["a", "b", "evil", "evil", "EVIL"],
    "score": [0.1, 2.5],
    "seen": ["2026-01-01T00:00:00.000Z", "2026-01-02T00:00:00.000Z"],
    "some": ["s1", "s2"],
    "title": ["t one", "t two"],
    "told.env": ["prod", "dev", 5],
    "user.id": ["i1", "i2"],
    "user.name": ["u1", "u2"],
}


@dataclass(frozen=True)
class Sent:
    """An event, the index that it goes to, and before which run it comes in."""

    index: str
    id: str
    source: Mapping[str, Any]
    before: int


def sent_events(seed: int, made: str) -> Iterator[Sent]:
    """Yield some events at different times: fields missing, with several values, nested and dotted; some come late."""
    chance = random.Random(seed)
    count = chance.randint(20, 40)
    for number, second in enumerate(chance.sample(range(-9 * 60, 14 * 60), count)):
        index = chance.choice(["one", "one", "two"])
        source: dict[str, Any] = {"made": made, "@timestamp": iso(minute(second / 60))}
        for path, pool in VALUES.items():
            if chance.random() < 0.7 and not (path == "some" and index == "two"):
                value = chance.choice(pool)
                odd = chance.random() < 0.1
                put(source, path, chance.choice([None, [], [value]]) if odd else value, dotted=chance.random() < 0.3)
        if chance.random() < 0.6:
            late = timedelta(seconds=chance.choice([1, 30, 200, 600]), milliseconds=number)
            source["ingested"] = iso(minute(second / 60) + late)
        if number == 0 and chance.random() < 0.5:
            source["@timestamp"] = None  # of several the order would be anybody's
        if chance.random() < 0.7:
            source["tie"] = number
        yield Sent(index, f"{made} {number}", source, chance.choice([0, 0, 0, 1, 2, 3]))


CONDITIONS = st.sampled_from(
    [
        *("true", "process.name != null", 'process.name == "evil"', 'process.name : "e*"', "length(process.name) == 4"),
        *('not process.name == "a"', "pid == 1", "pid + 1 == 2", 'title == "t one"', 'title.keyword : "T*"'),
        *('told.env == "prod"', 'host.name == "h1"', "length(host.name) > 0", 'place == "::1"', "on", "score > 0.1"),
        *('mixed == "5"', 'process.args == "x" and process.args == "y"', 'some == "s1" or length(title) > 3'),
    ]
)
STAGES = CONDITIONS.map("[any where {}]".format)
FIELDS = [*VALUES, "title.keyword", "nowhere"]
KEYS = st.sampled_from([path for path in FIELDS if path not in {"title", "mixed", "nowhere", "score"}])
QUERIES = (
    st.builds("{} where {}".format, st.sampled_from(["any", "any", "process"]), CONDITIONS)
    | st.builds("any where {} and {}".format, CONDITIONS, CONDITIONS)
    | st.builds("any where {} | {} {}".format, CONDITIONS, st.sampled_from(["head", "tail"]), st.integers(1, 4))
    | st.builds("sequence by {} with maxspan=5m {} {}".format, KEYS, STAGES, STAGES)
    | st.builds("sequence by ?{} with maxspan=2m {} {} until {}".format, KEYS, STAGES, STAGES, STAGES)
    | st.builds("sequence by {} with maxspan=5m {} !{}".format, KEYS, STAGES, STAGES)
    | st.builds("sequence with maxspan=5m {} {} | head 3".format, STAGES, STAGES)
    | st.builds("sample by {} {} {}".format, KEYS, STAGES, STAGES)
)
SUPPRESSIONS = st.builds(
    Suppression,
    st.lists(st.sampled_from(FIELDS), min_size=1, max_size=2, unique=True).map(tuple),
    st.sampled_from([None, timedelta(minutes=3), timedelta(hours=1)]),
    st.booleans(),
)
ENTRIES = st.builds(
    Entry,
    st.sampled_from(["user.name", "user.id", "process.args"]),
    st.sampled_from([EntryType.MATCH, EntryType.MATCH_ANY]),
    st.sampled_from([("u1",), ("i1",), ("x",)]),
    st.booleans(),
)
EXCEPTIONS = ENTRIES.map(lambda entry: (ExceptionItem(Exclusion("x", (entry,)), "Made", "made"),))
RULES = st.fixed_dictionaries(
    {
        "suppression": st.none() | SUPPRESSIONS,
        "exceptions": st.just(()) | EXCEPTIONS,
        "timestamp_override": st.sampled_from([None, "ingested"]),
        "timestamp_override_fallback": st.booleans(),
        "tiebreaker_field": st.sampled_from([None, "tie"]),
        "max_signals": st.integers(2, 6),
    }
)


@dataclass(frozen=True)
class World:
    """A node with indices of events, and ours."""

    node: Elasticsearch
    client: Client
    prefix: str
    names: Names

    def send(self, events: list[Sent]) -> None:
        lines = [
            part
            for one in events
            for part in ({"create": {"_index": f"{self.prefix}-{one.index}", "_id": one.id}}, one.source)
        ]
        assert not lines or not self.node.bulk(operations=lines, refresh=True)["errors"]

    def stored(self, index: str, **term: str) -> dict[str, Mapping[str, Any]]:
        self.node.indices.refresh(index=index)
        found = self.node.search(index=index, query={"term": term}, size=1000)["hits"]["hits"]
        assert len({hit["_id"] for hit in found}) == len(found)
        return {hit["_id"]: hit["_source"] for hit in found}


@pytest.fixture(scope="module")
def world(node: Elasticsearch, elasticsearch_url: str) -> Iterator[World]:
    with own_names(node) as prefix:
        for name, properties in MAPPINGS.items():
            mappings = {"dynamic": False, "properties": properties}
            node.indices.create(index=f"{prefix}-{name}", mappings=mappings, settings={"number_of_replicas": 0})
        client = live_client(elasticsearch_url)
        names = Names(f"{prefix}-alerts", f"{prefix}-executions", f"{prefix}-state", suppressed=f"{prefix}-suppressed")
        install(client, names)
        yield World(node, client, prefix, names)
        client.close()


made_rules = iter(range(1_000_000))


@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(
    seed=st.integers(0, 10**9),
    text=QUERIES,
    fields=RULES,
    page_size=st.sampled_from([3, 7, 1000]),
    dear_above=st.sampled_from([0, 5000]),
    rolled_before=st.sampled_from([None, *range(len(RUNS))]),
)
def test_a_rule_alerts_over_a_node_as_over_memory(
    world: World,
    seed: int,
    text: str,
    fields: dict[str, Any],
    page_size: int,
    dear_above: int,
    rolled_before: int | None,
) -> None:
    note(text)
    made = f"rule-{next(made_rules)}"
    searched = made_rule(text, made, world.prefix, **fields)
    capabilities, names = Capabilities(world.client), world.names
    try:
        typed = replace(searched, program=searched.program.typed(capabilities.landscape(searched).types))
    except QueryError:
        assume(False)  # a type that does not fit: no such query runs
    memory, sink, memory_ledger = MemorySource(page_size=page_size), MemorySink(), MemoryLedger()
    in_memory = Executor(memory, sink, memory_ledger)
    alerts = AlertIndex(world.client, names.alerts)
    ledger = StateIndex(world.client, names.state, names.executions)
    on_node = Executor(
        DslSearch(world.client, capabilities, page_size=page_size, dear_above=dear_above),
        SuppressingSink(world.client, alerts, alias=names.alerts, suppressed=names.suppressed),
        ledger,
    )
    events = list(sent_events(seed, made))
    for number, at in enumerate(RUNS):
        note(f"run {number}")
        arrived = [one for one in events if one.before == number]
        world.send(arrived)
        memory.add(StoredEvent(f"{world.prefix}-{one.index}", one.id, one.source) for one in arrived)
        if number == rolled_before:
            world.node.indices.rollover(alias=names.alerts)
        assert told(on_node.run(searched, minute(at))) == told(in_memory.run(typed, minute(at)))
    written = world.stored(names.alerts, **{"kibana.alert.rule.uuid": made})
    assert {key: found_by_any(each) for key, each in written.items()} == {
        alert.id: found_by_any(orjson.loads(orjson.dumps(alert.document))) for alert in sink.alerts
    }
    absorbed = world.stored(names.suppressed, rule_id=made)
    assert {key: each["alert_id"] for key, each in absorbed.items()} == {one.id: one.alert_id for one in sink.absorbed}
    assert known(ledger, searched) == known(memory_ledger, searched)


def made_rule(text: str, rule_id: str, prefix: str, *, tiebreaker_field: str | None, **fields: Any) -> Rule:
    return rule(
        text,
        rule_id=rule_id,
        program=compile(text, tiebreaker_field=tiebreaker_field),
        index=(f"{prefix}-one", f"{prefix}-two"),
        filters=({"meta": {}, "query": {"term": {"made": rule_id}}},),
        tiebreaker_field=tiebreaker_field,
        **fields,
    )


def told(executions: tuple[Execution, ...]) -> list[tuple[Any, ...]]:
    return [
        (one.run_type, one.window, one.verdict, one.created, one.suppressed, one.rejected, one.failure)
        for one in executions
    ]


def found_by_any(alert: Mapping[str, Any]) -> dict[str, Any]:
    """Return an alert without what names the execution that has found it."""
    return {key: value for key, value in alert.items() if key != "kibana.alert.rule.execution.uuid"}


def known(ledger: Ledger, of: Rule) -> tuple[Any, ...]:
    """Return what is proven; how many matches wait is told as far as they were counted."""
    coverage = ledger.read(of).coverage
    cuts = [(cut.window, cut.after) for cut in coverage.backlog]
    return coverage.since, coverage.covered, cuts, coverage.gaps
