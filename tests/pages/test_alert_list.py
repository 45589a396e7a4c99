"""The list of alerts uses the line that it has, and no more."""

import io
from datetime import UTC, datetime

import pytest
from rich.console import Console

from runner.elastic.alert_search import Found
from runner.pages import alerts

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
NAME = "Pod or Container Creation with Suspicious Command-Line"
ALERT = Found("4f0c2a9e", "alerts-000001", (1, 1), {"kibana.alert.rule.name": NAME, "kibana.alert.reason": "so it is"})


@pytest.mark.parametrize(
    ("width", "shown"), [(80, "Pod or Container Creation with …"), (100, f"{NAME[:51]}…"), (120, NAME)]
)
def test_a_rules_name_is_cut_only_where_the_line_ends(width, shown):
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False, markup=False, emoji=False).print(alerts.page([ALERT], 1, NOON))
    lines = [line.rstrip() for line in stream.getvalue().splitlines()]
    assert lines[1].endswith(shown)
    assert max(map(len, lines)) <= width
