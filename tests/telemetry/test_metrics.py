"""Metrics: a rule's series begin at zero, count its executions, follow its coverage, and end with it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client.parser import text_string_to_metric_families

from runner.execution.model import Backlog, Coverage, State, Swept, Verdict
from runner.rules.model import Severity
from runner.schedule.windows import Window
from runner.telemetry.metrics import Metrics

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


@pytest.fixture
def metrics(make_rule):
    """Metrics at noon, with the rules r-1 and r-2."""
    found = Metrics(lambda: NOON)
    found.loaded([make_rule("r-1"), make_rule("r-2")], failures=1, ruleset_hash="abc")
    return found


def samples(metrics):
    return {
        (sample.name, *sorted(sample.labels.items())): sample.value
        for family in text_string_to_metric_families(metrics.text().decode())
        for sample in family.samples
    }


def of(metrics, name, rule_id="r-1", **labels):
    return samples(metrics)[(name, *sorted({"rule_id": rule_id, **labels}.items()))]


def test_a_rules_series_begin_at_zero(metrics):
    for name in (
        "runner_alerts_created_total",
        "runner_alerts_duplicate_total",
        "runner_alerts_rejected_total",
        "runner_rule_starts_skipped_total",
        "runner_rule_crashes_total",
        "runner_rule_backlog",
        "runner_rule_gap_seconds",
        "runner_rule_sweep_lag_seconds",
        "runner_rule_last_execution_timestamp_seconds",
        "runner_rule_execution_duration_seconds_count",
    ):
        assert of(metrics, name) == 0, name
    for verdict in Verdict:
        assert of(metrics, "runner_rule_executions_total", verdict=verdict, run_type="standard") == 0


def test_what_is_loaded_is_told(metrics):
    found = samples(metrics)
    assert found["runner_rules_loaded",] == 2
    assert found["runner_rule_load_failures",] == 1
    assert found["runner_ruleset_info", ("hash", "abc")] == 1
    assert found["runner_rule_info", ("rule_id", "r-1"), ("rule_name", "Rule r-1"), ("severity", "high")] == 1


def test_a_rule_has_one_name_and_severity_and_keeps_its_counts_when_they_change(metrics, make_rule, make_execution):
    metrics.executed(make_execution(created=2))
    changed = replace(make_rule("r-1"), name="New", severity=Severity.CRITICAL)
    metrics.loaded([changed, make_rule("r-2")], 0, "def")
    assert {name for name in samples(metrics) if name[0] == "runner_rule_info"} == {
        ("runner_rule_info", ("rule_id", "r-1"), ("rule_name", "New"), ("severity", "critical")),
        ("runner_rule_info", ("rule_id", "r-2"), ("rule_name", "Rule r-2"), ("severity", "high")),
    }
    assert of(metrics, "runner_alerts_created_total") == 2


def test_an_execution_is_counted_once_and_for_its_rule_only(metrics, make_execution):
    metrics.executed(make_execution(created=2, duplicates=3, rejected=1, verdict=Verdict.PARTIAL))
    assert of(metrics, "runner_rule_executions_total", verdict="partial", run_type="standard") == 1
    assert of(metrics, "runner_alerts_created_total") == 2
    assert of(metrics, "runner_alerts_duplicate_total") == 3
    assert of(metrics, "runner_alerts_rejected_total") == 1
    assert of(metrics, "runner_rule_execution_duration_seconds_sum") == 0.25
    assert of(metrics, "runner_rule_last_execution_timestamp_seconds") == NOON.timestamp()
    assert of(metrics, "runner_alerts_created_total", "r-2") == 0


def test_lag_backlog_and_gaps_follow_the_ledger(make_rule):
    now = NOON
    metrics = Metrics(lambda: now)
    metrics.loaded([make_rule()], 0, "abc")
    coverage = Coverage(
        "hash",
        since=NOON - 60 * MINUTE,
        covered=(Window(NOON - 60 * MINUTE, NOON - 5 * MINUTE),),
        backlog=(Backlog(Window(NOON - 5 * MINUTE, NOON), NOON - MINUTE, 40),),
        gaps=(Window(NOON - 90 * MINUTE, NOON - 80 * MINUTE), Window(NOON - 70 * MINUTE, NOON - 60 * MINUTE)),
    )
    cut = Backlog(Window(NOON - 90 * MINUTE, NOON), NOON, 2, ingested=Window(NOON - MINUTE, NOON))
    metrics.moved(State("r-1", coverage, swept=Swept(NOON - 12 * MINUTE, cut)))
    assert of(metrics, "runner_rule_coverage_lag_seconds") == 300
    assert of(metrics, "runner_rule_backlog") == 42
    assert of(metrics, "runner_rule_gap_seconds") == 1200
    assert of(metrics, "runner_rule_sweep_lag_seconds") == 7 * 60  # searched until five minutes ago
    now += MINUTE
    assert of(metrics, "runner_rule_coverage_lag_seconds") == 360


@pytest.mark.parametrize(("sweeping", "lag"), [(True, 12 * 60), (False, 0)])
def test_only_who_sweeps_for_late_events_can_be_behind_with_it(make_rule, sweeping, lag):
    metrics = Metrics(lambda: NOON, sweeping=sweeping)
    metrics.loaded([make_rule()], 0, "abc")
    metrics.moved(
        State("r-1", Coverage("hash", covered=(Window(NOON - MINUTE, NOON),)), swept=Swept(NOON - 12 * MINUTE))
    )
    assert of(metrics, "runner_rule_sweep_lag_seconds") == lag


def test_the_lag_of_a_rule_never_covered_grows(make_rule):
    now = NOON
    metrics = Metrics(lambda: now)
    metrics.loaded([make_rule()], 0, "abc")
    now += MINUTE
    assert of(metrics, "runner_rule_coverage_lag_seconds") == 60


def test_a_rule_that_is_gone_leaves_no_series(metrics, make_rule, make_execution):
    metrics.executed(make_execution(created=2))
    metrics.moved(State("r-1", Coverage("hash")))
    metrics.loaded([make_rule("r-2")], 0, "def")
    assert "r-1" not in metrics.text().decode()
    assert ("runner_ruleset_info", ("hash", "abc")) not in samples(metrics)
    metrics.executed(make_execution())
    metrics.skipped(make_rule())
    assert "r-1" not in metrics.text().decode()
    metrics.loaded([make_rule("r-1"), make_rule("r-2")], 0, "def")
    assert of(metrics, "runner_alerts_created_total") == 0


def test_skips_and_crashes_are_counted(metrics, make_rule):
    metrics.skipped(make_rule())
    metrics.crashed(make_rule(), ValueError())
    assert of(metrics, "runner_rule_starts_skipped_total") == 1
    assert of(metrics, "runner_rule_crashes_total") == 1
