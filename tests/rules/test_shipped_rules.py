"""The rules that come with the program: each loads, passes its tests, and says what its documentation page says."""

import re
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from runner.offline import rule_tests
from runner.query import Kind, compile
from runner.rules.loader import load, rule_files, shipped_rules
from runner.rules.model import Rule, Severity

FOUND = load([shipped_rules()])
SEED = "c595363f-52a6-49e1-9257-0e08ae043dbd"


@pytest.fixture
def seed() -> Rule:
    (rule,) = [rule for rule in FOUND.rules if rule.rule_id == SEED]
    return rule


def test_every_shipped_rule_loads_without_an_issue():
    assert [issue.rendered() for issue in FOUND.issues] == []
    assert len(FOUND.rules) == len(rule_files(shipped_rules(), []))


@pytest.mark.parametrize("rule", FOUND.rules, ids=lambda rule: rule.name)
def test_every_shipped_rule_has_tests_of_both_kinds_and_passes_them(rule):
    report = rule_tests.run([rule])
    assert [issue.rendered() for issue in report.issues] == []
    assert [(result.test.name, result.reason) for result in report.failed] == []
    assert {result.test.kind for result in report.results} == set(rule_tests.Kind)


@pytest.mark.parametrize("rule", FOUND.rules, ids=lambda rule: rule.name)
def test_every_shipped_rule_names_its_licence_in_the_file(rule):
    text = Path(rule.path).read_text()
    assert rule.license == "Elastic License v2"
    assert "Elastic License 2.0" in text.splitlines()[0]


def test_the_seed_rule_says_what_its_page_says(seed):
    assert seed.name == "Pod or Container Creation with Suspicious Command-Line"
    assert seed.description.startswith(
        "This rule detects the creation of pods or containers that execute suspicious commands often associated with"
    )
    assert seed.description.endswith("(e.g., modifying startup scripts, creating backdoors).")
    assert (seed.type, seed.language) == ("eql", "eql")
    assert seed.index == (
        "auditbeat-*",
        "endgame-*",
        "logs-auditd_manager.auditd-*",
        "logs-crowdstrike.fdr*",
        "logs-endpoint.events.process*",
        "logs-sentinel_one_cloud_funnel.*",
    )
    assert (seed.severity, seed.risk_score) == (Severity.MEDIUM, 47)
    assert seed.schedule.interval == timedelta(minutes=5)
    assert (seed.schedule.start.text, seed.schedule.end.text) == ("now-9m", "now")
    assert seed.max_signals == 100
    assert seed.references == ()
    assert seed.tags == (
        "Domain: Endpoint",
        "Domain: Container",
        "OS: Linux",
        "Use Case: Threat Detection",
        "Tactic: Execution",
        "Tactic: Privilege Escalation",
        "Tactic: Persistence",
        "Data Source: Elastic Defend",
        "Data Source: Elastic Endgame",
        "Data Source: Auditd Manager",
        "Data Source: Crowdstrike",
        "Data Source: SentinelOne",
        "Resources: Investigation Guide",
    )
    assert seed.version == 1
    assert seed.author == ("Elastic",)
    assert seed.license == "Elastic License v2"
    assert seed.timestamp_override == "event.ingested"
    assert seed.enabled


def test_the_seed_rule_spells_out_what_elastics_file_leaves_to_defaults(seed):
    assert {name: seed.parameters[name] for name in ("interval", "max_signals", "references", "version")} == {
        "interval": "5m",
        "max_signals": 100,
        "references": [],
        "version": 1,
    }


def test_the_seed_rules_investigation_guide_is_whole(seed):
    headings = re.findall(r"^#+ (.*)$", seed.note, re.MULTILINE)
    assert headings == [
        "Triage and analysis",
        "Investigating Pod or Container Creation with Suspicious Command-Line",
        "Possible investigation steps",
        "False positive analysis",
        "Response and remediation",
    ]
    sections = re.split(r"^### .*$", seed.note, flags=re.MULTILINE)
    assert [section.count("\n- ") for section in sections[1:]] == [0, 5, 2, 6]
    assert "**Disclaimer**" in sections[0]


def test_the_seed_rules_query_has_all_its_clauses(seed):
    assert seed.program.kind is Kind.EVENT
    assert seed.program.fields == {
        "event.category",
        "host.os.type",
        "event.type",
        "event.action",
        "process.name",
        "process.args",
        "process.command_line",
    }
    patterns = seed.query.partition("like~")[2]
    assert len(re.findall(r'"[^"]*"', patterns)) == 44
    assert re.findall(r"event\.action in \(([^)]*)\)", seed.query) == [
        '"exec", "exec_event", "start", "ProcessRollup2", "executed", "process_started"'
    ]


def test_the_seed_rules_mitre_attack_mapping_is_whole(seed):
    mapping = {
        (entry["tactic"]["id"], entry["tactic"]["name"]): {
            technique["id"]: [sub["id"] for sub in technique.get("subtechnique", [])]
            for technique in entry["technique"]
        }
        for entry in seed.threat
    }
    assert mapping == {
        ("TA0002", "Execution"): {"T1059": ["T1059.004"], "T1609": [], "T1610": []},
        ("TA0004", "Privilege Escalation"): {"T1548": ["T1548.003"], "T1574": ["T1574.006"], "T1611": []},
        ("TA0003", "Persistence"): {
            "T1037": ["T1037.004"],
            "T1053": ["T1053.002", "T1053.003"],
            "T1098": ["T1098.004"],
            "T1546": ["T1546.004"],
            "T1547": ["T1547.013"],
            "T1574": ["T1574.006"],
        },
    }
    assert {entry["framework"] for entry in seed.threat} == {"MITRE ATT&CK"}


@pytest.mark.parametrize(
    ("clause", "weaker"),
    [
        ("process where", "any where"),
        ('host.os.type == "linux" and ', ""),
        ('event.type == "start" and ', ""),
        (re.compile(r"event\.action in \([^)]*\) and "), ""),
        ('process.name == "kubectl" and ', ""),
        ('"kubectl" and process.args == "run"', '"kubectl"'),
        (' and process.args == "--restart=Never"', ""),
        (' and process.args == "--"', ""),
        ('process.name in ("docker", "nerdctl", "ctl") and ', ""),
        ('"ctl") and process.args == "run"', '"ctl")'),
        (re.compile(r"process\.args in \([^)]*\) and\n"), ""),
        (re.compile(r" and\nprocess\.command_line like~ .*", re.DOTALL), ""),
        ("like~", "like"),
        ('process.args == "run"', 'process.args : "run"'),
        ("process.name in", "process.name in~"),
        ("process.args in", "process.args in~"),
        ("event.action in", "event.action in~"),
    ],
    ids=str,
)
def test_the_seed_rules_tests_notice_the_loss_of_each_clause(seed, clause, weaker):
    pattern = clause if isinstance(clause, re.Pattern) else re.compile(re.escape(clause))
    query = pattern.sub(weaker, seed.query, count=1)
    assert query != seed.query
    assert rule_tests.run([replace(seed, query=query, program=compile(query))]).failed
