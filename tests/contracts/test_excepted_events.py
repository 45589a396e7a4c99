"""What every EventSource keeps of exceptions: it takes away the same events, before they join, and counts them."""

from collections import Counter
from collections.abc import Iterator

import pytest

from runner.elastic.eql_search import EqlSearch
from runner.errors import QueryRejected
from runner.execution.model import Page
from runner.query.entries import Entry, EntryType, Exclusion, Nested
from runner.rules.exceptions import ExceptionItem
from runner.rules.model import Rule
from tests.contracts.conftest import SOURCES, Made, Make, making
from tests.contracts.test_event_source import HOUR, SEQUENCE, found, over, pages
from tests.made import event

M, ANY, W, EXISTS, LIST = EntryType
MAPPINGS = {"message": {"type": "text"}, "dll": {"type": "nested"}, "source": {"properties": {"ip": {"type": "ip"}}}}


def excepted(made: Made, *entries: Entry | Nested, query: str = 'process where process.name == "evil"') -> Rule:
    item = ExceptionItem(Exclusion("item", entries), "item", "list")
    return over(made, query, exceptions=(item,))


def counted(found: list[Page]) -> Counter[str]:
    total: Counter[str] = Counter()
    for page in found:
        total.update(page.excepted)
    return total


EVENTS = [
    event(1, id="db", host={"name": "db-01"}, message="the nightly dump", source={"ip": "10.0.0.7"}),
    event(2, id="web", host={"name": "web-01"}, message="a dump", dll=[{"name": "a", "ok": 1}, {"name": "b", "ok": 2}]),
    event(3, id="none", host={}),
    event(4, "good", id="good", host={"name": "db-01"}),
]


@pytest.fixture(scope="module", params=SOURCES)
def made(request: pytest.FixtureRequest) -> Iterator[Made]:
    """A source over the events; they are only read, so that one serves all tests."""
    with making(request.param, request) as make:
        yield make(EVENTS, **MAPPINGS)


@pytest.mark.parametrize(
    ("entries", "left"),
    [
        pytest.param((Entry("host.name", M, ("db-01",)),), ["web", "none"], id="match"),
        pytest.param((Entry("host.name", M, ("DB-01",)),), ["db", "web", "none"], id="match, in another case"),
        pytest.param((Entry("host.name", ANY, ("db-01", "web-01")),), ["none"], id="match_any"),
        pytest.param((Entry("host.name", W, ("db-*",)),), ["web", "none"], id="wildcard"),
        pytest.param((Entry("host.name", EXISTS),), ["none"], id="exists"),
        pytest.param((Entry("host.name", EXISTS, included=False),), ["db", "web"], id="does not exist"),
        pytest.param((Entry("host.name", M, ("db-01",), included=False),), ["db", "none"], id="is not"),
        pytest.param((Entry("host.name", LIST, ("a", "db-01")),), ["web", "none"], id="list"),
        pytest.param((Entry("source.ip", M, ("10.0.0.0/8",)),), ["web", "none"], id="network"),
        pytest.param((Entry("source.ip", LIST, ("10.0.0.1-10.0.0.9",)),), ["web", "none"], id="range of addresses"),
        pytest.param((Entry("message", M, ("the nightly dump",)),), ["web", "none"], id="an analysed text as a whole"),
        pytest.param((Entry("message", M, ("nightly",)),), ["db", "web", "none"], id="an analysed text in part"),
        pytest.param((Entry("absent", M, ("x",)),), ["db", "web", "none"], id="a field that is nowhere"),
        pytest.param((Entry("absent", M, ("x",), included=False),), ["db", "web", "none"], id="is not, and is nowhere"),
        pytest.param(
            (Nested("dll", (Entry("name", M, ("a",)), Entry("ok", M, ("1",)))),),
            ["db", "none"],
            id="one object has both",
        ),
        pytest.param(
            (Nested("dll", (Entry("name", M, ("a",)), Entry("ok", M, ("2",)))),),
            ["db", "web", "none"],
            id="no object has both",
        ),
        pytest.param(
            (Entry("host.name", M, ("db-01",)), Entry("message", M, ("a dump",))), ["db", "web", "none"], id="not both"
        ),
    ],
)
def test_excepted_events_are_not_found(made: Made, entries: tuple[Entry], left: list[str]) -> None:
    of = excepted(made, *entries)
    assert found(made, of) == [(name,) for name in left]
    assert counted(pages(made, of)) == Counter({"item": 3 - len(left)} if len(left) < 3 else {})


def test_an_excepted_event_is_not_joined(make_source: Make) -> None:
    made = make_source(
        [
            event(1, "a", id="a1", user={"name": "backup"}),
            event(2, "a", id="a2", user={"name": "eve"}),
            event(3, "b", id="b"),
        ]
    )
    assert found(made, over(made, SEQUENCE)) == [("a2", "b")]
    assert found(made, excepted(made, Entry("user.name", M, ("eve",)), query=SEQUENCE)) == [("a1", "b")]
    assert found(made, excepted(made, Entry("user.name", W, ("*",)), query=SEQUENCE)) == []


def test_what_the_api_cannot_leave_out_of_a_sequence_is_refused_and_else_taken_away(make_source: Make) -> None:
    made = make_source(
        [event(1, "a", id="a", message="quick fox"), event(2, "b", id="b", message="slow fox")], **MAPPINGS
    )
    of = excepted(made, Entry("message", M, ("quick fox",)), query=SEQUENCE)
    if isinstance(made.source, EqlSearch):
        with pytest.raises(QueryRejected, match="cannot be told to the EQL search API"):
            found(made, of)
    else:
        assert found(made, of) == []


def test_two_items_that_hold_are_counted_both(made: Made) -> None:
    items = tuple(
        ExceptionItem(Exclusion(value, (Entry("host.name", W, (value,)),)), value, "list") for value in ("db-*", "*-01")
    )
    of = over(made, exceptions=items)
    assert counted(pages(made, of)) == {"db-*": 1, "*-01": 2}
    assert found(made, of, HOUR) == [("none",)]
