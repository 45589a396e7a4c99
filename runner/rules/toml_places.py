"""Where the keys of a TOML text stand: `tomllib` gives values without places.

The scanner reads texts that `tomllib` has accepted, and only to point at things. Where it is not sure it stops, and
answers with the nearest place that it knows. Source of the syntax: the TOML 1.0 specification.
"""

import re
from bisect import bisect_right
from functools import cached_property
from typing import NamedTuple

from runner.rules.draft import KeyPath
from runner.rules.issues import Place

_BLANK = re.compile(r"(?:[ \t\n]|#[^\n]*)*")
_SPACE = re.compile(r"[ \t]*")
_KEY = re.compile(r"""[A-Za-z0-9_-]+|"(?:\\.|[^"\\\n])*"|'[^'\n]*'""")
_STRING = re.compile(
    r'"""(?P<ml_basic>(?:\\.|[^\\])*?)"""(?!")'
    r"|'''(?P<ml_literal>.*?)'''(?!')"
    r'|"(?P<basic>(?:\\.|[^"\\\n])*)"'
    r"|'(?P<literal>[^'\n]*)'",
    re.DOTALL,
)
_SCALAR = re.compile(r"[^,\]}#\n]+")
_ESCAPE = re.compile(r"\\(?:u[0-9a-fA-F]{4}|U[0-9a-fA-F]{8}|[ \t]*\n[ \t\n]*|.)", re.DOTALL)


class _Spot(NamedTuple):
    key: int  # offset of the key
    value: int  # offset of its value


class TomlPlaces:
    """The places of one TOML text (its lines end in a line feed alone). Scans when it is first asked."""

    def __init__(self, text: str) -> None:
        self._text = text

    def of(self, key: KeyPath) -> Place:
        """Return the place of the key, else of the table around it, else of the text's first line."""
        while key and key not in self._spots:
            key = key[:-1]
        return self.at(self._spots[key].key if key else 0)

    def inside(self, key: KeyPath, line: int, column: int) -> Place:
        """Return the place of a line and column (both from 1) of the string that the key holds."""
        spot = self._spots.get(key)
        string = _STRING.match(self._text, spot.value) if spot else None
        if string is None or string.lastgroup is None:
            return self.of(key)
        return self.at(self._offset_in(string, string.lastgroup, line, column))

    def at(self, offset: int) -> Place:
        """Return the place of an offset of the text."""
        line = bisect_right(self._starts, offset)
        start = self._starts[line - 1]
        end = self._text.find("\n", start)
        return Place.on(self._text[start : end if end >= 0 else None], line, offset - start + 1)

    def at_line(self, line: int, column: int) -> Place:
        """Return the place of a line and column of the whole text."""
        line = min(max(line, 1), len(self._starts))
        return self.at(min(self._starts[line - 1] + column - 1, len(self._text)))

    def _offset_in(self, string: re.Match[str], form: str, line: int, column: int) -> int:
        """Walk the string as it is written until its value has come to line and column."""
        offset, end = string.span(form)
        if form.startswith("ml") and self._text.startswith("\n", offset):
            offset += 1  # a line end right after the opening quotes is no part of the value
        at = [1, 1]
        while offset < end and at < [line, column]:
            escape = _ESCAPE.match(self._text, offset, end) if form.endswith("basic") else None
            written = escape.group() if escape else self._text[offset]
            if written in {"\n", "\\n"}:
                at = [at[0] + 1, 1]
            elif not (escape and "\n" in written):  # a backslash that ends a line adds nothing to the value
                at[1] += 1
            offset += len(written)
        return offset

    @cached_property
    def _starts(self) -> list[int]:
        return [0, *(match.end() for match in re.finditer(r"\n", self._text))]

    @cached_property
    def _spots(self) -> dict[KeyPath, _Spot]:
        return _Scanner(self._text).scanned()


class _Scanner:
    """One pass over a text; `offset` is where it stands."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.offset = 0
        self.spots: dict[KeyPath, _Spot] = {}
        self.lengths: dict[KeyPath, int] = {}  # of the arrays of tables

    def scanned(self) -> dict[KeyPath, _Spot]:
        """Return the spots of all keys, as far as the text could be read."""
        table: KeyPath = ()
        try:
            while self.skip(_BLANK).offset < len(self.text):
                if self.looks_at("["):
                    table = self._header()
                else:
                    self._pair(table)
        except (ValueError, LookupError, RecursionError):
            pass  # What was found so far still serves to point at.
        return self.spots

    def _header(self) -> KeyPath:
        start = self.offset
        array = self.looks_at("[[")
        self.offset += 2 if array else 1
        names = self._names()
        self.offset = self.text.index("]", self.offset) + (2 if array else 1)
        path: KeyPath = ()
        for name in names:
            path = (*self._resolved(path), name)
            self.spots.setdefault(path, _Spot(start, start))
        if array:
            self.lengths[path] = self.lengths.get(path, 0) + 1
        path = self._resolved(path)
        self.spots[path] = _Spot(start, start)
        return path

    def _pair(self, table: KeyPath) -> None:
        start = self.offset
        path = table
        for name in self._names():
            path += (name,)
            self.spots.setdefault(path, _Spot(start, start))
        self.skip(_SPACE).offset += 1  # the equals sign
        self.skip(_SPACE)
        self.spots[path] = _Spot(start, self.offset)
        self._value(path)

    def _value(self, path: KeyPath) -> None:
        if self.looks_at("["):
            self._array(path)
        elif self.looks_at("{"):
            self._inline_table(path)
        elif string := _STRING.match(self.text, self.offset):
            self.offset = string.end()
        else:
            self._must(_SCALAR)

    def _array(self, path: KeyPath) -> None:
        self.offset += 1
        index = 0
        while not self.skip(_BLANK).looks_at("]"):
            if self.looks_at(","):
                self.offset += 1
                continue
            self.spots[(*path, index)] = _Spot(self.offset, self.offset)
            self._value((*path, index))
            index += 1
        self.offset += 1

    def _inline_table(self, path: KeyPath) -> None:
        self.offset += 1
        while not self.skip(_BLANK).looks_at("}"):
            if self.looks_at(","):
                self.offset += 1
                continue
            self._pair(path)
        self.offset += 1

    def _names(self) -> tuple[str, ...]:
        names = [self._name()]
        while self.skip(_SPACE).looks_at("."):
            self.offset += 1
            names.append(self._name())
        return tuple(names)

    def _name(self) -> str:
        self.skip(_SPACE)
        name = self._must(_KEY)
        return name[1:-1] if name[0] in "\"'" else name

    def _resolved(self, path: KeyPath) -> KeyPath:
        """Return the path, with the index of its newest element where it is an array of tables."""
        return (*path, self.lengths[path] - 1) if path in self.lengths else path

    def looks_at(self, text: str) -> bool:
        return self.text.startswith(text, self.offset)

    def skip(self, pattern: re.Pattern[str]) -> "_Scanner":
        found = pattern.match(self.text, self.offset)
        self.offset = found.end() if found else self.offset
        return self

    def _must(self, pattern: re.Pattern[str]) -> str:
        found = pattern.match(self.text, self.offset)
        if not found:
            raise LookupError(self.offset)
        self.offset = found.end()
        return found.group()
