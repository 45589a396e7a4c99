"""The command line: exit codes, pages and JSON, and errors as one message without a trace."""

import errno
import io
import json
import os
import re
import signal
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from runner import __version__
from runner.cli import main
from tests.elastic.security import PATH, Security
from tests.made import event
from tests.rules.rule_text import RULE, with_line, with_values, written

SEED = "Pod or Container Creation with Suspicious Command-Line"


@pytest.fixture(autouse=True)
def _surroundings(tmp_path, monkeypatch):
    """An empty working directory, no settings, and signals as they were."""
    monkeypatch.chdir(tmp_path)
    for name in [name for name in os.environ if name.startswith("RUNNER_")]:
        monkeypatch.delenv(name)
    handlers = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)}
    yield
    for number, handler in handlers.items():
        signal.signal(number, handler)


@pytest.fixture
def run(capsys):
    """Run a command; return its exit code, what it printed, and what it complained of."""

    def run(*arguments):
        code = main(list(arguments))
        told = capsys.readouterr()
        return code, told.out, told.err

    return run


@pytest.fixture
def rules(tmp_path):
    """Write rule files: name → condition of its query."""

    def write(index="logs-*", **conditions):
        folder = tmp_path / "rules"
        folder.mkdir(exist_ok=True)
        for number, (name, condition) in enumerate(conditions.items()):
            fields = {"rule_id": f"{number:08}-1111-4111-8111-111111111111", "name": name.replace("_", " ").title()}
            text = with_values(**fields, index=[index]).replace('process.name == "evil"', condition)
            written(folder, text, f"{name}.toml")
        return folder

    return write


def test_the_shipped_rules_are_without_an_issue_and_pass_their_tests(run):
    assert run("validate")[:2] == (0, "1 rule can run; no issues\n")
    code, out, _ = run("test")
    assert code == 0
    assert SEED in out
    assert ", 0 failed" in out


def test_validate_prints_every_problem_with_its_place_line_and_caret(run, rules):
    folder = rules(good='process.name == "evil"', bad="lenght(process.name) > 3", worse="process.name ==")
    code, out, _ = run("validate", str(folder))
    assert code == 1
    assert re.search(r"bad\.toml:\d+:\d+: error: ", out)
    assert re.search(r"worse\.toml:\d+:\d+: error: ", out)
    excerpt = re.search(r"\n( *)process where lenght\(process\.name\) > 3\n( *)\^", out)
    assert excerpt
    assert len(excerpt[2]) - len(excerpt[1]) == len("process where ")
    assert "1 rule can run; 2 errors" in out


@pytest.mark.parametrize(
    ("conditions", "code"), [({"good": "true"}, 0), ({"good": "true", "bad": "("}, 1), ({"bad": "("}, 2)], ids=str
)
def test_the_exit_code_of_validate_tells_all_some_or_none(run, rules, conditions, code):
    assert run("validate", str(rules(**conditions)))[0] == code


