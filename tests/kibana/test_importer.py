"""The import into Kibana, against a strict stand-in: what it sends, what it says, and every way that it can fail."""

import shutil
import subprocess
import threading
from collections.abc import Iterator
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest

from runner import app
from runner.errors import (
    AccessDenied,
    ClusterAnswerError,
    ClusterBusy,
    ClusterUnavailable,
    RunnerError,
    SettingsError,
    SetupError,
)
from runner.kibana.importer import Kibana
from runner.kibana.objects import dashboard_id, prepared
from runner.settings import Settings
from tests.kibana.stand_in import IMPORT, KEY, StandIn, running

POST = f"POST {IMPORT}?overwrite=true"


@pytest.fixture
def server() -> Iterator[StandIn]:
    with running(StandIn()) as stand_in:
        yield stand_in


def settings(url: str, **given: Any) -> Settings:
    return Settings(**{"kibana_url": url, "api_key": KEY, "retry_deadline": timedelta(0), **given})


def load(found: Settings) -> list[str]:
    return [str(one) for one in Kibana.connect(found).load(prepared(found))]


def test_a_second_import_replaces_what_the_first_one_made(server: StandIn) -> None:
    first, second = load(settings(server.url)), load(settings(server.url))
    assert first[0] == "created data view EQL Runner alerts"
    assert first[-1] == "created dashboard EQL Runner alerts"
    assert second == [line.replace("created", "replaced") for line in first]
    assert server.requests == [POST, POST]
    assert len(server.spaces["default"]) == len(first)


def test_the_command_imports_what_fits_the_rules_and_says_where_to_look(server: StandIn) -> None:
    lines = app.setup_kibana(settings(server.url))
    assert lines[0] == "created data view EQL Runner alerts"
    assert lines[-1] == f"look at {server.url}/app/dashboards#/view/eql-runner-dashboard"
    events = server.spaces["default"]["index-pattern", "eql-runner-view-events"]
    assert events["attributes"]["title"].split(",") == sorted(
        {index for rule in app.rules(Settings()).rules for index in rule.index}
    )


def test_another_space_is_looked_for_and_then_filled(server: StandIn) -> None:
    found = settings(server.url, kibana_space="soc")
    load(found)
    assert server.requests == ["GET /api/spaces/space/soc", f"POST /s/soc{IMPORT}?overwrite=true"]
    assert ("dashboard", dashboard_id("soc")) in server.spaces["soc"]
    assert server.spaces["default"] == {}


def test_the_dashboard_s_address_is_the_space_s(server: StandIn) -> None:
    default, soc = (Kibana.connect(settings(f"{server.url}/", kibana_space=space)) for space in ("default", "soc"))
    assert default.address("d") == f"{server.url}/app/dashboards#/view/d"
    assert soc.address("d") == f"{server.url}/s/soc/app/dashboards#/view/d"


@pytest.mark.parametrize("url", ["{}/kibana", "{}/kibana/"])
def test_a_base_path_is_kept(url: str) -> None:
    with running(StandIn(base_path="/kibana")) as server:
        load(settings(url.format(f"http://127.0.0.1:{server.server_port}")))
        assert server.requests == [f"POST /kibana{IMPORT}?overwrite=true"]


@pytest.mark.parametrize(
    ("given", "login"),
    [
        ({"api_key": KEY}, f"ApiKey {KEY}"),
        ({"api_key": "my-key:secret"}, f"ApiKey {KEY}"),
        ({"api_key": "other", "kibana_api_key": KEY}, f"ApiKey {KEY}"),
        ({"api_key": None, "username": "me", "password": "pass"}, "Basic bWU6cGFzcw=="),
        ({"api_key": None, "bearer_token": "token"}, "Bearer token"),
        ({"username": "me", "password": "pass", "api_key": None, "kibana_api_key": KEY}, f"ApiKey {KEY}"),
    ],
    ids=["encoded key", "plain key", "Kibana's own key", "user", "token", "Kibana's key before the user"],
)
def test_it_logs_in_as_the_settings_say(server: StandIn, given: dict[str, Any], login: str) -> None:
    server.login = login
    assert load(settings(server.url, **given))


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_what_may_pass_is_tried_again(server: StandIn, status: int) -> None:
    server.failures = [status, status]
    found = settings(server.url, retry_deadline=timedelta(seconds=30))
    kibana = Kibana.connect(found)
    kibana._wait = 0.01
    assert kibana.load(prepared(found))
    assert len(server.requests) == 3


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, ClusterBusy),
        (503, ClusterUnavailable),
        (400, ClusterAnswerError),
        (413, ClusterAnswerError),
        (500, ClusterAnswerError),
    ],
)
def test_what_does_not_pass_is_an_error_with_a_name(server: StandIn, status: int, error: type[RunnerError]) -> None:
    server.failures = [status]
    with pytest.raises(error, match="Kibana server is not ready yet") as caught:
        load(settings(server.url))
    assert caught.value.hint
    assert len(server.requests) == 1


