"""Issues: what is wrong, or worth knowing, in a rule file, with its place."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

_WIDTH = 160  # characters of a line that are shown around the caret


class IssueSeverity(StrEnum):
    """An error keeps its rule from running; a warning may lose or add alerts; an info is worth knowing."""

    ERROR = "error"
    WARNING = "warning"
    INFO = "info"


class Code(StrEnum):
    """What kind of issue it is, for programs that read issues; messages may be reworded, codes stay."""

    UNREADABLE = "unreadable"  # no such file, no permission, not UTF-8, no rule file at all
    SYNTAX = "syntax"  # not TOML, not JSON
    NOT_A_RULE = "not-a-rule"
    UNSUPPORTED = "unsupported"  # right, but this version cannot run it yet
    MISSING = "missing"
    SHAPE = "shape"  # a text where a list is due
    VALUE = "value"
    UNKNOWN_KEY = "unknown-key"
    DUPLICATE = "duplicate"
    QUERY = "query"
    GAP = "gap"  # the schedule leaves ranges that no execution searches
    MATURITY = "maturity"
    DISABLED = "disabled"
    NO_EFFECT = "no-effect"  # a key that has a meaning in Kibana and none here
    INCOMPLETE = "incomplete"  # an export that ends early
    OVERRIDE = "override"
    UNTESTED = "untested"
    MAPPING = "mapping"  # does not fit the fields of a live cluster


@dataclass(frozen=True, slots=True)
class Place:
    """A place in a file: line and column from 1. `excerpt` is the text to show there, `caret` its column in it."""

    line: int = 1
    column: int = 1
    excerpt: str = ""
    caret: int = 1

    @classmethod
    def on(cls, text: str, line: int, column: int) -> "Place":
        """Return the place with what is around it, cut from a line that is too long to show."""
        start = max(0, min(column - 1 - _WIDTH // 2, len(text) - _WIDTH))
        shown = "".join(char if char.isprintable() else " " for char in text[start : start + _WIDTH]).rstrip()
        cut = "…" if start else ""
        return cls(line, column, cut + shown, column - start + len(cut))


@dataclass(frozen=True, slots=True)
class Issue:
    """One thing to tell of a rule file. `message` says what is wrong, `hint` (may be empty) what to do about it."""

    severity: IssueSeverity
    code: Code
    message: str
    path: Path
    place: Place = Place()
    hint: str = ""
    rule_id: str = ""
    rule_name: str = ""

    @property
    def line(self) -> int:
        return self.place.line

    @property
    def column(self) -> int:
        return self.place.column

    @property
    def is_error(self) -> bool:
        """Tell whether the issue keeps its rule from running."""
        return self.severity is IssueSeverity.ERROR

    def rendered(self) -> str:
        """Return the issue as a compiler would print it: place, message, line, caret, hint."""
        name = f" [{self.rule_name}]" if self.rule_name else ""
        lines = [f"{self.path}:{self.line}:{self.column}: {self.severity}: {self.message}{name}"]
        if self.place.excerpt:
            lines += [f"  {self.place.excerpt}", f"  {' ' * (self.place.caret - 1)}^"]
        return "\n".join([*lines, f"  {self.hint}"] if self.hint else lines)

    def as_dict(self) -> dict[str, Any]:
        """Return the issue as plain JSON values."""
        return {
            "severity": str(self.severity),
            "code": str(self.code),
            "path": str(self.path),
            "line": self.line,
            "column": self.column,
            "message": self.message,
            "hint": self.hint,
            "rule_id": self.rule_id,
            "rule_name": self.rule_name,
            "excerpt": self.place.excerpt,
            "caret": self.place.caret,
        }
