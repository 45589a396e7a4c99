"""Ranges of time: half-open, merged, subtracted."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.schedule.windows import Window, merged, whole_milliseconds, without

EPOCH = datetime(2026, 1, 1, tzinfo=UTC)


def minute(number: int) -> datetime:
    return EPOCH + timedelta(minutes=number)


def window(start: int, end: int) -> Window:
    return Window(minute(start), minute(end))


def minutes(windows) -> set[int]:
    """The whole minutes that the windows hold, in the range that the tests use."""
    return {number for number in range(-5, 45) for one in windows if one.holds(minute(number))}


WINDOWS = st.lists(
    st.tuples(st.integers(0, 40), st.integers(0, 40)).map(lambda pair: window(*sorted(pair))), max_size=6
)


def test_a_window_is_half_open():
    assert window(1, 3).holds(minute(1))
    assert not window(1, 3).holds(minute(3))


@pytest.mark.parametrize(
    ("start", "end"),
    [
        pytest.param(minute(2), minute(1), id="it ends before it starts"),
        pytest.param(minute(1).replace(tzinfo=None), minute(2), id="its start has no time zone"),
    ],
)
def test_a_window_refuses_what_is_no_range(start, end):
    with pytest.raises(ValueError, match="window"):
        Window(start, end)


@given(WINDOWS)
def test_merging_keeps_the_instants_and_leaves_disjoint_windows(windows):
    result = merged(windows)

    assert minutes(result) == minutes(windows)
    assert all(one.end < two.start for one, two in pairwise(result))


@given(WINDOWS, WINDOWS)
def test_subtracting_leaves_what_is_in_the_one_and_not_in_the_other(windows, taken):
    assert minutes(without(windows, taken)) == minutes(windows) - minutes(taken)


def test_instants_are_cut_to_milliseconds_in_utc():
    instant = datetime.fromisoformat("2026-01-01T01:00:00.123987+01:00")

    assert whole_milliseconds(instant) == datetime(2026, 1, 1, 0, 0, 0, 123000, tzinfo=UTC)
    assert whole_milliseconds(instant).tzinfo is UTC
