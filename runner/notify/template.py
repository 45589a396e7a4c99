"""Texts with places for fields: `${host.name}`, `${user|unknown}`, `$$` for a dollar. No code, no conditions.

A line that has places, and none of them filled, is left out. What comes from events is cut to `LONGEST` characters, shown
on one line, and cannot call people by a chat's own signs (`@everyone`, `<!channel>`).
"""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass

LONGEST = 500

_PLACE = re.compile(r"\$(?:(?P<dollar>\$)|\{(?P<name>[@\w.-]+)(?:\|(?P<instead>[^}\n]*))?\})")
_CALL = re.compile(r"@(?=\w)|<(?=[!@#&])|!(?=channel|here|everyone)")
_INVISIBLE = "\N{ZERO WIDTH SPACE}"

Fields = Callable[[str], Sequence[object]]
"""A name → the values that the field has; none where it is absent."""


class TemplateError(ValueError):
    """A text is no template; `offset` is where."""

    def __init__(self, message: str, offset: int) -> None:
        super().__init__(message)
        self.offset = offset


@dataclass(frozen=True, slots=True)
class Template:
    """A message's title and text."""

    title: str
    text: str


def names(text: str) -> tuple[tuple[str, int], ...]:
    """Return the names in a text, each with its offset. Raises TemplateError for a `$` that begins no place."""
    found = []
    offset = text.find("$")
    while offset >= 0:
        place = _PLACE.match(text, offset)
        if place is None:
            raise TemplateError("`$` begins no field here: write ${name}, or $$ for a dollar", offset)
        if place["name"]:
            found.append((place["name"], offset))
        offset = text.find("$", place.end())
    return tuple(found)


def fill(text: str, fields: Fields) -> str:
    """Return the text with its places filled."""
    lines = (_line(line, fields) for line in text.split("\n"))
    return "\n".join(line for line in lines if line is not None).strip()


def _line(line: str, fields: Fields) -> str | None:
    filled = []

    def fill_in(place: re.Match[str]) -> str:
        if place["dollar"]:
            return "$"
        value = plain(fields(place["name"])) or (place["instead"] or "")
        filled.append(bool(value))
        return value

    written = _PLACE.sub(fill_in, line)
    return written if not filled or any(filled) else None


def plain(values: Sequence[object]) -> str:
    """Return the values of a field as one short line that calls nobody."""
    text = ", ".join(str(value) for value in values)
    text = "".join(char if char.isprintable() else " " for char in text)
    if len(text) > LONGEST:
        text = text[: LONGEST - 1] + "…"
    return _CALL.sub(lambda sign: sign[0] + _INVISIBLE, text)
