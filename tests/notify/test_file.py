"""The notifications file: what it may say, and every way in which it is wrong, with its place and without a secret."""

from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path

import pytest

from runner.notify.config import Channel, ChannelKind, Digest, Include, Notifications, Rate, Route
from runner.notify.file import read
from runner.notify.template import Template
from runner.rules.issues import Issue, IssueSeverity
from tests.made import rule

ENVIRONMENT = {"SOC_URL": "json://localhost/T0SECRET", "SIEM_URL": "https://siem.example/T0SECRET", "TOKEN": "t0ken"}
CHANNEL = '[channels.soc]\nurl_env = "SOC_URL"\n'
ROUTE = '[[routes]]\nchannels = ["soc"]\n'
WHOLE = """
[channels.soc]
url_env = "SOC_URL"
rate = "5/30s"
digest = { above = 3, within = "1h" }
template = "short"

[channels.siem]
kind = "webhook"
url_env = "SIEM_URL"
token_env = "TOKEN"
include = "document"
digest = false

[templates.short]
title = "${rule}"
text = "${host.name|nowhere} $$ https://kibana.example/app/security?query=1"

[[routes]]
channels = ["soc", "siem", "soc"]
rules = ["Evil Process"]
severity = ["high", "critical"]
tags = ["OS: Linux"]
building_blocks = true
backfill = true

[[routes]]
channels = ["soc"]
executions = "failed"
"""


def read_text(
    tmp_path: Path, text: str, environment: Mapping[str, str] = ENVIRONMENT, rules=()
) -> tuple[Notifications, tuple[Issue, ...]]:
    path = tmp_path / "notifications.toml"
    path.write_text(text, encoding="utf-8")
    return read(path, lambda name: environment.get(name, ""), rules)


def test_a_whole_file_is_read(tmp_path: Path) -> None:
    found, issues = read_text(tmp_path, WHOLE)
    assert issues == ()
    soc, siem = found.channels
    assert isinstance(soc, Channel)
    assert (soc.kind, soc.url.get_secret_value(), soc.token) == (ChannelKind.APPRISE, ENVIRONMENT["SOC_URL"], None)
    assert (soc.rate, soc.digest) == (Rate(5, timedelta(seconds=30)), Digest(3, timedelta(hours=1)))
    assert isinstance(soc.template, Template)
    assert (siem.kind, siem.digest, siem.include) == (ChannelKind.WEBHOOK, None, Include.DOCUMENT)
    assert siem.token is not None
    assert siem.token.get_secret_value() == "t0ken"
    assert found.routes == (
        Route(
            ("soc", "siem"),
            frozenset({"evil process"}),
            frozenset({"high", "critical"}),
            frozenset({"OS: Linux"}),
            building_blocks=True,
            backfill=True,
        ),
        Route(("soc",), executions=True),
    )
    assert found.channel("siem") is siem
    assert found.channel("none") is None


def test_little_is_enough(tmp_path: Path) -> None:
    found, issues = read_text(tmp_path, CHANNEL + ROUTE)
    assert issues == ()
    assert (found.channels[0].rate, found.channels[0].digest) == (Rate(), Digest())


def test_no_secret_is_in_any_view_of_what_was_read(tmp_path: Path) -> None:
    found, _ = read_text(tmp_path, WHOLE)
    for view in (repr(found), str(found), f"{found}"):
        assert "SECRET" not in view
        assert "t0ken" not in view


