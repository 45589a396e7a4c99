"""What a person sees: lengths, timelines, and texts that a terminal must not obey; pages fit into 80 columns."""

import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from runner.elastic.alert_search import Found
from runner.elastic.workflow import HISTORY
from runner.execution.model import Backlog, Coverage, Execution, Failure, RunType, State, Swept, Verdict
from runner.pages import alerts, coverage, executions, issues, screen
from runner.rules.issues import Code, Issue, IssueSeverity
from runner.schedule.windows import Window
from tests.made import rule

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)

LENGTHS = [
    (timedelta(0), "0s"),
    (timedelta(milliseconds=400), "0s"),
    (timedelta(seconds=45), "45s"),
    (timedelta(minutes=9), "9m"),
    (timedelta(hours=2, minutes=5, seconds=7), "2h 5m"),
    (timedelta(days=3, hours=4), "3d 4h"),
]


@pytest.mark.parametrize(("value", "expected"), LENGTHS)
def test_a_length_is_written_in_its_two_largest_units(value, expected):
    assert screen.length(value) == expected


def execution(**changes):
    values = {
        "id": "x",
        "rule_id": "r",
        "rule_name": "Pod or Container Creation with Suspicious Command-Line",
        "rule_version": 1,
        "query_hash": "h",
        "run_type": RunType.STANDARD,
        "window": Window(NOON - HOUR, NOON),
        "started": NOON,
        "duration": 0.25,
        "verdict": Verdict.COMPLETE,
    }
    return Execution(**{**values, **changes})


def printed(page, width=80):
    stream = io.StringIO()
    Console(file=stream, width=width, highlight=False, markup=False, emoji=False).print(page)
    return stream.getvalue()


KNOWN = Coverage(
    "h",
    since=NOON - 24 * HOUR,
    covered=(Window(NOON - 20 * HOUR, NOON - 10 * HOUR), Window(NOON - 8 * HOUR, NOON - HOUR)),
    backlog=(Backlog(Window(NOON - 9 * HOUR, NOON - 8 * HOUR), NOON - 9 * HOUR, 212),),
    gaps=(Window(NOON - 24 * HOUR, NOON - 21 * HOUR),),
)


def test_a_timeline_shows_each_hour_as_the_worst_in_it():
    bar = coverage.timeline(KNOWN, Window(NOON - 24 * HOUR, NOON), cells=24)
    assert bar.plain == "×××·██████████·▒███████·"  # noqa: RUF001  # the mark of a gap


def test_the_coverage_page_tells_until_when_and_what_lacks():
    page = printed(coverage.page([(rule(), State("r", KNOWN, execution()))], NOON, 24 * HOUR))
    assert "2025-06-01 11:00" in page
    for told in ("1h", "3h", "212", "complete"):
        assert told in page
    assert all(len(line.rstrip()) <= 80 for line in page.splitlines())


SWEEPS = {
    "as far as the searches": (Swept(NOON - HOUR), None, 212),
    "behind them": (Swept(NOON - 3 * HOUR), "swept for late events until 2025-06-01 09:00, 2h behind", 212),
    "cut by the cap": (
        Swept(NOON - HOUR, Backlog(Window(NOON - 9 * HOUR, NOON), NOON, 30, Window(NOON - 2 * HOUR, NOON - HOUR))),
        None,
        242,
    ),
}


@pytest.mark.parametrize(("swept", "told", "waiting"), SWEEPS.values(), ids=SWEEPS)
def test_the_coverage_page_tells_of_sweeps_that_are_behind(swept, told, waiting):
    state = State("r", KNOWN, execution(), swept=swept)
    page = printed(coverage.page([(rule(), state)], NOON, 24 * HOUR))
    assert [line.strip() for line in page.splitlines() if "swept" in line] == ([told] if told else [])
    assert str(waiting) in page
    as_json = coverage.as_json(rule(), state, NOON)
    assert (as_json["backlog_pending"], as_json["swept_until"]) == (waiting, swept.until.isoformat())
    assert ["ingested" in cut for cut in as_json["backlog"]] == [False, *[True] * (swept.cut is not None)]
    assert all(len(line.rstrip()) <= 80 for line in page.splitlines())


