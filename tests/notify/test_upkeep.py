"""Crash windows: an alert that was created and whose entry was not is told all the same, and none is told twice."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta

import pytest

from runner.errors import ClusterUnavailable
from runner.notify.config import Route
from runner.notify.marks import MarkingSink
from runner.notify.model import Entry, EntryState
from runner.notify.upkeep import KEPT, LOOK_BACK, SWEEP_EVERY, Upkeep
from runner.offline.memory import MemorySink
from runner.offline.outbox import MemoryMarkedAlerts, MemoryOutbox
from tests.made import minute
from tests.notify.made import alert


class Made:
    """A sink that marks for `soc`, an outbox, and their upkeep. `put` may be kept from working."""

    def __init__(self, *channels: str) -> None:
        self.sink = MemorySink()
        self.outbox = MemoryOutbox()
        self.working = True
        self.marking = MarkingSink(self.sink, [Route(("soc",))], self.accept)
        self.upkeep = Upkeep(self.outbox, MemoryMarkedAlerts(self.sink), set(channels or ("soc",)))

    def accept(self, entries: Sequence[Entry]) -> None:
        if self.working:
            self.outbox.put(entries)
        else:
            self.upkeep.again()

    def waiting(self) -> list[str]:
        return [one.id for one in self.outbox.entries("soc", EntryState.WAITING, minute(1e6), 100)]


def test_an_alert_whose_entry_was_lost_is_told_by_the_next_start() -> None:
    made = Made()
    made.working = False
    made.marking.write([alert("lost", -60)])
    made.working = True
    made.marking.write([alert("kept", -30)])
    assert made.waiting() == ["kept:soc"]
    assert made.upkeep.round(minute(0)) == 1
    assert made.waiting() == ["lost:soc", "kept:soc"]
    assert made.upkeep.round(minute(30)) == 0


def test_an_alert_that_another_process_left_without_an_entry_is_found_while_this_one_runs() -> None:
    made = Made()
    made.upkeep.round(minute(0))
    made.working = False
    made.marking.write([alert("lost", 1)])
    made.upkeep.round(minute(1) + SWEEP_EVERY)
    assert made.waiting() == ["lost:soc"]


def test_an_entry_that_could_not_be_put_is_looked_for_at_once() -> None:
    made = Made()
    made.upkeep.round(minute(0))
    made.working = False
    made.marking.write([alert("lost", 1)])
    assert made.upkeep.round(minute(1.1)) == 1


def test_alerts_from_before_anyone_was_to_be_told_are_not() -> None:
    made = Made()
    made.sink.write([alert("old", -10)])
    assert made.upkeep.round(minute(0)) == 0
    assert made.waiting() == []


def test_alerts_marked_for_a_channel_that_is_gone_wait_for_nobody() -> None:
    made = Made("other")
    made.working = False
    made.marking.write([alert("a", -10)])
    assert made.upkeep.round(minute(0)) == 0


def test_what_was_told_and_forgotten_is_never_looked_for_again() -> None:
    assert LOOK_BACK + timedelta(days=1) < KEPT
    made = Made()
    made.marking.write([alert("a", 0)])
    (one,) = made.outbox.entries("soc", EntryState.WAITING, minute(1), 10)
    made.outbox.settle([replace(one, state=EntryState.SENT, settled=minute(1), message=one.id)])
    long_after = minute(1) + KEPT + timedelta(hours=1)
    made.upkeep.round(long_after)
    made.upkeep.round(long_after + SWEEP_EVERY)
    assert made.waiting() == []
    assert made.outbox.put([one]) == 1, "it was forgotten"


def test_the_standing_is_read_for_metrics() -> None:
    made = Made()
    made.marking.write([alert("a", 0)])
    made.upkeep.round(minute(1))
    (standing,) = made.upkeep.standing
    assert (standing.channel, standing.waiting, standing.oldest) == ("soc", 1, minute(0))


def test_an_outbox_that_is_away_is_asked_again() -> None:
    class Away(MemoryOutbox):
        def put(self, entries: Sequence[Entry]) -> int:
            raise ClusterUnavailable("no connection")

    made = Made()
    made.working = False
    made.marking.write([alert("lost", 0)])
    upkeep = Upkeep(Away(), MemoryMarkedAlerts(made.sink), {"soc"})
    for _ in range(2):
        with pytest.raises(ClusterUnavailable):
            upkeep.round(minute(1))
