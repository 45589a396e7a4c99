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
from http.client import HTTPException
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

ROLE = Path(__file__).with_name("role.json")
URL = "ELASTICSEARCH_URL"
VARIABLES = (URL, "ELASTIC_PASSWORD", "KIBANA_PASSWORD", "RUNNER_PASSWORD")
USER = "eql_runner"
PATIENCE = 120  # seconds, for a cluster that is still starting


def main(environ: Mapping[str, str]) -> int:
    """Enrol, and return the exit code: 1 where the stack takes it not, 2 where a variable lacks or is wrong."""
    if faults := faults_of(environ):
        sys.stderr.write("\n".join(faults) + "\n")
        return 2
    url, password = environ[URL].rstrip("/"), environ["ELASTIC_PASSWORD"]
    for path, body in steps(environ["KIBANA_PASSWORD"], environ["RUNNER_PASSWORD"]):
        problem = patiently(url + path, password, body)
        if problem:
            sys.stderr.write(f"{path}: {problem}\n")
            return 1
        sys.stdout.write(f"{path}: done\n")
    return 0


def faults_of(environ: Mapping[str, str]) -> list[str]:
    """Return what is wrong with the variables, a line each; it shows no value, for one may hold a password."""
    faults = [f"{name} is not set" for name in VARIABLES if not environ.get(name)]
    try:
        parts = urlsplit(environ.get(URL, ""))
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0 and not parts.username
    except ValueError:
        is_url = False
    if environ.get(URL) and not is_url:
        faults.append(f"{URL} is wrong: expected a URL such as https://host:9200, without a login")
    return faults


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
    except (OSError, HTTPException) as error:  # HTTPException: what answered speaks no HTTP
        return f"no connection: {error}", True


if __name__ == "__main__":
    sys.exit(main(os.environ))
