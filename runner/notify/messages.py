"""A batch of entries → the message that is sent: words by the channel's template, and the same as JSON values.

    one alert            the template's title and text
    several alerts       how many, of which rules, when, and the first of them
    rules that fail      since when, and why
    rules that recover   after how long

Each text ends with the message's id, so that whoever gets it twice can tell.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from runner.execution.model import Document
from runner.notify.config import Channel, Include
from runner.notify.model import Entry, Kind, Message, message_id
from runner.notify.template import Template, fill, plain
from runner.query import values
from runner.wording import plural

LISTED = 10
LONGEST_TITLE, LONGEST_TEXT = 250, 4000

DEFAULT = Template(
    title="[${severity}] ${rule}",
    text="""\
${reason}

Host: ${host}
User: ${user}
Process: ${process.command_line}
Event time: ${time}
Risk score: ${risk_score}
ATT&CK: ${tactics}
Alert: ${id}
${kibana.alert.url}""",
)

SHORT_NAMES: Mapping[str, str] = {
    "id": "kibana.alert.uuid",
    "rule": "kibana.alert.rule.name",
    "rule_id": "kibana.alert.rule.rule_id",
    "severity": "kibana.alert.severity",
    "risk_score": "kibana.alert.risk_score",
    "reason": "kibana.alert.reason",
    "time": "kibana.alert.original_time",
    "made": "@timestamp",
    "status": "kibana.alert.workflow_status",
    "tags": "kibana.alert.rule.tags",
    "description": "kibana.alert.rule.description",
    "tactics": "threat.tactic.name",
    "techniques": "threat.technique.name",
    "host": "host.name",
    "user": "user.name",
    "message": "message",
}
"""What templates may write for a field; any other name is the field's own, with its dots."""

_SEVERITIES = ("critical", "high", "medium", "low")
_LONG = ("kibana.alert.rule.note", "kibana.alert.rule.setup", "kibana.alert.rule.parameters")


def render(batch: Sequence[Entry], documents: Mapping[str, Document], channel: Channel) -> Message:
    """Return the message of a batch. An alert whose document is gone is told by what its entry knows."""
    identity = message_id(batch)
    known = [(entry, documents.get(entry.alert_id) or _known(entry)) for entry in batch]
    if len(batch) > 1:
        kind, title, text = Kind.DIGEST, _sum(batch), _digest(known)
    elif batch[0].kind is Kind.ALERT:
        template, document = channel.template or DEFAULT, known[0][1]
        kind, title, text = Kind.ALERT, fill(template.title, _fields(document)), fill(template.text, _fields(document))
    else:
        kind, title, text = batch[0].kind, _of_rule(batch[0]), plain([batch[0].detail])
    payload = {
        "count": len(batch),
        "rules": [{"id": rule_id, "name": name} for rule_id, name in _rules(batch)],
        "alerts": [summary(document) for entry, document in known[:LISTED] if entry.kind is Kind.ALERT],
    }
    if channel.include is Include.DOCUMENT and kind is Kind.ALERT:
        payload["document"] = {key: value for key, value in known[0][1].items() if key not in _LONG}
    return message(identity, kind, _worst(batch), title, text, payload)


def message(
    identity: str, kind: Kind, severity: str, title: str, text: str, more: Mapping[str, Any] | None = None
) -> Message:
    """Return a message with its id below the text, cut to what services take."""
    title = _cut(title, LONGEST_TITLE)
    text = _cut(text, LONGEST_TEXT)
    payload = {"id": identity, "kind": str(kind), "severity": severity, "title": title, "text": text, **(more or {})}
    return Message(identity, kind, severity, title, f"{text}\n\n{identity}".strip(), payload)


def test_message(channel: str, now: datetime) -> Message:
    """Return the message by which a person tries a channel."""
    text = "A test of eql-runner: alerts that are routed to this channel arrive here."
    return message(f"test-{now:%Y%m%dT%H%M%S}:{channel}", Kind.TEST, "low", f"eql-runner: test of {channel}", text)


