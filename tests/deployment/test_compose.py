"""docker-compose.yml: no default password, health checks, limits, and only settings that there are."""

import re
from pathlib import Path

import pytest
import yaml

from runner.environment import variable
from runner.settings import Settings

ROOT = Path(__file__).parents[2]
COMPOSE = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES = COMPOSE["services"]
OURS = ("setup", "runner", "sample")
LASTING = ("elasticsearch", "kibana", "runner")


def test_it_brings_up_the_stack_a_setup_and_the_runner_and_samples_only_by_profile():
    assert set(SERVICES) == {"elasticsearch", "kibana", "setup", "runner", "sample"}
    assert {name for name, service in SERVICES.items() if service.get("profiles")} == {"sample"}


def test_no_password_has_a_default():
    passwords = {
        (name, key): value
        for name, service in SERVICES.items()
        for key, value in service["environment"].items()
        if "PASSWORD" in key
    }
    assert len(passwords) >= 6
    for where, value in passwords.items():
        assert re.fullmatch(r"\$\{[A-Z_]+_PASSWORD:\?[^}]+\}", value), where
    text = (ROOT / "docker-compose.yml").read_text()
    assert not re.search(r"PASSWORD:?-", text)


def test_security_is_on_and_ports_are_published_on_the_loopback_address_only():
    assert SERVICES["elasticsearch"]["environment"]["xpack.security.enabled"] == "true"
    for name, service in SERVICES.items():
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ())), name


@pytest.mark.parametrize("name", LASTING)
def test_what_stays_up_is_checked_limited_and_started_again(name):
    service = SERVICES[name]
    assert service["healthcheck"]["test"]
    assert service["mem_limit"]
    assert service["restart"] == "unless-stopped"


def test_data_lies_in_named_volumes():
    mounted = {volume.partition(":")[0] for name in ("elasticsearch", "kibana") for volume in SERVICES[name]["volumes"]}
    assert mounted == set(COMPOSE["volumes"])


@pytest.mark.parametrize("name", OURS)
def test_our_containers_are_read_only_and_without_capabilities(name):
    service = SERVICES[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["build"] == "."


@pytest.mark.parametrize("name", ["runner", "sample"])
def test_every_runner_variable_is_a_setting(name):
    known = {variable(setting) for setting in Settings.model_fields}
    assert set(SERVICES[name]["environment"]) <= known


def test_the_runner_is_no_superuser_and_waits_for_the_setup():
    runner = SERVICES["runner"]
    assert runner["environment"]["RUNNER_USERNAME"] != "elastic"
    assert runner["depends_on"] == {"setup": {"condition": "service_completed_successfully"}}
    grace = int(runner["stop_grace_period"].removesuffix("s"))
    assert grace > Settings().shutdown_timeout.total_seconds()


@pytest.mark.parametrize("name", ["setup", "sample"])
def test_the_scripts_that_are_mounted_exist(name):
    service = SERVICES[name]
    (volume,) = service["volumes"]
    source, target, mode = volume.split(":")
    script = service["entrypoint"][1].removeprefix(target + "/")
    assert mode == "ro"
    assert (ROOT / source / script).is_file()
