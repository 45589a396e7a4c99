"""The Dockerfile: two stages, pinned by hash, not root, checked, and without anything that is not there."""

import json
import re
import shlex
from fnmatch import fnmatch
from pathlib import Path

import pytest

from runner.environment import PREFIX, variable
from runner.settings import Settings

ROOT = Path(__file__).parents[2]


def instructions():
    """Every instruction of the Dockerfile, its continued lines joined: (word, rest)."""
    text = re.sub(r"^#.*\n", "", (ROOT / "Dockerfile").read_text(), flags=re.MULTILINE)
    joined = text.replace("\\\n", " ")
    return [tuple(line.split(None, 1)) for line in joined.splitlines() if line.strip()]


INSTRUCTIONS = instructions()
LAST_STAGE = INSTRUCTIONS[max(n for n, (word, _) in enumerate(INSTRUCTIONS) if word == "FROM") :]


def of(word, among=INSTRUCTIONS):
    return [rest for found, rest in among if found == word]


def test_both_stages_start_from_the_same_slim_python_that_the_project_asks_for():
    images = {rest.split()[0] for rest in of("FROM")}
    assert len(of("FROM")) == 2
    assert images == {"python:3.11-slim"}


def test_every_file_that_is_copied_exists_and_is_let_in_by_dockerignore():
    let_in = {line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    sources = [source for rest in of("COPY") if "--from=" not in rest for source in rest.split()[:-1]]
    assert sources
    for source in sources:
        assert (ROOT / source).exists(), source
        assert source.removeprefix("./") in let_in, source
    assert let_in == {source.removeprefix("./") for source in sources}


def test_what_the_wheel_is_built_from_is_copied():
    project = (ROOT / "pyproject.toml").read_text()
    copied = {source for rest in of("COPY") for source in rest.split()[:-1]}
    assert 'readme = "README.md"' in project
    assert {"README.md", "LICENSE", "NOTICE", "rules", "./rules"} & copied
    assert "rules" in copied
    assert "runner" in copied


def test_everything_from_outside_is_installed_by_hash():
    installs = [part for rest in of("RUN") for part in rest.split("&&") if "pip install" in part]
    assert installs
    for install in installs:
        assert "--require-hashes" in install or "--no-index" in install, install


def test_it_does_not_run_as_root():
    (user,) = of("USER", LAST_STAGE)
    assert all(int(number) >= 10000 for number in user.split(":"))


def test_it_is_health_checked_with_python_on_the_port_that_is_the_default():
    (check,) = of("HEALTHCHECK", LAST_STAGE)
    command = json.loads(check[check.index("[") :])
    assert command[:2] == ["python", "-c"]
    compile(command[2], "healthcheck", "exec")
    assert f"'{Settings().http_port}'" in command[2]
    assert of("EXPOSE", LAST_STAGE) == [str(Settings().http_port)]


def test_it_ends_by_sigterm_and_starts_the_scheduler():
    assert of("STOPSIGNAL") == ["SIGTERM"]
    assert [json.loads(rest) for rest in of("ENTRYPOINT") + of("CMD")] == [["eql-runner"], ["run"]]


def test_variables_are_settings_and_no_secret_is_among_them():
    given = [pair for rest in of("ENV") for pair in shlex.split(rest)]
    names = {pair.partition("=")[0] for pair in given}
    assert {name for name in names if name.startswith(PREFIX)} <= {variable(name) for name in Settings.model_fields}
    assert not of("ARG")
    assert not any(re.search("KEY|PASSWORD|TOKEN|SECRET", name) for name in names)


@pytest.mark.parametrize("name", [".env", ".git/config", ".venv/bin/python", "tests/conftest.py"])
def test_nothing_private_is_sent_to_the_builder(name):
    lines = (ROOT / ".dockerignore").read_text().splitlines()
    patterns = [line for line in lines if line and not line.startswith("#")]
    assert patterns[0] == "*"
    assert not any(fnmatch(name, line[1:]) or name.startswith(line[1:] + "/") for line in patterns if line[0] == "!")
