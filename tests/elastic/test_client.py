"""The client: how it is built from the settings, and what it tries again."""

import threading
import time
from datetime import timedelta

import pytest
from elasticsearch import Elasticsearch

from runner import errors
from runner.elastic.client import Client, Count, Patience
from runner.elastic.failures import Action
from runner.elastic.serializer import Serializer
from runner.settings import Settings
from tests.elastic.forwarding import Answered, Cut, Forwarding, Silent, always, times

INFO = Action("read the version of", "`monitor` on the cluster")
BUSY = Answered(429, {"error": {"type": "es_rejected_execution_exception", "reason": "full"}})
PATIENT = Patience(timedelta(seconds=5), first=0.001, longest=0.01)
ANSWER = Answered(200, {"version": {"number": "8.19.8"}})


def client_of(url: str, patience: Patience = PATIENT, stop: threading.Event | None = None) -> Client:
    return Client(Elasticsearch(url, max_retries=0, request_timeout=0.3), url, patience=patience, stop=stop)


@pytest.mark.parametrize(
    "happening", [BUSY, Answered(503, ""), Answered(502, "<p>", "text/html"), Cut(), Silent()], ids=str
)
def test_what_can_pass_is_tried_again_until_it_passes(happening: object) -> None:
    with Forwarding("http://nowhere") as proxy:
        proxy.faults += [times(2, "/", happening), always("/", ANSWER)]
        count = Count()
        assert client_of(proxy.url).ask(INFO, "", lambda es: es.info(), count=count)["version"]["number"] == "8.19.8"
        assert (len(proxy.seen), count.take(), count.take()) == (3, 3, 0)


@pytest.mark.parametrize(
    ("happening", "expected"),
    [
        (Answered(400, {"error": {"type": "parsing_exception", "reason": "no"}}), errors.ClusterAnswerError),
        (Answered(401, {"error": {"type": "security_exception", "reason": "no"}}), errors.AccessDenied),
        (Answered(403, {"error": {"type": "security_exception", "reason": "no"}}), errors.AccessDenied),
        (Answered(500, {"error": {"type": "null_pointer_exception"}}), errors.ClusterAnswerError),
        (Answered(200, "{half", "application/json"), errors.ClusterAnswerError),
    ],
    ids=lambda value: "",
)
def test_what_cannot_pass_is_asked_once(happening: Answered, expected: type[Exception]) -> None:
    with Forwarding("http://nowhere") as proxy:
        proxy.faults.append(always("/", happening))
        with pytest.raises(expected):
            client_of(proxy.url).ask(INFO, "", lambda es: es.info())
        assert len(proxy.seen) == 1


def test_an_unanswered_request_that_may_have_been_done_is_not_repeated() -> None:
    with Forwarding("http://nowhere") as proxy:
        proxy.faults.append(always("/", Silent()))
        with pytest.raises(errors.SearchTimeout):
            client_of(proxy.url).ask(INFO, "", lambda es: es.info(), idempotent=False)
        assert len(proxy.seen) == 1


def test_trying_again_ends_at_the_deadline_with_the_last_error() -> None:
    with Forwarding("http://nowhere") as proxy:
        proxy.faults.append(always("/", BUSY))
        patience = Patience(timedelta(seconds=0.3), first=0.01, longest=0.05)
        begun = time.monotonic()
        with pytest.raises(errors.ClusterBusy, match="full"):
            client_of(proxy.url, patience).ask(INFO, "", lambda es: es.info())
        assert time.monotonic() - begun < 2
        assert len(proxy.seen) > 2


def test_a_stop_ends_the_waiting() -> None:
    with Forwarding("http://nowhere") as proxy:
        proxy.faults.append(always("/", BUSY))
        stop = threading.Event()
        threading.Timer(0.2, stop.set).start()
        begun = time.monotonic()
        with pytest.raises(errors.ClusterBusy):
            client_of(proxy.url, Patience(timedelta(minutes=5), 30, 60), stop).ask(INFO, "", lambda es: es.info())
        assert time.monotonic() - begun < 5


def test_a_busy_answer_makes_the_request_smaller() -> None:
    with Forwarding("http://nowhere") as proxy:
        proxy.faults += [times(2, "/", BUSY), always("/", ANSWER)]
        shrunk: list[int] = []
        client_of(proxy.url).ask(INFO, "", lambda es: es.info(), when_busy=lambda: shrunk.append(1))
        assert len(shrunk) == 2


def test_an_answer_that_is_none_of_the_clusters_is_an_error() -> None:
    with Forwarding("http://nowhere") as proxy:
        proxy.faults.append(always("/", Answered(301, "<html>", "text/html")))
        with pytest.raises(errors.RunnerError, match="cannot read the version of"):
            client_of(proxy.url).ask(INFO, "", lambda es: es.info())


@pytest.mark.parametrize(
    ("given", "hosts"),
    [
        ({"elasticsearch_url": ("http://a",)}, ["http://a:80"]),
        ({"elasticsearch_url": ("https://a", "https://b:9201/es")}, ["https://a:443", "https://b:9201/es"]),
        ({"elasticsearch_url": ("http://[::1]:9200",)}, ["http://[::1]:9200"]),
        ({"cloud_id": "prod:bG9jYWxob3N0JGFiYw=="}, ["https://abc.localhost:443"]),
    ],
    ids=str,
)
def test_the_client_goes_where_the_settings_say(given: dict[str, object], hosts: list[str]) -> None:
    client = Client.connect(Settings(**given))
    assert {node.base_url for node in client._elasticsearch.transport.node_pool.all()} == set(hosts)
    client.close()


@pytest.mark.parametrize(
    ("given", "header"),
    [
        ({"api_key": "ZW5jb2RlZA=="}, "ApiKey ZW5jb2RlZA=="),
        ({"api_key": "id:key"}, "ApiKey aWQ6a2V5"),
        ({"username": "u", "password": "p"}, "Basic dTpw"),
        ({"bearer_token": "abc"}, "Bearer abc"),
    ],
    ids=str,
)
def test_the_client_logs_in_as_the_settings_say_and_never_shows_it(given: dict[str, str], header: str) -> None:
    with Forwarding("http://nowhere") as proxy:
        proxy.faults.append(always("/", Answered(401, {"error": {"type": "security_exception", "reason": "no"}})))
        client = Client.connect(Settings(elasticsearch_url=(proxy.url,), **given))
        assert client._elasticsearch._headers["authorization"] == header
        with pytest.raises(errors.AccessDenied) as caught:
            client.ask(INFO, "", lambda es: es.info())
        assert header.split()[1] not in f"{caught.value} {caught.value.hint}"
        assert "RUNNER_API_KEY" in caught.value.hint
        client.close()


def test_half_a_surrogate_pair_is_read_and_written_all_the_same() -> None:
    text = b'{"a":"\\ud800"}'
    assert Serializer().loads(text) == {"a": "\ud800"}
    assert Serializer().dumps({"a": "\ud800"}) == text
