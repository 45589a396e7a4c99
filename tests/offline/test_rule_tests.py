"""Tests of rules: how their files read, what passes, and what is said of what does not."""

from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from runner.offline import rule_tests
from runner.offline.junit import junit
from runner.rules.issues import Code
from runner.rules.loader import load
from tests.rules.rule_text import RULE, written

EVIL = 'event.category = "process"\nprocess.name = "evil"\n'
SEQUENCE = """sequence by host.id with maxspan=1m
  [process where process.name == "a"]
  [process where process.name == "b"]"""


def report(
    tmp_path: Path, tests: str | bytes, query: str = 'process where process.name == "evil"'
) -> rule_tests.Report:
    rule = written(tmp_path, RULE.replace('process where process.name == "evil"', query))
    written(tmp_path, tests, "rule.test.toml")
    return rule_tests.run(load([rule]).rules)


def reasons(found: rule_tests.Report) -> dict[str, str]:
    assert [issue.rendered() for issue in found.issues] == []
    return {result.test.name: result.reason for result in found.results}


BASE = f"[base]\n{EVIL}\n"


@pytest.mark.parametrize(
    ("test", "reason"),
    [
        ("[[match]]", ""),
        ('[[match]]\nevent.process.name = "good"', "must match, but there is no alert of event 1"),
        ('[[match]]\nevents = [{}, { process.name = "good" }, {}, { process.name = "x" }]', "no alert of event 2, 4"),
        ("[[match]]\nevents = [{}, {}]", ""),
        ("[[match]]\nevents = [{}, {}]\nexpect = [[1], [2]]", ""),
        ("[[match]]\nevents = [{}, {}]\nexpect = [[2]]", "expected alerts of events [[2]], found [[1], [2]]"),
        ('[[match]]\nevents = [{}, { process.name = "good" }]\nexpect = [[1]]', ""),
        ("[[no_match]]", "must not match, but there are alerts of events [[1]]"),
        ('[[no_match]]\nevents = [{ process.name = "good" }, {}]', "there are alerts of events [[2]]"),
        ('[[no_match]]\nevent.process.name = "good"', ""),
        ('[[no_match]]\nwithout = ["process.name"]', ""),
        ('[[no_match]]\nwithout = ["process"]', ""),
        ("[[match]]\nevent = '{\"process.pid\": 1}'", ""),
        ("[[no_match]]\nevent = '''{\"process\": {\"name\": null}}'''", ""),
        ('[[match]]\nevent."process.name" = ["good", "evil"]', ""),
    ],
)
def test_a_test_passes_or_says_why_it_does_not(tmp_path, test, reason):
    head, _, rest = test.partition("\n")
    (result,) = report(tmp_path, f'{BASE}{head}\nname = "n"\n{rest}\n').results
    assert result.passed == (not reason)
    assert reason in result.reason


@pytest.mark.parametrize(
    ("events", "expect", "reason"),
    [
        ("ab", None, ""),
        ("ba", None, "must match, but there is no alert"),
        ("aab", [[2, 3]], ""),
        ("abab", [[1, 2], [3, 4]], ""),
        ("abab", [[1, 2]], "expected alerts of events [[1, 2]], found [[1, 2], [3, 4]]"),
    ],
)
def test_sequences_are_told_by_the_numbers_of_their_events(tmp_path, events, expect, reason):
    lines = ", ".join(f'{{ process.name = "{name}" }}' for name in events)
    text = f'[base]\nevent.category = "process"\nhost.id = "h"\n[[match]]\nname = "n"\nevents = [{lines}]\n'
    text += f"expect = {expect}\n" if expect else ""
    assert reasons(report(tmp_path, text, SEQUENCE)) == {"n": reason}


def test_more_matches_than_the_cap_are_all_counted(tmp_path):
    rule = written(tmp_path, RULE + "max_signals = 2\n")
    events = ", ".join(["{}"] * 7)
    written(tmp_path, f'{BASE}[[match]]\nname = "n"\nevents = [{events}]\n', "rule.test.toml")
    assert rule_tests.run(load([rule]).rules).ok


def test_events_without_a_time_follow_one_another(tmp_path):
    query = SEQUENCE.replace("maxspan=1m", "maxspan=1s")
    base = '[base]\nevent.category = "process"\nhost.id = "h"\n'
    gap = '{ process.name = "a" }, { process.name = "c" }, { process.name = "b" }'
    text = f'{base}[[no_match]]\nname = "two seconds apart"\nevents = [{gap}]\n'
    assert reasons(report(tmp_path, text, query)) == {"two seconds apart": ""}


