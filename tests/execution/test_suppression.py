"""Suppression: what groups, which alert absorbs, and that every match counts exactly once whatever happens."""

from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.errors import ClusterUnavailable
from runner.execution import suppression
from runner.execution.absorbing import Absorber, Group
from runner.execution.executor import Executor
from runner.execution.model import Hit, Match, RunType, Verdict
from runner.execution.rehearsal import Rehearsal
from runner.execution.suppression import Candidate, sort_out
from runner.offline.memory import MemoryLedger, MemorySink, MemorySource
from runner.rules.model import Suppression
from runner.schedule.windows import Window
from tests.made import RefusingSink, event, iso, minute, rule

BY_HOST = Suppression(("host.name",))
AN_HOUR = Suppression(("host.name",), timedelta(hours=1))
SEQUENCE = (
    'sequence by host.name with maxspan=3m [process where process.name == "a"] [process where process.name == "b"]'
)


def on(host, at, **more):
    """An event of the host, named by it and its minute."""
    return event(at, id=f"{host}{at}", host={"name": host} if host else {}, **more)


class Bench:
    """An executor over memory that runs one rule with suppression."""

    def __init__(self, events=(), suppressing=AN_HOUR, *, sink=None, page_size=1000, **fields):
        self.rule = rule(suppression=suppressing, **fields)
        self.source = MemorySource(events, page_size=page_size)
        self.sink = sink or MemorySink()
        self.ledger = MemoryLedger()
        self.executor = Executor(self.source, self.sink, self.ledger)

    def run(self, at):
        return self.executor.run(self.rule, minute(at))

    def told(self):
        """Each alert by its own event → how many more it stands for."""
        return {name_of(alert): count_of(alert) for alert in self.sink.alerts}

    def once_each(self):
        """Every match of the source is an alert or absorbed by one, and no match is both, or twice."""
        alerts = [alert.id for alert in self.sink.alerts]
        absorbed = [one.id for one in self.sink.absorbed]
        assert not set(alerts) & set(absorbed)
        assert sum(count_of(alert) + 1 for alert in self.sink.alerts) == len(alerts) + len(absorbed)
        return len(alerts) + len(absorbed)


def name_of(alert):
    return alert.document["kibana.alert.ancestors"][0]["id"]


def count_of(alert):
    return alert.document["kibana.alert.suppression.docs_count"]


def test_matches_of_one_group_become_one_alert_that_counts_the_others():
    bench = Bench([on("a", -8), on("b", -7), on("a", -6), on("a", -5)])

    (execution,) = bench.run(0)

    assert bench.told() == {"a-8": 2, "b-7": 0}
    assert (execution.created, execution.suppressed, execution.matched) == (2, 2, 4)
    assert execution.verdict is Verdict.COMPLETE
    (alert, _) = bench.sink.alerts
    assert alert.document["kibana.alert.suppression.terms"] == [{"field": "host.name", "value": ["a"]}]
    assert alert.document["kibana.alert.suppression.start"] == iso(minute(-8))
    assert alert.document["kibana.alert.suppression.end"] == iso(minute(-5))


@pytest.mark.parametrize(
    ("suppressing", "told"),
    [
        pytest.param(AN_HOUR, {"a-8": 2}, id="within the duration"),
        pytest.param(replace(AN_HOUR, duration=timedelta(minutes=11)), {"a-8": 1, "a4": 0}, id="after the duration"),
        pytest.param(BY_HOST, {"a-8": 0, "a3": 1}, id="by execution"),
    ],
)
def test_an_alert_absorbs_for_a_duration_or_for_its_own_execution(suppressing, told):
    bench = Bench([on("a", -8)], suppressing)
    bench.run(0)
    bench.source.add([on("a", 3), on("a", 4)])

    bench.run(5)

    assert bench.told() == told


def test_a_match_has_the_time_by_which_it_was_found_however_its_document_spells_it():
    seconds = Hit("logs-test", "1", minute(-2), {"@timestamp": int(minute(-2).timestamp()), "host": {"name": "a"}})

    assert suppression.candidate(rule(suppression=AN_HOUR), "1", Match((seconds,))).time == minute(-2)


