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
        waiting = Gauge("runner_notifications_pending", "Notifications that wait.", _LABELS, registry=registry)
        failed = Gauge("runner_notifications_failed", "Notifications given up, and kept.", _LABELS, registry=registry)
        oldest = Gauge(
            "runner_notifications_oldest_pending_seconds",
            "Age of the oldest notification that waits.",
            _LABELS,
            registry=registry,
        )
        for channel in channels:
            for series in (self._sent, self._messages, self._refused, self._given_up):
                series.labels(channel)
            waiting.labels(channel).set_function(_bound(self._of, channel, lambda one: one.waiting))
            failed.labels(channel).set_function(_bound(self._of, channel, lambda one: one.failed))
            oldest.labels(channel).set_function(_bound(self._of, channel, self._age))

    def delivered(self, message: Message, entries: Sequence[Entry]) -> None:  # noqa: ARG002  # counted, not read
        """A message has been sent."""
        self._messages.labels(entries[0].channel).inc()
        self._sent.labels(entries[0].channel).inc(len(entries))

    def refused(self, entry: Entry, claim: Claim) -> None:  # noqa: ARG002  # the log tells the claim
        """An attempt has failed."""
        self._refused.labels(entry.channel).inc()

    def given_up(self, entries: Sequence[Entry]) -> None:
        """These are not tried any more."""
        self._given_up.labels(entries[0].channel).inc(len(entries))

    def resumed(self, claim: Claim, now: datetime) -> None:
        """A channel works again."""

    def troubled(self, what: str, error: Exception) -> None:
        """Something went wrong beside the attempts."""

    def _of(self, channel: str) -> Standing:
        return next((one for one in self._standing() if one.channel == channel), Standing(channel))

    def _age(self, one: Standing) -> float:
        return max(self._clock() - one.oldest, timedelta(0)).total_seconds() if one.oldest else 0.0


def _bound(standing: Callable[[str], Standing], channel: str, read: Callable[[Standing], float]) -> Callable[[], float]:
    return lambda: read(standing(channel))
