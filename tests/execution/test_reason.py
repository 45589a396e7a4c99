"""The sentence that says what an alert is about."""

import pytest

from runner.execution.overrides import Standing
from runner.execution.reason import reason
from runner.rules.model import Severity


@pytest.mark.parametrize(
    ("source", "expected"),
    [
        pytest.param({}, "event created medium alert Evil Process.", id="nothing known"),
        pytest.param(
            {
                "event": {"category": ["process"]},
                "process": {"name": "nc", "parent": {"name": "sh"}},
                "user": {"name": "root"},
                "host": {"name": "web-01"},
            },
            "process event with process nc, parent process sh, by root on web-01 created medium alert Evil Process.",
            id="a process",
        ),
        pytest.param(
            {
                "event": {"category": ["network", "session"]},
                "source": {"ip": "10.0.0.1", "port": 4444},
                "destination": {"ip": "198.51.100.7"},
            },
            "network, session event with source 10.0.0.1:4444, destination 198.51.100.7, "
            "created medium alert Evil Process.",
            id="a connection, its port a number",
        ),
        pytest.param(
            {"event.category": "file", "file.name": "x", "user": {"name": "-"}},
            "file event with file x, created medium alert Evil Process.",
            id="dotted fields; a lone dash is absent",
        ),
    ],
)
def test_the_reason_reads(source, expected):
    assert reason(Standing("Evil Process", Severity.MEDIUM, 47), source) == expected
