"""The values of notifications, and their seams to the outside.

    alerts ──route──► Entry (an alert, a channel) ──plan──► Batch ──render──► Message ──Sender──► Outcome

The in-memory twins of `Outbox` and `Streaks` are in `runner.offline.outbox`; one suite, `tests/contracts/test_outbox.py`,
holds both to what is said here.
"""

import hashlib
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any, Protocol

from runner.execution.model import Document

ATTEMPT = timedelta(seconds=30)
"""The longest that one attempt to send may take."""

CLAIM = timedelta(minutes=2)
"""How long a channel belongs to who has claimed it last; half of it is longer than any one attempt to send takes."""

DIGEST, SUMMARY = "digest:", "summary:"
"""How the ids of messages of several entries begin: of one rule, of several."""


class Kind(StrEnum):
    """What is told."""

    ALERT = "alert"
    FAILING = "failing"  # a rule's executions fail again and again
    RECOVERED = "recovered"  # and then no more
    DIGEST = "digest"  # several of these in one message
    TEST = "test"


class EntryState(StrEnum):
    """What has become of an entry."""

    WAITING = "waiting"
    SENT = "sent"
    FAILED = "failed"  # given up


@dataclass(frozen=True, slots=True)
class Entry:
    """One thing to tell to one channel. `id` depends on both and nothing else, so that it is put once.

    `due` is when the next attempt may be made, `tried` when the first one was, `settled` when it was sent or given up,
    `message` the id of the message that it went into. `token` is the outbox's own proof of the version that was read.
    """

    id: str
    channel: str
    kind: Kind
    rule_id: str
    rule_name: str
    severity: str
    created: datetime
    due: datetime
    alert_id: str = ""
    detail: str = ""
    state: EntryState = EntryState.WAITING
    attempts: int = 0
    tried: datetime | None = None
    error: str = ""
    settled: datetime | None = None
    message: str = ""
    token: Any = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Claim:
    """A channel, held by one courier of one process until an instant, and how sending there goes.

    `failures` in a row since `failing_since`, with the last `error`; nothing is sent before `paused_until`. `sent` is the
    last time that something was.
    """

    channel: str
    owner: str
    until: datetime
    failures: int = 0
    failing_since: datetime | None = None
    paused_until: datetime | None = None
    error: str = ""
    sent: datetime | None = None
    token: Any = field(default=None, compare=False)


@dataclass(frozen=True, slots=True)
class Sent:
    """A message that has been sent: when, of which rule (empty for a digest of several), of how many entries."""

    message: str
    at: datetime
    rule_id: str
    is_digest: bool

    @classmethod
    def of(cls, entry: Entry) -> "Sent":
        """Return the message that a sent entry went into."""
        assert entry.settled is not None, "what was sent is settled"
        of_rule = entry.kind is Kind.ALERT and not entry.message.startswith(SUMMARY)
        return cls(entry.message, entry.settled, entry.rule_id if of_rule else "", entry.message.startswith(DIGEST))


@dataclass(frozen=True, slots=True)
class Standing:
    """What the outbox holds of one channel; `claim` is how sending there went last, None where it never was tried."""

    channel: str
    waiting: int = 0
    failed: int = 0
    oldest: datetime | None = None  # of those that wait
    claim: Claim | None = None


@dataclass(frozen=True, slots=True)
class Streak:
    """How often in a row a rule's executions have failed, since when, with which last error, and whether it was told."""

    rule_id: str
    rule_name: str
    failures: int
    since: datetime
    error: str = ""
    told: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent: words for people, and the same as JSON values for machines. `id` is the same at every attempt."""

    id: str
    kind: Kind
    severity: str
    title: str
    text: str
    payload: Mapping[str, Any] = field(default_factory=dict, repr=False)


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt to send ended. An empty `error` is success; no error holds a secret.

    `wait` is how long the other side asks us to stay away. `of_message`: the fault is this message's, the channel is well.
    """

    error: str = ""
    wait: timedelta | None = None
    of_message: bool = False


