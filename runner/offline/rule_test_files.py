"""Reading `.test.toml` files: see docs/rule-tests.md."""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, field
from difflib import get_close_matches
from enum import StrEnum
from pathlib import Path
from typing import Any

from runner.rules.draft import KeyPath
from runner.rules.issues import Code, Issue, IssueSeverity, Place
from runner.rules.toml_places import TomlPlaces
from runner.rules.toml_rules import parsed

Event = dict[str, Any]

_KEYS = ("name", "event", "events", "without", "expect")


class Kind(StrEnum):
    """Whether the rule must find the events of a test."""

    MATCH = "match"
    NO_MATCH = "no_match"


@dataclass(frozen=True, slots=True)
class RuleTest:
    """One test. `expect` lists, for each alert, the numbers of its events, counted from 1; None: not said."""

    name: str
    kind: Kind
    events: tuple[Mapping[str, Any], ...] = field(repr=False)
    expect: tuple[tuple[int, ...], ...] | None = None
    path: Path = Path()
    line: int = 1


def read(path: Path) -> tuple[tuple[RuleTest, ...], tuple[Issue, ...]]:
    """Return the tests of a file, in the order of their kinds, and its issues."""
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "not UTF-8"
        issue = Issue(IssueSeverity.ERROR, Code.UNREADABLE, f"the file cannot be read: {reason}", path)
        return (), (issue,)
    table, places, broken = parsed(path, text)
    if broken:
        return (), (broken,)
    reading = _Reading(path, places)
    tests = reading.tests(table)
    return tests, tuple(reading.issues)


