"""The life of `run`: waiting for the cluster, losing it, reloading rules, and ending in bounded time."""

import io
import json
import threading
import time
import urllib.error
import urllib.request
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from socket import socket

import pytest

from runner.engine import Engine
from runner.errors import AccessDenied, ClusterUnavailable, SettingsError
from runner.execution.model import Coverage, Execution, RunType, State, Verdict
from runner.housekeeping import Instruments
from runner.loaded_rules import SHOWN_ISSUES
from runner.rules.issues import Code, Issue, IssueSeverity
from runner.rules.loader import RuleSet
from runner.rules.model import Schedule
from runner.schedule.windows import Window
from runner.service import Service
from runner.settings import Settings
from runner.telemetry import logs
from tests import made


def now():
    return datetime.now(UTC)


def rule(rule_id="r-1"):
    return made.rule(rule_id=rule_id, name=f"Rule {rule_id}", schedule=Schedule(interval=timedelta(milliseconds=50)))


def rules(*ids, bad=0):
    issue = Issue(IssueSeverity.ERROR, Code.QUERY, "unknown function `f`", Path("bad.toml"), rule_id="bad")
    return RuleSet(tuple(rule(rule_id) for rule_id in ids), (issue,) * bad)


class Executor:
    """Stands in for the executor: every execution is complete, unless told to wait."""

    def __init__(self):
        self.executed = []
        self.gate = threading.Event()
        self.gate.set()

    def loaded(self, ruleset_hash):
        self.ruleset_hash = ruleset_hash

    def run(self, rule, at):
        self.gate.wait(10)
        self.executed.append(rule.rule_id)
        window = Window(at - timedelta(minutes=9), at)
        return (Execution("x", rule.rule_id, rule.name, 1, "h", RunType.STANDARD, window, at, 0.01, Verdict.COMPLETE),)


class Running:
    """A service on a thread, over a cluster that the test makes fail."""

    def __init__(self, ruleset, *, connections=(), port=0, shutdown="5s", reloaded=None, clock=now):
        self.executor = Executor()
        self.stop, self.hangup = threading.Event(), threading.Event()
        self.connections = list(connections)
        self.probe_error = None
        self.closed = False
        self.error = None
        self.reloaded = reloaded
        self.rerouted = []
        self.privileges_asked = 0
        self.service = Service(
            Settings(http_port=port, shutdown_timeout=shutdown, workers=2),
            logs.logger(),
            clock,
            load=self._load,
            connect=self._connect,
            stop=self.stop,
            hangup=self.hangup,
            backoff=(0.01, 0.02),
            probe_every=timedelta(0),
        )
        self.thread = threading.Thread(target=self._run, args=(ruleset,), daemon=True)
        self.thread.start()

    def _run(self, ruleset):
        try:
            self.service.run(ruleset)
        except Exception as error:  # noqa: BLE001  # the test looks at it
            self.error = error

    def _load(self):
        if isinstance(self.reloaded, Exception):
            raise self.reloaded
        return self.reloaded

    def _connect(self, moved):
        if self.connections:
            raise self.connections.pop(0)
        return Engine(
            executor=self.executor,
            source=None,
            sink=None,
            ledger=None,
            cluster="http://es:9200",
            backend="dsl",
            replicas=None,
            instruments=Instruments(
                tend=lambda _now: (),
                drift=lambda: None,
                measure=lambda _patterns, _now: {},
                warning=lambda _rule, _now: "",
                count_ahead=lambda _patterns, _now: 0,
                unreadable=self._unreadable,
                max_drift=timedelta(seconds=5),
            ),
            probe=self._probe,
            close=self._close,
            reroute=lambda rules: self.rerouted.append([rule.rule_id for rule in rules]),
        )

    def _unreadable(self, patterns):
        self.privileges_asked += 1
        return tuple(pattern for pattern in patterns if pattern == "secret-*")

    def _probe(self):
        if self.probe_error:
            raise self.probe_error

    def _close(self):
        self.closed = True

    def end(self):
        self.stop.set()
        self.thread.join(10)
        assert not self.thread.is_alive()

    def ready(self):
        return self.service._health.ready()


@pytest.fixture
def running():
    """Start services that are stopped at the end."""
    started = []

    def start(*args, **kwargs):
        started.append(Running(*args, **kwargs))
        return started[-1]

    yield start
    for one in started:
        one.executor.gate.set()
        one.end()


