"""Services through apprise, against a real server: the message arrives, and no secret leaves with an error or a log."""

import io
import logging
from collections.abc import Iterator

import apprise
import pytest
from pydantic import SecretStr

from runner.notify.messages import render, test_message
from runner.notify.model import Kind
from runner.notify.services import AppriseService, fault_of
from tests.made import minute
from tests.notify.hook import Answer, Hook
from tests.notify.made import SECRET_PATH, alert, channel, entry

test_message.__test__ = False  # type: ignore[attr-defined]  # a function of the product
MESSAGE = test_message("soc", minute(0))
PASSWORD = "hunter2222"


def service(netloc: str, path: str = SECRET_PATH) -> AppriseService:
    return AppriseService(channel(url=SecretStr(f"json://user:{PASSWORD}@{netloc}{path}")))


@pytest.fixture
def heard() -> Iterator[io.StringIO]:
    """All that is logged, as a service that logs everything would write it."""
    root, stream = logging.getLogger(), io.StringIO()
    handler, level = logging.StreamHandler(stream), root.level
    handler.setFormatter(logging.Formatter("%(name)s %(message)s"))
    root.addHandler(handler)
    root.setLevel(logging.DEBUG)
    yield stream
    root.removeHandler(handler)
    root.setLevel(level)


def test_a_message_arrives_with_title_text_and_urgency() -> None:
    message = render((entry(),), {"a": alert().document}, channel())
    with Hook() as hook:
        assert service(hook.netloc).send(message).error == ""
        (got,) = hook.got
    assert got.path == SECRET_PATH
    assert (got.body["title"], got.body["message"], got.body["type"]) == (message.title, message.text, "failure")


def test_many_messages_do_not_wait_for_each_other() -> None:
    with Hook() as hook:
        one = service(hook.netloc)
        assert [one.send(MESSAGE).error for _ in range(5)] == [""] * 5
        assert len(hook.got) == 5


@pytest.mark.parametrize(
    ("answer", "part", "waits"),
    [
        (Answer(401), "JSON answered 401", False),
        (Answer(429), "JSON answered 429", True),
        (Answer(500), "JSON answered 500", False),
        (Answer(cut=True), "JSON did not take it", False),
        (Answer(silent=True), "JSON did not take it", False),
    ],
    ids=str,
)
def test_an_error_says_what_was_answered_and_nothing_secret(
    answer: Answer, part: str, waits: bool, heard: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    with Hook(answer) as hook:
        outcome = service(hook.netloc, SECRET_PATH + "?rto=0.2&cto=1").send(MESSAGE)
    assert part in outcome.error
    assert bool(outcome.wait) == waits
    assert "apprise" not in heard.getvalue()
    for text in (outcome.error, repr(outcome), *capfd.readouterr()):
        assert PASSWORD not in text
        assert "SECRET" not in text


def test_a_plugin_that_raises_is_a_failure_without_its_words(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(self, *_args: object, **_fields: object) -> None:
        raise ValueError(f"cannot reach {PASSWORD}")

    monkeypatch.setattr(apprise.Apprise, "notify", fail)
    outcome = service("localhost:1").send(MESSAGE)
    assert "ValueError" in outcome.error
    assert PASSWORD not in outcome.error


@pytest.mark.parametrize(
    ("url", "well"),
    [
        ("json://localhost/x", True),
        ("mailto://user:pass@gmail.com", True),
        ("slack://T1JJ3T3L2/A1BRTD4JD/TIiajkdnlazkcOXrIdevi7FQ/#general", True),
        ("slack://half", False),
        ("nosuch://x/y", False),
        ("https://", False),
        ("just text", False),
    ],
)
def test_a_url_is_checked_without_being_shown(
    url: str, well: bool, heard: io.StringIO, capfd: pytest.CaptureFixture[str]
) -> None:
    fault = fault_of(SecretStr(url))
    assert (fault == "") == well
    assert url not in f"{fault}{heard.getvalue()}{capfd.readouterr()}"


def test_a_recovery_is_no_alarm() -> None:
    message = render((entry(kind=Kind.RECOVERED, alert_id="", detail="well"),), {}, channel())
    with Hook() as hook:
        service(hook.netloc).send(message)
        assert hook.got[0].body["type"] == "success"
