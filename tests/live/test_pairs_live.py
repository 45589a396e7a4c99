"""Two fields compare alike wherever their values come from: documents, typed or not, and the node's columns."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from elasticsearch import Elasticsearch

from runner.elastic.capabilities import Capabilities
from runner.elastic.dsl_search import DslSearch
from runner.offline.memory import MemorySource, StoredEvent
from runner.query import compile
from runner.query.fields import values
from runner.query.kinds import SPELLED, Kind
from runner.query.timestamps import timestamp
from runner.query.types import from_names
from tests.conftest import own_names
from tests.contracts.conftest import live_client
from tests.live.indexed_events import DAY, alerted
from tests.made import rule

pytestmark = pytest.mark.live

TYPES = {
    "ip": "ip",
    "address": "keyword",
    "seen": "date",
    "exact": "date_nanos",
    "written": "keyword",
    "millis": "long",
}
EVENTS = [
    {"ip": "2001:DB8::1", "address": "2001:DB8::1"},
    {"ip": "fe80:0:0:0:0:0:0:1", "address": "fe80:0:0:0:0:0:0:1"},
    {"ip": "fe80:0:0:0:0:0:0:1", "address": "fe80::1"},
    {"ip": "::ffff:10.0.0.1", "address": "10.0.0.1"},
    {"ip": ["10.0.0.9", "10.0.0.10"], "address": "10.0.0.10"},
    {"ip": "10.0.0.9", "address": ["10.0.0.10", "10.0.0.8"]},
    {"seen": "2024-05-01T05:00:00Z", "exact": "2024-05-01T05:00:00Z", "written": "2024-05-01T05:00:00Z"},
    {"seen": "2024-05-01T10:00:00+05:00", "exact": "2024-05-01", "written": "2024-05-01T05:00:00.000Z"},
    {"seen": "2024-05-01", "exact": "2024-05-01T00:00:00.000Z", "written": "2024-05-02"},
    {"seen": 1714521600000, "millis": 1714521600000, "written": "2024-05-01"},
    {"seen": "2024-05-01T00:00:00.001Z", "millis": 1714521600000},
    {"seen": "2024-05-01T10:00:05.5Z", "exact": "2024-05-01T10:00:05.1204Z"},
    {"exact": "2024-05-01T10:00:00.123456789Z", "ip": ["1:0:0:2:0:0:3:4", "::10.0.0.1", "2001:db8:0:1:0:0:0:1"]},
]
DOCUMENTS = {
    str(number): {"@timestamp": timestamp(DAY.start + timedelta(seconds=number)), **event}
    for number, event in enumerate(EVENTS)
}
PAIRS = [("ip", "address"), ("seen", "written"), ("exact", "written"), ("seen", "exact"), ("seen", "millis")]


@pytest.fixture(scope="module")
def index(node: Elasticsearch) -> Iterator[str]:
    with own_names(node) as prefix:
        node.indices.create(
            index=f"{prefix}-pairs",
            settings={"number_of_shards": 1, "number_of_replicas": 0},
            mappings={"properties": {path: {"type": name} for path, name in TYPES.items()}},
        )
        lines = [part for number, event in DOCUMENTS.items() for part in ({"index": {"_id": number}}, event)]
        assert not node.bulk(index=f"{prefix}-pairs", operations=lines, refresh=True)["errors"]
        yield f"{prefix}-pairs"


@pytest.mark.parametrize("pair", [*PAIRS, *((second, first) for first, second in PAIRS)], ids=" and ".join)
def test_two_fields_compare_alike_in_documents_and_in_columns(
    index: str, elasticsearch_url: str, pair: tuple[str, str]
) -> None:
    first, second = pair
    documents = MemorySource([StoredEvent("logs-made", number, event) for number, event in DOCUMENTS.items()])
    client = live_client(elasticsearch_url)
    try:
        for form in ("{} == {}", "{} != {}", "not {} == {}", "{} < {}", "{} >= {}", "{} in ({})"):
            text = f"any where {first} != null and {second} != null and {form.format(first, second)}"
            typed = alerted(rule(text, program=compile(text, field_types=from_names(TYPES))), documents)
            untyped = alerted(rule(text), documents)
            source = DslSearch(client, Capabilities(client), dear_above=0)
            assert [untyped, alerted(rule(text, index=(index,)), source)] == [typed] * 2, text
    finally:
        client.close()


def test_addresses_and_dates_are_spelled_as_scripts_see_them(node: Elasticsearch, index: str) -> None:
    for path, kind in (("ip", Kind.ADDRESS), ("seen", Kind.DATE), ("exact", Kind.NANOS)):
        script = {"source": "def all = []; for (each in doc[params.path]) all.add(each.toString()); return all"}
        asked = {"spelled": {"script": {**script, "params": {"path": path}}}}
        answer = node.search(index=index, query={"exists": {"field": path}}, script_fields=asked, size=100)
        seen = {hit["_id"]: sorted(hit["fields"]["spelled"]) for hit in answer["hits"]["hits"]}
        ours = {number: sorted(map(SPELLED[kind], values(event, path))) for number, event in DOCUMENTS.items()}
        assert seen == {number: found for number, found in ours.items() if found}
