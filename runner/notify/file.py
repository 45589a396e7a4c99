"""The notifications file, TOML: read strictly, every problem told with its place, and no secret in any of them.

    [channels.NAME]    url_env  kind  token_env  rate  digest  template  include
    [templates.NAME]   title  text
    [[routes]]         channels  rules  severity  tags  building_blocks  backfill  executions

URLs and tokens are read from the environment variables that the file names; what looks like one in the file is refused.
"""

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from pydantic import SecretStr

from runner.notify import webhook
from runner.notify.config import Channel, ChannelKind, Digest, Include, Notifications, Rate, Route
from runner.notify.messages import SHORT_NAMES
from runner.notify.reading import Reading, Secret
from runner.notify.template import Template, TemplateError, names
from runner.rules.draft import KeyPath
from runner.rules.fields import Shape
from runner.rules.issues import Code, Issue, IssueSeverity, Place
from runner.rules.model import Rule, Severity
from runner.rules.reading import either, shown
from runner.rules.toml_rules import parsed

TABLES: Mapping[str, Shape] = {"channels": Shape.TABLE, "templates": Shape.TABLE, "routes": Shape.TABLES}
CHANNEL_KEYS: Mapping[str, Shape] = {
    "url_env": Shape.TEXT,
    "kind": Shape.TEXT,
    "token_env": Shape.TEXT,
    "rate": Shape.TEXT,
    "digest": Shape.ANY,
    "template": Shape.TEXT,
    "include": Shape.TEXT,
}
TEMPLATE_KEYS: Mapping[str, Shape] = {"title": Shape.TEXT, "text": Shape.TEXT}
ROUTE_KEYS: Mapping[str, Shape] = {
    "channels": Shape.TEXTS,
    "rules": Shape.TEXTS,
    "severity": Shape.TEXTS,
    "tags": Shape.TEXTS,
    "building_blocks": Shape.FLAG,
    "backfill": Shape.FLAG,
    "executions": Shape.TEXT,
}
DIGEST_KEYS: Mapping[str, Shape] = {"above": Shape.INTEGER, "within": Shape.TEXT}

MOST_MESSAGES = 1000
MOST_CHANNELS = 32  # each has a thread of its own

_RATE = re.compile(r"(\d{1,6})/(.+)")
_SECRET = re.compile(
    r"\b(?!https?://)[a-z][a-z0-9+.-]*://|//[^/\s]*:[^/\s]*@|https?://[^\s]*(hook|token|secret|key=)", re.IGNORECASE
)


def read(path: Path, secret: Secret, rules: Sequence[Rule] = ()) -> tuple[Notifications, tuple[Issue, ...]]:
    """Return what the file says, and every issue; with an error among them it must not be used.

    Where `rules` are given, names in routes that mean none of them are warned of.
    """
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        return Notifications(), (Issue(IssueSeverity.ERROR, Code.UNREADABLE, f"cannot be read: {reason}", path),)
    table, places, issue = parsed(path, text)
    if issue:
        return Notifications(), (_without_secrets(issue),)
    reading = Reading(path, places, secret)
    found = _notifications(reading, table)
    _known(reading, found, rules)
    return found, tuple(sorted(map(_without_secrets, reading.issues), key=lambda one: (one.line, one.column)))


def _notifications(reading: Reading, table: Mapping[str, Any]) -> Notifications:
    table = reading.keys(table, TABLES, ())
    templates = {
        name: _template(reading, one, ("templates", name))
        for name, one in reading.tables(table.get("templates", {}), "templates")
    }
    channels = tuple(
        _channel(reading, name, one, templates) for name, one in reading.tables(table.get("channels", {}), "channels")
    )
    if not channels:
        reading.fault("no channel is defined", code=Code.MISSING, hint="write [channels.NAME] with url_env")
    if len(channels) > MOST_CHANNELS:
        reading.fault(f"there are {len(channels)} channels: at most {MOST_CHANNELS} are served", "channels")
    listed = {channel.name for channel in channels}
    routes = tuple(_route(reading, one, number, listed) for number, one in enumerate(table.get("routes", ())))
    if not routes:
        reading.fault(
            "no route leads to a channel", code=Code.MISSING, hint='write [[routes]] with channels = ["NAME"]'
        )
    for name in sorted(listed - {channel for route in routes for channel in route.channels}):
        reading.warn(f"no route leads to the channel `{name}`", "channels", name)
    return Notifications(channels, routes)


