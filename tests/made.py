"""Builders for tests: each supplies defaults, so that a test shows only what it is about."""

from collections.abc import Generator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

from runner.execution.model import Alert, Page, Rejected, Written
from runner.offline.memory import MemorySink, MemorySource, StoredEvent
from runner.query import compile
from runner.rules.datemath import DateMath
from runner.rules.model import Rule, Schedule, Severity
from runner.schedule.windows import Window

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FIVE_MINUTES = Schedule(timedelta(minutes=5), DateMath.parse("now-9m"), DateMath.parse("now"))


def minute(number: float) -> datetime:
    """The instant so many minutes after noon."""
    return NOON + timedelta(minutes=number)


def iso(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def rule(query: str = 'process where process.name == "evil"', **fields: Any) -> Rule:
    """A rule every five minutes over nine, on `logs-*`."""
    made = Rule(
        rule_id="rule-1",
        name="Evil Process",
        description="Finds evil.",
        severity=Severity.MEDIUM,
        risk_score=47,
        query=query,
        program=compile(query),
        index=("logs-*",),
        schedule=FIVE_MINUTES,
    )
    return replace(made, **fields)


def event(
    at: float, name: str = "evil", *, id: str | None = None, index: str = "logs-test", **source: Any
) -> StoredEvent:
    """A process event so many minutes after noon; its id is its name and minute unless given."""
    document = {
        "@timestamp": iso(minute(at)),
        "event": {"category": ["process"], "kind": "event"},
        "process": {"name": name},
        "host": {"name": "h"},
        **source,
    }
    return StoredEvent(index, id or f"{name}-{at}", document)


class LateSource(MemorySource):
    """A memory source that keeps the range filters of a rule, which sweeps have; the one that ships knows no filters."""

    def search(self, rule: Rule, window: Window, after: datetime | None = None) -> Generator[Page, None, None]:
        ranges = [each["query"]["range"] for each in rule.filters]
        bounds = [
            (datetime.fromisoformat(one["gte"]), datetime.fromisoformat(one["lt"]))
            for each in ranges
            for one in each.values()
        ]
        for page in super().search(rule, window, after):
            hits = tuple(hit for hit in page.hits if all(start <= hit.time < end for start, end in bounds))
            yield replace(page, hits=hits)


class RefusingSink(MemorySink):
    """A memory sink that takes no alert as long as it shall `refuse`."""

    refuse = True

    def write(self, alerts: Sequence[Alert]) -> Written:
        if self.refuse:
            return Written(rejected=tuple(Rejected(alert.id, "disk full") for alert in alerts), requests=1)
        return super().write(alerts)
