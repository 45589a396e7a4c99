"""`eql-runner alerts` on a real node, as a person uses it."""

import io
import json
from collections.abc import Callable

import pytest

from runner.cli import main
from runner.elastic.alert_index import AlertIndex
from runner.elastic.setup import Names, install
from runner.execution.alerts import Occasion, build
from runner.execution.model import Hit, Match, RunType
from tests.elastic.conftest import client_of
from tests.made import event, minute, rule

pytestmark = pytest.mark.live

GUIDE = "## Triage\n\n- Look at **it**."
THREAT = {
    "framework": "MITRE ATT&CK",
    "tactic": {"id": "TA0002", "name": "Execution"},
    "technique": [{"id": "T1059", "name": "Command and Scripting Interpreter"}],
}
SEQUENCE = 'sequence by host.name [process where process.name == "a"] [process where process.name == "b"]'

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(
    elasticsearch_url: str, index_prefix: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Run:
    """Run a command of `alerts` over three alerts, one of them a sequence; return exit code, output and complaints."""
    client = client_of(elasticsearch_url)
    names = Names(f"{index_prefix}-alerts", f"{index_prefix}-executions", f"{index_prefix}-state")
    install(client, names)
    sink = AlertIndex(client, names.alerts)
    occasion = Occasion("execution-1", RunType.STANDARD, minute(1))
    for one, *stored in (
        (rule(note=GUIDE, threat=(THREAT,), tags=("Linux",)), event(0)),
        (rule(rule_id="rule-2", name="Other \x1b[31mRule"), event(1, host={"name": "db-1"})),
        (rule(SEQUENCE, rule_id="rule-3", name="Two Steps"), event(2, "a"), event(3, "b")),
    ):
        hits = tuple(Hit(item.index, item.id, minute(0), item.source) for item in stored)
        sink.write(build(one, Match(hits), occasion))
    client.close()
    monkeypatch.setenv("RUNNER_ELASTICSEARCH_URL", elasticsearch_url)
    for name in ("alerts", "executions", "state", "suppressed"):
        monkeypatch.setenv(f"RUNNER_{name.upper()}_INDEX", getattr(names, name))

    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["alerts", *arguments])
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


def ids(run: Run, *options: str) -> dict[str, str]:
    """The listed alerts, by rule."""
    return {one["rule_id"]: one["id"] for one in json.loads(run("list", "--json", *options)[1])["alerts"]}


def test_alerts_are_listed_with_their_reasons_and_nothing_that_a_terminal_obeys(run: Run) -> None:
    code, out, _ = run("list")
    assert code == 0
    assert "3 alerts" in out
    assert "process event with process evil" in out
    assert "\x1b" not in out
    assert list(ids(run, "--host", "db-*")) == ["rule-2"]
    assert ids(run, "--since", "1h") == {}


def test_one_alert_is_shown_whole(run: Run) -> None:
    code, out, _ = run("show", ids(run)["rule-1"][:8])
    assert code == 0
    for part in ("Evil Process", "TA0002  Execution", "T1059", "logs-test", '"name": "evil"', "Triage", "• Look at it"):
        assert part in out
    shown = json.loads(run("show", "--json", ids(run)["rule-1"])[1])
    assert shown["kibana.alert.rule.note"] == GUIDE
    sequence = run("show", ids(run)["rule-3"])[1]
    assert sequence.index("Event 1 of 2") < sequence.index("Event 2 of 2")


def test_alerts_go_from_open_to_acknowledged_to_closed_and_back(run: Run) -> None:
    alert = ids(run)["rule-1"]
    assert run("ack", alert[:10], "--by", "ana", "--reason", "mine")[:2] == (0, "acknowledged 1 alert\n")
    assert run("close", alert, "--by", "ben")[0] == 0
    assert ids(run, "--status", "closed") == {"rule-1": alert}
    assert run("reopen", alert)[1].startswith("reopened 1 alert")
    shown = run("show", alert)[1]
    assert "ana acknowledged: mine" in shown
    assert "ben closed" in shown


def test_a_filter_changes_what_it_selects_after_a_person_agreed(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    code, _, err = run("close", "--rule", "rule-3", "--reason", "a drill")
    assert (code, "--yes" in err) == (2, True)
    code, out, _ = run("close", "--rule", "rule-3", "--reason", "a drill", "--yes", "--json")
    assert (code, json.loads(out)["building_blocks"]) == (0, 2)

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    monkeypatch.setattr("sys.stdin", Terminal("n\n"))
    assert run("close", "--text", "evil")[0] == 1
    monkeypatch.setattr("sys.stdin", Terminal("y\n"))
    assert run("close", "--text", "evil")[1].strip() == "closed 2 alerts"


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (("ack",), "no alert is named"),
        (("ack", "abcdef", "--rule", "x"), "both"),
        (("ack", "ffffffffffff"), "there is no alert"),
        (("show", "xy"), "too short"),
        (("list", "--since", "yesterday"), "no point in time"),
    ],
    ids=str,
)
def test_what_cannot_be_done_is_said_with_the_next_step(run: Run, arguments: tuple[str, ...], complaint: str) -> None:
    code, _, err = run(*arguments)
    assert code == 2
    assert complaint in err
    assert "Traceback" not in err