def test_overlap_counts_nothing_twice():
    bench = Bench([on("a", at) for at in (-4, -3, -2)])
    for at in (0, 1, 2):
        (execution,) = bench.run(at)

    assert bench.told() == {"a-4": 2}
    assert (execution.created, execution.suppressed, execution.duplicates) == (0, 0, 3)


def test_a_late_event_is_absorbed_and_moves_the_start():
    bench = Bench([on("a", -2)])
    bench.run(0)
    bench.source.add([on("a", -3)])

    bench.run(5)

    (alert,) = bench.sink.alerts
    assert bench.told() == {"a-2": 1}
    assert alert.document["kibana.alert.suppression.start"] == iso(minute(-3))
    assert alert.document["kibana.alert.suppression.end"] == iso(minute(-2))
    assert alert.document["eql_runner.suppression.anchor"] == iso(minute(-2))
    assert alert.document["kibana.alert.last_detected"] == iso(minute(5))


def test_a_backfill_groups_by_the_time_of_the_events_and_not_by_the_clock():
    bench = Bench([on("a", -1000), on("a", -970), on("a", -930), on("a", -920)])

    list(bench.executor.backfill(bench.rule, [Window(minute(-1001), minute(-900))], minute(0)))

    assert bench.told() == {"a-1000": 1, "a-930": 1}
    assert {alert.document["eql_runner.run_type"] for alert in bench.sink.alerts} == {str(RunType.BACKFILL)}


def test_an_event_counts_by_its_override():
    bench = Bench(
        [
            on("a", -500, **{"event.ingested": iso(minute(-8))}),
            on("a", -2, **{"event.ingested": iso(minute(-2))}),
        ],
        timestamp_override="event.ingested",
    )

    bench.run(0)

    assert bench.told() == {"a-500": 1}


def test_a_closed_alert_absorbs_no_more():
    bench = Bench([on("a", -8)])
    bench.run(0)
    (alert,) = bench.sink.alerts
    closed = replace(alert, document={**alert.document, "kibana.alert.workflow_status": "closed"})
    bench.sink._alerts[alert.id] = closed
    bench.source.add([on("a", 2)])

    bench.run(5)

    assert bench.told() == {"a-8": 0, "a2": 0}


@pytest.mark.parametrize(
    ("suppress_missing", "told"),
    [(True, {"-8": 1, "a-6": 0}), (False, {"-8": 0, "-7": 0, "a-6": 0})],
)
def test_events_without_the_field_are_a_group_or_none(suppress_missing, told):
    bench = Bench([on("", -8), on("", -7), on("a", -6)], replace(AN_HOUR, suppress_missing=suppress_missing))
    bench.run(0)

    counts = {
        name_of(alert): alert.document.get("kibana.alert.suppression.docs_count", 0) for alert in bench.sink.alerts
    }
    assert counts == told
    lacking = [alert for alert in bench.sink.alerts if name_of(alert) == "-8"]
    terms = lacking[0].document.get("kibana.alert.suppression.terms")
    assert terms == ([{"field": "host.name", "value": None}] if suppress_missing else None)


@pytest.mark.parametrize(
    ("first", "second", "together"),
    [
        pytest.param({"tags": ["x", "y"]}, {"tags": ["y", "x", "x"]}, True, id="the order of values"),
        pytest.param({"tags": ["x"]}, {"tags": "x"}, True, id="a list of one"),
        pytest.param({"tags": ["x", "y"]}, {"tags": ["x"]}, False, id="fewer values"),
        pytest.param({"tags": 5}, {"tags": "5"}, True, id="a number and its spelling"),
        pytest.param({"tags": "x"}, {"tags": "X"}, False, id="another case"),
        pytest.param({}, {"tags": None}, True, id="absent and null"),
        pytest.param({}, {"tags": "x"}, False, id="absent and something"),
        pytest.param({"tags": "a\ud800"}, {"tags": "a\ud800"}, True, id="half of a character"),
        pytest.param({"tags": "a\ud800"}, {"tags": "a\ud801"}, False, id="halves of two characters"),
    ],
)
def test_equal_values_make_one_group(first, second, together):
    bench = Bench([event(-8, id="1", **first), event(-7, id="2", **second)], Suppression(("tags",)))
    bench.run(0)
    assert len(bench.sink.alerts) == (1 if together else 2)


