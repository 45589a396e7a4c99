"""Dates as documents hold them: epoch milliseconds, or ISO 8601 with up to nine digits of a second.

Source: Elasticsearch's default date format, `strict_date_optional_time||epoch_millis`, and `date_nanos`. A text without
a zone is UTC. A text may leave out its end: `2024-05` is a whole month, from its first instant to its last, and
`12:30:15` a whole second, while `12:30:15.1` is one instant.
"""

import re
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Any, NamedTuple

from dateutil.relativedelta import relativedelta

_ISO = re.compile(
    r"(?P<year>\d{4})(?:-(?P<month>\d\d)(?:-(?P<day>\d\d)"
    r"(?:T(?:(?P<hour>\d\d)(?::(?P<minute>\d\d)(?::(?P<second>\d\d)(?:[.,](?P<fraction>\d{1,9}))?)?)?)?"
    r"(?P<zone>Z|[+-]\d\d(?::?\d\d)?)?)?)?)?",
    re.ASCII,
)
_MILLIS = re.compile(r"(-?(?:\d{1,3}|\d{5,19}))(?:\.(\d{1,6}))?", re.ASCII)  # four digits are a year
_THOUSANDS = re.compile("(000)+$")
_PARTS = ("year", "month", "day", "hour", "minute", "second")  # what a text names, from coarse to fine
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


class Span(NamedTuple):
    """The first and the last nanosecond (since the epoch) that a date can mean."""

    first: int
    last: int


def instant(value: Any) -> datetime | None:
    """Return the value as an instant in UTC, to the microsecond; None when it is no date that Python can hold."""
    found = nanoseconds(value)
    if found is None:
        return None
    try:
        return _EPOCH + timedelta(microseconds=found // 1000)
    except OverflowError:
        return None


def timestamp(moment: datetime) -> str:
    """Return an instant as documents spell it: UTC, milliseconds, `Z`."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def spelled(nanoseconds: int) -> str | None:
    """Spell an instant as Java's ZonedDateTime.toString: seconds, and three, six or nine digits of them, where there are any.

    None where it is beyond the years of Python.
    """
    seconds, fraction = divmod(nanoseconds, 10**9)
    try:
        moment = (_EPOCH + timedelta(seconds=seconds)).replace(tzinfo=None)
    except OverflowError:
        return None
    if not fraction:
        return moment.isoformat(timespec="seconds" if moment.second else "minutes") + "Z"
    return f"{moment.isoformat(timespec='seconds')}.{_THOUSANDS.sub('', f'{fraction:09}')}Z"


def nanoseconds(value: Any) -> int | None:
    """Return the value in nanoseconds since the epoch; None when it is no date."""
    if isinstance(value, str):
        found = span(value)
        return found.first if found else None
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        try:
            millis = int(value)
        except (ValueError, OverflowError):  # not a number, or infinite
            return None
        return millis * 1_000_000 + round((value - millis) * 1_000_000)
    if isinstance(value, datetime):
        return _since_epoch(value if value.tzinfo else value.replace(tzinfo=UTC))
    return None


@lru_cache(maxsize=4096)
def span(text: str) -> Span | None:
    """Return what the text means, None when it is no date."""
    millis = _MILLIS.fullmatch(text)
    if millis:
        nanos = int(millis[1]) * 1_000_000 + int((millis[2] or "").ljust(6, "0"))
        return Span(nanos, nanos)
    match = _ISO.fullmatch(text)
    if match is None:
        return None
    named = [name for name in _PARTS if match[name]]
    try:
        start = datetime(*(int(match[name]) for name in named), *([1] * (3 - len(named))), tzinfo=UTC)  # type: ignore[misc,arg-type]  # at least a year, a month and a day, in this order
        after = start + relativedelta(**{f"{named[-1]}s": 1})  # type: ignore[arg-type]  # the parts' names
    except (ValueError, OverflowError):
        return None
    first = _since_epoch(start) - _offset(match["zone"])
    if match["fraction"]:
        first += int(match["fraction"].ljust(9, "0"))
        return Span(first, first)
    return Span(first, first + _since_epoch(after) - _since_epoch(start) - 1)


def _since_epoch(moment: datetime) -> int:
    return (moment - _EPOCH) // _MICROSECOND * 1000


def _offset(zone: str | None) -> int:
    """Return how far the zone is ahead of UTC, in nanoseconds."""
    if zone is None or zone == "Z":
        return 0
    digits = zone[1:].replace(":", "")
    seconds = int(digits[:2]) * 3600 + int(digits[2:] or 0) * 60
    return (-seconds if zone.startswith("-") else seconds) * 10**9
