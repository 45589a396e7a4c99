"""From a draft to an exception item, or to the Issues that keep it from applying. All faults are told.

The keys of an entry are Kibana's (`field`, `type`, `operator`, `value`, `list`, `entries`), so that items can be moved
between the two; sources: its packages `kbn-securitysolution-io-ts-list-types` and `-list-constants`.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from runner.query.entries import Entry, EntryType, Exclusion, Nested
from runner.rules.draft import Draft, KeyPath
from runner.rules.exceptions import ExceptionItem, Target
from runner.rules.fields import Shape
from runner.rules.issues import Code, IssueSeverity
from runner.rules.reading import Reading, either, shown

NAMESPACES = ("single", "agnostic")
OS_TYPES = ("linux", "macos", "windows")
TYPES = (*map(str, EntryType), "nested")

TARGET_FIELDS: Mapping[str, Shape] = {"rules": Shape.TEXTS, "rule_tags": Shape.TEXTS, "all_rules": Shape.FLAG}
LIST_FIELDS: Mapping[str, Shape] = {"list_id": Shape.TEXT, "namespace_type": Shape.TEXT, **TARGET_FIELDS}
ITEM_FIELDS: Mapping[str, Shape] = {
    "name": Shape.TEXT,
    "item_id": Shape.TEXT,
    "os_types": Shape.TEXTS,
    "entries": Shape.TABLES,
    "owner": Shape.TEXT,
    "reason": Shape.TEXT,
    "created": Shape.TEXT,
    "expires": Shape.TEXT,
    **LIST_FIELDS,
}
_ENTRY_KEYS = ("field", "type", "operator", "value", "list", "entries")

ValueList = Callable[[str], Sequence[str]]
"""Reads the values of a list by its name. Raises OSError or UnicodeDecodeError."""


def read_item(
    draft: Draft, values: ValueList, *, list_id: str, told: bool = True
) -> tuple[ExceptionItem | None, Reading]:
    """Return the item, or None where an error keeps it from applying, and the reading with its issues.

    `list_id` is the list of an item that names none; `told`: an owner and a reason are expected.
    """
    reading = Reading(draft, ITEM_FIELDS)
    check_keys(reading)
    name = reading.text("name")
    if not name.strip():
        reading.fault(Code.MISSING, "`name` is missing", hint="say in a few words what it lets pass")
    item = ExceptionItem(
        exclusion=Exclusion(
            reading.text("item_id") or f"{list_id}/{name}",
            _entries(reading, values),
            _choices(reading, "os_types", OS_TYPES),
        ),
        name=name,
        list_id=reading.text("list_id") or list_id,
        namespace_type=namespace(reading),
        target=target(reading),
        owner=reading.text("owner"),
        reason=reading.text("reason"),
        created=_instant(reading, "created"),
        expires=_instant(reading, "expires"),
        path=draft.path,
        line=draft.whereabouts.of(draft.root).line,
    )
    if told:
        _expect_told(reading, item)
    return (None if reading.failed else item), reading


def check_keys(reading: Reading) -> None:
    """Leave an error for each key that is not known: an item with a misspelt key would take away too much."""
    for key in reading.draft.table:
        if key not in reading.fields:
            _unknown(reading, key, tuple(reading.fields), key)


def target(reading: Reading) -> Target:
    """Return which rules are meant."""
    return Target(
        tuple(reading.get("rules", [])), tuple(reading.get("rule_tags", [])), reading.get("all_rules", default=False)
    )


def namespace(reading: Reading) -> str:
    """Return the namespace type of a list, `single` where none is named."""
    name = reading.text("namespace_type") or NAMESPACES[0]
    if name not in NAMESPACES:
        reading.unexpected(name, either(NAMESPACES), "namespace_type")
    return name


def _expect_told(reading: Reading, item: ExceptionItem) -> None:
    hints = {"owner": "who is to be asked about it", "reason": "why these events are harmless, or a ticket"}
    for key, hint in hints.items():
        if not getattr(item, key):
            issue = reading.draft.issue(IssueSeverity.WARNING, Code.MISSING, f"`{key}` is missing", hint=f"say {hint}")
            reading.issues.append(issue)


def _entries(reading: Reading, values: ValueList) -> tuple[Entry | Nested, ...]:
    tables: list[Mapping[str, Any]] = reading.get("entries", [])
    if not tables:
        hint = "without entries it would take away every event"
        reading.fault(Code.MISSING, "`entries` is missing or empty", hint=hint)
    found = [_entry(reading, table, ("entries", number), values) for number, table in enumerate(tables)]
    return tuple(entry for entry in found if entry is not None)


def _entry(reading: Reading, table: Mapping[str, Any], at: KeyPath, values: ValueList) -> Entry | Nested | None:
    kind = table.get("type")
    if kind not in TYPES:
        reading.unexpected(kind, either(TYPES), *at, "type")
        return None
    for key in table:
        if key not in _ENTRY_KEYS:
            _unknown(reading, key, _ENTRY_KEYS, *at, key)
    reading.has_texts(table, ("field",), at)
    if kind != "nested":
        return _test(reading, table, EntryType(kind), at, values)
    inner = [_inner(reading, one, inner_at, values) for inner_at, one in reading.tables(table, "entries", at)]
    if not inner:
        reading.fault(Code.MISSING, "a nested entry needs `entries` of its own", *at)
    return Nested(str(table.get("field")), tuple(entry for entry in inner if isinstance(entry, Entry)))


def _inner(reading: Reading, table: Mapping[str, Any], at: KeyPath, values: ValueList) -> Entry | Nested | None:
    if table.get("type") == "nested":
        reading.fault(Code.VALUE, "a nested entry cannot hold another", *at, "type")
        return None
    return _entry(reading, table, at, values)


def _test(reading: Reading, table: Mapping[str, Any], kind: EntryType, at: KeyPath, values: ValueList) -> Entry:
    operator = table.get("operator", "included")
    if operator not in {"included", "excluded"}:
        reading.unexpected(operator, "included or excluded", *at, "operator")
    found = _list_values(reading, table, at, values) if kind is EntryType.LIST else _values(reading, table, kind, at)
    return Entry(str(table.get("field")), kind, found, included=operator == "included")


def _values(reading: Reading, table: Mapping[str, Any], kind: EntryType, at: KeyPath) -> tuple[str, ...]:
    given = table.get("value")
    if kind is EntryType.EXISTS:
        if given is not None:
            reading.unexpected(given, "nothing: exists takes no value", *at, "value")
        return ()
    many: list[Any] = given if isinstance(given, list) else [given]
    if kind is EntryType.MATCH_ANY and not isinstance(given, list):
        reading.unexpected(given, "a list of values", *at, "value")
    elif kind is EntryType.MATCH and isinstance(given, list):
        reading.unexpected(given, "one value; match_any takes several", *at, "value")
    elif not many or not all(_is_value(one) for one in many):
        reading.unexpected(given, "a value that is not empty", *at, "value")
    else:
        _doubt(reading, table, kind, many, at)
        return tuple(_spelled(one) for one in many)
    return ()


def _doubt(reading: Reading, table: Mapping[str, Any], kind: EntryType, values: Sequence[Any], at: KeyPath) -> None:
    """Warn of what is right, but hardly meant."""
    texts = [value for value in values if isinstance(value, str)]
    if kind is EntryType.WILDCARD and any(not text.strip("*") for text in texts):
        message = f"the pattern {shown(texts[0])} fits every value of `{table.get('field')}`"
        hint = 'type = "exists" says it plainly'
    elif kind is not EntryType.WILDCARD and any("*" in text for text in texts):
        message = f"{shown(next(text for text in texts if '*' in text))} is compared as it stands, with its star"
        hint = 'for patterns write type = "wildcard"'
    else:
        return
    issue = reading.draft.issue(IssueSeverity.WARNING, Code.VALUE, message, *at, "value", hint=hint)
    reading.issues.append(issue)


def _list_values(reading: Reading, table: Mapping[str, Any], at: KeyPath, values: ValueList) -> tuple[str, ...]:
    given = table.get("list")
    name = given.get("id") if isinstance(given, Mapping) else given
    if not isinstance(name, str) or not name:
        reading.unexpected(given, "the name of a file beside this one, with a value on each line", *at, "list")
        return ()
    try:
        found = tuple(dict.fromkeys(values(name)))
    except OSError as error:
        hint = f"put it beside {Path(reading.draft.path).name}: a text file with a value on each line"
        reading.fault(
            Code.UNREADABLE, f"the value list `{name}` cannot be read: {error.strerror}", *at, "list", hint=hint
        )
        return ()
    except UnicodeDecodeError:
        reading.fault(Code.UNREADABLE, f"the value list `{name}` is not UTF-8", *at, "list")
        return ()
    if not found:
        reading.fault(Code.MISSING, f"the value list `{name}` is empty", *at, "list")
    return found


def _choices(reading: Reading, name: str, choices: tuple[str, ...]) -> tuple[str, ...]:
    found: list[str] = reading.get(name, [])
    for number, value in enumerate(found):
        if value not in choices:
            reading.unexpected(value, either(choices), name, number)
    return tuple(found)


def _instant(reading: Reading, name: str) -> datetime | None:
    """Return an instant: a date alone is its first moment, and what names no zone is UTC."""
    expected = "a date such as 2026-12-31, or 2026-12-31T18:00:00Z"
    return reading.parsed(name, _utc, None, expected)


def _utc(text: str) -> datetime | None:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)


def _unknown(reading: Reading, key: str, known: tuple[str, ...], *at: str | int) -> None:
    near = get_close_matches(key, known, n=1)
    hint = f"did you mean `{near[0]}`?" if near else f"known are {', '.join(known)}"
    reading.fault(Code.UNKNOWN_KEY, f"unknown key `{key}`", *at, hint=hint)


def _is_value(value: object) -> bool:
    return bool(value) if isinstance(value, str) else isinstance(value, bool | int | float)


def _spelled(value: str | float) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
