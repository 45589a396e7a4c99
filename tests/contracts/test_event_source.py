"""What every EventSource keeps: the whole window, oldest first, and the same matches wherever the events are."""

from collections.abc import Iterable, Iterator
from dataclasses import replace

import pytest

from runner.execution import matching
from runner.execution.model import Hit, Page
from runner.offline.memory import MemorySource
from runner.query import Kind, compile
from runner.rules.model import Rule
from runner.schedule.windows import Window
from tests.contracts.conftest import SOURCES, Made, Make, making
from tests.made import event, iso, minute, rule

HOUR = Window(minute(0), minute(60))
ANY = 'process where process.name == "evil"'
SEQUENCE = (
    'sequence by host.name with maxspan=3m [process where process.name == "a"] [process where process.name == "b"]'
)


def found(made: Made, of: Rule, window: Window = HOUR, after: float | None = None) -> list[tuple[str, ...]]:
    """The ids of each match, in the order in which they are found."""
    cut = None if after is None else minute(after)
    with matching.over(of, window, made.source.search(of, window, cut)) as steps:
        return [tuple(hit.id for hit in match.events) for _, matches in steps for match in matches]


def over(made: Made, query: str = ANY, *patterns: str, **fields: object) -> Rule:
    return rule(query, index=made.patterns(*(patterns or ("logs-*",))), **fields)


def pages(made: Made, of: Rule, window: Window = HOUR) -> list[Page]:
    return list(made.source.search(of, window))


def hits_of(page: Page) -> list[Hit]:
    return [*page.hits, *(hit for match in page.matches for hit in match.events)]


def ids(items: Iterable[Page]) -> list[str]:
    return [hit.id for page in items for hit in hits_of(page)]


def test_the_window_is_half_open_and_exact_to_the_millisecond(make_source: Make) -> None:
    times = {"before": "11:59:59.999", "start": "12:00:00.000", "last": "12:59:59.999", "end": "13:00:00.000"}
    made = make_source([event(0, id=name, **{"@timestamp": f"2026-01-01T{at}Z"}) for name, at in times.items()])
    assert found(made, over(made)) == [("start",), ("last",)]


def test_matches_come_oldest_first_whatever_their_order_in_the_index(make_source: Make) -> None:
    made = make_source([event(at, id=str(at)) for at in (5, 1, 9, 3, 7)])
    assert found(made, over(made)) == [("1",), ("3",), ("5",), ("7",), ("9",)]


