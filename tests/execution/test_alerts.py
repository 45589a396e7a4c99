"""Alert documents, field by field."""

from datetime import timedelta
from pathlib import Path

import pytest

from runner.execution.alerts import Occasion, build, identity
from runner.execution.executor import Executor
from runner.execution.model import Hit, Match, RunType
from runner.offline.memory import MemoryLedger, MemorySink, MemorySource
from runner.query.entries import Entry, EntryType, Exclusion
from runner.query.timestamps import timestamp
from runner.rules.exceptions import ExceptionItem, digest
from runner.rules.loader import load, shipped_rules
from runner.rules.model import Suppression
from tests.golden import same_as_golden
from tests.made import event, minute, rule

GOLDEN = Path(__file__).parent / "golden"
OCCASION = Occasion("execution-1", RunType.STANDARD, minute(0))
SEED = "c595363f-52a6-49e1-9257-0e08ae043dbd"
SEQUENCE = 'sequence by host.name [process where process.name == "a"] [process where process.name == "b"]'


def hit(at=-1.0, name="evil", **more) -> Hit:
    stored = event(at, name, **more)
    return Hit(stored.index, stored.id, minute(at), stored.source)


def seed_rule():
    return next(one for one in load([shipped_rules()]).rules if one.rule_id == SEED)


def seed_hit() -> Hit:
    source = {
        "@timestamp": "2026-01-01T11:58:00.123Z",
        "event": {
            "category": ["process"],
            "kind": "event",
            "type": ["start"],
            "action": "exec",
            "ingested": "2026-01-01T11:58:02.000Z",
            "dataset": "endpoint.events.process",
        },
        "host": {"name": "k8s-node-3", "os": {"type": "linux"}},
        "user": {"name": "root"},
        "process": {
            "name": "kubectl",
            "args": ["kubectl", "run", "x", "--restart=Never", "--", "sh", "-c", "cat /etc/shadow"],
            "command_line": "kubectl run x --restart=Never -- sh -c cat /etc/shadow",
            "parent": {"name": "bash"},
        },
        "custom": {"field": 1},
    }
    return Hit(".ds-logs-endpoint.events.process-default-000001", "abc", minute(-2), source)


def test_the_alert_of_the_seed_rule_is_the_golden_document():
    (alert,) = build(seed_rule(), Match((seed_hit(),)), OCCASION)

    document = {**alert.document, "eql_runner.version": "x"}
    same_as_golden(GOLDEN / "event_alert.json", {"_id": alert.id, **document})


def test_a_sequence_becomes_its_building_blocks_and_a_shell_that_is_the_golden_documents():
    match = Match((hit(-3, "a"), hit(-1, "b")), ("h",))

    built = build(rule(SEQUENCE), match, OCCASION)

    documents = [{"_id": alert.id, **alert.document, "eql_runner.version": "x"} for alert in built]
    same_as_golden(GOLDEN / "sequence_alerts.json", documents)


def test_an_alert_whose_event_speaks_for_itself_is_the_golden_document():
    severity = {"field": "event.severity", "operator": "equals", "value": "73", "severity": "critical"}
    made = rule(
        severity_mapping=(severity,),
        risk_score_mapping=({"field": "event.risk_score", "operator": "equals", "value": ""},),
        rule_name_override="message",
    )
    event_fields = {"category": ["process"], "kind": "alert", "severity": 73, "risk_score": 99.5}
    found = hit(message="Malware Prevention Alert", event=event_fields)

    (alert,) = build(made, Match((found,)), OCCASION)

    same_as_golden(GOLDEN / "overridden_alert.json", {"_id": alert.id, **alert.document, "eql_runner.version": "x"})


def test_a_building_block_alert_is_the_golden_document():
    (alert,) = build(rule(building_block_type="default"), Match((hit(),)), OCCASION)

    same_as_golden(GOLDEN / "building_block_alert.json", {"_id": alert.id, **alert.document, "eql_runner.version": "x"})


def test_a_suppressed_alert_under_exceptions_is_the_golden_document():
    item = ExceptionItem(Exclusion("web/Backups", (Entry("host.name", EntryType.MATCH, ("db-01",)),)), "Backups", "web")
    of = rule(suppression=Suppression(("host.name", "user.name"), timedelta(hours=1)), exceptions=(item,))
    events = [event(-8), event(-6, user={"name": "eve"}), event(-5), event(-3), event(-2, host={"name": "db-01"})]
    sink = MemorySink()

    Executor(MemorySource(events), sink, MemoryLedger()).run(of, minute(0))

    documents = [{"_id": alert.id, **alert.document} for alert in sink.alerts]
    changing = {"eql_runner.version": "x", "kibana.alert.rule.execution.uuid": "x"}
    same_as_golden(GOLDEN / "suppressed_alerts.json", [{**document, **changing} for document in documents])


