"""One run of a query over one ordered stream of events: what goes in, and what comes out."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Generic, Protocol, TypeAlias, TypeVar

T = TypeVar("T")
Event: TypeAlias = Mapping[str, Any]


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
