"""Sequences: the machine against a slow model of the documented rules, and its memory."""

import random
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from runner.query.sequences import SequenceMatching
from runner.query.stages import CompiledStage

MILLISECOND = 1_000_000
HALF = MILLISECOND // 2


@dataclass(frozen=True)
class Made:
    """An event that is of some kinds (`A`, `B` …) at a time in half milliseconds, with one join key."""

    kinds: frozenset[str]
    time: int
    key: str = "k"


def stage(kind: str, *, keyed: bool = True) -> CompiledStage:
    """`A` takes the events of that kind, `!A` asks that there be none."""
    wanted = kind.removeprefix("!")
    return CompiledStage(
        matches=lambda event: wanted in event["kinds"],
        keys=(lambda event: (event["key"],)) if keyed else (lambda _event: ()),
        optional=(False,) if keyed else (),
        missing=kind.startswith("!"),
    )


def machine(kinds: Iterable[str], maxspan: int | None = None, until: str | None = None) -> SequenceMatching:
    return SequenceMatching(
        [stage(kind) for kind in kinds],
        maxspan=None if maxspan is None else timedelta(microseconds=500 * maxspan),
        until=None if until is None else stage(until),
    )


def found(run: SequenceMatching, events: list[Made]) -> list[tuple[int | None, ...]]:
    joined = []
    for place, event in enumerate(events):
        joined += run.feed({"kinds": event.kinds, "key": event.key}, event.time * HALF, place)
    return [one.items for one in joined + run.finish()]


def model(kinds: list[str], events: list[Made], maxspan: int | None, until: str | None) -> list[tuple[int | None, ...]]:
    """The documented rules, stage by stage over the whole stream, as Elasticsearch goes about it."""
    answer = []
    for key in {event.key for event in events}:
        places = [place for place, event in enumerate(events) if event.key == key]
        answer += [
            sequence
            for sequence in model_of_present([kind for kind in kinds if kind[0] != "!"], events, places, maxspan, until)
            if model_of_missing(kinds, events, places, maxspan, sequence)
        ]
    answer.sort(key=lambda sequence: sequence[-1])
    filled = []
    for sequence in answer:
        items = iter(sequence)
        filled.append(tuple(None if kind[0] == "!" else next(items) for kind in kinds))
    return filled


def model_of_present(kinds, events, places, maxspan, until):
    partials = [[place] for place in places if kinds[0] in events[place].kinds]
    for kind in kinds[1:]:
        extended = []
        for place in places:
            if kind not in events[place].kinds:
                continue
            earlier = [partial for partial in partials if partial[-1] < place]
            partials = [partial for partial in partials if partial[-1] >= place]
            if not earlier:
                continue
            newest = earlier[-1]
            late = maxspan is not None and events[place].time - events[newest[0]].time > maxspan
            cut = any(until in events[between].kinds for between in places if newest[-1] <= between < place)
            if not late and not cut:
                extended.append([*newest, place])
        partials = extended
    return partials


