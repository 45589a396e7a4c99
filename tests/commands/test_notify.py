"""Notifications from end to end: rules over a real node, and a real server that is told of their alerts."""

import json
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from elasticsearch import Elasticsearch

from runner.cli import main
from tests.notify.hook import Answer, Hook
from tests.rules.rule_text import with_values, written

pytestmark = pytest.mark.live

PASSWORD = "hunter2222"
SECRET_PATH = "/services/T0SECRET/x9SECRETx9"
FILE = """\
[channels.hook]
kind = "webhook"
url_env = "HOOK_URL"

[channels.soc]
url_env = "SOC_URL"
digest = { above = 2, within = "1h" }

[[routes]]
channels = ["hook", "soc"]
severity = ["high"]

[[routes]]
channels = ["hook"]
executions = "failed"
"""

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def hook() -> Iterator[Hook]:
    with Hook() as running:
        yield running


@pytest.fixture
def place(
    tmp_path: Path, hook: Hook, elasticsearch_url: str, index_prefix: str, monkeypatch: pytest.MonkeyPatch
) -> str:
    """Settings for one rule over `<prefix>-logs`, and for two channels; the prefix."""
    (tmp_path / "rules").mkdir()
    text = with_values(name="Evil Process", severity="high", index=[f"{index_prefix}-logs"])
    written(tmp_path / "rules", text, "evil.toml")
    (tmp_path / "notifications.toml").write_text(FILE, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    for name in ("alerts", "executions", "state", "suppressed", "outbox"):
        monkeypatch.setenv(f"RUNNER_{name.upper()}_INDEX", f"{index_prefix}-{name}")
    monkeypatch.setenv("RUNNER_ELASTICSEARCH_URL", elasticsearch_url)
    monkeypatch.setenv("RUNNER_RULES_PATH", str(tmp_path / "rules"))
    monkeypatch.setenv("RUNNER_NOTIFICATIONS_PATH", str(tmp_path / "notifications.toml"))
    monkeypatch.setenv("HOOK_URL", f"http://user:{PASSWORD}@{hook.netloc}{SECRET_PATH}/hook")
    monkeypatch.setenv("SOC_URL", f"json://user:{PASSWORD}@{hook.netloc}{SECRET_PATH}/soc?rto=2&cto=2")
    return index_prefix


@pytest.fixture
def run(place: str, capsys: pytest.CaptureFixture[str]) -> Run:
    """Run a command; return exit code, output and complaints, none of which holds a secret."""

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(list(arguments))
        told = capsys.readouterr()
        for text in told:
            assert "SECRET" not in text
            assert PASSWORD not in text
        return code, told.out, told.err

    return run


def index_events(node: Elasticsearch, place: str, number: int, start: int = 0) -> None:
    at = datetime.now(UTC) - timedelta(minutes=3)
    operations: list[object] = []
    for one in range(start, start + number):
        event = {
            "@timestamp": (at + timedelta(seconds=one)).isoformat(timespec="milliseconds"),
            "event": {"category": ["process"]},
            "process": {"name": "evil", "command_line": f"evil --{one}"},
            "host": {"name": "web-1"},
        }
        operations += [{"create": {"_index": f"{place}-logs", "_id": str(one)}}, event]
    if start == 0:
        keyword = {"type": "keyword"}
        properties = {
            "@timestamp": {"type": "date"},
            "event": {"properties": {"category": keyword}},
            "process": {"properties": {"name": keyword, "command_line": keyword}},
            "host": {"properties": {"name": keyword}},
        }
        node.indices.create(index=f"{place}-logs", mappings={"properties": properties})
    assert not node.bulk(operations=operations, refresh=True)["errors"]


def told(hook: Hook, channel: str) -> list[dict[str, object]]:
    return [got.body for got in hook.got if got.path.endswith(f"/{channel}")]


def pauses_end(node: Elasticsearch, place: str) -> None:
    """Let everything be due, as it is after a while."""
    claim = "if (ctx._source.claim != null) { ctx._source.claim.remove('paused_until') }"
    entry = "if (ctx._source.entry != null) { ctx._source.entry.due = ctx._source.entry.created }"
    node.update_by_query(index=f"{place}-outbox", refresh=True, script={"source": f"{claim} {entry}"})


def statuses(run: Run) -> dict[str, dict[str, object]]:
    return {one["channel"]: one for one in json.loads(run("notify", "status", "--json")[1])}


def test_alerts_of_once_are_told_by_each_channel_in_its_way_and_never_again(
    run: Run, node: Elasticsearch, place: str, hook: Hook
) -> None:
    index_events(node, place, 3)
    assert run("once")[0] == 0
    singles = told(hook, "hook")
    assert sorted(one["title"] for one in singles) == ["[high] Evil Process"] * 3
    assert len({one["id"] for one in singles}) == 3
    (digest,) = told(hook, "soc")
    assert digest["title"] == "[high] 3 alerts of Evil Process"
    alerts = node.search(index=f"{place}-alerts")["hits"]["hits"]
    assert {tuple(alert["_source"]["eql_runner.notify"]) for alert in alerts} == {("hook", "soc")}
    assert run("once")[0] == 0
    assert len(hook.got) == 4
    everything = node.search(index=f"{place}-*,-{place}-logs", size=1000).body
    assert "SECRET" not in json.dumps(everything)
    assert PASSWORD not in json.dumps(everything)
    standing = statuses(run)
    assert [(one["waiting"], one["failed"], one["failures"]) for one in standing.values()] == [(0, 0, 0)] * 2


def test_a_channel_that_is_down_is_shown_and_told_all_later(
    run: Run, node: Elasticsearch, place: str, hook: Hook
) -> None:
    index_events(node, place, 1)
    hook.answers = [Answer(503, {"Retry-After": "1"})] * 2
    assert run("once")[0] == 0
    code, out, _ = run("notify", "status")
    assert code == 1
    assert "answered 503" in out
    standing = statuses(run)
    assert (standing["hook"]["waiting"], standing["hook"]["failures"]) == (1, 1)
    hook.got.clear()
    pauses_end(node, place)
    assert run("once")[0] == 0
    assert len(hook.got) == 2
    assert run("notify", "status")[0] == 0


def test_an_alert_whose_entry_was_lost_is_told_by_the_next_run(
    run: Run, node: Elasticsearch, place: str, hook: Hook
) -> None:
    index_events(node, place, 1)
    hook.answers = [Answer(500)] * 2
    run("once")
    node.delete_by_query(index=f"{place}-outbox", query={"match_all": {}}, refresh=True)
    hook.got.clear()
    run("once")
    assert [len(told(hook, name)) for name in ("hook", "soc")] == [1, 1]


def test_what_was_given_up_can_be_tried_again(
    run: Run, node: Elasticsearch, place: str, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_events(node, place, 1)
    monkeypatch.setenv("RUNNER_NOTIFY_GIVE_UP", "1ms")
    hook.answers = [Answer(404)] * 4
    run("once")
    pauses_end(node, place)
    run("once")
    assert statuses(run)["soc"]["failed"] == 1
    assert "eql-runner notify retry soc" in run("notify", "status")[1]
    assert run("notify", "retry", "soc")[:2] == (0, "1 notification to soc will be sent again\n")
    assert (statuses(run)["soc"]["failed"], statuses(run)["soc"]["waiting"]) == (0, 1)
    assert run("notify", "retry", "soc")[0] == 2


def test_a_rule_that_keeps_failing_is_told_over_several_runs_and_its_recovery_too(
    run: Run, node: Elasticsearch, place: str, hook: Hook
) -> None:
    node.indices.create(index=f"{place}-logs", mappings={"properties": {"@timestamp": {"type": "keyword"}}})
    for _ in range(4):
        assert run("once")[0] == 1
    (failing,) = told(hook, "hook")
    assert failing["title"] == "Rule keeps failing: Evil Process"
    node.indices.delete(index=f"{place}-logs")
    run("once")
    assert [one["kind"] for one in told(hook, "hook")] == ["failing", "recovered"]


def test_a_channel_can_be_tried(run: Run, hook: Hook) -> None:
    assert run("notify", "test", "soc") == (0, "soc took it: look whether it has arrived\n", "")
    assert told(hook, "soc")[0]["title"] == "eql-runner: test of soc"
    hook.answers = [Answer(403)]
    code, _, err = run("notify", "test", "hook")
    assert code == 1
    assert "answered 403 Forbidden" in err
    code, _, err = run("notify", "test", "nope")
    assert (code, "there is no channel `nope`" in err, "hook, soc" in err) == (2, True, True)


def test_the_file_is_checked_by_itself_and_before_anything_runs(run: Run, tmp_path: Path) -> None:
    code, out, _ = run("notify", "check")
    assert code == 0
    assert "hook  webhook, http://127.0.0.1" in out
    path = tmp_path / "notifications.toml"
    path.write_text(FILE.replace("severity", "severty"), encoding="utf-8")
    code, out, _ = run("notify", "check")
    assert (code, "unknown key `severty`" in out) == (1, True)
    code, _, err = run("once")
    assert (code, "unknown key `severty`" in err) == (2, True)
    path.unlink()
    assert "RUNNER_NOTIFICATIONS_PATH" in run("once")[2]


def test_without_a_file_it_says_how_to_set_it_up(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("RUNNER_NOTIFICATIONS_PATH")
    for command in ("check", "status"):
        code, _, err = run("notify", command)
        assert (code, "Set RUNNER_NOTIFICATIONS_PATH" in err) == (2, True)


def test_nobody_is_told_where_nothing_is_set_up(
    run: Run, node: Elasticsearch, place: str, hook: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNNER_NOTIFICATIONS_PATH")
    index_events(node, place, 1)
    assert run("once")[0] == 0
    assert hook.got == []
    assert not node.indices.exists(index=f"{place}-outbox")
    (alert,) = node.search(index=f"{place}-alerts")["hits"]["hits"]
    assert "eql_runner.notify" not in alert["_source"]


def test_the_service_tells_counts_and_ends_in_time(
    node: Elasticsearch, place: str, hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_events(node, place, 2)
    rule = tmp_path / "rules" / "evil.toml"
    rule.write_text(rule.read_text(encoding="utf-8").replace('interval = "5m"', 'interval = "1s"'))
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port = one.getsockname()[1]
    monkeypatch.setenv("RUNNER_HTTP_PORT", str(port))
    monkeypatch.setenv("RUNNER_LOG_LEVEL", "debug")
    log = tmp_path / "log"
    with log.open("w") as stream:
        process = subprocess.Popen([sys.executable, "-m", "runner", "run"], stderr=stream, cwd=tmp_path)
    try:
        until(lambda: len(told(hook, "hook")) == 2 and told(hook, "soc"))
        until(lambda: b'runner_notifications_sent_total{channel="hook"} 2.0' in fetched(port))
        text = fetched(port).decode()
        assert 'runner_notifications_pending{channel="soc"}' in text
        begun = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
        assert time.monotonic() - begun < 10
    finally:
        process.kill()
        process.wait()
    said = log.read_text(encoding="utf-8")
    assert "told hook: alert, [high] Evil Process" in said
    assert "SECRET" not in said
    assert PASSWORD not in said


def test_on_sighup_the_service_takes_a_file_that_is_right_and_no_other(
    node: Elasticsearch, place: str, hook: Hook, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    index_events(node, place, 1)
    rule, path, log = tmp_path / "rules" / "evil.toml", tmp_path / "notifications.toml", tmp_path / "log"
    rule.write_text(rule.read_text(encoding="utf-8").replace('interval = "5m"', 'interval = "1s"'))
    monkeypatch.setenv("RUNNER_HTTP_PORT", "0")
    monkeypatch.setenv("RUNNER_WATCH_RULES", "false")
    with log.open("w") as stream:
        process = subprocess.Popen([sys.executable, "-m", "runner", "run"], stderr=stream, cwd=tmp_path)
    try:
        until(lambda: told(hook, "hook") and told(hook, "soc"))
        hook.got.clear()
        path.write_text(FILE.replace("hook", "pager").replace("severity", "severty"), encoding="utf-8")
        process.send_signal(signal.SIGHUP)
        until(lambda: "not taken: " in log.read_text(encoding="utf-8"))
        index_events(node, place, 1, start=1)
        until(lambda: [one for one in told(hook, "hook") if str(one["id"]).endswith(":hook")])
        path.write_text(FILE.replace("channels.hook", "channels.pager").replace('"hook"', '"pager"'), encoding="utf-8")
        process.send_signal(signal.SIGHUP)
        until(lambda: "notifications go to pager, soc" in log.read_text(encoding="utf-8"))
        index_events(node, place, 1, start=2)
        until(lambda: [one for one in told(hook, "hook") if str(one["id"]).endswith(":pager")])
        process.send_signal(signal.SIGTERM)
        assert process.wait(15) == 0
    finally:
        process.kill()
        process.wait()


def fetched(port: int) -> bytes:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
            return bytes(answer.read())
    except urllib.error.URLError:
        return b""


def until(condition: Callable[[], object], seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.05)


def test_a_backfill_is_told_only_where_a_route_asks_for_it(
    run: Run, node: Elasticsearch, place: str, hook: Hook, tmp_path: Path
) -> None:
    index_events(node, place, 1)
    path = tmp_path / "notifications.toml"
    assert run("setup")[0] == 0
    assert run("backfill", "Evil Process", "--from", "now-1h", "--dry-run")[0] == 0
    assert hook.got == []
    text = FILE.replace('channels = ["hook", "soc"]', 'channels = ["soc"]')
    path.write_text(f'{text}\n[[routes]]\nchannels = ["hook"]\nbackfill = true\n', encoding="utf-8")
    assert run("backfill", "Evil Process", "--from", "now-1h")[0] == 0
    assert (len(told(hook, "hook")), len(told(hook, "soc"))) == (1, 0)