def test_a_rule_of_a_type_that_cannot_run_yet_is_named_and_is_no_error(run, rules, monkeypatch):
    folder = rules(good="true", other="true")
    (folder / "other.toml").write_text(
        (folder / "other.toml").read_text().replace('type = "eql"', 'type = "new_terms"')
    )
    code, out, _ = run("validate", str(folder))
    assert code == 0
    assert re.search(r"other\.toml:\d+:1: left out: cannot run yet: type new_terms \[Other\]", out)
    assert "1 rule can run; 1 of other types cannot yet" in out
    monkeypatch.setenv("RUNNER_RULES_PATH", str(folder))
    monkeypatch.setenv("RUNNER_STRICT", "true")
    monkeypatch.setenv("RUNNER_ELASTICSEARCH_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("RUNNER_RETRY_DEADLINE", "1s")
    assert "no connection" in run("once")[2]


def test_validate_speaks_json_and_sarif(run, rules):
    folder = rules(bad="lenght(process.name) > 3")
    _, out, _ = run("validate", str(folder), "--json")
    (issue,) = [one for one in json.loads(out)["issues"] if one["severity"] == "error"]
    _, out, _ = run("validate", str(folder), "--sarif")
    (result,) = [one for one in json.loads(out)["runs"][0]["results"] if one["level"] == "error"]
    region = result["locations"][0]["physicalLocation"]["region"]
    assert (region["startLine"], region["startColumn"]) == (issue["line"], issue["column"])
    assert result["ruleId"] == issue["code"] == "query"


def test_validate_says_so_when_there_is_nothing(run):
    code, out, _ = run("validate", "nowhere")
    assert code == 2
    assert "there is no such file or folder" in out


def test_rules_lists_what_runs_and_what_cannot(run, rules):
    folder = rules(good="true", bad="(")
    code, out, _ = run("rules", str(folder))
    assert code == 0
    assert "every 5m over now-9m to now" in out
    assert "1 rule can run, 1 cannot" in out
    listed = json.loads(run("rules", str(folder), "--json")[1])
    assert [(one["name"], one["runnable"]) for one in listed] == [("Good", True), ("Bad", False)]


def test_a_rule_with_several_faults_is_one_rule_that_cannot_run(run, rules):
    path = rules(bad="(") / "bad.toml"
    path.write_text(path.read_text().replace("risk_score = 47", "risk_score = 470"))
    code, out, _ = run("rules", str(path))
    assert code == 2
    assert out.count("Bad  cannot run") == 1
    assert "`risk_score` is `470`" in out
    assert "0 rules can run, 1 cannot: `eql-runner validate` shows where to look" in out
    (listed,) = json.loads(run("rules", str(path), "--json")[1])
    assert listed["reason"].startswith("`risk_score` is `470`: expected a number from 0 to 100; ")


def test_a_failed_test_of_a_rule_is_told_and_written_as_junit(run, tmp_path):
    folder = tmp_path / "rules"
    folder.mkdir()
    (folder / "evil.toml").write_text(RULE)
    (folder / "evil.test.toml").write_text(
        '[[match]]\nname = "a good process"\nevents = [{event.category = "process", process.name = "good"}]\n'
    )
    code, out, _ = run("test", str(folder), "--junit", "results.xml")
    assert code == 1
    assert "✗ a good process" in out
    assert "0 tests passed, 1 failed" in out
    assert "a good process" in Path("results.xml").read_text()
    assert json.loads(run("test", str(folder), "--json")[1])["ok"] is False


def test_tests_that_pass_beside_a_rule_with_an_error_say_why_all_is_not_well(run, rules):
    folder = rules(good="true", bad="(")
    code, out, _ = run("test", str(folder))
    assert code == 1
    assert "0 tests passed, 0 failed; 1 rule has no tests" in out
    assert "1 error in the rules themselves: `eql-runner validate` shows each" in out
    issues = json.loads(run("test", str(folder), "--json")[1])["issues"]
    assert {(issue["severity"], issue["code"]) for issue in issues} >= {("error", "query")}


def test_the_demo_shows_alerts_and_proves_that_none_is_missed_or_doubled(run):
    code, out, _ = run("demo", "--output", "here.ndjson")
    assert code == 0
    assert SEED in out
    assert "✗" not in out
    matching, alerted = re.search(r"✓ (\d+) events match, (\d+) have an alert", out).groups()
    lines = Path("here.ndjson").read_text().splitlines()
    assert matching == alerted == str(len(lines))
    assert all(json.loads(line)["kibana.alert.rule.name"] == SEED for line in lines)
    assert run("report", "here.ndjson", "--output", "here.html")[1] == f"{len(lines)} alerts in here.html\n"
    assert SEED in Path("here.html").read_text()
    shown = run("report", "here.ndjson", "--out", "here.html", "--since", "40m")[1]
    assert 0 < int(shown.split()[0]) < len(lines)


def test_config_shows_what_is_set_and_no_secret(run, monkeypatch):
    monkeypatch.setenv("RUNNER_API_KEY", "id:very-secret-key")
    monkeypatch.setenv("RUNNER_WORKERS", "7")
    for arguments in (["config"], ["config", "--json"]):
        code, out, err = run(*arguments)
        assert code == 0
        assert "very-secret-key" not in out + err
        assert "7" in out
    assert json.loads(out)["workers"] == 7


def test_version(run):
    assert run("version")[1].startswith(f"eql-runner {__version__}")
    assert json.loads(run("version", "--json")[1])["eql-runner"] == __version__


class Full(io.StringIO):
    """A stream that takes nothing, for the reason that it is given."""

    def __init__(self, error):
        super().__init__()
        self.error = error

    def write(self, _text):
        raise self.error


@pytest.fixture
def run_over(run, monkeypatch):
    """Run a command with other standard streams, by their names."""

    def run_over(streams, *arguments):
        with monkeypatch.context() as patched:
            for name, stream in streams.items():
                patched.setattr(sys, name, stream)
            told = run(*arguments)
            for name in streams:
                getattr(sys, name).close()  # what the command has put in its place
        return told

    return run_over


PRINTING = [
    ["version"],
    ["version", "--json"],
    ["validate"],
    ["rules", "--json"],
    ["demo"],
    ["--help"],
    ["-h"],
    ["alerts", "--help"],
    ["notify", "test", "--help"],
]


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
@pytest.mark.parametrize("closed", [["stdout"], ["stderr"], ["stdin", "stdout", "stderr"]], ids=" ".join)
def test_a_stream_that_is_closed_is_no_fault(run_over, arguments, closed):
    code, out, err = run_over(dict.fromkeys(closed), *arguments)
    assert (code, bool(out), err) == (0, "stdout" not in closed, "")


@pytest.mark.parametrize("arguments", PRINTING, ids=" ".join)
@pytest.mark.parametrize(
    ("full", "told"),
    [(["stdout"], "error: stdout cannot be written: No space left on device\n"), (["stdout", "stderr"], "")],
    ids=["stdout", "both"],
)
def test_output_that_cannot_be_written_is_told_once_and_ends_with_1(run_over, arguments, full, told):
    error = OSError(errno.ENOSPC, "No space left on device")
    assert run_over({name: Full(error) for name in full}, *arguments) == (1, "", told)


@pytest.mark.parametrize("arguments", [[], ["alerts"], ["notify"]], ids=" ".join)
def test_a_group_named_without_a_command_prints_its_help_as_all_output(run_over, arguments):
    told = "error: stdout cannot be written: No space left on device\n"
    error = OSError(errno.ENOSPC, "No space left on device")
    assert run_over({"stdout": Full(error)}, *arguments) == (1, "", told)


def test_output_whose_reader_has_gone_is_told_to_nobody(run_over):
    assert run_over({"stdout": Full(BrokenPipeError())}, "version", "--json") == (1, "", "")


COMPLAINING = {
    "no such instant": (["alerts", "list", "--since", "yesterday"], 2),
    "no such command": (["runn"], 2),
    "a channel that takes nothing": (["notify", "test", "soc"], 1),
}


@pytest.mark.parametrize(("arguments", "code"), COMPLAINING.values(), ids=COMPLAINING)
@pytest.mark.parametrize("full", [False, True], ids=["told", "cannot be told"])
def test_a_complaint_that_cannot_be_written_changes_no_exit_code(
    run_over, tmp_path, monkeypatch, arguments, code, full
):
    file = tmp_path / "notifications.toml"
    file.write_text('[channels.soc]\nkind = "webhook"\nurl_env = "SOC_URL"\n[[routes]]\nchannels = ["soc"]\n')
    monkeypatch.setenv("RUNNER_NOTIFICATIONS_PATH", str(file))
    monkeypatch.setenv("SOC_URL", "http://127.0.0.1:9")
    streams = {"stderr": Full(OSError(errno.ENOSPC, "No space left on device"))} if full else {}
    ended, out, err = run_over(streams, *arguments)
    assert (ended, out, bool(err)) == (code, "", not full)


CANNOT_RUN = {
    "a wrong setting": ({"RUNNER_WORKERS": "many"}, ["once"], "RUNNER_WORKERS"),
    "a wrong setting of a command that needs little": ({"RUNNER_WORKERS": "many"}, ["config"], "RUNNER_WORKERS"),
    "rules that are not there": ({"RUNNER_RULES_PATH": "nowhere"}, ["run"], "RUNNER_RULES_PATH"),
    "an unknown rule": ({}, ["once", "Pod or Container Creation"], f"Did you mean `{SEED}`?"),
    "a cluster that is not there": (
        {"RUNNER_ELASTICSEARCH_URL": "http://127.0.0.1:9", "RUNNER_RETRY_DEADLINE": "1s"},
        ["once"],
        "no connection",
    ),
    "a range that is no range": ({}, ["backfill", SEED, "--from", "now", "--to", "now-1d"], "Let it begin before"),
    "two ways to print": ({}, ["validate", "--json", "--sarif"], "Keep one of them"),
    "a channel where nobody is told": ({}, ["notify", "retry", "soc"], "Set RUNNER_NOTIFICATIONS_PATH"),
    "an instant that is none": ({}, ["backfill", SEED, "--from", "yesterday"], "now-2d"),
    "an instant that no calendar has": ({}, ["alerts", "list", "--since", "now-9999999999d"], "is no point in time"),
    "an instant before all calendars in UTC": (
        {},
        ["backfill", SEED, "--from", "0001-01-01T00:00+14:00"],
        "is no point in time",
    ),
    "a length that no calendar has": ({}, ["report", "--since", "9999999d"], "too long a duration"),
    "a file that cannot be written": ({}, ["demo", "--output", "no/such/folder"], "Name another file."),
    "a file of alerts that is not there": ({}, ["report", "nowhere.ndjson"], "Name a file of alerts"),
    "a report on a cluster that is not there": (
        {"RUNNER_ELASTICSEARCH_URL": "http://127.0.0.1:9", "RUNNER_RETRY_DEADLINE": "1s"},
        ["report", "--since", "1h"],
        "no connection",
    ),
    "a length that is none": ({}, ["coverage", "--over", "long"], "5m"),
    "an unknown command": ({}, ["runn"], "No such command"),
    "an option that is missing": ({}, ["backfill", SEED], "--from"),
}


@pytest.mark.parametrize(("environ", "arguments", "words"), CANNOT_RUN.values(), ids=CANNOT_RUN)
def test_what_cannot_run_ends_with_2_and_one_message_with_a_next_step(run, monkeypatch, environ, arguments, words):
    for name, value in environ.items():
        monkeypatch.setenv(name, value)
    code, out, err = run(*arguments)
    assert code == 2
    assert words in err
    assert "Traceback" not in err
    assert out == ""


def test_a_rule_that_cannot_run_is_named_with_its_problem(run, rules, monkeypatch):
    monkeypatch.setenv("RUNNER_RULES_PATH", str(rules(good="true", bad="(")))
    code, _, err = run("once", "bad")
    assert code == 2
    assert re.search(r"bad\.toml:\d+:\d+: ", err)


def test_strict_refuses_to_run_with_a_bad_rule(run, rules, monkeypatch):
    monkeypatch.setenv("RUNNER_RULES_PATH", str(rules(good="true", bad="(")))
    monkeypatch.setenv("RUNNER_STRICT", "true")
    code, _, err = run("once")
    assert code == 2
    assert "RUNNER_STRICT" in err


USAGES = {
    "once": "once [OPTIONS] [RULE]...",
    "validate": "validate [OPTIONS] [PATH]...",
    "backfill": "backfill [OPTIONS] {RULE}...",
    "alerts ack": "alerts ack [OPTIONS] [ID]...",
    "report": "report [OPTIONS] [FILE]...",
    "exceptions": "exceptions [OPTIONS] [PATH]...",
}


@pytest.mark.parametrize(("command", "usage"), USAGES.items(), ids=USAGES)
def test_the_usage_of_a_command_is_plain(run, command, usage):
    assert f"Usage: eql-runner {usage} " in run(*command.split(), "--help")[1]


def test_without_a_command_it_shows_them(run):
    code, out, err = run()
    assert code == 2
    assert "backfill" in out + err


@pytest.fixture
def cluster(node, elasticsearch_url, index_prefix, monkeypatch):
    """Settings for the real node, with index names of this test's own; return the index for events."""
    monkeypatch.setenv("RUNNER_ELASTICSEARCH_URL", elasticsearch_url)
    for name in ("alerts", "executions", "state", "suppressed"):
        monkeypatch.setenv(f"RUNNER_{name.upper()}_INDEX", f"{index_prefix}-{name}")
    index = f"{index_prefix}-events"
    keyword = {"match_mapping_type": "string", "mapping": {"type": "keyword"}}
    mappings = {"properties": {"@timestamp": {"type": "date"}}, "dynamic_templates": [{"strings": keyword}]}
    node.indices.create(index=index, mappings=mappings)
    return index


def evil(node, index, *ages):
    """Index events that the rule finds, so many minutes old."""
    for age in ages:
        instant = datetime.now(UTC) - timedelta(minutes=age)
        source = {**event(0).source, "@timestamp": instant.isoformat(timespec="milliseconds")}
        node.index(index=index, document=source, refresh=True)


@pytest.mark.live
def test_once_writes_alerts_and_repeats_none_and_coverage_and_backfill_follow(run, rules, cluster, node, monkeypatch):
    monkeypatch.setenv("RUNNER_RULES_PATH", str(rules(index=cluster, evil='process.name == "evil"')))
    evil(node, cluster, 1, 2, 90)
    code, out, err = run("once", "--json")
    (execution,) = json.loads(out)
    assert (code, execution["verdict"], execution["created"]) == (0, "complete", 2), err
    code, out, _ = run("once", "evil")
    assert code == 0
    assert "0 alerts created, 2 known already" in out

    code, out, _ = run("coverage")
    assert code == 0
    assert "complete" in out
    (known,) = json.loads(run("coverage", "--json")[1])
    assert len(known["covered"]) == 1
    assert known["lag_seconds"] < 60

    assert "1 alert created" in run("backfill", "evil", "--from", "now-2h", "--dry-run")[1]
    assert "1 alert created" in run("backfill", "evil", "--from", "now-2h")[1]
    assert "0 alerts created" in run("backfill", "evil", "--from", "now-2h", "--again")[1]


@pytest.mark.live
def test_once_ends_with_1_when_an_execution_is_not_complete(run, rules, cluster, node, monkeypatch):
    folder = rules(index=cluster, evil='process.name == "evil"')
    text = (folder / "evil.toml").read_text()
    (folder / "evil.toml").write_text(with_line("max_signals", "max_signals = 1", text))
    monkeypatch.setenv("RUNNER_RULES_PATH", str(folder))
    evil(node, cluster, 1, 2)
    code, out, _ = run("once")
    assert code == 1
    assert "truncated" in out
    assert "1 waiting for the next run" in out
    assert run("once")[0] == 0


@pytest.mark.live
def test_setup_says_what_it_did_and_then_that_all_was_there(run, cluster):
    code, out, _ = run("setup")
    assert code == 0
    assert "created the index" in out
    assert run("setup")[:2] == (0, "everything was there already\n")


@pytest.mark.live
def test_what_setup_did_is_told_even_where_kibana_is_away(run, cluster, monkeypatch):
    monkeypatch.setenv("RUNNER_KIBANA_URL", "http://127.0.0.1:9")
    monkeypatch.setenv("RUNNER_RETRY_DEADLINE", "1s")
    code, out, err = run("setup", "--kibana", "--json")
    assert code == 2
    assert any("created the index" in line for line in json.loads(out))
    assert "127.0.0.1:9" in err
    assert run("setup", "--kibana")[:2] == (2, "everything was there already\n")


STARTS = {
    "run": (["run"], True),
    "once": (["once"], True),
    "setup": (["setup"], True),
    "backfill": (["backfill", "Evil", "--from", "now-1h"], True),
    "a dry run of backfill": (["backfill", "Evil", "--from", "now-1h", "--dry-run"], False),
    "coverage": (["coverage"], False),
}


@pytest.mark.live
@pytest.mark.parametrize(("arguments", "refused"), STARTS.values(), ids=STARTS)
def test_an_account_that_may_not_write_what_is_ours_is_refused_at_the_start(
    run, rules, cluster, elasticsearch_url, index_prefix, monkeypatch, arguments, refused
):
    monkeypatch.setenv("RUNNER_RULES_PATH", str(rules(index=cluster, evil="true")))
    monkeypatch.setenv("RUNNER_WATCH_RULES", "false")
    monkeypatch.setenv("RUNNER_HTTP_PORT", "0")
    assert run("setup")[0] == 0
    state, suppressed = f"{index_prefix}-state", f"{index_prefix}-suppressed"
    with Security([(state, "write"), (suppressed, "write")], elasticsearch_url) as security:
        monkeypatch.setenv("RUNNER_ELASTICSEARCH_URL", security.url)
        code, out, err = run(*arguments)
    assert code == (2 if refused else 0)
    assert (f"this account lacks privileges at {security.url}: `write` on {state}, {suppressed}\n" in err) == refused
    if refused:
        assert out == ""
        assert len(security.paths(PATH)) == 1


@pytest.mark.live
def test_once_logs_a_line_for_each_execution_instead(run, rules, cluster, monkeypatch):
    monkeypatch.setenv("RUNNER_RULES_PATH", str(rules(index=cluster, evil='process.name == "evil"')))
    monkeypatch.setenv("RUNNER_LOG_FORMAT", "ecs")
    code, out, err = run("once", "--log")
    assert (code, out) == (0, "")
    executed = [json.loads(line) for line in err.splitlines() if "rule-execution" in line]
    assert [line["eql_runner"]["execution"]["verdict"] for line in executed] == ["complete"]


@pytest.mark.live
def test_once_names_the_rules_that_it_leaves_out(run, rules, cluster, monkeypatch):
    monkeypatch.setenv("RUNNER_RULES_PATH", str(rules(index=cluster, good="true", bad="(")))
    monkeypatch.setenv("RUNNER_LOG_FORMAT", "console")
    code, out, err = run("once")
    assert code == 0
    assert "1 execution, complete" in out
    assert re.search(r"left out: \S+bad\.toml:\d+:\d+: ", err)
    assert "left out" not in run("once", "good")[2]
