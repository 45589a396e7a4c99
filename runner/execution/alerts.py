"""Build alert documents: a rule and what it found → documents as Kibana's detection engine writes them.

The field names and their meaning are those of Kibana's security alerts, so that saved searches, dashboards and people
need not relearn them. Keys of ours are dotted and flat (`kibana.alert.rule.name`); the source event keeps its shape.

    event match       one alert
    sequence match    its building blocks (one an event, in order), then the shell that stands for the whole
"""

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from runner import __version__
from runner.execution.absorbing import Group
from runner.execution.common_fields import common
from runner.execution.model import Alert, Document, Hit, Match, RunType
from runner.execution.overrides import Standing, standing
from runner.execution.reason import reason
from runner.query import Kind, values
from runner.query.timestamps import timestamp
from runner.rules.exceptions import digest
from runner.rules.model import LINEAGE, Rule

_NEVER_COPIED = ("kibana", "signal", "threshold_result", "eql_runner")
"""A source that is an alert itself, or calls itself so, must not pose as this one, nor say whom to tell of it."""


@dataclass(frozen=True, slots=True)
class Occasion:
    """The execution that an alert comes from, as far as the alert tells of it."""

    execution_id: str
    run_type: RunType
    now: datetime
    space: str = "default"
    ruleset_hash: str = ""


def identity(rule: Rule, match: Match) -> str:
    """Return the alert id of a match: it depends on the rule's id and the source events, and on nothing else.

    Not on the rule's text, so that an edited rule does not repeat its alerts; not on the document's version, so that an
    event updated in place does not alert again.
    """
    return _digest(rule.rule_id, *(part for hit in match.events for part in (hit.index, hit.id)))


def is_its_own_ancestor(rule: Rule, match: Match) -> bool:
    """Tell whether a match comes from an alert of this very rule, however far back: it would breed without end."""
    return any(rule.rule_id in values(hit.source, path) for hit in match.events for path in LINEAGE)


def build(
    rule: Rule, match: Match, occasion: Occasion, group: Group | None = None, time: datetime | None = None
) -> tuple[Alert, ...]:
    """Return the documents of one match; the last of them is the alert that counts, the others its building blocks.

    `group` is the suppression group that the alert opens, `time` the match's in it.
    """
    *blocks, whole = _documents(rule, match, occasion)
    if group is None:
        return (*blocks, whole)
    opened = group.fields(time or match.events[-1].time)
    return (*blocks, Alert(whole.id, {**whole.document, **opened}))


def _documents(rule: Rule, match: Match, occasion: Occasion) -> tuple[Alert, ...]:
    alert_id = identity(rule, match)
    if rule.program.kind is Kind.EVENT:
        return (_event_alert(rule, match.events[0], alert_id, occasion),)
    blocks = tuple(
        _building_block(rule, hit, alert_id, position, occasion) for position, hit in enumerate(match.events)
    )
    return (*blocks, _shell(rule, match.events, blocks, alert_id, occasion))


def _event_alert(rule: Rule, hit: Hit, alert_id: str, occasion: Occasion) -> Alert:
    shown_as = standing(rule, [hit.source])
    document = {
        **_copied(hit.source),
        **_of_execution(alert_id, occasion),
        **_of_rule(rule, shown_as),
        **_of_origin((hit,)),
        "kibana.alert.reason": reason(shown_as, hit.source),
    }
    return Alert(alert_id, document)


def _building_block(rule: Rule, hit: Hit, group_id: str, position: int, occasion: Occasion) -> Alert:
    block = _event_alert(rule, hit, _digest(group_id, str(position)), occasion)
    grouping = {
        "kibana.alert.building_block_type": "default",
        "kibana.alert.group.id": group_id,
        "kibana.alert.group.index": position,
    }
    return Alert(block.id, {**block.document, **grouping})


def _shell(rule: Rule, hits: Sequence[Hit], blocks: Sequence[Alert], alert_id: str, occasion: Occasion) -> Alert:
    shared = common([_copied(hit.source) for hit in hits])
    shown_as = standing(rule, [hit.source for hit in hits])
    origin = _of_origin(hits)
    block_ancestors = [
        {"id": block.id, "type": "signal", "index": "", "depth": 1, "rule": rule.rule_id} for block in blocks
    ]
    document = {
        **shared,
        **_of_execution(alert_id, occasion),
        **_of_rule(rule, shown_as),
        **origin,
        "kibana.alert.ancestors": [*origin["kibana.alert.ancestors"], *block_ancestors],
        "kibana.alert.depth": origin["kibana.alert.depth"] + 1,
        "kibana.alert.group.id": alert_id,
        "kibana.alert.reason": reason(shown_as, shared),
    }
    return Alert(alert_id, document)


