"""The values of suppression: alerts that absorb matches, the matches that they absorb, and what an alert tells of them.

Field names and meanings are Kibana's (`wrap_suppressed_alerts.ts`, `create_persistence_rule_type_wrapper.ts`), but for
the anchor, which is ours: the time of the alert's own event, from which its period of suppression is measured. `start`
and `end` bound all events, so they move; the anchor does not.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, TypeAlias

from runner.query.timestamps import instant, timestamp

INSTANCE = "kibana.alert.instance.id"
TERMS = "kibana.alert.suppression.terms"
START = "kibana.alert.suppression.start"
END = "kibana.alert.suppression.end"
COUNT = "kibana.alert.suppression.docs_count"
LAST_DETECTED = "kibana.alert.last_detected"
CREATED = "kibana.alert.start"
ANCHOR = "eql_runner.suppression.anchor"
CHANGING = (START, END, COUNT, LAST_DETECTED)

Term: TypeAlias = tuple[str, tuple[Any, ...] | None]
"""A field and its values, sorted; None where it has none."""


@dataclass(frozen=True, slots=True)
class Group:
    """What the matches of one alert have in common."""

    instance_id: str
    terms: tuple[Term, ...]

    def fields(self, time: datetime) -> dict[str, Any]:
        """Return what a new alert of the group tells of it; `time` is that of its own event."""
        terms = [{"field": field, "value": None if values is None else list(values)} for field, values in self.terms]
        moment = timestamp(time)
        return {INSTANCE: self.instance_id, TERMS: terms, START: moment, END: moment, COUNT: 0, ANCHOR: moment}


@dataclass(frozen=True, slots=True)
class Absorber:
    """An open alert that takes in further matches of its group; `time` is its anchor."""

    alert_id: str
    instance_id: str
    time: datetime

    @classmethod
    def of(cls, alert_id: str, document: Mapping[str, Any]) -> "Absorber | None":
        """Return an alert as an absorber; None where it is of no group."""
        anchor = instant(document.get(ANCHOR))
        return cls(alert_id, document[INSTANCE], anchor) if anchor is not None and INSTANCE in document else None


@dataclass(frozen=True, slots=True)
class Suppressed:
    """A match that became no alert of its own. `id` is the one that its alert would have had.

    `events` are the index and id of each event, `noted` when the execution began that absorbed it.
    """

    id: str
    alert_id: str
    rule_id: str
    instance_id: str
    time: datetime
    events: tuple[tuple[str, str], ...]
    execution_id: str
    noted: datetime


@dataclass(frozen=True, slots=True)
class Absorbed:
    """All that one alert has absorbed: how many matches, of which times, and when the last of them was noted."""

    count: int = 0
    first: datetime | None = None
    last: datetime | None = None
    noted: datetime | None = None

    @classmethod
    def of(cls, suppressed: Sequence[Suppressed]) -> "Absorbed":
        """Sum up the matches that one alert has absorbed."""
        times = [one.time for one in suppressed]
        if not times:
            return cls()
        return cls(len(times), min(times), max(times), max(one.noted for one in suppressed))

    def fields(self, document: Mapping[str, Any]) -> dict[str, Any]:
        """Return what the alert has to tell now. Counts are set, never added to, so that nothing counts twice."""
        anchor, created = instant(document.get(ANCHOR)), instant(document.get(CREATED))
        return {
            START: _bound(min, anchor, self.first),
            END: _bound(max, anchor, self.last),
            COUNT: self.count,
            LAST_DETECTED: _bound(max, created, self.noted),
        }


def _bound(choose: Callable[[Iterable[datetime]], datetime], *moments: datetime | None) -> str | None:
    known = [moment for moment in moments if moment is not None]
    return timestamp(choose(known)) if known else None
