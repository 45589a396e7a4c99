"""What the page shows of alerts: documents → records, and each rule once for all of its alerts.

    record   one row: an alert, or a sequence with its events as `steps`
    rule     what the alerts of one version of a rule share; its texts in Markdown stand apart, for `guide`

A building block of a sequence is no row of its own as long as its shell is there. Times are milliseconds since the
epoch; absent is null. Every text is plain: the page never reads one as markup.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

from runner.query import instant, values
from runner.query.fields import first_text, first_value

Document: TypeAlias = Mapping[str, Any]

_SUMMARIES = (
    "process.command_line",
    "process.args",
    "file.path",
    "registry.path",
    "dns.question.name",
    "url.full",
    "destination.ip",
    "process.executable",
    "process.name",
    "message",
)
_SET_ASIDE = ("eql_runner.source", "eql_runner.raw")  # where an event stands that does not fit the alerts' mapping
_NOT_OF_THE_EVENT = ("kibana", "eql_runner", "_id", "_index")


@dataclass(frozen=True, slots=True)
class Texts:
    """A rule's texts in Markdown."""

    guide: str
    setup: str


@dataclass(frozen=True, slots=True)
class Records:
    """All that the page needs: plain JSON values, and the rules' texts in the order of `rules`."""

    alerts: tuple[dict[str, Any], ...]
    rules: tuple[dict[str, Any], ...]
    texts: tuple[Texts, ...]
    tactics: tuple[dict[str, str], ...]


def records(documents: Iterable[Document]) -> Records:
    """Return the records of the alerts, in the order of the documents."""
    found = [whole(document) for document in documents]
    rules = _Rules()
    shells = {first_text(document, "kibana.alert.group.id") for document in found if not _is_step(document)} - {""}
    steps: dict[str, list[Document]] = {}
    alone: list[Document] = []
    for document in found:
        group = first_text(document, "kibana.alert.group.id")
        if _is_step(document) and group in shells:
            steps.setdefault(group, []).append(document)
        else:
            alone.append(document)
    alerts = tuple(
        _record(document, rules.number(document), steps.get(first_text(document, "kibana.alert.group.id"), ()))
        for document in alone
    )
    return Records(alerts, tuple(rules.found), tuple(rules.texts), _tactics(rules.found))


def whole(document: Document) -> Document:
    """Return the alert with all of its event in place, where the index could only keep some or all of it aside."""
    aside = next((document[name] for name in _SET_ASIDE if isinstance(document.get(name), Mapping)), None)
    if aside is None:
        return document
    # Where `event` is aside, the alert's own kind stands beside it, dotted.
    moved = {*_SET_ASIDE, "event.kind"} if "event" in aside else {*_SET_ASIDE}
    return {**aside, **{key: value for key, value in document.items() if key not in moved}}


def event(document: Document) -> dict[str, Any]:
    """Return the source event as the alert kept it: its fields, its own time and kind again."""
    kept = {key: value for key, value in document.items() if key.split(".", 1)[0] not in _NOT_OF_THE_EVENT}
    threat = [key for key in kept if key.startswith("threat.")]  # dotted: the rule's, see `runner.execution.alerts`
    for key in threat:
        del kept[key]
    if time := first_text(document, "kibana.alert.original_time"):
        kept["@timestamp"] = time
    _restore_kind(kept, first_text(document, "kibana.alert.original_event.kind"))
    return kept


def _restore_kind(kept: dict[str, Any], kind: str) -> None:
    nested = kept.get("event")
    if isinstance(nested, Mapping) and "kind" in nested:
        kept["event"] = {key: value for key, value in nested.items() if key != "kind"} | (
            {"kind": kind} if kind else {}
        )
    elif "event.kind" in kept:
        del kept["event.kind"]
        if kind:
            kept["event.kind"] = kind


def _record(document: Document, rule: int, steps: Sequence[Document]) -> dict[str, Any]:
    own = {
        key: value
        for key, value in document.items()
        if key.split(".", 1)[0] in {"kibana", "eql_runner"} and not key.startswith("kibana.alert.rule.")
    }
    return {
        "id": first_text(document, "kibana.alert.uuid") or first_text(document, "_id"),
        "time": _time(document),
        "detected": _milliseconds(first_value(document, "@timestamp")),
        "severity": first_text(document, "kibana.alert.severity") or "low",
        "risk": first_value(document, "kibana.alert.risk_score"),
        "rule": rule,
        "host": _texts(document, "host.name"),
        "user": _texts(document, "user.name"),
        "status": first_text(document, "kibana.alert.workflow_status") or "open",
        "reason": first_text(document, "kibana.alert.reason"),
        "summary": " → ".join(_summary(step) for step in _ordered(steps)) or _summary(document),
        "block": bool(values(document, "kibana.alert.building_block_type")),
        "suppressed": first_value(document, "kibana.alert.suppression.docs_count") or 0,
        "origin": _origin(document),
        "event": event(document),
        "steps": [{"time": _time(step), "summary": _summary(step), "event": event(step)} for step in _ordered(steps)],
        "fields": own,
    }


