"""Notifications: what is set up, and how sending to each channel goes."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from runner.notify.config import Channel, Notifications, Route
from runner.notify.model import Standing
from runner.notify.secret_urls import shown
from runner.pages import screen
from runner.pages.issues import issue
from runner.rules.issues import Issue
from runner.wording import plural


def checked(told: Notifications, issues: Sequence[Issue]) -> RenderableType:
    """Show each issue, then each channel with what is told by it."""
    parts: list[RenderableType] = [*map(issue, issues)]
    for channel in told.channels:
        routes = [route for route in told.routes if channel.name in route.channels]
        parts.append(Text.assemble((channel.name, "bold"), f"  {_way(channel)}"))
        parts += [Text(f"  {_route(route)}") for route in routes]
    return Group(*parts)


def refused(channel: str, error: str) -> RenderableType:
    """Say that a channel did not take a message, and why."""
    return Text.assemble((f"{screen.safe(channel)} did not take it: ", "red"), screen.safe(error))


def page(told: Notifications, standing: Sequence[Standing], now: datetime) -> RenderableType:
    """Show a line for each channel, and what is wrong with those that fail."""
    heading = screen.columns(*_WIDTHS)
    heading.add_row("Channel", "Waiting", "Oldest", "Failed", "Last sent (UTC)", "", style="dim")
    known = {one.channel: one for one in standing}
    names = list(dict.fromkeys([*(channel.name for channel in told.channels), *known]))
    parts: list[RenderableType] = [heading]
    for name in names:
        one = known.get(name) or Standing(name)
        parts += [_row(one, now, is_there=told.channel(name) is not None), *_troubles(one, now)]
    return Group(*parts)


_WIDTHS = (20, -7, -8, -6, 19, 16)


def _row(one: Standing, now: datetime, *, is_there: bool) -> RenderableType:
    row = screen.columns(*_WIDTHS)
    failing = one.claim is not None and one.claim.failures > 0
    state = Text("fails", "bold red") if failing else Text("well" if one.claim else "not used yet", "green")
    row.add_row(
        Text(screen.safe(one.channel), "bold"),
        screen.count(one.waiting, "yellow"),
        screen.length(now - one.oldest) if one.oldest else "",
        screen.count(one.failed, "bold red"),
        screen.instant(one.claim.sent) if one.claim else "never",
        state if is_there else Text("no such channel", "yellow"),
    )
    return row


def _troubles(one: Standing, now: datetime) -> list[Text]:
    found = []
    if one.claim and one.claim.failures:
        claim = one.claim
        since = screen.length(now - claim.failing_since) if claim.failing_since else "just now"
        again = f", tried again at {claim.paused_until:%H:%M:%S} UTC" if claim.paused_until else ""
        found.append(Text(f"  for {since}: {screen.safe(claim.error)}{again}", "red"))
    if one.failed:
        found.append(
            Text(f"  {plural(one.failed, 'was', 'were')} given up: eql-runner notify retry {one.channel}", "red")
        )
    return found


def as_json(told: Notifications, standing: Sequence[Standing]) -> list[dict[str, Any]]:
    """Return how each channel stands as plain JSON values."""
    known = {one.channel: one for one in standing}
    names = list(dict.fromkeys([*(channel.name for channel in told.channels), *known]))
    return [_as_json(known.get(name) or Standing(name), is_there=told.channel(name) is not None) for name in names]


def _as_json(one: Standing, *, is_there: bool) -> dict[str, Any]:
    claim = one.claim
    return {
        "channel": one.channel,
        "configured": is_there,
        "waiting": one.waiting,
        "oldest_waiting": one.oldest,
        "failed": one.failed,
        "last_sent": claim.sent if claim else None,
        "failures": claim.failures if claim else 0,
        "failing_since": claim.failing_since if claim else None,
        "paused_until": claim.paused_until if claim else None,
        "error": claim.error if claim else "",
        "held_by": claim.owner if claim else None,
        "held_until": claim.until if claim else None,
    }


def _way(channel: Channel) -> str:
    digest = channel.digest
    rate = f"at most {plural(channel.rate.messages, 'message')} in {screen.length(channel.rate.per)}"
    folded = (
        f"above {plural(digest.above, 'alert')} of a rule in {screen.length(digest.within)} a digest"
        if digest
        else "no digests"
    )
    return f"{channel.kind}, {shown(channel.url.get_secret_value())}; {rate}; {folded}"


def _route(route: Route) -> str:
    what = "rules that keep failing" if route.executions else "alerts"
    more = [
        *([f"of severity {' or '.join(sorted(route.severities))}"] if route.severities else []),
        *([f"of {'; '.join(sorted(route.rules))}"] if route.rules else []),
        *([f"tagged {' or '.join(sorted(route.tags))}"] if route.tags else []),
        *(["building blocks too"] if route.building_blocks else []),
        *(["of backfills too"] if route.backfill else []),
    ]
    return screen.safe(", ".join([what, *more]))
