"""A query, checked and ready to run: immutable, shared by threads."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum
from typing import Any, Generic, Protocol, TypeVar

from runner.query.ast import Query

T = TypeVar("T")
Event = Mapping[str, Any]


class Kind(StrEnum):
    """What a query finds."""

    EVENT = "event"
    SEQUENCE = "sequence"
    SAMPLE = "sample"


@dataclass(frozen=True, slots=True)
class Joined(Generic[T]):
    """What a query found: the items fed for the events, in stage order (None for a missing event), and the keys."""

    items: tuple[T | None, ...]
    join_keys: tuple[Any, ...] = ()


class Matching(Protocol[T]):
    """One run of a program over one ordered stream of events; holds what is open, and nothing else."""

    def feed(self, event: Event, time: int, item: T) -> list[Joined[T]]:
        """Take the next event (`time` in nanoseconds since the epoch, never going back); return what it completes."""
        ...

    def finish(self) -> list[Joined[T]]:
        """The stream has ended: return what only its end decides (missing last events, samples, `tail`)."""
        ...


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
