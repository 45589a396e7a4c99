"""What a field's values are compared as, by its mapped type.

A document's `_source` holds what was sent, the index what the mapping made of it: `"42"` in a `long` field is a number,
`42` in a `keyword` field a text. A query is about the index, so values and constants are first brought to the kind of
the field. Where the type is not known (or differs between indices) they meet halfway: numbers compare with numbers,
texts with texts, and a number with the text that spells it.
"""

import re
from collections.abc import Callable
from decimal import Decimal
from enum import Enum
from functools import partial
from typing import Any

from runner.query import addresses, timestamps
from runner.query.types import ANALYSED, FieldTypes

# The quantifiers give nothing back: a text of many digits that is no number must not take long to refuse.
_NUMBER = re.compile(
    r"\s*+[+-]?(?:\d++(\.\d*+(?:[eE][+-]?\d++)?|[eE][+-]?\d++)?|(\.\d++(?:[eE][+-]?\d++)?))\s*+", re.ASCII
)
_LONGEST = 1000  # digits; Python refuses to read whole numbers of more than 4300
_WHOLE = frozenset({"long", "integer", "short", "byte", "unsigned_long"})
_DECIMAL = frozenset({"double", "float", "half_float", "scaled_float"})
_TEXT = frozenset({"keyword", "constant_keyword", "wildcard", "text", "match_only_text", "flattened"})
_CONTAINERS = frozenset({"object", "nested", "flattened"})
_OPAQUE = frozenset({"binary"})  # compared as it stands in the document
_MILLISECOND = 1_000_000


class Kind(Enum):
    """How values compare."""

    ANY = "any"
    TEXT = "text"
    WHOLE = "whole number"
    DECIMAL = "decimal number"
    BOOLEAN = "boolean"
    DATE = "date"
    NANOS = "date in nanoseconds"
    ADDRESS = "ip"
    VERSION = "version"


_KINDS = {
    **dict.fromkeys(_WHOLE, Kind.WHOLE),
    **dict.fromkeys(_DECIMAL, Kind.DECIMAL),
    **dict.fromkeys(_TEXT, Kind.TEXT),
    "boolean": Kind.BOOLEAN,
    "date": Kind.DATE,
    "date_nanos": Kind.NANOS,
    "ip": Kind.ADDRESS,
    "version": Kind.VERSION,
}

NUMBERS = frozenset({Kind.WHOLE, Kind.DECIMAL})
DATES = frozenset({Kind.DATE, Kind.NANOS})


class Fields:
    """What is known of the fields of one query.

    `complete`: what is not in the types is mapped nowhere; otherwise, and without types, it may be mapped to anything,
    but for the `absent` paths.
    """

    def __init__(
        self,
        types: FieldTypes | None,
        *,
        timestamp_field: str,
        complete: bool = True,
        absent: frozenset[str] = frozenset(),
    ) -> None:
        self._types = types or {}
        self._timestamp_field = timestamp_field
        self._absent = absent
        self.complete = complete and types is not None

    def types(self, path: str) -> frozenset[str]:
        """Return the path's mapped types, none where it is not mapped or nothing is known."""
        if path in self._types:
            return self._types[path].types
        return frozenset({"flattened"}) if self._flattened(path) else frozenset()

    def mapped(self, path: str) -> bool:
        """Tell whether the path may have values."""
        return bool(self.types(path)) or not (self.complete or path in self._absent)

    def kind(self, path: str) -> Kind:
        """Return how the path's values compare."""
        kinds = {_KINDS.get(name, Kind.ANY) for name in self.types(path)}
        if len(kinds) == 1:
            return kinds.pop()
        return Kind.DATE if not kinds and path == self._timestamp_field else Kind.ANY

    @property
    def paths(self) -> list[str]:
        """All mapped paths."""
        return list(self._types)

    def is_supported(self, path: str) -> bool:
        """Tell whether some of the path's types can be compared; of a flattened field its keys can, and not it itself."""
        comparable = _KINDS.keys() | _OPAQUE
        own = self._types.get(path)
        if own and not self._flattened(path):
            comparable = comparable - _CONTAINERS
        return bool(self.types(path) & comparable)

    def is_analysed(self, path: str) -> bool:
        """Tell whether the path is a text that the index cannot give back whole, and has no keyword subfield.

        Only of all types can that be told: those of a few paths need not name the subfields.
        """
        known = self._types.get(path)
        if not self.complete or known is None or not known.types <= ANALYSED or known.aggregatable:
            return False
        subfields = (each for name, each in self._types.items() if name.startswith(f"{path}."))
        return not any(each.types & {"keyword", "wildcard", "constant_keyword"} for each in subfields)

    def nested_in(self, path: str) -> str | None:
        """Return the nested field that the path is, or is in."""
        names = path.split(".")
        parents = (".".join(names[:count]) for count in range(1, len(names) + 1))
        types = self._types
        return next((parent for parent in parents if parent in types and "nested" in types[parent].types), None)

    def source(self, path: str) -> str:
        """Return the path that holds the values in `_source`: for a multi-field, such as `a.keyword`, its field's.

        Where some indices have an object at `a` and others a value, `a.keyword` is taken for a field of that object.
        """
        parent, _, name = path.rpartition(".")
        above = self._types.get(parent)
        if above is None:
            return parent if name == "keyword" and not self.complete else path
        return path if above.types & _CONTAINERS else parent

    def _flattened(self, path: str) -> bool:
        names = path.split(".")
        parents = (".".join(names[:count]) for count in range(1, len(names)))
        return any("flattened" in self._types[parent].types for parent in parents if parent in self._types)


