"""Kibana's rule export: rules are read as from TOML, and the rest is named."""

import json

import pytest

from runner.rules.issues import Code, IssueSeverity
from runner.rules.loader import load
from tests.rules.rule_text import RULE, written

EXPORTED = {
    "id": "6e1bd2d6-0c2f-4b9b-8a3b-111111111111",
    "updated_at": "2026-01-02T00:00:00.000Z",
    "updated_by": "elastic",
    "created_at": "2026-01-01T00:00:00.000Z",
    "created_by": "elastic",
    "name": "Evil",
    "tags": ["a"],
    "interval": "5m",
    "enabled": True,
    "revision": 0,
    "description": "Finds evil.",
    "risk_score": 47,
    "severity": "medium",
    "license": "",
    "output_index": "",
    "meta": {"from": "4m"},
    "author": [],
    "false_positives": [],
    "from": "now-540s",
    "rule_id": "evil",
    "max_signals": 100,
    "risk_score_mapping": [],
    "severity_mapping": [],
    "threat": [],
    "to": "now",
    "references": [],
    "version": 3,
    "exceptions_list": [],
    "immutable": False,
    "rule_source": {"type": "internal"},
    "related_integrations": [],
    "required_fields": [],
    "setup": "",
    "type": "eql",
    "language": "eql",
    "index": ["logs-*"],
    "query": 'process where\n  process.name == "evil"',
    "filters": [],
    "actions": [],
    "note": None,
}
SUMMARY = {"exported_count": 1, "exported_rules_count": 1, "missing_rules": [], "missing_rules_count": 0}


def exported(tmp_path, *objects):
    return written(tmp_path, "".join(json.dumps(one) + "\n" for one in objects), "export.ndjson")


def test_an_exported_rule_is_read_as_it_is(tmp_path):
    found = load([exported(tmp_path, EXPORTED, SUMMARY)])
    (rule,) = found.rules
    assert not found.issues
    assert (rule.rule_id, rule.version, rule.tags, rule.index) == ("evil", 3, ("a",), ("logs-*",))
    assert rule.parameters["meta"] == {"from": "4m"}
    assert "note" not in rule.parameters
    assert rule.path == tmp_path / "export.ndjson"


def test_a_rule_is_the_same_from_an_export_and_from_toml(tmp_path):
    same = {"from": "now-9m", "query": 'process where process.name == "evil"\n', "index": ["logs-*", "auditbeat-*"]}
    (a,) = load([exported(tmp_path, EXPORTED | same, SUMMARY)]).rules
    (b,) = load([written(tmp_path, RULE)]).rules
    assert (a.query_hash, a.schedule, a.severity, a.description) == (
        b.query_hash,
        b.schedule,
        b.severity,
        b.description,
    )


@pytest.mark.parametrize(("ids", "told"), [("c", "1 connector"), ("cd", "2 connectors")])
def test_what_else_is_in_an_export_is_named_once(tmp_path, ids, told):
    others = [{"id": one, "type": "action", "attributes": {}} for one in ids]
    (issue,) = load([exported(tmp_path, EXPORTED, *others, SUMMARY)]).issues
    assert issue.severity is IssueSeverity.INFO
    assert issue.message == f"not read from this export: {told}"


@pytest.mark.parametrize(
    ("objects", "message"),
    [
        ([EXPORTED], "the export's summary, its last line, is missing"),
        ([EXPORTED, SUMMARY | {"exported_rules_count": 2}], "holds 1 rule, and its summary tells of 2"),
    ],
)
def test_an_export_that_ends_early_is_a_warning(tmp_path, objects, message):
    found = load([exported(tmp_path, *objects)])
    (issue,) = found.issues
    assert (issue.severity, issue.code) == (IssueSeverity.WARNING, Code.INCOMPLETE)
    assert message in issue.message
    assert len(found.rules) == 1


@pytest.mark.parametrize(
    ("change", "code", "message", "excerpt"),
    [
        ({"type": "new_terms"}, Code.UNSUPPORTED, "cannot run yet: type new_terms", '"type": "new_terms"'),
        ({"interval": "x"}, Code.VALUE, "`interval` is `x`", '"interval": "x"'),
        ({"index": None, "data_view_id": "d"}, Code.UNSUPPORTED, "data view", '"data_view_id": "d"'),
        ({"index": None}, Code.MISSING, "`index` is missing or empty", ""),
        ({"intervall": "5m"}, Code.UNKNOWN_KEY, "unknown key `intervall`", '"intervall": "5m"'),
        ({"exceptions_list": [{"id": "a", "list_id": "b"}]}, Code.NO_EFFECT, "list `b` is not here", "exceptions_list"),
    ],
)
def test_an_issue_names_the_line_of_the_export_and_shows_the_key(tmp_path, change, code, message, excerpt):
    other = EXPORTED | {"rule_id": "other"}
    found = load([exported(tmp_path, other, EXPORTED | change, SUMMARY | {"exported_rules_count": 2})])
    (issue,) = found.issues
    assert (issue.code, issue.line, issue.rule_id) == (code, 2, "evil")
    assert message in issue.message
    assert excerpt in issue.place.excerpt


def test_an_error_in_a_query_shows_the_line_of_the_query(tmp_path):
    change = {"query": "process where\n  process.name ==== 1"}
    (issue,) = load([exported(tmp_path, EXPORTED | change, SUMMARY)]).issues
    assert (issue.code, issue.line, issue.place.excerpt) == (Code.QUERY, 1, "  process.name ==== 1")
    assert issue.place.caret > 14


@pytest.mark.parametrize(
    ("line", "code", "message", "place"),
    [
        ('{"name": ', Code.SYNTAX, "not valid JSON: unexpected end of data", (2, 10)),
        ('{"name": "a", "note": "\\ud800 "}', Code.SYNTAX, "not valid JSON: no low surrogate", (2, 24)),
        ('{"version": ' + "9" * 5000 + "}", Code.SYNTAX, "not valid JSON: number is infinity", (2, 13)),
        ("[1]", Code.NOT_A_RULE, "expected a JSON object on each line", (2, 1)),
        ('{"name": "a"}', Code.MISSING, "`type` is missing", (2, 1)),
        ("[" * 100_000, Code.SYNTAX, "not valid JSON: depth limit exceeded", (2, 1026)),
    ],
)
def test_a_bad_line_is_told_and_the_others_are_read(tmp_path, line, code, message, place):
    path = written(tmp_path, f"{json.dumps(EXPORTED)}\n{line}\n\n{json.dumps(SUMMARY)}\n", "export.ndjson")
    found = load([path])
    issue = next(issue for issue in found.issues if issue.is_error)
    assert (issue.code, (issue.line, issue.column)) == (code, place)
    assert message in issue.message
    assert len(found.rules) == 1
