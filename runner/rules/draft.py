"""A draft: a rule as its file tells it, not checked yet, that knows where each of its keys stands."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, TypeAlias

from runner.rules.issues import Code, Issue, IssueSeverity, Place

KeyPath: TypeAlias = tuple[str | int, ...]


class Whereabouts(Protocol):
    """Where the keys of a rule stand in its file."""

    def of(self, key: KeyPath) -> Place:
        """Return the place of the key, or of the nearest thing around it that is there."""
        ...

    def inside(self, key: KeyPath, line: int, column: int) -> Place:
        """Return the place of a line and column (both from 1) of the text that the key holds."""
        ...


@dataclass(frozen=True)
class Draft:
    """The rule's table in plain JSON values, the file's metadata, and where they stand; `root` leads to the table."""

    path: Path
    table: Mapping[str, Any]
    whereabouts: Whereabouts = field(repr=False, compare=False)
    root: KeyPath = ()
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def issue(
        self,
        severity: IssueSeverity,
        code: Code,
        message: str,
        *at: str | int,
        hint: str = "",
        place: Place | None = None,
    ) -> Issue:
        """Return an issue of this rule at a key of its table (without one: at the rule)."""
        rule_id, name = self.table.get("rule_id"), self.table.get("name")
        return Issue(
            severity,
            code,
            message,
            self.path,
            place or self.whereabouts.of(self.root + at),
            hint,
            rule_id if isinstance(rule_id, str) else "",
            name if isinstance(name, str) else "",
        )
