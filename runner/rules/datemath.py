"""Elasticsearch date math as rules use it: `now-9m`, `now-1d/d`, and durations such as `5m`.

Units as Elasticsearch reads them: y, M, w, d, h or H, m, s. `/unit` rounds down. Source: the Elasticsearch reference,
"Date math".
"""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from dateutil.relativedelta import relativedelta

LONGEST = timedelta(days=146_097)
"""Four hundred years, the calendar's period. Dates a few such spans before or after any now are dates that Python has."""

_STEP = re.compile(r"([+-])(\d+)([yMwdhHms])|/([yMwdhHms])")
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d|w)")
_UNITS = {
    "y": "years",
    "M": "months",
    "w": "weeks",
    "d": "days",
    "h": "hours",
    "H": "hours",
    "m": "minutes",
    "s": "seconds",
}
_DURATION_UNITS = {"ms": "milliseconds", **_UNITS}


@dataclass(frozen=True, slots=True)
class DateMath:
    """A parsed expression on now: its text and its steps, applied from left to right."""

    text: str
    steps: tuple[tuple[int | None, str], ...]  # (amount, unit); without an amount it rounds down to the unit

    @classmethod
    def parse(cls, text: str) -> "DateMath":
        """Parse `now` followed by steps. Raises ValueError, whose message names the text."""
        steps: list[tuple[int | None, str]] = []
        rest = text.removeprefix("now")
        if rest == text or _STEP.sub("", rest):
            raise ValueError(f"`{text}` is not date math such as now-9m")
        for sign, amount, unit, rounding in _STEP.findall(rest):
            steps.append((None, rounding) if rounding else (int(sign + amount), unit))
        return cls(text, tuple(steps))

    def resolve(self, now: datetime) -> datetime:
        """Return the instant that the expression means at `now`."""
        instant = now
        for amount, unit in self.steps:
            instant = _floor(instant, unit) if amount is None else instant + relativedelta(**{_UNITS[unit]: amount})  # type: ignore[arg-type]
        return instant


def parse_duration(text: str) -> timedelta:
    """Parse a duration such as `5m` or `1h`, of `LONGEST` at most. Raises ValueError, whose message names the text."""
    match = _DURATION.fullmatch(text)
    if not match or int(match[1]) == 0:
        raise ValueError(f"`{text}` is not a duration such as 5m, 1h or 1d")
    try:
        duration = timedelta(**{_DURATION_UNITS[match[2]]: int(match[1])})
    except OverflowError:
        duration = timedelta.max
    if duration > LONGEST:
        raise ValueError(f"`{text}` is too long a duration")
    return duration


def format_duration(duration: timedelta) -> str:
    """Return the shortest text that `parse_duration` reads as this duration (whole milliseconds): `90s`, `24h`."""
    milliseconds = duration // timedelta(milliseconds=1)
    for unit, length in (("h", 3_600_000), ("m", 60_000), ("s", 1000)):
        if milliseconds % length == 0:
            return f"{milliseconds // length}{unit}"
    return f"{milliseconds}ms"


def _floor(instant: datetime, unit: str) -> datetime:
    if unit == "w":
        instant -= timedelta(days=instant.weekday())
        unit = "d"
    finer = {"y": 4, "M": 3, "d": 2, "h": 1, "H": 1, "m": 0, "s": -1}[unit]
    fields = [("second", 0), ("minute", 0), ("hour", 0), ("day", 1), ("month", 1)][: finer + 1]
    return instant.replace(microsecond=0, **dict(fields))  # type: ignore[arg-type]