def _channel(reading: Reading, name: str, table: Mapping[str, Any], templates: Mapping[str, Template]) -> Channel:
    at: KeyPath = ("channels", name)
    secretive = [key for key, value in table.items() if isinstance(value, str) and "://" in value]
    for key in secretive:
        hint = 'put the URL into an environment variable and name that: url_env = "SLACK_URL"'
        reading.fault(f"`{key}` holds a URL, and URLs of channels are secrets", *at, key, hint=hint)
    table = reading.keys({key: value for key, value in table.items() if key not in secretive}, CHANNEL_KEYS, at)
    kind = reading.choice(table, "kind", ChannelKind, ChannelKind.APPRISE, at)
    if kind is ChannelKind.APPRISE:
        for key in ("token_env", "include"):
            if key in table:
                reading.fault(f"`{key}` is for webhooks", *at, key, hint='write kind = "webhook", or leave it out')
    return Channel(
        name=name,
        kind=kind,
        url=_url(reading, table, kind, at, given=bool({"url", "url_env"} & set(secretive))),
        token=reading.env(table, "token_env", at),
        rate=_rate(reading, table, at),
        digest=_digest(reading, table.get("digest"), (*at, "digest")),
        template=_chosen(reading, table, templates, at),
        include=reading.choice(table, "include", Include, Include.SUMMARY, at),
    )


def _url(reading: Reading, table: Mapping[str, Any], kind: ChannelKind, at: KeyPath, *, given: bool) -> SecretStr:
    if "url_env" not in table:
        if not given:
            hint = "name the environment variable that holds the channel's URL"
            reading.fault("`url_env` is missing", *at, hint=hint, code=Code.MISSING)
        return SecretStr("")
    url = reading.env(table, "url_env", at)
    if url is None:
        return SecretStr("")
    if fault := _fault_of(url, kind):
        reading.fault(f"{table['url_env']} {fault}", *at, "url_env")
    return url


def _rate(reading: Reading, table: Mapping[str, Any], at: KeyPath) -> Rate:
    text = table.get("rate")
    if text is None:
        return Rate()
    found = _RATE.fullmatch(text)
    span = reading.span(found[2]) if found else None
    if found and span and 1 <= int(found[1]) <= MOST_MESSAGES:
        return Rate(int(found[1]), span)
    reading.fault(
        f"`rate` is {shown(text)}: expected messages in a time, up to {MOST_MESSAGES}, such as 20/1m", *at, "rate"
    )
    return Rate()


def _digest(reading: Reading, value: Any, at: KeyPath) -> Digest | None:
    if value is None:
        return Digest()
    if value is False:
        return None
    if not isinstance(value, Mapping):
        reading.fault(
            '`digest` is neither false nor a table such as { above = 10, within = "10m" }', *at, code=Code.SHAPE
        )
        return None
    table = reading.keys(value, DIGEST_KEYS, at)
    default = Digest()
    above, within = table.get("above", default.above), default.within
    if above < 1:
        reading.fault(f"`above` is {above}: expected a number of at least 1", *at, "above")
    if "within" in table:
        within = reading.span(table["within"]) or within
        if reading.span(table["within"]) is None:
            reading.fault(
                f"`within` is {shown(table['within'])}: expected a time up to 24h, such as 10m", *at, "within"
            )
    return Digest(above, within)


