"""The law of the prefilter, on a real node: what the matcher says True of, the search keeps.

Some hundred events are indexed once; then each generated query is searched for in both of its forms, and its answers are
compared with the matcher's. Where the prefilter says that it is exact the answers must be the same.
"""

import json
import random
import uuid
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import pytest
from elasticsearch import Elasticsearch
from hypothesis import HealthCheck, assume, given, note, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from runner.elastic.capabilities import Capabilities
from runner.elastic.dsl_search import DslSearch
from runner.errors import QueryError
from runner.execution.matching import over
from runner.execution.model import EventSource
from runner.offline.memory import MemorySource, StoredEvent
from runner.query import FieldType, FieldTypes, compile, search
from runner.query.indexed import consulted
from runner.query.prefilter import prefilter
from runner.rules.model import Rule
from runner.schedule.windows import Window
from tests.contracts.conftest import live_client
from tests.made import rule

pytestmark = pytest.mark.live

IGNORE_ABOVE = 256
LONG = "x" * 300
DAY = Window(datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 2, tzinfo=UTC))

# Letters of which Python's and Unicode's foldings say what the index does not: it folds ASCII alone.
LETTERS = [*"\u0131İßẞ\u017f\u212aéÉ\u03c3ςΣ😀", "日本", "e\u0301"]
NAMES = ["cmd.exe", "CMD.EXE", "Cmd.Exe", "cmd", "", "a", "A", "k", "K", "s", "S", "i", "I", "ss", "a*b", "a?b", "a\\b"]
PATHS = [
    "C:\\Windows\\cmd.exe",
    "c:\\windows\\CMD.exe",
    "/usr/bin/sh",
    "/tmp/a b",
    "tab\tnew\nline",
    "\\",
    "*",
    "true",
    "5",
]
TEXTS = [*NAMES, *PATHS, *LETTERS, LONG, LONG.upper(), f"{LONG}cmd.exe", "y" * IGNORE_ABOVE]
NUMBERS = [-(2**63), -129, -1, 0, 1, 5, 127, 128, 255, 70000, 2**31, 2**53 + 1, 2**63 - 1]
DECIMALS = [-1.5, 0.0, 0.1, 0.10000000001, 0.3, 5.0, 5.5, 1e10, 16777217.0]
DATES = [
    "2024-05-01T00:00:00.000Z",
    "2024-05-01T00:00:00.123Z",
    "2024-05-01T00:00:00.123456Z",
    "2024-05-01T23:59:59.999999999Z",
    "2024-05-02",
    "2024-05-01T10:00:00+05:00",
    "1999-12-31T23:59:59Z",
]
ADDRESSES = ["10.0.0.1", "10.0.0.255", "192.168.1.1", "::1", "2001:db8::1", "::ffff:10.0.0.1"]

KEYWORD: dict[str, Any] = {"type": "keyword", "ignore_above": IGNORE_ABOVE}
SHARED: dict[str, Any] = {
    "@timestamp": {"type": "date"},
    "event": {"properties": {"category": KEYWORD}},
    "name": KEYWORD,
    "process": {"properties": {"args": KEYWORD, "line": KEYWORD, "pid": {"type": "long"}}},
    "title": {"type": "text", "fields": {"keyword": KEYWORD}},
    "message": {"type": "text"},
    "stored": {"type": "keyword", "index": False},
    "hidden": {"type": "keyword", "index": False, "doc_values": False},
    "short": {"type": "short"},
    "ratio": {"type": "double"},
    "score": {"type": "float"},
    "half": {"type": "half_float"},
    "signed": {"type": "boolean"},
    "seen": {"type": "date"},
    "exact": {"type": "date_nanos"},
    "ip": {"type": "ip"},
    "labels": {"type": "flattened", "ignore_above": IGNORE_ABOVE},
    "inner": {"type": "nested", "properties": {"name": KEYWORD}},
}
MAPPINGS: dict[str, dict[str, Any]] = {
    "one": {**SHARED, "mixed": KEYWORD, "some": KEYWORD, "sizes": {"type": "integer"}, "wide": {"type": "long"}},
    "two": {**SHARED, "mixed": {"type": "long"}, "sizes": {"type": "long"}, "wide": {"type": "double"}},
}
FIELDS = [
    *("@timestamp", "event.category", "name", "process.args", "process.line", "process.pid", "title", "title.keyword"),
    *("message", "stored", "hidden", "short", "ratio", "score", "half", "signed", "seen", "exact", "ip"),
    *("labels.env", "labels.deep.down", "inner.name", "mixed", "some", "sizes", "wide", "absent"),
]

VALUES: dict[str, Sequence[Any]] = {
    "event.category": ["process", "file", "Process"],
    **dict.fromkeys(["name", "process.args", "process.line", "title", "message", "stored", "hidden", "some"], TEXTS),
    **dict.fromkeys(["labels.env", "labels.deep.down", "inner.name"], TEXTS),
    "process.pid": NUMBERS,
    "short": [number for number in NUMBERS if abs(number) < 2**15],
    "sizes": [number for number in NUMBERS if abs(number) < 2**31],
    "wide": [0, 1, 5, 70000],
    "ratio": DECIMALS,
    "score": DECIMALS,
    "half": [decimal for decimal in DECIMALS if abs(decimal) < 1000],
    "signed": [True, False],
    "seen": DATES,
    "exact": DATES,
    "ip": ADDRESSES,
    "mixed": ["5", "70000"],
}


