"""An attempt to send ends in time, whatever the other side does.

The timeouts of the libraries hold for one read of a socket, so that a server which sends a byte now and then, or a proxy
that does, is waited for without end. So each attempt has a thread of its own, and one that takes too long is left alone:
it counts as failed. What it was sending may arrive all the same, and is then sent twice, with the same id.
"""

import threading
from concurrent.futures import Future
from datetime import timedelta

from runner.notify.config import Channel
from runner.notify.model import ATTEMPT, Message, Outcome, Sender
from runner.notify.secret_urls import shown

MOST_LEFT = 4
"""Attempts of one channel that may be left alone at a time; while there are so many, no further one is begun."""


class Bounded:
    """A way to a channel on which no attempt takes longer than `longest`. Belongs to one thread."""

    def __init__(self, sender: Sender, channel: Channel, longest: timedelta = ATTEMPT) -> None:
        self._sender = sender
        self._name = shown(channel.url.get_secret_value())
        self._longest = longest.total_seconds()
        self._left: list[threading.Thread] = []

    def send(self, message: Message) -> Outcome:
        """Make one attempt, in bounded time."""
        self._left = [thread for thread in self._left if thread.is_alive()]
        if len(self._left) >= MOST_LEFT:
            return Outcome(f"{self._name}: {len(self._left)} attempts before have not ended yet")
        result: Future[Outcome] = Future()
        # A daemon: nothing can end it but the other side, and it must not keep the process.
        thread = threading.Thread(target=self._attempt, args=(message, result), name="notify-attempt", daemon=True)
        thread.start()
        thread.join(self._longest)
        if not result.done():
            self._left.append(thread)
            return Outcome(f"{self._name}: no whole answer in {self._longest:g} s")
        return result.result()

    def _attempt(self, message: Message, result: "Future[Outcome]") -> None:
        try:
            result.set_result(self._sender.send(message))
        except BaseException as error:  # noqa: BLE001  # a bug is raised where `send` was called
            result.set_exception(error)
