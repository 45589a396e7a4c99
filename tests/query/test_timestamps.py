"""Dates as documents hold them."""

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.query.timestamps import instant, nanoseconds, span

MAY = 1714521600 * 10**9  # 2024-05-01T00:00:00Z
DAY = 86400 * 10**9


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("2024-05-01", MAY),
        ("2024-05", MAY),
        ("2024-05-01T00:00:00.000000001Z", MAY + 1),
        ("2024-05-01T02:00:00+02:00", MAY),
        ("2024-04-30T19:00:00-0500", MAY),
        ("2024-05-01T01Z", MAY + DAY // 24),
        (1714521600000, MAY),
        ("1714521600000", MAY),
        ("1714521600000.5", MAY + 500_000),
        ("1" * 20, None),
        ("٢٠٢٤-05-01", None),
        (1714521600000.5, MAY + 500_000),
        (datetime(2024, 5, 1, tzinfo=UTC), MAY),
        (datetime(2024, 5, 1, tzinfo=timezone(timedelta(hours=2))), MAY - DAY // 12),
        (0, 0),
        ("x", None),
        ("2024-02-30", None),
        ("2024-13", None),
        ("", None),
        (None, None),
        (True, None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_nanoseconds(value, found):
    assert nanoseconds(value) == found


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("2024", 366 * DAY),
        ("2024-05", 31 * DAY),
        ("2024-05-01", DAY),
        ("2024-05-01T12", DAY // 24),
        ("2024-05-01T12:30", 60 * 10**9),
        ("2024-05-01T12:30:15", 10**9),
        ("2024-05-01T12:30:15.1", 1),
        ("1714521600000", 1),
    ],
)
def test_a_text_without_its_end_is_a_span(text, length):
    found = span(text)
    assert found.last - found.first + 1 == length


@given(st.datetimes(timezones=st.just(UTC)).filter(lambda moment: 1000 < moment.year < 9999))
def test_an_instant_survives_its_text(moment):
    assert instant(moment.isoformat()) == moment


def test_an_instant_beyond_what_python_holds_is_none():
    assert instant(10**30) is None
