"""The threads of one process: woken by new alerts, ended in bounded time, and of two processes one tells."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from runner.errors import ClusterUnavailable
from runner.notify.config import Channel, Notifications, Rate, Route
from runner.notify.courier import Courier
from runner.notify.dispatch import Dispatch, Observers
from runner.notify.failing import Failing
from runner.notify.marks import MarkingSink
from runner.notify.model import EntryState, Kind, Sender
from runner.notify.upkeep import Upkeep
from runner.offline.memory import MemorySink
from runner.offline.outbox import MemoryMarkedAlerts, MemoryOutbox, MemoryStreaks
from tests.made import minute
from tests.notify.made import Clock, ScriptedSender, Watching, alert, channel
from tests.notify.test_failing import execution

FAST = channel(rate=Rate(1000, timedelta(minutes=1)), digest=None)
ROUTES = (Route(("soc",)), Route(("soc",), executions=True))


def until(condition: Callable[[], object], seconds: float = 10) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


class Made:
    """Several processes over one cluster in memory."""

    def __init__(self) -> None:
        self.sink, self.outbox, self.streaks = MemorySink(), MemoryOutbox(), MemoryStreaks()
        self.dispatches: list[Dispatch] = []
        self.hired: list[Channel] = []

    def process(
        self,
        sender: Sender,
        name: str = "one",
        outbox: MemoryOutbox | None = None,
        clock: Callable[[], datetime] | None = None,
    ) -> tuple[Dispatch, Watching]:
        box, alerts, watching = outbox or self.outbox, MemoryMarkedAlerts(self.sink), Watching()
        clock = clock or _now
        observers = Observers(watching)

        def hire(channel: Channel) -> Courier:
            self.hired.append(channel)
            stop, day = threading.Event(), timedelta(hours=24)
            return Courier(channel, sender, box, alerts, observers, clock, owner=name, give_up=day, stop=stop)

        failing = Failing(self.streaks, ROUTES, box.put, clock)
        upkeep = Upkeep(box, alerts, {"soc"}, failing)
        dispatch = Dispatch(box, hire, [FAST], upkeep, failing, observers, clock, threading.Event())
        self.dispatches.append(dispatch)
        return dispatch, watching

    def waiting(self) -> int:
        return len(self.outbox.entries("soc", EntryState.WAITING, _now() + timedelta(days=9), 10_000))


def _now() -> datetime:
    return datetime.now(UTC)


@pytest.fixture
def made() -> Iterator[Made]:
    everything = Made()
    yield everything
    for dispatch in everything.dispatches:
        dispatch.stop(timedelta(seconds=5))


def test_new_alerts_are_told_at_once(made: Made) -> None:
    sender = ScriptedSender()
    dispatch, _ = made.process(sender)
    dispatch.start()
    until(lambda: dispatch.standing)
    begun = time.monotonic()
    MarkingSink(made.sink, ROUTES, dispatch.accept).write([alert("a"), alert("b")])
    until(lambda: len(sender.messages) == 2)
    assert time.monotonic() - begun < 3
    assert dispatch.stop(timedelta(seconds=5)) == ()
    assert made.waiting() == 0


def test_alerts_left_by_one_that_died_are_told_by_the_next(made: Made) -> None:
    MarkingSink(made.sink, ROUTES, lambda _entries: None).write(
        [alert("a", **{"@timestamp": _now().isoformat(timespec="milliseconds")})]
    )
    sender = ScriptedSender()
    dispatch, _ = made.process(sender)
    dispatch.start()
    until(lambda: sender.messages)
    assert sender.messages[0].id == "a:soc"


def test_of_two_processes_each_alert_is_told_by_one(made: Made) -> None:
    senders = [ScriptedSender(), ScriptedSender()]
    dispatches = [made.process(sender, name)[0] for sender, name in zip(senders, ("one", "two"), strict=True)]
    for dispatch in dispatches:
        dispatch.start()
    names = [f"a{number:03}" for number in range(200)]
    sinks = [MarkingSink(made.sink, ROUTES, dispatch.accept) for dispatch in dispatches]
    for number, name in enumerate(names):
        sinks[number % 2].write([alert(name)])
    until(lambda: made.waiting() == 0)
    told = [message.id.removesuffix(":soc") for sender in senders for message in sender.messages]
    assert sorted(told) == names


def test_a_sender_that_hangs_does_not_keep_the_process(made: Made) -> None:
    gate, began = threading.Event(), threading.Event()

    class Hanging(ScriptedSender):
        def send(self, message):
            began.set()
            gate.wait(30)
            return super().send(message)

    dispatch, _ = made.process(Hanging())
    dispatch.start()
    MarkingSink(made.sink, ROUTES, dispatch.accept).write([alert("a")])
    assert began.wait(10)
    begun = time.monotonic()
    assert dispatch.stop(timedelta(seconds=0.4)) == ("notify-soc",)
    assert time.monotonic() - begun < 5
    gate.set()


def test_what_goes_wrong_is_told_and_tried_again(made: Made) -> None:
    class Away(MemoryOutbox):
        away = True

        def put(self, entries):
            if self.away:
                raise ClusterUnavailable("no connection")
            return super().put(entries)

    outbox, sender = Away(), ScriptedSender()
    dispatch, watching = made.process(sender, outbox=outbox)
    MarkingSink(made.sink, ROUTES, dispatch.accept).write(
        [alert("a", **{"@timestamp": _now().isoformat(timespec="milliseconds")})]
    )
    assert watching.told == [("troubled", "keep notifications in the outbox: no connection")]
    outbox.away = False
    dispatch.flush(_now() + timedelta(seconds=10))
    assert [message.id for message in sender.messages] == ["a:soc"]


def test_a_command_that_ends_delivers_what_is_due_and_leaves_the_channel(made: Made) -> None:
    sender = ScriptedSender()
    dispatch, _ = made.process(sender)
    MarkingSink(made.sink, ROUTES, dispatch.accept).write([alert(f"a{number}") for number in range(30)])
    dispatch.flush(_now() + timedelta(seconds=10))
    assert len(sender.messages) == 30
    assert made.outbox.claim("soc", "another", _now()) is not None


def test_a_command_that_ends_begins_no_message_after_its_time(made: Made) -> None:
    clock = Clock()
    sender = ScriptedSender(clock=clock, takes=1)
    dispatch, _ = made.process(sender, clock=clock)
    MarkingSink(made.sink, ROUTES, dispatch.accept).write([alert(f"a{number}") for number in range(30)])
    dispatch.flush(minute(6.5))
    assert len(sender.messages) == 7
    assert made.waiting() == 23
    assert made.outbox.claim("soc", "another", clock()) is not None


def test_a_bug_does_not_end_the_thread(made: Made) -> None:
    class Odd(ScriptedSender):
        def send(self, message):
            raise ZeroDivisionError

    dispatch, watching = made.process(Odd())
    dispatch.start()
    MarkingSink(made.sink, ROUTES, dispatch.accept).write([alert("a")])
    until(lambda: "troubled" in watching.kinds())
    assert any(thread.name == "notify-soc" and thread.is_alive() for thread in threading.enumerate())


def threads(name: str) -> int:
    return sum(thread.name == name for thread in threading.enumerate())


def test_channels_and_routes_are_replaced_and_a_channel_that_stays_is_not_disturbed(made: Made) -> None:
    sender = ScriptedSender()
    dispatch, watching = made.process(sender)
    marking = MarkingSink(made.sink, ROUTES, dispatch.accept)
    dispatch.start()
    routes = (Route(("soc", "pager")),)
    dispatch.replace(Notifications((FAST, replace(FAST, name="pager")), routes))
    marking.replace(routes)
    assert dispatch.channels == ("soc", "pager")
    assert [one.name for one in made.hired] == ["soc", "pager"]
    assert ("serving", "soc, pager") in watching.told
    marking.write([alert("a")])
    until(lambda: len(sender.messages) == 2)
    assert {message.id for message in sender.messages} == {"a:soc", "a:pager"}


def test_a_channel_that_is_taken_away_is_left_to_others_and_what_waits_for_it_waits_on(made: Made) -> None:
    sender = ScriptedSender()
    dispatch, _ = made.process(sender)
    marking = MarkingSink(made.sink, ROUTES, dispatch.accept)
    dispatch.start()
    marking.write([alert("a")])
    until(lambda: sender.messages)
    dispatch.replace(Notifications((replace(FAST, name="pager"),), (Route(("pager",)),)))
    until(lambda: not threads("notify-soc"))
    assert made.outbox.claim("soc", "another", _now()) is not None
    marking.write([alert("b")])
    assert made.waiting() == 1
    assert [message.id for message in sender.messages] == ["a:soc"]


def test_of_a_channel_that_has_changed_one_courier_sends_at_a_time(made: Made) -> None:
    began, gate, at_once = threading.Event(), threading.Event(), []
    sending = threading.Semaphore(1)

    class Slow(ScriptedSender):
        def send(self, message):
            at_once.append(sending.acquire(blocking=False))
            began.set()
            gate.wait(30)
            sending.release()
            return super().send(message)

    sender = Slow()
    dispatch, _ = made.process(sender)
    marking = MarkingSink(made.sink, ROUTES, dispatch.accept)
    dispatch.start()
    marking.write([alert("a")])
    assert began.wait(10)
    for number in range(2, 5):  # in haste, and once without it: none of the couriers is forgotten
        told = Notifications((replace(FAST, rate=Rate(number)),) if number != 3 else (), ROUTES)
        dispatch.replace(told)
    marking.write([alert("b"), alert("c")])
    assert made.waiting() == 3
    gate.set()
    until(lambda: made.waiting() == 0)
    assert sorted(message.id for message in sender.messages) == ["a:soc", "b:soc", "c:soc"]
    assert all(at_once)
    until(lambda: threads("notify-soc") == 1)


def test_rules_that_keep_failing_are_told_by_the_new_routes(made: Made) -> None:
    sender = ScriptedSender()
    dispatch, _ = made.process(sender)
    dispatch.start()
    dispatch.replace(Notifications((FAST,), (Route(("soc",)),)))
    for at in range(5):
        dispatch.failing.executed(execution(at))
    assert made.waiting() == 0
    dispatch.replace(Notifications((FAST,), ROUTES))
    for at in range(5):
        dispatch.failing.executed(execution(at, rule_id="rule-2"))
    until(lambda: sender.messages)
    assert [message.kind for message in sender.messages] == [Kind.FAILING]