def model_of_missing(kinds, events, places, maxspan, sequence):
    """Tell whether nothing unwanted lies between, and a span of `maxspan` exists around without any at the ends."""
    present = [events[place] for place in sequence]
    first, last = present[0].time, present[-1].time
    before, after = [], []
    position = 0
    for kind in kinds:
        if kind[0] != "!":
            position += 1
            continue
        unwanted = [events[place].time for place in places if kind[1:] in events[place].kinds]
        if position == 0:
            before += [time for time in unwanted if time // 2 < first // 2]
        elif position == len(present):
            after += [time for time in unwanted if time // 2 > last // 2]
        elif any(present[position - 1].time // 2 < time // 2 < present[position].time // 2 for time in unwanted):
            return False
    since = max(before) if before else (None if kinds[0][0] == "!" else first)
    to = min(after) if after else (None if kinds[-1][0] == "!" else last)
    if since is None or to is None or not before + after:
        return True
    return maxspan is not None and to - since > maxspan


KINDS = st.sampled_from(["A", "B", "C"])
SHAPES = st.lists(KINDS, min_size=2, max_size=3)
MISSING_SHAPES = st.sampled_from(
    [shape.split() for shape in ("!M A B", "A B !M", "!M A B !M", "!A B A !B", "A !M B !M", "!M A B C !A", "A B !U")]
)
BETWEEN_SHAPES = st.sampled_from(
    [shape.split() for shape in ("A !M B", "A !M A", "A !M B C", "A B !M C", "A !M B !M A", "A !B !M C", "A !A B")]
)
LONE_SHAPES = st.sampled_from([["!M", "A"], ["A", "!M"], ["!M", "A", "!A"], ["!A", "A", "!M"]])
MADE = st.builds(
    Made,
    kinds=st.frozensets(st.sampled_from(["A", "B", "C", "M", "U"]), min_size=1, max_size=2),
    time=st.integers(0, 24),
    key=st.sampled_from(["x", "y"]),
)
STREAMS = st.lists(MADE, max_size=24).map(lambda events: sorted(events, key=lambda event: event.time))
CROWDS = st.lists(
    st.builds(Made, st.frozensets(st.sampled_from(["A", "B", "C", "M"]), min_size=1, max_size=2), st.integers(0, 12)),
    min_size=6,
    max_size=24,
).map(lambda events: sorted(events, key=lambda event: event.time))
MAXSPANS = st.integers(1, 12)


@given(kinds=SHAPES, events=STREAMS, maxspan=st.none() | MAXSPANS, until=st.none() | st.sampled_from(["U", "A", "C"]))
def test_the_machine_finds_what_the_documented_rules_find(kinds, events, maxspan, until):
    assert found(machine(kinds, maxspan, until), events) == model(kinds, events, maxspan, until)


@settings(max_examples=500)
@given(kinds=MISSING_SHAPES | LONE_SHAPES, events=STREAMS, maxspan=MAXSPANS, until=st.none() | st.just("U"))
def test_the_machine_finds_what_the_documented_rules_find_where_events_must_be_missing(kinds, events, maxspan, until):
    assert found(machine(kinds, maxspan, until), events) == model(kinds, events, maxspan, until)


@settings(max_examples=500)
@given(kinds=BETWEEN_SHAPES, events=CROWDS, maxspan=MAXSPANS)
def test_the_machine_finds_what_the_documented_rules_find_where_events_must_be_missing_between(kinds, events, maxspan):
    assert found(machine(kinds, maxspan), events) == model(kinds, events, maxspan, None)


@given(kinds=SHAPES | MISSING_SHAPES, events=STREAMS, maxspan=MAXSPANS, until=st.none() | st.just("U"))
def test_knowing_the_event_category_changes_nothing(kinds, events, maxspan, until):
    """Dispatch by category only skips stages that could not match."""

    def categorised(kind: str) -> CompiledStage:
        plain = stage(kind)
        category = kind.removeprefix("!")
        return CompiledStage(
            lambda event: category == event["category"], plain.keys, plain.optional, plain.missing, category
        )

    one_kind = [Made(frozenset({min(event.kinds)}), event.time, event.key) for event in events]
    run = SequenceMatching(
        [categorised(kind) for kind in kinds],
        maxspan=timedelta(microseconds=500 * maxspan),
        until=None if until is None else categorised(until),
        category=lambda event: event["category"],
    )
    joined = []
    for place, event in enumerate(one_kind):
        joined += run.feed({"category": min(event.kinds), "key": event.key}, event.time * HALF, place)
    assert [one.items for one in joined + run.finish()] == model(kinds, one_kind, maxspan, until)


@pytest.mark.parametrize(
    ("sentence", "kinds"),
    [
        ("every event starts a sequence that nothing takes on", ["A", "B"]),
        ("sequences end, and new ones start", ["A", "A", "A"]),
        ("what must be missing first is remembered", ["!A", "B", "C"]),
        ("what must be missing last is waited for", ["A", "!B"]),
    ],
)
def test_memory_is_bounded_by_what_is_open(sentence, kinds):
    """100,000 events, each with a key that never comes again or one of a few; an event each millisecond."""
    maxspan = 200  # half milliseconds
    run = machine(kinds, maxspan)
    chance = random.Random(7)
    biggest = 0
    for place in range(100_000):
        event = {"kinds": {chance.choice("AAAB")}, "key": place if chance.random() < 0.5 else chance.randrange(5)}
        run.feed(event, place * MILLISECOND, place)
        biggest = max(biggest, run.size)
    assert biggest <= 2 * maxspan, sentence


def test_without_maxspan_memory_is_bounded_by_the_keys():
    run = machine(["A", "A", "B"])
    for place in range(100_000):
        run.feed({"kinds": {"A"}, "key": place % 10}, place, place)
    assert run.size <= 20


def test_a_stream_out_of_order_is_refused():
    run = machine(["A", "B"])
    run.feed({"kinds": {"A"}, "key": 1}, 2, "a")
    with pytest.raises(ValueError, match="in order of time"):
        run.feed({"kinds": {"B"}, "key": 1}, 1, "b")


def test_a_stage_is_asked_once_an_event_however_often_it_runs():
    asked = []
    repeated = CompiledStage(lambda event: asked.append(event) or True)
    run = SequenceMatching([repeated, repeated, repeated])
    for place in range(3):
        found_now = run.feed({}, place, place)
    assert [one.items for one in found_now] == [(0, 1, 2)]
    assert len(asked) == 3


@pytest.mark.parametrize(
    ("sentence", "optional", "first", "second", "keys"),
    [
        ("a key joins its equal", False, "a", "a", [("a",)]),
        ("another key does not join", False, "a", "b", []),
        ("text joins no number", False, "1", 1, []),
        ("a whole number joins the same decimal", False, 1, 1.0, [(1,)]),
        ("true joins no number", False, True, 1, []),
        ("true joins true", False, True, True, [(True,)]),
        ("without a key there is no event", False, None, None, []),
        ("an empty list is no key", False, [], [], []),
        ("null joins null where the key is optional", True, None, None, [(None,)]),
        ("null joins nothing else", True, None, "a", []),
        ("a list of nulls is null", True, [None], None, [(None,)]),
        (
            "each of several values joins, ordered by the value",
            False,
            ["b", "a", "c"],
            ["d", "b", "a"],
            [("a",), ("b",)],
        ),
        ("a value twice joins once", False, ["a", "a"], ["a", "a"], [("a",)]),
        ("a null among values is no key", True, ["a", None], None, []),
    ],
)
def test_join_keys(sentence, optional, first, second, keys):
    by_key = [
        CompiledStage(lambda event, place=place: event["place"] == place, lambda event: (event["key"],), (optional,))
        for place in range(2)
    ]
    run = SequenceMatching(by_key)
    joined = run.feed({"place": 0, "key": first}, 0, 0) + run.feed({"place": 1, "key": second}, 0, 1)
    assert [one.join_keys for one in joined] == keys, sentence


def test_several_keys_join_in_all_combinations():
    stages = [
        CompiledStage(lambda event, place=place: event["place"] == place, lambda event: event["keys"], (False, True))
        for place in range(2)
    ]
    run = SequenceMatching(stages)
    run.feed({"place": 0, "keys": (["a", "b"], [1, 2])}, 0, 0)
    joined = run.feed({"place": 1, "keys": (["b", "a"], [2, 1])}, 0, 1)
    assert [one.join_keys for one in joined] == [("a", 1), ("a", 2), ("b", 1), ("b", 2)]