def test_a_rule_that_never_ran_is_shown_as_such():
    page = printed(coverage.page([(rule(), State("r", Coverage("h")))], NOON, 24 * HOUR))
    assert "never" in page
    assert "not run yet" in page


def test_the_executions_page_says_each_trouble_once_and_the_sum():
    failure = Failure("AccessDenied", "operator", "may not read logs-*", "Grant `read`.")
    note = "no index matches logs-*"
    page = printed(
        executions.page(
            [
                execution(created=2, duplicates=1),
                execution(verdict=Verdict.TRUNCATED, created=100, backlog=5, notes=(note,)),
                execution(notes=(note,)),
                execution(rule_name="Other", verdict=Verdict.FAILED, failure=failure),
            ]
        )
    )
    assert page.count(note) == 1
    assert "● may not read logs-*\n  Grant `read`.\n  (for the operator)" in page
    assert "102 alerts created, 1 known already, 5 waiting for the next run" in page
    assert "2 of 4 executions not complete" in page
    assert page.count("Pod or Container Creation") == 2  # over its lines, and over what is to say of it


@pytest.mark.parametrize("field", ["rule_name", "faults"])
def test_what_a_terminal_would_obey_is_not_printed(field):
    evil = "\x1b]0;owned\x07\x1b[2J"
    page = printed(executions.page([execution(**{field: (evil,) if field == "faults" else evil})]))
    assert "\x1b" not in page
    assert "\x07" not in page
    assert "[2J" in page


def test_half_a_surrogate_pair_hides_no_alert(capsys):
    half = "bad\ud800"
    document = {
        "kibana.alert.reason": half,
        "kibana.alert.severity": half,
        HISTORY: [{"at": "", "user": "", "to": half, "reason": half}],
        "process": {"name": half},
    }
    found = Found("4f0c2a9e", "alerts-000001", (1, 1), document)
    for page in (alerts.page([found], 1, NOON), alerts.whole(found, [])):
        assert "bad" in printed(page).encode().decode()
    screen.show_json(alerts.as_json(found))
    assert json.loads(capsys.readouterr().out.encode())["reason"] == half


def test_a_hint_is_shown_whole_on_a_page_and_on_one_line_of_a_log():
    hint = "write ?proces.name if it need not exist: " + "the API refuses the query without it " * 5 + "so it is"
    one = Issue(IssueSeverity.WARNING, Code.MAPPING, "wrong", Path("a.toml"), hint=hint)
    stream = io.StringIO()
    Console(file=stream, width=80, highlight=False).print(issues.issue(one), soft_wrap=True)
    assert f"    {hint}\n" in stream.getvalue()
    assert " ".join(printed(issues.issue(one)).split()).endswith(hint)


def test_an_alert_tells_how_many_matches_it_stands_for_in_the_list_and_by_itself():
    absorbed = {
        "kibana.alert.reason": "it happened.",
        "kibana.alert.suppression.docs_count": 1234,
        "kibana.alert.suppression.start": "2026-01-01T12:00:00.000Z",
        "kibana.alert.suppression.end": "2026-01-01T13:00:00.000Z",
        "kibana.alert.suppression.terms": [
            {"field": "host.name", "value": ["web-1", "web-2"]},
            {"field": "user.name", "value": None},
        ],
    }
    found = Found("4f0c2a9e", "alerts-000001", (1, 1), absorbed)
    assert "it happened. +1,234 suppressed" in printed(alerts.page([found], 1, NOON))
    assert alerts.as_json(found)["suppressed"] == 1234
    shown = printed(alerts.whole(found, []), width=120)
    for part in ("1,234 further, 2026-01-01T12:00:00.000Z to", "host.name: web-1, web-2", "user.name: none"):
        assert part in shown