class _Reading:
    """One pass over a file; what is wrong leaves an issue."""

    def __init__(self, path: Path, places: TomlPlaces) -> None:
        self.path = path
        self.places = places
        self.issues: list[Issue] = []

    def tests(self, table: Mapping[str, Any]) -> tuple[RuleTest, ...]:
        base = self._event(table.get("base", {}), "base") or {}
        self._known(table, ("base", *Kind), ())
        tests: list[RuleTest] = []
        for kind in Kind:
            for number, entry in enumerate(self._tables(table, kind)):
                test = self._test(entry, kind, base, (str(kind), number))
                tests += [test] if test else []
        lines: dict[str, int] = {}
        for test in tests:
            if lines.setdefault(test.name, test.line) != test.line:
                told = f"the test on line {lines[test.name]} has the same name: `{test.name}`"
                self._fault(told, place=self.places.at_line(test.line, 1))
        if not tests and not self.issues:
            self._fault("there is no test in this file: it needs [[match]] and [[no_match]] entries")
        return tuple(tests)

    def _tables(self, table: Mapping[str, Any], name: str) -> list[Mapping[str, Any]]:
        entries = table.get(name, [])
        if isinstance(entries, list) and all(isinstance(entry, dict) for entry in entries):
            return entries
        self._fault(f"`{name}` is written [[{name}]], once for each test", name)
        return []

    def _test(self, entry: Mapping[str, Any], kind: Kind, base: Event, at: KeyPath) -> RuleTest | None:
        before = len(self.issues)
        self._known(entry, _KEYS, at)
        name = entry.get("name")
        if not isinstance(name, str) or not name.strip():
            self._fault("a test needs a `name`: a sentence that says what it shows", *at)
        events = self._events(entry, base, at)
        expect = self._expect(entry.get("expect"), kind, len(events), at)
        if len(self.issues) > before:
            return None
        return RuleTest(str(name), kind, events, expect, self.path, self.places.of(at).line)

    def _events(self, entry: Mapping[str, Any], base: Event, at: KeyPath) -> tuple[Event, ...]:
        """Return the events: each is the base, changed by what the test says, less what it says is not there."""
        if "event" in entry and "events" in entry:
            self._fault("a test has `event` or `events`, not both", *at, "events")
        changes = entry.get("events", [entry.get("event", {})])
        if not isinstance(changes, list) or not changes:
            self._fault("`events` is a list of events", *at, "events")
            return ()
        if not base and "event" not in entry and "events" not in entry:
            self._fault("a test needs an `event`, or `events` for a sequence", *at)
        key = (*at, "events") if "events" in entry else (*at, "event")
        read_changes = [self._event(change, *key) for change in changes]
        events = tuple(merged(base, change) for change in read_changes if change is not None)
        for path in self._paths(entry.get("without", []), at):
            removed = [remove(event, path) for event in events]
            if not any(removed):
                self._fault(f"`without` names `{path}`, which no event of this test has", *at, "without")
        return events

    def _event(self, value: Any, *at: str | int) -> Event | None:
        """Return an event written as a table or as JSON text, its dotted names unfolded."""
        if isinstance(value, str):
            try:
                value = json.loads(value)
            except (json.JSONDecodeError, RecursionError) as error:
                told = f"{error.msg}, line {error.lineno}" if isinstance(error, json.JSONDecodeError) else "too deep"
                self._fault(f"the event is not valid JSON: {told}", *at)
                return None
        if not isinstance(value, dict):
            self._fault("an event is a table, or a JSON object as text", *at)
            return None
        return unfolded(value)

    def _paths(self, value: Any, at: KeyPath) -> list[str]:
        if isinstance(value, list) and all(isinstance(path, str) for path in value):
            return value
        self._fault("`without` is a list of field names", *at, "without")
        return []

    def _expect(self, value: Any, kind: Kind, events: int, at: KeyPath) -> tuple[tuple[int, ...], ...] | None:
        if value is None:
            return None
        numbers = range(1, events + 1)
        if kind is Kind.NO_MATCH:
            self._fault("`expect` belongs to [[match]]: [[no_match]] expects no alert", *at, "expect")
        elif (
            isinstance(value, list)
            and all(isinstance(alert, list) and alert for alert in value)
            and all(type(number) is int and number in numbers for alert in value for number in alert)
        ):
            return tuple(tuple(alert) for alert in value)
        else:
            self._fault(
                "`expect` is a list with one list of event numbers for each alert, as in [[1, 2]]", *at, "expect"
            )
        return None

    def _known(self, table: Mapping[str, Any], names: tuple[str, ...], at: KeyPath) -> None:
        for name in table:
            if name not in names:
                near = get_close_matches(name, names, n=1)
                hint = f"did you mean `{near[0]}`?" if near else f"known here: {', '.join(names)}"
                self._fault(f"unknown key `{name}`", *at, name, hint=hint)

    def _fault(self, message: str, *at: str | int, hint: str = "", place: Place | None = None) -> None:
        place = place or self.places.of(at)
        self.issues.append(Issue(IssueSeverity.ERROR, Code.SHAPE, message, self.path, place, hint))


def unfolded(event: Mapping[str, Any]) -> Event:
    """Return the event with dotted names as tables in tables; a name that cannot be unfolded stays as it is."""
    out: Event = {}
    for name, value in event.items():
        inner = unfolded(value) if isinstance(value, Mapping) else value
        *parents, last = name.split(".")
        for parent in reversed(parents):
            inner, last = {last: inner}, parent
        clash = last in out and not (isinstance(out[last], dict) and isinstance(inner, dict))
        out = out | {name: value} if clash else merged(out, {last: inner})
    return out


def merged(base: Event, change: Event) -> Event:
    """Return the base with the change laid over it: tables are merged, everything else is replaced."""
    out = deepcopy(base)
    for name, value in change.items():
        both = isinstance(value, dict) and isinstance(out.get(name), dict)
        out[name] = merged(out[name], value) if both else deepcopy(value)
    return out


def remove(event: Event, path: str) -> bool:
    """Take a field out of an event; tell whether it was there."""
    *parents, last = path.split(".")
    for parent in parents:
        inner = event.get(parent)
        if not isinstance(inner, dict):
            return False
        event = inner
    if last not in event:
        return False
    del event[last]
    return True
