"""Each thing that can be wrong in a rule file: one fault a row, and what is said of it, where."""

import os

import pytest

from runner.rules.issues import Code, IssueSeverity
from runner.rules.loader import load
from tests.rules.rule_text import RULE, with_line, written

THREAT = '[[rule.threat]]\nframework = "MITRE ATT&CK"\n'
TACTIC = '[rule.threat.tactic]\nid = "TA0002"\nname = "Execution"\n'


@pytest.mark.parametrize(
    ("key", "line", "code", "message", "place"),
    [
        ("rule_id", "", Code.MISSING, "`rule_id` is missing or empty", (4, 1)),
        ("rule_id", 'rule_id = ""', Code.MISSING, "`rule_id` is missing or empty", (13, 1)),
        ("rule_id", "rule_id = 7", Code.SHAPE, "`rule_id` is `7`: expected a text", (13, 1)),
        ("rule_id", 'rule_id = " a"', Code.VALUE, "`rule_id` is ` a`: expected at most 256 characters", (13, 1)),
        ("name", "", Code.MISSING, "`name` is missing or empty", (4, 1)),
        ("name", 'name = "  "', Code.MISSING, "`name` is missing or empty", (11, 1)),
        ("description", "", Code.MISSING, "`description` is missing or empty", (4, 1)),
        ("index", "index = []", Code.MISSING, "`index` is missing or empty", (8, 1)),
        ("index", 'index = "logs-*"', Code.SHAPE, "`index` is `logs-*`: expected a list of texts", (8, 1)),
        ("index", 'index = ["a", 1]', Code.SHAPE, "`index` is `['a', 1]`: expected a list of texts", (8, 1)),
        (
            "index",
            'index = ["a", "b c"]',
            Code.VALUE,
            "`index[1]` is `b c`: expected an index pattern, without",
            (8, 15),
        ),
        ("index", 'index = [""]', Code.VALUE, "`index[0]` is ``: expected an index pattern, without", (8, 10)),
        ("type", "", Code.MISSING, "`type` is missing", (4, 1)),
        ("type", 'type = "eqll"', Code.VALUE, "`type` is `eqll`: expected eql, query, saved_query", (15, 1)),
        ("type", 'type = "new_terms"', Code.UNSUPPORTED, "cannot run yet: type new_terms", (15, 1)),
        ("type", 'type = "threat_match"', Code.UNSUPPORTED, "cannot run yet: type threat_match", (15, 1)),
        ("language", 'language = "kuery"', Code.UNSUPPORTED, "cannot run yet: language `kuery`", (10, 1)),
        ("data_view_id", 'data_view_id = "logs"', Code.UNSUPPORTED, "cannot run yet: `data_view_id` names a", (19, 1)),
        ("severity", "", Code.MISSING, "`severity` is missing or empty", (4, 1)),
        (
            "severity",
            'severity = "severe"',
            Code.VALUE,
            "`severity` is `severe`: expected low, medium, high or critical",
            (14, 1),
        ),
        (
            "risk_score",
            "risk_score = 101",
            Code.VALUE,
            "`risk_score` is `101`: expected a number from 0 to 100",
            (12, 1),
        ),
        ("risk_score", "risk_score = nan", Code.VALUE, "`risk_score` is `nan`: expected a number from 0 to", (12, 1)),
        ("risk_score", 'risk_score = "47"', Code.SHAPE, "`risk_score` is `47`: expected a number", (12, 1)),
        ("risk_score", "risk_score = true", Code.SHAPE, "`risk_score` is `true`: expected a number", (12, 1)),
        ("interval", 'interval = "5"', Code.VALUE, "`interval` is `5`: expected a duration such as 5m", (9, 1)),
        ("interval", 'interval = "0m"', Code.VALUE, "`interval` is `0m`: expected a duration such as 5m", (9, 1)),
        ("interval", 'interval = "4000000d"', Code.VALUE, "`4000000d`: expected a duration such as 5m", (9, 1)),
        ("interval", 'interval = "146098d"', Code.VALUE, "or 1d, of 400 years at most", (9, 1)),
        ("interval", "interval = 5", Code.SHAPE, "`interval` is `5`: expected a text", (9, 1)),
        ("from", 'from = "9m"', Code.VALUE, "`from` is `9m`: expected date math such as now-9m", (7, 1)),
        ("from", 'from = "now-9x"', Code.VALUE, "`from` is `now-9x`: expected date math", (7, 1)),
        ("from", 'from = "now-99999y"', Code.VALUE, "`from` is `now-99999y`: expected date math", (7, 1)),
        ("from", 'from = "now-2025y"', Code.VALUE, "`from` is `now-2025y`: expected date math", (7, 1)),
        ("from", 'from = "now-401y"', Code.VALUE, "such as now-9m, of 400 years at most", (7, 1)),
        ("to", 'to = "now+7000y"', Code.VALUE, "`to` is `now+7000y`: expected date math such as now, of", (19, 1)),
        ("from", 'from = "now+9m"', Code.VALUE, "ends before it starts: from now+9m to now", (7, 1)),
        ("to", 'to = "now-9m"', Code.VALUE, "ends before it starts: from now-9m to now-9m", (7, 1)),
        (
            "max_signals",
            "max_signals = 0",
            Code.VALUE,
            "`max_signals` is `0`: expected a number from 1 to 10000",
            (19, 1),
        ),
        ("max_signals", "max_signals = 10001", Code.VALUE, "`max_signals` is `10001`: expected", (19, 1)),
        ("max_signals", "max_signals = 9.5", Code.SHAPE, "`max_signals` is `9.5`: expected a whole number", (19, 1)),
        ("enabled", 'enabled = "yes"', Code.SHAPE, "`enabled` is `yes`: expected true or false", (19, 1)),
        ("version", "version = 0", Code.VALUE, "`version` is `0`: expected a number of at least 1", (19, 1)),
        ("tags", 'tags = "a"', Code.SHAPE, "`tags` is `a`: expected a list of texts", (19, 1)),
        ("query", "query = '''", Code.QUERY, "", (17, 15)),
        ("threat", 'threat = "T1059"', Code.SHAPE, "`threat` is `T1059`: expected a list of tables", (19, 1)),
        ("+", THREAT, Code.SHAPE, "`threat[0].tactic` is missing: expected a table", (19, 1)),
        ("+", f"[[rule.threat]]\n{TACTIC}", Code.SHAPE, "`threat[0].framework` is missing: expected a text", (19, 1)),
        ("+", THREAT + TACTIC.replace('id = "TA0002"\n', ""), Code.SHAPE, "`threat[0].tactic.id` is missing", (21, 1)),
        (
            "+",
            f'{THREAT}{TACTIC}[[rule.threat.technique]]\nid = "T1"\nname = 1\n',
            Code.SHAPE,
            "`threat[0].technique[0].name` is `1`: expected a text",
            (26, 1),
        ),
        (
            "+",
            f'{THREAT}technique = "T1"\n{TACTIC}',
            Code.SHAPE,
            "`threat[0].technique` is `T1`: expected a list of tables",
            (21, 1),
        ),
        (
            "+",
            '[rule.alert_suppression]\ngroup_by = ["a", "b", "c", "d"]\n',
            Code.VALUE,
            "`alert_suppression.group_by` is `['a', 'b', 'c', 'd']`: expected a list of 1 to 3",
            (20, 1),
        ),
        (
            "+",
            '[rule.alert_suppression]\ngroup_by = ["a"]\nduration = { value = 5, unit = "x" }\n',
            Code.VALUE,
            "`alert_suppression.duration` is `{'value': 5, 'unit': 'x'}`",
            (21, 1),
        ),
        (
            "+",
            '[rule.alert_suppression]\ngroup_by = ["a"]\nduration = { value = 900000, unit = "d" }\n',
            Code.VALUE,
            'expected a table such as { value = 5, unit = "m" }, of 400 years at most',
            (21, 1),
        ),
        (
            "+",
            '[rule.alert_suppression]\ngroup_by = ["a"]\nmissing_fields_strategy = "drop"\n',
            Code.VALUE,
            "is `drop`: expected suppress or doNotSuppress",
            (21, 1),
        ),
        (
            "+",
            '[[rule.severity_mapping]]\nfield = "event.severity"\nvalue = "9"\nseverity = "worst"\n',
            Code.VALUE,
            "`severity_mapping[0].severity` is `worst`: expected low",
            (22, 1),
        ),
        (
            "+",
            '[[rule.risk_score_mapping]]\nfield = ""\noperator = "equals"\n',
            Code.SHAPE,
            "`risk_score_mapping[0].field` is ``: expected a text",
            (20, 1),
        ),
    ],
)
def test_a_fault_keeps_the_rule_from_running_and_is_told_with_its_place(tmp_path, key, line, code, message, place):
    text = with_line(key, line)
    if code is Code.QUERY:
        text = RULE.replace("process where process.name ==", "process where ==")
    found = load([written(tmp_path, text)])
    (issue,) = [one for one in found.issues if one.is_error]
    assert not found.rules
    assert not found.ok
    assert (issue.code, (issue.line, issue.column)) == (code, place)
    assert message in issue.message
    assert issue.place.excerpt == text.splitlines()[issue.line - 1].rstrip()
    assert issue.path == tmp_path / "rule.toml"