def test_an_alert_names_the_lists_that_were_in_force_and_their_digest():
    named = {"id": "x", "list_id": "trusted", "namespace_type": "single", "type": "detection"}
    items = [
        ExceptionItem(Exclusion(name, (Entry("host.name", EntryType.MATCH, (name,)),)), name, of)
        for name, of in (("a", "trusted"), ("b", "trusted"), ("c", "web"))
    ]
    of = rule(exceptions_list=({"id": "y", "list_id": "none"}, named), exceptions=tuple(items))

    (alert,) = build(of, Match((hit(),)), OCCASION)

    assert alert.document["kibana.alert.rule.exceptions_list"] == [
        named,
        {"list_id": "web", "namespace_type": "single", "type": "detection"},
    ]
    assert alert.document["eql_runner.exceptions_hash"] == digest(items)
    (bare,) = build(rule(), Match((hit(),)), OCCASION)
    assert "eql_runner.exceptions_hash" not in bare.document


def test_an_alert_is_named_by_its_rule_and_events_alone():
    found = Match((hit(),))

    same = identity(rule(name="renamed", query='any where process.name == "evil"', version=7), found)

    assert identity(rule(), found) == same
    assert identity(rule(rule_id="rule-2"), found) != same
    assert identity(rule(), Match((hit(index="logs-other"),))) != same
    assert identity(rule(), Match((hit(id="other"),))) != same


POSING = [
    "kibana.alert.uuid",
    "kibana",
    "signal",
    "threshold_result",
    "kibana.version",
    "eql_runner.notify",
    "eql_runner",
]


@pytest.mark.parametrize("key", POSING)
def test_a_source_that_poses_as_an_alert_is_not_copied(key):
    (alert,) = build(rule(), Match((hit(**{key: "forged"}),)), OCCASION)

    assert "forged" not in str(alert.document.get(key))


def test_the_alert_time_is_the_time_of_writing_and_the_event_time_is_kept():
    (alert,) = build(rule(), Match((hit(-1),)), OCCASION)

    assert alert.document["@timestamp"] == "2026-01-01T12:00:00.000Z"
    assert alert.document["kibana.alert.original_time"] == "2026-01-01T11:59:00.000Z"


def test_dotted_event_fields_are_originals_too():
    stored = hit(**{"event.action": "exec", "event.kind": "event"})

    (alert,) = build(rule(), Match((stored,)), OCCASION)

    assert alert.document["kibana.alert.original_event.action"] == "exec"
    assert alert.document["kibana.alert.original_event.kind"] == "event"
    assert alert.document["event"]["kind"] == "signal"
    assert "event.kind" not in alert.document


def test_an_alert_on_an_alert_keeps_the_whole_line_of_ancestors():
    own = [{"id": "e", "type": "event", "index": "logs", "depth": 0}]
    source = {
        "kibana.alert.uuid": "parent",
        "kibana.alert.depth": 1,
        "kibana.alert.ancestors": own,
        "kibana.alert.rule.uuid": "rule-0",
    }

    (alert,) = build(rule(), Match((hit(**source),)), OCCASION)

    parent = {"id": "evil--1.0", "type": "signal", "index": "logs-test", "depth": 1, "rule": "rule-0"}
    assert alert.document["kibana.alert.ancestors"] == [*own, parent]
    assert alert.document["kibana.alert.depth"] == 2


def test_a_backfilled_alert_says_that_it_was_asked_for():
    (alert,) = build(rule(), Match((hit(),)), Occasion("e", RunType.BACKFILL, minute(0)))

    assert alert.document["kibana.alert.rule.execution.type"] == "manual"


def test_instants_are_spelled_in_utc_with_milliseconds():
    assert timestamp(minute(0.5)) == "2026-01-01T12:00:30.000Z"


def test_what_the_source_says_of_its_data_stream_is_kept_however_it_is_spelled():
    nested = hit(data_stream={"type": "logs", "dataset": "endpoint.events.process"})
    dotted = hit(**{"data_stream.type": "logs", "data_stream.dataset": "endpoint.events.process"})
    for found in (nested, dotted):
        (alert,) = build(rule(), Match((found,)), OCCASION)
        assert alert.document["kibana.alert.original_data_stream.type"] == "logs"
        assert alert.document["kibana.alert.original_data_stream.dataset"] == "endpoint.events.process"
