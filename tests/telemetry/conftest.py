"""Executions and rules for the tests of what is shown of them."""

from datetime import UTC, datetime, timedelta

import pytest

from runner.execution.model import Execution, RunType, Verdict
from runner.rules.model import Severity
from runner.schedule.windows import Window
from tests.made import rule

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)


@pytest.fixture
def make_rule():
    """Build a rule of an id."""

    def make(rule_id="r-1"):
        return rule(rule_id=rule_id, name=f"Rule {rule_id}", severity=Severity.HIGH)

    return make


@pytest.fixture
def make_execution():
    """Build an execution of r-1 over the nine minutes before noon."""

    def make(**changes):
        values = {
            "id": "x-1",
            "rule_id": "r-1",
            "rule_name": "Rule r-1",
            "rule_version": 3,
            "query_hash": "hash",
            "run_type": RunType.STANDARD,
            "window": Window(NOON - timedelta(minutes=9), NOON),
            "started": NOON,
            "duration": 0.25,
            "verdict": Verdict.COMPLETE,
        }
        return Execution(**{**values, **changes})

    return make
