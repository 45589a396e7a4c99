"""Date math and durations as rules write them."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.rules.datemath import DateMath, format_duration, parse_duration

NOW = datetime(2026, 3, 18, 13, 45, 30, 250_000, tzinfo=UTC)  # a Wednesday


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("now", NOW),
        ("now-9m", datetime(2026, 3, 18, 13, 36, 30, 250_000, tzinfo=UTC)),
        ("now-540s", datetime(2026, 3, 18, 13, 36, 30, 250_000, tzinfo=UTC)),
        ("now+1h", datetime(2026, 3, 18, 14, 45, 30, 250_000, tzinfo=UTC)),
        ("now-2H", datetime(2026, 3, 18, 11, 45, 30, 250_000, tzinfo=UTC)),
        ("now/s", datetime(2026, 3, 18, 13, 45, 30, tzinfo=UTC)),
        ("now/m", datetime(2026, 3, 18, 13, 45, tzinfo=UTC)),
        ("now/h", datetime(2026, 3, 18, 13, tzinfo=UTC)),
        ("now-1d/d", datetime(2026, 3, 17, tzinfo=UTC)),
        ("now/d-1h", datetime(2026, 3, 17, 23, tzinfo=UTC)),
        ("now/w", datetime(2026, 3, 16, tzinfo=UTC)),
        ("now-1M", datetime(2026, 2, 18, 13, 45, 30, 250_000, tzinfo=UTC)),
        ("now+13d-1M", datetime(2026, 2, 28, 13, 45, 30, 250_000, tzinfo=UTC)),
        ("now/M", datetime(2026, 3, 1, tzinfo=UTC)),
        ("now-1y/y", datetime(2025, 1, 1, tzinfo=UTC)),
    ],
)
def test_date_math_means_what_elasticsearch_means_by_it(text, instant):
    assert DateMath.parse(text).resolve(NOW) == instant


@pytest.mark.parametrize("text", ["", "9m", "now-", "now9m", "now-9x", "now -9m", "now-9", "NOW", "now-9m/", "now-9mm"])
def test_what_is_no_date_math_is_refused_by_name(text):
    with pytest.raises(ValueError, match=f"`{text}` is not date math"):
        DateMath.parse(text)


@pytest.mark.parametrize(
    "text", ["", "5", "m", "5 m", "-5m", "5.5m", "0s", "5M", "5y", "5mm", "146098d", "99999999999d"]
)
def test_what_is_no_duration_is_refused_by_name(text):
    with pytest.raises(ValueError, match=f"`{text}` is "):
        parse_duration(text)


@given(st.integers(1, 10**10))
def test_a_duration_reads_as_it_was_written(milliseconds):
    duration = timedelta(milliseconds=milliseconds)
    assert parse_duration(format_duration(duration)) == duration


@pytest.mark.parametrize("text", ["500ms", "30s", "90s", "5m", "1h", "24h"])
def test_a_duration_is_written_in_its_largest_whole_unit(text):
    assert format_duration(parse_duration(text)) == text
