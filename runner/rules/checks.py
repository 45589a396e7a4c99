"""From a draft to a Rule, or to the Issues that keep it from being one. All faults are told, not only the first."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any

from runner.errors import QueryError
from runner.query import Program
from runner.query import compile as compile_query
from runner.rules.datemath import LONGEST, DateMath, parse_duration
from runner.rules.draft import Draft, KeyPath
from runner.rules.fields import FIELDS, REQUIRED, TYPES, Shape
from runner.rules.issues import Code, Issue, IssueSeverity
from runner.rules.model import Rule, Schedule, Severity, Suppression
from runner.rules.reading import Reading, either, shown

LONGEST_ID = 256  # characters: the id becomes part of document ids, which Elasticsearch bounds to 512 bytes
MOST_SIGNALS = 10_000
MOST_GROUPS = 3  # fields of alert_suppression's group_by, as in Kibana
SEVERITIES = tuple(str(severity) for severity in Severity)
STRATEGIES = ("suppress", "doNotSuppress")
_BOUND = "of 400 years at most"
_MIDDLE_OF_A_YEAR = datetime(2026, 7, 15, 12, 30, 30, tzinfo=UTC)  # far from what `/d`, `/w`, `/M` and `/y` round to


def read(draft: Draft) -> tuple[Rule | None, tuple[Issue, ...]]:
    """Return the rule, or None where an error keeps it from running, and the issues of its keys and values."""
    reading = Reading(draft)
    _type(reading)
    if reading.failed:
        return None, tuple(reading.issues)
    _keys(reading)
    fields = _fields(reading)
    program = _program(reading, fields)
    if program is None or reading.failed:
        return None, tuple(reading.issues)
    return Rule(**fields, program=program), tuple(reading.issues)


def length(schedule: Schedule) -> timedelta:
    """Return the length of the schedule's window, as it is at most times of a year."""
    return schedule.end.resolve(_MIDDLE_OF_A_YEAR) - schedule.start.resolve(_MIDDLE_OF_A_YEAR)


def _type(reading: Reading) -> None:
    """Leave an error where the rule is not of a type and language that can run."""
    table = reading.draft.table
    kind, language = table.get("type"), table.get("language", "eql")
    if kind is None:
        reading.fault(Code.MISSING, "`type` is missing", hint='an EQL rule has type = "eql"')
    elif kind not in TYPES:
        reading.unexpected(kind, either(TYPES), "type")
    elif kind != "eql":
        hint = "only rules of type eql run; this one waits"
        reading.fault(Code.UNSUPPORTED, f"cannot run yet: type {kind}", "type", hint=hint)
    elif language != "eql":
        reading.fault(Code.UNSUPPORTED, f"cannot run yet: language {shown(language)}", "language")
    elif table.get("data_view_id"):
        message = "cannot run yet: `data_view_id` names a data view, which only Kibana knows"
        hint = "name the data view's index patterns in `index` instead"
        reading.fault(Code.UNSUPPORTED, message, "data_view_id", hint=hint)


def _keys(reading: Reading) -> None:
    """Leave an error for each key that lacks, and a warning for each that is not known."""
    table = reading.draft.table
    for name, hint in REQUIRED.items():
        if _is_absent(table.get(name)):
            at = (name,) if name in table else ()
            reading.fault(Code.MISSING, f"`{name}` is missing or empty", *at, hint=hint)
    for name in table:
        if name not in FIELDS:
            near = get_close_matches(name, FIELDS, n=1)
            hint = (
                f"did you mean `{near[0]}`?" if near else "Elastic's eql rules have no such key; it is kept, not read"
            )
            message = f"unknown key `{name}`"
            issue = reading.draft.issue(IssueSeverity.WARNING, Code.UNKNOWN_KEY, message, name, hint=hint)
            reading.issues.append(issue)


def _fields(reading: Reading) -> dict[str, Any]:
    """Return the fields of the rule, all but its program; they are right only as long as there is no error."""
    draft = reading.draft
    fields: dict[str, Any] = {
        "rule_id": _rule_id(reading),
        "name": reading.text("name"),
        "description": reading.text("description").strip(),
        "severity": reading.parsed("severity", Severity, Severity.LOW, either(SEVERITIES)),
        "risk_score": reading.number("risk_score", 0, 0, 100),
        "query": reading.text("query"),
        "index": _index(reading),
        "version": reading.number("version", 1, 1),
        "schedule": _schedule(reading),
        "max_signals": reading.number("max_signals", 100, 1, MOST_SIGNALS),
        "enabled": reading.get("enabled", default=True),
        "timestamp_override": reading.text("timestamp_override") or None,
        "timestamp_override_fallback": not reading.get("timestamp_override_fallback_disabled", default=False),
        "timestamp_field": reading.text("timestamp_field") or "@timestamp",
        "tiebreaker_field": reading.text("tiebreaker_field") or None,
        "event_category_override": reading.text("event_category_override") or "event.category",
        "building_block_type": reading.text("building_block_type") or None,
        "rule_name_override": reading.text("rule_name_override") or None,
        "threat": _threat(reading),
        "severity_mapping": _mapping(reading, "severity_mapping"),
        "risk_score_mapping": _mapping(reading, "risk_score_mapping"),
        "suppression": _suppression(reading),
        "parameters": draft.table,
        "metadata": draft.metadata,
        "path": draft.path,
    }
    fields |= {name: reading.text(name) for name in ("license", "note", "setup")}
    lists = ("author", "tags", "references", "false_positives", "exceptions_list", "filters")
    return fields | {name: tuple(reading.get(name, [])) for name in lists}


