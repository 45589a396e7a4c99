"""When rules start: slots, the first minute, and a scheduler under load, shutdown and surprise."""

import threading
import time
from collections import Counter
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.rules.model import Schedule
from runner.schedule.scheduler import FIRST_WITHIN, HEARTBEAT, Scheduler, Timetable
from tests import made

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)
MINUTE = timedelta(minutes=1)
EVIL = made.rule()


def rule(rule_id="r-1", interval=5 * MINUTE):
    return replace(EVIL, rule_id=rule_id, schedule=Schedule(interval=interval))


class Record:
    """An observer that keeps what it is told."""

    def __init__(self):
        self.executions, self.skips, self.crashes = [], [], []

    def executed(self, execution):
        self.executions.append(execution)

    def skipped(self, rule):
        self.skips.append(rule.rule_id)

    def crashed(self, rule, error):
        self.crashes.append((rule.rule_id, str(error)))


def until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


rule_ids = st.text(min_size=1, max_size=40)
intervals = st.integers(min_value=1, max_value=86_400_000).map(lambda ms: timedelta(milliseconds=ms))
instants = st.integers(1_577_836_800_000, 1_893_456_000_000).map(lambda ms: datetime.fromtimestamp(ms / 1000, UTC))


@given(rule_ids, intervals, instants)
def test_the_next_start_is_later_and_no_further_than_one_interval(rule_id, interval, after):
    start = Timetable(after - timedelta(days=1)).next(rule(rule_id, interval), after)
    assert timedelta(0) < start - after <= interval


@given(rule_ids, intervals, instants)
def test_each_rule_starts_within_the_first_minute(rule_id, interval, started):
    first = Timetable(started).next(rule(rule_id, interval), started - timedelta.resolution)
    assert timedelta(0) <= first - started <= min(interval, FIRST_WITHIN)


@given(rule_ids, intervals, instants, instants)
def test_after_the_first_start_a_restart_changes_no_slot(rule_id, interval, one, other):
    later = max(one, other) + FIRST_WITHIN
    r = rule(rule_id, interval)
    assert Timetable(one).next(r, later) == Timetable(other).next(r, later)


@given(instants, st.integers(1, 600))
def test_what_is_due_in_two_parts_is_what_is_due_in_the_whole(started, seconds):
    rules = [rule(f"r-{n}", interval) for n, interval in enumerate((MINUTE, 5 * MINUTE, 90 * SECOND))]
    table = Timetable(started)
    cut, end = started + timedelta(seconds=seconds), started + 10 * MINUTE
    whole = list(table.due(rules, started, end))
    assert whole == [*table.due(rules, started, cut), *table.due(rules, cut, end)]
    assert whole == sorted(whole, key=lambda start: (start.instant, start.rule.rule_id))
    assert {start.rule.rule_id for start in whole} == {"r-0", "r-1", "r-2"}


def test_a_thousand_rules_do_not_start_together():
    starts = Timetable(NOON).due([rule(f"rule {n}") for n in range(1000)], NOON + 5 * MINUTE, NOON + 10 * MINUTE)
    a_second = Counter(start.instant.replace(microsecond=0) for start in starts)
    assert sum(a_second.values()) == 1000
    assert max(a_second.values()) < 20


@pytest.fixture
def scheduler():
    """Make schedulers that are stopped at the end."""
    made = []

    def make(run, *, workers=2, clock=lambda: datetime.now(UTC)):
        record = Record()
        scheduler = Scheduler(run, record, clock, workers)
        made.append(scheduler)
        return scheduler, record

    yield make
    for scheduler in made:
        if not scheduler._stopping:
            scheduler.stop(timedelta(0))


QUICK = timedelta(milliseconds=20)


def test_each_execution_reaches_the_observer_with_the_instant_of_its_start(scheduler):
    subject, record = scheduler(lambda rule, now: [(rule.rule_id, now)])
    begun = datetime.now(UTC)
    subject.start([rule("a", QUICK), rule("b", QUICK)])
    until(lambda: Counter(rule_id for rule_id, _ in record.executions) >= Counter(a=3, b=3))
    assert all(begun <= now <= datetime.now(UTC) for _, now in record.executions)
    assert subject.beat >= begun