def _copied(source: Document) -> dict[str, Any]:
    """Return the source's fields as they stand on an alert; `event.kind` is the alert's own."""
    copied = {key: value for key, value in source.items() if key.split(".", 1)[0] not in _NEVER_COPIED}
    if isinstance(copied.get("event"), Mapping):
        copied["event"] = {**copied["event"], "kind": "signal"}
        copied.pop("event.kind", None)
    else:
        copied["event.kind"] = "signal"
    return copied


def _of_execution(alert_id: str, occasion: Occasion) -> dict[str, Any]:
    now = timestamp(occasion.now)
    return {
        "@timestamp": now,
        "kibana.alert.uuid": alert_id,
        "kibana.alert.start": now,
        "kibana.alert.last_detected": now,
        "kibana.alert.intended_timestamp": now,
        "kibana.alert.status": "active",
        "kibana.alert.workflow_status": "open",
        "kibana.alert.workflow_tags": [],
        "kibana.alert.workflow_assignee_ids": [],
        "kibana.alert.rule.execution.uuid": occasion.execution_id,
        "kibana.alert.rule.execution.timestamp": now,
        "kibana.alert.rule.execution.type": "manual" if occasion.run_type is RunType.BACKFILL else "scheduled",
        "kibana.space_ids": [occasion.space],
        "eql_runner.version": __version__,
        "eql_runner.run_type": str(occasion.run_type),
        **({"eql_runner.ruleset_hash": occasion.ruleset_hash} if occasion.ruleset_hash else {}),
    }


def _of_rule(rule: Rule, shown_as: Standing) -> dict[str, Any]:
    """Return the rule's part of the alert; what the rule leaves unset is absent."""
    fields: dict[str, Any] = {
        "kibana.alert.severity": str(shown_as.severity),
        "kibana.alert.risk_score": shown_as.risk_score,
        "kibana.alert.building_block_type": rule.building_block_type,
        "kibana.alert.rule.uuid": rule.rule_id,
        "kibana.alert.rule.rule_id": rule.rule_id,
        "kibana.alert.rule.name": shown_as.name,
        "kibana.alert.rule.type": rule.type,
        "kibana.alert.rule.rule_type_id": "siem.eqlRule",
        "kibana.alert.rule.category": "Event Correlation Rule",
        "kibana.alert.rule.consumer": "siem",
        "kibana.alert.rule.producer": "siem",
        "kibana.alert.rule.version": str(rule.version),
        "kibana.alert.rule.enabled": rule.enabled,
        "kibana.alert.rule.created_at": _date(rule.metadata.get("creation_date")),
        "kibana.alert.rule.updated_at": _date(rule.metadata.get("updated_date")),
        "kibana.alert.rule.description": rule.description,
        "kibana.alert.rule.severity": str(rule.severity),
        "kibana.alert.rule.risk_score": rule.risk_score,
        "kibana.alert.rule.author": list(rule.author),
        "kibana.alert.rule.license": rule.license,
        "kibana.alert.rule.tags": list(rule.tags),
        "kibana.alert.rule.references": list(rule.references),
        "kibana.alert.rule.false_positives": list(rule.false_positives),
        "kibana.alert.rule.note": rule.note,
        "kibana.alert.rule.setup": rule.setup,
        "kibana.alert.rule.interval": rule.schedule.interval_text,
        "kibana.alert.rule.from": rule.schedule.start.text,
        "kibana.alert.rule.to": rule.schedule.end.text,
        "kibana.alert.rule.indices": list(rule.index),
        "kibana.alert.rule.max_signals": rule.max_signals,
        "kibana.alert.rule.threat": list(rule.threat),
        "kibana.alert.rule.timeline_id": rule.parameters.get("timeline_id"),
        "kibana.alert.rule.timeline_title": rule.parameters.get("timeline_title"),
        "kibana.alert.rule.timestamp_override": rule.timestamp_override,
        "kibana.alert.rule.rule_name_override": rule.rule_name_override,
        "kibana.alert.rule.severity_mapping": list(rule.severity_mapping),
        "kibana.alert.rule.risk_score_mapping": list(rule.risk_score_mapping),
        "kibana.alert.rule.exceptions_list": _exceptions_list(rule),
        "eql_runner.exceptions_hash": digest(rule.exceptions) if rule.exceptions else None,
        "kibana.alert.rule.building_block_type": rule.building_block_type,
        "kibana.alert.rule.parameters": dict(rule.parameters),
        **_threat(rule.threat),
    }
    return {key: value for key, value in fields.items() if value not in (None, "")}