def message_id(entries: Sequence[Entry]) -> str:
    """Return the id of the message that holds these entries, of one channel: the same for the same entries."""
    if len(entries) == 1:
        return entries[0].id
    rules = {(entry.kind, entry.rule_id) for entry in entries}
    digest = hashlib.sha256("\0".join(sorted(entry.id for entry in entries)).encode()).hexdigest()[:32]
    return f"{DIGEST if len(rules) == 1 else SUMMARY}{digest}:{entries[0].channel}"


class Sender(Protocol):
    """The way to one channel."""

    def send(self, message: Message) -> Outcome:
        """Make one attempt; a courier's sender takes no longer than `ATTEMPT`. Raises nothing of the outside world."""
        ...


class Outbox(Protocol):
    """What is to be told, kept until it is. All methods raise RunnerError."""

    def put(self, entries: Sequence[Entry]) -> int:
        """Add those of the entries that are not there yet, whatever became of them; return how many that were."""
        ...

    def entries(
        self, channel: str, state: EntryState, now: datetime, most: int, without: Collection[str] = ()
    ) -> tuple[Entry, ...]:
        """Return the channel's entries in a state, oldest first, at most so many; of the waiting ones those due at `now`.

        Entries of the rules `without` are left out.
        What `put` and `settle` have written is seen at once.
        """
        ...

    def settle(self, entries: Iterable[Entry]) -> None:
        """Write the entries as they have become; one that another has written since it was read stays as that one left it."""
        ...

    def sent(self, channel: str, since: datetime) -> tuple[Sent, ...]:
        """Return the messages sent to the channel at or after an instant, oldest first."""
        ...

    def claim(self, channel: str, owner: str, now: datetime) -> Claim | None:
        """Take the channel for `CLAIM` from now, or keep it for at least half of that; None while another holds it."""
        ...

    def keep(self, claim: Claim) -> Claim:
        """Write a claim that one holds as it has become. Raises StateConflict when another has taken it."""
        ...

    def standing(self) -> tuple[Standing, ...]:
        """Return how all channels stand that the outbox has ever heard of, by name."""
        ...

    def prune(self, before: datetime) -> int:
        """Forget entries that were settled before an instant; return how many."""
        ...


class Streaks(Protocol):
    """The rules that keep failing, for all processes. All methods raise RunnerError."""

    def all(self) -> Mapping[str, Streak]:
        """Return the streaks that last, by rule id."""
        ...

    def write(self, streak: Streak) -> None:
        """Keep a streak; one without failures is forgotten."""
        ...


class MarkedAlerts(Protocol):
    """The alerts, as far as notifications read them. All methods raise RunnerError."""

    def documents(self, ids: Sequence[str]) -> Mapping[str, Document]:
        """Return the documents of those of the ids that are there."""
        ...

    def marked(self, since: datetime) -> Iterator[tuple[str, Document]]:
        """Yield id and document of every alert made since then that bears a mark (`runner.notify.marks`)."""
        ...


class Observer(Protocol):
    """Who is told how notifications go: logs and metrics."""

    def delivered(self, message: Message, entries: Sequence[Entry]) -> None:
        """A message has been sent, with all of these in it."""
        ...

    def refused(self, entry: Entry, claim: Claim) -> None:
        """An attempt has failed; the entry and the claim say why and when the next one is."""
        ...

    def given_up(self, entries: Sequence[Entry]) -> None:
        """These are not tried any more."""
        ...

    def resumed(self, claim: Claim, now: datetime) -> None:
        """A channel that failed works again; the claim is how it stood before."""
        ...

    def troubled(self, what: str, error: Exception) -> None:
        """Something else went wrong, and is tried again."""
        ...

    def serving(self, channels: Sequence[str]) -> None:
        """These channels are delivered to from now on."""
        ...
