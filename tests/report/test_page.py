"""The report's one file: whole in itself, and closed to what alerts bring along."""

import base64
import hashlib
import json
import re
from html.parser import HTMLParser
from typing import Any

import pytest

from runner.report.page import page
from tests.report.alerts import MADE, alert

EVIL = "</script><script>alert(1)</script><img src=x onerror=alert(1)>"


class Tags(HTMLParser):
    """Collects each tag with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


def data_of(text: str) -> dict[str, Any]:
    data = re.search(r'id="data">(.*?)</script>', text, re.DOTALL)
    assert data
    found: dict[str, Any] = json.loads(data[1])
    return found


def test_the_page_loads_nothing() -> None:
    fetched = {"src", "srcset", "poster", "action", "formaction", "background"}
    for tag, attributes in Tags(page([alert(1)], MADE)).found:
        assert not fetched & attributes.keys(), tag
        if tag == "link":
            assert attributes["href"] == "data:,"
        assert not [name for name in attributes if name.startswith("on")], tag
    assert not re.search(r"url\(|@import", page([], MADE))


def test_the_policy_admits_the_page_s_own_script_and_style_and_nothing_else() -> None:
    text = page([alert(1)], MADE)
    policy = next(a["content"] for t, a in Tags(text).found if a.get("http-equiv") == "Content-Security-Policy")
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for name in ("script", "style"):
        content = re.findall(rf"<{name}>(.*?)</{name}>", text, re.DOTALL)
        assert len(content) == 1
        digest = base64.b64encode(hashlib.sha256(content[0].encode()).digest()).decode()
        assert f"{name}-src 'sha256-{digest}'" in policy


@pytest.mark.parametrize(
    "field",
    [
        "process",
        "kibana.alert.reason",
        "kibana.alert.rule.name",
        "kibana.alert.rule.note",
        "kibana.alert.rule.setup",
        "kibana.alert.rule.description",
        "kibana.alert.severity",
        "kibana.alert.uuid",
    ],
)
def test_no_text_of_an_alert_opens_a_tag(field: str) -> None:
    value = {"command_line": EVIL, EVIL: EVIL} if field == "process" else EVIL
    plain = [tag for tag, _ in Tags(page([alert(1)], MADE)).found if tag in {"script", "img"}]
    evil = [tag for tag, _ in Tags(page([alert(1, **{field: value})], MADE, title=EVIL, origin=EVIL)).found]
    assert [tag for tag in evil if tag in {"script", "img"}] == plain


def test_the_data_is_read_back_as_it_was() -> None:
    text = page([alert(1, process={"command_line": EVIL + "\u2028\\"})], MADE)
    assert data_of(text)["alerts"][0]["event"]["process"]["command_line"] == EVIL + "\u2028\\"


@pytest.mark.parametrize("field", ["process", "kibana.alert.reason", "kibana.alert.rule.note", "kibana.alert.uuid"])
def test_half_a_surrogate_pair_hides_no_alert(field: str) -> None:
    value = {"command_line": "bad\ud800"} if field == "process" else "bad\ud800"
    text = page([alert(1, **{field: value}), alert(2)], MADE, title="\udcff").encode().decode()
    alerts = data_of(text)["alerts"]
    assert len(alerts) == 2
    assert field != "process" or alerts[0]["event"]["process"]["command_line"] == "bad\ud800"


def test_an_event_of_many_values_one_in_another_hides_no_alert() -> None:
    deep: object = "leaf"
    for _ in range(300):
        deep = {"a": deep}
    assert data_of(page([alert(1, deep=deep)], MADE))["alerts"][0]["event"]["deep"] == deep


def test_the_page_says_what_it_is_of() -> None:
    text = page([alert(1), alert(2, at=30)], MADE, title="Night shift", origin="alerts.ndjson")
    assert "<title>Night shift</title>" in text
    assert "alerts.ndjson · 1 rule · 1 host · 2026-01-01 12:00 to 2026-01-01 12:30 UTC" in text


def test_a_rule_s_guide_stands_once_for_all_its_alerts() -> None:
    assert page([alert(number) for number in range(9)], MADE).count("Look at <em>who</em>") == 1
