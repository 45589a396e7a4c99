"""From a draft to a Rule, or to the Issues that keep it from being one. All faults are told, not only the first."""

from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from difflib import get_close_matches
from typing import Any, TypeVar

from runner.errors import QueryError
from runner.query import Program
from runner.query import compile as compile_query
from runner.rules.datemath import DateMath, parse_duration
from runner.rules.draft import Draft, KeyPath
from runner.rules.fields import FIELDS, REQUIRED, TYPES, Shape
from runner.rules.issues import Code, Issue, IssueSeverity
from runner.rules.model import Rule, Schedule, Severity, Suppression

T = TypeVar("T")

LONGEST_ID = 256  # characters: the id becomes part of document ids, which Elasticsearch bounds to 512 bytes
MOST_SIGNALS = 10_000
MOST_GROUPS = 3  # fields of alert_suppression's group_by, as in Kibana
_MIDDLE_OF_A_YEAR = datetime(2026, 7, 15, 12, 30, 30, tzinfo=UTC)  # far from what `/d`, `/w`, `/M` and `/y` round to


def read(draft: Draft) -> tuple[Rule | None, tuple[Issue, ...]]:
    """Return the rule, or None where an error keeps it from running, and the issues of its keys and values."""
    reading = _Reading(draft)
    if reading.is_supported():
        rule = reading.rule()
        return (None if any(issue.is_error for issue in reading.issues) else rule), tuple(reading.issues)
    return None, tuple(reading.issues)