def test_every_event_is_found_once_over_many_pages_of_equal_times(make_source: Make) -> None:
    made = make_source([event(number // 20, id=f"{number:03}") for number in range(100)], page_size=7)
    of = over(made, "process where true")
    seen = found(made, of)
    assert sorted(seen) == [(f"{number:03}",) for number in range(100)]
    minutes = [int(name) // 20 for (name,) in seen]
    assert minutes == sorted(minutes)


def test_only_hits_at_or_after_the_cut_are_found(make_source: Make) -> None:
    made = make_source([event(at, id=str(at)) for at in (1, 2, 3)])
    assert found(made, over(made), after=2) == [("2",), ("3",)]


def test_patterns_that_match_nothing_are_left_out_and_minus_takes_away(make_source: Make) -> None:
    made = make_source([event(1, id="a", index="logs-a"), event(2, id="b", index="logs-b"), event(3, index="other")])
    assert found(made, over(made, ANY, "logs-*", "absent-*")) == [("a",), ("b",)]
    assert found(made, over(made, ANY, "logs-*", "-logs-b")) == [("a",)]


def test_no_index_at_all_is_a_complete_search_of_nothing(make_source: Make) -> None:
    made = make_source([event(1)])
    (page,) = pages(made, over(made, ANY, "absent-*"))
    assert (page.hits, page.matches, page.faults) == ((), (), ())


def test_an_event_with_the_override_is_judged_by_it_alone_and_ordered_by_its_timestamp(make_source: Make) -> None:
    made = make_source(
        [
            event(50, id="both in", ingested=iso(minute(1))),
            event(2, id="only timestamp in", ingested=iso(minute(99))),
            event(-99, id="only override in", ingested=iso(minute(3))),
            event(4, id="without override"),
            event(99, id="neither"),
        ],
        ingested={"type": "date"},
    )
    of = over(made, ANY, timestamp_override="ingested")
    assert found(made, of) == [("only override in",), ("without override",), ("both in",)]
    assert found(made, replace(of, timestamp_override_fallback=False)) == [("only override in",), ("both in",)]


def test_an_event_without_a_timestamp_is_found_by_its_override_before_all_others_whatever_the_cut(
    make_source: Make,
) -> None:
    undated = {"@timestamp": None, "ingested": iso(minute(40))}
    made = make_source(
        [event(5, id="dated", ingested=iso(minute(40))), *(event(0, id=name, **undated) for name in "ab")],
        ingested={"type": "date"},
    )
    of = over(made, ANY, timestamp_override="ingested")
    assert sorted(found(made, of)[:2]) == [("a",), ("b",)]
    assert found(made, of)[2:] == [("dated",)]
    assert sorted(found(made, of, after=6)) == [("a",), ("b",)]
    hits = {hit.id: (hit.dated, hit.time) for page in pages(made, of) for hit in hits_of(page)}
    assert hits == {"dated": (True, minute(5)), "a": (False, minute(40)), "b": (False, minute(40))}


TIED = 'sequence [process where process.name == "a"] [process where process.name == "b"]'


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        pytest.param(1, 2, [("a", "b")], id="in the order of the tiebreaker"),
        pytest.param(2, 1, [], id="against it"),
        pytest.param(1, None, [("a", "b")], id="an event without one comes last"),
        pytest.param(None, 1, [], id="and so nothing comes after it"),
    ],
)
def test_events_of_one_time_stand_in_the_order_of_the_tiebreaker(
    make_source: Make, first: int | None, second: int | None, expected: list[tuple[str, str]]
) -> None:
    made = make_source([event(1, "b", id="b", tie=second), event(1, "a", id="a", tie=first)], tie={"type": "long"})
    assert (
        found(made, over(made, TIED, tiebreaker_field="tie", program=compile(TIED, tiebreaker_field="tie"))) == expected
    )


def test_a_sequence_that_began_before_the_window_is_found_when_it_ends_inside(make_source: Make) -> None:
    names = [(-5, "a", "h1"), (-1, "a", "h2"), (1, "b", "h1"), (1.5, "b", "h2"), (-2.5, "a", "h3"), (-0.5, "b", "h3")]
    made = make_source([event(at, name, id=f"{name}{host}", host={"name": host}) for at, name, host in names])
    assert found(made, over(made, SEQUENCE)) == [("ah2", "bh2")]


def test_documents_come_back_whole_in_the_order_asked_for(make_source: Make) -> None:
    events = [event(at, id=str(at), extra={"deep": [at]}, index=f"logs-{at % 2}") for at in range(5)]
    made = make_source(events)
    of = over(made)
    hits = [hit for page in pages(made, of) for hit in hits_of(page)]
    wanted = [hits[3], hits[0], hits[3]]
    whole = made.source.documents(of, wanted)
    assert [hit.id for hit in whole.hits] == ["3", "0", "3"]
    assert [hit.source["extra"] for hit in whole.hits] == [{"deep": [3]}, {"deep": [0]}, {"deep": [3]}]
    assert [hit.time for hit in whole.hits] == [hit.time for hit in wanted]


def test_a_search_may_be_closed_early(make_source: Make) -> None:
    made = make_source([event(at / 10, id=str(at)) for at in range(50)], page_size=7)
    search = made.source.search(over(made, "process where true"), HOUR)
    assert len(ids([next(search)])) == 7
    search.close()


QUERIES = {
    "equality": 'process where process.name == "A"',
    "insensitive": 'process where process.name : "a"',
    "wildcards": 'process where process.name like~ ("*B*", "a?c")',
    "list": 'process where process.name in ("A", "abc")',
    "list, insensitive": 'process where process.name in~ ("A", "ABC")',
    "several values": 'process where process.args : "--x"',
    "negation with absent fields": 'process where not process.name == "A"',
    "absent": "process where process.name == null",
    "numbers": "process where process.pid > 5 and process.pid <= 20",
    "or": 'any where process.name == "A" or host.name == "h1"',
    "functions": 'process where length(process.name) == 3 and startsWith~(process.name, "AB")',
    "fields": "process where process.name == process.title",
    "optional and unmapped": 'process where ?nowhere.to.be == null and process.name : "a*"',
    "category of another": 'file where process.name == "A"',
    "number in a list of networks": 'any where cidrMatch(source.ip, "10.0.0.0/8")',
    "sequence": 'sequence by host.name [process where process.name : "a*"] [file where true]',
    "sequence with maxspan": 'sequence with maxspan=2m [process where process.name == "A"] [any where process.pid > 3]',
    "sample": 'sample by host.name [process where process.name == "A"] [file where true]',
    "head": "process where true | head 3",
    "tail": "process where true | tail 3",
}


@pytest.fixture(scope="module", params=SOURCES)
def varied_source(request: pytest.FixtureRequest) -> Iterator[Made]:
    """A source over the varied events."""
    with making(request.param, request) as make:
        yield make(varied(), source={"properties": {"ip": {"type": "ip"}}}, page_size=11)


@pytest.mark.parametrize("query", QUERIES.values(), ids=QUERIES)
def test_a_query_finds_the_same_wherever_the_events_are(varied_source: Made, query: str) -> None:
    expected = found(Made(MemorySource(varied()), lambda *patterns: patterns), rule(query))
    assert expected
    seen = found(varied_source, over(varied_source, query))
    assert sorted(seen) == sorted(expected)
    if rule(query).program.kind is Kind.EVENT:
        assert seen == expected


def varied() -> list:
    """Events at distinct times, of all shapes that the queries tell apart."""
    names = ["A", "a", "ABC", "abc", "xBx", None, ["A", "b"], "é", "É"]
    made = []
    for number in range(90):
        name = names[number % len(names)]
        process: dict[str, object] = {"pid": number % 23, "args": ["x", "--X"] if number % 4 else "y"}
        if name is not None:
            process |= {"name": name, "title": "A"}
        fields: dict[str, object] = {
            "process": process,
            "event": {"category": ["process", "file"][number % 5 == 0]},
            "host": {"name": f"h{number % 3}"},
            "source": {"ip": f"{10 if number % 2 else 11}.0.0.{number}"},
        }
        made.append(event(number / 2, id=f"{number:02}", **fields))
    return made
