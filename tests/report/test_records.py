"""What the report takes from alert documents."""

from typing import Any

import pytest

from runner.report.records import event, records
from tests.made import iso, minute
from tests.report.alerts import alert, sequence

MINUTE = 60_000


def only(document: dict[str, Any]) -> dict[str, Any]:
    (found,) = records([document]).alerts
    return found


def test_the_time_of_an_alert_is_its_event_s() -> None:
    found = only(alert(1, at=5))
    assert found["detected"] - found["time"] == MINUTE


def test_without_an_original_time_it_is_the_time_of_detection() -> None:
    document = alert(1)
    del document["kibana.alert.original_time"]
    found = only(document)
    assert found["time"] == found["detected"]


@pytest.mark.parametrize(
    ("fields", "summary"),
    [
        ({}, "sh -c 1"),
        ({"process": {"args": ["sh", "-c", "x"]}}, "sh -c x"),
        ({"process": {"name": "sh"}, "file": {"path": "/etc/shadow"}}, "/etc/shadow"),
        ({"process": {"name": "sh"}}, "sh"),
        ({"process": {}}, "process event with process sh"),
    ],
    ids=["command line", "arguments", "file before the name", "name", "else the reason"],
)
def test_an_alert_is_summed_up_by_the_most_telling_field(fields: dict[str, Any], summary: str) -> None:
    assert only(alert(1, **fields))["summary"] == summary


def test_the_event_is_shown_as_it_was_before_it_became_an_alert() -> None:
    assert event(alert(1)) == {
        "@timestamp": iso(minute(0)),
        "event": {"kind": "event", "category": ["process"], "action": "exec"},
        "host": {"name": "web-01"},
        "user": {"name": "root"},
        "process": {"name": "sh", "command_line": "sh -c 1"},
    }


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"event": {"kind": "signal"}}, {"event": {"kind": "event"}}),
        ({"event.kind": "signal"}, {"event.kind": "event"}),
    ],
    ids=["nested", "dotted"],
)
def test_the_event_has_its_own_kind_again(given: dict[str, Any], expected: dict[str, Any]) -> None:
    assert event(given | {"kibana.alert.original_event.kind": "event"}) == expected


def test_an_event_without_a_kind_has_none_again() -> None:
    assert event({"event.kind": "signal", "a": 1}) == {"a": 1}


def test_a_threat_of_the_event_itself_stays_with_it() -> None:
    assert event(alert(1, threat={"indicator": {"ip": "198.51.100.7"}}))["threat"] == {
        "indicator": {"ip": "198.51.100.7"}
    }


@pytest.mark.parametrize("name", ["eql_runner.source", "eql_runner.raw"])
def test_an_event_that_the_index_kept_aside_is_shown_in_its_place(name: str) -> None:
    document = alert(1)
    ours = {key: value for key, value in document.items() if key.startswith(("kibana", "eql_runner", "@", "_"))}
    aside = {key: value for key, value in document.items() if key not in ours}
    assert only({**ours, "event.kind": "signal", name: aside}) == only(document)


def test_a_part_of_an_event_that_the_index_kept_aside_is_shown_in_its_place() -> None:
    document = alert(1)
    parted = {key: value for key, value in document.items() if key != "process"}
    assert only({**parted, "eql_runner.source": {"process": document["process"]}}) == only(document)


def test_alerts_of_one_version_of_a_rule_share_it() -> None:
    documents = [alert(1), alert(2), alert(3, **{"kibana.alert.rule.version": "2"})]
    found = records(documents)
    assert [one["rule"] for one in found.alerts] == [0, 0, 1]
    assert [rule["version"] for rule in found.rules] == ["1", "2"]


def test_a_sequence_is_one_row_with_its_events_in_order() -> None:
    found = records(sequence())
    (row,) = found.alerts
    assert row["id"] == "seq"
    assert [step["summary"] for step in row["steps"]] == ["sh -c 100", "sh -c 101"]
    assert row["summary"] == "sh -c 100 → sh -c 101"
    assert not row["block"]


def test_a_building_block_whose_shell_is_not_there_is_a_row_and_says_what_it_is() -> None:
    first, second, _ = sequence()
    assert [row["block"] for row in records([first, second]).alerts] == [True, True]


def test_tactics_stand_in_the_order_of_an_attack() -> None:
    assert [tactic["id"] for tactic in records([alert(1)]).tactics] == ["TA0002", "TA0003"]


def test_techniques_are_listed_with_their_subtechniques() -> None:
    (rule,) = records([alert(1)]).rules
    assert [one["id"] for one in rule["threat"][0]["techniques"]] == ["T1053", "T1053.003"]


def test_a_document_with_next_to_nothing_is_still_a_row() -> None:
    found = only({"kibana.alert.uuid": "bare"})
    assert (found["id"], found["time"], found["severity"], found["status"]) == ("bare", None, "low", "open")