def _ordered(steps: Sequence[Document]) -> list[Document]:
    return sorted(steps, key=lambda step: first_value(step, "kibana.alert.group.index") or 0)


def _is_step(document: Document) -> bool:
    return bool(values(document, "kibana.alert.group.index"))


def _summary(document: Document) -> str:
    for path in _SUMMARIES:
        found = [str(value) for value in values(document, path)]
        if found:
            return " ".join(found)
    severity = first_text(document, "kibana.alert.severity")
    return first_text(document, "kibana.alert.reason").partition(f" created {severity} alert ")[0]


def _origin(document: Document) -> list[dict[str, str]]:
    """Return where the source events stand: index and id of each."""
    ancestors = document.get("kibana.alert.ancestors", ())
    return [
        {"index": str(one.get("index", "")), "id": str(one.get("id", ""))}
        for one in (ancestors if isinstance(ancestors, list | tuple) else ())
        if isinstance(one, Mapping) and one.get("type") == "event"
    ]


def _time(document: Document) -> int | None:
    return _milliseconds(first_value(document, "kibana.alert.original_time") or first_value(document, "@timestamp"))


def _milliseconds(value: object) -> int | None:
    moment = instant(value)
    return None if moment is None else round(moment.timestamp() * 1000)


class _Rules:
    """The rules met so far, by id and version."""

    def __init__(self) -> None:
        self.found: list[dict[str, Any]] = []
        self.texts: list[Texts] = []
        self._numbers: dict[tuple[str, str, str], int] = {}

    def number(self, document: Document) -> int:
        """Return the place of the document's rule in `found`."""
        key = tuple(first_text(document, f"kibana.alert.rule.{name}") for name in ("rule_id", "version", "name"))
        number = self._numbers.setdefault(key, len(self.found))  # type: ignore[arg-type]  # three of them
        if number == len(self.found):
            self.found.append(_rule(document))
            self.texts.append(
                Texts(first_text(document, "kibana.alert.rule.note"), first_text(document, "kibana.alert.rule.setup"))
            )
        return number


def _rule(document: Document) -> dict[str, Any]:
    parameters = document.get("kibana.alert.rule.parameters", {})
    texts = ("name", "version", "description", "license", "interval", "from")
    lists = ("author", "tags", "references", "false_positives", "indices")
    return {
        "id": first_text(document, "kibana.alert.rule.rule_id") or first_text(document, "kibana.alert.rule.uuid"),
        **{name: first_text(document, f"kibana.alert.rule.{name}") for name in texts},
        **{name: _texts(document, f"kibana.alert.rule.{name}") for name in lists},
        "query": str(parameters.get("query", "")) if isinstance(parameters, Mapping) else "",
        "language": str(parameters.get("language", "")) if isinstance(parameters, Mapping) else "",
        "threat": [_threat(entry) for entry in document.get("kibana.alert.rule.threat", ())],
    }


def _threat(entry: Mapping[str, Any]) -> dict[str, Any]:
    techniques = [
        _attack(one)
        for technique in entry.get("technique", ())
        for one in (technique, *technique.get("subtechnique", ()))
    ]
    return {"tactic": _attack(entry.get("tactic", {})), "techniques": techniques}


def _attack(part: Mapping[str, Any]) -> dict[str, str]:
    return {name: str(part.get(name, "")) for name in ("id", "name", "reference")}


_KILL_CHAIN = (
    "TA0043", "TA0042", "TA0001", "TA0002", "TA0003", "TA0004", "TA0005", "TA0006", "TA0007", "TA0008", "TA0009",
    "TA0011", "TA0010", "TA0040",
)  # fmt: skip
"""ATT&CK's enterprise tactics in the order in which an attack goes on."""


def _tactics(rules: Iterable[Mapping[str, Any]]) -> tuple[dict[str, str], ...]:
    names = {entry["tactic"]["id"]: entry["tactic"]["name"] for rule in rules for entry in rule["threat"]}
    place = {tactic: position for position, tactic in enumerate(_KILL_CHAIN)}
    ordered = sorted(names, key=lambda tactic: (place.get(tactic, len(place)), tactic))
    return tuple({"id": tactic, "name": names[tactic]} for tactic in ordered)


def _texts(document: Document, path: str) -> list[str]:
    return [str(value) for value in values(document, path)]
