"""What the notifications file says, checked: channels, and the routes that lead to them."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from pydantic import SecretStr

from runner.notify.template import Template


class ChannelKind(StrEnum):
    """How a channel is reached."""

    APPRISE = "apprise"  # whatever service the URL names
    WEBHOOK = "webhook"  # JSON, posted


class Include(StrEnum):
    """How much of an alert a webhook gets."""

    SUMMARY = "summary"
    DOCUMENT = "document"


@dataclass(frozen=True, slots=True)
class Rate:
    """At most so many messages in so long."""

    messages: int = 20
    per: timedelta = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Digest:
    """More than so many alerts of one rule, in so long, become one message."""

    above: int = 10
    within: timedelta = timedelta(minutes=10)


@dataclass(frozen=True, slots=True)
class Channel:
    """Where messages go. Its URL and token come from the environment, and nothing shows them."""

    name: str
    kind: ChannelKind = ChannelKind.APPRISE
    url: SecretStr = field(default=SecretStr(""), repr=False)
    token: SecretStr | None = field(default=None, repr=False)
    rate: Rate = Rate()
    digest: Digest | None = Digest()
    template: Template | None = None
    include: Include = Include.SUMMARY


@dataclass(frozen=True, slots=True)
class Route:
    """What goes to which channels: each condition that is given must hold, one of several values suffices.

    `rules` are ids or names, in lower case. `executions`: rules that keep failing, instead of alerts.
    """

    channels: tuple[str, ...]
    rules: frozenset[str] = frozenset()
    severities: frozenset[str] = frozenset()
    tags: frozenset[str] = frozenset()
    building_blocks: bool = False
    backfill: bool = False
    executions: bool = False

    def takes(self, rule_id: str, rule_name: str, severity: str, tags: frozenset[str]) -> bool:
        """Tell whether the route's conditions on the rule hold."""
        return (
            (not self.rules or bool(self.rules & {rule_id.casefold(), rule_name.casefold()}))
            and (not self.severities or severity in self.severities)
            and (not self.tags or bool(self.tags & tags))
        )


@dataclass(frozen=True, slots=True)
class Notifications:
    """The whole file."""

    channels: tuple[Channel, ...] = ()
    routes: tuple[Route, ...] = ()

    def channel(self, name: str) -> Channel | None:
        """Return the channel of that name."""
        return next((channel for channel in self.channels if channel.name == name), None)
