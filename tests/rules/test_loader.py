"""From files to rules: what is found, and how it reads."""

import os
import subprocess
import sys
import zipfile
from datetime import timedelta
from pathlib import Path

import pytest

from runner.rules.issues import Code
from runner.rules.loader import load, shipped_rules, watched, with_indices
from runner.rules.model import Severity, Suppression
from runner.rules.texts import files_below
from tests.rules.rule_text import RULE, with_line, written

ROOT = Path(__file__).parents[2]


def test_a_rule_reads_as_it_is_written(tmp_path):
    path = written(tmp_path, RULE)
    (rule,) = load([path]).rules
    assert (rule.rule_id, rule.name, rule.description) == ("evil", "Evil", "Finds evil.")
    assert (rule.severity, rule.risk_score, rule.type, rule.language) == (Severity.MEDIUM, 47, "eql", "eql")
    assert (rule.author, rule.index) == (("Elastic",), ("logs-*", "auditbeat-*"))
    assert rule.query == 'process where process.name == "evil"\n'
    assert (rule.schedule.interval, rule.schedule.start.text) == (timedelta(minutes=5), "now-9m")
    assert rule.metadata == {"maturity": "production"}
    assert rule.path == path


def test_what_a_rule_does_not_say_is_elastics_default(tmp_path):
    (rule,) = load([written(tmp_path, with_line("interval", "").replace('from = "now-9m"\n', ""))]).rules
    assert (rule.schedule.interval, rule.schedule.start.text, rule.schedule.end.text) == (
        timedelta(minutes=5),
        "now-6m",
        "now",
    )
    assert (rule.version, rule.max_signals, rule.enabled) == (1, 100, True)
    assert (rule.timestamp_field, rule.event_category_override, rule.tiebreaker_field) == (
        "@timestamp",
        "event.category",
        None,
    )
    assert (rule.timestamp_override, rule.timestamp_override_fallback, rule.suppression) == (None, True, None)


@pytest.mark.parametrize(
    ("lines", "field", "value"),
    [
        ("version = 7", "version", 7),
        ("max_signals = 33", "max_signals", 33),
        ("enabled = false", "enabled", False),
        ('tags = ["a", "b"]', "tags", ("a", "b")),
        ('references = ["https://a"]', "references", ("https://a",)),
        ('note = "## Triage"', "note", "## Triage"),
        ('timestamp_override = "event.ingested"', "timestamp_override", "event.ingested"),
        ("timestamp_override_fallback_disabled = true", "timestamp_override_fallback", False),
        ('timestamp_field = "event.created"', "timestamp_field", "event.created"),
        ('tiebreaker_field = "event.sequence"', "tiebreaker_field", "event.sequence"),
        ('event_category_override = "event.kind"', "event_category_override", "event.kind"),
        ('building_block_type = "default"', "building_block_type", "default"),
        ('rule_name_override = "host.name"', "rule_name_override", "host.name"),
        (
            '[[rule.severity_mapping]]\nfield = "a"\noperator = "equals"\nvalue = "1"\nseverity = "high"',
            "severity_mapping",
            ({"field": "a", "operator": "equals", "value": "1", "severity": "high"},),
        ),
        (
            '[[rule.risk_score_mapping]]\nfield = "a"\noperator = "equals"\nvalue = ""',
            "risk_score_mapping",
            ({"field": "a", "operator": "equals", "value": ""},),
        ),
        (
            '[rule.alert_suppression]\ngroup_by = ["host.id"]\nduration = { value = 5, unit = "h" }',
            "suppression",
            Suppression(("host.id",), timedelta(hours=5)),
        ),
        (
            '[rule.alert_suppression]\ngroup_by = ["a", "b"]\nmissing_fields_strategy = "doNotSuppress"',
            "suppression",
            Suppression(("a", "b"), None, suppress_missing=False),
        ),
    ],
)
def test_each_key_comes_through(tmp_path, lines, field, value):
    (rule,) = load([written(tmp_path, RULE + lines + "\n")]).rules
    assert getattr(rule, field) == value


def test_parameters_are_the_rules_table_as_plain_json_values(tmp_path):
    (rule,) = load([written(tmp_path, RULE + "meta = { day = 2026-01-01, at = 2026-01-01T10:00:00Z }\n")]).rules
    assert rule.parameters["meta"] == {"day": "2026-01-01", "at": "2026-01-01T10:00:00+00:00"}
    assert rule.parameters["from"] == "now-9m"
    assert set(rule.parameters) == {line.split(" = ")[0] for line in RULE.splitlines()[4:16]} | {"meta"}


@pytest.mark.parametrize("text", ["\ufeff" + RULE, RULE.replace("\n", "\r\n")])
def test_files_as_windows_editors_write_them_are_read_alike(tmp_path, text):
    found = load([written(tmp_path, text)])
    assert not found.issues
    assert found.rules[0].query == 'process where process.name == "evil"\n'