def test_a_wrong_key_is_named(server: StandIn) -> None:
    with pytest.raises(AccessDenied, match="does not accept the login: unable to authenticate") as caught:
        load(settings(server.url, api_key="wrong-key-x"))
    assert "RUNNER_KIBANA_API_KEY" in caught.value.hint
    assert "wrong-key-x" not in str(caught.value) + caught.value.hint


def test_a_missing_privilege_is_named(server: StandIn) -> None:
    server.allowed = False
    with pytest.raises(AccessDenied, match="does not allow it in space default") as caught:
        load(settings(server.url))
    assert "Saved Objects Management" in caught.value.hint


def test_a_space_that_is_not_there_is_named_and_nothing_is_sent_to_it(server: StandIn) -> None:
    with pytest.raises(SetupError, match="has no space gone") as caught:
        load(settings(server.url, kibana_space="gone"))
    assert "RUNNER_KIBANA_SPACE" in caught.value.hint
    assert server.requests == ["GET /api/spaces/space/gone"]


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        ({"type": "missing_references", "references": [{"type": "search", "id": "x"}]}, "is missing: search x"),
        ({"type": "conflict"}, "an object of another origin has its id"),
        ({"type": "ambiguous_conflict", "destinations": []}, "an object of another origin has its id"),
        ({"type": "unsupported_type"}, "this Kibana does not know the type"),
        (
            {"type": "unknown", "message": "Document belongs to a more recent version", "statusCode": 422},
            "Document belongs",
        ),
        ({}, "no reason given"),
    ],
)
def test_each_object_that_kibana_refuses_is_named_with_the_reason(
    server: StandIn, error: dict[str, Any], reason: str
) -> None:
    server.refuse = {"eql-runner-dashboard": error or {"type": None}, "eql-runner-search-guides": {"type": "conflict"}}
    with pytest.raises(ClusterAnswerError) as caught:
        load(settings(server.url))
    lines = str(caught.value).splitlines()
    assert len(lines) == 3
    assert lines[1] == "  search EQL Runner rule guides: an object of another origin has its id"
    assert lines[2].startswith("  dashboard EQL Runner alerts: ")
    assert reason in lines[2]


def test_nobody_at_the_address_is_said_to_be_nobody() -> None:
    with running(StandIn()) as server:
        url = server.url
    with pytest.raises(ClusterUnavailable, match="cannot be reached") as caught:
        load(settings(url))
    assert "RUNNER_KIBANA_URL" in caught.value.hint


def test_without_a_url_the_setting_is_named() -> None:
    with pytest.raises(SettingsError, match="RUNNER_KIBANA_URL is not set") as caught:
        Kibana.connect(Settings())
    assert "eql-runner setup --export" in caught.value.hint


@pytest.mark.parametrize(
    ("status", "headers", "body", "message"),
    [
        (302, {"location": "/login"}, b"", "sends one on to /login"),
        (200, {}, b"<html>hello</html>", "is not Kibana"),
        (200, {}, b"[]", "is not Kibana"),
        (404, {}, b"<html>nothing</html>", "is not Kibana, or has another base path"),
    ],
    ids=["a login page", "a page", "a list", "another server"],
)
def test_what_is_not_kibana_is_said_so(status: int, headers: dict[str, str], body: bytes, message: str) -> None:
    class Other(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["content-length"]))
            self.send_response(status)
            for name, value in {**headers, "content-length": str(len(body))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Other) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        with pytest.raises(SettingsError, match=message) as caught:
            load(settings(f"http://127.0.0.1:{server.server_port}"))
        thread.join()
    assert "RUNNER_KIBANA_URL" in caught.value.hint


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate of 127.0.0.1, its own authority, with its key behind it."""
    if not (openssl := shutil.which("openssl")):
        pytest.skip("needs the openssl command, to make a certificate")
    folder = tmp_path_factory.mktemp("tls")
    made = [
        "req",
        "-x509",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-days",
        "2",
        "-subj",
        "/CN=kibana",
    ]
    made += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / "key"), "-out", str(folder / "pem")]
    subprocess.run([openssl, *made], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text((folder / "pem").read_text() + (folder / "key").read_text())
    return both


@pytest.mark.parametrize("name", ["kibana_ca_file", "ca_file"])
def test_an_authority_of_one_s_own_is_trusted(certificate: Path, name: str) -> None:
    with running(StandIn(), certificate) as server:
        found = settings(server.url, elasticsearch_url=("https://localhost:9200",), **{name: certificate})
        assert load(found)


def test_an_unknown_authority_is_not_trusted_and_the_setting_named(certificate: Path) -> None:
    with running(StandIn(), certificate) as server:
        with pytest.raises(SettingsError, match="certificate is not trusted") as caught:
            load(settings(server.url))
        assert server.requests == []
    assert "RUNNER_KIBANA_CA_FILE" in caught.value.hint


def test_the_check_of_certificates_can_be_turned_off_for_a_trial(certificate: Path) -> None:
    with running(StandIn(), certificate) as server:
        assert load(settings(server.url, verify_certs=False))
