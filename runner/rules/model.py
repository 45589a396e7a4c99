"""A detection rule, checked and ready to run."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from runner.query import Program
from runner.query.entries import Exclusion
from runner.rules.datemath import DateMath, format_duration
from runner.rules.exceptions import ExceptionItem

_FROM = DateMath.parse("now-6m")  # what Elastic's rule schema says where a rule has no `from`
_TO = DateMath.parse("now")
LINEAGE = ("kibana.alert.rule.uuid", "kibana.alert.ancestors.rule")
"""Of an alert read as an event: the rules that it comes from."""


class Severity(StrEnum):
    """Elastic's four severities, in their order."""

    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"


@dataclass(frozen=True, slots=True)
class Schedule:
    """When a rule runs and how far back it looks: `interval`, and the window `[start, end)` as date math on now."""

    interval: timedelta = timedelta(minutes=5)
    start: DateMath = _FROM
    end: DateMath = _TO

    @property
    def interval_text(self) -> str:
        """The interval as rules spell it: `5m`."""
        return format_duration(self.interval)

    def lookback(self, now: datetime) -> timedelta:
        """Return the additional look-back: the window's length less the interval (4m for 5m and now-9m).

        Of a window that reaches ahead only what has passed counts: the rest finds no event that comes in late.
        """
        length = min(self.end.resolve(now), now) - self.start.resolve(now)
        return max(length - self.interval, timedelta(0))


@dataclass(frozen=True, slots=True)
class Suppression:
    """A rule's `alert_suppression`: one alert for all matches that share the fields' values.

    `duration` None means within one execution. `suppress_missing`: absent fields form a group of their own.
    """

    group_by: tuple[str, ...]
    duration: timedelta | None = None
    suppress_missing: bool = True


@dataclass(frozen=True)
class Rule:
    """One rule of Elastic's format, with its compiled query.

    The names are the TOML's. `parameters` holds the rule's table as it was read (plain JSON values), for the alert's
    `kibana.alert.rule.parameters`; `metadata` the file's `[metadata]`. A query that does not compile is not a Rule.
    `exceptions` are the items that apply to it, expired ones too until an execution leaves them out.
    """

    rule_id: str
    name: str
    description: str
    severity: Severity
    risk_score: float
    query: str
    program: Program = field(repr=False, compare=False)
    index: tuple[str, ...]
    type: str = "eql"
    language: str = "eql"
    version: int = 1
    schedule: Schedule = Schedule()
    max_signals: int = 100
    enabled: bool = True
    author: tuple[str, ...] = ()
    license: str = ""
    tags: tuple[str, ...] = ()
    references: tuple[str, ...] = ()
    false_positives: tuple[str, ...] = ()
    note: str = ""
    setup: str = ""
    threat: tuple[Mapping[str, Any], ...] = ()
    timestamp_override: str | None = None
    timestamp_override_fallback: bool = True
    timestamp_field: str = "@timestamp"
    tiebreaker_field: str | None = None
    event_category_override: str = "event.category"
    building_block_type: str | None = None
    rule_name_override: str | None = None
    severity_mapping: tuple[Mapping[str, Any], ...] = ()
    risk_score_mapping: tuple[Mapping[str, Any], ...] = ()
    suppression: Suppression | None = None
    exceptions_list: tuple[Mapping[str, Any], ...] = ()
    exceptions: tuple[ExceptionItem, ...] = ()
    filters: tuple[Mapping[str, Any], ...] = ()
    parameters: Mapping[str, Any] = field(default_factory=dict, repr=False)
    metadata: Mapping[str, Any] = field(default_factory=dict, repr=False)
    path: Path | None = None

    @property
    def range_field(self) -> str:
        """The clock of the window: `timestamp_override`, else the timestamp field."""
        return self.timestamp_override or self.timestamp_field

    @property
    def exclusions(self) -> tuple[Exclusion, ...]:
        """What its exceptions take away."""
        return tuple(item.exclusion for item in self.exceptions)

    @property
    def fields(self) -> frozenset[str]:
        """Every path of an event that deciding on a match takes: the query's, its exceptions' and its suppression's."""
        return self.fields_for(self.program) | {self.event_category_override}

    def fields_for(self, program: Program) -> frozenset[str]:
        """Return the same for a program that asks less than the rule's own."""
        excepted = frozenset[str]().union(*(exclusion.reads for exclusion in self.exclusions))
        return program.fields | excepted | self.grouping_fields

    @property
    def grouping_fields(self) -> frozenset[str]:
        """What suppression reads of an event: the fields to group by, its time, and whether it is this rule's own."""
        return frozenset((*self.suppression.group_by, self.range_field, *LINEAGE)) if self.suppression else frozenset()

    @property
    def query_hash(self) -> str:
        """A short digest of what decides which events the rule finds; a change of it begins a new coverage line.

        Exceptions are no part of it: they come and go by the day, and what was searched under those of its time was
        searched.
        """
        deciding = (
            self.query,
            self.index,
            self.filters,
            self.timestamp_override,
            self.timestamp_override_fallback,
            self.timestamp_field,
            self.tiebreaker_field,
            self.event_category_override,
        )
        return hashlib.sha256(orjson.dumps(deciding)).hexdigest()[:16]
