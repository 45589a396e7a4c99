"""Log lines and metrics of notifications; and that neither shows a channel's URL."""

import io
import json
import logging
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from pydantic import SecretStr

from runner.errors import ClusterUnavailable
from runner.notify.config import ChannelKind
from runner.notify.messages import render
from runner.notify.model import Claim, Standing
from runner.notify.secret_urls import secret_parts
from runner.notify.services import AppriseService
from runner.notify.webhook import Webhook
from runner.telemetry import logs
from runner.telemetry.notification_log import NotificationLog
from runner.telemetry.notification_metrics import NotificationMetrics
from tests.made import minute
from tests.notify.hook import Answer, Hook
from tests.notify.made import SECRET_PATH, Clock, alert, channel, entry

Lines = Callable[[], list[dict[str, object]]]
CLAIM = Claim("soc", "one", minute(2), failures=1, failing_since=minute(0), paused_until=minute(1), error="no")
PASSWORD = "hunter2222"


@pytest.fixture
def lines() -> Lines:
    """What is logged at level debug, as lines of JSON."""
    stream = io.StringIO()
    logs.configure("ecs", "debug", (), stream)
    return lambda: [json.loads(line) for line in stream.getvalue().splitlines()]


def levels(lines: Lines) -> list[object]:
    return [line["log.level"] for line in lines()]


def test_a_message_is_one_line_with_its_rule_and_channel(lines: Lines) -> None:
    message = render((entry(),), {"a": alert().document}, channel())
    NotificationLog(logs.logger()).delivered(message, (entry(),))
    (line,) = lines()
    assert line["message"] == "told soc: alert, [high] Evil Process"
    assert (line["log.level"], line["rule"], line["event"]) == (
        "info",
        {"id": "rule-1", "name": "Evil Process"},
        {"action": "notification", "outcome": "success"},
    )
    assert line["eql_runner"] == {"notify": {"channel": "soc", "id": "a:soc", "entries": 1}}


def test_a_channel_that_fails_is_a_warning_once_and_told_when_it_goes_again(lines: Lines) -> None:
    log = NotificationLog(logs.logger())
    tried = entry(error="no", attempts=1)
    log.refused(tried, CLAIM)
    log.refused(replace(tried, attempts=2), replace(CLAIM, failures=2))
    log.resumed(CLAIM, minute(1))
    first, second, third = lines()
    assert first["message"] == "soc cannot be told: no; tried again at 12:01:00 UTC, nothing is lost meanwhile"
    assert levels(lines) == ["warning", "debug", "info"]
    assert second["error"] == {"message": "no"}
    assert third["message"] == "soc can be told again, after 1 minute"


def test_one_refused_message_is_told_as_such(lines: Lines) -> None:
    NotificationLog(logs.logger()).refused(entry(error="413", attempts=1), replace(CLAIM, failures=0))
    assert "soc refuses a notification: 413" in str(lines()[0]["message"])


@pytest.mark.parametrize(
    ("number", "told"), [(1, "1 notification of R0: gone"), (5, "5 notifications of R0, R1, R2 and 2 more: gone")]
)
def test_what_is_given_up_is_an_error_that_says_how_to_go_on(lines: Lines, number: int, told: str) -> None:
    NotificationLog(logs.logger()).given_up([entry(str(n), error="gone", rule_name=f"R{n}") for n in range(number)])
    (line,) = lines()
    assert line["log.level"] == "error"
    assert told in str(line["message"])
    assert "eql-runner notify retry soc" in str(line["message"])


def test_trouble_is_told_once_until_it_changes(lines: Lines) -> None:
    log = NotificationLog(logs.logger())
    for error in (ClusterUnavailable("away", "Look."), ClusterUnavailable("away"), KeyError("x")):
        log.troubled("deliver to soc", error)
    assert levels(lines) == ["warning", "debug", "warning"]
    assert "cannot deliver to soc, tried again soon: away Look." in str(lines()[0]["message"])