def test_the_group_is_the_rules_own_whatever_the_order_of_its_fields():
    match = Match((Hit("i", "1", minute(0), event(0, user={"name": "u"}).source),))

    def of(rule_id, *fields):
        found = suppression.candidate(rule(rule_id=rule_id, suppression=Suppression(fields)), "x", match).group
        assert found is not None
        return found.instance_id

    assert of("r", "host.name", "user.name") == of("r", "user.name", "host.name")
    assert of("r", "host.name", "user.name") != of("s", "host.name", "user.name")
    assert of("r", "host.name") != of("r", "user.name")


def test_a_sequence_groups_by_what_its_events_share_and_has_blocks_only_with_its_shell():
    events = [on("h", at, process={"name": name}) for name, at in (("a", -8), ("b", -7), ("a", -6), ("b", -5))]
    bench = Bench(events, Suppression(("host.name", "process.name"), timedelta(hours=1)), query=SEQUENCE)
    bench.rule = replace(rule(SEQUENCE), suppression=bench.rule.suppression)

    (execution,) = bench.run(0)

    assert (execution.created, execution.suppressed) == (1, 1)
    *blocks, shell = bench.sink.alerts
    assert len(blocks) == 2
    assert all("kibana.alert.suppression.docs_count" not in block.document for block in blocks)
    assert shell.document["kibana.alert.suppression.docs_count"] == 1
    assert shell.document["kibana.alert.suppression.terms"] == [
        {"field": "host.name", "value": ["h"]},
        {"field": "process.name", "value": None},
    ]
    assert [one.events for one in bench.sink.absorbed] == [(("logs-test", "h-6"), ("logs-test", "h-5"))]


@pytest.mark.parametrize(
    ("first", "second", "value"),
    [
        pytest.param({"user": {"name": "u"}}, {"user.name": "u"}, ["u"], id="nested and dotted"),
        pytest.param({"user": {"name": ["u", "v"]}}, {"user": {"name": "v"}}, ["v"], id="one of several"),
        pytest.param(
            {"user": {"name": ["v", "u"]}}, {"user": [{"name": "u"}, {"name": "v"}]}, ["u", "v"], id="objects"
        ),
        pytest.param({"user": {"name": 5}}, {"user": {"name": "5"}}, [5], id="a number and its text"),
        pytest.param({"user": {"name": "u"}}, {"user": {"name": "v"}}, None, id="none in common"),
        pytest.param({"user": {"name": "u"}}, {}, None, id="missing in one"),
    ],
)
def test_the_terms_of_a_sequence_are_what_all_its_events_have(first, second, value):
    bench = Bench([on("h", -6, process={"name": "a"}, **first), on("h", -5, process={"name": "b"}, **second)])
    bench.rule = replace(rule(SEQUENCE), suppression=Suppression(("user.name",)))

    bench.run(0)

    *_, shell = bench.sink.alerts
    assert shell.document["kibana.alert.suppression.terms"] == [{"field": "user.name", "value": value}]


@pytest.mark.parametrize("page_size", [1, 7, 1000])
def test_absorbed_matches_do_not_use_up_the_cap(page_size):
    events = [on("abc"[n % 3], -8 + n / 100) for n in range(300)]
    bench = Bench(events, page_size=page_size, max_signals=3)

    (execution,) = bench.run(0)

    assert (execution.created, execution.suppressed, execution.backlog) == (3, 297, 0)
    assert execution.verdict is Verdict.COMPLETE
    assert bench.once_each() == 300


