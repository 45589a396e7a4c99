"""Reading an event's join keys as Elasticsearch has them: values of the field's type, not of the JSON.

Where the type is known, a number in a `keyword` field is its text, a text in a `long` field its number, a date its
instant whatever its format, an address its canonical form. Dates appear as Elasticsearch's answers show them: ISO 8601
for sequences, whose keys come from the fields API (x-pack/plugin/ql `AbstractFieldHitExtractor`), epoch milliseconds
for samples, whose keys are those of composite aggregations.
"""

import re
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias

from runner.query import addresses
from runner.query.ast import Expression, Field
from runner.query.fields import Read, nothing, reader
from runner.query.kinds import CONVERT, DATES, SPELLED, Fields, Kind, spelled, version
from runner.query.matching import Event
from runner.query.stages import OrderedText
from runner.query.timestamps import nanoseconds

Convert: TypeAlias = Callable[[Any], Any]

# A custom date format is not known here. A day, a month and a year at the end is read in this order; another custom
# format stays a text, which still joins texts of the same format.
_DAY_FIRST = re.compile(r"(\d\d)[-/.](\d\d)[-/.](\d{4})")


def keys_reader(by: Sequence[Expression], known: Fields, *, sample: bool = False) -> Callable[[Event], tuple[Any, ...]]:
    """Return what reads a stage's join keys, for each None, a value or a list of values."""
    reads = tuple(_reader(field, known, sample=sample) for field in by if isinstance(field, Field))
    return lambda event: tuple([read(event) for read in reads])


def _reader(field: Field, known: Fields, *, sample: bool) -> Read:
    if not known.mapped(field.path):
        return nothing
    read = reader(field.path, known.source(field.path))
    convert = _conversion(known.kind(field.path), sample=sample)
    if convert is None:
        return read

    def converted(event: Event) -> Any:
        value = read(event)
        if type(value) is list:
            return [convert(each) for each in value]
        return None if value is None else convert(value)

    return converted


def _conversion(kind: Kind, *, sample: bool) -> Convert | None:
    if kind in DATES:
        return _epoch if sample else _iso
    if kind is Kind.ADDRESS:
        return _ordered_address if sample else SPELLED[kind]
    return _ordered_version if sample and kind is Kind.VERSION else CONVERT.get(kind)


def _ordered_address(value: Any) -> Any:
    """Return an address that is ordered as the index orders it: by its number, as an IPv6 address."""
    text = SPELLED[Kind.ADDRESS](value)
    number = addresses.address(text) if isinstance(text, str) else None
    return text if number is None else OrderedText(text, number)


def _ordered_version(value: Any) -> Any:
    return OrderedText(spelled(value), version(value))


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
