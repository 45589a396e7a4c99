"""A sink that writes nothing: what `backfill --dry-run` would create."""

from collections.abc import Sequence

from runner.execution.absorbing import Absorber, Suppressed
from runner.execution.model import Alert, Written
from runner.execution.seams import AlertSink
from runner.schedule.windows import Window


class Rehearsal:
    """Takes alerts as the sink behind it would, and keeps their ids instead of writing them.

    What the sink behind it knows already is a duplicate here too.
    """

    def __init__(self, sink: AlertSink) -> None:
        self._sink = sink
        self._created: set[str] = set()
        self._open: list[Absorber] = []

    def known(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of the ids that are alerts or absorbed already, or would be by now."""
        return self._sink.known(ids) | self._created.intersection(ids)

    def write(self, alerts: Sequence[Alert]) -> Written:
        """Say what writing the alerts would do."""
        written = self._noted([alert.id for alert in alerts])
        new = [Absorber.of(alert.id, alert.document) for alert in alerts if alert.id in written.created]
        self._open += [absorber for absorber in new if absorber]
        return written

    def open_for(self, instance_ids: Sequence[str], span: Window) -> Sequence[Absorber]:
        """Return the open alerts of these groups, and those that would be by now."""
        own = [one for one in self._open if one.instance_id in set(instance_ids) and span.holds(one.time)]
        return (*self._sink.open_for(instance_ids, span), *own)

    def absorb(self, suppressed: Sequence[Suppressed], again: Sequence[str] = ()) -> Written:  # noqa: ARG002  # no counts
        """Say what absorbing the matches would do."""
        return self._noted([one.id for one in suppressed])

    def _noted(self, ids: Sequence[str]) -> Written:
        known = self.known(ids)
        created = tuple(one for one in ids if one not in known)
        self._created.update(created)
        return Written(created, tuple(one for one in ids if one in known))