def test_metrics_count_what_is_done_and_read_what_waits() -> None:
    registry, clock = CollectorRegistry(), Clock(5)
    standing = [Standing("soc", waiting=7, failed=2, oldest=minute(0))]
    metrics = NotificationMetrics(registry, ["soc", "idle"], lambda: standing, clock)
    message = render((entry(),), {}, channel())
    metrics.delivered(message, (entry("a"), entry("b")))
    metrics.refused(entry(), CLAIM)
    metrics.given_up([entry("a"), entry("b"), entry("c")])
    metrics.resumed(CLAIM, minute(1))
    metrics.troubled("x", KeyError())
    text = generate_latest(registry).decode()
    for series in (
        'runner_notifications_sent_total{channel="soc"} 2.0',
        'runner_notifications_sent_total{channel="idle"} 0.0',
        'runner_notification_messages_total{channel="soc"} 1.0',
        'runner_notification_attempts_failed_total{channel="soc"} 1.0',
        'runner_notifications_given_up_total{channel="soc"} 3.0',
        'runner_notifications_pending{channel="soc"} 7.0',
        'runner_notifications_pending{channel="idle"} 0.0',
        'runner_notifications_failed{channel="soc"} 2.0',
        'runner_notifications_oldest_pending_seconds{channel="soc"} 300.0',
    ):
        assert series in text


def test_the_series_of_a_channel_come_and_go_with_it() -> None:
    registry = CollectorRegistry()
    metrics = NotificationMetrics(registry, ["soc", "old"], list, Clock())
    message = render((entry(),), {}, channel())
    metrics.delivered(message, [entry()])
    metrics.serving(["soc", "new"])
    metrics.delivered(message, [entry(channel="old")])  # it was being sent when the channel went
    text = generate_latest(registry).decode()
    assert 'runner_notifications_sent_total{channel="soc"} 1.0' in text
    for name in ("sent_total", "given_up_total", "pending", "failed", "oldest_pending_seconds"):
        assert f'runner_notifications_{name}{{channel="new"}} 0.0' in text
    assert '"old"' not in text


def test_the_channels_that_are_served_are_told(lines: Lines) -> None:
    NotificationLog(logs.logger()).serving(["soc", "pager"])
    assert lines()[0]["message"] == "notifications go to soc, pager"


def test_the_metrics_in_the_docs_are_those_that_there_are() -> None:
    registry = CollectorRegistry()
    NotificationMetrics(registry, ["soc"], list, Clock())
    there = set(re.findall(r"^# TYPE (\S+)", generate_latest(registry).decode(), re.MULTILINE))
    page = Path(__file__).parents[2] / "docs" / "notifications.md"
    told = set(re.findall(r"^\| `(runner_\w+)`", page.read_text(encoding="utf-8"), re.MULTILINE))
    assert told == {name for name in there if not name.endswith("_created")}


def test_no_log_line_shows_a_channels_url_even_at_level_debug(lines: Lines) -> None:
    """The HTTP library logs the path of every request."""
    message = render((entry(),), {"a": alert().document}, channel())
    with Hook(Answer(500), Answer(500)) as hook:
        url = f"http://user:{PASSWORD}@{hook.netloc}{SECRET_PATH}"
        logs.conceal(secret_parts(url))
        webhook = Webhook(channel(kind=ChannelKind.WEBHOOK, url=SecretStr(url)), Clock())
        service = AppriseService(channel(url=SecretStr(url.replace("http", "json"))))
        log = NotificationLog(logs.logger())
        for sender in (webhook, service):
            outcome = sender.send(message)
            log.refused(entry(error=outcome.error), CLAIM)
        logging.getLogger("elsewhere").error("went to %s", url)
    text = json.dumps(lines())
    assert "urllib3" in text, "the library does log"
    assert "(secret)" in text
    for secret in ("SECRET", PASSWORD):
        assert secret not in text


def test_what_waits_is_of_an_age_that_is_never_negative() -> None:
    registry = CollectorRegistry()
    standing = [Standing("soc", waiting=1, oldest=minute(0) + timedelta(days=1))]
    NotificationMetrics(registry, ["soc"], lambda: standing, Clock(0))
    assert 'runner_notifications_oldest_pending_seconds{channel="soc"} 0.0' in generate_latest(registry).decode()
