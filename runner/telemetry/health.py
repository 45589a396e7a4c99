"""What /healthz and /readyz say, from what the process knows of itself."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

LATE = timedelta(seconds=30)  # the scheduler's loop goes round every 5 s
STALE = timedelta(minutes=2)  # the cluster is asked every 15 s
"""Either way: what lies so far ahead was done before the clock was set back, nobody knows how long ago."""


@dataclass(frozen=True, slots=True)
class Report:
    """An answer: whether all is well, and what a person needs to see."""

    well: bool
    body: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Contact:
    """The last time that the cluster was asked: when, and what was wrong."""

    at: datetime
    problem: str = ""


class Health:
    """The health of one process. Its fields are set by `app`, and read by the HTTP server's threads."""

    def __init__(self, clock: Callable[[], datetime]) -> None:
        self._clock = clock
        self._started = clock()
        self.beat: Callable[[], datetime | None] = lambda: None
        self.running: Callable[[], Mapping[str, datetime]] = dict
        self.contact: Contact | None = None
        self.waiting_for = "starting"  # what has to end before rules run; empty once they do
        self.backend = ""
        self.rules = 0
        self.issues = 0
        self.ruleset_hash = ""

    def alive(self) -> Report:
        """Tell whether the scheduler's loop goes round; before it starts, the process itself is alive."""
        now = self._clock()
        beat = self.beat()
        late = beat is not None and abs(now - beat) > LATE
        body: dict[str, Any] = {
            "status": "the scheduler's loop stands still" if late else "ok",
            "uptime_seconds": _seconds(now - self._started),
            "running": {rule_id: _seconds(now - since) for rule_id, since in self.running().items()},
        }
        if beat is not None:
            body["heartbeat_age_seconds"] = _seconds(now - beat)
        return Report(not late, body)

    def ready(self) -> Report:
        """Tell whether rules run against a cluster that answers."""
        now = self._clock()
        problems = [*self._problems(now)]
        return Report(
            not problems,
            {
                "status": "not ready" if problems else "ready",
                "problems": problems,
                "rules": {"loaded": self.rules, "issues": self.issues, "hash": self.ruleset_hash},
                "backend": self.backend,
                "cluster_seconds_ago": _seconds(now - self.contact.at) if self.contact else None,
            },
        )

    def _problems(self, now: datetime) -> list[str]:
        found = []
        if self.waiting_for:
            found.append(self.waiting_for)  # which says what the last contact came to, too
        elif self.contact and self.contact.problem:
            found.append(self.contact.problem)
        elif self.contact is None or abs(now - self.contact.at) > STALE:
            found.append("Elasticsearch has not answered lately")
        if not self.rules:
            found.append("no rules are loaded; `eql-runner validate` says why")
        return found


def _seconds(length: timedelta) -> float:
    return round(length.total_seconds(), 1)
