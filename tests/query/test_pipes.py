"""`head` and `tail`, alone and one after the other."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.query.ast import Pipe
from runner.query.pipes import piped
from runner.query.sequences import SequenceMatching
from runner.query.stages import CompiledStage

ANY = CompiledStage(lambda event: event["counts"])


def run_over(pipes, counting, *, missing_last=False):
    """Feed as many events as `counting` has flags; each true one is a sequence of its own."""
    never = CompiledStage(lambda _event: False, missing=True)
    stages = [ANY, never] if missing_last else [never, ANY]
    run = piped(SequenceMatching(stages, maxspan=timedelta(hours=1)), pipes)
    found = []
    for place, counts in enumerate(counting):
        found += run.feed({"counts": counts}, place, place)
    return [next(item for item in one.items if item is not None) for one in found + run.finish()]


@pytest.mark.parametrize(
    ("pipes", "places"),
    [
        ([], [0, 1, 2, 3, 4, 5]),
        ([Pipe("head", 2)], [0, 1]),
        ([Pipe("tail", 2)], [4, 5]),
        ([Pipe("head", 4), Pipe("tail", 2)], [2, 3]),
        ([Pipe("tail", 4), Pipe("head", 2)], [2, 3]),
        ([Pipe("head", 9), Pipe("tail", 8)], [0, 1, 2, 3, 4, 5]),
        ([Pipe("head", 0)], []),
        ([Pipe("tail", 0)], []),
        ([Pipe("tail", 3), Pipe("tail", 1)], [5]),
        ([Pipe("head", 3), Pipe("head", 1)], [0]),
    ],
)
@pytest.mark.parametrize("missing_last", [False, True])
def test_pipes_cut_what_is_found(pipes, places, missing_last):
    """Whether it is found at once or, with a missing last event, at the end of the stream."""
    assert run_over(pipes, [True] * 6, missing_last=missing_last) == places


PIPES = st.builds(Pipe, st.sampled_from(["head", "tail"]), st.integers(0, 6))


@given(pipes=st.lists(PIPES, max_size=2), counting=st.lists(st.booleans(), max_size=12))
def test_two_pipes_are_two_slices(pipes, counting):
    places = [place for place, counts in enumerate(counting) if counts]
    for pipe in pipes:
        places = places[: pipe.count] if pipe.name == "head" else places[max(0, len(places) - pipe.count) :]
    assert run_over(pipes, counting) == places


@given(pipes=st.lists(PIPES, min_size=1, max_size=4), counting=st.lists(st.booleans(), max_size=12))
def test_pipes_are_folded_as_elasticsearch_folds_them(pipes, counting):
    """Signs are its own: a negative limit is a tail."""
    places = [place for place, counts in enumerate(counting) if counts]
    limit, offset = pipes[0].count * (1 if pipes[0].name == "head" else -1), 0
    for pipe in pipes[1:]:
        second = pipe.count * (1 if pipe.name == "head" else -1)
        if limit > 0 and second > 0:
            limit = min(limit, second)
        elif limit < 0 and second < 0:
            limit = max(limit, second)
        elif abs(second) < abs(limit):
            offset += abs(limit + second)
            limit = abs(second) * (1 if limit > 0 else -1)
    seen = places if limit > 0 else places[::-1]
    if limit == 0:
        seen = []
    elif len(seen) >= abs(limit) + offset:
        seen = seen[offset : abs(limit) + offset]
    else:
        seen = seen[max(0, len(seen) - abs(limit)) :]
    assert run_over(pipes, counting) == (seen if limit > 0 else seen[::-1])


def test_nothing_is_looked_for_once_the_head_is_full():
    asked = []
    stage = CompiledStage(lambda event: asked.append(event) or True)
    run = piped(SequenceMatching([stage]), [Pipe("head", 1)])
    for place in range(5):
        run.feed({}, place, place)
    assert len(asked) == 1
