"""What every Presence keeps: who has said that it is alive, for as long as it said."""

from runner.execution.replicas import Presence
from tests.made import minute


def test_a_runner_sees_itself_and_the_others_alive(presence: Presence) -> None:
    assert presence.announce("a", minute(0), minute(1)) == {"a"}
    assert presence.announce("b", minute(0.5), minute(1.5)) == {"a", "b"}


def test_a_runner_that_says_nothing_is_missed(presence: Presence) -> None:
    presence.announce("a", minute(0), minute(1))
    assert presence.announce("b", minute(1), minute(2)) == {"b"}


def test_a_runner_whose_clock_was_a_day_ahead_is_not_believed(presence: Presence) -> None:
    presence.announce("a", minute(24 * 60), minute(24 * 60 + 1))
    presence.announce("b", minute(30), minute(31))  # half an hour ahead
    assert presence.announce("c", minute(0), minute(1)) == {"b", "c"}


def test_a_runner_that_goes_is_missed_at_once(presence: Presence) -> None:
    presence.announce("a", minute(0), minute(1))
    presence.leave("a")
    presence.leave("never there")
    assert presence.announce("b", minute(0), minute(1)) == {"b"}