def summary(document: Document) -> dict[str, Any]:
    """Return what a machine wants to know of an alert, and no more of its event than host and user."""
    single = ("id", "rule_id", "rule", "severity", "risk_score", "reason", "time", "made", "status")
    found = {name: values(document, SHORT_NAMES[name]) for name in (*single, "host", "user", "tags", "tactics")}
    return {name: some[0] if name in single else list(some) for name, some in found.items() if some}


def _fields(document: Document) -> Any:
    return lambda name: values(document, SHORT_NAMES.get(name, name))


def _known(entry: Entry) -> Document:
    return {
        "@timestamp": entry.created.isoformat(timespec="milliseconds"),
        "kibana.alert.uuid": entry.alert_id,
        "kibana.alert.rule.rule_id": entry.rule_id,
        "kibana.alert.rule.name": entry.rule_name,
        "kibana.alert.severity": entry.severity,
    }


def _of_rule(entry: Entry) -> str:
    what = "keeps failing" if entry.kind is Kind.FAILING else "runs again"
    return f"Rule {what}: {plain([entry.rule_name])}"


_NEWS: Mapping[frozenset[Kind], tuple[str, str]] = {
    frozenset({Kind.FAILING}): ("keeps failing", "keep failing"),
    frozenset({Kind.RECOVERED}): ("runs again", "run again"),
}
"""What all of a digest tell of a rule, and of several."""


def _sum(batch: Sequence[Entry]) -> str:
    """Say what a digest holds: `57 alerts of 4 rules`."""
    rules = _rules(batch)
    of_rules = plain([rules[0][1]]) if len(rules) == 1 else plural(len(rules), "rule")
    alerts = sum(entry.kind is Kind.ALERT for entry in batch)
    if alerts == len(batch):
        return f"[{_worst(batch)}] {plural(alerts, 'alert')} of {of_rules}"
    if alerts:
        return f"[{_worst(batch)}] {plural(alerts, 'alert')}, and news of rules, of {of_rules}"
    kinds = {entry.kind for entry in batch}
    one, many = _NEWS.get(frozenset(kinds), ("keeps failing, or runs again", "keep failing, or run again"))
    return plural(len(rules), f"rule {one}", f"rules {many}")


def _digest(known: Sequence[tuple[Entry, Document]]) -> str:
    entries = [entry for entry, _ in known]
    severities = Counter(entry.severity for entry in entries if entry.kind is Kind.ALERT)
    counted = ", ".join(f"{severities[name]} {name}" for name in _SEVERITIES if severities[name])
    times = sorted(entry.created for entry in entries)
    head = f"From {times[0]:%Y-%m-%d %H:%M:%S} to {times[-1]:%Y-%m-%d %H:%M:%S} UTC" + (
        f": {counted}" if counted else ""
    )
    rules = Counter(plain([entry.rule_name]) for entry in entries)
    of_rules = [f"{number} x {name}" for name, number in rules.most_common(LISTED)] if len(rules) > 1 else []
    rest = len(known) - LISTED
    shown = [_line(entry, document) for entry, document in known[:LISTED]]
    return "\n".join([head, *of_rules, "", *shown, *([f"… and {rest} more"] if rest > 0 else [])])


def _line(entry: Entry, document: Document) -> str:
    if entry.kind is not Kind.ALERT:
        return f"- {_of_rule(entry)}: {plain([entry.detail])}"
    reason = values(document, "kibana.alert.reason") or [entry.rule_name]
    return f"- {entry.created:%H:%M:%S} {_cut(plain(list(reason)), 200)} ({entry.alert_id[:8]})"


def _rules(batch: Iterable[Entry]) -> list[tuple[str, str]]:
    return list(dict.fromkeys((entry.rule_id, entry.rule_name) for entry in batch))


def _worst(batch: Sequence[Entry]) -> str:
    found = {entry.severity for entry in batch}
    return next((severity for severity in _SEVERITIES if severity in found), "low")


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"
