"""The in-memory twins of `Outbox`, `Streaks` and `MarkedAlerts`, with the same optimistic concurrency as in the cluster."""

import threading
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from runner.errors import StateConflict
from runner.execution.model import Document
from runner.notify.marks import MARK
from runner.notify.model import CLAIM, Claim, Entry, EntryState, Sent, Standing, Streak
from runner.offline.memory import MemorySink
from runner.query import instant


class MemoryOutbox:
    """Entries and claims in memory."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._entries: dict[str, Entry] = {}
        self._claims: dict[str, Claim] = {}
        self._versions = 0

    def put(self, entries: Sequence[Entry]) -> int:
        """Add the entries that are not there yet; return how many."""
        with self._lock:
            new = {entry.id: entry for entry in entries if entry.id not in self._entries}
            self._entries.update({entry_id: replace(entry, token=self._version()) for entry_id, entry in new.items()})
            return len(new)

    def entries(
        self, channel: str, state: EntryState, now: datetime, most: int, without: Collection[str] = ()
    ) -> tuple[Entry, ...]:
        """Return the channel's entries in a state, oldest first; of the waiting ones those due."""
        with self._lock:
            found = [
                entry
                for entry in self._of(channel, state)
                if (state is not EntryState.WAITING or entry.due <= now) and entry.rule_id not in without
            ]
        return tuple(sorted(found, key=lambda entry: (entry.created, entry.id))[:most])

    def settle(self, entries: Iterable[Entry]) -> None:
        """Write the entries; one that was written since it was read stays."""
        with self._lock:
            for entry in entries:
                current = self._entries.get(entry.id)
                if current is not None and current.token == entry.token:
                    self._entries[entry.id] = replace(entry, token=self._version())

    def sent(self, channel: str, since: datetime) -> tuple[Sent, ...]:
        """Return the messages sent at or after an instant, oldest first."""
        with self._lock:
            found = [Sent.of(entry) for entry in self._of(channel, EntryState.SENT)]
        by_message = {one.message: one for one in found if one.at >= since}
        return tuple(sorted(by_message.values(), key=lambda one: (one.at, one.message)))

    def claim(self, channel: str, owner: str, now: datetime) -> Claim | None:
        """Take or keep the channel; None while another holds it."""
        with self._lock:
            current = self._claims.get(channel) or Claim(channel, owner, now)
            if current.owner != owner and now < current.until:
                return None
            return self._kept(replace(current, owner=owner, until=now + CLAIM))

    def keep(self, claim: Claim) -> Claim:
        """Write a claim as it has become. Raises StateConflict when another has taken it."""
        with self._lock:
            if self._claims[claim.channel].token != claim.token:
                raise StateConflict(f"the channel {claim.channel} was taken by another runner")
            return self._kept(claim)

    def standing(self) -> tuple[Standing, ...]:
        """Return how all channels stand."""
        with self._lock:
            channels = sorted({entry.channel for entry in self._entries.values()} | self._claims.keys())
            return tuple(self._standing(channel) for channel in channels)

    def prune(self, before: datetime) -> int:
        """Forget entries that were settled before an instant."""
        with self._lock:
            old = [entry.id for entry in self._entries.values() if entry.settled and entry.settled < before]
            for entry_id in old:
                del self._entries[entry_id]
            return len(old)

    def _of(self, channel: str, state: EntryState) -> list[Entry]:
        return [entry for entry in self._entries.values() if entry.channel == channel and entry.state is state]

    def _standing(self, channel: str) -> Standing:
        waiting = self._of(channel, EntryState.WAITING)
        return Standing(
            channel,
            waiting=len(waiting),
            failed=len(self._of(channel, EntryState.FAILED)),
            oldest=min((entry.created for entry in waiting), default=None),
            claim=self._claims.get(channel),
        )

    def _kept(self, claim: Claim) -> Claim:
        kept = self._claims[claim.channel] = replace(claim, token=self._version())
        return kept

    def _version(self) -> int:
        self._versions += 1
        return self._versions


class MemoryStreaks:
    """Streaks in memory."""

    def __init__(self) -> None:
        self._streaks: dict[str, Streak] = {}

    def all(self) -> Mapping[str, Streak]:
        """Return the streaks that last, by rule id."""
        return dict(self._streaks)

    def write(self, streak: Streak) -> None:
        """Keep a streak; one without failures is forgotten."""
        if streak.failures:
            self._streaks[streak.rule_id] = streak
        else:
            self._streaks.pop(streak.rule_id, None)


class MemoryMarkedAlerts:
    """The alerts of a sink in memory, read again."""

    def __init__(self, sink: MemorySink) -> None:
        self._sink = sink

    def documents(self, ids: Sequence[str]) -> Mapping[str, Document]:
        """Return the documents of those of the ids that are there."""
        return {alert.id: alert.document for alert in self._sink.alerts if alert.id in set(ids)}

    def marked(self, since: datetime) -> Iterator[tuple[str, Document]]:
        """Yield every marked alert made since then."""
        for alert in self._sink.alerts:
            made = instant(alert.document["@timestamp"])
            if MARK in alert.document and made is not None and made >= since:
                yield alert.id, alert.document
