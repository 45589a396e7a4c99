"""The dashboard's fields on a real node, under our mappings: what Kibana would ask of it is answered."""

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from runner.elastic import templates
from runner.elastic.records import execution_document, state_document
from runner.execution.alerts import Occasion, build
from runner.execution.model import Coverage, Execution, Hit, Match, RunType, State, Verdict
from runner.schedule.windows import Window
from tests import made
from tests.kibana.test_objects import BY_ID, OBJECTS, fields_used
from tests.report.alerts import THREAT

pytestmark = pytest.mark.live

NOW = datetime(2026, 1, 1, 12, 5, tzinfo=UTC)
EXECUTION = Execution(
    id="run-1",
    rule_id="rule-1",
    rule_name="Evil Process",
    rule_version=1,
    query_hash="hash",
    run_type=RunType.STANDARD,
    window=Window(made.minute(0), made.minute(5)),
    started=NOW,
    duration=0.25,
    verdict=Verdict.COMPLETE,
)


def alert() -> dict[str, Any]:
    event = {
        "@timestamp": made.iso(made.minute(1)),
        "event": {"kind": "event", "category": ["process"]},
        "host": {"name": "web-01"},
        "user": {"name": "root"},
    }
    hits = tuple(Hit("logs-test", f"a/{number} #&?+%", made.minute(1), event) for number in (1, 2))
    rule = made.rule(threat=tuple(THREAT))
    (first,) = build(rule, Match((hits[0],)), Occasion("run-1", RunType.STANDARD, NOW))
    (second,) = build(rule, Match((hits[1],)), Occasion("run-1", RunType.STANDARD, NOW))
    ancestors = [first.document["kibana.alert.ancestors"][0], second.document["kibana.alert.ancestors"][0]]
    return {**first.document, "kibana.alert.ancestors": ancestors}


@pytest.fixture
def indices(node: Elasticsearch, index_prefix: str) -> dict[str, str]:
    """An index for each data view, with a document as this program writes it."""
    state = State("rule-1", Coverage("hash", NOW, (EXECUTION.window,)), last=EXECUTION)
    contents = {
        "eql-runner-view-alerts": (templates.alerts_component(keep_overflow=False)["template"], alert()),
        "eql-runner-view-executions": (templates.executions_component()["template"], execution_document(EXECUTION)),
        "eql-runner-view-coverage": (templates.state_index(), state_document(state)),
    }
    names: dict[str, str] = {}
    for view, (body, document) in contents.items():
        names[view] = f"{index_prefix}-{view}"
        node.indices.create(index=names[view], **body)
        node.index(index=names[view], document=document, refresh=True)
    return names


def test_every_field_of_the_dashboard_can_be_aggregated(node: Elasticsearch, indices: dict[str, str]) -> None:
    for view, name in indices.items():
        fields = {field for used, field, aggregated in fields_used() if aggregated and used == view}
        counts = {field: {"cardinality": {"field": field}} for field in fields}
        found = node.search(index=name, size=0, aggs=counts)["aggregations"]
        assert found.keys() == fields
    assert node.search(
        index=indices["eql-runner-view-alerts"],
        size=0,
        aggs={"tactics": {"terms": {"field": "threat.tactic.name"}}},
    )["aggregations"]["tactics"]["buckets"] == [
        {"key": "Execution", "doc_count": 1},
        {"key": "Persistence", "doc_count": 1},
    ]


def test_every_column_of_the_saved_searches_is_fetched(node: Elasticsearch, indices: dict[str, str]) -> None:
    shown: dict[str, set[str]] = {}
    for search in (one for one in OBJECTS if one["type"] == "search"):
        view = search["references"][0]["id"]
        runtime = json.loads(BY_ID[view]["attributes"]["runtimeFieldMap"])
        answer = node.search(
            index=indices[view], runtime_mappings=runtime, fields=["*"], source=False, sort=[{"_doc": "asc"}]
        )
        shown[search["id"]] = answer["hits"]["hits"][0]["fields"].keys() & set(search["attributes"]["columns"])
    assert {"kibana.alert.reason", "host.name", "eql_runner.link.event"} <= shown["eql-runner-search-open-alerts"]
    assert "covered_until" in shown["eql-runner-search-coverage"]


def test_the_links_of_an_alert_hold_its_events_addresses_escaped(node: Elasticsearch, indices: dict[str, str]) -> None:
    runtime = json.loads(BY_ID["eql-runner-view-alerts"]["attributes"]["runtimeFieldMap"])
    (hit,) = node.search(
        index=indices["eql-runner-view-alerts"], runtime_mappings=runtime, fields=["eql_runner.link.*"]
    )["hits"]["hits"]
    assert hit["fields"] == {
        "eql_runner.link.event": [f"logs-test?id=a%2F{number}%20%23%26%3F%2B%25" for number in (1, 2)],
        "eql_runner.link.guide": ["rule-1"],
    }


def test_a_document_without_ancestors_has_no_links(node: Elasticsearch, indices: dict[str, str]) -> None:
    name = indices["eql-runner-view-alerts"]
    node.index(index=name, id="bare", document={"@timestamp": made.iso(NOW)}, refresh=True)
    runtime = json.loads(BY_ID["eql-runner-view-alerts"]["attributes"]["runtimeFieldMap"])
    hit = node.search(
        index=name, query={"ids": {"values": ["bare"]}}, runtime_mappings=runtime, fields=["eql_runner.link.*"]
    )["hits"]["hits"][0]
    assert "fields" not in hit
