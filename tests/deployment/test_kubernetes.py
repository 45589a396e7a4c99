"""The Kubernetes manifests: hardened, probed, and set only with settings that there are."""

from pathlib import Path

import pytest
import yaml

from runner.environment import FROM_FILES, variable
from runner.settings import Settings

FOLDER = Path(__file__).parents[2] / "deploy" / "kubernetes"
SETTINGS = {variable(name) for name in Settings.model_fields}
FROM_FILE = {f"{variable(name)}_FILE" for name in FROM_FILES}


def pod(name):
    manifest = yaml.safe_load((FOLDER / name).read_text())
    spec = manifest["spec"]
    return (spec if manifest["kind"] == "Deployment" else spec["jobTemplate"]["spec"])["template"]["spec"]


@pytest.mark.parametrize("name", ["deployment.yaml", "cronjob.yaml"])
def test_a_pod_runs_with_the_least_that_it_needs(name):
    spec = pod(name)
    (container,) = spec["containers"]
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["automountServiceAccountToken"] is False
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert container["resources"]["limits"]["memory"]


@pytest.mark.parametrize("name", ["deployment.yaml", "cronjob.yaml"])
def test_every_variable_is_a_setting_and_the_key_comes_from_a_mounted_secret(name):
    spec = pod(name)
    (container,) = spec["containers"]
    given = {entry["name"]: entry["value"] for entry in container["env"]}
    assert set(given) <= SETTINGS | FROM_FILE
    (mount,) = container["volumeMounts"]
    assert given["RUNNER_API_KEY_FILE"].startswith(mount["mountPath"] + "/")


def test_the_service_is_probed_and_given_time_to_end():
    spec = pod("deployment.yaml")
    (container,) = spec["containers"]
    assert container["livenessProbe"]["httpGet"]["path"] == "/healthz"
    assert container["readinessProbe"]["httpGet"]["path"] == "/readyz"
    assert spec["terminationGracePeriodSeconds"] > Settings().shutdown_timeout.total_seconds()
    assert container["ports"][0]["containerPort"] == Settings().http_port


def test_jobs_do_not_run_beside_each_other():
    manifest = yaml.safe_load((FOLDER / "cronjob.yaml").read_text())
    assert manifest["spec"]["concurrencyPolicy"] == "Forbid"
    assert pod("cronjob.yaml")["containers"][0]["args"] == ["once"]
