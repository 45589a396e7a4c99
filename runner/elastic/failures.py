"""What the client library raises → what this package raises. The one place where foreign errors are known.

`translate` reads three tables, in this order: Elasticsearch's own error types, HTTP statuses, the library's classes.
Nothing is decided by the text of a message.
"""

import ssl
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import elastic_transport
import elasticsearch

from runner.errors import (
    AccessDenied,
    ClusterAnswerError,
    ClusterBusy,
    ClusterError,
    ClusterUnavailable,
    RequestTooLarge,
    RunnerError,
    SearchTimeout,
    SettingsError,
    SetupError,
    StateConflict,
)

FOREIGN = (elastic_transport.TransportError, elastic_transport.ApiError)
"""The roots of all that the client library raises."""


@dataclass(frozen=True, slots=True)
class Action:
    """What was asked of the cluster, in words that fit after "cannot", and what it takes.

    `privileges` are the index (or cluster) privileges that allow it; `refused` is what a 400 means here.
    """

    words: str
    privileges: str
    refused: type[RunnerError] = ClusterAnswerError


def translate(error: Exception, action: Action, target: str, cluster: str) -> RunnerError:
    """Return our error for one that the library raised while it did the action on the target."""
    what = f"cannot {action.words} {target}".rstrip() + f" at {cluster}"
    if isinstance(error, elastic_transport.ApiError):
        return _from_answer(error, action, what)
    for kind, translation in _CLASSES.items():
        if isinstance(error, kind):
            return translation(error, what)
    raise error  # No class of the library is missing from the table: a test holds it.


def explain(error: elastic_transport.ApiError) -> tuple[str, str]:
    """Return the answer's error type and its reason, the innermost that says more."""
    body = error.body.get("error") if isinstance(error.body, Mapping) else error.body
    if not isinstance(body, Mapping):
        return "", str(body or error.message).strip()[:500]
    cause = _root_cause(body)
    return str(cause.get("type") or body.get("type") or ""), str(cause.get("reason") or body.get("reason") or "")


def _from_answer(error: elastic_transport.ApiError, action: Action, what: str) -> RunnerError:
    kind, reason = explain(error)
    status = error.meta.status
    why = _redirection(error) or reason or kind or "no reason given"
    told = f"{what}: {why} ({f'{status} {kind}'.strip()})"
    if isinstance(error, elasticsearch.UnsupportedProductError):
        return SettingsError(f"{what}: what answers there is not Elasticsearch", _CHECK_URL)
    translation = _TYPES.get(kind) or _STATUSES.get(status, _not_understood)
    return translation(told, action, status)


def _redirection(error: elastic_transport.ApiError) -> str:
    """Say where an answer sends on to, without what may be secret of it; nothing where it does not."""
    place = error.meta.headers.get("location")
    if not place:
        return ""
    try:
        parts = urlsplit(place)
    except ValueError:
        return "it redirects"
    return f"it redirects to {parts._replace(netloc=parts.netloc.rpartition('@')[2], query='', fragment='').geturl()}"