@pytest.mark.parametrize(
    ("key", "line", "severity", "code", "message", "hint", "place"),
    [
        (
            "intervall",
            'intervall = "5m"',
            "warning",
            Code.UNKNOWN_KEY,
            "`intervall`",
            "did you mean `interval`?",
            (19, 1),
        ),
        ("quux", "quux = 1", "warning", Code.UNKNOWN_KEY, "unknown key `quux`", "it is kept, not read", (19, 1)),
        ("+", "[transfrom]\na = 1", "warning", Code.UNKNOWN_KEY, "`transfrom`", "did you mean `transform`?", (19, 1)),
        ("interval", 'interval = "10m"', "warning", Code.GAP, "the window of 9m is shorter than", "`from`", (9, 1)),
        ("maturity", 'maturity = "deprecated"', "warning", Code.MATURITY, "deprecated", "no longer keeps it", (2, 1)),
        ("maturity", 'maturity = "development"', "info", Code.MATURITY, "maturity is development", "", (2, 1)),
        ("enabled", "enabled = false", "info", Code.DISABLED, "the rule is disabled", "", (19, 1)),
        (
            "+",
            '[[rule.filters]]\n[rule.filters.query.term]\n"a.b" = "c"',
            "warning",
            Code.NO_EFFECT,
            "`filters` are applied by Elasticsearch only",
            "",
            (19, 1),
        ),
        (
            "exceptions_list",
            'exceptions_list = [{ id = "a", list_id = "b", type = "detection", namespace_type = "single" }]',
            "warning",
            Code.NO_EFFECT,
            "the exception list `b` is not here",
            "export it from Kibana",
            (19, 20),
        ),
        ("actions", 'actions = [{ id = "a" }]', "info", Code.NO_EFFECT, "`actions` has no effect", "", (19, 1)),
        ("output_index", 'output_index = "a"', "info", Code.NO_EFFECT, "RUNNER_ALERTS_INDEX", "", (19, 1)),
    ],
)
def test_what_is_only_worth_knowing_lets_the_rule_run(tmp_path, key, line, severity, code, message, hint, place):
    found = load([written(tmp_path, with_line(key, line))])
    (issue,) = found.issues
    assert [rule.rule_id for rule in found.rules] == ["evil"]
    assert found.ok
    assert (issue.severity, issue.code, (issue.line, issue.column)) == (IssueSeverity(severity), code, place)
    assert message in issue.message
    assert hint in issue.hint


