"""What the events of a sequence share."""

import pytest

from runner.execution.common_fields import common


@pytest.mark.parametrize(
    ("sources", "expected"),
    [
        pytest.param([{"a": 1, "b": 2}, {"a": 1, "b": 3}], {"a": 1}, id="equal scalars stay"),
        pytest.param([{"a": 1}, {"b": 1}], {}, id="a key of one alone goes"),
        pytest.param([{"a": {"x": 1, "y": 2}}, {"a": {"x": 1}}], {"a": {"x": 1}}, id="objects recurse"),
        pytest.param([{"a": {"x": 1}}, {"a": {"x": 2}}], {}, id="an object with nothing left goes"),
        pytest.param([{"a": [1, 2]}, {"a": [2, 3]}, {"a": 2}], {"a": [2]}, id="arrays become what they share"),
        pytest.param([{"a": [1]}, {"a": [2]}], {}, id="arrays that share nothing go"),
        pytest.param([{"a": {"x": 1}}, {"a": 1}], {}, id="an object and a scalar share nothing"),
    ],
)
def test_common_fields(sources, expected):
    assert common(sources) == expected
