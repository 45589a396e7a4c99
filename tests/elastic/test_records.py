"""Executions and states as documents."""

from datetime import UTC, datetime

import orjson
from hypothesis import given
from hypothesis import strategies as st

from runner.elastic.records import execution_document, execution_of, state_document, state_of
from runner.execution.model import Backlog, Coverage, Execution, Failure, Lease, RunType, State, Swept, Verdict
from runner.schedule.windows import Window

text = st.text(max_size=20)
counts = st.integers(min_value=0, max_value=10**9)
instants = st.datetimes(
    datetime(1970, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
    datetime(2100, 1, 1),  # noqa: DTZ001  hypothesis adds the zone
    timezones=st.just(UTC),
)
windows = st.lists(instants, min_size=2, max_size=2).map(lambda pair: Window(*sorted(pair)))
several = st.lists(windows, max_size=3).map(tuple)
failures = st.builds(Failure, kind=text, who=text, text=text, hint=text)
executions = st.builds(
    Execution,
    id=text,
    rule_id=text,
    rule_name=text,
    rule_version=counts,
    query_hash=text,
    run_type=st.sampled_from(RunType),
    window=windows,
    started=instants,
    duration=st.floats(min_value=0, max_value=1e6),
    verdict=st.sampled_from(Verdict),
    **dict.fromkeys(
        ("candidates", "matched", "created", "suppressed", "duplicates", "rejected", "backlog", "requests"), counts
    ),
    excepted=st.dictionaries(text, counts, max_size=3),
    faults=st.lists(text, max_size=3).map(tuple),
    notes=st.lists(text, max_size=3).map(tuple),
    failure=st.none() | failures,
    resume=st.none() | instants,
    ingested=st.none() | windows,
)
backlogs = st.lists(st.builds(Backlog, window=windows, after=instants, pending=counts), max_size=3).map(tuple)
cuts = st.builds(Backlog, window=windows, after=instants, pending=counts, ingested=windows)
coverages = st.builds(
    Coverage, query_hash=text, since=st.none() | instants, covered=several, backlog=backlogs, gaps=several
)
states = st.builds(
    State,
    rule_id=text,
    coverage=coverages,
    last=st.none() | executions,
    lease=st.none() | st.builds(Lease, owner=text, until=instants),
    swept=st.none() | st.builds(Swept, until=instants, cut=st.none() | cuts, given_up=st.none() | windows),
)


def stored(document):
    """The document as it comes back from an index."""
    return orjson.loads(orjson.dumps(document))


@given(executions)
def test_an_execution_comes_back_as_it_was(execution):
    assert execution_of(stored(execution_document(execution))) == execution


@given(states)
def test_a_state_comes_back_as_it_was(state):
    assert state_of(stored(state_document(state)), (1, 2)) == state


def test_a_state_of_an_earlier_version_tells_of_no_sweeps():
    document = stored(state_document(State("r", Coverage("q"))))
    del document["swept_until"]
    assert state_of(document, None) == State("r", Coverage("q"))
