"""Enrol a new stack, once: the password of Kibana's own user, and a user for eql-runner that may do only what it must.

Runs in the runner's image, with the standard library alone. Reads ELASTICSEARCH_URL, ELASTIC_PASSWORD, KIBANA_PASSWORD and
RUNNER_PASSWORD; repeating it changes nothing but the passwords. The role is in role.json, beside this file.
"""

import base64
import json
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROLE = Path(__file__).with_name("role.json")
USER = "eql_runner"
PATIENCE = 120  # seconds, for a cluster that is still starting


def main(environ: Mapping[str, str]) -> int:
    """Enrol, and return the exit code."""
    url, password = environ["ELASTICSEARCH_URL"].rstrip("/"), environ["ELASTIC_PASSWORD"]
    for path, body in steps(environ["KIBANA_PASSWORD"], environ["RUNNER_PASSWORD"]):
        problem = patiently(url + path, password, body)
        if problem:
            sys.stderr.write(f"{path}: {problem}\n")
            return 1
        sys.stdout.write(f"{path}: done\n")
    return 0


def steps(kibana_password: str, runner_password: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the requests, in their order: path and body."""
    role = json.loads(ROLE.read_text(encoding="utf-8"))
    user = {"password": runner_password, "roles": ["eql-runner"], "full_name": "eql-runner"}
    return [
        ("/_security/user/kibana_system/_password", {"password": kibana_password}),
        ("/_security/role/eql-runner", role),
        (f"/_security/user/{USER}", user),
    ]


def patiently(url: str, password: str, body: Mapping[str, Any], patience: float = PATIENCE) -> str:
    """Send the body, again while the cluster does not answer; return what is wrong in the end, or nothing."""
    end = time.monotonic() + patience
    while True:
        problem, passing = put(url, password, body)
        if not problem or not passing or time.monotonic() > end:
            return problem
        time.sleep(2)


def put(url: str, password: str, body: Mapping[str, Any]) -> tuple[str, bool]:
    """Send the body as the user elastic; return what is wrong, and whether it may pass by itself."""
    login = base64.b64encode(f"elastic:{password}".encode()).decode()
    headers = {"Authorization": f"Basic {login}", "Content-Type": "application/json"}
    request = urllib.request.Request(url, json.dumps(body).encode(), headers, method="PUT")  # noqa: S310  # the operator's URL
    try:
        with urllib.request.urlopen(request, timeout=30):  # noqa: S310  # the operator's URL
            return "", False
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code} {error.read(400).decode(errors='replace')}", error.code >= 500
    except OSError as error:
        return f"no connection: {error}", True


if __name__ == "__main__":
    sys.exit(main(os.environ))
