"""Marks: an alert says itself who is to be told of it, in the very write that creates it.

So that no crash can lose a notification: entries of the outbox are derived from the marks, right after the write, and for
alerts whose write or entry was interrupted by looking for marks again. And a route that is added later tells nothing of
alerts that were there before.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from runner.execution.absorbing import Absorber, Suppressed
from runner.execution.model import Alert, Document, RunType, Written
from runner.execution.seams import AlertSink
from runner.notify.config import Route
from runner.notify.model import Entry, Kind
from runner.query import instant, values
from runner.query.fields import first_text
from runner.schedule.windows import Window

MARK = "eql_runner.notify"


class MarkingSink:
    """Marks alerts on their way to a sink, and hands over the entries of those that are new.

    `accept` takes the entries, and raises nothing: the alerts are written by then, whatever becomes of their entries.
    """

    def __init__(self, sink: AlertSink, routes: Sequence[Route], accept: Callable[[Sequence[Entry]], None]) -> None:
        self._sink = sink
        self._routes = routes
        self._accept = accept

    def replace(self, routes: Sequence[Route]) -> None:
        """Mark by these routes from now on. May be called by any thread."""
        self._routes = routes

    def known(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of the ids that are alerts already."""
        return self._sink.known(ids)

    def write(self, alerts: Sequence[Alert]) -> Written:
        """Create the alerts, marked, and return what became of each."""
        marked = [self._marked(alert) for alert in alerts]  # once: the routes may be replaced meanwhile
        written = self._sink.write(marked)
        documents = {alert.id: alert.document for alert in marked}
        entries = [entry for alert_id in written.created for entry in entries_of(alert_id, documents[alert_id])]
        if entries:
            self._accept(entries)
        return written

    def open_for(self, instance_ids: Sequence[str], span: Window) -> Sequence[Absorber]:
        """Return the open alerts of these suppression groups."""
        return self._sink.open_for(instance_ids, span)

    def absorb(self, suppressed: Sequence[Suppressed], again: Sequence[str] = ()) -> Written:
        """Note matches as absorbed; nobody is told of them."""
        return self._sink.absorb(suppressed, again)

    def _marked(self, alert: Alert) -> Alert:
        channels = channels_of(alert.document, self._routes)
        return replace(alert, document={**alert.document, MARK: list(channels)}) if channels else alert


def channels_of(document: Document, routes: Sequence[Route]) -> tuple[str, ...]:
    """Return the channels that are to be told of an alert, each once.

    A sequence is told by its shell alone: the building blocks that are its events are never told.
    """
    if document.get("kibana.alert.group.index") is not None:
        return ()
    is_block = bool(document.get("kibana.alert.building_block_type"))
    is_backfill = document.get("eql_runner.run_type") == RunType.BACKFILL
    rule = (_text(document, "rule.rule_id"), _text(document, "rule.name"), _text(document, "severity"))
    tags = frozenset(str(tag) for tag in values(document, "kibana.alert.rule.tags"))
    found = dict.fromkeys(
        channel
        for route in routes
        if not route.executions
        and route.building_blocks >= is_block
        and route.backfill >= is_backfill
        and route.takes(*rule, tags)
        for channel in route.channels
    )
    return tuple(found)


def entries_of(alert_id: str, document: Document) -> tuple[Entry, ...]:
    """Return the entries that an alert's mark asks for. They depend on the alert alone."""
    made = instant(document["@timestamp"])
    assert made is not None, "an alert says when it was made"
    return tuple(
        Entry(
            id=f"{alert_id}:{channel}",
            channel=str(channel),
            kind=Kind.ALERT,
            rule_id=_text(document, "rule.rule_id"),
            rule_name=_text(document, "rule.name"),
            severity=_text(document, "severity"),
            created=made,
            due=made,
            alert_id=alert_id,
        )
        for channel in values(document, MARK)
    )


def _text(document: Document, name: str) -> str:
    return first_text(document, f"kibana.alert.{name}")
