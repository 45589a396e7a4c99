"""Several runners over the same rules."""

from dataclasses import replace

import pytest

from runner.execution.executor import Executor
from runner.execution.model import Lease
from runner.execution.replicas import Replicas, preferred
from runner.offline.memory import MemoryLedger, MemoryPresence, MemorySink, MemorySource
from tests.made import event, minute, rule

RULES = [rule(rule_id=f"rule-{number}") for number in range(40)]


class Fleet:
    """Runners over one memory; each rule starts in each of them at every five minutes, as the timetable has it."""

    def __init__(self, *names):
        self.source, self.sink, self.ledger = MemorySource(), MemorySink(), MemoryLedger()
        self.presence = MemoryPresence()
        self.executors, self.replicas = {}, {}
        self.now = 0.0
        for name in names:
            self.join(name)

    def join(self, name):
        self.replicas[name] = Replicas(name, self.presence)
        self.executors[name] = Executor(self.source, self.sink, self.ledger, replicas=self.replicas[name])

    def die(self, name):
        del self.executors[name], self.replicas[name]

    def wait_until(self, at):
        """Let the time pass, in which every runner says now and then that it is alive."""
        while self.now < at:
            self.now = min(self.now + 0.25, at)
            for replicas in self.replicas.values():
                replicas.announce(minute(self.now))

    def start(self, at):
        """Start all rules; return how many each runner executed."""
        self.wait_until(at)
        ran = dict.fromkeys(self.executors, 0)
        for made in RULES:
            runs = {name: executor.run(made, minute(at)) for name, executor in self.executors.items()}
            assert sum(bool(done) for done in runs.values()) <= 1, "two runners executed one rule at one start"
            for name, done in runs.items():
                ran[name] += bool(done)
        return ran

    def minutes(self, *ats):
        return [self.start(at) for at in ats]


def test_one_runner_runs_all_and_needs_no_lease():
    fleet = Fleet("a")

    assert fleet.start(0) == {"a": 40}
    assert fleet.ledger.read(RULES[0]).lease is None


def test_runners_share_the_rules_evenly():
    fleet = Fleet("a", "b")

    ran = fleet.minutes(0, 5, 10)[-1]

    assert ran["a"] + ran["b"] == 40
    assert min(ran.values()) >= 12


def test_a_newcomer_takes_its_share():
    fleet = Fleet("a")
    fleet.start(0)
    fleet.join("b")

    assert sum(fleet.start(5).values()) == 40
    assert min(fleet.start(10).values()) >= 12


def test_a_dead_runner_is_taken_over_at_the_next_start():
    fleet = Fleet("a", "b")
    fleet.minutes(0, 5)
    fleet.die("a")

    assert fleet.start(10) == {"b": 40}


def test_a_rule_that_another_executes_is_left_to_it():
    fleet = Fleet("a", "b")
    fleet.minutes(0, 5)
    mine = next(made for made in RULES if preferred(made.rule_id, frozenset({"a", "b"})) == "a")
    state = fleet.ledger.read(mine)
    fleet.ledger.move(replace(state, lease=Lease("b", minute(12))))

    fleet.wait_until(10)
    assert fleet.executors["a"].run(mine, minute(10)) == ()
    fleet.wait_until(12.5)
    assert fleet.executors["a"].run(mine, minute(12.5)) != ()


def test_a_rule_that_its_runner_does_not_start_is_helped():
    fleet = Fleet("a", "b")
    fleet.minutes(0, 5)
    mine = next(made for made in RULES if preferred(made.rule_id, frozenset({"a", "b"})) == "a")

    started = []
    for at in (10, 15, 20):
        fleet.wait_until(at)
        if fleet.executors["b"].run(mine, minute(at)):
            started.append(at)

    assert started == [20]


def test_a_new_rule_that_its_runner_does_not_have_is_helped():
    fleet = Fleet("a", "b")
    mine = next(made for made in RULES if preferred(made.rule_id, frozenset({"a", "b"})) == "a")

    started = []
    for at in range(5, 45, 5):
        fleet.wait_until(at)
        if fleet.executors["b"].run(mine, minute(at)):
            started.append(at)

    assert started == [20, 35]


def ahead(fleet, mine, **changes):
    """Have the rule executed by a clock that is a month ahead, and its state changed."""
    month = 30 * 24 * 60
    paused = Executor(fleet.source, fleet.sink, fleet.ledger, replicas=Replicas("c", MemoryPresence()))
    paused.run(mine, minute(month))
    fleet.ledger.move(replace(fleet.ledger.read(mine), **changes))


def test_a_lease_of_a_clock_that_was_ahead_holds_nobody_up():
    fleet = Fleet("a", "b")
    mine = next(made for made in RULES if preferred(made.rule_id, frozenset({"a", "b"})) == "a")
    ahead(fleet, mine, lease=Lease("b", minute(30 * 24 * 60)))

    fleet.wait_until(5)

    assert fleet.executors["a"].run(mine, minute(5)) != ()


def test_a_rule_last_executed_by_a_clock_that_was_ahead_is_helped():
    fleet = Fleet("a", "b")
    mine = next(made for made in RULES if preferred(made.rule_id, frozenset({"a", "b"})) == "a")
    ahead(fleet, mine)

    started = []
    for at in range(5, 45, 5):
        fleet.wait_until(at)
        if fleet.executors["b"].run(mine, minute(at)):
            started.append(at)

    assert started == [20, 35]


def test_a_newcomer_takes_its_share_although_all_clocks_are_set_back():
    fleet = Fleet("a")
    fleet.wait_until(600)
    fleet.join("b")
    fleet.replicas["b"].announce(minute(600))
    fleet.now = 0

    assert min(fleet.start(5).values()) >= 12


def test_two_at_once_through_a_pause_alert_once():
    fleet = Fleet("a")
    fleet.source.add([event(-1)])
    paused = Executor(fleet.source, fleet.sink, fleet.ledger, replicas=Replicas("b", MemoryPresence()))

    fleet.executors["a"].run(RULES[0], minute(0))
    paused.run(RULES[0], minute(0))

    assert len(fleet.sink.alerts) == 1


@pytest.mark.parametrize("gone", ["a", "b", "c"])
def test_when_one_goes_only_its_rules_move(gone):
    everyone = frozenset({"a", "b", "c"})
    for made in RULES:
        before = preferred(made.rule_id, everyone)
        if before != gone:
            assert preferred(made.rule_id, everyone - {gone}) == before
