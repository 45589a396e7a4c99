"""What is looked after beside the rules: when, how often it is told, and that an error in it ends nothing."""

import io
import json
from collections import defaultdict
from datetime import timedelta

import pytest
from prometheus_client import CollectorRegistry, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from runner.errors import AccessDenied
from runner.housekeeping import MEASURED_AT_ONCE, Housekeeping, Instruments
from runner.telemetry import logs
from runner.telemetry.housekeeping_metrics import HousekeepingMetrics
from tests.made import minute, rule

LOGS = ("logs-*",)


class Bench:
    """Housekeeping over instruments that the test sets; `asked` counts what was asked of each."""

    def __init__(self, rules=(), leads=True):
        self.asked = []
        self.questions = []
        self.drifted = timedelta(0)
        self.ahead = 0
        self.late = ""
        self.hidden = ()
        self.error = None
        self.rules = rules or (rule(),)
        self.lags = defaultdict(lambda: lags(a=9))
        self.registry = CollectorRegistry()
        self.keeping = Housekeeping(
            Instruments(
                tend=self.tend,
                drift=lambda: self.answer("drift", self.drifted),
                measure=lambda patterns, now: self.answer("measure", self.lags[patterns]),
                warning=lambda of, now: self.late,
                count_ahead=lambda patterns, now: self.answer("ahead", self.ahead),
                unreadable=self.unreadable,
                max_drift=timedelta(seconds=5),
            ),
            logs.logger(),
            HousekeepingMetrics(self.registry),
            lambda: minute(0),
            lambda: self.rules,
            lambda: leads,
        )

    def answer(self, what, value):
        self.asked.append(what)
        if self.error:
            raise self.error
        return value

    def unreadable(self, patterns):
        self.questions.append(sorted(patterns))
        return self.answer("privileges", self.hidden)

    def tend(self, now):
        self.answer("tend", None)
        yield "alerts go on in alerts-000002"

    def metrics(self):
        return generate_latest(self.registry).decode()

    def measured(self, series):
        """Return the values of a series that has one label to tell its samples apart."""
        found = {}
        for family in text_string_to_metric_families(self.metrics()):
            for sample in family.samples:
                if sample.name == series and sample.labels.get("quantile", "0.99") == "0.99":
                    found[sample.labels.get("index") or sample.labels["indices"]] = sample.value
        return found


def lags(**seconds):
    """Lags by index and quantile."""
    return {
        f"logs-{name}": {"0.5": timedelta(seconds=1), "0.99": timedelta(seconds=p99)} for name, p99 in seconds.items()
    }


@pytest.fixture
def log(capsys):
    stream = io.StringIO()
    logs.configure("ecs", "info", stream=stream)

    def messages():
        lines = [json.loads(line) for line in stream.getvalue().splitlines()]
        stream.seek(0)
        stream.truncate()
        return [(line["log.level"] if "log.level" in line else line["log"]["level"], line["message"]) for line in lines]

    return messages


def test_each_is_done_in_its_time(log):
    bench = Bench()
    for second in range(0, 3600, 30):
        bench.keeping.do(minute(second / 60))
    assert {what: bench.asked.count(what) for what in set(bench.asked)} == {
        "tend": 12,
        "drift": 60,
        "privileges": 1,
        "measure": 1,
        "ahead": 1,
    }
    bench.keeping.do(minute(60))
    assert bench.asked.count("measure") == bench.asked.count("privileges") == 2


def test_only_one_of_the_runners_rolls_over(log):
    bench = Bench(leads=False)
    bench.keeping.do(minute(0))
    assert "tend" not in bench.asked


def test_many_sets_of_patterns_are_measured_a_few_at_a_time(log):
    bench = Bench([rule(rule_id=f"r{number}", index=(f"logs-{number}-*",)) for number in range(10)])
    bench.keeping.do(minute(0))
    assert bench.asked.count("measure") == MEASURED_AT_ONCE
    for number in range(1, 10):
        bench.keeping.do(minute(number / 60))
    assert bench.asked.count("measure") == 10


def test_privileges_are_asked_for_all_rules_at_once_and_again_when_other_indices_are_searched(log):
    bench = Bench([rule(rule_id=f"r{number}", index=("logs-*", f"logs-{number % 2}-*")) for number in range(9)])
    for second in range(20):
        bench.keeping.do(minute(second / 60))
    assert bench.questions == [["logs-*", "logs-0-*", "logs-1-*"]]
    bench.rules = bench.rules[:1]
    bench.keeping.do(minute(1))
    assert bench.questions[1:] == [["logs-*", "logs-0-*"]]


