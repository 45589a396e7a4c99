"""What keeps the outbox right beside the couriers: lost entries found, old ones forgotten, counts read.

A mark whose entry lacks (the process ended between the two writes, or the second failed) is found by looking through the
marked alerts: those of `LOOK_BACK` when a process starts, those of `LOOK_BEHIND` now and then, for other processes that
ended. Entries are kept for longer than anyone looks back, so that none is made twice.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from runner.notify.failing import Failing
from runner.notify.marks import entries_of
from runner.notify.model import Entry, MarkedAlerts, Outbox, Standing

EVERY = timedelta(seconds=30)
SWEEP_EVERY = timedelta(minutes=10)
PRUNE_EVERY = timedelta(hours=6)
LOOK_BACK = timedelta(days=7)
LOOK_BEHIND = timedelta(hours=6)
KEPT = timedelta(days=30)

_AT_ONCE = 1000


class Upkeep:
    """Does what is due. Belongs to one thread; `standing` may be read by others."""

    def __init__(
        self, outbox: Outbox, alerts: MarkedAlerts, channels: Collection[str], failing: Failing | None = None
    ) -> None:
        self._outbox = outbox
        self._alerts = alerts
        self._channels = channels
        self._failing = failing
        self._swept: datetime | None = None
        self._pruned: datetime | None = None
        self.standing: tuple[Standing, ...] = ()

    def replace(self, channels: Collection[str]) -> None:
        """Look after these channels from now on. May be called by any thread."""
        self._channels = channels

    def again(self) -> None:
        """Entries were lost just now: look for them soon. May be called by any thread."""
        if self._swept is not None:
            self._swept -= SWEEP_EVERY

    def round(self, now: datetime) -> int:
        """Do what is due at `now`; return how many lost entries were put. Raises RunnerError."""
        found = 0
        if self._failing is not None:
            self._failing.refresh()
        if self._swept is None or now - self._swept >= SWEEP_EVERY:
            found = self.sweep(now - (LOOK_BACK if self._swept is None else LOOK_BEHIND))
            self._swept = now
        if self._pruned is None or now - self._pruned >= PRUNE_EVERY:
            self._outbox.prune(now - KEPT)
            self._pruned = now
        self.standing = self._outbox.standing()
        return found

    def sweep(self, since: datetime) -> int:
        """Put the entries that lack for alerts marked since then; return how many. Raises RunnerError."""
        wanted = (
            entry
            for alert_id, document in self._alerts.marked(since)
            for entry in entries_of(alert_id, document)
            if entry.channel in self._channels
        )
        return sum(self._outbox.put(some) for some in _in_parts(wanted))


def _in_parts(entries: Iterator[Entry]) -> Iterator[Sequence[Entry]]:
    next_part: Callable[[], tuple[Entry, ...]] = lambda: tuple(islice(entries, _AT_ONCE))  # noqa: E731  # for `iter`
    yield from iter(next_part, ())
