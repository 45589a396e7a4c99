"""A sink that writes nothing: what `backfill --dry-run` would create."""

from collections.abc import Sequence

from runner.execution.model import Alert, AlertSink, Written


class Rehearsal:
    """Takes alerts as the sink behind it would, and keeps their ids instead of writing them.

    What the sink behind it knows already is a duplicate here too.
    """

    def __init__(self, sink: AlertSink) -> None:
        self._sink = sink
        self._created: set[str] = set()

    def known(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of the ids that are alerts already, or would be by now."""
        return self._sink.known(ids) | self._created.intersection(ids)

    def write(self, alerts: Sequence[Alert]) -> Written:
        """Say what writing the alerts would do."""
        ids = tuple(alert.id for alert in alerts)
        known = self.known(ids)
        created = tuple(alert_id for alert_id in ids if alert_id not in known)
        self._created.update(created)
        return Written(created, tuple(alert_id for alert_id in ids if alert_id in known))
