"""Health, readiness and metrics over HTTP."""

import json
import socket
import urllib.error
import urllib.request
from datetime import UTC, datetime, timedelta

import pytest

from runner.errors import SettingsError
from runner.telemetry.health import Contact, Health
from runner.telemetry.server import Server, authority

NOON = datetime(2025, 6, 1, 12, tzinfo=UTC)
SECOND = timedelta(seconds=1)


def get(server, path, method="GET", host="127.0.0.1"):
    request = urllib.request.Request(f"http://{authority(host, server.port)}{path}", method=method)
    try:
        with urllib.request.urlopen(request, timeout=10) as answer:
            return answer.status, answer.headers["Content-Type"], answer.read()
    except urllib.error.HTTPError as error:
        with error:
            return error.code, error.headers["Content-Type"], error.read()


def healthy(**changes):
    health = Health(lambda: NOON)
    health.beat = lambda: NOON - SECOND
    health.contact = Contact(NOON - SECOND)
    health.waiting_for = ""
    health.rules = 2
    for name, value in changes.items():
        setattr(health, name, value)
    return health


def serve(health, metrics=lambda: b"up 1\n", host="127.0.0.1"):
    return Server(host, 0, health=health.alive, ready=health.ready, metrics=metrics)


ANSWERS = {
    "all is well": ({}, 200, 200, ""),
    "the loop stands still": ({"beat": lambda: NOON - 60 * SECOND}, 503, 200, "stands still"),
    "the loop stands still since the clock was set back": (
        {"beat": lambda: NOON + 60 * SECOND},
        503,
        200,
        "stands still",
    ),
    "before the loop starts": (
        {"beat": lambda: None, "waiting_for": "waiting for Elasticsearch: no connection"},
        200,
        503,
        "waiting for Elasticsearch: no connection",
    ),
    "the cluster does not answer": (
        {"contact": Contact(NOON, "no connection to https://es:9200")},
        200,
        503,
        "es:9200",
    ),
    "the last contact is long ago": ({"contact": Contact(NOON - 600 * SECOND)}, 200, 503, "not answered lately"),
    "the last contact lies ahead": ({"contact": Contact(NOON + 600 * SECOND)}, 200, 503, "not answered lately"),
    "nobody has asked the cluster yet": ({"contact": None}, 200, 503, "not answered lately"),
    "no rules": ({"rules": 0}, 200, 503, "no rules"),
}


@pytest.mark.parametrize(("changes", "alive", "ready", "words"), ANSWERS.values(), ids=ANSWERS)
def test_probes_say_what_is_wrong(changes, alive, ready, words):
    with serve(healthy(**changes)) as server:
        health, readiness = get(server, "/healthz"), get(server, "/readyz")
    assert (health[0], readiness[0]) == (alive, ready)
    assert words in (health[2] + readiness[2]).decode()
    assert json.loads(health[2])["uptime_seconds"] == 0


def test_running_rules_are_named_with_their_age():
    health = healthy(running=lambda: {"r-1": NOON - 3 * SECOND})
    assert health.alive().body["running"] == {"r-1": 3.0}


def test_metrics_and_anything_else():
    with serve(healthy()) as server:
        assert get(server, "/metrics") == (200, "text/plain; version=0.0.4; charset=utf-8", b"up 1\n")
        assert get(server, "/metrics", "HEAD")[2] == b""
        status, _, body = get(server, "/")
        assert (status, body.decode().split()) == (404, ["/healthz", "/readyz", "/metrics"])
        assert get(server, "/metrics", "POST")[0] == 501


def has_ipv6():
    try:
        with socket.socket(socket.AF_INET6) as one:
            one.bind(("::1", 0))
    except OSError:
        return False
    return True


IPV6 = pytest.mark.skipif(not has_ipv6(), reason="this machine has no IPv6")


@pytest.mark.parametrize(
    ("listens", "asked"),
    [
        ("127.0.0.1", "127.0.0.1"),
        ("localhost", "localhost"),
        ("0.0.0.0", "127.0.0.1"),  # all addresses, as the image listens
        ("", "127.0.0.1"),
        pytest.param("::1", "::1", marks=IPV6),
        pytest.param("::", "::1", marks=IPV6),
    ],
)
def test_it_listens_on_addresses_of_both_kinds(listens, asked):
    with serve(healthy(), host=listens) as server:
        assert get(server, "/healthz", host=asked)[0] == 200


@pytest.mark.parametrize("host", ["127.0.0.1", "no.such.host.invalid"])
def test_an_address_that_cannot_be_had_is_a_settings_error(host):
    with serve(healthy()) as server, pytest.raises(SettingsError, match="RUNNER_HTTP_PORT") as caught:
        Server(host, server.port, health=dict, ready=dict, metrics=bytes)
    assert "RUNNER_HTTP_PORT" in caught.value.hint
