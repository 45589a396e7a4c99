"""A sequence is found whichever of its events came in late, and nothing is found that is none."""

from dataclasses import replace
from datetime import timedelta

import pytest

from runner.errors import ClusterUnavailable
from runner.execution import late_sequences
from runner.execution.model import Fault, RunType, Swept, Verdict
from runner.schedule.windows import Window
from tests.execution.sweeping import HOUR, Bench, Source
from tests.made import event, minute, rule

AB = 'sequence by host.name with maxspan=3m [process where process.name == "a"] [process where process.name == "b"]'
ABSENT = '![process where process.name == "x"]'


def there(bench, *events):
    """Events that came in as they happened."""
    bench.source.add(event(at, name, id=f"{name}{at}") for name, at in events)


def come_late(bench, at, *events):
    """Events that come in at one time, and happened before."""
    for name, happened in events:
        bench.come_in(at, happened, name=name)


def found(bench):
    """The events of each sequence that is alerted, as names and minutes."""
    shells = [one.document for one in bench.sink.alerts if "kibana.alert.group.index" not in one.document]
    ids = [[each["id"] for each in shell["kibana.alert.ancestors"] if each["type"] == "event"] for shell in shells]
    return [" ".join(each) for each in ids]


# What is there in time, what comes in at minute 8, and how many sequences are found then.
SEQUENCES = {
    "its last event": (AB, [("a", -30)], [("b", -28)], 1),
    "its first event": (AB, [("b", -28)], [("a", -30)], 1),
    "both": (AB, [], [("a", -30), ("b", -28)], 1),
    "the last, right at the end of maxspan": (AB, [("a", -30)], [("b", -27)], 1),
    "the first, right at the end of maxspan": (AB, [("b", -27)], [("a", -30)], 1),
    "one between": (f'{AB} [process where process.name == "c"]', [("a", -30), ("c", -28)], [("b", -29)], 1),
    "one of three runs": (f"{AB} with runs=3", [("a", -30), ("b", -29), ("b", -28)], [("b", -28.5)], 1),
    "the one after a missing one": (f"sequence with maxspan=3m {ABSENT} {AB[38:]}", [("a", -30)], [("b", -28)], 1),
    "the one before a missing one": (f"{AB} {ABSENT}", [("b", -29)], [("a", -30)], 1),
    "the first, the last in the window of this run": (AB, [("b", 2)], [("a", -0.5)], 1),
    "two, far from each other": (AB, [("a", -30), ("b", -50)], [("b", -28), ("a", -51)], 2),
    "too far from the first": (AB, [("a", -30)], [("b", -26)], 0),
    "of no sequence": (AB, [("a", -30)], [("c", -28)], 0),
    "the one that must be missing": (f"{AB} {ABSENT}", [("a", -30), ("b", -29)], [("x", -28)], 0),
    "ended by until": (f'{AB} until [process where process.name == "u"]', [("a", -30), ("u", -29)], [("b", -28)], 0),
    "longer ago than sweeps look": (AB, [("a", -80)], [("b", -79)], 0),
}


@pytest.mark.parametrize(("query", "early", "tardy", "count"), SEQUENCES.values(), ids=SEQUENCES)
def test_the_late_event_is(query, early, tardy, count):
    of = rule(query)
    bench = Bench()
    there(bench, *early)
    for at in (0, 5):
        bench.run(at, of)
    before = len(found(bench))
    come_late(bench, 8, *tardy)

    standard, *sweeps = bench.run(10, of)
    bench.run(15, of)

    assert len(found(bench)) - before == count
    assert [(one.run_type, one.verdict) for one in sweeps] == [(RunType.SWEEP, Verdict.COMPLETE)]
    assert standard.verdict is Verdict.COMPLETE
    assert bench.swept(of) == Swept(minute(15))


def test_a_sequence_that_is_alerted_already_is_not_again_for_a_late_event_beside_it():
    bench, of = Bench(), rule(AB)
    there(bench, ("a", 1), ("b", 2))
    for at in (0, 5, 10):
        bench.run(at, of)
    come_late(bench, 18, ("b", 2.5), ("a", 0.5))
    bench.run(20, of)
    assert found(bench) == ["a1 b2"]