@pytest.fixture
def log():
    """What is logged, as lines of JSON."""
    stream = io.StringIO()
    logs.configure("ecs", "info", (), stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def messages(log):
    return "\n".join(line["message"] for line in log())


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


UNREACHABLE = ClusterUnavailable("http://es:9200: no connection", "Set RUNNER_ELASTICSEARCH_URL.")


def test_it_waits_for_a_cluster_that_is_not_there_yet_and_then_runs(running, log):
    subject = running(rules("r-1"), connections=[UNREACHABLE] * 3)
    until(lambda: subject.executor.executed)
    subject.end()
    assert messages(log).count("waiting for Elasticsearch") == 3
    assert "connected to http://es:9200, searching by dsl" in messages(log)
    assert "Rule r-1: complete" in messages(log)
    assert subject.closed
    assert subject.error is None


def test_while_it_waits_it_is_not_ready_and_says_why_and_ends_when_told(running):
    subject = running(rules("r-1"), connections=[UNREACHABLE] * 1000)
    until(lambda: "no connection" in str(subject.ready().body))
    assert not subject.ready().well
    assert subject.ready().body["problems"] == [f"waiting for Elasticsearch: {UNREACHABLE}"]
    assert subject.service._health.alive().well
    subject.end()
    assert subject.executor.executed == []


def test_a_wrong_key_is_not_waited_for(running):
    subject = running(rules("r-1"), connections=[AccessDenied("401")])
    subject.thread.join(10)
    assert isinstance(subject.error, AccessDenied)


def test_it_is_ready_with_rules_and_a_cluster_and_says_when_the_cluster_goes_and_comes(running, log):
    subject = running(rules("r-1"))
    until(lambda: subject.ready().well)
    subject.probe_error = UNREACHABLE
    until(lambda: not subject.ready().well)
    assert "no connection" in str(subject.ready().body["problems"])
    subject.probe_error = None
    until(lambda: subject.ready().well)
    subject.end()
    assert messages(log).count("does not answer") == 1
    assert messages(log).count("answers again") == 1


def test_after_the_clock_was_set_back_rules_run_and_the_cluster_is_asked(running, log):
    ahead = timedelta(hours=2)
    subject = running(rules("r-1"), clock=lambda: now() + ahead)
    until(lambda: subject.service._health.beat() is not None)
    assert subject.executor.executed == []  # the scheduler goes by the machine's clock, for which it is not time yet
    ahead = timedelta(0)
    until(lambda: subject.executor.executed)
    until(lambda: subject.ready().well)
    subject.end()
    assert messages(log).count("the system's clock was set back by 7") == 1


def test_a_privilege_that_is_gone_is_told_as_such_with_what_to_give(running, log):
    subject = running(rules("r-1"))
    until(lambda: subject.ready().well)
    subject.probe_error = AccessDenied("cannot announce this runner", hint="Give it `index`.")
    until(lambda: not subject.ready().well)
    subject.end()
    assert "Elasticsearch refuses: cannot announce this runner. Give it `index`." in messages(log)
    assert "does not answer" not in messages(log)


def test_a_reload_that_leaves_no_rule_is_not_taken_and_says_so(running, log):
    subject = running(rules("old"))
    until(lambda: subject.executor.executed)
    subject.reloaded = RuleSet(())
    subject.hangup.set()
    until(lambda: "not taken, for none of them can run: 1 rule from before goes on" in messages(log))


def test_a_reload_that_fails_for_a_fault_of_ours_ends_nothing(running, log):
    subject = running(rules("old"))
    until(lambda: subject.executor.executed)
    subject.reloaded = RuntimeError("a surprise")
    subject.hangup.set()
    until(lambda: "not taken, for an error in eql-runner itself: RuntimeError: a surprise" in messages(log))
    assert b"runner_rule_load_failures 1.0" in subject.service._metrics.text()
    subject.reloaded = rules("new")
    subject.hangup.set()
    until(lambda: "new" in subject.executor.executed)


def test_a_reload_takes_good_rules_and_refuses_a_set_with_a_bad_one(running, log):
    subject = running(rules("old"))
    until(lambda: subject.executor.executed)
    subject.reloaded = rules("new", bad=1)
    subject.hangup.set()
    until(lambda: "not taken" in messages(log))
    until(lambda: "not taken: bad.toml:1:1: unknown function `f`" in messages(log))
    assert "left out" not in messages(log)
    assert set(subject.executor.executed) == {"old"}
    subject.reloaded = rules("new")
    subject.hangup.set()
    until(lambda: "new" in subject.executor.executed)
    assert subject.service._health.rules == 1
    assert b'rule_id="old"' not in subject.service._metrics.text()


def test_notifications_are_read_again_with_the_rules_for_those_in_force(running, log):
    subject = running(rules("old"))
    until(lambda: subject.executor.executed)
    for reloaded, in_force in ((rules("new", bad=1), "old"), (rules("new"), "new")):
        subject.reloaded = reloaded
        subject.hangup.set()
        until(lambda: subject.rerouted)
        assert subject.rerouted.pop() == [in_force]


def test_indices_that_the_account_may_not_read_are_named_once_before_rules_run(running, log):
    hidden = replace(rule("r-2"), index=("secret-*",))
    subject = running(RuleSet((rule("r-1"), hidden)))
    until(lambda: subject.executor.executed)
    until(lambda: subject.service._metrics.text().count(b"runner_future_events{") == 2)  # all is looked at once
    subject.end()
    told = [line["message"] for line in log()]
    (warning,) = [place for place, message in enumerate(told) if "may not read" in message]
    assert "may not read all of secret-*:" in told[warning]
    assert warning < min(place for place, message in enumerate(told) if "complete" in message)
    assert subject.privileges_asked == 1


def test_rules_left_out_are_named_up_to_a_bound(running, log):
    subject = running(rules("r-1", bad=SHOWN_ISSUES + 5))
    until(lambda: subject.executor.executed)
    assert messages(log).count("left out: bad.toml:1:1") == SHOWN_ISSUES
    assert "and 5 more" in messages(log)
    assert "cannot run yet" not in messages(log)
    assert subject.ready().body["rules"]["issues"] == SHOWN_ISSUES + 5


def test_a_range_that_is_given_up_is_logged_once_with_the_command_that_searches_it(running, log):
    subject = running(rules("r-1"))
    until(lambda: subject.executor.executed)
    day, hour = datetime(2025, 6, 1, tzinfo=UTC), timedelta(hours=1)
    old, new = Window(day, day + hour), Window(day + 2 * hour, day + 3 * hour)
    for gaps in ((old,), (old,), (old, new), (old, new)):
        subject.service._moved(State("r-1", Coverage("h", gaps=gaps)))
    command = "eql-runner backfill r-1 --from 2025-06-01T02:00:00.000000Z --to 2025-06-01T03:00:00.000000Z"
    assert messages(log).count("gave up") == messages(log).count(command) == 1
    assert b'runner_rule_gap_seconds{rule_id="r-1"} 7200.0' in subject.service._metrics.text()


@pytest.mark.parametrize(("number", "told"), [(1, "1 rule of a type"), (3, "3 rules of types")])
def test_rules_of_other_types_are_counted_and_are_no_errors(running, log, number, told):
    issue = Issue(IssueSeverity.ERROR, Code.UNSUPPORTED, "cannot run yet: type new_terms", Path("other.toml"))
    subject = running(RuleSet((rule("r-1"),), (issue,) * number))
    until(lambda: subject.executor.executed)
    assert f"left out: {told} that cannot run yet" in messages(log)
    assert b"runner_rule_load_failures 0.0" in subject.service._metrics.text()


def test_what_outlasts_the_shutdown_timeout_is_abandoned_by_name(running, log):
    subject = running(rules("slow"), shutdown="50ms")
    subject.executor.gate.clear()
    until(lambda: dict(subject.service._health.running()))
    before = time.monotonic()
    subject.end()
    assert time.monotonic() - before < 5
    assert "abandoning slow" in messages(log)


def free_port():
    with socket() as one:
        one.bind(("127.0.0.1", 0))
        return one.getsockname()[1]


def test_health_and_metrics_are_served_while_it_runs(running):
    port = free_port()
    subject = running(rules("r-1"), port=port)
    until(lambda: subject.executor.executed)

    def get(path):
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=5) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.URLError as error:
            return 0, str(error)

    until(lambda: get("/readyz")[0] == 200)
    assert get("/healthz")[0] == 200
    until(lambda: 'verdict="complete"' in get("/metrics")[1])
    subject.end()
    assert get("/healthz")[0] == 0


def test_a_port_in_use_ends_it_with_the_settings_name(running):
    port = free_port()
    first = running(rules("r-1"), port=port)
    until(lambda: first.executor.executed)
    second = running(rules("r-1"), port=port)
    second.thread.join(10)
    assert isinstance(second.error, SettingsError)
    assert "RUNNER_HTTP_PORT" in str(second.error)