def _program(reading: Reading, fields: Mapping[str, Any]) -> Program | None:
    draft = reading.draft
    if _is_absent(fields["query"]):
        return None
    try:
        return compile_query(
            fields["query"],
            event_category_field=fields["event_category_override"],
            timestamp_field=fields["timestamp_field"],
            tiebreaker_field=fields["tiebreaker_field"],
        )
    except QueryError as error:
        place = draft.whereabouts.inside((*draft.root, "query"), error.line, error.column)
        issue = draft.issue(IssueSeverity.ERROR, Code.QUERY, error.message, hint=error.hint, place=place)
        reading.issues.append(issue)
        return None


def _rule_id(reading: Reading) -> str:
    rule_id = reading.text("rule_id")
    if len(rule_id) > LONGEST_ID or rule_id != rule_id.strip():
        reading.unexpected(rule_id, f"at most {LONGEST_ID} characters, without blanks around them", "rule_id")
    return rule_id


def _index(reading: Reading) -> tuple[str, ...]:
    patterns: list[str] = reading.get("index", [])
    for number, pattern in enumerate(patterns):
        if not pattern or any(char.isspace() for char in pattern):
            reading.unexpected(pattern, "an index pattern, without blanks", "index", number)
    return tuple(patterns)


def _schedule(reading: Reading) -> Schedule:
    default = Schedule()
    schedule = Schedule(
        reading.parsed("interval", parse_duration, default.interval, f"a duration such as 5m, 1h or 1d, {_BOUND}"),
        reading.parsed("from", _within_reach, default.start, f"date math such as now-9m, {_BOUND}"),
        reading.parsed("to", _within_reach, default.end, f"date math such as now, {_BOUND}"),
    )
    if length(schedule) <= timedelta(0):
        message = f"the window ends before it starts: from {schedule.start.text} to {schedule.end.text}"
        at = "from" if "from" in reading.draft.table else "to"
        reading.fault(Code.VALUE, message, at, hint="`from` lies before `to`, as in now-9m and now")
    return schedule


def _within_reach(text: str) -> DateMath:
    math = DateMath.parse(text)
    if abs(math.resolve(_MIDDLE_OF_A_YEAR) - _MIDDLE_OF_A_YEAR) > LONGEST:
        raise ValueError(f"`{text}` is too far from now")
    return math


def _threat(reading: Reading) -> tuple[Mapping[str, Any], ...]:
    """Return the threat entries: each a framework, a tactic, and techniques with their sub-techniques."""
    entries: list[Mapping[str, Any]] = reading.get("threat", [])
    for number, entry in enumerate(entries):
        at: KeyPath = ("threat", number)
        reading.has_texts(entry, ("framework",), at)
        tactic = entry.get("tactic")
        if reading.fits(Shape.TABLE, tactic, *at, "tactic"):
            reading.has_texts(tactic or {}, ("id", "name"), (*at, "tactic"))
        for technique_at, technique in reading.tables(entry, "technique", at):
            reading.has_texts(technique, ("id", "name"), technique_at)
            for sub_at, sub in reading.tables(technique, "subtechnique", technique_at):
                reading.has_texts(sub, ("id", "name"), sub_at)
    return tuple(entries)


def _mapping(reading: Reading, name: str) -> tuple[Mapping[str, Any], ...]:
    """Return a severity or risk score mapping: what an event's field says overrides the rule's own."""
    entries: list[Mapping[str, Any]] = reading.get(name, [])
    for number, entry in enumerate(entries):
        at: KeyPath = (name, number)
        reading.has_texts(entry, ("field",), at)
        if entry.get("operator", "equals") != "equals":
            reading.unexpected(entry["operator"], "equals", *at, "operator")
        if name == "severity_mapping" and entry.get("severity") not in SEVERITIES:
            reading.unexpected(entry.get("severity"), either(SEVERITIES), *at, "severity")
    return tuple(entries)


def _suppression(reading: Reading) -> Suppression | None:
    name = "alert_suppression"
    table: Mapping[str, Any] = reading.get(name, {})
    if not table:
        return None
    fields = table.get("group_by") or []
    if not Shape.TEXTS.fits(fields) or not 1 <= len(fields) <= MOST_GROUPS:
        reading.unexpected(table.get("group_by"), f"a list of 1 to {MOST_GROUPS} fields", name, "group_by")
        return None
    strategy = table.get("missing_fields_strategy", "suppress")
    if strategy not in STRATEGIES:
        reading.unexpected(strategy, either(STRATEGIES), name, "missing_fields_strategy")
    return Suppression(tuple(fields), _suppression_duration(reading, table.get("duration")), strategy == "suppress")


def _suppression_duration(reading: Reading, table: Any) -> timedelta | None:
    if table is None:
        return None
    try:
        return parse_duration(f"{table['value']}{table['unit']}")
    except (ValueError, TypeError, KeyError):
        expected = f'a table such as {{ value = 5, unit = "m" }}, {_BOUND}'
        reading.unexpected(table, expected, "alert_suppression", "duration")
        return None


def _is_absent(value: object) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not value.strip())