def test_a_rule_never_runs_beside_itself_and_its_missed_starts_are_told(scheduler):
    together, most, gate = Counter(), Counter(), threading.Event()

    def run(rule, now):
        together[rule.rule_id] += 1
        most[rule.rule_id] = max(most[rule.rule_id], together[rule.rule_id])
        gate.wait(10)
        together[rule.rule_id] -= 1
        return [rule.rule_id]

    subject, record = scheduler(run, workers=4)
    subject.start([rule("slow", QUICK)])
    until(lambda: len(record.skips) >= 3)
    assert set(subject.running) == {"slow"}
    gate.set()
    until(lambda: record.executions)
    assert most == {"slow": 1}


def test_no_more_rules_run_at_once_than_there_are_workers(scheduler):
    lock, now_running, most = threading.Lock(), 0, 0

    def run(rule, now):
        nonlocal now_running, most
        with lock:
            now_running += 1
            most = max(most, now_running)
        time.sleep(0.01)
        with lock:
            now_running -= 1
        return [rule.rule_id]

    subject, record = scheduler(run, workers=2)
    subject.start([rule(f"r-{n}", QUICK) for n in range(8)])
    until(lambda: len(set(record.executions)) == 8)
    assert most == 2


def test_a_crash_is_told_and_the_rule_and_the_others_go_on(scheduler):
    def run(rule, now):
        if rule.rule_id == "bad":
            raise ZeroDivisionError("surprise")
        return [rule.rule_id]

    subject, record = scheduler(run)
    subject.start([rule("bad", QUICK), rule("good", QUICK)])
    until(lambda: len(record.crashes) >= 2 and len(record.executions) >= 2)
    assert set(record.crashes) == {("bad", "surprise")}


def test_stopping_lets_running_executions_end(scheduler):
    begun, gate = threading.Event(), threading.Event()

    def run(rule, now):
        begun.set()
        gate.wait(10)
        return [rule.rule_id]

    subject, record = scheduler(run)
    subject.start([rule("r", QUICK)])
    assert begun.wait(10)
    threading.Timer(0.05, gate.set).start()
    assert subject.stop(10 * SECOND) == ()
    assert record.executions == ["r"]


def test_stopping_abandons_what_outlasts_its_bound(scheduler):
    begun, gate = threading.Event(), threading.Event()

    def run(rule, now):
        begun.set()
        gate.wait(10)
        return []

    subject, _ = scheduler(run, workers=1)
    subject.start([rule("endless", QUICK), rule("waiting", QUICK)])
    assert begun.wait(10)
    before = time.monotonic()
    (abandoned,) = subject.stop(timedelta(milliseconds=50))
    assert time.monotonic() - before < 5
    assert abandoned in {"endless", "waiting"}
    gate.set()
    until(lambda: not subject.running)


def test_replacing_the_rules_schedules_exactly_the_new_ones(scheduler):
    subject, record = scheduler(lambda rule, now: [(rule.rule_id, rule.schedule.interval)])
    subject.start([rule("kept", QUICK), rule("gone", QUICK), rule("changed", timedelta(days=1))])
    until(lambda: {"kept", "gone"} <= {rule_id for rule_id, _ in record.executions})
    subject.replace([rule("kept", QUICK), rule("changed", 2 * QUICK), rule("new", QUICK)])
    until(lambda: not subject.running)
    record.executions.clear()
    until(lambda: {("kept", QUICK), ("changed", 2 * QUICK), ("new", QUICK)} <= set(record.executions))
    assert "gone" not in {rule_id for rule_id, _ in record.executions}


@pytest.mark.parametrize("back", [timedelta(hours=2), MINUTE], ids=str)
def test_after_the_clock_was_set_back_rules_start_anew(scheduler, back):
    ahead = back
    subject, record = scheduler(lambda rule, now: [now], clock=lambda: datetime.now(UTC) + ahead)
    subject.start([rule("r", QUICK)])
    assert subject.keep_time() is None
    ahead = timedelta(0)
    assert record.executions == []  # its starts lie where the clock stood
    assert HEARTBEAT < subject.keep_time() <= back
    assert subject.keep_time() is None
    until(lambda: len(record.executions) >= 3)
    assert subject.beat <= datetime.now(UTC)
    assert subject._beating.next_run_time <= datetime.now(UTC) + HEARTBEAT


@pytest.mark.parametrize("by", [timedelta(0), -timedelta(hours=2), 4 * SECOND], ids=str)
def test_a_clock_that_goes_forward_or_is_corrected_a_little_changes_nothing(scheduler, by):
    ahead = by
    subject, _ = scheduler(lambda rule, now: [now], clock=lambda: datetime.now(UTC) + ahead)
    subject.start([rule("r", QUICK)])
    ahead = timedelta(0)
    assert subject.keep_time() is None