def made_events(count: int) -> Iterator[tuple[str, dict[str, Any]]]:
    """Yield events and the index each goes to: fields missing, with one value or several, written dotted or nested."""
    chance = random.Random(20240501)
    for number in range(count):
        kept = [path for path in VALUES if chance.random() < 0.6]
        index = chance.choice(["one", "two"])
        event: dict[str, Any] = {"@timestamp": f"2024-05-01T{number // 60:02}:{number % 60:02}:00.000Z"}
        for path in kept:
            if path == "some" and index == "two":
                continue
            _put(event, path, _made_value(chance, VALUES[path]), dotted=chance.random() < 0.3)
        yield index, event


def _made_value(chance: random.Random, pool: Sequence[Any]) -> Any:
    kind = chance.random()
    if kind < 0.7:
        return chance.choice(pool)
    if kind < 0.9:
        return chance.choices(pool, k=chance.randint(2, 4))
    return chance.choice([None, [], [None], [chance.choice(pool)], [None, chance.choice(pool)]])


def _put(event: dict[str, Any], path: str, value: Any, *, dotted: bool) -> None:
    first, _, rest = path.partition(".")
    if not rest or dotted:
        event[path] = value
    else:
        _put(event.setdefault(first, {}), rest, value, dotted=False)


# Queries, as text.


def quoted(text: str) -> str:
    """Return the text as a string of EQL."""
    escapes = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t"}
    return '"' + "".join(escapes.get(letter, letter) for letter in text) + '"'


TEXT_FIELDS = ["name", "process.args", "process.line", "title", "title.keyword", "message", "stored", "hidden", "some"]
TEXT_FIELDS += ["labels.env", "labels.deep.down", "inner.name", "absent", "mixed"]
PIECES = [
    "*",
    "**",
    "?",
    "cmd",
    "CMD",
    ".exe",
    "c:\\",
    "Windows",
    "\\",
    "/usr",
    "x",
    "a",
    "k",
    "s",
    "i",
    "é",
    "ß",
    "日",
]
EXPRESSIONS = [
    *("cmd.*", "CMD\\\\.exe", ".*exe", "[a-z]+", "(cmd|CMD).*", "x+", "x{300}", "c:\\\\\\\\windows.*", "/(usr|tmp)/.+"),
    *("@", "~(cmd.*)", ".*&.+", '"a*b"', ".", "..", "[^a]*", "<1-9>", ".*(a|b).{40}", "(x?){40}x*", "k", "é|É"),
]
OPERATORS = ["==", "!=", "<", "<=", ">", ">="]

text_fields = st.sampled_from(TEXT_FIELDS)
texts = st.sampled_from(TEXTS) | st.text(alphabet="aAkKsSiIxX.*?\\é", max_size=4)
patterns = st.lists(st.sampled_from(PIECES), min_size=1, max_size=5).map("".join) | texts


def some(values: SearchStrategy[str]) -> SearchStrategy[str]:
    """Make a list in parentheses."""
    return st.lists(values, min_size=1, max_size=4).map(lambda found: f"({', '.join(found)})")


def compared(fields: list[str], values: SearchStrategy[str], operators: list[str]) -> SearchStrategy[str]:
    orders = st.builds("{} {} {}".format, st.sampled_from(fields), st.sampled_from(operators), values)
    lists = st.builds("{} {} {}".format, st.sampled_from(fields), st.sampled_from(["in", "not in"]), some(values))
    return orders | lists


