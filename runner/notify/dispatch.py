"""The life of notifications in one process: a thread for each channel's courier, one for the upkeep."""

import threading
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime, timedelta

from runner.errors import RunnerError
from runner.execution.model import Execution
from runner.notify.courier import Courier
from runner.notify.failing import Failing
from runner.notify.model import Claim, Entry, Message, Observer, Outbox, Standing
from runner.notify.upkeep import EVERY, Upkeep
from runner.rules.model import Rule

REST_AFTER_ERROR = timedelta(seconds=15)


class Observers:
    """Several observers as one. More may come while it is told things."""

    def __init__(self, *observers: Observer) -> None:
        self._observers = observers

    def add(self, observer: Observer) -> None:
        """Tell this one too, from now on."""
        self._observers = (*self._observers, observer)

    def delivered(self, message: Message, entries: Sequence[Entry]) -> None:
        """A message has been sent."""
        for observer in self._observers:
            observer.delivered(message, entries)

    def refused(self, entry: Entry, claim: Claim) -> None:
        """An attempt has failed."""
        for observer in self._observers:
            observer.refused(entry, claim)

    def given_up(self, entries: Sequence[Entry]) -> None:
        """These are not tried any more."""
        for observer in self._observers:
            observer.given_up(entries)

    def resumed(self, claim: Claim, now: datetime) -> None:
        """A channel works again."""
        for observer in self._observers:
            observer.resumed(claim, now)

    def troubled(self, what: str, error: Exception) -> None:
        """Something else went wrong."""
        for observer in self._observers:
            observer.troubled(what, error)


class Dispatch:
    """Takes entries, and lets couriers deliver them until stopped."""

    def __init__(
        self,
        outbox: Outbox,
        couriers: Sequence[Courier],
        upkeep: Upkeep,
        failing: Failing,
        observers: Observers,
        clock: Callable[[], datetime],
        stop: threading.Event,
        close: Callable[[], None] = lambda: None,
    ) -> None:
        self.failing = failing
        self.close = close
        self.observers = observers
        self._outbox = outbox
        self._couriers = couriers
        self._upkeep = upkeep
        self._clock = clock
        self._stop = stop
        self._awake = {courier.channel.name: threading.Event() for courier in couriers}
        self._threads: list[threading.Thread] = []

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels."""
        return tuple(self._awake)

    @property
    def standing(self) -> tuple[Standing, ...]:
        """How the channels stood when the upkeep looked last."""
        return self._upkeep.standing

    def loaded(self, rules: Iterable[Rule]) -> None:
        """The rules that run from now on."""
        self.failing.loaded(rules)

    def count(self, executions: Iterable[Execution]) -> None:
        """Count the failures of executions, after what is known of their rules, for commands that end."""
        self._tried(self.failing.refresh, "read which rules keep failing")
        for execution in executions:
            self.failing.executed(execution)

    def accept(self, entries: Sequence[Entry]) -> None:
        """Put the entries of alerts that were just written. What fails here is found again by the alerts' marks."""
        try:
            self._outbox.put(entries)
        except RunnerError as error:
            self._upkeep.again()
            self.observers.troubled("keep notifications in the outbox", error)
        self._wake({entry.channel for entry in entries})

    def start(self) -> None:
        """Begin to deliver."""
        self._threads = [
            threading.Thread(target=self._deliver, args=(courier,), name=f"notify-{courier.channel.name}", daemon=True)
            for courier in self._couriers
        ]
        self._threads.append(threading.Thread(target=self._keep_up, name="notify-upkeep", daemon=True))
        for thread in self._threads:
            thread.start()

    def stop(self, timeout: timedelta) -> tuple[str, ...]:
        """End, and wait so long for what is being sent; return the threads that did not end.

        What they were sending is sent again by whoever has the channel next.
        """
        self._stop.set()
        self._wake(self._awake)
        each = timeout.total_seconds() / max(len(self._threads), 1)
        for thread in self._threads:
            thread.join(each)
        return tuple(thread.name for thread in self._threads if thread.is_alive())

    def flush(self, until: datetime) -> None:
        """Look for lost entries once, and deliver all that is due, for commands that end; no longer than `until`."""
        if not self._tried(lambda: self._upkeep.round(self._clock()) >= 0, "look after the outbox"):
            return  # the outbox is away, and each courier would wait for it in turn
        for courier in self._couriers:
            while self._clock() < until and self._tried(lambda: courier.round().more, _delivering(courier)):  # noqa: B023  # called at once
                pass
            self._tried(courier.leave, _delivering(courier))

    def _deliver(self, courier: Courier) -> None:
        def step() -> timedelta:
            done = courier.round()
            return timedelta(0) if done.more else done.rest

        self._repeat(step, _delivering(courier), self._awake[courier.channel.name])
        self._tried(courier.leave, _delivering(courier))

    def _keep_up(self) -> None:
        def step() -> timedelta:
            if self._upkeep.round(self._clock()):
                self._wake(self._awake)
            return EVERY

        self._repeat(step, "look after the outbox", self._stop)

    def _tried(self, step: Callable[[], object], what: str) -> bool:
        """Tell whether a step came to something; an error is told, and is nothing."""
        try:
            return bool(step())
        except RunnerError as error:
            self.observers.troubled(what, error)
            return False

    def _repeat(self, step: Callable[[], timedelta], what: str, awake: threading.Event) -> None:
        while not self._stop.is_set():
            try:
                rest = step()
            except Exception as error:  # noqa: BLE001  # a bug must not end the thread, and with it all notifications
                self.observers.troubled(what, error)
                rest = REST_AFTER_ERROR
            if awake.wait(rest.total_seconds()) and awake is not self._stop:
                awake.clear()

    def _wake(self, channels: Iterable[str]) -> None:
        for channel in channels:
            if channel in self._awake:
                self._awake[channel].set()


def _delivering(courier: Courier) -> str:
    return f"deliver to {courier.channel.name}"
