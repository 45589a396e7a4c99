"""What events say about their alert's severity, risk score and name."""

import pytest

from runner.execution.overrides import Standing, standing
from runner.rules.model import Severity
from tests.made import rule


def mapping(field, value, severity):
    return {"field": field, "operator": "equals", "value": value, "severity": severity}


RISK = ({"field": "risk", "operator": "equals", "value": ""}, {"field": "other", "operator": "equals", "value": ""})


@pytest.mark.parametrize(
    ("mappings", "source", "expected"),
    [
        pytest.param((mapping("a", "x", "high"),), {"a": "x"}, "high", id="a mapping holds"),
        pytest.param((mapping("a", "x", "high"),), {"a": "y"}, "medium", id="none holds: the rule's own"),
        pytest.param((mapping("a", "x", "high"),), {}, "medium", id="the field is absent"),
        pytest.param((mapping("a", "x", "high"),), {"a": ["y", "x"]}, "high", id="any of several values"),
        pytest.param(
            (mapping("a", "x", "critical"), mapping("a", "x", "low")), {"a": "x"}, "critical", id="the highest wins"
        ),
        pytest.param((mapping("a", "7", "low"),), {"a": 7}, "low", id="numbers are compared as text"),
        pytest.param((mapping("a", "7", "low"),), {"a": 7.0}, "medium", id="a decimal is not"),
        pytest.param((mapping("event.severity", "73.9", "high"),), {"event": {"severity": 73}}, "high", id="floored"),
        pytest.param((mapping("event.severity", "73", "high"),), {"event.severity": "73"}, "medium", id="not a number"),
    ],
)
def test_the_severity_is(mappings, source, expected):
    assert standing(rule(severity_mapping=mappings), [source]).severity == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param({"risk": 80}, 80, id="a number"),
        pytest.param({"risk": "81.5"}, 81.5, id="a number as text"),
        pytest.param({"risk": [10, 90, 120]}, 90, id="the highest of the valid ones"),
        pytest.param({"risk": 101}, 47, id="out of range: the rule's own"),
        pytest.param({"risk": True, "other": 99}, 47, id="the second mapping says nothing"),
    ],
)
def test_the_risk_score_is(source, expected):
    assert standing(rule(risk_score_mapping=RISK), [source]).risk_score == expected


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param({"message": "Bad login"}, "Bad login", id="a text"),
        pytest.param({"message": ["a", "b"]}, "Evil Process", id="several values: the rule's own"),
        pytest.param({"message": 7}, "Evil Process", id="not a text"),
        pytest.param({}, "Evil Process", id="absent"),
    ],
)
def test_the_name_is(source, expected):
    assert standing(rule(rule_name_override="message"), [source]).name == expected


def test_a_sequence_takes_the_highest_of_its_events_and_the_first_name():
    made = rule(
        severity_mapping=(mapping("a", "x", "high"), mapping("a", "y", "low")),
        risk_score_mapping=RISK,
        rule_name_override="message",
    )
    sources = [{"a": "y", "risk": 10}, {"a": "x", "risk": 90, "message": "second"}, {"message": "third"}]

    assert standing(made, sources) == Standing("second", Severity.HIGH, 90)