@pytest.mark.parametrize(
    ("text", "code", "message", "place"),
    [
        (b"", Code.UNREADABLE, "the file is empty", (1, 1)),
        (b" \n\n", Code.UNREADABLE, "the file is empty", (1, 1)),
        (b'[rule]\nname = "\xff"\n', Code.UNREADABLE, "the file is not UTF-8: byte 16, line 2", (1, 1)),
        (b"\xff\xfe[\x00", Code.UNREADABLE, "the file is not UTF-8: byte 1, line 1", (1, 1)),
        (b"[rule]\nname = Evil\n", Code.SYNTAX, "not valid TOML: Invalid value", (2, 8)),
        (b"[rule]\r\nname = Evil\r\n", Code.SYNTAX, "not valid TOML: Invalid value", (2, 8)),
        (b'[rule]\nname = "Evil\n', Code.SYNTAX, "not valid TOML: Illegal character '\\n'", (2, 13)),
        (b"[rule]\nquery = '''\nprocess\n", Code.SYNTAX, "at the end of the file", (3, 8)),
        (b"[rule]\na = 1\na = 2\n", Code.SYNTAX, "not valid TOML: Cannot overwrite a value", (3, 6)),
        (b"[rule]\na = " + b"[" * 100_000, Code.SYNTAX, "lie too deep in each other", (1, 1)),
        (b"[rule]\na = " + b"9" * 5000, Code.SYNTAX, "not valid TOML: a number has more digits than", (1, 1)),
        (b"[rule]\na = 1\nb = [{c = 18446744073709551616}]", Code.SYNTAX, "has at most 64 bits", (3, 7)),
        (b"[rule]\na = 0x" + b"f" * 5000, Code.SYNTAX, "has at most 64 bits", (2, 1)),
        (b"[rule]\na = -9223372036854775809", Code.SYNTAX, "has at most 64 bits", (2, 1)),
        (b'name = "Evil"\n', Code.NOT_A_RULE, "there is no [rule] table", (1, 1)),
        (b'[metadata]\n[rules]\nname = "Evil"\n', Code.NOT_A_RULE, "there is no [rule] table", (2, 1)),
        (b'[[rule]]\nname = "Evil"\n', Code.NOT_A_RULE, "there is no [rule] table", (1, 1)),
    ],
)
def test_a_file_that_is_no_rule_is_told_with_the_place_of_its_fault(tmp_path, text, code, message, place):
    (issue,) = load([written(tmp_path, text)]).issues
    assert issue.is_error
    assert (issue.code, (issue.line, issue.column)) == (code, place)
    assert message in issue.message


