"""An attempt to send ends in time, whatever the other side does."""

import threading
from collections.abc import Iterator
from datetime import timedelta

import pytest
from pydantic import SecretStr

from runner.app import notifying
from runner.notify.attempts import MOST_LEFT, Bounded
from runner.notify.config import ChannelKind
from runner.notify.messages import test_message
from runner.notify.model import ATTEMPT, CLAIM, Message, Outcome
from runner.notify.webhook import Webhook
from tests.made import minute
from tests.notify.hook import Answer, Hook
from tests.notify.made import SECRET_PATH, Clock, ScriptedSender, channel

MESSAGE = test_message("siem", minute(0))
test_message.__test__ = False  # type: ignore[attr-defined]  # a function of the product
SHORT = timedelta(seconds=0.2)


class Hanging(ScriptedSender):
    """Takes a message only when its gate is open."""

    def __init__(self) -> None:
        super().__init__()
        self.gate = threading.Event()

    def send(self, message: Message) -> Outcome:
        self.attempts += 1
        self.gate.wait(30)
        return Outcome()


@pytest.fixture
def hanging() -> Iterator[Hanging]:
    sender = Hanging()
    yield sender
    sender.gate.set()


@pytest.mark.parametrize("outcome", [Outcome(), Outcome("no", timedelta(minutes=1)), Outcome("bad", of_message=True)])
def test_what_ends_in_time_is_as_it_was(outcome: Outcome) -> None:
    assert Bounded(ScriptedSender([outcome]), channel()).send(MESSAGE) == outcome


def test_a_bug_is_raised() -> None:
    class Odd(ScriptedSender):
        def send(self, message: Message) -> Outcome:
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        Bounded(Odd(), channel()).send(MESSAGE)


def test_what_hangs_is_left_alone_and_a_few_of_them_at_most(hanging: Hanging) -> None:
    bounded = Bounded(hanging, channel(), SHORT)
    for _ in range(MOST_LEFT):
        assert bounded.send(MESSAGE).error.endswith("no whole answer in 0.2 s")
    refused = bounded.send(MESSAGE)
    assert "attempts before have not ended yet" in refused.error
    assert "SECRET" not in refused.error
    assert hanging.attempts == MOST_LEFT
    hanging.gate.set()
    for thread in threading.enumerate():
        if thread.name == "notify-attempt":
            thread.join(10)
    assert Bounded(hanging, channel()).send(MESSAGE) == bounded.send(MESSAGE) == Outcome()


def test_a_server_whose_answer_comes_to_no_end_is_given_up_in_time() -> None:
    with Hook(Answer(drip=True)) as hook:
        to = channel("siem", kind=ChannelKind.WEBHOOK, url=SecretStr(f"http://{hook.netloc}{SECRET_PATH}"))
        outcome = Bounded(Webhook(to, Clock()), to, SHORT).send(MESSAGE)
    assert outcome.error == f"http://{hook.netloc}: no whole answer in 0.2 s"


@pytest.mark.parametrize("kind", ChannelKind)
def test_every_channel_is_bounded(kind: ChannelKind) -> None:
    assert isinstance(notifying.sender(channel(kind=kind), Clock()), Bounded)


def test_a_courier_holds_its_channel_for_longer_than_an_attempt_takes() -> None:
    assert ATTEMPT < CLAIM / 2
