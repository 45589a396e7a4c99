"""The sweep finds what came in after its range was searched, claims nothing by it, and loses nothing to the cap."""

from datetime import timedelta

import pytest

from runner.execution.executor import Executor
from runner.execution.model import RunType, Verdict
from runner.offline.memory import MemoryLedger, MemorySink, MemorySource
from runner.schedule.plan import Limits
from tests.made import event, iso, minute, rule


class Bench:
    def __init__(self, back=timedelta(hours=1)):
        self.source, self.sink, self.ledger = MemorySource(), MemorySink(), MemoryLedger()
        self.executor = Executor(self.source, self.sink, self.ledger, limits=Limits(late_sweep=back))

    def come_in(self, at, happened, number=0):
        """An event that comes in now, and happened before."""
        made = event(happened, id=f"{happened}-{number}")
        made.source["event"]["ingested"] = iso(minute(at))
        self.source.add([made])

    def run(self, at, by=None):
        return self.executor.run(by or rule(), minute(at))


def test_an_event_later_than_the_look_back_is_found_by_its_ingestion():
    bench = Bench()
    bench.run(0)
    bench.run(5)
    bench.come_in(8, happened=-3)

    standard, swept = bench.run(10)

    assert (standard.run_type, standard.created) == (RunType.STANDARD, 0)
    assert (swept.run_type, swept.created, swept.window.start, swept.window.end) == (
        RunType.SWEEP,
        1,
        minute(1 - 60),
        minute(1),
    )
    assert [alert.document["eql_runner.run_type"] for alert in bench.sink.alerts] == ["sweep"]


def test_a_sweep_adds_nothing_twice_and_does_not_touch_the_coverage():
    swept, plain = Bench(), Bench(back=None)
    for bench in (swept, plain):
        for at in (0, 5, 10, 15):
            bench.come_in(at - 1, happened=at - 2)
            bench.come_in(at - 1, happened=at - 20, number=at)
            bench.run(at)
    assert swept.ledger.read(rule()).coverage == plain.ledger.read(rule()).coverage
    assert swept.ledger.read(rule()).last.run_type is RunType.STANDARD
    assert (len(swept.sink.alerts), len(plain.sink.alerts)) == (8, 4)


def test_what_a_sweep_has_no_room_for_is_backlog_and_drains():
    bench = Bench()
    capped = rule(max_signals=10)
    bench.run(0, capped)
    for number in range(25):
        bench.come_in(4, happened=-30, number=number)

    _, swept = bench.run(5, capped)

    assert (swept.verdict, swept.created, swept.backlog) == (Verdict.TRUNCATED, 10, 15)
    for at in (10, 15):
        assert sum(execution.created for execution in bench.run(at, capped)) <= 10
    assert len(bench.sink.alerts) == 25
    assert bench.ledger.read(capped).coverage.backlog == ()


SEQUENCE = "sequence with maxspan=1m [any where true] [any where true]"
NOT_SWEPT = {
    "by ingestion already": rule(timestamp_override="event.ingested"),
    "a sequence": rule(SEQUENCE),
}


@pytest.mark.parametrize("of", NOT_SWEPT.values(), ids=NOT_SWEPT)
def test_some_rules_are_not_swept(of):
    bench = Bench()
    bench.run(0, of)
    assert [execution.run_type for execution in bench.run(5, of)] == [RunType.STANDARD]


def test_behind_a_window_that_is_not_complete_nothing_is_swept():
    bench = Bench()
    capped = rule(max_signals=1)
    bench.run(0, capped)
    for number in range(3):
        bench.come_in(4, happened=3, number=number)
    assert [execution.run_type for execution in bench.run(5, capped)] == [RunType.STANDARD]


def test_an_event_of_the_future_is_found_once_its_time_has_come():
    bench = Bench(back=None)
    bench.run(0)
    bench.come_in(1, happened=60)
    found = {at: sum(execution.created for execution in bench.run(at)) for at in range(5, 75, 5)}
    assert [at for at, created in found.items() if created] == [65]


def test_a_range_that_is_given_up_is_in_the_history_with_the_run_that_gave_it_up():
    bench = Bench(back=None)
    bench.run(0)
    standard, *_ = bench.run(60 * 30)
    assert [(gap.start, gap.end) for gap in standard.gaps] == [(minute(0), minute(60 * 6))]
    (record,) = [execution for execution in bench.ledger.executions if execution.gaps]
    assert record == standard
    assert all(not execution.gaps for execution in bench.run(60 * 30 + 5))


def test_a_changed_query_is_told_once_with_where_its_coverage_begins():
    bench = Bench(back=None)
    bench.run(0)
    other = rule("process where true")
    notes = [[note for execution in bench.run(at, other) for note in execution.notes] for at in (5, 10)]
    assert notes == [[f"what the rule finds has changed: a new line of coverage begins at {minute(0).isoformat()}"], []]
