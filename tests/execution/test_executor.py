"""The walk: what is searched, matched, alerted and recorded, and what is claimed when something fails."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runner.errors import ClusterUnavailable
from runner.execution.executor import Executor
from runner.execution.model import Fault, RunType, Verdict
from runner.offline.memory import MemoryLedger, MemorySink, MemorySource
from runner.schedule.windows import Window
from tests.made import RefusingSink, event, iso, minute, rule

SEQUENCE = (
    'sequence by host.name with maxspan=3m [process where process.name == "a"] [process where process.name == "b"]'
)


class Bench:
    """An executor over memory, with its three ports at hand."""

    def __init__(self, events=(), *, source=None, sink=None, ledger=None, page_size=1000):
        self.source = source or MemorySource(events, page_size=page_size)
        self.sink = sink or MemorySink()
        self.ledger = ledger or MemoryLedger()
        self.executor = Executor(self.source, self.sink, self.ledger)

    def run(self, at, by=None):
        return self.executor.run(by or rule(), minute(at))

    def alerted(self):
        return [alert.document["kibana.alert.ancestors"][0]["id"] for alert in self.sink.alerts]

    def coverage(self, of=None):
        return self.ledger.read(of or rule()).coverage


def test_matches_become_alerts_oldest_first_and_the_window_is_covered():
    bench = Bench([event(-1), event(-3), event(-2, "good"), event(-20)])

    (execution,) = bench.run(0)

    assert bench.alerted() == ["evil--3", "evil--1"]
    assert (execution.verdict, execution.candidates, execution.matched, execution.created) == (
        Verdict.COMPLETE,
        3,
        2,
        2,
    )
    assert bench.coverage().covered == (Window(minute(-9), minute(0)),)


def test_an_overlapping_run_adds_nothing():
    bench = Bench([event(-1)])
    bench.run(0)

    (execution,) = bench.run(5)

    assert bench.alerted() == ["evil--1"]
    assert (execution.created, execution.duplicates) == (0, 1)


def test_a_late_event_is_found_by_the_overlap():
    bench = Bench([event(-1)])
    bench.run(0)
    bench.source.add([event(-3)])

    bench.run(5)

    assert bench.alerted() == ["evil--1", "evil--3"]


def test_an_event_counts_by_its_timestamp_override_where_it_has_one():
    ingested = rule(timestamp_override="event.ingested")
    late = event(-60, id="late")
    late.source["event"]["ingested"] = late.source["@timestamp"].replace("11:00", "11:58")
    bench = Bench([late, event(-1, id="without the override")])

    bench.run(0, ingested)

    assert bench.alerted() == ["late", "without the override"]


@pytest.mark.parametrize("page_size", [1, 7, 100, 1000])
def test_the_cap_cuts_a_window_and_the_rest_follows_in_the_next_runs(page_size):
    events = [event(-8 + n / 100, id=f"{n:03}") for n in range(250)]
    bench = Bench(events, page_size=page_size)

    runs = [bench.run(at) for at in (0, 5, 10, 15)]

    created = [sum(execution.created for execution in run) for run in runs]
    assert created == [100, 100, 50, 0]
    assert bench.alerted() == [f"{n:03}" for n in range(250)]
    assert runs[0][0].verdict is Verdict.TRUNCATED
    assert runs[0][0].backlog == 150
    assert bench.coverage().backlog == ()
    assert bench.coverage().covered == (Window(minute(-9), minute(15)),)


@pytest.mark.parametrize("page_size", [3, 1000])
def test_the_cap_leaves_no_event_behind_one_without_a_timestamp(page_size):
    by_ingestion = rule(timestamp_override="ingested", max_signals=3)
    undated = [event(0, id=f"undated {n}", **{"@timestamp": None}, ingested=iso(minute(-8))) for n in range(8)]
    dated = [event(-60, id=f"dated {n}", ingested=iso(minute(-8))) for n in range(4)]
    bench = Bench(undated + dated, page_size=page_size)

    for at in (0, 5, 10, 15):
        bench.run(at, by_ingestion)

    assert sorted(bench.alerted()) == sorted(one.id for one in undated + dated)
    assert bench.coverage(by_ingestion).backlog == ()


def test_fresh_matches_are_not_delayed_by_the_backlog():
    bench = Bench([event(-8 + n / 1000, id=f"old {n:03}") for n in range(300)])
    bench.run(0)
    bench.source.add([event(4, id="fresh")])

    standard, backlog = bench.run(5)

    assert standard.run_type is RunType.STANDARD
    assert backlog.run_type is RunType.BACKLOG
    assert bench.alerted()[100] == "fresh"
    assert standard.created + backlog.created == 100


def test_duplicates_do_not_use_up_the_cap():
    bench = Bench([event(-8 + n / 100, id=f"{n:03}") for n in range(100)])
    bench.run(0)
    bench.source.add([event(-1, id="new")])

    bench.run(1)

    assert "new" in bench.alerted()


def test_a_rule_that_matches_everything_stops_reading_when_the_backlog_is_large_enough_to_know():
    bench = Bench([event(-8, id=f"{n}") for n in range(5000)], page_size=100)

    (execution,) = bench.run(0)

    assert execution.created == 100
    assert 1000 <= execution.backlog < 1200


def test_downtime_is_caught_up():
    bench = Bench([event(-1)])
    bench.run(0)
    bench.source.add([event(30), event(55)])

    executions = bench.run(60)

    assert [execution.run_type for execution in executions] == [RunType.STANDARD, RunType.CATCH_UP]
    assert bench.alerted() == ["evil--1", "evil-55", "evil-30"]
    assert bench.coverage().covered == (Window(minute(-9), minute(60)),)


def test_what_is_too_old_to_catch_up_is_a_gap():
    bench = Bench()
    bench.run(0)

    bench.run(60 * 30)

    # The day's catch-up begins a look-back earlier, so four minutes less are given up.
    assert bench.coverage().gaps == (Window(minute(0), minute(60 * 6 - 4)),)


class Source(MemorySource):
    """A memory source whose answers carry a fault, or fail, while `trouble` is set."""

    trouble = None

    def search(self, rule, window, after=None):
        for page in super().search(rule, window, after):
            if isinstance(self.trouble, Exception):
                raise self.trouble
            yield replace(page, faults=(self.trouble,)) if self.trouble else page


@pytest.mark.parametrize(
    ("trouble", "verdict"),
    [
        pytest.param(Fault(Verdict.PARTIAL, "2 of 5 shards failed"), Verdict.PARTIAL, id="shards failed"),
        pytest.param(Fault(Verdict.TIMED_OUT, "timed out"), Verdict.TIMED_OUT, id="the search timed out"),
        pytest.param(ClusterUnavailable("no connection", "wait"), Verdict.FAILED, id="the cluster is away"),
    ],
)
def test_a_search_that_is_not_whole_covers_nothing_and_is_repeated(trouble, verdict):
    bench = Bench(source=Source([event(-1)]))
    bench.source.trouble = trouble

    (execution,) = bench.run(0)

    assert execution.verdict is verdict
    assert bench.coverage().covered == ()
    assert execution.faults or execution.failure

    bench.source.trouble = None
    bench.run(60)

    assert bench.alerted() == ["evil--1"]
    assert bench.coverage().covered == (Window(minute(-9), minute(60)),)


def test_a_rejected_alert_is_not_forgotten():
    bench = Bench([event(-1)], sink=RefusingSink())

    (execution,) = bench.run(0)

    assert (execution.verdict, execution.rejected) == (Verdict.PARTIAL, 1)
    assert "disk full" in execution.faults[0]

    bench.sink.refuse = False
    bench.run(60)

    assert bench.alerted() == ["evil--1"]


def test_a_crash_between_alerts_and_ledger_repeats_the_window_and_nothing_else():
    class Crashing(MemoryLedger):
        crash = True

        def record(self, execution, state):
            if self.crash:
                raise KeyboardInterrupt
            return super().record(execution, state)

    bench = Bench([event(-8 + n / 100, id=f"{n:03}") for n in range(150)], ledger=Crashing())
    with pytest.raises(KeyboardInterrupt):
        bench.run(0)
    bench.ledger.crash = False

    bench.run(1)
    bench.run(6)

    assert bench.alerted() == [f"{n:03}" for n in range(150)]


def test_a_crash_in_the_very_first_search_is_caught_up():
    class Deadly(MemorySource):
        deadly = True

        def search(self, rule, window, after=None):
            if self.deadly:
                raise KeyboardInterrupt
            yield from super().search(rule, window, after)

    bench = Bench(source=Deadly([event(-8)]))
    with pytest.raises(KeyboardInterrupt):
        bench.run(0)
    bench.source.deadly = False

    bench.run(60)

    assert bench.alerted() == ["evil--8"]


def test_a_ledger_that_cannot_be_read_is_a_failure_and_nothing_is_searched():
    class Away(MemoryLedger):
        def read(self, rule):
            raise ClusterUnavailable("no connection to the cluster", "check the URL")

    bench = Bench([event(-1)], ledger=Away())

    (execution,) = bench.run(0)

    assert (execution.verdict, execution.failure.hint) == (Verdict.FAILED, "check the URL")
    assert bench.alerted() == []


def test_a_sequence_that_began_before_the_window_is_found_and_one_that_ended_before_is_not():
    events = [event(-30, "a"), event(-29, "b"), event(-10, "a"), event(-8, "b")]
    by = rule(SEQUENCE)
    bench = Bench(events)

    (execution,) = bench.run(0, by)

    assert execution.matched == 1
    shell = bench.sink.alerts[-1].document
    assert [ancestor["id"] for ancestor in shell["kibana.alert.ancestors"] if ancestor["type"] == "event"] == [
        "a--10",
        "b--8",
    ]


ABSENCE = (
    'sequence by host.name with maxspan=20m [process where process.name == "a"] ![process where process.name == "b"]'
)


def test_what_has_to_be_missing_last_is_alerted_when_it_is_missing_for_certain_and_once():
    bench = Bench([event(-2, "a")])
    by = rule(ABSENCE)

    found = [sum(execution.matched for execution in bench.run(at, by)) for at in range(0, 35, 5)]

    # Certain at 18: the run at 20 is the first whose window holds it, the run at 25 still looks back to it.
    assert found == [0, 0, 0, 0, 1, 1, 0]
    assert sum("kibana.alert.group.index" not in alert.document for alert in bench.sink.alerts) == 1


def test_what_comes_after_all_is_no_alert():
    bench = Bench([event(-2, "a")])
    by = rule(ABSENCE)
    bench.run(0, by)
    bench.source.add([event(15, "b")])

    assert not any(execution.matched for at in (20, 25, 30) for execution in bench.run(at, by))


def test_a_backfill_goes_on_until_the_cap_cuts_no_more_and_adds_nothing_twice():
    bench = Bench([event(-600 + n / 10, id=f"{n:03}") for n in range(250)])
    window = Window(minute(-610), minute(-500))

    executions = list(bench.executor.backfill(rule(), [window], minute(0)))
    again = list(bench.executor.backfill(rule(), [window], minute(1)))

    assert [execution.created for execution in executions] == [100, 100, 50]
    assert [execution.created for execution in again] == [0]
    assert bench.coverage().covered == (window,)


def test_an_edited_query_goes_on_where_the_old_one_had_its_first_open_end():
    bench = Bench([event(2, "other")])
    bench.run(0)

    edited = rule('process where process.name in ("evil", "other")')
    bench.run(30, edited)

    assert bench.alerted() == ["other-2"]
    assert bench.coverage(edited).since == minute(0)


@pytest.mark.parametrize("by", ["rule-1", "rule-2"])
def test_a_rule_that_reads_alerts_does_not_alert_on_its_own(by):
    ancestors = [{"id": "e", "type": "event", "index": "logs", "depth": 0}]
    made = {"kibana.alert.uuid": "x", "kibana.alert.rule.uuid": by, "kibana.alert.ancestors": ancestors}
    bench = Bench([event(-1, **made)])

    bench.run(0)

    assert len(bench.sink.alerts) == (by != "rule-1")


def test_executions_are_recorded_in_their_order():
    bench = Bench()

    done = bench.run(0) + bench.run(60)

    assert bench.ledger.executions == done
    assert all(execution.duration >= 0 for execution in done)
    assert done[0].window.length == timedelta(minutes=9)
