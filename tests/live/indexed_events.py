"""Some hundred events of all types of fields, made the same each time, on the node."""

import json
import random
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from elasticsearch import Elasticsearch

from runner.execution.matching import over
from runner.execution.seams import EventSource
from runner.query import FieldType, FieldTypes, compile
from runner.query.indexed import consulted
from runner.rules.model import Rule
from runner.schedule.windows import Window
from tests.conftest import own_names

DAY = Window(datetime(2024, 5, 1, tzinfo=UTC), datetime(2024, 5, 2, tzinfo=UTC))
IGNORE_ABOVE = 256
LONG = "x" * 300

# Letters of which Python's and Unicode's foldings say what the index does not: it folds ASCII alone.
LETTERS = [*"\u0131İßẞ\u017f\u212aéÉ\u03c3ςΣ😀", "日本", "e\u0301"]
NAMES = [
    "cmd.exe",
    "CMD.EXE",
    "Cmd.Exe",
    "cmd",
    "sh",
    "",
    "a",
    "A",
    "k",
    "K",
    "s",
    "S",
    "i",
    "I",
    "ss",
    "a*b",
    "a?b",
    "a\\b",
]
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
WIDE = ["😀" * (IGNORE_ABOVE // 2), "😀" * (IGNORE_ABOVE // 2 + 1), "日" * IGNORE_ABOVE]  # `ignore_above` counts UTF-16
TEXTS = [*NAMES, *PATHS, *LETTERS, *WIDE, LONG, LONG.upper(), f"{LONG}cmd.exe", "y" * IGNORE_ABOVE]
NUMBERS = [-(2**63), -129, -1, 0, 1, 5, 127, 128, 255, 70000, 2**31, 2**53 + 1, 2**63 - 1]
DECIMALS = [-1.5, -0.0, 0.0, 0.1, 0.10000000001, 0.3, 5.0, 5.5, 1e10, 16777217.0, 2**53 + 1]
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
            put(event, path, _made_value(chance, VALUES[path]), dotted=chance.random() < 0.3)
        yield index, event


def _made_value(chance: random.Random, pool: Sequence[Any]) -> Any:
    kind = chance.random()
    if kind < 0.7:
        return chance.choice(pool)
    if kind < 0.9:
        return chance.choices(pool, k=chance.randint(2, 4))
    return chance.choice([None, [], [None], [chance.choice(pool)], [None, chance.choice(pool)]])


def put(event: dict[str, Any], path: str, value: Any, *, dotted: bool) -> None:
    first, _, rest = path.partition(".")
    if not rest or dotted:
        event[path] = value
    else:
        put(event.setdefault(first, {}), rest, value, dotted=False)


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


@contextmanager
def indexed_events(node: Elasticsearch) -> Iterator[Indexed]:
    """Give the events in two indices, whose mappings differ, for as long as the block lasts."""
    with own_names(node) as prefix:
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


def alerted(searched: Rule, source: EventSource) -> set[tuple[str | None, ...]]:
    """Return the ids of the events of each match."""
    with over(searched, DAY, source.search(searched, DAY)) as steps:
        return {tuple(hit.id if hit else None for hit in match.hits) for _, matches in steps for match in matches}