def spelled(value: Any) -> str:
    """Return a scalar as a text, as Java spells it: `true`, `42`, `7.0`, `1.0E10`."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    return _decimal(value) if isinstance(value, float) else str(value)


def number(value: Any) -> int | float | None:
    """Return a scalar as a number; None where it spells none."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return value
    match = _NUMBER.fullmatch(value) if isinstance(value, str) else None
    if match is None:
        return None
    return float(value) if match.lastindex or len(value) > _LONGEST else int(value)


def whole(value: Any) -> int | None:
    """Return a scalar as a whole number, cut off as the index does (`coerce`)."""
    found = number(value)
    try:
        return None if found is None else int(found)
    except (ValueError, OverflowError):
        return None


def decimal(value: Any) -> float | None:
    """Return a scalar as a decimal number."""
    found = number(value)
    try:
        return None if found is None else float(found)
    except OverflowError:
        return None


def boolean(value: Any) -> bool | None:
    """Return a scalar as a boolean: true and false, as such or spelled; the empty text is false."""
    if isinstance(value, bool):
        return value
    return {"true": True, "false": False, "": False}.get(value) if isinstance(value, str) else None


def nanoseconds(kind: Kind, value: Any) -> int | None:
    """Return a scalar as an instant, in nanoseconds since the epoch, as a field of that kind holds it."""
    found = timestamps.nanoseconds(value)
    return found - found % _MILLISECOND if found is not None and kind is Kind.DATE else found


def version(value: Any) -> tuple[Any, ...]:
    """Return a key that orders versions: semantic ones by their parts, what is no version after them."""
    text = spelled(value)
    main, _, _build = text.partition("+")
    main, dash, release = main.partition("-")
    parts = [_size(part) for part in main.split(".")]
    if None in parts:
        return (1, text)
    names = [(0, *size) if (size := _size(name)) else (1, 0, name) for name in release.split(".")] if dash else []
    return (0, parts, not dash, names, text)


def _size(digits: str) -> tuple[int, str] | None:
    """Return a key that orders whole numbers of any length; None where it is none."""
    if not (digits.isascii() and digits.isdecimal()):
        return None
    significant = digits.lstrip("0")
    return len(significant), significant


def _address(value: Any) -> Any:
    return addresses.spelled(value) if isinstance(value, str) else value


def _instant(kind: Kind, value: Any) -> Any:
    found = nanoseconds(kind, value)
    return value if found is None else timestamps.spelled(found) or value


def _decimal(value: float) -> str:
    """Spell a decimal as Java's Double.toString does."""
    if value != value or value in (float("inf"), float("-inf")):  # noqa: PLR0124  that is how not-a-number shows
        return {float("inf"): "Infinity", float("-inf"): "-Infinity"}.get(value, "NaN")
    if value == 0 or 1e-3 <= abs(value) < 1e7:
        return repr(value)
    sign, digits, exponent = Decimal(repr(value)).normalize().as_tuple()
    shown = "".join(map(str, digits))
    return f"{'-' * sign}{shown[0]}.{shown[1:] or '0'}E{int(exponent) + len(shown) - 1}"


CONVERT: dict[Kind, Callable[[Any], Any]] = {
    Kind.TEXT: spelled,
    Kind.VERSION: spelled,
    Kind.WHOLE: whole,
    Kind.DECIMAL: decimal,
    Kind.BOOLEAN: boolean,
}
"""How a function or an operator sees a field's value; kinds that are neither here nor in SPELLED as it stands."""

SPELLED: dict[Kind, Callable[[Any], Any]] = {
    Kind.ADDRESS: _address,
    **{kind: partial(_instant, kind) for kind in DATES},
}
"""How functions, and comparisons of what is computed, see an address or a date: as Elasticsearch's scripts spell it.

So it is in ToStringFunctionProcessor, over ScriptDocValues; whether a value comes of a document or of a column does not
show. What is none of its kind stays as it stands. Comparisons by type do not need it.
"""