class _Reading:
    """One pass over a draft. A value that is wrong leaves an issue, and reads as its default."""

    def __init__(self, draft: Draft) -> None:
        self.draft = draft
        self.issues: list[Issue] = []

    def is_supported(self) -> bool:
        """Tell whether the rule is of a type and language that can run, and leave an issue where it is not."""
        kind, language = self.draft.table.get("type"), self.draft.table.get("language", "eql")
        if kind is None:
            return self._fault(Code.MISSING, "`type` is missing", hint='an EQL rule has type = "eql"')
        if not isinstance(kind, str) or kind not in TYPES:
            return self._fault(Code.VALUE, f"`type` is {_shown(kind)}: expected {_either(TYPES)}", "type")
        if kind != "eql":
            return self._fault(
                Code.UNSUPPORTED,
                f"cannot run yet: type {kind}",
                "type",
                hint="only rules of type eql run; this one waits",
            )
        if language != "eql":
            return self._fault(Code.UNSUPPORTED, f"cannot run yet: language {_shown(language)}", "language")
        if self.draft.table.get("data_view_id"):
            return self._fault(
                Code.UNSUPPORTED,
                "cannot run yet: `data_view_id` names a data view, which only Kibana knows",
                "data_view_id",
                hint="name the data view's index patterns in `index` instead",
            )
        return True

    def rule(self) -> Rule | None:
        """Return the rule; what it holds is only right as long as there is no error among the issues."""
        self._keys()
        query, program = self._text("query"), None
        override = self._text("event_category_override") or "event.category"
        timestamp = self._text("timestamp_field") or "@timestamp"
        tiebreaker = self._text("tiebreaker_field") or None
        if query:
            program = self._program(query, override, timestamp, tiebreaker)
        fields: dict[str, Any] = {
            "rule_id": self._rule_id(),
            "name": self._text("name"),
            "description": self._text("description").strip(),
            "severity": self._parsed("severity", Severity, Severity.LOW, _either(tuple(Severity))),
            "risk_score": self._number("risk_score", 0, 100, 0),
            "query": query,
            "program": program,
            "index": self._index(),
            "version": self._number("version", 1, None, 1),
            "schedule": self._schedule(),
            "max_signals": self._number("max_signals", 1, MOST_SIGNALS, 100),
            "enabled": self._get("enabled", default=True),
            "timestamp_override": self._text("timestamp_override") or None,
            "timestamp_override_fallback": not self._get("timestamp_override_fallback_disabled", default=False),
            "timestamp_field": timestamp,
            "tiebreaker_field": tiebreaker,
            "event_category_override": override,
            "building_block_type": self._text("building_block_type") or None,
            "rule_name_override": self._text("rule_name_override") or None,
            "threat": self._threat(),
            "severity_mapping": self._mapping("severity_mapping"),
            "risk_score_mapping": self._mapping("risk_score_mapping"),
            "suppression": self._suppression(),
        }
        fields |= {name: self._text(name) for name in ("license", "note", "setup")}
        lists = ("author", "tags", "references", "false_positives", "exceptions_list", "filters")
        fields |= {name: tuple(self._get(name, [])) for name in lists}
        if program is None:
            return None
        draft = self.draft
        return Rule(**fields, parameters=draft.table, metadata=draft.metadata, path=draft.path)

    # The keys as such.

    def _keys(self) -> None:
        for name in REQUIRED:
            if _is_absent(self.draft.table.get(name)):
                at = (name,) if name in self.draft.table else ()
                self._fault(Code.MISSING, f"`{name}` is missing or empty", *at)
        for name in self.draft.table:
            if name not in FIELDS:
                self._unknown(name)

    def _unknown(self, name: str) -> None:
        near = get_close_matches(name, FIELDS, n=1)
        hint = (
            f"did you mean `{near[0]}`?" if near else "Elastic's eql rules have no such key; it is kept, and not read"
        )
        self.issues.append(
            self.draft.issue(IssueSeverity.WARNING, Code.UNKNOWN_KEY, f"unknown key `{name}`", name, hint=hint)
        )

    # Values of one kind.

    def _get(self, name: str, default: T) -> T:
        """Return the value where it has its key's shape, else the default."""
        value = self.draft.table.get(name)
        if value is None:
            return default
        return value if self._fits(FIELDS[name], value, name) else default

    def _text(self, name: str) -> str:
        return self._get(name, "")

    def _number(self, name: str, least: int, most: int | None, default: int) -> int:
        value = self._get(name, default)
        if value < least or (most is not None and not value <= most):
            span = f"a number of at least {least}" if most is None else f"a number from {least} to {most}"
            self._fault(Code.VALUE, f"`{name}` is {value}: expected {span}", name)
        return value

    def _parsed(self, name: str, parse: Callable[[str], T], default: T, expected: str) -> T:
        text = self._text(name)
        if not text:
            return default
        try:
            return parse(text)
        except (ValueError, OverflowError):
            self._fault(Code.VALUE, f"`{name}` is {_shown(text)}: expected {expected}", name)
            return default

    def _fits(self, shape: Shape, value: object, *at: str | int) -> bool:
        return shape.fits(value) or self._fault(
            Code.SHAPE, f"`{_dotted(at)}` is {_shown(value)}: expected {shape}", *at
        )

    # Single keys.

    def _rule_id(self) -> str:
        rule_id = self._text("rule_id")
        if len(rule_id) > LONGEST_ID or rule_id != rule_id.strip():
            self._fault(
                Code.VALUE,
                f"`rule_id` is {_shown(rule_id)}: expected at most {LONGEST_ID} characters, no blanks around them",
                "rule_id",
            )
        return rule_id

    def _index(self) -> tuple[str, ...]:
        patterns: list[str] = self._get("index", [])
        for number, pattern in enumerate(patterns):
            if not pattern or any(char.isspace() for char in pattern):
                self._fault(
                    Code.VALUE, f"`index` holds {_shown(pattern)}: expected patterns without blanks", "index", number
                )
        return tuple(patterns)

    def _schedule(self) -> Schedule:
        default = Schedule()
        schedule = Schedule(
            self._parsed("interval", parse_duration, default.interval, "a duration such as 5m, 1h or 1d"),
            self._parsed("from", _within_reach, default.start, "date math such as now-9m"),
            self._parsed("to", _within_reach, default.end, "date math such as now"),
        )
        if length(schedule) <= timedelta(0):
            at = "from" if "from" in self.draft.table else "to"
            self._fault(
                Code.VALUE,
                f"the window ends before it starts: from {schedule.start.text} to {schedule.end.text}",
                at,
                hint="`from` lies before `to`, as in now-9m and now",
            )
        return schedule

    def _program(self, query: str, category: str, timestamp: str, tiebreaker: str | None) -> Program | None:
        try:
            return compile_query(
                query, event_category_field=category, timestamp_field=timestamp, tiebreaker_field=tiebreaker
            )
        except QueryError as error:
            place = self.draft.whereabouts.inside((*self.draft.root, "query"), error.line, error.column)
            self.issues.append(
                self.draft.issue(IssueSeverity.ERROR, Code.QUERY, error.message, hint=error.hint, place=place)
            )
            return None

    def _threat(self) -> tuple[Mapping[str, Any], ...]:
        """Return the threat entries: a framework, a tactic, and techniques with sub-techniques."""
        entries: list[Mapping[str, Any]] = self._get("threat", [])
        for number, entry in enumerate(entries):
            at: KeyPath = ("threat", number)
            self._has(entry, ("framework",), at)
            tactic = entry.get("tactic")
            if isinstance(tactic, dict):
                self._has(tactic, ("id", "name"), (*at, "tactic"))
            else:
                self._fault(Code.SHAPE, f"`{_dotted(at)}.tactic` is {_shown(tactic)}: expected a table", *at)
            for technique_at, technique in self._tables(entry, "technique", at):
                self._has(technique, ("id", "name"), technique_at)
                for sub_at, sub in self._tables(technique, "subtechnique", technique_at):
                    self._has(sub, ("id", "name"), sub_at)
        return tuple(entries)

    def _tables(self, table: Mapping[str, Any], name: str, at: KeyPath) -> list[tuple[KeyPath, Mapping[str, Any]]]:
        tables = table.get(name) or []
        if not self._fits(Shape.TABLES, tables, *at, name):
            return []
        return [((*at, name, number), one) for number, one in enumerate(tables)]

    def _has(self, table: Mapping[str, Any], names: tuple[str, ...], at: KeyPath) -> None:
        for name in names:
            value = table.get(name)
            if not isinstance(value, str) or not value:
                self._fault(Code.SHAPE, f"`{_dotted((*at, name))}` is {_shown(value)}: expected a text", *at, name)

    def _mapping(self, name: str) -> tuple[Mapping[str, Any], ...]:
        """Return a severity or risk score mapping: what an event's field says overrides the rule's own."""
        entries: list[Mapping[str, Any]] = self._get(name, [])
        for number, entry in enumerate(entries):
            at: KeyPath = (name, number)
            self._has(entry, ("field",), at)
            if entry.get("operator", "equals") != "equals":
                self._fault(
                    Code.VALUE, f"`{_dotted(at)}.operator` is {_shown(entry['operator'])}: expected equals", *at
                )
            if name == "severity_mapping" and entry.get("severity") not in tuple(Severity):
                told = _shown(entry.get("severity"))
                self._fault(Code.VALUE, f"`{_dotted(at)}.severity` is {told}: expected {_either(tuple(Severity))}", *at)
        return tuple(entries)

    def _suppression(self) -> Suppression | None:
        table: Mapping[str, Any] = self._get("alert_suppression", {})
        if not table:
            return None
        at = "alert_suppression"
        fields = table.get("group_by")
        if not Shape.TEXTS.fits(fields) or not 1 <= len(fields or []) <= MOST_GROUPS:
            told = _shown(fields)
            self._fault(
                Code.VALUE, f"`{at}.group_by` is {told}: expected a list of 1 to {MOST_GROUPS} fields", at, "group_by"
            )
            return None
        strategy = table.get("missing_fields_strategy", "suppress")
        if strategy not in {"suppress", "doNotSuppress"}:
            self._fault(
                Code.VALUE,
                f"`{at}.missing_fields_strategy` is {_shown(strategy)}: expected suppress or doNotSuppress",
                at,
                "missing_fields_strategy",
            )
        duration = self._suppression_duration(table.get("duration"))
        return Suppression(tuple(fields or ()), duration, strategy == "suppress")

    def _suppression_duration(self, table: Any) -> timedelta | None:
        if table is None:
            return None
        try:
            return parse_duration(f"{table['value']}{table['unit']}")
        except (ValueError, TypeError, KeyError, OverflowError):
            self._fault(
                Code.VALUE,
                f'`alert_suppression.duration` is {_shown(table)}: expected a table such as {{ value = 5, unit = "m" }}',
                "alert_suppression",
                "duration",
            )
            return None

    def _fault(self, code: Code, message: str, *at: str | int, hint: str = "") -> bool:
        self.issues.append(self.draft.issue(IssueSeverity.ERROR, code, message, *at, hint=hint))
        return False


def length(schedule: Schedule) -> timedelta:
    """Return the length of the schedule's window, as it is at most times of a year."""
    return schedule.end.resolve(_MIDDLE_OF_A_YEAR) - schedule.start.resolve(_MIDDLE_OF_A_YEAR)


def _within_reach(text: str) -> DateMath:
    math = DateMath.parse(text)
    math.resolve(_MIDDLE_OF_A_YEAR)
    return math


def _is_absent(value: object) -> bool:
    return value is None or value == [] or (isinstance(value, str) and not value.strip())


def _dotted(at: KeyPath) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).removeprefix(".")


def _either(names: tuple[str, ...]) -> str:
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _shown(value: object) -> str:
    """Return a value as a message shows it: short, and an absent one as `missing`."""
    if value is None:
        return "missing"
    if isinstance(value, bool):
        return str(value).lower()
    text = str(value)
    return f"`{text if len(text) <= 60 else text[:57] + '…'}`"
