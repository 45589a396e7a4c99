"""The values of one execution.

    search      EventSource.search     → Page      of Hits (candidates) or Matches (decided by the cluster)
    match       Program                → Match     one Hit, or the Hits of one sequence
    group       suppression            → Sorted    of Matches: to Alerts of their own, or absorbed by others
    build       alerts                 → Alert     an id and a document
    write       AlertSink.write        → Written   created, duplicates, rejected

All of them are frozen. `EventSource` and `AlertSink` are in `runner.execution.seams`.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, TypeAlias

from runner.query import Program
from runner.schedule.windows import Window

Document: TypeAlias = Mapping[str, Any]


class Verdict(StrEnum):
    """How much of its window an execution has proven; only `complete` counts as covered."""

    COMPLETE = "complete"
    TRUNCATED = "truncated"  # the cap was reached: the rest is backlog
    PARTIAL = "partial"  # shards, clusters or writes failed
    TIMED_OUT = "timed out"
    FAILED = "failed"


class RunType(StrEnum):
    """Why an execution was made."""

    STANDARD = "standard"
    BACKLOG = "backlog"  # the rest of a window that the cap cut
    CATCH_UP = "catch-up"  # a range missed by downtime or failure
    BACKFILL = "backfill"  # a range that a person asked for
    SWEEP = "sweep"  # events that came in after their range was searched


@dataclass(frozen=True, slots=True)
class Fault:
    """One reason why an answer is not whole, and the verdict it forces."""

    verdict: Verdict
    text: str


@dataclass(frozen=True, slots=True)
class Hit:
    """A found document. `time` is its `@timestamp` (or the rule's `timestamp_field`), by which hits are ordered.
    An event that has none (not `dated`) comes before all others; `time` is then that of the rule's range clock.

    `source` may hold only the fields that the rule's program reads; `EventSource.documents` brings the whole.
    `sort` is the cluster's sort values, opaque. `inside` is false for a hit that lies before the window and was read
    only so that a sequence that began there is found: a match counts when one of its hits lies inside.
    """

    index: str
    id: str
    time: datetime
    source: Document = field(repr=False)
    sort: tuple[Any, ...] = ()
    inside: bool = True
    dated: bool = True


@dataclass(frozen=True, slots=True)
class Match:
    """What the rule's query found: one hit for an event query, one a stage for a sequence or sample.

    A stage that had to be missing (`![…]`) has None. `join_keys` are the values that the stages share.
    """

    hits: tuple[Hit | None, ...]
    join_keys: tuple[Any, ...] = ()

    @property
    def events(self) -> tuple[Hit, ...]:
        """The hits that are there."""
        return tuple(hit for hit in self.hits if hit is not None)


@dataclass(frozen=True, slots=True)
class Page:
    """One step of a search, oldest first: candidates for the matcher, or matches that the cluster has decided.

    `program` is the rule's own for the types of the fields searched, where the source knows them; the first page tells.

    Events that the rule's exceptions take away are not in it; `excepted` counts them by item, of those that the query
    would have used, as far as the source can tell. `requests` counts what it took; a page with a fault makes its
    execution incomplete. A note is worth telling and makes nothing incomplete (a pattern that matches no index).
    """

    hits: tuple[Hit, ...] = ()
    matches: tuple[Match, ...] = ()
    faults: tuple[Fault, ...] = ()
    notes: tuple[str, ...] = ()
    requests: int = 0
    program: Program | None = None
    excepted: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Alert:
    """A finding, ready to be written. `id` depends on the rule's id and its source events alone."""

    id: str
    document: Document = field(repr=False)


@dataclass(frozen=True, slots=True)
class Rejected:
    """An alert that the sink did not take, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Written:
    """What became of the alerts of one write. Created and duplicates are acknowledged; rejected are not."""

    created: tuple[str, ...] = ()
    duplicates: tuple[str, ...] = ()
    rejected: tuple[Rejected, ...] = ()
    requests: int = 0

    def __add__(self, other: "Written") -> "Written":
        return Written(
            self.created + other.created,
            self.duplicates + other.duplicates,
            self.rejected + other.rejected,
            self.requests + other.requests,
        )


@dataclass(frozen=True, slots=True)
class Failure:
    """Why an execution ended early: the error's class, whose it is to act, its text and the next step."""

    kind: str
    who: str
    text: str
    hint: str = ""


@dataclass(frozen=True, slots=True)
class Execution:
    """The record of one rule searched over one window: the one fact that logs, metrics and health read."""

    id: str
    rule_id: str
    rule_name: str
    rule_version: int
    query_hash: str
    run_type: RunType
    window: Window
    started: datetime
    duration: float  # seconds
    verdict: Verdict
    candidates: int = 0
    matched: int = 0
    created: int = 0
    suppressed: int = 0  # matches that alerts have absorbed
    duplicates: int = 0
    rejected: int = 0
    backlog: int = 0  # matches seen beyond the cap, not alerted yet
    requests: int = 0
    faults: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    failure: Failure | None = None
    resume: datetime | None = None  # where the backlog starts: all matches before it are alerted
    ruleset_hash: str = ""
    gaps: tuple[Window, ...] = ()  # ranges that its run gave up for being too old
    excepted: Mapping[str, int] = field(default_factory=dict)  # exception item → events that it took away
    ingested: Window | None = None  # of a sweep: when the events that it looked for came in


@dataclass(frozen=True, slots=True)
class Backlog:
    """A window that the cap cut: matches at or after `after` wait; `pending` of them were seen.

    Of a sweep only those wait that came in during `ingested`.
    """

    window: Window
    after: datetime
    pending: int
    ingested: Window | None = None


@dataclass(frozen=True, slots=True)
class Coverage:
    """What is known of one rule's past, under one query.

    From `since` on each instant is in exactly one of: `covered` (proven searched, its alerts acknowledged), `backlog`
    (cut by the cap, resumed at `after`), `gaps` (given up: older than the catch-up limit), or not covered yet.
    """

    query_hash: str
    since: datetime | None = None
    covered: tuple[Window, ...] = ()
    backlog: tuple[Backlog, ...] = ()
    gaps: tuple[Window, ...] = ()

    @property
    def until(self) -> datetime | None:
        """The end of the newest covered range."""
        return self.covered[-1].end if self.covered else None


@dataclass(frozen=True, slots=True)
class Swept:
    """What is known of a rule's late events: all that came in before `until` are looked for, but for the rest of `cut`.

    Before the line began nothing is claimed. At most one sweep is cut: it is finished before another begins. `given_up` is
    the last range of ingestion that was given up for being too old.
    """

    until: datetime
    cut: Backlog | None = None
    given_up: Window | None = None


BELIEVED = timedelta(hours=1)
"""A runner that says it is alive for so much longer than any would has a clock that was ahead, and may be gone."""


@dataclass(frozen=True, slots=True)
class Lease:
    """Who executes a rule, and until when the others leave it to him."""

    owner: str
    until: datetime


@dataclass(frozen=True, slots=True)
class State:
    """A rule's record in the ledger. `token` is the ledger's own proof of the version that was read."""

    rule_id: str
    coverage: Coverage
    last: Execution | None = None
    lease: Lease | None = None
    swept: Swept | None = None  # None: late events are not looked for, or have never been
    token: Any = field(default=None, compare=False)

    @property
    def backlog(self) -> tuple[Backlog, ...]:
        """All that the cap left waiting, of windows and of a sweep."""
        cut = self.swept.cut if self.swept is not None else None
        return self.coverage.backlog if cut is None else (*self.coverage.backlog, cut)

    @property
    def sweep_lag(self) -> timedelta:
        """How far the sweeps for late events are behind the searches; nothing where there are none."""
        if self.swept is None or self.coverage.until is None:
            return timedelta(0)
        return max(self.coverage.until - self.swept.until, timedelta(0))