def test_what_all_came_in_time_is_left_to_the_searches_of_its_time():
    bench, of = Bench(), rule(AB)
    there(bench, ("a", -31), ("b", -30), ("a", -28.5))
    bench.run(0, of)
    come_late(bench, 4, ("b", -28))
    bench.run(5, of)
    assert found(bench) == ["a-28.5 -28-0"]


def test_what_must_be_missing_and_may_still_come_is_waited_for():
    bench, of = Bench(), rule(f"{AB.replace('3m', '20m')} {ABSENT}")
    there(bench, ("b", -3))
    for at in (0, 5):
        bench.run(at, of)
    come_late(bench, 8, ("a", -4))

    counts = []
    for at in (10, 15, 20):
        bench.run(at, of)
        counts.append(len(found(bench)))

    assert counts == [0, 0, 1]  # at 16 the twenty minutes are over


def test_what_a_sweep_has_no_room_for_waits_and_is_taken_up():
    bench, of = Bench(), rule(AB, max_signals=2)
    for number in range(5):
        there(bench, ("a", -50 + 5 * number))
    bench.run(0, of)
    come_late(bench, 4, *(("b", -49 + 5 * number) for number in range(5)))

    runs = [bench.run(at, of) for at in (5, 10, 15, 20)]

    assert [[one.created for one in run if one.run_type is RunType.SWEEP] for run in runs] == [[2], [2], [1, 0], [0]]
    assert [run[1].backlog for run in runs] == [3, 1, 0, 0]
    assert len(found(bench)) == 5
    assert bench.swept(of) == Swept(minute(20))


TROUBLE = {
    "shards failed": (Fault(Verdict.PARTIAL, "2 of 5 shards failed"), Verdict.PARTIAL),
    "the cluster was away": (ClusterUnavailable("no connection", "wait"), Verdict.FAILED),
}


@pytest.mark.parametrize(("trouble", "verdict"), TROUBLE.values(), ids=TROUBLE)
def test_without_all_late_events_the_sweep_is_made_again(trouble, verdict):
    bench, of = Bench(), rule(AB)
    there(bench, ("a", -30))
    bench.run(0, of)
    come_late(bench, 4, ("b", -28))
    bench.source.trouble = trouble
    _, swept = bench.run(5, of)
    assert (swept.verdict, bench.swept(of)) == (verdict, Swept(minute(0)))

    bench.source.trouble = None
    bench.run(10, of)

    assert found(bench) == ["a-30 -28-0"]


def test_late_events_that_are_near_each_other_are_searched_around_at_once_and_not_what_is_searched_anyway():
    bench, of = Bench(), rule(AB)
    bench.run(0, of)
    come_late(bench, 4, ("b", -60), ("b", -56), ("b", -55), ("b", -20), ("b", -5), ("b", -2))
    bench.source.asked.clear()

    bench.run(5, of)

    assert timedelta(minutes=12) < late_sequences.NEAR < timedelta(minutes=32)
    _, late, *around = bench.source.asked
    assert late == Window(minute(-4), minute(5))
    # The window of this run begins at -4, and reads back as far as maxspan.
    assert around == [Window(minute(-60), minute(-52) + timedelta(milliseconds=1)), Window(minute(-20), minute(-4))]


def test_a_day_of_late_events_is_searched_an_hour_at_a_time():
    bench, of = Bench(back=24 * HOUR), rule(AB)
    bench.run(0, of)
    for at in range(-1200, -4, 10):
        there(bench, ("a", at))
        come_late(bench, 4, ("b", at + 1))
    bench.source.asked.clear()

    bench.run(5, of)

    _, _, *around = bench.source.asked
    assert (len(around), max(window.length for window in around)) == (20, HOUR)
    assert len(found(bench)) == 100 == of.max_signals


def test_where_one_search_runs_out_of_time_no_further_range_is_searched():
    class Slow(Source):
        """Searches that are not by ingestion, and older than the windows, run out of time."""

        def search(self, rule, window, after=None):
            for page in super().search(rule, window, after):
                slow = window.end < minute(-5)
                yield replace(page, faults=(Fault(Verdict.TIMED_OUT, "timed out"),)) if slow else page

    bench, of = Bench(source=Slow()), rule(AB)
    bench.run(0, of)
    come_late(bench, 4, ("b", -60), ("b", -20))
    bench.source.asked.clear()

    _, swept = bench.run(5, of)

    assert (swept.verdict, len(bench.source.asked)) == (Verdict.TIMED_OUT, 3)
    assert bench.swept(of) == Swept(minute(0))
