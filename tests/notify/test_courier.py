"""One channel's courier over stepped time: nothing lost, nothing twice, and pauses where the other side wants them."""

import threading
from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import pairwise
from random import Random

import pytest

from runner.errors import ClusterUnavailable
from runner.notify.config import Channel, Digest, Rate
from runner.notify.courier import MOST, Courier
from runner.notify.model import CLAIM, Entry, EntryState, Outcome
from runner.notify.pauses import FIRST, LONGEST, LONGEST_ASKED, pause
from runner.offline.memory import MemorySink
from runner.offline.outbox import MemoryMarkedAlerts, MemoryOutbox
from tests.made import minute
from tests.notify.made import Clock, ScriptedSender, Watching, alert, channel, entry

GIVE_UP = timedelta(hours=24)
ALL = channel(rate=Rate(1000, timedelta(minutes=1)), digest=None)


class Outage(MemoryOutbox):
    """An outbox that fails while `away` names what it is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.away: set[str] = set()

    def settle(self, entries: Iterable[Entry]) -> None:
        if "settle" in self.away:
            raise ClusterUnavailable("no connection")
        super().settle(entries)


@dataclass
class Made:
    """A courier and all around it."""

    to: Channel = ALL
    outbox: Outage = field(default_factory=Outage)
    sender: ScriptedSender = field(default_factory=ScriptedSender)
    clock: Clock = field(default_factory=Clock)
    watching: Watching = field(default_factory=Watching)
    stop: threading.Event = field(default_factory=threading.Event)
    sink: MemorySink = field(default_factory=MemorySink)

    def courier(self, owner: str = "one", sender: ScriptedSender | None = None) -> Courier:
        return Courier(
            self.to,
            sender or self.sender,
            self.outbox,
            MemoryMarkedAlerts(self.sink),
            self.watching,
            self.clock,
            owner=owner,
            give_up=GIVE_UP,
            stop=self.stop,
            chance=Random(7),
        )

    def put(self, *names: str, at: float = 0) -> None:
        self.sink.write([alert(name, at) for name in names])
        self.outbox.put([entry(name, at) for name in names])

    def left(self) -> list[str]:
        return [one.alert_id for one in self.outbox.entries("soc", EntryState.WAITING, minute(1e6), 1000)]

    def failed(self) -> list[str]:
        return [one.alert_id for one in self.outbox.entries("soc", EntryState.FAILED, minute(0), 1000)]

    def told(self) -> list[str]:
        return [message.id.removesuffix(":soc") for message in self.sender.messages]

    def play(self, courier: Courier, until: float, step: float = 0.5) -> None:
        """Rounds every half minute, as long as told."""
        while self.clock.now < minute(until):
            while courier.round().more:
                pass
            self.clock.move(step)


@pytest.fixture
def made() -> Made:
    return Made()


def test_what_waits_is_told_oldest_first_with_the_alerts_words(made: Made) -> None:
    made.put("b", at=2)
    made.put("a", at=1)
    made.clock.move(3)
    assert made.courier().round().sent == 2
    assert made.told() == ["a", "b"]
    assert "process event a" in made.sender.messages[0].text
    assert made.left() == []
    assert made.watching.kinds() == ["delivered", "delivered"]


def test_a_round_without_anything_rests_and_one_with_something_goes_on(made: Made) -> None:
    courier = made.courier()
    assert not courier.round().more
    made.put("a")
    assert courier.round().more
    assert not courier.round().more


def test_a_dead_channel_loses_nothing_and_is_told_all_when_it_comes_back(made: Made) -> None:
    courier = made.courier()
    made.sender.down = True
    for at in range(60):
        made.put(f"a{at:02}", at=at)
        made.play(courier, at + 1)
    assert made.told() == []
    assert len(made.left()) == 60
    assert made.sender.attempts < 20, "a dead channel is asked now and then only"
    made.sender.down = False
    made.play(courier, 120)
    assert sorted(made.told()) == [f"a{at:02}" for at in range(60)]
    assert made.left() == []
    assert made.watching.kinds().count("resumed") == 1


def test_pauses_grow_and_start_anew_after_a_success(made: Made) -> None:
    courier = made.courier()
    made.sender.outcomes = [Outcome("no")] * 3
    made.put("a")
    attempts: list[datetime] = []
    while made.left():
        before = made.sender.attempts
        courier.round()
        if made.sender.attempts > before:
            attempts.append(made.clock.now)
        made.clock.move(1 / 60)
    gaps = [later - earlier for earlier, later in pairwise(attempts)]
    assert gaps == sorted(gaps)
    assert gaps[0] >= FIRST * 2 / 3
    claim = made.outbox.standing()[0].claim
    assert claim is not None
    assert (claim.failures, claim.error, claim.paused_until) == (0, "", None)


def test_the_channel_stays_away_as_long_as_the_other_side_asks(made: Made) -> None:
    courier = made.courier()
    made.sender.outcomes = [Outcome("answered 429", timedelta(minutes=20))]
    made.put("a", "b")
    made.play(courier, 19)
    assert made.sender.attempts == 1
    made.play(courier, 22)
    assert sorted(made.told()) == ["a", "b"]


def test_nobody_can_ask_us_to_stay_away_for_ever() -> None:
    chance = Random(1)
    assert pause(1, chance, timedelta(days=365)) == LONGEST_ASKED
    assert all(FIRST * 2 / 3 <= pause(1, chance) <= FIRST for _ in range(50))
    assert all(pause(number, chance) <= LONGEST for number in (5, 50, 5000))
    assert pause(9, chance, timedelta(seconds=1)) > timedelta(minutes=5)


def test_one_refused_message_does_not_keep_the_others(made: Made) -> None:
    made.sender.outcomes = [Outcome("answered 413", of_message=True)]
    made.put("bad")
    made.put("good", at=0.1)
    courier = made.courier()
    made.clock.move(1)
    assert courier.round().sent == 1
    assert (made.told(), made.left()) == (["good"], ["bad"])
    made.play(courier, 3)
    assert made.told() == ["good", "bad"]


def test_what_is_refused_for_a_day_is_given_up_and_stays_visible(made: Made) -> None:
    courier = made.courier()
    made.sender.down = True
    made.put("a")
    made.play(courier, 23 * 60, step=5)
    assert made.left() == ["a"]
    made.play(courier, 26 * 60, step=5)
    assert (made.left(), made.failed()) == ([], ["a"])
    assert ("given up", "a:soc") in made.watching.told
    (failed,) = made.outbox.entries("soc", EntryState.FAILED, minute(0), 10)
    assert failed.error == "no connection"


def test_what_waits_behind_a_dead_channel_is_given_up_only_when_it_has_waited_a_day_itself(made: Made) -> None:
    courier = made.courier()
    made.sender.down = True
    made.put(*(f"old{number}" for number in range(10)))
    made.play(courier, 12 * 60, step=5)
    made.put("new", at=12 * 60)
    made.play(courier, 25 * 60, step=5)
    assert (made.left(), len(made.failed())) == (["new"], 10)


def test_after_days_without_a_runner_nothing_is_given_up_before_it_is_tried(made: Made) -> None:
    made.put("a", "b")
    made.clock.move(3 * 24 * 60)
    made.sender.outcomes = [Outcome("no")]
    courier = made.courier()
    courier.round()
    assert (len(made.left()), made.failed()) == (2, [])
    made.clock.move(2)
    courier.round()
    assert sorted(made.told()) == ["a", "b"]


def test_a_noisy_rule_sends_a_digest_and_the_same_one_again_when_it_was_refused(made: Made) -> None:
    made.to = channel(digest=Digest(3, timedelta(minutes=10)))
    made.put(*(f"a{number}" for number in range(20)))
    made.sender.outcomes = [Outcome("no")]
    courier = made.courier()
    made.play(courier, 5)
    made.put("a99", at=5)
    made.play(courier, 9)
    (message,) = made.sender.messages
    assert message.payload["count"] == 20
    assert made.left() == ["a99"]
    made.play(courier, 12)
    assert made.left() == []


def test_a_rule_that_waits_for_its_digests_time_does_not_hide_the_others(made: Made) -> None:
    made.to = channel(digest=Digest(3, timedelta(minutes=10)))
    made.outbox.put([entry(f"n{number}") for number in range(MOST + 200)])
    courier = made.courier()
    made.play(courier, 2)
    assert [message.payload["count"] for message in made.sender.messages] == [MOST]
    made.outbox.put([entry(f"m{number}") for number in range(MOST)])
    made.outbox.put([entry("other", 3, rule_id="rule-2")])
    made.clock.move(2)
    made.play(courier, 6)
    assert made.sender.messages[1].id == "other:soc"


def test_of_two_couriers_one_sends(made: Made) -> None:
    first, second = made.courier("one"), made.courier("two")
    made.put("a")
    assert first.round().sent == 1
    made.put("b")
    assert second.round().sent == 0
    assert first.round().sent == 1
    assert sorted(made.told()) == ["a", "b"]


def test_the_channel_of_one_that_died_is_taken_over(made: Made) -> None:
    made.courier("one").round()
    second = made.courier("two")
    made.put("a")
    made.play(second, 1.5)
    assert made.told() == []
    made.play(second, CLAIM / timedelta(minutes=1) + 1)
    assert made.told() == ["a"]


def test_who_leaves_hands_the_channel_over_at_once_with_all_that_is_known(made: Made) -> None:
    first, second = made.courier("one"), made.courier("two")
    made.sender.outcomes = [Outcome("no", timedelta(minutes=9))]
    made.put("a")
    first.round()
    first.leave()
    made.clock.move(5)
    second.round()
    assert made.sender.attempts == 1, "the pause is the channel's, whoever has it"
    made.clock.move(5)
    second.round()
    assert made.told() == ["a"]


def test_a_courier_that_was_too_slow_stops_when_another_has_the_channel(made: Made) -> None:
    slow = ScriptedSender(clock=made.clock, takes=3)  # longer than its claim lasts
    first, second = made.courier("one", slow), made.courier("two")
    made.put("a", "b", "c")
    send = slow.send

    def send_while_another_looks(message):
        outcome = send(message)
        second.round()
        return outcome

    slow.send = send_while_another_looks  # type: ignore[method-assign]  # the twin's own
    first.round()
    assert [message.id for message in slow.messages] == ["a:soc"], "it notices after the one that took too long"
    assert made.told() == ["a", "b", "c"]
    assert made.left() == []


@dataclass
class Killing:
    """A process that ends right after the message has gone, before anyone wrote it down."""

    sender: ScriptedSender

    def send(self, message):
        self.sender.send(message)
        raise KeyboardInterrupt


def test_a_crash_between_sending_and_settling_sends_it_again_with_the_same_id(made: Made) -> None:
    made.put("a")
    dying = made.courier("one", Killing(made.sender))  # type: ignore[arg-type]  # it never returns
    with pytest.raises(KeyboardInterrupt):
        dying.round()
    made.clock.move(3)
    made.courier("two").round()
    assert made.told() == ["a", "a"]
    assert made.left() == []


def test_a_cluster_that_is_away_between_sending_and_settling_is_no_reason_to_send_twice(made: Made) -> None:
    made.put("a", "b")
    courier = made.courier()
    made.outbox.away = {"settle"}
    for _ in range(3):
        with pytest.raises(ClusterUnavailable):
            courier.round()
    assert made.sender.attempts == 1
    made.outbox.away = set()
    made.play(courier, 1)
    assert sorted(made.told()) == ["a", "b"]


def test_a_round_begins_no_message_when_its_time_is_over(made: Made) -> None:
    made.put(*(f"a{number:02}" for number in range(15)))
    made.sender.clock, made.sender.takes = made.clock, 1
    done = made.courier().round(minute(3))
    assert (done.sent, done.more) == (3, True)
    assert made.told() == ["a00", "a01", "a02"]
    assert len(made.left()) == 12


def test_stopping_ends_a_round_between_two_messages(made: Made) -> None:
    made.put("a", "b", "c")
    courier = made.courier()
    send = made.sender.send

    def stopping(message):
        made.stop.set()
        return send(message)

    made.sender.send = stopping  # type: ignore[method-assign]  # the twin's own
    assert courier.round().sent == 1
    assert len(made.left()) == 2


def test_the_rate_is_the_channels_whoever_has_it(made: Made) -> None:
    made.to = channel(rate=Rate(2, timedelta(minutes=10)), digest=None)
    made.put("a", "b", "c")
    first = made.courier("one")
    first.round()
    first.leave()
    second = made.courier("two")
    made.play(second, 9)
    assert len(made.told()) == 2
    made.play(second, 11)
    assert len(made.told()) == 3
