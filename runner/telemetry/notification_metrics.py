"""Metrics of notifications, by channel, beside those of the rules."""

from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from prometheus_client import CollectorRegistry, Counter, Gauge

from runner.notify.model import Claim, Entry, Message, Standing

_LABELS = ("channel",)


class NotificationMetrics:
    """Counts what this process does; what waits is read from the outbox, for all processes."""

    def __init__(
        self,
        registry: CollectorRegistry,
        channels: Iterable[str],
        standing: Callable[[], Sequence[Standing]],
        clock: Callable[[], datetime],
    ) -> None:
        self._standing = standing
        self._clock = clock
        self._channels: frozenset[str] = frozenset()
        self._sent = Counter(
            "runner_notifications_sent", "Alerts, and news of rules, that were told.", _LABELS, registry=registry
        )
        self._messages = Counter("runner_notification_messages", "Messages sent.", _LABELS, registry=registry)
        self._refused = Counter(
            "runner_notification_attempts_failed", "Attempts to send that failed.", _LABELS, registry=registry
        )
        self._given_up = Counter(
            "runner_notifications_given_up", "Notifications that are not tried any more.", _LABELS, registry=registry
        )
        self._waiting = Gauge("runner_notifications_pending", "Notifications that wait.", _LABELS, registry=registry)
        self._failed = Gauge(
            "runner_notifications_failed", "Notifications given up, and kept.", _LABELS, registry=registry
        )
        self._oldest = Gauge(
            "runner_notifications_oldest_pending_seconds",
            "Age of the oldest notification that waits.",
            _LABELS,
            registry=registry,
        )
        self.serving(tuple(channels))

    def serving(self, channels: Sequence[str]) -> None:
        """Make the series of each channel, counters at zero, and remove those of channels that are gone."""
        coming = frozenset(channels)
        counters = (self._sent, self._messages, self._refused, self._given_up)
        for channel in self._channels - coming:
            for series in (*counters, self._waiting, self._failed, self._oldest):
                series.remove(channel)
        for channel in coming - self._channels:
            for counter in counters:
                counter.labels(channel)
            self._waiting.labels(channel).set_function(_bound(self._of, channel, lambda one: one.waiting))
            self._failed.labels(channel).set_function(_bound(self._of, channel, lambda one: one.failed))
            self._oldest.labels(channel).set_function(_bound(self._of, channel, self._age))
        self._channels = coming

    def delivered(self, message: Message, entries: Sequence[Entry]) -> None:  # noqa: ARG002  # counted, not read
        """A message has been sent."""
        self._count(self._messages, entries[0].channel, 1)
        self._count(self._sent, entries[0].channel, len(entries))

    def refused(self, entry: Entry, claim: Claim) -> None:  # noqa: ARG002  # the log tells the claim
        """An attempt has failed."""
        self._count(self._refused, entry.channel, 1)

    def given_up(self, entries: Sequence[Entry]) -> None:
        """These are not tried any more."""
        self._count(self._given_up, entries[0].channel, len(entries))

    def resumed(self, claim: Claim, now: datetime) -> None:
        """A channel works again."""

    def troubled(self, what: str, error: Exception) -> None:
        """Something went wrong beside the attempts."""

    def _count(self, counter: Counter, channel: str, number: int) -> None:
        if channel in self._channels:  # else it was still being told when it went
            counter.labels(channel).inc(number)

    def _of(self, channel: str) -> Standing:
        return next((one for one in self._standing() if one.channel == channel), Standing(channel))

    def _age(self, one: Standing) -> float:
        return max(self._clock() - one.oldest, timedelta(0)).total_seconds() if one.oldest else 0.0


def _bound(standing: Callable[[str], Standing], channel: str, read: Callable[[Standing], float]) -> Callable[[], float]:
    return lambda: read(standing(channel))