@pytest.mark.parametrize("suppressing", [BY_HOST, AN_HOUR])
@pytest.mark.parametrize("page_size", [1, 7, 1000])
def test_the_cap_leaves_the_rest_for_the_next_runs_and_nothing_uncounted(suppressing, page_size):
    events = [on(f"h{n % 10}", -8 + n / 100) for n in range(200)]
    bench = Bench(events, suppressing, page_size=page_size, max_signals=4)

    verdicts = [execution.verdict for at in range(0, 100, 5) for execution in bench.run(at)]

    assert verdicts[0] is Verdict.TRUNCATED
    assert verdicts[-1] is Verdict.COMPLETE
    assert bench.once_each() == 200
    assert len(bench.sink.alerts) == 10 or suppressing is BY_HOST


def test_an_execution_absorbs_a_bounded_number_and_the_next_goes_on():
    events = [on("a", -8 + n / 1000) for n in range(450)]
    bench = Bench(events, page_size=50, max_signals=1)

    first, *_ = executions = [execution for at in range(0, 40, 5) for execution in bench.run(at)]

    assert (first.created, first.suppressed) == (1, 100)
    assert first.verdict is Verdict.TRUNCATED
    assert executions[-1].verdict is Verdict.COMPLETE
    assert bench.told() == {"a-8.0": 449}


class Failing(MemorySink):
    """A sink that fails once, before or after it has done what it was asked."""

    def __init__(self, method, *, after):
        super().__init__()
        self.method, self.after = method, after

    def write(self, alerts):
        return self._maybe("write", super().write, alerts)

    def absorb(self, suppressed, again=()):
        return self._maybe("absorb", super().absorb, suppressed, again)

    def known(self, ids):
        return self._maybe("known", super().known, ids)

    def open_for(self, instance_ids, span):
        return self._maybe("open_for", super().open_for, instance_ids, span)

    def _maybe(self, name, method, *args):
        if name != self.method:
            return method(*args)
        self.method = ""
        if self.after:
            method(*args)
        raise ClusterUnavailable("no connection")


@pytest.mark.parametrize("after", [False, True])
@pytest.mark.parametrize("method", ["known", "open_for", "write", "absorb"])
@pytest.mark.parametrize("suppressing", [BY_HOST, AN_HOUR])
def test_a_crash_at_any_step_leaves_nothing_out_and_counts_nothing_twice(method, after, suppressing):
    events = [on("ab"[n % 2], -8 + n / 10) for n in range(20)]
    bench = Bench(events, suppressing, sink=Failing(method, after=after), page_size=6)

    assert bench.run(0)[0].verdict is (
        Verdict.COMPLETE if (method, suppressing) == ("open_for", BY_HOST) else Verdict.FAILED
    )
    (again, *_) = bench.run(1)

    assert again.verdict is Verdict.COMPLETE
    assert bench.once_each() == 20
    if suppressing is AN_HOUR:
        assert sorted(bench.told().values()) == [9, 9]


def test_a_crash_between_the_notes_and_the_count_is_healed_by_the_next_execution():
    class Noting(MemorySink):
        crash = True

        def _count(self, alert_id):
            if self.crash:
                raise ClusterUnavailable("no connection")
            super()._count(alert_id)

    bench = Bench([on("a", -8), on("a", -7), on("a", -6)], sink=Noting())
    bench.run(0)
    assert bench.told() == {"a-8": 0}

    bench.sink.crash = False
    (execution,) = bench.run(0)

    assert bench.told() == {"a-8": 2}
    assert (execution.suppressed, execution.duplicates) == (0, 3)


def test_what_a_refused_alert_would_have_absorbed_stays_open():
    bench = Bench([on("a", -8), on("a", -7)], sink=RefusingSink())
    (execution,) = bench.run(0)
    assert (execution.verdict, execution.suppressed, bench.sink.absorbed) == (Verdict.PARTIAL, 0, ())

    bench.sink.refuse = False
    bench.run(1)
    assert bench.told() == {"a-8": 1}


def test_a_second_runner_on_the_same_events_adds_nothing():
    bench = Bench([on("ab"[n % 2], -8 + n / 10) for n in range(20)])
    other = Executor(bench.source, bench.sink, MemoryLedger())
    bench.run(0)

    (execution,) = other.run(bench.rule, minute(0.5))

    assert (execution.created, execution.suppressed) == (0, 0)
    assert bench.once_each() == 20


