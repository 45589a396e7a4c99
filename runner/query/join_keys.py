"""Reading an event's join keys as Elasticsearch has them: values of the field's type, not of the JSON.

Where the type is known, a number in a `keyword` field is its text, a text in a `long` field its number, a date its
instant whatever its format, an address its canonical form; a value that does not fit its type stays as it is. Dates
appear as Elasticsearch's answers show them: ISO 8601 for sequences, whose keys come from the fields API (x-pack/plugin/ql
`AbstractFieldHitExtractor`), epoch milliseconds for samples, whose keys are those of composite aggregations.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from ipaddress import IPv6Address, ip_address
from typing import Any, TypeAlias

from runner.query import ast
from runner.query.fields import reader
from runner.query.matching import Event
from runner.query.timestamps import nanoseconds

Convert: TypeAlias = Callable[[Any], Any]

# A custom date format is not known here. A day, a month and a year at the end is read in this order; another custom
# format stays a text, which still joins texts of the same format.
_DAY_FIRST = re.compile(r"(\d\d)[-/.](\d\d)[-/.](\d{4})")
_FALSE, _TRUE = frozenset({"false", ""}), frozenset({"true"})


def keys_reader(
    by: Sequence[ast.Expression], types: Mapping[str, str], *, sample: bool = False
) -> Callable[[Event], tuple[Any, ...]]:
    """Return what reads a stage's join keys, each None, a value or a list of values. `types` maps paths to types."""
    readers = tuple(_reader(field, types, sample=sample) for field in by if isinstance(field, ast.Field))
    return lambda event: tuple([read(event) for read in readers])


def _reader(field: ast.Field, types: Mapping[str, str], *, sample: bool) -> Convert:
    read = reader(field.path)
    kind = types.get(field.path, "")
    convert = (_epoch if sample else _iso) if kind in {"date", "date_nanos"} else _CONVERT.get(kind)
    if convert is None:
        return read

    def converted(event: Event) -> Any:
        value = read(event)
        if isinstance(value, list):
            return [convert(item) for item in value]
        return None if value is None else convert(value)

    return converted


def _text(value: Any) -> Any:
    if isinstance(value, bool):
        return "true" if value else "false"
    return str(value)


def _whole(value: Any) -> Any:
    try:
        return value if isinstance(value, bool) else int(value)
    except (ValueError, OverflowError):
        return value


def _decimal(value: Any) -> Any:
    try:
        return value if isinstance(value, bool) else float(value)
    except (ValueError, OverflowError):
        return value


def _truth(value: Any) -> Any:
    if isinstance(value, str):
        return True if value in _TRUE else False if value in _FALSE else value
    return value


def _address(value: Any) -> Any:
    try:
        address = ip_address(value)
    except ValueError:
        return value
    return str(address.ipv4_mapped or address) if isinstance(address, IPv6Address) else str(address)


def _nanoseconds(value: Any) -> int | None:
    """Return a date in nanoseconds since the epoch, None when it is none."""
    nanos = nanoseconds(value)
    day_first = _DAY_FIRST.fullmatch(value) if nanos is None and isinstance(value, str) else None
    return nanos if day_first is None else nanoseconds("-".join(reversed(day_first.groups())))


def _epoch(value: Any) -> Any:
    """Return a date as epoch milliseconds."""
    nanos = _nanoseconds(value)
    return value if nanos is None else nanos // 1_000_000


def _iso(value: Any) -> Any:
    """Return a date as ISO 8601, with milliseconds, or nanoseconds where there are any."""
    nanos = _nanoseconds(value)
    if nanos is None:
        return value
    seconds, fraction = divmod(nanos, 1_000_000_000)
    try:
        whole = datetime.fromtimestamp(seconds, UTC).replace(tzinfo=None).isoformat()
    except (ValueError, OverflowError):  # beyond the years of Python
        return value
    return f"{whole}.{fraction:09d}Z" if fraction % 1_000_000 else f"{whole}.{fraction // 1_000_000:03d}Z"


_CONVERT: dict[str, Convert] = {
    **dict.fromkeys(("keyword", "constant_keyword", "wildcard", "text", "match_only_text", "version"), _text),
    **dict.fromkeys(("long", "integer", "short", "byte", "unsigned_long"), _whole),
    **dict.fromkeys(("double", "float", "half_float", "scaled_float"), _decimal),
    "boolean": _truth,
    "ip": _address,
}
