"""Alerts: a list of them, one in full, and what a change of their status did."""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from rich.console import Group, RenderableType
from rich.markdown import Markdown
from rich.padding import Padding
from rich.rule import Rule as Line
from rich.table import Table
from rich.text import Text

from runner import json_text
from runner.elastic.alert_search import Found
from runner.elastic.workflow import Changed, Conflict, history, status
from runner.execution.model import Document
from runner.pages import screen
from runner.query import instant, values
from runner.query.fields import first_text, first_value
from runner.report import records
from runner.report.guide import without_widgets
from runner.report.records import event
from runner.wording import plural

SHORT_ID = 8  # characters of an id that a list shows; enough to name an alert by, as a rule

_STATUSES: Mapping[str, str] = {"open": "bold", "acknowledged": "cyan", "closed": "dim"}
_PRESENT = {"open": "reopened", "acknowledged": "acknowledged", "closed": "closed"}


def page(alerts: Sequence[Found], total: int, now: datetime) -> RenderableType:
    """Show a line and its reason for each alert, newest first, and how many there are in all."""
    if not alerts:
        return Text("no alerts" if not total else f"{plural(total, 'alert')}, none of them shown")
    heading = screen.columns(*_WIDTHS)
    heading.add_row("Id", "Made (UTC)", "Severity", "Status", "Rule", style="dim")
    parts: list[RenderableType] = [heading]
    for alert in alerts:
        parts += [_row(alert, now), Padding(_line(alert.document), (0, 0, 0, 2), expand=False)]
    shown = plural(total, "alert")
    if total > len(alerts):
        shown += f", the newest {len(alerts):,} shown; --limit shows more"
    return Group(*parts, "", Text(shown, "bold"))


_WIDTHS = (SHORT_ID, 16, 8, 12, 0)


def _row(alert: Found, now: datetime) -> RenderableType:
    document = alert.document
    made = instant(first_value(document, "@timestamp"))
    row = screen.columns(*_WIDTHS)
    row.add_row(
        Text(screen.safe(alert.id[:SHORT_ID]), "bold"),
        "" if made is None else f"{made:%H:%M:%S}" if made.date() == now.date() else f"{made:%Y-%m-%d %H:%M}",
        screen.severity(first_text(document, "kibana.alert.severity")),
        _status(status(document)),
        screen.safe(first_text(document, "kibana.alert.rule.name")),
    )
    return row


def _line(document: Document) -> Text:
    """Say what happened, and for how many more matches the alert stands."""
    line = Text(_reason(document), overflow="fold")
    if suppressed := _suppressed(document):
        line.append(f" +{suppressed:,} suppressed", "dim")
    return line


def whole(alert: Found, blocks: Sequence[Found]) -> RenderableType:
    """Show all of one alert: what, why, where from, what was done about it, the events, the guide."""
    document = alert.document
    parts: list[RenderableType] = [
        Text(screen.safe(first_text(document, "kibana.alert.rule.name")), "bold"),
        Text(screen.safe(first_text(document, "kibana.alert.reason")), overflow="fold"),
        "",
        _facts(alert),
    ]
    for title, content in (
        ("Workflow", _workflow(document)),
        ("ATT&CK", _attack(document)),
        ("Source", _ancestors(document)),
        *_events(alert, blocks),
        ("Investigation guide", _guide(document)),
    ):
        if content is not None:
            parts += ["", Line(title, align="left", style="dim"), content]
    return Group(*parts)


def _facts(alert: Found) -> RenderableType:
    document = alert.document
    grid = Table.grid(padding=(0, 2))
    grid.add_column(style="dim", no_wrap=True)
    grid.add_column(overflow="fold")
    version = first_text(document, "kibana.alert.rule.version")
    rows: list[tuple[str, str | Text]] = [
        ("Id", alert.id),
        ("Index", alert.index),
        ("Status", _status(status(document))),
        ("Severity", screen.severity(first_text(document, "kibana.alert.severity"))),
        ("Risk score", first_text(document, "kibana.alert.risk_score")),
        ("Event time", first_text(document, "kibana.alert.original_time")),
        ("Alert made", first_text(document, "@timestamp")),
        ("Run type", first_text(document, "eql_runner.run_type")),
        ("Host", _joined(document, "host.name")),
        ("User", _joined(document, "user.name")),
        ("Rule id", f"{first_text(document, 'kibana.alert.rule.rule_id')}{f'  version {version}' if version else ''}"),
        ("Rule author", _joined(document, "kibana.alert.rule.author")),
        ("Tags", _joined(document, "kibana.alert.rule.tags")),
        ("References", _joined(document, "kibana.alert.rule.references", "\n")),
        ("False positives", _joined(document, "kibana.alert.rule.false_positives", "\n")),
        ("Suppressed", _stands_for(document)),
        ("Building block", first_text(document, "kibana.alert.building_block_type")),
        ("Told to", _joined(document, "eql_runner.notify")),
    ]
    for name, value in rows:
        if value:
            grid.add_row(name, value if isinstance(value, Text) else Text(screen.safe(value)))
    return grid


def _stands_for(document: Document) -> str:
    """Say how many matches the alert has absorbed, over which time, and what they share."""
    suppressed = _suppressed(document)
    if not suppressed:
        return ""
    start, end = (first_text(document, f"kibana.alert.suppression.{bound}") for bound in ("start", "end"))
    terms = [
        f"{term.get('field')}: {', '.join(map(str, _values_of(term.get('value')))) or 'none'}"
        for term in _listed(document, "kibana.alert.suppression.terms")
    ]
    return "\n".join((f"{suppressed:,} further, {start} to {end}", *terms))


