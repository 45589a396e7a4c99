"""The mappings: every field of an alert has its place and type."""

import json

import pytest

from runner.elastic import templates
from runner.execution import alerts
from runner.execution.model import Hit, Match, RunType
from tests.made import event, minute, rule


def kind_of(mappings, path):
    """The type that the mappings give a path, None where it is left to the strings' template."""
    node = mappings
    for name in path.split("."):
        node = node.get("properties", {}).get(name)
        if node is None:
            return None
        if node.get("type") == "flattened":
            return "flattened"
    return node.get("type", "object")


KINDS = {
    "@timestamp": "date",
    "process.pid": "long",
    "process.parent.name": "keyword",
    "process.args": "keyword",
    "host.ip": "ip",
    "source.geo.location": "geo_point",
    "container.labels.app": "flattened",
    "winlog.event_data.x": "flattened",
    "orchestrator.cluster.name": "keyword",
    "threat.technique.subtechnique.id": "keyword",
    "event.original": "keyword",
    "event.severity": "long",
    "kibana.alert.original_event.severity": "long",
    "kibana.alert.original_event.created": "date",
    "kibana.alert.original_time": "date",
    "kibana.alert.ancestors.depth": "long",
    "kibana.alert.rule.parameters.any": "flattened",
    "kibana.alert.rule.threat.technique.id": "keyword",
    "kibana.alert.risk_score": "float",
    "kibana.alert.reason": "keyword",
    "kibana.alert.suppression.docs_count": "long",
    "eql_runner.source.any": "flattened",
    "eql_runner.raw": "object",
}


@pytest.mark.parametrize(("path", "kind"), KINDS.items(), ids=KINDS)
def test_a_field_has_its_type(path, kind):
    assert kind_of(templates.alerts_mappings(), path) == kind


def test_every_field_of_an_alert_is_mapped():
    stored = event(0)
    hit = Hit(stored.index, stored.id, minute(0), stored.source)
    (alert,) = alerts.build(rule(), Match((hit,)), alerts.Occasion("e", RunType.STANDARD, minute(1)))
    ours = [path for path in alert.document if path.startswith(("kibana.", "eql_runner."))]
    assert [path for path in ours if kind_of(templates.alerts_mappings(), path) is None] == []


def test_no_type_is_used_that_some_clusters_lack():
    bodies = (
        templates.alerts_component(keep_overflow=True),
        templates.executions_component(),
        templates.state_index(),
    )
    text = json.dumps(bodies)
    for lacking in ("wildcard", "constant_keyword", "match_only_text", "version", "scaled_float"):
        assert f'"type": "{lacking}"' not in text


def test_the_aliases_of_names_that_begin_alike_do_not_share_indices():
    patterns = [templates.index_template(name, custom=True)["index_patterns"] for name in ("a", "a-b")]
    assert patterns == [["a-0*"], ["a-b-0*"]]
