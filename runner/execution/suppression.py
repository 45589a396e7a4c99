"""Suppression: matches that share the values of a rule's fields become one alert, which counts the others.

    terms        each field of `group_by` with its values, sorted, each once; None where it has none
    group        equal terms: one `instance_id`
    duration     an open alert absorbs the matches of its group whose time is at most so far from its own event's
    without      only the alerts of the same execution absorb

A match's time is its event's on the rule's range clock (`timestamp_override`, else the timestamp field), of a sequence
its last event's. Kibana measures from the clock on the wall, and from when the alert was written; measured by events,
what is caught up or backfilled later groups as it would have in time, and a second search groups as the first.

With `suppress_missing` off, a match that lacks one of the fields is alerted by itself. Source: Kibana,
`suppression_utils.ts`, `partition_missing_fields_events.ts`; the terms of a sequence are what its events share.
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from runner import json_text
from runner.execution.absorbing import Absorber, Group, Term
from runner.execution.model import Document, Hit, Match
from runner.query import instant, values
from runner.query.fields import first_value
from runner.query.kinds import spelled
from runner.rules.model import Rule
from runner.schedule.windows import Window, whole_milliseconds

MOST_ABSORBED = 100
"""An execution absorbs at most so many times the cap; what is more waits for the next one, as beyond the cap."""

_MILLISECOND = timedelta(milliseconds=1)


@dataclass(frozen=True, slots=True)
class Candidate:
    """A new match on its way: what its alert would be called, and the group that it is of (None: of none)."""

    id: str
    match: Match
    time: datetime
    group: Group | None = None


@dataclass(frozen=True, slots=True)
class Sorted:
    """Where the candidates go: to alerts of their own, into alerts, or to the next execution. Each in order."""

    new: tuple[Candidate, ...] = ()
    absorbed: tuple[tuple[Candidate, Absorber], ...] = ()
    left: tuple[Candidate, ...] = ()


def candidate(rule: Rule, alert_id: str, match: Match) -> Candidate:
    """Return a match with its time and group."""
    moment = _time_of(rule, match.events[-1])
    if rule.suppression is None:
        return Candidate(alert_id, match, moment)
    found = terms(rule.suppression.group_by, match)
    if not rule.suppression.suppress_missing and any(value is None for _, value in found):
        return Candidate(alert_id, match, moment)
    return Candidate(alert_id, match, moment, Group(_instance_id(rule.rule_id, found), found))


def terms(fields: Sequence[str], match: Match) -> tuple[Term, ...]:
    """Return the fields with their values in the match's event, or those that all events of a sequence have."""
    return tuple((field, _shared([_values(hit.source, field) for hit in match.events])) for field in fields)


def sort_out(
    found: Sequence[Candidate],
    absorbers: Iterable[Absorber],
    duration: timedelta | None,
    *,
    room: int,
    room_to_absorb: int,
) -> Sorted:
    """Decide where each candidate goes, oldest first, with room for so many new alerts and absorbed matches.

    Once one has to wait no later one becomes an alert, so that alerts are a prefix of what was found; but what an alert
    absorbs it goes on to absorb, else every execution would begin the same groups anew.
    """
    open_alerts = _Open(absorbers, duration)
    new: list[Candidate] = []
    absorbed: list[tuple[Candidate, Absorber]] = []
    left: list[Candidate] = []
    for one in found:
        absorber = open_alerts.nearest(one)
        if absorber is not None and len(absorbed) < room_to_absorb:
            absorbed.append((one, absorber))
        elif absorber is None and not left and len(new) < room:
            new.append(one)
            open_alerts.add(as_absorber(one))
        else:
            left.append(one)
    return Sorted(tuple(new), tuple(absorbed), tuple(left))


def as_absorber(one: Candidate) -> Absorber | None:
    """Return the candidate's alert as one that absorbs; None where it is of no group."""
    return Absorber(one.id, one.group.instance_id, one.time) if one.group else None


def reach(found: Sequence[Candidate], duration: timedelta) -> tuple[list[str], Window]:
    """Return the groups of the candidates, and the times of the alerts that could absorb any of them."""
    grouped = [(one.group.instance_id, one.time) for one in found if one.group]
    times = [time for _, time in grouped]
    span = Window(min(times) - duration, max(times) + duration + _MILLISECOND)
    return list(dict.fromkeys(instance_id for instance_id, _ in grouped)), span


class _Open:
    """The open alerts of some groups."""

    def __init__(self, absorbers: Iterable[Absorber], duration: timedelta | None) -> None:
        self._duration = duration
        self._by_group: dict[str, dict[str, Absorber]] = {}
        for absorber in absorbers:
            self.add(absorber)

    def add(self, absorber: Absorber | None) -> None:
        if absorber is not None:
            self._by_group.setdefault(absorber.instance_id, {})[absorber.alert_id] = absorber

    def nearest(self, one: Candidate) -> Absorber | None:
        """Return the alert that absorbs the candidate: the newest that began before it, else the oldest that did after."""
        within = self._within(one)
        before = [absorber for absorber in within if absorber.time <= one.time]
        if before:
            return max(before, key=lambda absorber: (absorber.time, absorber.alert_id))
        return min(within, key=lambda absorber: (absorber.time, absorber.alert_id), default=None)

    def _within(self, one: Candidate) -> list[Absorber]:
        if one.group is None:
            return []
        found = self._by_group.get(one.group.instance_id, {}).values()
        return [each for each in found if self._duration is None or abs(each.time - one.time) <= self._duration]


def _time_of(rule: Rule, hit: Hit) -> datetime:
    """Return the event's time on the range clock, to the millisecond, as alerts hold it."""
    override = first_value(hit.source, rule.timestamp_override) if rule.timestamp_override else None
    return whole_milliseconds(instant(override) or hit.time)


def _values(source: Document, field: str) -> dict[str, Any]:
    """Return the field's values by their spelling."""
    found = values(source, field) or values(source, field.removesuffix(".keyword"))
    return {spelled(value): value for value in found}


def _shared(found: Sequence[Mapping[str, Any]]) -> tuple[Any, ...] | None:
    first, *others = found
    return tuple(first[text] for text in sorted(first) if all(text in other for other in others)) or None


def _instance_id(rule_id: str, found: Iterable[Term]) -> str:
    """Return the group's id: of the rule and the terms, whatever their order and however a number is written."""
    told = sorted((field, None if value is None else list(map(spelled, value))) for field, value in found)
    return hashlib.sha256(json_text.dumps([rule_id, told])).hexdigest()
