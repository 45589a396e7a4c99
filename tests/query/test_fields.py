"""Reading fields."""

import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.query.fields import reader, values
from runner.query.kinds import Fields
from runner.query.types import FieldType


@pytest.mark.parametrize(
    ("event", "path", "found"),
    [
        ({"a": 1}, "a", [1]),
        ({"a": {"b": 1}}, "a.b", [1]),
        ({"a.b": 1}, "a.b", [1]),
        ({"a.b": 1, "a": {"b": 2}}, "a.b", [1, 2]),
        ({"a": {"b.c": 1}}, "a.b.c", [1]),
        ({"a.b": {"c": 1}}, "a.b.c", [1]),
        ({"a": {"b": {"c": 1}, "b.c": 2}, "a.b": {"c": 3}, "a.b.c": 4}, "a.b.c", [1, 2, 3, 4]),
        ({"a": [{"b": 1}, {"b": [2, 3]}, {"c": 4}, 5]}, "a.b", [1, 2, 3]),
        ({"a": {"b": {"c": {"d": 1}}}}, "a.b.c.d", [1]),
        ({"a.b": {"c.d": 1}}, "a.b.c.d", [1]),
        ({"a": [1, None, [2, [3]]]}, "a", [1, 2, 3]),
        ({"a": None}, "a", []),
        ({"a": []}, "a", []),
        ({"a": {}}, "a", []),
        ({"a": {"b": 1}}, "a", []),
        ({"a": 1}, "a.b", []),
        ({"a": False}, "a", [False]),
        ({"a": ""}, "a", [""]),
        ({}, "a.b.c.d.e", []),
        (types.MappingProxyType({"a": types.MappingProxyType({"b": 1})}), "a.b", [1]),
    ],
)
def test_values(event, path, found):
    assert sorted(values(event, path), key=str) == found
    read = reader(path)(event)
    listed = read if isinstance(read, list) else [] if read is None else [read]
    assert sorted(listed, key=str) == found


objects = st.recursive(
    st.one_of(st.none(), st.integers(0, 3), st.text(max_size=1)),
    lambda inner: st.one_of(
        st.lists(inner, max_size=2), st.dictionaries(st.sampled_from(["a", "b", "c", "a.b", "b.c", "a.b.c"]), inner)
    ),
    max_leaves=8,
)


@given(
    st.dictionaries(st.sampled_from(["a", "b", "a.b", "a.b.c"]), objects),
    st.lists(st.sampled_from("abc"), min_size=1, max_size=4),
)
def test_the_quick_way_reads_what_the_thorough_way_reads(event, names):
    path = ".".join(names)
    read = reader(path)(event)
    listed = read if isinstance(read, list) else [] if read is None else [read]
    assert sorted(map(repr, listed)) == sorted(map(repr, values(event, path)))
    assert not isinstance(read, list) or len(read) > 1


@pytest.mark.parametrize(
    ("event", "found"),
    [
        pytest.param({"a": "x"}, "x", id="a document has it in its field"),
        pytest.param({"a": "X", "a.low": "x"}, "x", id="the index has told its own value"),
        pytest.param({"a": "x", "a.low": []}, None, id="the index has told that it has none"),
        pytest.param({}, None, id="nowhere"),
    ],
)
def test_a_multi_field_is_read_from_its_field_unless_it_stands_there_itself(event, found):
    assert reader("a.low", "a")(event) == found


@pytest.mark.parametrize(
    ("above", "expected"),
    [
        pytest.param({"keyword"}, "a", id="a value: a multi-field"),
        pytest.param({"object"}, "a.b", id="an object"),
        pytest.param({"nested"}, "a.b", id="nested objects"),
        pytest.param({"flattened"}, "a.b", id="a key of a flattened field"),
        pytest.param({"keyword", "object"}, "a.b", id="a value here, an object there"),
    ],
)
def test_where_a_source_has_the_values_of_a_field(above, expected):
    types = {"a": FieldType(frozenset(above)), "a.b": FieldType(frozenset({"keyword"}))}
    assert Fields(types, timestamp_field="@timestamp").source("a.b") == expected
