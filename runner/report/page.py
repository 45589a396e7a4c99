"""One HTML file from alert documents: style, script, guides and data all inside of it.

Its content policy names the one script and the one style by their hash, so that nothing else runs or loads even if an
alert's text should ever become markup. The data stands in a script element of type JSON, `<` escaped.
"""

import base64
import hashlib
import html
import re
from collections.abc import Iterable
from datetime import UTC, datetime
from functools import cache
from importlib import resources
from string import Template

from runner import __version__, json_text
from runner.report import guide
from runner.report.records import Document, Records, records

_HALVES = re.compile("[\ud800-\udfff]")  # of surrogate pairs: events may hold them, and no file can
_SCRIPTS = ("elements.js", "selection.js", "timeline.js", "list.js", "details.js", "page.js")


def page(documents: Iterable[Document], made: datetime, *, title: str = "Alerts", origin: str = "") -> str:
    """Return the page of the alerts; `origin` says in a few words where they come from."""
    found = records(documents)
    script, style = _script(), _file("page.css")
    text = Template(_file("page.html")).substitute(
        policy=_policy(script, style),
        version=__version__,
        title=html.escape(title),
        scope=html.escape(_scope(found, origin)),
        made=f"{made.astimezone(UTC):%Y-%m-%d %H:%M} UTC",
        style=style,
        guides=_guides(found),
        data=_json(found),
        script=script,
    )
    return _HALVES.sub("\N{REPLACEMENT CHARACTER}", text)


def _policy(script: str, style: str) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src '{_hash(script)}'",
            f"style-src '{_hash(style)}'",
            "img-src data:",
            "base-uri 'none'",
            "form-action 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    )


def _hash(text: str) -> str:
    return "sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()


def _scope(found: Records, origin: str) -> str:
    times = [alert["time"] for alert in found.alerts if alert["time"] is not None]
    first, last = (f"{datetime.fromtimestamp(at(times, default=0) / 1000, UTC):%Y-%m-%d %H:%M}" for at in (min, max))
    rules = len(found.rules)
    hosts = len({host for alert in found.alerts for host in alert["host"]})
    parts = [
        origin,
        f"{rules} rule{'' if rules == 1 else 's'}",
        f"{hosts} host{'' if hosts == 1 else 's'}",
        f"{first} to {last} UTC" if times else "",
    ]
    return " · ".join(part for part in parts if part)


def _guides(found: Records) -> str:
    """Return the rules' texts as templates, which the script copies and which mean nothing until then."""
    return "\n".join(
        f'<template id="{kind}-{number}">{rendered}</template>'
        for number, texts in enumerate(found.texts)
        for kind, text in (("guide", texts.guide), ("setup", texts.setup))
        if (rendered := guide.html(text))
    )


def _json(found: Records) -> str:
    data = {"alerts": found.alerts, "rules": found.rules, "tactics": found.tactics}
    return json_text.dumps(data).decode().replace("<", "\\u003c")


@cache
def _script() -> str:
    return "\n".join(_file(name) for name in _SCRIPTS)


@cache
def _file(name: str) -> str:
    return (resources.files("runner.report") / "page" / name).read_text(encoding="utf-8")
