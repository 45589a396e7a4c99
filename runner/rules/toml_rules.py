"""Elastic's rule files: TOML with a `[metadata]`, a `[rule]` and perhaps a `[transform]` table."""

import re
import tomllib
from collections.abc import Iterator
from datetime import date, datetime, time
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from runner.rules.draft import Draft, KeyPath
from runner.rules.issues import Code, Issue, IssueSeverity
from runner.rules.toml_places import TomlPlaces

TABLES = ("metadata", "rule", "transform")
_AT = re.compile(r" \(at line (\d+), column (\d+)\)$")
_LEAST, _MOST = -(2**63), 2**64 - 1
_AT_END = " (at end of document)"


def drafts(path: Path, text: str) -> tuple[tuple[Draft, ...], tuple[Issue, ...]]:
    """Return the file's rule as a draft, and the issues of the file as such."""
    table, places, issue = parsed(path, text)
    if issue:
        return (), (issue,)
    rule = table.get("rule")
    if not isinstance(rule, dict):
        return (), (_no_rule(path, table, places),)
    metadata = table.get("metadata")
    draft = Draft(path, rule, places, ("rule",), metadata if isinstance(metadata, dict) else {})
    return (draft,), tuple(_unknown(draft, name) for name in table if name not in TABLES)


def parsed(path: Path, text: str) -> tuple[dict[str, Any], TomlPlaces, Issue | None]:
    """Return the TOML as plain JSON values, its places, and the issue that kept it from being read."""
    text = text.replace("\r\n", "\n")
    places = TomlPlaces(text)
    try:
        table = {name: _plain(value) for name, value in tomllib.loads(text).items()}
        large = next(_large(table), None)
        if large is None:
            return table, places, None
        what, place = "a whole number has at most 64 bits", places.of(large)
    except tomllib.TOMLDecodeError as error:
        message, place = str(error), places.at(len(text.rstrip()))
        if at := _AT.search(message):
            message, place = message[: at.start()], places.at_line(int(at[1]), int(at[2]))
        what = message.removesuffix(_AT_END) + (" at the end of the file" if message.endswith(_AT_END) else "")
    except ValueError:
        what, place = "a number has more digits than can be read", places.at(0)
    except RecursionError:
        what, place = "tables or lists lie too deep in each other", places.at(0)
    return {}, places, Issue(IssueSeverity.ERROR, Code.SYNTAX, f"not valid TOML: {what}", path, place)


def _no_rule(path: Path, table: dict[str, Any], places: TomlPlaces) -> Issue:
    near = get_close_matches("rule", table, n=1)
    hint = f"is `{near[0]}` meant to be it?" if near else "a rule file has [metadata] and [rule]"
    place = places.of((near[0],) if near else ())
    return Issue(IssueSeverity.ERROR, Code.NOT_A_RULE, "there is no [rule] table", path, place, hint)


def _unknown(draft: Draft, name: str) -> Issue:
    near = get_close_matches(name, TABLES, n=1)
    hint = f"did you mean `{near[0]}`?" if near else "it is not read; the tables of a rule file are metadata and rule"
    place = draft.whereabouts.of((name,))
    return draft.issue(IssueSeverity.WARNING, Code.UNKNOWN_KEY, f"unknown table `{name}`", place=place, hint=hint)


def _large(value: Any, at: KeyPath = ()) -> Iterator[KeyPath]:
    """Yield where whole numbers stand that neither TOML promises nor JSON and Elasticsearch can carry."""
    match value:
        case dict():
            for name, one in value.items():
                yield from _large(one, (*at, name))
        case list():
            for number, one in enumerate(value):
                yield from _large(one, (*at, number))
        case int() if not _LEAST <= value <= _MOST:
            yield at


def _plain(value: Any) -> Any:
    """Return a TOML value as JSON has it: dates and times become their ISO text."""
    match value:
        case dict():
            return {name: _plain(one) for name, one in value.items()}
        case list():
            return [_plain(one) for one in value]
        case datetime() | date() | time():
            return value.isoformat()
        case _:
            return value
