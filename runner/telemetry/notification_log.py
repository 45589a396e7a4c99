"""Log lines of notifications: one for each message sent, one when a channel begins to fail and one when it goes again."""

import threading
from collections.abc import Sequence
from datetime import datetime
from typing import Any

from runner.notify.model import Claim, Entry, Kind, Message
from runner.telemetry.logs import Logger
from runner.wording import plural

_MESSAGES = {Kind.FAILING: "rule keeps failing", Kind.RECOVERED: "rule runs again", Kind.DIGEST: "digest"}
_SHOWN = 3


class NotificationLog:
    """Writes the lines. Shared by threads."""

    def __init__(self, log: Logger) -> None:
        self._log = log
        self._lock = threading.Lock()
        self._troubles: dict[str, str] = {}

    def delivered(self, message: Message, entries: Sequence[Entry]) -> None:
        """A message has been sent."""
        channel = entries[0].channel
        what = f"{_MESSAGES.get(message.kind, 'alert')}, {message.title}"
        self._log.info(f"told {channel}: {what}", **_fields(entries, message.id))
        self._forget(f"deliver to {channel}")

    def refused(self, entry: Entry, claim: Claim) -> None:
        """An attempt has failed: a channel's first failure is a warning, what follows is only of use when looked for."""
        of_channel = claim.failures > 0
        when = claim.paused_until if of_channel else entry.due
        again = f"tried again at {when:%H:%M:%S} UTC" if when else "tried again"
        what = f"{claim.channel} cannot be told" if of_channel else f"{claim.channel} refuses a notification"
        level = self._log.debug if claim.failures > 1 or (not of_channel and entry.attempts > 1) else self._log.warning
        level(
            f"{what}: {entry.error}; {again}, nothing is lost meanwhile", **_fields([entry], entry.message, entry.error)
        )

    def given_up(self, entries: Sequence[Entry]) -> None:
        """These are not tried any more."""
        channel, error = entries[0].channel, entries[0].error
        rules = list(dict.fromkeys(entry.rule_name for entry in entries))
        names = ", ".join(rules[:_SHOWN]) + (f" and {len(rules) - _SHOWN} more" if len(rules) > _SHOWN else "")
        self._log.error(
            f"{channel} was not told, and is not tried any more: {plural(len(entries), 'notification')} of {names}: "
            f"{error}. "
            f"`eql-runner notify retry {channel}` tries them again",
            **_fields(entries, entries[0].message, error),
        )

    def resumed(self, claim: Claim, now: datetime) -> None:
        """A channel works again."""
        since = claim.failing_since or now
        minutes = round((now - since).total_seconds() / 60)
        self._log.info(
            f"{claim.channel} can be told again, after {plural(minutes, 'minute')}",
            **{"eql_runner.notify.channel": claim.channel},
        )

    def troubled(self, what: str, error: Exception) -> None:
        """Something went wrong: told when it begins, or is another error than before."""
        kind = type(error).__name__
        with self._lock:
            known, self._troubles[what] = self._troubles.get(what), kind
        level = self._log.debug if known == kind else self._log.warning
        hint = getattr(error, "hint", "")
        level(f"cannot {what}, tried again soon: {error} {hint}".rstrip(), **{"error.type": kind})

    def serving(self, channels: Sequence[str]) -> None:
        """These channels are delivered to from now on."""
        self._log.info(f"notifications go to {', '.join(channels)}")

    def _forget(self, what: str) -> None:
        with self._lock:
            self._troubles.pop(what, None)


def _fields(entries: Sequence[Entry], message: str, error: str = "") -> dict[str, Any]:
    rules = list(dict.fromkeys(entry.rule_id for entry in entries))
    found: dict[str, Any] = {
        "event.action": "notification",
        "event.outcome": "failure" if error else "success",
        "eql_runner.notify.channel": entries[0].channel,
        "eql_runner.notify.id": message,
        "eql_runner.notify.entries": len(entries),
    }
    if len(rules) == 1:
        found |= {"rule.id": rules[0], "rule.name": entries[0].rule_name}
    if error:
        found["error.message"] = error
    return found
