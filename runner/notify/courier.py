"""One channel's courier: claims the channel, takes what is due, sends it message by message, and settles each.

    sent                    the entries are settled; sent and not settled (the cluster was away): settled first, next time
    refused as a message    this message waits; the others go on
    refused as a channel    the channel pauses, with growing pauses; nothing of it is lost meanwhile
    tried for `give_up`     the entries are given up, and stay visible as failed

A message is sent at least once. It is sent twice where the process, or the way to the cluster, ends between sending and
settling, and where an attempt that was given up has arrived all the same; its id is the same then.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from random import Random

from runner.errors import StateConflict
from runner.notify.config import Channel
from runner.notify.messages import LISTED, render
from runner.notify.model import (
    CLAIM,
    Claim,
    Entry,
    EntryState,
    Kind,
    MarkedAlerts,
    Message,
    Observer,
    Outbox,
    Outcome,
    Sender,
    message_id,
)
from runner.notify.pauses import pause
from runner.notify.plan import Batch, held, plan, reach

MOST = 5000
"""Entries looked at in one round."""

LOOK = timedelta(seconds=5)
"""How long until the next round, when nothing says otherwise."""

LOOK_AT_OTHERS = timedelta(seconds=30)


@dataclass(frozen=True, slots=True)
class Round:
    """What one round did: messages sent, whether more may be sent at once, and how long to rest before the next."""

    sent: int = 0
    more: bool = False
    rest: timedelta = LOOK


class Courier:
    """Delivers to one channel. Belongs to one thread; any may set `stop`, which ends it after what it is sending."""

    def __init__(
        self,
        channel: Channel,
        sender: Sender,
        outbox: Outbox,
        alerts: MarkedAlerts,
        observer: Observer,
        clock: Callable[[], datetime],
        *,
        owner: str,
        give_up: timedelta,
        stop: threading.Event,
        chance: Random | None = None,
    ) -> None:
        self.channel = channel
        self.stop = stop
        self._sender = sender
        self._outbox = outbox
        self._alerts = alerts
        self._observer = observer
        self._clock = clock
        self._owner = owner
        self._give_up = give_up
        self._chance = chance or Random()  # noqa: S311  # it spreads pauses
        self._claim: Claim | None = None
        self._unsettled: list[Entry] = []

    def round(self, until: datetime | None = None) -> Round:
        """Send what is due, as far as channel and rate allow; at `until` or later no further message is begun.

        Raises RunnerError when the outbox does not answer.
        """
        if self._unsettled:
            self._settle()
        now = self._clock()
        claim = self._claim = self._outbox.claim(self.channel.name, self._owner, now)
        if claim is None:
            return Round(rest=LOOK_AT_OTHERS)
        if claim.paused_until and now < claim.paused_until:
            return Round(rest=min(claim.paused_until - now, LOOK_AT_OTHERS))
        waiting = self._outbox.entries(self.channel.name, EntryState.WAITING, now, MOST)
        if not waiting:
            return Round()
        try:
            sent = self._delivered(waiting, now, until)
        except StateConflict:  # we were too slow, and another has the channel now
            self._claim = None
            return Round(rest=LOOK_AT_OTHERS)
        return Round(sent, more=bool(sent) and not self._paused(), rest=LOOK)

    def leave(self) -> None:
        """Let another take the channel at once. Raises RunnerError."""
        if self._unsettled:
            self._settle()
        if self._claim is not None:
            self._outbox.keep(replace(self._claim, until=self._clock()))
            self._claim = None

    def _delivered(self, waiting: Sequence[Entry], now: datetime, until: datetime | None) -> int:
        lately = self._outbox.sent(self.channel.name, now - reach(self.channel))
        if len(waiting) == MOST:  # whoever waits for his digest's time must not hide the others
            quiet = held(lately, self.channel, now)
            waiting = self._outbox.entries(self.channel.name, EntryState.WAITING, now, MOST, quiet)
        batches = plan(waiting, lately, self.channel, now)
        sent = 0
        for batch in batches:
            if self.stop.is_set() or (until is not None and self._clock() >= until):
                break
            self._renew()
            outcome = self._sent(batch)
            sent += not outcome.error
            if outcome.error and not outcome.of_message:
                self._give_up_old(waiting, batch)
                break
        if sent:
            self._claim = self._outbox.keep(self._held())
        return sent

    def _sent(self, batch: Batch) -> Outcome:
        """Make one attempt with a batch, and settle what it did."""
        message = self._rendered(batch)
        outcome = self._sender.send(message)
        now = self._clock()
        if outcome.error:
            self._refused(batch, outcome, now)
        else:
            self._accepted(batch, message, now)
        return outcome

    def _rendered(self, batch: Batch) -> Message:
        shown = [entry.alert_id for entry in batch[:LISTED] if entry.kind is Kind.ALERT]
        return render(batch, self._alerts.documents(shown) if shown else {}, self.channel)

    def _accepted(self, batch: Batch, message: Message, now: datetime) -> None:
        before = self._held()
        self._claim = replace(before, failures=0, failing_since=None, paused_until=None, error="", sent=now)
        self._observer.delivered(message, batch)
        if before.failures:
            self._observer.resumed(before, now)
        self._settle(
            replace(
                entry,
                state=EntryState.SENT,
                attempts=entry.attempts + 1,
                tried=entry.tried or now,
                settled=now,
                error="",
                message=message.id,
            )
            for entry in batch
        )

    def _refused(self, batch: Batch, outcome: Outcome, now: datetime) -> None:
        attempts = batch[0].attempts + 1
        due = now + pause(attempts, self._chance, outcome.wait)
        identity = message_id(batch)
        tried = [
            replace(
                entry,
                attempts=entry.attempts + 1,
                tried=entry.tried or now,
                due=due,
                error=outcome.error,
                message=identity,
            )
            for entry in batch
        ]
        if not outcome.of_message:
            claim = self._held()
            until = now + pause(claim.failures + 1, self._chance, outcome.wait)
            self._claim = self._outbox.keep(
                replace(
                    claim,
                    failures=claim.failures + 1,
                    failing_since=claim.failing_since or now,
                    paused_until=until,
                    error=outcome.error,
                )
            )
        given_up = [entry for entry in tried if now - (entry.tried or now) >= self._give_up]
        self._settle([*(entry for entry in tried if entry not in given_up), *self._failed(given_up, now)])
        self._observer.refused(tried[0], self._held())

    def _give_up_old(self, waiting: Sequence[Entry], tried: Batch) -> None:
        """Give up those that have waited too long for a channel that has failed all the time."""
        now, claim = self._clock(), self._held()
        since = claim.failing_since or now
        old = [entry for entry in waiting if entry not in tried and now - max(entry.created, since) >= self._give_up]
        if old:
            self._settle(self._failed([replace(entry, error=claim.error) for entry in old], now))

    def _failed(self, entries: Sequence[Entry], now: datetime) -> list[Entry]:
        if entries:
            self._observer.given_up(entries)
        return [replace(entry, state=EntryState.FAILED, settled=now) for entry in entries]

    def _settle(self, entries: Iterable[Entry] = ()) -> None:
        """Write what has become of entries, with what could not be written before."""
        self._unsettled += entries
        self._outbox.settle(self._unsettled)
        self._unsettled = []

    def _renew(self) -> None:
        """Make sure that the claim outlasts one attempt. Raises StateConflict when another has it."""
        claim, now = self._held(), self._clock()
        if claim.until - now < CLAIM / 2:
            self._claim = self._outbox.keep(replace(claim, until=now + CLAIM))

    def _paused(self) -> bool:
        return self._held().paused_until is not None

    def _held(self) -> Claim:
        assert self._claim is not None, "a courier delivers only to a channel that it holds"
        return self._claim
