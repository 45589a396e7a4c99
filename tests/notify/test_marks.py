"""Which alerts are told to whom; the mark is in the alert itself, and entries come from it alone."""

from dataclasses import replace

import pytest

from runner.notify.config import Route
from runner.notify.marks import MARK, MarkingSink, channels_of, entries_of
from runner.notify.model import Entry
from runner.offline.memory import MemorySink
from tests.made import minute
from tests.notify.made import alert

SOC = Route(("soc",))
BLOCK = {"kibana.alert.building_block_type": "default"}


@pytest.mark.parametrize(
    ("route", "fields", "expected"),
    {
        "no condition": (SOC, {}, True),
        "its severity": (replace(SOC, severities=frozenset({"high", "low"})), {}, True),
        "another severity": (replace(SOC, severities=frozenset({"low"})), {}, False),
        "its rule id": (replace(SOC, rules=frozenset({"rule-1", "x"})), {}, True),
        "its rule name, in any case": (replace(SOC, rules=frozenset({"evil process"})), {}, True),
        "another rule": (replace(SOC, rules=frozenset({"x"})), {}, False),
        "one of its tags": (replace(SOC, tags=frozenset({"OS: Linux", "x"})), {}, True),
        "another tag": (replace(SOC, tags=frozenset({"x"})), {}, False),
        "a rule without tags": (
            replace(SOC, tags=frozenset({"x"})),
            {"kibana.alert.rule.tags": None},
            False,
        ),
        "all conditions must hold": (
            replace(SOC, severities=frozenset({"high"}), tags=frozenset({"x"})),
            {},
            False,
        ),
        "a building block": (SOC, BLOCK, False),
        "a building block that is asked for": (replace(SOC, building_blocks=True), BLOCK, True),
        "an event of a sequence, never": (
            replace(SOC, building_blocks=True),
            {**BLOCK, "kibana.alert.group.index": 0},
            False,
        ),
        "a backfill": (SOC, {"eql_runner.run_type": "backfill"}, False),
        "a backfill that is asked for": (replace(SOC, backfill=True), {"eql_runner.run_type": "backfill"}, True),
        "a catch-up": (SOC, {"eql_runner.run_type": "catch-up"}, True),
        "a route of failing executions": (replace(SOC, executions=True), {}, False),
    }.values(),
    ids=str,
)
def test_a_route_takes(route: Route, fields: dict[str, object], expected: bool) -> None:
    assert channels_of(alert(**fields).document, [route]) == (("soc",) if expected else ())


def test_a_channel_is_told_once_however_many_routes_lead_to_it() -> None:
    routes = [SOC, Route(("pager", "soc")), Route(("none",), severities=frozenset({"low"}))]
    assert channels_of(alert().document, routes) == ("soc", "pager")


def test_new_alerts_are_marked_in_the_write_that_creates_them_and_handed_over_once() -> None:
    sink, taken = MemorySink(), list[Entry]()
    marking = MarkingSink(sink, [replace(SOC, severities=frozenset({"high"}))], taken.extend)
    quiet = alert("quiet", **{"kibana.alert.severity": "low"})
    written = marking.write([alert("a", 1), quiet])
    assert written.created == ("a", "quiet")
    assert [one.document.get(MARK) for one in sink.alerts] == [["soc"], None]
    assert marking.known(["a", "b"]) == {"a"}
    (entry,) = taken
    assert (entry.id, entry.channel, entry.rule_name, entry.created) == ("a:soc", "soc", "Evil Process", minute(1))
    assert marking.write([alert("a", 9)]).duplicates == ("a",)
    assert len(taken) == 1


def test_entries_depend_on_the_alert_alone() -> None:
    sink, taken = MemorySink(), list[Entry]()
    MarkingSink(sink, [Route(("soc", "pager"))], taken.extend).write([alert("a", 1)])
    (stored,) = sink.alerts
    assert list(entries_of(stored.id, stored.document)) == taken
    assert entries_of("b", alert("b").document) == ()


def test_routes_that_are_replaced_hold_for_what_is_written_from_then_on() -> None:
    sink, taken = MemorySink(), list[Entry]()
    marking = MarkingSink(sink, [SOC], taken.extend)
    marking.write([alert("before")])
    marking.replace([Route(("pager",))])
    marking.write([alert("before"), alert("after")])
    assert [one.document.get(MARK) for one in sink.alerts] == [["soc"], ["pager"]]
    assert [entry.id for entry in taken] == ["before:soc", "after:pager"]
