"""Reading a draft's values: one that is wrong leaves an Issue, and reads as its default."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from runner.rules.draft import Draft, KeyPath
from runner.rules.fields import FIELDS, Shape
from runner.rules.issues import Code, Issue, IssueSeverity

T = TypeVar("T")

_LONGEST = 60  # characters of a value that a message shows


class Reading:
    """One pass over a draft; `issues` are those found so far. `fields` are the keys that it may have."""

    def __init__(self, draft: Draft, fields: Mapping[str, Shape] = FIELDS) -> None:
        self.draft = draft
        self.fields = fields
        self.issues: list[Issue] = []

    @property
    def failed(self) -> bool:
        """Tell whether there is an error."""
        return any(issue.is_error for issue in self.issues)

    def fault(self, code: Code, message: str, *at: str | int, hint: str = "") -> None:
        """Leave an error at a key."""
        self.issues.append(self.draft.issue(IssueSeverity.ERROR, code, message, *at, hint=hint))

    def unexpected(self, value: object, expected: str, *at: str | int, code: Code = Code.VALUE) -> None:
        """Leave an error: the key's value is not what it should be."""
        self.fault(code, f"`{_dotted(at)}` is {shown(value)}: expected {expected}", *at)

    def get(self, name: str, default: T) -> T:
        """Return the value where it has its key's shape, else the default."""
        value = self.draft.table.get(name)
        return value if value is not None and self.fits(self.fields[name], value, name) else default

    def text(self, name: str) -> str:
        """Return a text; an empty one where there is none."""
        return self.get(name, "")

    def number(self, name: str, default: float, least: float, most: float | None = None) -> Any:
        """Return a number between bounds."""
        value = self.get(name, default)
        if not value >= least or (most is not None and not value <= most):
            span = f"a number of at least {least}" if most is None else f"a number from {least} to {most}"
            self.unexpected(value, span, name)
        return value

    def parsed(self, name: str, parse: Callable[[str], T], default: T, expected: str) -> T:
        """Return a text as what `parse` makes of it."""
        text = self.text(name)
        if not text:
            return default
        try:
            return parse(text)
        except (ValueError, OverflowError):
            self.unexpected(text, expected, name)
            return default

    def fits(self, shape: Shape, value: object, *at: str | int) -> bool:
        """Tell whether a value has a shape, and leave an error where it has not."""
        if not shape.fits(value):
            self.unexpected(value, str(shape), *at, code=Code.SHAPE)
            return False
        return True

    def tables(self, table: Mapping[str, Any], name: str, at: KeyPath) -> Iterator[tuple[KeyPath, Mapping[str, Any]]]:
        """Yield the tables that a key of a table lists, each with its place."""
        listed = table.get(name) or []
        if self.fits(Shape.TABLES, listed, *at, name):
            yield from (((*at, name, number), one) for number, one in enumerate(listed))

    def has_texts(self, table: Mapping[str, Any], names: tuple[str, ...], at: KeyPath) -> None:
        """Leave an error for each of the names that is no text in the table."""
        for name in names:
            if not isinstance(table.get(name), str) or not table[name]:
                self.unexpected(table.get(name), str(Shape.TEXT), *at, name, code=Code.SHAPE)


def shown(value: object) -> str:
    """Return a value as a message shows it: short, and an absent one as `missing`."""
    if value is None:
        return "missing"
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return f"`{text if len(text) <= _LONGEST else text[: _LONGEST - 1] + '…'}`"


def either(names: tuple[str, ...]) -> str:
    """Return the names as a choice."""
    return f"{', '.join(names[:-1])} or {names[-1]}"


def _dotted(at: KeyPath) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in at).removeprefix(".")