def test_two_runners_that_see_different_events_at_the_same_moment_count_each_once():
    class Slow(MemorySink):
        """A sink that lets another runner execute between its answer to what is known and the writes that follow."""

        other = None

        def known(self, ids):
            found = super().known(ids)
            other, self.other = self.other, None
            if other is not None:
                other()
            return found

    sink = Slow()
    bench = Bench([on("a", -8), on("a", -7), on("a", -6)], sink=sink)
    late = MemorySource([on("a", -7), on("a", -6)])  # the other does not see the first event yet
    sink.other = lambda: Executor(late, sink, MemoryLedger()).run(bench.rule, minute(0))

    bench.run(0)
    bench.run(1)

    assert bench.once_each() == 3


def test_a_rehearsal_says_what_would_be_created_and_suppressed_and_writes_nothing():
    bench = Bench([on("a", -8), on("a", -7), on("b", -6)])
    rehearsal = Executor(bench.source, Rehearsal(bench.sink), MemoryLedger())

    windows = [Window(minute(-9), minute(-7.5)), Window(minute(-7.5), minute(0))]
    done = list(rehearsal.backfill(bench.rule, windows, minute(0)))

    assert [(one.created, one.suppressed) for one in done] == [(1, 0), (1, 1)]
    assert bench.sink.alerts == ()


def test_an_alert_of_the_rule_itself_is_not_absorbed():
    own = {"kibana.alert.uuid": "x", "kibana.alert.rule.uuid": "rule-1", "kibana.alert.depth": 1}
    bench = Bench([on("a", -8), on("a", -7, **own)])

    bench.run(0)

    assert bench.told() == {"a-8": 0}


# The laws of sorting out.


def candidate(number, group, at):
    made = Group(group, ()) if group else None
    match = Match((Hit("i", str(number), minute(at), {}),))
    return Candidate(str(number), match, minute(at), made)


found = st.lists(st.tuples(st.sampled_from(["", "a", "b"]), st.integers(0, 100)), max_size=30).map(
    lambda pairs: [candidate(n, *pair) for n, pair in enumerate(sorted(pairs, key=lambda pair: pair[1]))]
)
absorbers = st.lists(
    st.builds(
        lambda n, group, at: Absorber(f"x{n}", group, minute(at)),
        st.integers(),
        st.sampled_from("ab"),
        st.integers(-50, 150),
    ),
    max_size=5,
)
durations = st.none() | st.integers(0, 100).map(lambda minutes: timedelta(minutes=minutes))


@given(found, absorbers, durations, st.integers(0, 10), st.integers(0, 20))
def test_every_candidate_goes_one_way_and_new_alerts_are_a_prefix(given, there, duration, room, room_to_absorb):
    sorted_out = sort_out(given, there, duration, room=room, room_to_absorb=room_to_absorb)

    done = {one.id for one in sorted_out.new} | {one.id for one, _ in sorted_out.absorbed}
    assert [one.id for one in given if one.id not in done] == [one.id for one in sorted_out.left]
    waiting = [one.time for one in sorted_out.left]
    assert all(one.time <= min(waiting, default=one.time) for one in sorted_out.new)
    assert len(sorted_out.new) <= room
    assert len(sorted_out.absorbed) <= room_to_absorb
    for one, into in sorted_out.absorbed:
        assert one.group is not None
        assert one.group.instance_id == into.instance_id
        assert duration is None or abs(one.time - into.time) <= duration


@given(found, durations.filter(bool))
def test_with_room_no_new_alert_begins_where_one_of_its_group_would_absorb_it(given, duration):
    sorted_out = sort_out(given, (), duration, room=100, room_to_absorb=100)

    opened: dict[str, list] = {}
    for one in sorted_out.new:
        if one.group:
            assert all(one.time - earlier > duration for earlier in opened.get(one.group.instance_id, []))
            opened.setdefault(one.group.instance_id, []).append(one.time)