BAD = {
    "no TOML": ("[channels.soc\n", "not valid TOML", 1),
    "nothing": ("", "no channel is defined", 1),
    "no route": (CHANNEL, "no route leads to a channel", 1),
    "an unknown table": (CHANNEL + ROUTE + "[chanels.x]\n", "unknown key `chanels`", 5),
    "channels that are no tables": ("channels = 5\n" + ROUTE, "`channels` is not a table", 1),
    "a channel that is no table": ('channels.soc = "x"\n' + ROUTE, "`soc` is not a table", 1),
    "a channel with an odd name": ('[channels."So C"]\nurl_env = "SOC_URL"\n' + ROUTE, "is no name", 1),
    "an unknown key of a channel": (CHANNEL + "rates = 1\n" + ROUTE, "unknown key `rates`", 3),
    "a key of another shape": ("[channels.soc]\nurl_env = 5\n" + ROUTE, "`url_env` is not a text", 2),
    "no URL": ("[channels.soc]\n" + ROUTE, "`url_env` is missing", 1),
    "an unknown kind": (CHANNEL + 'kind = "mail"\n' + ROUTE, "`kind` is `mail`: expected apprise or webhook", 3),
    "a variable that is not set": ('[channels.soc]\nurl_env = "NOT_SET"\n' + ROUTE, "NOT_SET is not set", 2),
    "a variable of settings": ('[channels.soc]\nurl_env = "RUNNER_X"\n' + ROUTE, "are settings", 2),
    "no name of a variable": ('[channels.soc]\nurl_env = "a b"\n' + ROUTE, "no name of an environment variable", 2),
    "a token for a service": (CHANNEL + 'token_env = "TOKEN"\n' + ROUTE, "`token_env` is for webhooks", 3),
    "a rate without a time": (CHANNEL + 'rate = "5"\n' + ROUTE, "`rate` is `5`", 3),
    "a rate of nothing": (CHANNEL + 'rate = "0/1m"\n' + ROUTE, "`rate` is `0/1m`", 3),
    "a rate over days": (CHANNEL + 'rate = "5/2d"\n' + ROUTE, "`rate` is `5/2d`", 3),
    "a digest of nothing": (CHANNEL + "digest = { above = 0 }\n" + ROUTE, "`above` is 0", 3),
    "a digest of true": (CHANNEL + "digest = true\n" + ROUTE, "neither false nor a table", 3),
    "a digest in no time": (CHANNEL + 'digest = { within = "soon" }\n' + ROUTE, "`within` is `soon`", 3),
    "an unknown key of a digest": (CHANNEL + "digest = { over = 3 }\n" + ROUTE, "unknown key `over`", 3),
    "an unknown template": (CHANNEL + 'template = "x"\n' + ROUTE, "there is no template `x`", 3),
    "a template without text": (CHANNEL + ROUTE + '[templates.x]\ntitle = "a"\n', "`text` is missing", 5),
    "a template with an unknown name": (
        CHANNEL + ROUTE + '[templates.x]\ntitle = "a"\ntext = """\nline\n  ${hots}\n"""\n',
        "`hots` is neither",
        9,
    ),
    "a template with a lone dollar": (CHANNEL + ROUTE + '[templates.x]\ntitle = "a $b"\ntext = "c"\n', "`$` begins", 6),
    "an unknown channel": (CHANNEL + '[[routes]]\nchannels = ["sco"]\n' + ROUTE, "there is no channel `sco`", 4),
    "a route to nowhere": (CHANNEL + "[[routes]]\n" + ROUTE, "`channels` is missing", 3),
    "an unknown severity": (CHANNEL + ROUTE + 'severity = ["hihg"]\n', "`hihg` is no severity", 5),
    "a severity that is no list": (CHANNEL + ROUTE + 'severity = "high"\n', "`severity` is not a list of texts", 5),
    "executions of another kind": (CHANNEL + ROUTE + 'executions = "all"\n', "`executions` is `all`", 5),
    "executions and alerts": (
        CHANNEL + ROUTE + 'executions = "failed"\nbackfill = true\n',
        "`backfill` is about alerts",
        6,
    ),
}


@pytest.mark.parametrize(("text", "message", "line"), BAD.values(), ids=BAD)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, text: str, message: str, line: int) -> None:
    _, issues = read_text(tmp_path, text)
    errors = [issue for issue in issues if issue.is_error]
    assert any(message in issue.message for issue in errors), [issue.message for issue in errors]
    assert line in [issue.line for issue in errors if message in issue.message]