STATES = {
    "clock": (
        "drifted",
        timedelta(seconds=-8),
        timedelta(0),
        "the cluster's clock is 8.0 s behind ours",
        "agree again",
    ),
    "future": ("ahead", 7, 0, "7 events of logs-* are ahead of the time", "ahead of the time any more"),
    "one of the future": ("ahead", 1, 0, "1 event of logs-* is ahead of the time", "ahead of the time any more"),
    "lag": ("late", "looks back 240 s", "", "Evil Process: looks back 240 s", "no rule over logs-*"),
    "privileges": ("hidden", LOGS, (), "may not read all of logs-*", "may read all that the rules search again"),
}


@pytest.mark.parametrize(("name", "bad", "good", "warning", "well"), STATES.values(), ids=STATES)
def test_what_is_wrong_is_told_once_and_again_when_it_is_well(log, name, bad, good, warning, well):
    bench = Bench()
    told = []
    for at, state in enumerate([good, bad, bad, good, good]):
        setattr(bench, name, state)
        bench.keeping.do(minute(61 * at))
        told.append([(level, text) for level, text in log() if "go on in" not in text])
    assert [len(each) for each in told] == [0, 1, 0, 1, 0]
    assert told[1][0][0] == "warning"
    assert warning in told[1][0][1]
    assert well in told[3][0][1]


ERRORS = {
    "of the cluster": (
        AccessDenied("cannot roll over", "Give it `manage`."),
        "warning",
        "roll-over did not succeed and is tried again: cannot roll over Give it `manage`.",
    ),
    "that nobody foresaw": (
        OverflowError("too large"),
        "error",
        (
            "roll-over was stopped by an error in eql-runner itself and is tried again: OverflowError: too large; "
            "please report the stack trace"
        ),
    ),
}


@pytest.mark.parametrize(("error", "level", "text"), ERRORS.values(), ids=ERRORS)
def test_an_error_is_told_once_and_the_rest_goes_on(log, error, level, text):
    bench = Bench()
    bench.error = error
    for at in range(3):
        bench.keeping.do(minute(61 * at))
    told = log()
    assert told.count((level, text)) == 1
    assert len(told) == len(set(told))
    assert {"tend", "drift", "privileges", "measure"} <= set(bench.asked)


def test_what_is_measured_is_in_the_metrics(log):
    bench = Bench()
    bench.drifted, bench.ahead = timedelta(seconds=2), 3
    bench.keeping.do(minute(0))
    text = bench.metrics()
    assert 'runner_ingest_lag_seconds{index="logs-a",quantile="0.99"} 9.0' in text
    assert "runner_clock_drift_seconds 2.0" in text
    assert 'runner_future_events{indices="logs-*"} 3.0' in text


def test_a_lag_is_gone_from_the_metrics_when_no_patterns_name_its_index_any_more(log):
    wide, narrow = ("logs-*",), ("logs-b",)
    bench = Bench([rule(), rule(rule_id="other", index=narrow)])
    found = []
    for hour, (by_wide, by_narrow) in enumerate(
        ((lags(a=9, b=8), lags(b=8)), (lags(b=7), lags(b=7)), (lags(c=6), lags(b=5)), ({}, {}))
    ):
        bench.lags |= {wide: by_wide, narrow: by_narrow}
        bench.keeping.do(minute(61 * hour))
        found.append(bench.measured("runner_ingest_lag_seconds"))
    assert found == [{"logs-a": 9, "logs-b": 8}, {"logs-b": 7}, {"logs-b": 5, "logs-c": 6}, {}]


def test_of_patterns_that_no_rule_searches_any_more_nothing_is_kept(log):
    bench = Bench([rule(), rule(rule_id="other", index=("other-*",))])
    bench.lags |= {("other-*",): lags(b=8)}
    bench.ahead = 7
    rules = bench.rules
    told = []
    for at, those in enumerate((rules, rules[:1], rules)):
        bench.rules = those
        bench.keeping.do(minute(at))
        told.append([text for _, text in log() if "other-*" in text])
        assert set(bench.measured("runner_ingest_lag_seconds")) == {"logs-a", "logs-b"} - (
            {"logs-b"} if at == 1 else set()
        )
        assert set(bench.measured("runner_future_events")) == {pattern for one in those for pattern in one.index}
    assert [len(each) for each in told] == [1, 0, 1]
