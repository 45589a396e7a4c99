"""Alerts read again, on a real node: those that a filter selects, those that an id names, and all, page by page."""

import pytest

from runner.elastic.alert_filter import Filter
from runner.elastic.alert_index import AlertIndex
from runner.elastic.alert_search import AlertSearch
from runner.elastic.client import Client
from runner.elastic.setup import Names
from runner.errors import OperatorError
from runner.execution.model import Alert
from tests.elastic.conftest import only, twins
from tests.elastic.forwarding import Answered, Forwarding, once
from tests.made import NOON, iso, minute

pytestmark = pytest.mark.live


def listed(search: AlertSearch, **conditions: object) -> list[str]:
    found, total = search.newest(Filter(**conditions), 50)
    assert len(found) == total
    return [alert.document["kibana.alert.rule.name"] for alert in found]


@pytest.mark.parametrize(
    ("conditions", "expected"),
    {
        "all but building blocks, newest first": ({}, ["Two Steps", "Worse *Process*", "Evil Process"]),
        "building blocks too": (
            {"building_blocks": True},
            ["Quiet", *["Two Steps"] * 3, "Worse *Process*", "Evil Process"],
        ),
        "a severity": ({"severities": ("high", "critical")}, ["Worse *Process*"]),
        "a rule by id": ({"rule": "rule-1"}, ["Evil Process"]),
        "a rule by a part of its name, in any case": ({"rule": "PROCESS"}, ["Worse *Process*", "Evil Process"]),
        "a star in a name is a star": ({"rule": "worse *p"}, ["Worse *Process*"]),
        "a host by a pattern": ({"host": "web-*"}, ["Two Steps", "Evil Process"]),
        "since": ({"since": minute(2)}, ["Two Steps", "Worse *Process*"]),
        "words anywhere": ({"text": "evil ROOT"}, ["Worse *Process*"]),
        "a status": ({"statuses": ("closed",)}, []),
        "several conditions": ({"host": "web-*", "rule": "rule-1"}, ["Evil Process"]),
    }.values(),
    ids=str,
)
def test_a_filter_finds(search: AlertSearch, conditions: dict[str, object], expected: list[str]) -> None:
    assert listed(search, **conditions) == expected


def test_an_alert_is_named_by_its_id_or_the_beginning_of_it(search: AlertSearch) -> None:
    alert = only(search, "rule-1")
    assert search.named(alert.id).id == alert.id
    assert search.named(alert.id[:8].upper()).id == alert.id


def test_an_id_that_names_none_is_told_with_near_ones(search: AlertSearch) -> None:
    alert = only(search, "rule-1")
    typo = ("1" if alert.id[0] == "0" else "0") + alert.id[1:]
    with pytest.raises(OperatorError, match="there is no alert") as caught:
        search.named(typo)
    assert alert.id[:12] in caught.value.hint
    with pytest.raises(OperatorError) as caught:
        search.named("zzzzzzzz")
    assert "alerts list" in caught.value.hint
    with pytest.raises(OperatorError, match="too short"):
        search.named("a")


def test_an_id_that_names_several_is_told_with_all_of_them(client: Client, names: Names, search: AlertSearch) -> None:
    several = twins(only(search, "rule-1"), 3)
    AlertIndex(client, names.alerts).write(several)
    with pytest.raises(OperatorError, match="several") as caught:
        search.named("twin")
    assert all(alert.id in caught.value.hint for alert in several)


def test_all_that_a_filter_selects_is_found_over_many_pages(client: Client, names: Names, search: AlertSearch) -> None:
    many = twins(only(search, "rule-1"), 1203, host={"name": "many"})
    AlertIndex(client, names.alerts).write(many)
    assert {alert.id for alert in search.all(Filter(host="many"))} == {alert.id for alert in many}


@pytest.mark.parametrize("page", [1, 2, 5, 100])
def test_alerts_are_read_whole_and_oldest_first_whatever_the_size_of_a_page(
    client: Client, names: Names, page: int
) -> None:
    # Three share an instant, so that a page may end among them.
    alerts = [
        Alert(f"a{number}", {"@timestamp": iso(minute(at)), "kibana.alert.uuid": f"a{number}", "host": {"name": "h"}})
        for number, at in enumerate([-1, 0, 2, 2, 2, 4])
    ]
    AlertIndex(client, names.alerts).write(alerts[::-1])
    found = list(AlertSearch(client, names.alerts).since(NOON, page=page))
    assert found == [{"_id": alert.id, **alert.document} for alert in alerts[1:]]


def test_the_number_of_all_is_told_also_after_an_answer_that_was_lost(
    proxied: Client, proxy: Forwarding, names: Names, search: AlertSearch
) -> None:
    proxy.faults.append(once("/_search", Answered(503, {"error": {"type": "unavailable", "reason": "busy"}})))
    found, total = AlertSearch(proxied, names.alerts).newest(Filter(), 1)
    assert (len(found), total) == (1, 3)
