"""What a message says, in words and as JSON values."""

from collections.abc import Sequence

import pytest

from runner.notify.config import Include
from runner.notify.messages import LISTED, LONGEST_TEXT, render, test_message
from runner.notify.model import Entry, Kind, Message
from runner.notify.template import Template
from tests.made import minute
from tests.notify.made import alert, channel, entry


def rendered(entries: Sequence[Entry], to=None, **fields: object) -> Message:
    documents = {one.alert_id: alert(one.alert_id, **fields).document for one in entries if one.alert_id}
    return render(tuple(entries), documents, to or channel())


def test_an_alert_is_told_in_the_words_of_the_default_template() -> None:
    message = rendered([entry()])
    assert message.title == "[high] Evil Process"
    assert message.text == (
        "process event a\n\nHost: web-1\nUser: root\nProcess: curl evil\nEvent time: 2026-01-01T11:59:00.000Z\n"
        "Risk score: 73\nATT&CK: Execution\nAlert: a\n\na:soc"
    )
    assert (message.id, message.kind, message.severity) == ("a:soc", Kind.ALERT, "high")


def test_an_alert_is_told_in_the_words_of_the_channels_template() -> None:
    template = Template("${rule}: ${host}", "${process.command_line} by ${user|nobody}\n${kibana.alert.rule.note}")
    message = rendered([entry()], channel(template=template), **{"user.name": None})
    assert message.title == "Evil Process: web-1"
    assert message.text == "curl evil by nobody\n# Guide\n\na:soc"


def test_an_alert_that_is_gone_is_told_by_what_the_entry_knows() -> None:
    message = render((entry(),), {}, channel())
    assert message.title == "[high] Evil Process"
    assert message.text == "Alert: a\n\na:soc"


def test_a_digest_counts_and_shows_the_first() -> None:
    some = [entry(f"a{number:02}", number, severity="low" if number else "critical") for number in range(57)]
    message = rendered(some)
    assert message.title == "[critical] 57 alerts of Evil Process"
    lines = message.text.splitlines()
    assert lines[0] == "From 2026-01-01 12:00:00 to 2026-01-01 12:56:00 UTC: 1 critical, 56 low"
    assert lines[2] == "- 12:00:00 process event a00 (a00)"
    assert f"… and {57 - LISTED} more" in lines
    assert lines[-1] == message.id
    assert (message.kind, message.payload["count"], len(message.payload["alerts"])) == (Kind.DIGEST, 57, LISTED)


def test_a_summary_of_several_rules_counts_each() -> None:
    some = [entry(f"{rule}{number}", rule_id=rule, rule_name=f"Rule {rule}") for rule in "ab" for number in range(2)]
    message = rendered([*some, entry("a9", rule_id="a", rule_name="Rule a")])
    assert message.title == "[high] 5 alerts of 2 rules"
    assert "3 x Rule a\n2 x Rule b" in message.text
    assert message.payload["rules"] == [{"id": "a", "name": "Rule a"}, {"id": "b", "name": "Rule b"}]


@pytest.mark.parametrize(
    ("kind", "title"),
    [(Kind.FAILING, "Rule keeps failing: Evil Process"), (Kind.RECOVERED, "Rule runs again: Evil Process")],
)
def test_news_of_a_rule(kind: Kind, title: str) -> None:
    message = rendered([entry(kind=kind, alert_id="", detail="3 in a row: no shards", id="f:soc")])
    assert (message.title, message.text) == (title, "3 in a row: no shards\n\nf:soc")
    many = rendered([entry(kind=kind, alert_id="", id=f"{n}", rule_id=f"r{n}", detail="why") for n in range(5)])
    assert many.title == f"5 rules {'keep failing' if kind is Kind.FAILING else 'run again'}"


NEWS = {
    "one alert, and a rule that runs again": (
        [entry(), entry("b", kind=Kind.RECOVERED, alert_id="")],
        "[high] 1 alert, and news of rules, of Evil Process",
    ),
    "one rule that failed and runs again": (
        [entry(kind=kind, alert_id="", id=f"f:{kind}", detail="why") for kind in (Kind.FAILING, Kind.RECOVERED)],
        "1 rule keeps failing, or runs again",
    ),
}


@pytest.mark.parametrize(("batch", "title"), NEWS.values(), ids=NEWS)
def test_one_of_a_kind_is_told_as_one(batch: list[Entry], title: str) -> None:
    assert rendered(batch).title == title


def test_machines_get_a_summary_or_the_document_as_the_channel_says() -> None:
    assert rendered([entry()]).payload == {
        "id": "a:soc",
        "kind": "alert",
        "severity": "high",
        "title": "[high] Evil Process",
        "text": rendered([entry()]).text.removesuffix("\n\na:soc"),
        "count": 1,
        "rules": [{"id": "rule-1", "name": "Evil Process"}],
        "alerts": [
            {
                "id": "a",
                "rule_id": "rule-1",
                "rule": "Evil Process",
                "severity": "high",
                "risk_score": 73,
                "reason": "process event a",
                "time": "2026-01-01T11:59:00.000Z",
                "made": "2026-01-01T12:00:00.000Z",
                "status": "open",
                "host": ["web-1"],
                "user": ["root"],
                "tags": ["OS: Linux"],
                "tactics": ["Execution"],
            }
        ],
    }
    whole = rendered([entry()], channel(include=Include.DOCUMENT)).payload["document"]
    assert whole["process"] == {"command_line": "curl evil"}
    assert "kibana.alert.rule.note" not in whole


def test_a_message_is_cut_to_what_services_take_and_keeps_its_id() -> None:
    template = Template("${rule}" * 100, "${process.command_line} " * 1000)
    message = rendered([entry()], channel(template=template))
    assert len(message.title) <= 250
    assert len(message.text) <= LONGEST_TEXT + 100
    assert message.text.endswith("\n\na:soc")


def test_a_test_says_that_it_is_one() -> None:
    message = test_message("soc", minute(0))
    assert (message.kind, message.title) == (Kind.TEST, "eql-runner: test of soc")


test_message.__test__ = False  # type: ignore[attr-defined]  # a function of the product
