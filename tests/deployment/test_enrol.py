"""Enrolling a new stack, against a small strict server that stands in for Elasticsearch's security."""

import base64
import json
from http.server import BaseHTTPRequestHandler
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from tests.served import Served

DEPLOY = Path(__file__).parents[2] / "deploy"
SPEC = spec_from_file_location("enrol", DEPLOY / "enrol.py")
enrol = module_from_spec(SPEC)
SPEC.loader.exec_module(enrol)

ADMIN = "Basic " + base64.b64encode(b"elastic:e-secret").decode()


@pytest.fixture
def stack():
    """A server that takes PUTs of the user elastic, and fails as often as it is told to first."""
    taken, failures = [], []

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self):
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            status = 401 if self.headers["Authorization"] != ADMIN else failures.pop() if failures else 200
            if status == 200:
                taken.append((self.path, body))
            self.send_response(status)
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *args):
            pass

    with Served(Handler) as server:
        yield server.url, taken, failures


def environ(url, password="e-secret"):
    return {
        "ELASTICSEARCH_URL": url + "/",
        "ELASTIC_PASSWORD": password,
        "KIBANA_PASSWORD": "k-secret",
        "RUNNER_PASSWORD": "r-secret",
    }


def test_it_sets_kibanas_password_and_makes_the_role_and_the_user(stack):
    url, taken, _ = stack
    assert enrol.main(environ(url)) == 0
    assert taken == [
        ("/_security/user/kibana_system/_password", {"password": "k-secret"}),
        ("/_security/role/eql-runner", json.loads((DEPLOY / "role.json").read_text())),
        (
            "/_security/user/eql_runner",
            {"password": "r-secret", "roles": ["eql-runner"], "full_name": "eql-runner"},
        ),
    ]


def test_a_wrong_password_ends_it_at_once_and_shows_no_secret(stack, capsys):
    url, taken, _ = stack
    assert enrol.main(environ(url, "wrong-one")) == 1
    told = capsys.readouterr()
    assert taken == []
    assert "401" in told.err
    assert not any(secret in told.err + told.out for secret in ("wrong-one", "k-secret", "r-secret"))


URL_FAULT = "ELASTICSEARCH_URL is wrong: expected a URL such as https://host:9200, without a login"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"KIBANA_PASSWORD": None}, ["KIBANA_PASSWORD is not set"]),
        (
            {"ELASTICSEARCH_URL": None, "ELASTIC_PASSWORD": ""},
            ["ELASTICSEARCH_URL is not set", "ELASTIC_PASSWORD is not set"],
        ),
        ({"ELASTICSEARCH_URL": "es:9200"}, [URL_FAULT]),
        ({"ELASTICSEARCH_URL": "es"}, [URL_FAULT]),
        ({"ELASTICSEARCH_URL": "ftp://es"}, [URL_FAULT]),
        ({"ELASTICSEARCH_URL": "http://es:port"}, [URL_FAULT]),
        ({"ELASTICSEARCH_URL": "http://[::1"}, [URL_FAULT]),
        ({"ELASTICSEARCH_URL": "http://me:hunter2@es"}, [URL_FAULT]),
    ],
    ids=str,
)
def test_a_variable_that_lacks_or_is_wrong_is_named_and_nothing_is_asked(capsys, given, told):
    variables = {name: value for name, value in (environ("http://es") | given).items() if value is not None}
    assert enrol.main(variables) == 2
    assert capsys.readouterr().err.splitlines() == told


def test_what_speaks_no_http_is_no_connection():
    class Odd(BaseHTTPRequestHandler):
        def do_PUT(self):
            self.wfile.write(b"SSH-2.0\r\n")

    with Served(Odd) as server:
        problem, may_pass = enrol.put(server.url, "p", {})
    assert "no connection" in problem
    assert may_pass


@pytest.mark.parametrize(("failure", "passing"), [(503, True), (500, True), (400, False), (403, False)], ids=str)
def test_only_what_can_pass_by_itself_is_tried_again(stack, failure, passing):
    url, _, failures = stack
    failures.append(failure)
    problem, may_pass = enrol.put(url + "/_security/role/x", "e-secret", {})
    assert str(failure) in problem
    assert may_pass is passing
    assert enrol.put(url + "/_security/role/x", "e-secret", {}) == ("", False)


def test_a_stack_that_is_not_there_is_said_to_be_so():
    problem = enrol.patiently("http://127.0.0.1:9/x", "p", {}, patience=0)
    assert "no connection" in problem


def test_the_role_writes_nowhere_but_to_our_own_indices():
    role = json.loads((DEPLOY / "role.json").read_text())
    writing = [grant for grant in role["indices"] if set(grant["privileges"]) - {"read", "view_index_metadata"}]
    assert [grant["names"] for grant in writing] == [["eql-runner-*"]]
    assert "all" not in role["cluster"]
    assert "manage_security" not in role["cluster"]