def _exceptions_list(rule: Rule) -> list[Mapping[str, Any]]:
    """Return the lists whose items were in force, as the rule names them; those that it does not name by their ids."""
    named = {(one.get("list_id"), one.get("namespace_type", "single")): one for one in rule.exceptions_list}
    keys = dict.fromkeys(item.list_key for item in rule.exceptions)
    return [named.get(key) or {"list_id": key[0], "namespace_type": key[1], "type": "detection"} for key in keys]


def _threat(threat: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Return MITRE ATT&CK as ECS has it (`threat.tactic.*`, `threat.technique.*`), each value once."""
    found: dict[str, dict[Any, None]] = {}

    def note(prefix: str, part: Mapping[str, Any]) -> None:
        for name in ("id", "name", "reference"):
            if part.get(name):
                found.setdefault(f"{prefix}.{name}", {})[part[name]] = None

    for entry in threat:
        found.setdefault("threat.framework", {})[entry.get("framework")] = None
        note("threat.tactic", entry.get("tactic", {}))
        for technique in entry.get("technique", ()):
            note("threat.technique", technique)
            for subtechnique in technique.get("subtechnique", ()):
                note("threat.technique.subtechnique", subtechnique)
    return {path: list(each) for path, each in found.items()}


def _of_origin(hits: Sequence[Hit]) -> dict[str, Any]:
    """Return where the alert comes from: time, ancestors, depth and the event fields of its (first) source event."""
    ancestors = [ancestor for hit in hits for ancestor in _ancestors(hit)]
    return {
        "kibana.alert.original_time": timestamp(hits[0].time),
        "kibana.alert.ancestors": ancestors,
        "kibana.alert.depth": max(ancestor["depth"] for ancestor in ancestors) + 1,
        **(_originals(hits[0].source) if len(hits) == 1 else {}),
    }


def _ancestors(hit: Hit) -> list[dict[str, Any]]:
    """Return the hit as an ancestor; one that is an alert itself brings its own ancestors in front."""
    if _held(hit.source, "kibana.alert.uuid") is None:
        return [{"id": hit.id, "type": "event", "index": hit.index, "depth": 0}]
    own = {
        "id": hit.id,
        "type": "signal",
        "index": hit.index,
        "depth": _held(hit.source, "kibana.alert.depth") or 1,
        "rule": _held(hit.source, "kibana.alert.rule.uuid"),
    }
    return [*(_held(hit.source, "kibana.alert.ancestors") or ()), own]


def _held(source: Document, path: str) -> Any:
    """Return what stands at the path, objects too, whether the document is flat or nested."""
    here: Any = source
    if path in source:
        return source[path]
    for name in path.split("."):
        here = here.get(name) if isinstance(here, Mapping) else None
    return here


def _originals(source: Document) -> dict[str, Any]:
    """Return `event.*` and `data_stream.*` as the source has them, which the alert may have its own of."""
    found: dict[str, Any] = {}
    for name in ("event", "data_stream"):
        inner = source.get(name)
        nested = inner if isinstance(inner, Mapping) else {}
        dotted = {key.removeprefix(f"{name}."): value for key, value in source.items() if key.startswith(f"{name}.")}
        found |= {f"kibana.alert.original_{name}.{key}": value for key, value in {**nested, **dotted}.items()}
    return found


def _date(text: Any) -> str | None:
    """Return a date of a rule's metadata (`2026/03/24`) as alerts spell it."""
    try:
        return timestamp(datetime.strptime(text, "%Y/%m/%d").replace(tzinfo=UTC)) if isinstance(text, str) else None
    except ValueError:
        return None


def _digest(*parts: str) -> str:
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()