def test_a_folder_is_read_with_its_folders_sorted_without_tests_and_hidden_ones(tmp_path):
    for name in ("b.toml", "a/z.toml", "a/y.toml", ".hidden.toml", ".git/c.toml", "..2026_01/d.toml", "readme.md"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        written(tmp_path, RULE.replace('"evil"', f'"{name}"', 1), name)
    written(tmp_path, "", "b.test.toml")
    found = load([tmp_path])
    assert [rule.rule_id for rule in found.rules] == ["a/y.toml", "a/z.toml", "b.toml"]
    assert not found.issues


def test_rules_mounted_from_a_kubernetes_configmap_are_found_once(tmp_path):
    hidden = tmp_path / "..2026_01_01"
    hidden.mkdir()
    written(hidden, RULE)
    (tmp_path / "..data").symlink_to(hidden.name)
    (tmp_path / "rule.toml").symlink_to("..data/rule.toml")
    found = load([tmp_path])
    assert len(found.rules) == 1
    assert not found.issues


def test_a_file_named_twice_is_read_once(tmp_path):
    path = written(tmp_path, RULE)
    found = load([tmp_path, path, Path(os.path.relpath(path))])
    assert len(found.rules) == 1
    assert not found.issues


def test_the_hash_depends_on_what_the_rules_say_and_not_on_where_they_stand(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    for folder, first, second in ((one, "a", "b"), (other, "b", "a")):
        folder.mkdir()
        written(folder, RULE.replace('"evil"', f'"{first}"', 1), "1.toml")
        written(folder, "# moved\n" + RULE.replace('"evil"', f'"{second}"', 1), "2.toml")
    assert load([one]).hash == load([other]).hash
    written(other, with_line("risk_score", "risk_score = 48").replace('"evil"', '"a"', 1), "2.toml")
    assert load([one]).hash != load([other]).hash


def test_index_patterns_can_be_overridden_for_all_rules_and_for_one(tmp_path):
    for name in ("a", "b"):
        written(tmp_path, RULE.replace('"evil"', f'"{name}"', 1), f"{name}.toml")
    found = with_indices(load([tmp_path]), ["all-*"], {"b": ["b-*"], "c": ["c-*"]})
    assert {rule.rule_id: rule.index for rule in found.rules} == {"a": ("all-*",), "b": ("b-*",)}
    (issue,) = found.issues
    assert (issue.code, issue.message) == (
        Code.OVERRIDE,
        "RUNNER_INDEX_OVERRIDES names a rule that is not there: c",
    )
    assert found.hash != load([tmp_path]).hash
    assert with_indices(load([tmp_path]), [], {}).rules[0].index == ("logs-*", "auditbeat-*")


def test_the_shipped_rules_of_a_checkout_are_its_rules_folder():
    assert shipped_rules() == ROOT / "rules"


def test_the_wheel_carries_the_rules_their_tests_and_the_grammar(tmp_path):
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "site")
    site = tmp_path / "site"
    assert (site / "runner/query/eql.lark").is_file()
    assert {path.relative_to(ROOT / "rules") for path in (ROOT / "rules").rglob("*.*")} == {
        path.relative_to(site / "runner/_rules") for path in (site / "runner/_rules").rglob("*.*")
    }
    code = "from runner.rules.loader import load, shipped_rules as s; f = load([s()]); print(len(f.rules), f.ok, s())"
    shown = subprocess.run(
        [sys.executable, "-c", code],
        cwd=site,
        check=True,
        capture_output=True,
        text=True,
        env={"PYTHONPATH": str(site)},
    )
    assert shown.stdout.split() == [str(len(load([shipped_rules()]).rules)), "True", str(site / "runner/_rules")]


def test_a_link_that_leads_to_itself_is_an_issue_and_the_others_are_read(tmp_path):
    written(tmp_path, RULE)
    (tmp_path / "loop.toml").symlink_to("loop.toml")
    found = load([tmp_path])
    assert [rule.rule_id for rule in found.rules] == ["evil"]
    assert [(issue.path.name, issue.message) for issue in found.issues if issue.is_error] == [
        ("loop.toml", "the file cannot be read: Too many levels of symbolic links")
    ]
    assert load([tmp_path / "loop.toml"]).issues[0].message == "this cannot be read: Too many levels of symbolic links"


def test_a_folder_that_goes_while_it_is_read_is_told(tmp_path):
    issues = []
    assert files_below(tmp_path / "gone", issues) == []
    assert [issue.message for issue in issues] == ["the folder cannot be read: No such file or directory"]


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every folder")
def test_folders_that_may_not_be_entered_are_told_once_each(tmp_path):
    written(tmp_path, RULE)
    for name in ("closed", "exceptions"):
        (tmp_path / name).mkdir(mode=0)
    found = load([tmp_path])
    assert len(found.rules) == 1
    assert [(issue.path.name, issue.message) for issue in found.issues if issue.is_error] == [
        ("closed", "the folder cannot be read: Permission denied"),
        ("exceptions", "the folder cannot be read: Permission denied"),
    ]
    assert "cannot be read" in load([tmp_path / "closed" / "a.toml"]).issues[0].message


def test_what_is_watched_holds_all_that_is_read(tmp_path):
    rule, folder, items = tmp_path / "rule.toml", tmp_path / "exceptions", tmp_path / "exceptions" / "web.toml"
    folder.mkdir()
    items.touch()
    assert watched([tmp_path]) == (tmp_path,)
    assert watched([rule]) == (rule, folder)
    assert watched([rule], items) == (rule, folder)
    assert watched([tmp_path], folder) == (tmp_path, folder)