def _root_cause(body: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first cause that a table knows, else the first root cause, else the error itself."""
    causes = [cause for cause in (*body.get("root_cause", ()), body.get("caused_by"), body) if isinstance(cause, dict)]
    failed = [item.get("reason") for item in body.get("failed_shards", ()) if isinstance(item, dict)]
    causes += [cause for cause in failed if isinstance(cause, dict)]
    known = (cause for cause in causes if cause.get("type") in _TYPES)
    return next(known, causes[0])


_Answer = Callable[[str, Action, int], RunnerError]

_CHECK_URL = "Set RUNNER_ELASTICSEARCH_URL to the cluster's own address and port."


def _busy(told: str, _action: Action, _status: int) -> RunnerError:
    return ClusterBusy(told, "The cluster is overloaded; it is asked again, with smaller pages.")


def _unavailable(told: str, _action: Action, _status: int) -> RunnerError:
    return ClusterUnavailable(told, "It is tried again; if it stays so, look at the cluster's health.")


def _timeout(told: str, _action: Action, _status: int) -> RunnerError:
    return SearchTimeout(told, "RUNNER_SEARCH_TIMEOUT and RUNNER_REQUEST_TIMEOUT say how long to wait.")


def _unauthenticated(told: str, _action: Action, _status: int) -> RunnerError:
    login = "RUNNER_API_KEY, or RUNNER_USERNAME and RUNNER_PASSWORD"
    return AccessDenied(told, f"Set {login}, to credentials that this cluster knows; keys expire.")


def _forbidden(told: str, action: Action, _status: int) -> RunnerError:
    return AccessDenied(told, f"Give the account of this service {action.privileges}.")


def _blocked(told: str, _action: Action, status: int) -> RunnerError:
    if status in {429, 503}:  # a full disk, or a cluster that has just started
        return ClusterBusy(told, "The cluster blocks this until its disk or state is well again.")
    return SetupError(told, "Someone has blocked the index; remove `index.blocks.*` from its settings.")


def _missing(told: str, _action: Action, _status: int) -> RunnerError:
    return SetupError(told, "`eql-runner setup` makes the indices of this service.")


def _conflict(told: str, _action: Action, _status: int) -> RunnerError:
    return StateConflict(told)


def _refused(told: str, action: Action, _status: int) -> RunnerError:
    return action.refused(told)


def _redirected(told: str, _action: Action, _status: int) -> RunnerError:
    return SettingsError(told, _CHECK_URL)


def _too_large(told: str, _action: Action, _status: int) -> RunnerError:
    return RequestTooLarge(told, "Raise http.max_content_length, or the limit of the proxy before the cluster.")


def _too_old(told: str, _action: Action, _status: int) -> RunnerError:
    return SetupError(told, "The cluster must be Elasticsearch 8.0 or newer.")


def _lost(told: str, _action: Action, _status: int) -> RunnerError:
    return ClusterError(told, "The cluster has forgotten where the search stood; the next execution repeats it.")


def _not_understood(told: str, _action: Action, _status: int) -> RunnerError:
    return ClusterAnswerError(told)


_TYPES: Mapping[str, _Answer] = {
    "circuit_breaking_exception": _busy,
    "es_rejected_execution_exception": _busy,
    "rejected_execution_exception": _busy,
    "cluster_block_exception": _blocked,
    "no_shard_available_action_exception": _unavailable,
    "no_node_available_exception": _unavailable,
    "node_not_connected_exception": _unavailable,
    "unavailable_shards_exception": _unavailable,
    "master_not_discovered_exception": _unavailable,
    "process_cluster_event_timeout_exception": _unavailable,
    "receive_timeout_transport_exception": _timeout,
    "index_not_found_exception": _missing,
    "search_context_missing_exception": _lost,
    "media_type_header_exception": _too_old,
}

_STATUSES: Mapping[int, _Answer] = {
    301: _redirected,
    302: _redirected,
    303: _redirected,
    307: _redirected,
    308: _redirected,
    400: _refused,
    401: _unauthenticated,
    403: _forbidden,
    404: _missing,
    406: _too_old,
    408: _timeout,
    409: _conflict,
    413: _too_large,
    429: _busy,
    502: _unavailable,
    503: _unavailable,
    504: _unavailable,
}


def _from_tls(error: Exception, what: str) -> RunnerError:
    if any(isinstance(cause, ssl.SSLEOFError | ssl.SSLZeroReturnError | ConnectionError) for cause in _causes(error)):
        return ClusterUnavailable(f"{what}: the connection was cut while it was made secure")
    if any(isinstance(cause, ssl.SSLCertVerificationError) for cause in _causes(error)):
        hint = "Set RUNNER_CA_FILE to the authority's certificate, or RUNNER_CA_FINGERPRINT to its SHA-256 fingerprint."
        return SettingsError(f"{what}: its certificate is not trusted: {_innermost(error)}", hint)
    hint = "Check that the port speaks TLS, and RUNNER_CA_FINGERPRINT and RUNNER_CLIENT_CERT_FILE where they are set."
    return SettingsError(f"{what}: no secure connection: {_innermost(error)}", hint)


def _from_timeout(_error: Exception, what: str) -> RunnerError:
    return SearchTimeout(
        f"{what}: no answer in time", "Look at the cluster's load; RUNNER_REQUEST_TIMEOUT is the limit."
    )


def _from_connection(error: Exception, what: str) -> RunnerError:
    return ClusterUnavailable(f"{what}: no connection: {_innermost(error)}", _CHECK_URL)


def _from_content(error: Exception, what: str) -> RunnerError:
    return ClusterAnswerError(f"{what}: the answer cannot be read: {str(error)[:200]}", _CHECK_URL)


# A class stands before those that it derives from.
_CLASSES: Mapping[type[Exception], Callable[[Exception, str], RunnerError]] = {
    elastic_transport.TlsError: _from_tls,
    elastic_transport.ConnectionTimeout: _from_timeout,
    elastic_transport.ConnectionError: _from_connection,
    elastic_transport.SniffingError: _from_connection,
    elastic_transport.SerializationError: _from_content,
    elastic_transport.TransportError: _from_content,
}


def _causes(error: BaseException) -> Iterator[BaseException]:
    """Yield the error and all that caused it, however the libraries have wrapped it."""
    waiting, seen = [error], set[int]()
    while waiting:
        cause = waiting.pop()
        if id(cause) in seen:
            continue
        seen.add(id(cause))
        yield cause
        inner = (*getattr(cause, "errors", ()), *cause.args, cause.__cause__, getattr(cause, "reason", None))
        waiting += [one for one in inner if isinstance(one, BaseException)]


def _innermost(error: Exception) -> str:
    """Return what the operating system or TLS said, without the wrapping."""
    spoken = [str(cause) for cause in _causes(error) if isinstance(cause, OSError) and str(cause)]
    return spoken[-1] if spoken else str(getattr(error, "message", error))
