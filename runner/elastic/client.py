"""The one way to the cluster: the official client, with our errors, our retries and a count of requests."""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import urlsplit

import tenacity
from elastic_transport import ApiResponse
from elasticsearch import Elasticsearch
from pydantic import SecretStr

from runner import __version__
from runner.elastic.failures import FOREIGN, Action, translate
from runner.elastic.serializer import Serializer
from runner.errors import ClusterAnswerError, ClusterBusy, RunnerError, SearchTimeout
from runner.settings import Settings

SPARE_CONNECTIONS = 4
"""Connections beyond one a worker, for health checks and the setup."""

GRACE = timedelta(seconds=10)
"""How much longer we wait for an answer than the cluster is told to take for it."""

Request = Callable[[Elasticsearch], ApiResponse[Any]]


@dataclass(slots=True)
class Count:
    """How many requests one search, write or read has made so far. Belongs to one thread."""

    requests: int = 0

    def take(self) -> int:
        """Return the count since it was last taken."""
        taken, self.requests = self.requests, 0
        return taken


@dataclass(frozen=True, slots=True)
class Patience:
    """How a request that failed in passing is tried again: waits grow from `first` to `longest`, jittered (seconds)."""

    deadline: timedelta = timedelta(minutes=1)
    first: float = 0.25
    longest: float = 10.0


class Client:
    """The cluster as the rest of this package sees it. Shared by threads.

    `name` is the cluster's URL, without credentials, as messages show it. When `stop` is set, waiting ends at once and
    what failed last is raised.
    """

    def __init__(
        self,
        elasticsearch: Elasticsearch,
        name: str,
        *,
        patience: Patience | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.name = name
        self._elasticsearch = elasticsearch
        self._patience = patience or Patience()
        self._stop = stop or threading.Event()

    @classmethod
    def connect(cls, settings: Settings, stop: threading.Event | None = None) -> "Client":
        """Build the client that the settings describe. Nothing is sent yet."""
        elasticsearch = Elasticsearch(
            **_address(settings),
            **_credentials(settings),
            **_security(settings),
            request_timeout=settings.request_timeout.total_seconds(),
            connections_per_node=settings.workers + SPARE_CONNECTIONS,
            max_retries=0,
            serializers={Serializer.mimetype: Serializer()},
            headers={"user-agent": f"eql-runner/{__version__}"},
        )
        name = settings.cloud_id.partition(":")[0] if settings.cloud_id else settings.elasticsearch_url[0]
        return cls(elasticsearch, name or "Elastic Cloud", patience=Patience(settings.retry_deadline), stop=stop)

    def ask(
        self,
        action: Action,
        target: str,
        request: Request,
        *,
        count: Count | None = None,
        idempotent: bool = True,
        timeout: timedelta | None = None,
        when_busy: Callable[[], None] | None = None,
        once: bool = False,
    ) -> Any:
        """Send the request and return the body of the answer.

        The request is tried again while it fails in passing (no connection, too busy, and no answer in time where it is
        `idempotent`), until the deadline; before it is tried again after a busy answer `when_busy` is called, which may
        make the request smaller. The request may raise a RunnerError of its own to be tried again. `timeout` replaces
        the client's own for one attempt. What need not succeed is tried `once`. Raises RunnerError.
        """

        def attempt() -> Any:
            if count is not None:
                count.requests += 1
            elasticsearch = self._elasticsearch
            if timeout is not None:
                elasticsearch = elasticsearch.options(request_timeout=timeout.total_seconds())
            try:
                return request(elasticsearch).body
            except FOREIGN as error:
                raise translate(error, action, target, self.name) from error

        def may_pass(error: BaseException) -> bool:
            if once or not isinstance(error, RunnerError) or not error.retryable:
                return False
            return idempotent or not isinstance(error, SearchTimeout)

        def before_sleep(state: tenacity.RetryCallState) -> None:
            if when_busy is not None and state.outcome and isinstance(state.outcome.exception(), ClusterBusy):
                when_busy()

        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(may_pass),
            wait=tenacity.wait_random_exponential(self._patience.first, self._patience.longest),
            stop=tenacity.stop_any(
                tenacity.stop_before_delay(self._patience.deadline),
                tenacity.stop_when_event_set(self._stop),
            ),
            sleep=tenacity.sleep_using_event(self._stop),
            before_sleep=before_sleep,
            reraise=True,
        )
        return retrying(attempt)

    def close(self) -> None:
        """Close the connections."""
        self._elasticsearch.close()


def mapping(answer: Any, what: str) -> Mapping[str, Any]:
    """Return the answer as the JSON object that it must be. Raises ClusterAnswerError."""
    if not isinstance(answer, Mapping):
        raise ClusterAnswerError(f"{what} answered with something that is no JSON object: {str(answer)[:200]}")
    return answer


def shown(names: Sequence[str]) -> str:
    """Return index names or patterns as a message shows them."""
    return ",".join(names)


def _address(settings: Settings) -> dict[str, Any]:
    if settings.cloud_id:
        return {"cloud_id": settings.cloud_id}
    return {"hosts": [_with_port(url) for url in settings.elasticsearch_url]}


def _with_port(url: str) -> str:
    """Return the URL with its port written out, which the library wants for http."""
    parts = urlsplit(url)
    if parts.port is not None:
        return url
    return parts._replace(netloc=f"{parts.netloc}:{443 if parts.scheme == 'https' else 80}").geturl()


def _credentials(settings: Settings) -> dict[str, Any]:
    if settings.api_key is not None:
        key = settings.api_key.get_secret_value()
        identity, colon, secret = key.partition(":")
        return {"api_key": (identity, secret) if colon else key}
    if settings.bearer_token is not None:
        return {"bearer_auth": settings.bearer_token.get_secret_value()}
    if settings.username is not None:
        return {"basic_auth": (settings.username, _plain(settings.password))}
    return {}


def _plain(secret: SecretStr | None) -> str:
    return secret.get_secret_value() if secret is not None else ""


def _security(settings: Settings) -> dict[str, Any]:
    """Return what TLS needs; the library refuses these for plain http."""
    if not settings.cloud_id and not any(url.startswith("https:") for url in settings.elasticsearch_url):
        return {}
    options: dict[str, Any] = {"verify_certs": settings.verify_certs}
    if not settings.verify_certs:
        options["ssl_show_warn"] = False  # who turned it off knows; the setting's description warns
    if settings.ca_file is not None:
        options["ca_certs"] = str(settings.ca_file)
    if settings.ca_fingerprint is not None:
        options["ssl_assert_fingerprint"] = settings.ca_fingerprint
    if settings.client_cert_file is not None and settings.client_key_file is not None:
        options["client_cert"] = str(settings.client_cert_file)
        options["client_key"] = str(settings.client_key_file)
    return options
