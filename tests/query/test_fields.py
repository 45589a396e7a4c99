"""Reading fields."""

import types

import pytest
from hypothesis import given
from hypothesis import strategies as st

from runner.query.fields import reader, values


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