def _suppressed(document: Document) -> int:
    return int(first_value(document, "kibana.alert.suppression.docs_count") or 0)


def _values_of(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [] if value is None else [value]


def _workflow(document: Document) -> RenderableType | None:
    changes = history(document)
    if not changes:
        return None
    text = Text()
    for change in changes:
        text.append(f"{screen.safe(str(change.get('at', '')))}  ", "dim")
        text.append(screen.safe(f"{change.get('user', '')} "))
        to = str(change.get("to"))
        text.append(_PRESENT.get(to, screen.safe(to)), "bold")
        if change.get("reason"):
            text.append(f": {screen.safe(str(change['reason']))}")
        text.append("\n")
    text.right_crop(1)
    return text


def _attack(document: Document) -> RenderableType | None:
    """List tactics with their techniques, each with its id."""
    lines = [
        "  " * depth + f"{part.get('id', '')}  {part.get('name', '')}"
        for entry in _listed(document, "kibana.alert.rule.threat")
        for depth, part in _parts_of_threat(entry)
    ]
    return Text(screen.safe("\n".join(lines))) if lines else None


def _parts_of_threat(entry: Mapping[str, Any]) -> Iterator[tuple[int, Mapping[str, Any]]]:
    yield 0, entry.get("tactic") or {}
    for technique in entry.get("technique") or ():
        yield 1, technique
        for sub in technique.get("subtechnique") or ():
            yield 2, sub


def _ancestors(document: Document) -> RenderableType | None:
    lines = [
        "  ".join(str(one.get(name, "")) for name in ("type", "index", "id") if one.get(name))
        for one in _listed(document, "kibana.alert.ancestors")
    ]
    return Text(screen.safe("\n".join(lines)), overflow="fold") if lines else None


def _events(alert: Found, blocks: Sequence[Found]) -> Iterator[tuple[str, RenderableType | None]]:
    if not blocks:
        yield "Event", _json(matched_event(alert.document))
    for number, block in enumerate(blocks, 1):
        yield f"Event {number} of {len(blocks)}", _json(matched_event(block.document))


def matched_event(document: Document) -> Mapping[str, Any]:
    """Return the source event, wherever the alert had to keep it."""
    return event(records.whole(document))


def _json(value: Mapping[str, Any]) -> RenderableType:
    text = json_text.dumps(value, indented=True, sort_keys=True).decode()
    return Text(screen.safe(text), overflow="fold")


def _guide(document: Document) -> RenderableType | None:
    guide = first_text(document, "kibana.alert.rule.note").strip()
    return Markdown(screen.safe(without_widgets(guide)), hyperlinks=False) if guide else None


def changed(result: Changed, to: str) -> RenderableType:
    """Say what a change did, and to which alerts it was not made."""
    text = Text(f"{_PRESENT[to]} {plural(len(result.changed), 'alert')}", "bold")
    if result.blocks:
        text.append(f", with {plural(result.blocks, 'building block')}", "not bold")
    if result.already:
        text.append(f"; {len(result.already):,} had that status already", "not bold dim")
    return Group(text, *map(_conflict, result.conflicts))


def _conflict(conflict: Conflict) -> Text:
    return Text.assemble(
        (f"{screen.safe(conflict.id[:SHORT_ID])} not changed: ", "yellow"), screen.safe(conflict.reason)
    )


def as_json(alert: Found) -> dict[str, Any]:
    """Return what a list shows of an alert as plain JSON values."""
    document = alert.document
    return {
        "id": alert.id,
        "index": alert.index,
        "made": first_value(document, "@timestamp"),
        "event_time": first_value(document, "kibana.alert.original_time"),
        "severity": first_text(document, "kibana.alert.severity"),
        "risk_score": first_value(document, "kibana.alert.risk_score"),
        "status": status(document),
        "rule_id": first_text(document, "kibana.alert.rule.rule_id"),
        "rule_name": first_text(document, "kibana.alert.rule.name"),
        "host": [str(value) for value in values(document, "host.name")],
        "user": [str(value) for value in values(document, "user.name")],
        "reason": first_text(document, "kibana.alert.reason"),
        "suppressed": _suppressed(document),
    }


def changed_as_json(result: Changed) -> dict[str, Any]:
    """Return what a change did as plain JSON values."""
    return {
        "changed": [alert.id for alert in result.changed],
        "already": [alert.id for alert in result.already],
        "conflicts": [{"id": conflict.id, "reason": conflict.reason} for conflict in result.conflicts],
        "building_blocks": result.blocks,
    }


def _status(value: str) -> Text:
    return Text(screen.safe(value), _STATUSES.get(value, ""))


def _reason(document: Document) -> str:
    return screen.safe(first_text(document, "kibana.alert.reason").replace("\n", " "))


def _joined(document: Document, path: str, by: str = ", ") -> str:
    return by.join(str(value) for value in values(document, path))


def _listed(document: Document, path: str) -> list[Mapping[str, Any]]:
    found = document.get(path) or ()
    return [one for one in (found if isinstance(found, list | tuple) else [found]) if isinstance(one, Mapping)]
