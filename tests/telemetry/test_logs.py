"""Log lines: form, level, redaction; one line an execution."""

import base64
import io
import json
import logging
import warnings
from datetime import timedelta

import pytest

from runner.execution.model import Failure, RunType, Verdict
from runner.schedule.windows import Window
from runner.telemetry import logs
from runner.telemetry.execution_log import ExecutionLog
from tests.telemetry.conftest import NOON


class Terminal(io.StringIO):
    def isatty(self):
        return True


@pytest.fixture
def configured():
    """Configure logging as a process would."""

    def configure(form="ecs", level="info", secrets=(), stream=None):
        stream = stream or io.StringIO()
        logs.configure(form, level, secrets, stream)
        return stream

    return configure


def lines(stream):
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_a_machine_line_is_one_json_object_in_ecs_names(configured):
    stream = configured()
    logs.logger().info("started", **{"rule.id": "r-1"})
    (line,) = lines(stream)
    assert line["message"] == "started"
    assert (line["log.level"], line["log"]) == ("info", {"logger": "runner"})
    assert line["service"]["name"] == "eql-runner"
    assert line["rule"] == {"id": "r-1"}
    assert line["@timestamp"].endswith("Z")
    assert line["ecs.version"]


def test_auto_is_for_people_on_a_terminal_only(configured):
    terminal = configured("auto", stream=Terminal())
    logs.logger().info("started", **{"rule.id": "r-1"})
    assert "started" in terminal.getvalue()
    assert "r-1" not in terminal.getvalue()
    pipe = configured("auto")
    logs.logger().info("started")
    assert lines(pipe)[0]["message"] == "started"


def test_the_standard_library_takes_the_same_way(configured):
    stream = configured()
    logging.getLogger("elastic_transport").info("a line for each request")
    logging.getLogger("elasticsearch").warning("node %s is dead", "http://a")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("insecure", UserWarning, stacklevel=1)
    first, second = lines(stream)
    assert (first["message"], first["log"]["logger"]) == ("node http://a is dead", "elasticsearch")
    assert "insecure" in second["message"]


def test_debug_shows_the_clients_requests_too(configured):
    stream = configured(level="debug")
    logging.getLogger("elastic_transport").info("GET /")
    assert lines(stream)[0]["message"] == "GET /"


KEY = "VuaCfGcBCdbkQm-e5aOx:ui2lp2axTNmsyakw9tvNnw"


@pytest.mark.parametrize("form", ["ecs", "console"])
def test_no_secret_reaches_a_line(configured, form):
    stream = configured(form, secrets=[KEY, "hunter22"])
    log = logs.logger()
    encoded = base64.b64encode(KEY.encode()).decode()
    refused = f"refused {KEY}"
    log.info(refused, headers={"Authorization": "ApiKey abc"}, seen=[f"ApiKey {encoded}", b"hunter22"])
    logging.getLogger("elsewhere").warning("password is %s", "hunter22")
    log.error("failed", api_key="0123", exc_info=ValueError(f"bad key {KEY}"))
    text = stream.getvalue()
    assert "(secret)" in text
    assert "ValueError" in text
    for secret in (KEY, encoded, "hunter22", "ApiKey abc", "0123"):
        assert secret not in text


FAILURE = Failure("AccessDenied", "operator", "may not read logs-*", "Grant the privilege read.")

EXECUTIONS = {
    "complete": (
        {"created": 2, "duplicates": 1, "matched": 3, "candidates": 40, "requests": 1},
        "info",
        "11:51:00 to 12:00:00: 2 created, 1 duplicate, 3 of 40 matched, 1 request, 0.25 s",
        {"outcome": "success", "duration": 250_000_000},
    ),
    "truncated": (
        {"verdict": Verdict.TRUNCATED, "created": 100, "backlog": 20, "run_type": RunType.CATCH_UP},
        "warning",
        "Rule r-1: truncated, catch-up 2025-06-01 11:51:00 to 12:00:00: 100 created, 0 duplicates, 20 waiting",
        {"outcome": "success"},
    ),
    "a sweep": (
        {"run_type": RunType.SWEEP, "ingested": Window(NOON, NOON + timedelta(minutes=9))},
        "info",
        "sweep 2025-06-01 11:51:00 to 12:00:00 for what came in 2025-06-01 12:00:00 to 12:09:00: 0 created",
        {"outcome": "success"},
    ),
    "partial": (
        {"verdict": Verdict.PARTIAL, "faults": ("2 of 6 shards failed",)},
        "warning",
        "2 of 6 shards failed",
        {"outcome": "unknown"},
    ),
    "failed": (
        {"verdict": Verdict.FAILED, "failure": FAILURE},
        "error",
        "may not read logs-*. Grant the privilege read. [AccessDenied, for the operator]",
        {"outcome": "failure"},
    ),
}


@pytest.mark.parametrize(("changes", "level", "words", "event"), EXECUTIONS.values(), ids=EXECUTIONS)
def test_an_execution_is_one_line(configured, make_execution, changes, level, words, event):
    stream = configured()
    execution = make_execution(**changes)
    ExecutionLog(logs.logger()).executed(execution)
    (line,) = lines(stream)
    assert words in line["message"]
    assert line["log.level"] == level
    assert event.items() <= line["event"].items()
    assert line["rule"] == {"id": "r-1", "name": "Rule r-1", "version": "3"}
    told = line["eql_runner"]["execution"]
    assert told["window"] == {"start": "2025-06-01T11:51:00+00:00", "end": "2025-06-01T12:00:00+00:00"}
    for name in ("candidates", "matched", "created", "duplicates", "rejected", "backlog", "requests"):
        assert told[name] == getattr(execution, name)
    if execution.failure:
        assert line["error"] == {"type": "AccessDenied", "message": "may not read logs-*"}
        assert (told["failure"]["who"], told["failure"]["hint"]) == ("operator", "Grant the privilege read.")


def test_a_crash_is_told_with_its_trace_and_a_skipped_start_with_a_next_step(configured, make_rule):
    stream = configured()
    log = ExecutionLog(logs.logger())
    log.crashed(make_rule(), KeyError("k"))
    log.skipped(make_rule())
    crash, skip = lines(stream)
    assert "KeyError" in crash["error"]["stack_trace"]
    assert crash["rule"]["id"] == "r-1"
    assert "RUNNER_WORKERS" in skip["message"]
