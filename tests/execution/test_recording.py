"""Who moves a state that another has moved meanwhile joins what he has proven to it, or claims nothing."""

from dataclasses import replace

import pytest

from runner.execution.executor import Executor
from runner.execution.model import Backlog, Coverage, Lease, RunType, Swept, Verdict
from runner.execution.replicas import Replicas, preferred
from runner.offline.memory import MemoryLedger, MemoryPresence, MemorySink, MemorySource
from runner.schedule.plan import Limits
from runner.schedule.windows import Window
from tests.execution.sweeping import HOUR
from tests.made import event, minute, rule

MINE = next(
    made
    for made in (rule(rule_id=f"rule-{number}") for number in range(40))
    if preferred(made.rule_id, frozenset({"a", "b"})) == "a"
)


class Busy(MemorySource):
    """A source during whose next search something else happens."""

    def __init__(self, events=()):
        super().__init__(events)
        self.meanwhile = []

    def search(self, rule, window, after=None):
        yield from super().search(rule, window, after)
        if self.meanwhile:
            self.meanwhile.pop(0)()


class Bench:
    """Runner `a`, which holds leases, for `b` is alive; a rule that it prefers; and the ledger of both."""

    def __init__(self, events=(), late_sweep=None):
        self.source, self.sink, self.ledger = Busy(events), MemorySink(), MemoryLedger()
        self.presence = MemoryPresence()
        self.replicas = Replicas("a", self.presence)
        limits = Limits(late_sweep=late_sweep)
        self.executor = Executor(self.source, self.sink, self.ledger, replicas=self.replicas, limits=limits)
        self.beside = Executor(self.source, self.sink, self.ledger)
        self.announce(-5)

    def announce(self, at):
        self.replicas.announce(minute(at))
        self.presence.announce("b", minute(at), minute(at + 50))

    def run(self, at):
        return self.executor.run(MINE, minute(at))

    def backfill(self, start, end, at):
        return list(self.beside.backfill(MINE, [Window(minute(start), minute(end))], minute(at)))

    def read(self):
        return self.ledger.read(MINE)

    def move(self, **changes):
        return lambda: self.ledger.move(replace(self.read(), **changes))


def test_a_backfill_and_a_run_at_once_prove_both_what_they_have_searched():
    bench = Bench([event(-40), event(3)])
    bench.run(0)
    bench.source.meanwhile = [lambda: bench.backfill(-60, -30, 5)]

    (run,) = bench.run(5)

    bench.source.meanwhile = [lambda: bench.run(10)]
    (backfilled,) = bench.backfill(-30, -20, 10)

    assert (run.verdict, backfilled.verdict) == (Verdict.COMPLETE, Verdict.COMPLETE)
    assert bench.read().coverage.covered == (Window(minute(-60), minute(-20)), Window(minute(-9), minute(10)))
    assert len(bench.sink.alerts) == 2
    assert bench.read().lease.owner == "a"


@pytest.mark.parametrize("moves", [1, 3])
def test_a_run_begins_although_a_backfill_moves_the_state_before_it_has_the_lease(moves):
    class Moved(MemoryLedger):
        moves = 0

        def move(self, state):
            if self.moves and state.lease is not None:
                self.moves -= 1
                super().move(replace(self.read(MINE)))
            return super().move(state)

    bench = Bench()
    bench.ledger = Moved()
    bench.executor = Executor(bench.source, bench.sink, bench.ledger, replicas=bench.replicas)
    bench.ledger.moves = moves

    assert [execution.verdict for execution in bench.run(0)] == [Verdict.COMPLETE]


LOST = {
    "another has the lease by now": lambda bench: bench.move(lease=Lease("b", minute(9))),
    "it goes by another query": lambda bench: bench.move(coverage=Coverage("other", since=minute(0))),
}


@pytest.mark.parametrize("lost", LOST.values(), ids=LOST)
def test_who_has_lost_the_rule_unawares_claims_nothing(lost):
    bench = Bench([event(3)])
    bench.run(0)
    bench.source.meanwhile = [lost(bench)]

    (execution,) = bench.run(5)

    assert (execution.verdict, execution.failure.kind) == (Verdict.FAILED, "StateConflict")
    assert bench.read().coverage.until in {minute(0), None}
    assert len(bench.sink.alerts) == 1
    assert bench.ledger.executions[-1].id == execution.id


def test_a_state_that_never_stands_still_is_given_up():
    class Restless(MemoryLedger):
        def move(self, state):
            super().move(self.read(MINE))
            return super().move(state)

    bench = Bench()
    bench.ledger = Restless()
    bench.beside = Executor(bench.source, bench.sink, bench.ledger)
    bench.source.meanwhile = [lambda: MemoryLedger.move(bench.ledger, bench.read())]

    (execution,) = bench.backfill(-60, -30, 0)

    assert (execution.verdict, execution.failure.kind) == (Verdict.FAILED, "StateConflict")


def test_what_waits_since_a_search_began_is_not_covered_by_it():
    bench = Bench()
    bench.run(0)
    waiting = Backlog(Window(minute(-2), minute(2)), minute(1), 7)
    covered = (Window(minute(-9), minute(-2)),)
    bench.source.meanwhile = [bench.move(coverage=replace(bench.read().coverage, covered=covered, backlog=(waiting,)))]

    bench.run(5)

    assert bench.read().coverage.backlog == (waiting,)


def test_the_cut_of_a_backfill_is_not_forgotten_between_its_passes():
    bench = Bench([event(-50 + n / 100, id=f"{n:03}") for n in range(150)])
    bench.run(0)
    earlier = Backlog(Window(minute(-60), minute(-30)), minute(-55), 3)
    passes = bench.beside.backfill(MINE, [Window(minute(-60), minute(-30))], minute(1))
    next(passes)
    bench.move(coverage=replace(bench.read().coverage, backlog=(earlier,)))()

    list(passes)

    assert bench.read().coverage.backlog == (earlier,)


def test_of_two_that_sweep_none_claims_what_the_other_has_not_swept():
    bench = Bench(late_sweep=HOUR)
    bench.run(0)
    rest = Swept(minute(5), Backlog(Window(minute(-64), minute(-4)), minute(-30), 7, Window(minute(-4), minute(5))))
    bench.source.meanwhile = [lambda: None, bench.move(swept=rest)]

    standard, swept = bench.run(5)

    assert (standard.run_type, swept.run_type) == (RunType.STANDARD, RunType.SWEEP)
    assert bench.read().swept == rest