SECRETS = {
    "a URL for a variable": '[channels.soc]\nurl_env = "slack://T0SECRET/B0SECRET"\n',
    "a URL under a key of its own": '[channels.soc]\nurl = "https://hooks.example/T0SECRET"\n',
    "a URL where none belongs": CHANNEL + 'include = "https://user:T0SECRET@h.example"\n',
    "a URL in a broken line": '[channels.soc]\nurl = "slack://T0SECRET/B0SECRET\n',
    "a URL behind a broken line": '[channels.soc]\nurl_env = "slack://T0SECRET" oops\n',
    "a service's URL in a template": CHANNEL + '[templates.x]\ntitle = "a"\ntext = "slack://T0SECRET/x"\n',
    "a login in a template": CHANNEL + '[templates.x]\ntitle = "a"\ntext = "https://ana:T0SECRET@h.example"\n',
    "a webhook in a template": CHANNEL + '[templates.x]\ntitle = "https://hooks.example/T0SECRET"\ntext = "b"\n',
}


@pytest.mark.parametrize("text", SECRETS.values(), ids=SECRETS)
def test_what_looks_like_a_secret_is_refused_and_never_shown(tmp_path: Path, text: str) -> None:
    _, issues = read_text(tmp_path, text + ROUTE)
    assert any(issue.is_error for issue in issues)
    for issue in issues:
        assert "SECRET" not in issue.rendered()
        assert "SECRET" not in str(issue.as_dict())


@pytest.mark.parametrize("url", ["nosuch://T0SECRET/x", "T0SECRET", "slack://T0SECRET"])
def test_a_url_that_leads_nowhere_is_refused_and_never_shown(tmp_path: Path, url: str) -> None:
    for text in (CHANNEL, CHANNEL + 'kind = "webhook"\n'):
        _, issues = read_text(tmp_path, text + ROUTE, {"SOC_URL": url})
        (error,) = [issue for issue in issues if issue.is_error]
        assert "SOC_URL" in error.message
        assert "SECRET" not in error.rendered()


def test_a_route_that_names_no_rule_is_warned_of(tmp_path: Path) -> None:
    text = CHANNEL + ROUTE + 'rules = ["evil proces", "RULE-1"]\ntags = ["OS: Linux", "OS: Linx"]\n'
    _, issues = read_text(tmp_path, text, rules=(rule(tags=("OS: Linux",)),))
    assert [(issue.severity, issue.message) for issue in issues] == [
        (IssueSeverity.WARNING, "no rule has the id or name `evil proces`"),
        (IssueSeverity.WARNING, "no rule has the tag `OS: Linx`"),
    ]
    assert "did you mean `evil process`?" in issues[0].hint


def test_a_channel_that_no_route_leads_to_is_warned_of(tmp_path: Path) -> None:
    _, issues = read_text(tmp_path, CHANNEL + '[channels.idle]\nurl_env = "SOC_URL"\n' + ROUTE)
    assert [issue.message for issue in issues] == ["no route leads to the channel `idle`"]
    assert not issues[0].is_error


def test_a_file_that_cannot_be_read_is_an_issue(tmp_path: Path) -> None:
    _, (issue,) = read(tmp_path / "absent.toml", lambda _name: "")
    assert "cannot be read" in issue.message
    (tmp_path / "odd.toml").write_bytes(b"\xff\xfe")
    _, (issue,) = read(tmp_path / "odd.toml", lambda _name: "")
    assert "not UTF-8" in issue.message


def test_a_variable_that_cannot_be_read_is_an_issue(tmp_path: Path) -> None:
    def failing(name: str) -> str:
        raise ValueError(f"{name}_FILE is `/x`: expected a text file that can be read")

    path = tmp_path / "notifications.toml"
    path.write_text(CHANNEL + ROUTE, encoding="utf-8")
    _, issues = read(path, failing)
    assert [issue.message for issue in issues] == ["SOC_URL_FILE is `/x`: expected a text file that can be read"]
