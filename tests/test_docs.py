"""What the documentation says is so: commands, settings, metrics, the role, links and shell lines."""

import json
import re
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import typer.main
import yaml

from runner.cli import cli
from runner.environment import FROM_FILES, variable
from runner.settings import Settings
from runner.telemetry.housekeeping_metrics import HousekeepingMetrics
from runner.telemetry.metrics import Metrics

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
OPERATIONS = (ROOT / "docs" / "operations.md").read_text(encoding="utf-8")
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")])


def commands(group, prefix=""):
    """Every command by its whole name, those of groups too."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, f"{prefix}{name} ")
        else:
            yield f"{prefix}{name}", command


COMMANDS = dict(commands(typer.main.get_command(cli)))
TABLE = "\n".join(line for line in README.splitlines() if line.startswith("| `eql-runner "))
BLOCK = re.compile(r"^( *)```(\w+)\n(.*?)^ *```", re.DOTALL | re.MULTILINE)


def blocks(text, language):
    """The code blocks of a language, without the indentation of the list that they stand in."""
    return [
        "\n".join(line.removeprefix(indent) for line in body.splitlines())
        for indent, found, body in BLOCK.findall(text)
        if found == language
    ]


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_and_an_example_and_is_in_the_readme(name):
    command = COMMANDS[name]
    assert command.help
    assert re.match(rf"Example: .*eql-runner {name}\b", command.epilog)
    words = name.split()
    assert re.search(rf"^\| `eql-runner {words[0]}\b", TABLE, re.MULTILINE)
    assert all(word in TABLE for word in words)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_is_described(name):
    assert all(getattr(parameter, "help", None) for parameter in COMMANDS[name].params), name


def test_the_readme_names_no_command_that_is_none():
    named = set(re.findall(r"`eql-runner ([a-z]+)\b|^ *eql-runner ([a-z]+)\b", README, re.MULTILINE))
    assert {one or other for one, other in named} <= {name.split()[0] for name in COMMANDS}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_variable_that_is_named_is_a_setting(path):
    known = {variable(name) for name in Settings.model_fields} | {f"{variable(name)}_FILE" for name in FROM_FILES}
    named = set(re.findall(r"\bRUNNER_[A-Z_]+[A-Z]\b", path.read_text(encoding="utf-8")))
    assert named <= known | {"RUNNER_TEST_ELASTICSEARCH_URL"}


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_every_link_to_a_file_leads_somewhere(path):
    targets = re.findall(r"\]\((?!https?:|#)([^)#]+)", path.read_text(encoding="utf-8"))
    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_shell_lines_are_shell(path):
    for block in blocks(path.read_text(encoding="utf-8"), "sh"):
        checked = subprocess.run(["bash", "-n"], input=block, text=True, capture_output=True, check=False)
        assert checked.returncode == 0, f"{block}\n{checked.stderr}"


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_what_python_says_in_the_docs_is_so(path):
    said = {}
    for block in blocks(path.read_text(encoding="utf-8"), "python"):
        exec(compile(block, path.name, "exec"), said)


def test_the_role_in_the_readme_is_the_one_that_is_deployed():
    (key,) = [block for block in blocks(README, "sh") if "_security/api_key" in block]
    body = json.loads(key[key.index("'\n{") + 1 : key.rindex("'")])
    role = json.loads((ROOT / "deploy" / "role.json").read_text())
    assert body["role_descriptors"]["eql-runner"] == role


def test_the_metrics_in_the_docs_are_those_that_there_are():
    metrics = Metrics(lambda: datetime(2025, 6, 1, tzinfo=UTC))
    HousekeepingMetrics(metrics.registry)
    there = set(re.findall(r"^# TYPE (\S+)", metrics.text().decode(), re.MULTILINE))
    told = set(re.findall(r"^\| `(runner_\w+)`", OPERATIONS, re.MULTILINE))
    assert told == there
    used = {name for block in blocks(OPERATIONS, "yaml") for name in re.findall(r"runner_\w+", block)}
    assert used
    assert used <= there


def test_the_prometheus_rules_in_the_docs_are_yaml():
    (block,) = blocks(OPERATIONS, "yaml")
    assert [rule["alert"] for rule in yaml.safe_load(block)["groups"][0]["rules"]]


def test_every_promise_names_tests_that_there_are():
    table = [line for line in (ROOT / "docs" / "reliability.md").read_text().splitlines() if "| `tests/" in line]
    assert len(table) > 10
    for line in table:
        named = re.findall(r"`(tests/[\w/]+\.py)`", line)
        assert named, line
        assert [path for path in named if not (ROOT / path).is_file()] == []


def test_the_changelog_begins_with_what_is_unreleased():
    headings = re.findall(r"^## (.+)$", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == "[Unreleased]"
