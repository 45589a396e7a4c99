"""Builders of what notifications are made of."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

from pydantic import SecretStr

from runner.execution.model import Alert
from runner.notify.config import Channel
from runner.notify.model import Claim, Entry, Kind, Message, Outcome
from tests.made import iso, minute

SECRET_PATH = "/services/T0SECRET/B0SECRET/x9SECRETx9"


def channel(name: str = "soc", **fields: Any) -> Channel:
    return replace(Channel(name, url=SecretStr("json://user:hunter2222@localhost:1" + SECRET_PATH)), **fields)


def entry(alert: str = "a", at: float = 0, channel: str = "soc", **fields: Any) -> Entry:
    made = Entry(
        id=f"{alert}:{channel}",
        channel=channel,
        kind=Kind.ALERT,
        rule_id="rule-1",
        rule_name="Evil Process",
        severity="high",
        created=minute(at),
        due=minute(at),
        alert_id=alert,
    )
    return replace(made, **fields)


def alert(name: str = "a", at: float = 0, **fields: Any) -> Alert:
    """An alert as the executor builds it, as far as notifications read it."""
    document = {
        "@timestamp": iso(minute(at)),
        "host": {"name": "web-1"},
        "user.name": "root",
        "process": {"command_line": "curl evil"},
        "kibana.alert.uuid": name,
        "kibana.alert.reason": f"process event {name}",
        "kibana.alert.severity": "high",
        "kibana.alert.risk_score": 73,
        "kibana.alert.original_time": iso(minute(at - 1)),
        "kibana.alert.workflow_status": "open",
        "kibana.alert.rule.rule_id": "rule-1",
        "kibana.alert.rule.name": "Evil Process",
        "kibana.alert.rule.tags": ["OS: Linux"],
        "kibana.alert.rule.note": "# Guide",
        "threat.tactic.name": ["Execution"],
        "eql_runner.run_type": "standard",
        **fields,
    }
    return Alert(name, {key: value for key, value in document.items() if value is not None})


class Clock:
    """A clock that a test moves, in minutes after noon."""

    def __init__(self, at: float = 0) -> None:
        self.now = minute(at)

    def __call__(self) -> datetime:
        return self.now

    def move(self, minutes: float) -> None:
        self.now += timedelta(minutes=minutes)


@dataclass
class ScriptedSender:
    """Keeps the messages, and answers what it is told to: the first outcomes in turn, then success.

    `down` answers failure to everything; `takes` is the time that each attempt takes.
    """

    outcomes: list[Outcome] = field(default_factory=list)
    down: bool = False
    clock: Clock | None = None
    takes: float = 0
    messages: list[Message] = field(default_factory=list)
    attempts: int = 0

    def send(self, message: Message) -> Outcome:
        self.attempts += 1
        if self.clock is not None:
            self.clock.move(self.takes)
        outcome = self.outcomes.pop(0) if self.outcomes else Outcome("no connection" if self.down else "")
        if not outcome.error:
            self.messages.append(message)
        return outcome


@dataclass
class Watching:
    """An observer that keeps what it is told."""

    told: list[tuple[str, str]] = field(default_factory=list)

    def delivered(self, message: Message, entries: Sequence[Entry]) -> None:
        self.told.append(("delivered", message.id))

    def refused(self, entry: Entry, claim: Claim) -> None:
        self.told.append(("refused", entry.error))

    def given_up(self, entries: Iterable[Entry]) -> None:
        self.told += [("given up", one.id) for one in entries]

    def resumed(self, claim: Claim, now: datetime) -> None:
        self.told.append(("resumed", claim.channel))

    def troubled(self, what: str, error: Exception) -> None:
        self.told.append(("troubled", f"{what}: {error}"))

    def serving(self, channels: Sequence[str]) -> None:
        self.told.append(("serving", ", ".join(channels)))

    def kinds(self) -> list[str]:
        return [kind for kind, _ in self.told]
