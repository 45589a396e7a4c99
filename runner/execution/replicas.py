"""Several runners over the same rules, with nothing but the state index between them.

    presence    every runner says that it is alive, and sees who else is
    preference  of the live ones, a hash names one for each rule: an even spread that changes little when one goes
    lease       who executes a rule marks its state, so that no other executes it meanwhile
    fencing     a state moves only from the version that was read: who has lost his lease unawares moves nothing

A backfill takes no lease, for it is no start of the rule: what it proves beside the holder is joined to what the holder
proves (`recording`), and the lease stays with him.

A runner that dies is missed after `PRESENCE`, and its rules are taken over at their next start. If two execute one rule
all the same (one was paused, clocks differ), the alerts' ids make that harmless.
"""

import hashlib
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Protocol

from runner.execution.model import Lease, State
from runner.rules.model import Rule

PRESENCE = timedelta(seconds=60)
"""How long a runner counts as alive after it has said so; it says so every third of that."""

_TERM = 0.9  # of the interval: a lease never blocks the next start, however its holder ended
_LONGEST = 2.0  # intervals that a lease can last by a clock that differs; a longer one is of a clock that was ahead
_OVERDUE = 2.5  # intervals without a start: whoever should have executed the rule does not


class Presence(Protocol):
    """Who is alive."""

    def announce(self, runner: str, now: datetime, until: datetime) -> frozenset[str]:
        """Say that the runner is alive until then, and return all that are alive at `now`, itself included.

        Those who say so for more than `BELIEVED` beyond that do not count.
        """
        ...

    def leave(self, runner: str) -> None:
        """Say that the runner is gone."""
        ...


class Replicas:
    """One runner among its like. `name` is unique to the process; names that are reused are the same runner."""

    def __init__(self, name: str, presence: Presence) -> None:
        self.name = name
        self._presence = presence
        self._lock = threading.Lock()
        self._live = frozenset({name})
        self._announced: datetime | None = None
        self._joined: datetime | None = None
        self._declined: dict[str, tuple[str, datetime]] = {}

    def announce(self, now: datetime) -> frozenset[str]:
        """Return the runners alive, asking anew when a third of `PRESENCE` has passed. Raises RunnerError."""
        with self._lock:
            if self._announced is None or not timedelta(0) <= now - self._announced < PRESENCE / 3:
                self._live = self._presence.announce(self.name, now, now + PRESENCE)
                if self._announced is None and len(self._live) > 1:
                    # The others do not know of us yet: let them see us before we take rules from them.
                    self._joined = now
                self._announced = now
            return self._live

    def leave(self) -> None:
        """Tell the others that this runner ends. Raises RunnerError."""
        self._presence.leave(self.name)

    def may_run(self, rule: Rule, state: State, now: datetime) -> bool:
        """Tell whether this runner is to execute the rule now. Raises RunnerError."""
        live = self.announce(now)
        if live == {self.name}:
            return True
        lease, longest = state.lease, rule.schedule.interval * _LONGEST
        leased = lease is not None and lease.owner in live - {self.name} and now < lease.until <= now + longest
        if leased:
            return False
        if self._joined is not None and timedelta(0) <= now - self._joined < PRESENCE / 3:
            return False
        return preferred(rule.rule_id, live) == self.name or self._overdue(rule, state, now)

    def leads(self, task: str) -> bool:
        """Tell whether this runner is the one that does a task for all, as far as it knows who is alive."""
        with self._lock:
            return preferred(task, self._live) == self.name

    def leased(self, state: State, rule: Rule, now: datetime) -> State:
        """Return the state as it is while this runner executes the rule; without others it needs no lease."""
        if self._live == {self.name}:
            return state
        return replace(state, lease=Lease(self.name, now + rule.schedule.interval * _TERM))

    def _overdue(self, rule: Rule, state: State, now: datetime) -> bool:
        """Tell whether the rule is not executed by whoever it is left to: a runner may live and not have it.

        Where no execution tells since when, for there is none yet or its clock was ahead, it is since this runner first
        left the rule to another.
        """
        last = state.last
        with self._lock:
            if last is not None and last.started <= now:
                self._declined.pop(rule.rule_id, None)
                since = last.started
            else:
                seen = last.id if last is not None else ""
                known, since = self._declined.get(rule.rule_id, ("", now))
                if known != seen or since > now:
                    since = now
                self._declined[rule.rule_id] = (seen, since)
        return now - since > rule.schedule.interval * _OVERDUE


def preferred(rule_id: str, live: frozenset[str]) -> str:
    """Return the runner that a rule prefers: the one with the highest hash (rendezvous hashing)."""
    return max(live, key=lambda name: hashlib.sha256(f"{name}\0{rule_id}".encode()).digest())