def _chosen(
    reading: Reading, table: Mapping[str, Any], templates: Mapping[str, Template], at: KeyPath
) -> Template | None:
    name = table.get("template")
    if name is None or name in templates:
        return templates[name] if name else None
    near = get_close_matches(name, templates, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"write [templates.{name}]"
    reading.fault(f"there is no template {shown(name)}", *at, "template", hint=hint)
    return None


def _template(reading: Reading, table: Mapping[str, Any], at: KeyPath) -> Template:
    table = reading.keys(table, TEMPLATE_KEYS, at)
    for key in TEMPLATE_KEYS:
        if not table.get(key, "").strip():
            reading.fault(f"`{key}` is missing or empty", *at, key, code=Code.MISSING)
        else:
            _places_in(reading, table[key], (*at, key))
    return Template(table.get("title", ""), table.get("text", ""))


def _places_in(reading: Reading, text: str, at: KeyPath) -> None:
    """Leave an error for each place of a template that names no field, and for what looks like a secret."""
    if _SECRET.search(text):
        reading.fault("the text holds a URL that looks like a secret", *at, hint="messages go to many; leave it out")
    try:
        found = names(text)
    except TemplateError as error:
        reading.at_offset(str(error), text, error.offset, at)
        return
    for name, offset in found:
        if "." not in name and name not in SHORT_NAMES and not name.startswith("@"):
            near = get_close_matches(name, SHORT_NAMES, n=1)
            hint = f"did you mean {near[0]}?" if near else f"short names are {', '.join(SHORT_NAMES)}"
            reading.at_offset(f"`{name}` is neither a short name nor a field with dots", text, offset, at, hint)


def _route(reading: Reading, table: Mapping[str, Any], number: int, channels: Iterable[str]) -> Route:
    at: KeyPath = ("routes", number)
    table = reading.keys(table, ROUTE_KEYS, at)
    if not table.get("channels"):
        reading.fault("`channels` is missing or empty", *at, code=Code.MISSING)
    for position, name in enumerate(table.get("channels", ())):
        if name not in channels:
            near = get_close_matches(name, channels, n=1)
            hint = f"did you mean `{near[0]}`?" if near else f"write [channels.{name}]"
            reading.fault(f"there is no channel {shown(name)}", *at, "channels", position, hint=hint)
    severities = tuple(map(str, Severity))
    for position, name in enumerate(table.get("severity", ())):
        if name not in severities:
            reading.fault(f"{shown(name)} is no severity: expected {either(severities)}", *at, "severity", position)
    if table.get("executions", "failed") != "failed":
        reading.fault(f"`executions` is {shown(table['executions'])}: expected failed", *at, "executions")
    if "executions" in table:
        for key in ("building_blocks", "backfill"):
            if key in table:
                reading.fault(f"`{key}` is about alerts, and this route is about executions", *at, key)
    return Route(
        channels=tuple(dict.fromkeys(table.get("channels", ()))),
        rules=frozenset(name.casefold() for name in table.get("rules", ())),
        severities=frozenset(table.get("severity", ())),
        tags=frozenset(table.get("tags", ())),
        building_blocks=table.get("building_blocks", False),
        backfill=table.get("backfill", False),
        executions="executions" in table,
    )


def _known(reading: Reading, found: Notifications, rules: Sequence[Rule]) -> None:
    """Warn of rules and tags in routes that no rule has."""
    if not rules:
        return
    called = {name.casefold() for rule in rules for name in (rule.rule_id, rule.name)}
    tags = {tag for rule in rules for tag in rule.tags}
    for number, route in enumerate(found.routes):
        for key, noun, given, there in (
            ("rules", "id or name", route.rules, called),
            ("tags", "tag", route.tags, tags),
        ):
            for name in sorted(given - there):
                near = get_close_matches(name, there, n=1)
                hint = f"did you mean `{near[0]}`?" if near else "nothing is sent by it as long as none has"
                reading.warn(f"no rule has the {noun} {shown(name)}", "routes", number, key, hint=hint)


def _fault_of(url: SecretStr, kind: ChannelKind) -> str:
    if kind is ChannelKind.WEBHOOK:
        return webhook.fault_of(url)
    from runner.notify import services  # late: apprise is large, and most commands tell nobody

    return services.fault_of(url)


def _without_secrets(issue: Issue) -> Issue:
    """Return the issue without the line that it points at, where that may hold a URL."""
    if "://" not in issue.place.excerpt:
        return issue
    return replace(issue, place=Place(issue.place.line, issue.place.column))