def test_the_base_is_not_changed_by_a_test(tmp_path):
    text = f'{BASE}[[no_match]]\nname = "a"\nevent.process.name = "good"\n[[no_match]]\nname = "b"\n'
    text += 'without = ["process.name"]\n[[match]]\nname = "c"\n'
    assert set(reasons(report(tmp_path, text)).values()) == {""}


@pytest.mark.parametrize(
    ("tests", "message", "place"),
    [
        ("", "there is no test in this file", (1, 1)),
        (f"[base]\n{EVIL}", "there is no test in this file", (1, 1)),
        ("[[match]\n", "not valid TOML", (1, 8)),
        (b"\xff", "the file cannot be read: not UTF-8", (1, 1)),
        ("[[match]]\nevent = {}\n", "a test needs a `name`", (1, 1)),
        ('[[match]]\nname = "n"\n', "a test needs an `event`, or `events` for a sequence", (1, 1)),
        ('[[match]]\nname = "n"\nevent = {}\nevents = []\n', "`event` or `events`, not both", (4, 1)),
        ('[[match]]\nname = "n"\nevents = []\n', "`events` is a list of events", (3, 1)),
        ('[[match]]\nname = "n"\nevent = 1\n', "an event is a table, or a JSON object as text", (3, 1)),
        ('[[match]]\nname = "n"\nevent = "{"\n', "the event is not valid JSON", (3, 1)),
        ('[[match]]\nname = "n"\nevent = "[]"\n', "an event is a table", (3, 1)),
        ('[[match]]\nname = "n"\nevent = {}\nwithout = ["a.b"]\n', "`without` names `a.b`, which no event", (4, 1)),
        ('[[match]]\nname = "n"\nevent = {}\nwithout = "a"\n', "`without` is a list of field names", (4, 1)),
        ('[[match]]\nname = "n"\nevent = {}\nexpect = [[2]]\n', "`expect` is a list with one list of event", (4, 1)),
        ('[[match]]\nname = "n"\nevent = {}\nexpect = 1\n', "`expect` is a list with one list of event", (4, 1)),
        ('[[no_match]]\nname = "n"\nevent = {}\nexpect = []\n', "`expect` belongs to [[match]]", (4, 1)),
        ('[[match]]\nname = "n"\nevnet = {}\nevent = {}\n', "unknown key `evnet`", (3, 1)),
        ('[[matches]]\nname = "n"\n', "unknown key `matches`", (1, 1)),
        ('[match]\nname = "n"\n', "`match` is written [[match]], once for each test", (1, 1)),
        (
            f'{BASE}[[match]]\nname = "n"\n[[no_match]]\nname = "n"\n',
            "the test on line 5 has the same name: `n`",
            (7, 1),
        ),
    ],
)
def test_what_is_wrong_in_a_file_of_tests_is_told_with_its_place(tmp_path, tests, message, place):
    found = report(tmp_path, tests)
    issue = found.issues[0]
    assert message in issue.message
    assert (issue.line, issue.column) == place
    assert (issue.path.name, issue.rule_id) == ("rule.test.toml", "evil")
    assert not found.ok


def test_a_rule_without_tests_is_named_and_no_error(tmp_path):
    found = rule_tests.run(load([written(tmp_path, RULE)]).rules)
    (issue,) = found.issues
    assert found.ok
    assert (issue.code, issue.message, issue.rule_name) == (Code.UNTESTED, "the rule has no tests", "Evil")
    assert "rule.test.toml" in issue.hint


def test_results_can_be_had_as_junit_xml(tmp_path):
    text = f'{BASE}[[match]]\nname = "<found> \\u0007"\n[[no_match]]\nname = "wrong"\n'
    root = ET.fromstring(junit(report(tmp_path, text)))
    (suite,) = root
    assert suite.attrib == {"name": "Evil", "tests": "2", "failures": "1"}
    assert [case.get("name") for case in suite] == ["<found> \N{REPLACEMENT CHARACTER}", "wrong"]
    assert suite[1].find("failure").get("message") == "must not match, but there are alerts of events [[1]]"
    assert suite[1].get("line") == "7"


def test_errors_of_test_files_are_in_the_junit_xml_too(tmp_path):
    root = ET.fromstring(junit(report(tmp_path, "[[match]]\nevent = {}\n")))
    (suite,) = root
    assert (suite.get("name"), suite.get("errors")) == ("test files", "1")
    assert "rule.test.toml:1:1: error" in suite[0].find("error").text
