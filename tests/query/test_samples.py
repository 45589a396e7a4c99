"""Samples: which events are taken for which keys, in which order, and how many."""

import pytest

from runner.query.samples import SampleMatching
from runner.query.stages import CompiledStage


def stage(kind: str, *, optional: bool = False) -> CompiledStage:
    return CompiledStage(lambda event: kind in event["kinds"], lambda event: (event.get("key"),), (optional,))


def found(stages, events, **limits):
    """Each event is its kinds and its key; return the places of the events of each sample, with its key."""
    run = SampleMatching(stages, **limits)
    for place, (kinds, key) in enumerate(events):
        assert run.feed({"kinds": kinds, "key": key}, 0, place) == []
    return [(one.items, *one.join_keys) for one in run.finish()]


@pytest.mark.parametrize(
    ("sentence", "kinds", "events", "samples"),
    [
        ("one event a stage, whatever their order", "AB", [("B", "x"), ("A", "x")], [((1, 0), "x")]),
        ("a key that some stage lacks is none", "AB", [("A", "x"), ("B", "y")], []),
        ("an event without the key is none", "AB", [("A", None), ("B", None)], []),
        (
            "samples are ordered by their keys",
            "AB",
            [("AB", "y"), ("AB", "y"), ("A", "x"), ("B", "x")],
            [((2, 3), "x"), ((0, 1), "y")],
        ),
        ("numbers by their size", "AB", [("AB", 10), ("AB", 10), ("AB", 9), ("AB", 9)], [((2, 3), 9), ((0, 1), 10)]),
        ("the first events are taken", "AB", [("A", 1), ("B", 1), ("A", 1), ("B", 1)], [((0, 1), 1)]),
        ("no event stands twice", "AB", [("AB", 1)], []),
        ("so another one is looked for", "ABC", [("AC", 1), ("BC", 1), ("ABC", 1)], [((0, 1, 2), 1)]),
        ("and stages give way to each other", "AB", [("AB", 1), ("A", 1)], [((1, 0), 1)]),
        ("each of several values is a key", "AB", [("A", ["x", "y"]), ("B", ["y", "z"])], [((0, 1), "y")]),
    ],
)
def test_samples(sentence, kinds, events, samples):
    assert found([stage(kind) for kind in kinds], events) == samples, sentence


def test_null_joins_null_where_the_key_is_optional_and_comes_first():
    stages = [stage("A", optional=True), stage("B", optional=True)]
    events = [("AB", "x"), ("AB", "x"), ("A", None), ("B", None)]
    assert found(stages, events) == [((2, 3), None), ((0, 1), "x")]


@pytest.mark.parametrize(
    ("wanted", "samples"),
    [
        (1, [(0, 1)]),
        (2, [(0, 1), (0, 3)]),
        (3, [(0, 1), (0, 3), (2, 1)]),
        (9, [(0, 1), (0, 3), (2, 1), (2, 3)]),
    ],
)
def test_max_samples_per_key_takes_combinations_the_last_stage_varying_fastest(wanted, samples):
    events = [("A", 1), ("B", 1), ("A", 1), ("B", 1)]
    assert [one[0] for one in found([stage("A"), stage("B")], events, max_samples_per_key=wanted)] == samples


def test_a_stage_offers_only_as_many_events_as_could_be_needed():
    """As Elasticsearch asks for stages + max_samples_per_key - 1 events a stage; memory does not grow with events."""
    run = SampleMatching([stage("A"), stage("B")], max_samples_per_key=2)
    for place in range(100_000):
        run.feed({"kinds": "AB"[place % 2], "key": place // 2 % 10}, 0, place)
    assert all(len(items) == 3 for offered in run._offered for items in offered.values())
    assert len(run.finish()) == 20