strings = texts.map(quoted)
conditions = (
    compared([*TEXT_FIELDS, "event.category"], strings, OPERATORS)
    | st.builds("{} {} {}".format, text_fields, st.sampled_from([":", "like", "like~"]), some(patterns.map(quoted)))
    | st.builds("{} in~ {}".format, text_fields, some(strings))
    | st.builds('{} {} "{}"'.format, text_fields, st.sampled_from(["regex", "regex~"]), st.sampled_from(EXPRESSIONS))
    | st.builds(
        "{}({}, {})".format,
        st.sampled_from(["startsWith", "startsWith~", "endsWith", "endsWith~", "stringContains", "stringContains~"]),
        text_fields,
        strings,
    )
    | st.builds("{} {} null".format, st.sampled_from(FIELDS), st.sampled_from(["==", "!="]))
    | compared(
        ["process.pid", "short", "sizes", "wide"], st.sampled_from([*NUMBERS, 5.5, -0.5, 1e20]).map(str), OPERATORS
    )
    | compared(["ratio", "score", "half", "wide"], st.sampled_from([*DECIMALS, 1, 5]).map(str), OPERATORS)
    | compared(["seen", "exact"], st.sampled_from([*DATES, "1960-01-01", "2024-05"]).map(quoted), OPERATORS)
    | compared(["ip"], st.sampled_from([*ADDRESSES, "10.0.0.0/24"]).map(quoted), ["==", "!="])
    | st.builds(
        "cidrMatch(ip, {}, {})".format, *[st.sampled_from(['"10.0.0.0/8"', '"::1/128"', '"2001:db8::/32"'])] * 2
    )
    | st.sampled_from(["signed", "signed == true", "signed == false", "signed != true", "true", "false"])
    | st.builds("length({}) {} {}".format, text_fields, st.sampled_from(OPERATORS), st.integers(0, 8).map(str))
    | st.builds("substring({}, 1) == {}".format, text_fields, strings)
    | st.builds("indexOf({}, {}) {} null".format, text_fields, strings, st.sampled_from(["==", "!="]))
    | st.builds("concat({}, {}) == {}".format, text_fields, text_fields, strings)
    | st.builds("string(process.pid) : {}".format, patterns.map(quoted))
    | st.builds("process.pid + short {} {}".format, st.sampled_from(OPERATORS), st.integers(-5, 300).map(str))
    | st.sampled_from(["name == title.keyword", "name != process.line", "process.pid > short"])
)
trees = st.recursive(
    conditions,
    lambda inner: (
        inner.map("not ({})".format)
        | st.builds("({}) and ({})".format, inner, inner)
        | st.builds("({}) or ({})".format, inner, inner)
        | st.builds("(({}) == {})".format, inner, st.sampled_from(["true", "false"]))
    ),
    max_leaves=6,
)
queries = st.builds("{} where {}".format, st.sampled_from(["any", "process", "file"]), trees)
stages = st.builds("[any where {}]".format, conditions)
keys = st.sampled_from(["event.category", "?event.category", "signed", "?signed", "event.category, ?name", "?absent"])
joined = (
    st.builds("sequence by {} {} {}".format, keys, stages, stages)
    | st.builds("sequence by {} {} {} until {}".format, keys, stages, stages, stages)
    | st.builds("sequence by {} with maxspan=1h {} !{}".format, keys, stages, stages)
    | st.builds("sample by {} {} {}".format, keys, stages, stages)
)


class Indexed:
    """The events on the node."""

    def __init__(self, node: Elasticsearch, indices: str, types: FieldTypes, events: dict[str, dict[str, Any]]) -> None:
        self.node = node
        self.indices = indices
        self.types = types
        self.events = events

    def found(self, query: Mapping[str, Any]) -> set[str]:
        """Return the ids of what a search finds. Raises what the node answers to a query that it refuses."""
        answer = self.node.search(index=self.indices, query=dict(query), size=len(self.events), source=False)
        assert answer["_shards"]["failed"] == 0
        return {hit["_id"] for hit in answer["hits"]["hits"]}


@pytest.fixture(scope="module")
def indexed(node: Elasticsearch) -> Iterator[Indexed]:
    prefix = f"t-{uuid.uuid4().hex[:12]}"
    for name, properties in MAPPINGS.items():
        node.indices.create(
            index=f"{prefix}-{name}",
            settings={"number_of_shards": 1, "number_of_replicas": 0},
            mappings={"dynamic": False, "properties": properties},
        )
    events, lines = {}, []
    for number, (name, event) in enumerate(made_events(400)):
        events[str(number)] = event
        lines += [{"index": {"_index": f"{prefix}-{name}", "_id": str(number)}}, event]
    answer = node.bulk(operations=lines, refresh=True)
    assert not answer["errors"], json.dumps(answer.body)[:2000]
    indices = f"{prefix}-one,{prefix}-two"
    yield Indexed(node, indices, field_types(node, indices), events)
    node.indices.delete(index=indices)


def field_types(node: Elasticsearch, indices: str) -> FieldTypes:
    answer = node.field_caps(index=indices, fields=sorted(consulted(FIELDS)), include_unmapped=True)
    return {
        path: FieldType(
            frozenset(each["type"] for each in kinds.values()) - {"unmapped"},
            "unmapped" not in kinds,
            all(each["searchable"] for each in kinds.values() if each["type"] != "unmapped"),
            all(each["aggregatable"] for each in kinds.values() if each["type"] != "unmapped"),
        )
        for path, kinds in answer["fields"].items()
    }


def matched_by(indexed: Indexed, text: str) -> set[str]:
    program = compile(text, field_types=indexed.types)
    return {number for number, event in indexed.events.items() if program.matches(event)}


@settings(max_examples=600, deadline=None, suppress_health_check=list(HealthCheck))
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


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
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


def alerted(searched: Rule, source: EventSource) -> set[tuple[str | None, ...]]:
    """Return the ids of the events of each match."""
    with over(searched, DAY, source.search(searched, DAY)) as steps:
        return {tuple(hit.id if hit else None for hit in match.hits) for _, matches in steps for match in matches}


@settings(max_examples=100, deadline=None, suppress_health_check=list(HealthCheck))
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
