"""The life of notifications in one process: a thread for each channel's courier, one for the upkeep.

Channels may be replaced while it lives. A courier whose channel stays as it was goes on undisturbed; of a channel that has
changed the new courier begins when the one before has ended, so that at no time two of them send.
"""

import threading
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from runner.errors import RunnerError
from runner.execution.model import Execution
from runner.notify.config import Channel, Notifications
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

    def serving(self, channels: Sequence[str]) -> None:
        """These channels are delivered to from now on."""
        for observer in self._observers:
            observer.serving(channels)


@dataclass(frozen=True, slots=True)
class _Post:
    """A courier at work, and what wakes it."""

    courier: Courier
    awake: threading.Event = field(default_factory=threading.Event)

    def end(self) -> None:
        """Let the courier end after what it is sending."""
        self.courier.stop.set()
        self.awake.set()


class Dispatch:
    """Takes entries, and lets couriers deliver them until stopped. `hire` makes the courier of a channel."""

    def __init__(
        self,
        outbox: Outbox,
        hire: Callable[[Channel], Courier],
        channels: Iterable[Channel],
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
        self._hire = hire
        self._posts = {channel.name: _Post(hire(channel)) for channel in channels}
        self._upkeep = upkeep
        self._clock = clock
        self._stop = stop
        self._threads: list[threading.Thread] = []

    @property
    def channels(self) -> tuple[str, ...]:
        """The names of the channels."""
        return tuple(self._posts)

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
        for post in self._posts.values():
            self._begin(post)
        self._threads.append(_started(self._keep_up, "notify-upkeep"))

    def replace(self, told: Notifications) -> None:
        """Deliver to these channels from now on, and tell by these routes of rules that keep failing. Once started.

        What waits for a channel that is gone waits on, for whoever has it next.
        """
        before, posts = self._posts, {}
        for channel in told.channels:
            old = before.get(channel.name)
            posts[channel.name] = old if old and old.courier.channel == channel else _Post(self._hire(channel))
        self._posts = posts
        self._threads = [thread for thread in self._threads if thread.is_alive()]
        self._upkeep.replace(posts.keys())
        self.failing.replace(told.routes)
        self.observers.serving(self.channels)
        for name, post in before.items():
            if posts.get(name) is not post:
                post.end()
        for name, post in posts.items():
            if before.get(name) is not post:
                self._begin(post)

    def stop(self, timeout: timedelta) -> tuple[str, ...]:
        """End, and wait so long for what is being sent; return the threads that did not end.

        What they were sending is sent again by whoever has the channel next.
        """
        self._stop.set()
        for post in self._posts.values():
            post.end()
        each = timeout.total_seconds() / max(len(self._threads), 1)
        for thread in self._threads:
            thread.join(each)
        return tuple(thread.name for thread in self._threads if thread.is_alive())

    def flush(self, until: datetime) -> None:
        """Look for lost entries once, and deliver all that is due, for commands that end.

        At `until` or later no further message is begun; one that is being sent then may take as long as an attempt may.
        """
        if not self._tried(lambda: self._upkeep.round(self._clock()) >= 0, "look after the outbox"):
            return  # the outbox is away, and each courier would wait for it in turn
        for courier in (post.courier for post in self._posts.values()):
            while self._clock() < until and self._tried(lambda: courier.round(until).more, _delivering(courier)):  # noqa: B023  # called at once
                pass
            self._tried(courier.leave, _delivering(courier))

    def _begin(self, post: _Post) -> None:
        """Let a courier deliver, once those that had its channel before have ended."""
        name = f"notify-{post.courier.channel.name}"
        earlier = [thread for thread in self._threads if thread.name == name]

        def deliver() -> None:
            for thread in earlier:
                thread.join()
            self._deliver(post.courier, post.awake)

        self._threads.append(_started(deliver, name))

    def _deliver(self, courier: Courier, awake: threading.Event) -> None:
        def step() -> timedelta:
            done = courier.round()
            return timedelta(0) if done.more else done.rest

        self._repeat(step, _delivering(courier), awake, courier.stop)
        self._tried(courier.leave, _delivering(courier))

    def _keep_up(self) -> None:
        def step() -> timedelta:
            if self._upkeep.round(self._clock()):
                self._wake(self._posts)
            return EVERY

        self._repeat(step, "look after the outbox", self._stop, self._stop)

    def _tried(self, step: Callable[[], object], what: str) -> bool:
        """Tell whether a step came to something; an error is told, and is nothing."""
        try:
            return bool(step())
        except RunnerError as error:
            self.observers.troubled(what, error)
            return False

    def _repeat(self, step: Callable[[], timedelta], what: str, awake: threading.Event, stop: threading.Event) -> None:
        while not stop.is_set():
            try:
                rest = step()
            except Exception as error:  # noqa: BLE001  # a bug must not end the thread, and with it all notifications
                self.observers.troubled(what, error)
                rest = REST_AFTER_ERROR
            if awake.wait(rest.total_seconds()) and awake is not stop:
                awake.clear()

    def _wake(self, channels: Iterable[str]) -> None:
        for name in channels:
            if post := self._posts.get(name):
                post.awake.set()


def _started(target: Callable[[], None], name: str) -> threading.Thread:
    thread = threading.Thread(target=target, name=name, daemon=True)
    thread.start()
    return thread


def _delivering(courier: Courier) -> str:
    return f"deliver to {courier.channel.name}"
