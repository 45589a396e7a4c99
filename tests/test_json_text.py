"""JSON text: whatever an event may hold is written and read again."""

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from runner.json_text import dumps, loads


def nested(depth: int) -> object:
    value: object = "leaf"
    for _ in range(depth):
        value = {"a": value}
    return value


TEXTS = st.text(st.characters())  # halves of surrogate pairs, too
NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
VALUES = st.recursive(
    st.none() | st.booleans() | NUMBERS | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
    max_leaves=8,
)


@given(VALUES, st.booleans(), st.booleans())
def test_what_is_written_means_the_same(value: object, indented: bool, sort_keys: bool) -> None:
    """Read by the standard library: orjson reads integers of more than 64 bits as floats, as `loads` does."""
    text = dumps(value, indented=indented, sort_keys=sort_keys)
    assert json.loads(text) == json.loads(json.dumps(value))
    assert indented or b"\n" not in text


WHOLE = st.integers() | st.sampled_from([2**63, 2**64, -(2**63), 10**308]).flatmap(
    lambda edge: st.integers(-3, 3).map(lambda step: edge + step)
)


@given(VALUES | WHOLE)
@example(10**400)
def test_what_stands_beside_it_does_not_change_how_a_value_is_read(value: object) -> None:
    text = json.dumps(value).encode()
    odd = json.dumps("half \ud800").encode()
    assert repr(loads(b"[%b,%b]" % (text, odd))[0]) == repr(loads(text))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"18446744073709551615", 2**64 - 1),
        (b"18446744073709551616", 2.0**64),
        (b"-9223372036854775808", -(2**63)),
        (b"-9223372036854775809", -(2.0**63)),
        (b"123456789012345678901234", 1.2345678901234569e23),
        (b"1" + b"0" * 400, 10**400),
        (b"1e400", float("inf")),
    ],
    ids=lambda text: ascii(text)[:30],
)
def test_a_number_is_read(text: bytes, value: float) -> None:
    assert repr(loads(text)) == repr(value)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"a": "é"}, '{"a":"é"}'),
        ({"a": "é\ud800"}, '{"a":"é\\ud800"}'),
        ({"\\\udfff": '"'}, '{"\\\\\\udfff":"\\""}'),
        ({"a": 2**70}, '{"a":1180591620717411303424}'),
        ({"a": float("inf")}, '{"a":null}'),
        ({"a": [float("nan"), "\ud800"]}, '{"a":[null,"\\ud800"]}'),
    ],
    ids=ascii,
)
def test_a_value_is_written_on_one_line(value: object, text: str) -> None:
    assert dumps(value) == text.encode()


@pytest.mark.parametrize("odd", ["plain", "half \ud800"], ids=ascii)
def test_a_value_is_written_for_people(odd: str) -> None:
    text = dumps({"b": [1, {}], "a": odd}, indented=True, sort_keys=True)
    assert text == json.dumps({"a": odd, "b": [1, {}]}, indent=2).encode()


@pytest.mark.parametrize("depth", [10, 254, 255, 800])
def test_values_stand_one_in_another(depth: int) -> None:
    assert loads(dumps(nested(depth))) == nested(depth)


@pytest.mark.parametrize(
    "text", [b"", b"{", b"\xff", b"NaN", b"[-Infinity]", b"[" * 100_000], ids=lambda text: text[:9]
)
def test_what_is_no_json_is_refused(text: bytes) -> None:
    with pytest.raises(ValueError, match="line 1 column"):
        loads(text)


@pytest.mark.parametrize("value", [object(), {"a": {1, 2}}, nested(100_000)], ids=["object", "set", "too deep"])
def test_what_json_does_not_know_is_refused(value: object) -> None:
    with pytest.raises(TypeError):
        dumps(value)
