"""Fields that an index has otherwise than a source does: what the search decides and what is decided here is the same.

Each condition is asked in three ways: so that the search alone decides, so that the matcher does, and in a sequence.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from runner.elastic.capabilities import Capabilities
from runner.elastic.client import Client
from runner.elastic.dsl_search import DslSearch
from runner.execution import matching
from runner.schedule.windows import Window
from tests.contracts.conftest import live_client
from tests.made import iso, minute, rule

pytestmark = pytest.mark.live

HOUR = Window(minute(0), minute(60))
KEYWORD = {"type": "keyword"}
LONG = {"type": "long"}
EPOCH = 1767268800  # 2026-01-01T12:00:00Z, in seconds
SECONDS = {"type": "date", "format": "epoch_second"}
GERMAN = {"type": "date", "format": "dd.MM.yyyy"}


def emitting(kind: str, value: str) -> dict[str, Any]:
    return {"type": kind, "script": f"emit({value})"}


@dataclass(frozen=True)
class Row:
    """Mappings and documents, both by index; conditions, each with the numbers of the documents that it is true of."""

    says: str
    mappings: Mapping[str, Mapping[str, Any]]
    documents: Sequence[tuple[str, Mapping[str, Any]]]
    found: Mapping[str, Sequence[int]]


def one(says: str, properties: Mapping[str, Any], *documents: Mapping[str, Any], found: Mapping[str, Any]) -> Row:
    """A row of one index."""
    return Row(says, {"a": {"properties": properties}}, [("a", each) for each in documents], found)


ROWS = [
    one(
        "copied values stand beside a field's own",
        {
            "pid": {**LONG, "copy_to": "pids"},
            "pids": LONG,
            "ip": {"type": "ip", "copy_to": "ips"},
            "ips": {"type": "ip"},
        },
        {"pid": 1, "pids": 2, "ip": "10.0.0.1", "ips": "11.0.0.1"},
        found={
            "pids == 1": [0],
            "pids == 2": [0],
            "pids + 1 == 2": [0],
            'cidrMatch(ips, "10.0.0.0/8")': [0],
            'string(ips) == "10.0.0.1"': [0],
        },
    ),
    Row(
        "a source without some of its fields",
        {"a": {"_source": {"excludes": ["pid", "seen"]}, "properties": {"pid": LONG, "seen": {"type": "date"}}}},
        [("a", {"pid": 5, "seen": "2026-01-01T12:00:00Z"})],
        {"pid == 5": [0], "pid + 1 == 6": [0], 'seen < "2026-02"': [0], "pid == null": []},
    ),
    Row(
        "a runtime field in the place of a source's",
        {"a": {"runtime": {"pid": emitting("long", "7"), "on": emitting("boolean", "true")}}},
        [("a", {"pid": 5, "on": False}), ("a", {})],
        {"pid == 7": [0, 1], "pid + 1 == 8": [0, 1], "pid == 5": [], "pid + 1 == 6": [], "on": [0, 1], "not on": []},
    ),
    one(
        "dates of any format",
        {"seconds": SECONDS, "day": GERMAN, "also": {"type": "alias", "path": "seconds"}},
        {"seconds": EPOCH, "day": "31.12.2025"},
        {"seconds": str(EPOCH), "day": ["01.01.2024", "31.12.2026"]},
        {},
        found={
            'seconds > "2026-01-01T11:00:00Z"': [0, 1],
            'seconds > "2026-01"': [],
            'seconds < "2026-01"': [],
            'also == "2026-01"': [0, 1],
            'day < "2025"': [1],
            'day == "2025-12-31"': [0],
            "day == null": [2],
            'startsWith(string(seconds), "2026-01-01T12:00Z")': [0, 1],
        },
    ),
    Row(
        "an object in one index, a value in another",
        {"a": {"properties": {"host": KEYWORD}}, "b": {"properties": {"host": {"properties": {"name": KEYWORD}}}}},
        [("a", {"host": "web"}), ("b", {"host": {"name": "web"}}), ("b", {"host.name": "db"})],
        {
            'host.name == "web"': [1],
            'not host.name == "web"': [0, 2],
            "length(host.name) == 3": [1],
            "host.name == null": [0],
            "host.name != null": [1, 2],
        },
    ),
    Row(
        "names of fields that are no multi-fields",
        {
            "a": {"subobjects": False, "properties": {"host": KEYWORD, "host.name": KEYWORD}},
            "b": {"properties": {"attributes": {"type": "passthrough", "priority": 10, "dynamic": True}}},
            "c": {"properties": {"host": KEYWORD}},
        },
        [
            ("a", {"host": "db", "host.name": "web"}),
            ("a", {"host": "web"}),
            ("b", {"attributes": {"host": "db", "host.name": "web"}}),
            ("c", {"host": "web"}),
        ],
        {
            'host.name == "web"': [0, 2],
            'host == "db" and length(host.name) == 3': [0, 2],
            'not host.name == "web"': [1, 3],
            "host.name == null": [1, 3],
        },
    ),
    one(
        "multi-fields with values of their own",
        {
            "name": {**KEYWORD, "fields": {"caseless": {**KEYWORD, "normalizer": "lowercase"}}},
            "size": {**KEYWORD, "fields": {"number": {**LONG, "ignore_malformed": True}}},
            "title": {"type": "text", "fields": {"raw": {**KEYWORD, "ignore_above": 256}, "words": {"type": "text"}}},
        },
        {"name": "CMD.exe", "size": "05", "title": "Ab"},
        {"size": "many", "title": ["x", "y" * 300]},
        {},
        found={
            'name.caseless == "cmd.exe"': [0],
            'name.caseless like "cmd*"': [0],
            "name.caseless == null": [1, 2],
            "size.number == 5": [0],
            "size.number + 1 == 6": [0],
            'title.raw == "Ab"': [0],
            'title.raw == "x" or length(title.raw) == 300': [1],
            "title.words == null": [2],
        },
    ),
    Row(
        "a field that another index does not map",
        {"a": {"properties": {"pid": LONG, "name": KEYWORD}}, "b": {"dynamic": False}},
        [("a", {"pid": 5, "name": "x"}), ("b", {"pid": 5, "name": "x"})],
        {"pid == 5": [0], "not pid == 5": [1], "not pid + 1 == 6": [1], "length(name) == 1": [0], "name == null": [1]},
    ),
    one(
        "numbers, booleans and addresses as they are spelled",
        {"pid": LONG, "ratio": {"type": "double"}, "on": {"type": "boolean"}, "ip": {"type": "ip"}},
        {"pid": "5", "ratio": "0.1", "on": "true", "ip": "::ffff:10.0.0.1"},
        {"pid": [5.9, "7"], "ratio": 1, "on": "", "ip": ["0:0:0:0:0:0:0:1", "10.0.0.2"]},
        {"pid": [], "ratio": None, "on": [None], "ip": [[]]},
        found={
            "pid == 5": [0, 1],
            "pid * 2 == 14": [1],
            "ratio == 0.1": [0],
            "ratio >= 1": [1],
            "on": [0],
            "on == false": [1],
            'ip == "10.0.0.1"': [0],
            'ip == "::1"': [1],
            'string(ip) == "10.0.0.1"': [0],
            "pid == null and ratio == null and on == null and ip == null": [2],
        },
    ),
    one(
        "a value in the place of none",
        {"pid": {**LONG, "null_value": 0}, "name": {**KEYWORD, "null_value": "NONE"}},
        {"pid": None, "name": None},
        {"pid": 5, "name": "x"},
        {},
        found={
            "pid == 0": [0],
            "pid + 1 == 1": [0],
            'name == "NONE"': [0],
            "length(name) == 4": [0],
            "name == null": [2],
        },
    ),
    one(
        "values that the index has ignored",
        {"pid": {**LONG, "ignore_malformed": True}, "name": {**KEYWORD, "ignore_above": 256}},
        {"pid": "many", "name": ["x", "y" * 300]},
        {"pid": 5, "name": "x"},
        found={"pid == 5": [1], "not pid == 5": [0], "length(name) == 300": [0], "length(name) == 1": [0, 1]},
    ),
    one(
        "objects in arrays, and dotted keys",
        {"files": {"properties": {"size": LONG, "kind": KEYWORD}}},
        {"files": [{"size": 1, "kind": "a"}, {"size": 2}, None]},
        {"files.size": [3], "files": {"kind": "b"}},
        {"files": [], "files.kind": None},
        found={
            "files.size == 2": [0],
            "files.size + 1 == 4": [1],
            'files.size * 2 == 4 and files.kind == "a"': [0],
            "files.size == null": [2],
            "files.kind != null": [0, 1],
        },
    ),
    one(
        "more keywords than an index lets be read from columns",
        {},
        {f"f{number:03}": "x" for number in range(150)},
        {f"f{number:03}": "x" for number in range(149)},
        found={" and ".join(f"length(f{number:03}) == 1" for number in range(150)): [0]},
    ),
]

STRINGS_ARE_KEYWORDS = [{"strings": {"match_mapping_type": "string", "mapping": KEYWORD}}]
CLOCK = {"@timestamp": {"type": "date"}, "place": KEYWORD, "number": KEYWORD}


def indexed(node: Elasticsearch, prefix: str, row: Row) -> None:
    """Index each document, and a minute later one in the same place that a sequence can end with."""
    for name, mapping in row.mappings.items():
        properties = {**mapping.get("properties", {}), **CLOCK}
        settings = {"number_of_replicas": 0, "number_of_shards": 1}
        mappings = {"dynamic_templates": STRINGS_ARE_KEYWORDS, **mapping, "properties": properties}
        node.indices.create(index=f"{prefix}-{name}", mappings=mappings, settings=settings)
    lines: list[Any] = []
    for number, (name, document) in enumerate(row.documents):
        first = {"@timestamp": iso(minute(number)), "number": str(number), "place": "first", **document}
        last = {"@timestamp": iso(minute(number + 0.5)), "number": str(number), "place": "last"}
        for part, each in (("first", first), ("last", last)):
            lines += [{"create": {"_index": f"{prefix}-{name}", "_id": f"{number} {part}"}}, each]
    answer = node.bulk(operations=lines, refresh=True)
    assert not answer["errors"], answer


def found_by(client: Client, prefix: str, query: str) -> list[int]:
    of = rule(query, index=(f"{prefix}-*",))
    source = DslSearch(client, Capabilities(client, kept=timedelta(0)))
    with matching.over(of, HOUR, source.search(of, HOUR)) as steps:
        pages, found = zip(*steps, strict=True)
    assert not [fault for page in pages for fault in page.faults]
    assert not [note for page in pages for note in page.notes if "does not fit" in note]
    matches = [match for each in found for match in each]
    return [int(str(match.events[0].id).partition(" ")[0]) for match in matches]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row.says)
def test_a_condition_is_true_of_the_same_events_whoever_decides(
    node: Elasticsearch, elasticsearch_url: str, index_prefix: str, row: Row
) -> None:
    indexed(node, index_prefix, row)
    client = live_client(elasticsearch_url)
    try:
        for condition, expected in row.found.items():
            first = f'place == "first" and ({condition})'
            ways = {
                "the search": f"any where {first}",
                "the matcher": f'any where place == "first" and (({condition}) or length(number) == 99)',
                "a sequence": f'sequence by number [any where {first}] [any where place == "last"]',
            }
            seen = {way: found_by(client, index_prefix, query) for way, query in ways.items()}
            assert seen == {way: list(expected) for way in ways}, condition
    finally:
        client.close()
