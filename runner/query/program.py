"""A query, checked and ready to run: immutable, shared by threads."""

from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any

from runner.query.ast import Query
from runner.query.matching import Event, Joined, Matching

__all__ = ["Event", "Joined", "Kind", "Matching", "Program"]


class Kind(StrEnum):
    """What a query finds."""

    EVENT = "event"
    SEQUENCE = "sequence"
    SAMPLE = "sample"


@dataclass(frozen=True)
class Program:
    """A checked query. `fields` are all paths it reads; `maxspan` only where a sequence names one."""

    text: str
    query: Query
    kind: Kind
    fields: frozenset[str]
    maxspan: timedelta | None = None
    timestamp_field: str = field(default="@timestamp")
    event_category_field: str = field(default="event.category")
    tiebreaker_field: str | None = None

    def matches(self, event: Event) -> bool:
        """Tell whether an event query's condition is definitely true of the event (pipes aside)."""
        raise NotImplementedError

    def matching(self) -> Matching[Any]:
        """Return a fresh run of the program."""
        raise NotImplementedError