def test_a_path_without_rules_is_an_error_that_says_what_is_expected(tmp_path):
    (tmp_path / "folder").mkdir()
    text = written(tmp_path, RULE, "rule.txt")
    test = written(tmp_path, "", "rule.test.toml")
    found = load([tmp_path / "folder", tmp_path / "nowhere", text, test])
    assert [(issue.code, issue.message) for issue in found.issues] == [
        (Code.UNREADABLE, "there are no rule files (.toml or .ndjson) in this folder"),
        (Code.UNREADABLE, "there is no such file or folder"),
        (Code.UNREADABLE, "this is no rule file"),
        (Code.UNREADABLE, "this file holds tests of a rule, not a rule"),
    ]
    assert not found.sound


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_without_permission_is_an_error(tmp_path):
    path = written(tmp_path, RULE)
    path.chmod(0)
    assert "Permission denied" in load([path]).issues[0].message


def test_all_faults_of_a_rule_are_told_at_once(tmp_path):
    text = with_line("interval", 'interval = "never"').replace('severity = "medium"', 'severity = "worst"')
    text = text.replace('name = "Evil"\n', "").replace("process where process.name", "process where and")
    issues = load([written(tmp_path, text)]).issues
    assert {issue.code for issue in issues} == {Code.MISSING, Code.VALUE, Code.QUERY}
    assert len(issues) == 4


def test_one_bad_file_does_not_keep_the_others_from_running(tmp_path):
    written(tmp_path, RULE, "good.toml")
    written(tmp_path, "[rule", "bad.toml")
    written(tmp_path, with_line("type", 'type = "esql"').replace('"evil"', '"other"'), "waiting.toml")
    found = load([tmp_path])
    assert [rule.rule_id for rule in found.rules] == ["evil"]
    assert [issue.path.name for issue in found.issues] == ["bad.toml", "waiting.toml"]
    assert (found.ok, found.sound) == (False, False)


def test_a_rule_of_a_type_that_waits_is_an_error_but_no_fault(tmp_path):
    found = load([written(tmp_path, with_line("type", 'type = "threshold"'))])
    assert (found.ok, found.sound) == (False, True)
    assert found.issues[0].rule_name == "Evil"


def test_of_two_rules_with_one_id_the_first_runs_and_both_places_are_named(tmp_path):
    first = written(tmp_path, RULE, "a.toml")
    written(tmp_path, "\n\n" + RULE.replace('"Evil"', '"Other"'), "b.toml")
    found = load([tmp_path])
    (issue,) = found.issues
    assert [rule.name for rule in found.rules] == ["Evil"]
    assert (issue.code, issue.path.name, issue.line, issue.rule_name) == (Code.DUPLICATE, "b.toml", 15, "Other")
    assert issue.message == f"another rule has this rule_id: `Evil` in {first}:13"


def test_an_issue_is_rendered_as_a_compiler_would_print_it(tmp_path):
    path = written(tmp_path, with_line("intervall", 'intervall = "5m"'))
    (issue,) = load([path]).issues
    assert issue.rendered() == (
        f'{path}:19:1: warning: unknown key `intervall` [Evil]\n  intervall = "5m"\n  ^\n  did you mean `interval`?'
    )
    assert issue.as_dict() == {
        "severity": "warning",
        "code": "unknown-key",
        "path": str(path),
        "line": 19,
        "column": 1,
        "message": "unknown key `intervall`",
        "hint": "did you mean `interval`?",
        "rule_id": "evil",
        "rule_name": "Evil",
        "excerpt": 'intervall = "5m"',
        "caret": 1,
    }
