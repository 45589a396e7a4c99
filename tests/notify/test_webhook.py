"""The plain webhook against a real server: what is posted, and what each answer means."""

import ssl
from dataclasses import replace
from datetime import timedelta
from email.utils import format_datetime

import pytest
import urllib3
from pydantic import SecretStr

from runner.notify import webhook
from runner.notify.config import ChannelKind
from runner.notify.messages import test_message
from runner.notify.webhook import Webhook, fault_of, retry_after
from tests.made import minute
from tests.notify.hook import Answer, Hook
from tests.notify.made import SECRET_PATH, Clock, channel

MESSAGE = test_message("siem", minute(0))
test_message.__test__ = False  # type: ignore[attr-defined]  # a function of the product


def hooked(netloc: str, **fields: object) -> Webhook:
    url = SecretStr(f"http://{netloc}{SECRET_PATH}")
    return Webhook(channel("siem", **{"kind": ChannelKind.WEBHOOK, "url": url, **fields}), Clock())


def test_a_message_is_posted_as_json_with_its_id() -> None:
    with Hook() as hook:
        outcome = hooked(hook.netloc, token=SecretStr("t0ken")).send(MESSAGE)
        assert outcome.error == ""
        (got,) = hook.got
    assert got.path == SECRET_PATH
    assert got.headers["idempotency-key"] == MESSAGE.id
    assert got.headers["authorization"] == "Bearer t0ken"
    assert got.headers["content-type"] == "application/json"
    assert got.body == {**MESSAGE.payload, "sent": "2026-01-01T12:00:00.000+00:00"}


def test_a_login_in_the_url_becomes_basic_authentication() -> None:
    with Hook() as hook:
        hooked(hook.netloc, url=SecretStr(f"http://us%40er:p%3Ass@{hook.netloc}/in")).send(MESSAGE)
        assert hook.got[0].headers["authorization"] == "Basic dXNAZXI6cDpzcw=="
        assert hook.got[0].path == "/in"


def test_half_a_surrogate_pair_is_posted_all_the_same() -> None:
    odd = replace(MESSAGE, payload={"text": "\ud800"})
    with Hook() as hook:
        assert hooked(hook.netloc).send(odd).error == ""
        assert hook.got[0].body["text"] == "\ud800"


@pytest.mark.parametrize(
    ("answer", "part", "wait", "of_message"),
    [
        (Answer(204), "", None, False),
        (Answer(400), "400 Bad Request", None, True),
        (Answer(413), "413", None, True),
        (Answer(401), "401 Unauthorized", None, False),
        (Answer(404), "404 Not Found", None, False),
        (Answer(429, {"Retry-After": "120"}), "429 Too Many Requests", timedelta(minutes=2), False),
        (Answer(429), "429", None, False),
        (Answer(503, {"Retry-After": format_datetime(minute(7))}), "503", timedelta(minutes=7), False),
        (Answer(500), "500", None, False),
        (Answer(599), "answered 599", None, False),
        (Answer(302, {"Location": "http://elsewhere.example/"}), "redirects are not followed", None, False),
        (Answer(cut=True), "the connection was cut", None, False),
    ],
    ids=str,
)
def test_an_answer_means(answer: Answer, part: str, wait: timedelta | None, of_message: bool) -> None:
    with Hook(answer) as hook:
        outcome = hooked(hook.netloc).send(MESSAGE)
    assert part in outcome.error
    assert bool(outcome.error) == bool(part)
    assert (outcome.wait, outcome.of_message) == (wait, of_message)
    assert not outcome.error or hook.netloc in outcome.error
    assert "SECRET" not in outcome.error


def test_a_server_that_does_not_answer_is_given_up_in_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webhook, "TIMEOUT", urllib3.Timeout(connect=1, read=0.2))
    with Hook(Answer(silent=True)) as hook:
        outcome = hooked(hook.netloc).send(MESSAGE)
    assert "no answer in" in outcome.error
    assert "SECRET" not in outcome.error


def test_a_server_that_is_not_there_is_said_without_the_path() -> None:
    with Hook() as hook:
        netloc = hook.netloc
    outcome = hooked(netloc).send(MESSAGE)
    assert outcome.error.endswith("no connection")
    assert "SECRET" not in outcome.error


@pytest.mark.parametrize(
    "url", ["http://no-such-host.invalid" + SECRET_PATH, "http://exa mple" + SECRET_PATH, "http://\ud800" + SECRET_PATH]
)
def test_a_host_that_cannot_be_is_an_error_without_the_path(url: str) -> None:
    outcome = hooked("", url=SecretStr(url)).send(MESSAGE)
    assert outcome.error
    assert "SECRET" not in outcome.error


def test_a_certificate_that_nobody_trusts_is_refused() -> None:
    with Hook() as hook:
        outcome = hooked("", url=SecretStr(f"https://{hook.netloc}{SECRET_PATH}")).send(MESSAGE)
    assert "secure connection" in outcome.error
    assert "SECRET" not in outcome.error
    assert urllib3.PoolManager().connection_pool_kw.get("cert_reqs") in {None, "CERT_REQUIRED", ssl.CERT_REQUIRED}


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("30", timedelta(seconds=30)),
        ("0", timedelta(0)),
        ("999999999", timedelta(days=1)),
        (format_datetime(minute(-5)), timedelta(0)),
        ("soon", None),
        ("", None),
        ("-5", None),
        ("\u00b2", None),
        ("9" * 5000, None),
        ("Mon, 99999999999999999999 Jan 2026 00:00:00 GMT", None),
    ],
)
def test_retry_after(value: str, expected: timedelta | None) -> None:
    assert retry_after(value, minute(0)) == expected


@pytest.mark.parametrize("url", ["slack://a/b", "hooks.example/x", "https://", "https://h:0/", "http://[half", ""])
def test_what_is_no_web_address_is_a_fault(url: str) -> None:
    assert fault_of(SecretStr(url))
    assert fault_of(SecretStr("https://h.example/x")) == ""
