"""Foreign errors and what becomes of them."""

import ssl
from collections.abc import Iterator

import elastic_transport
import elasticsearch
import pytest
from elastic_transport import ApiResponseMeta, HttpHeaders, NodeConfig

from runner import errors
from runner.elastic.failures import Action, translate

SEARCH = Action("search", "`read` on the indices", errors.QueryRejected)


def answered(status: int, body: object, kind: type[Exception] = elasticsearch.ApiError, **headers: str) -> Exception:
    node = NodeConfig("http", "localhost", 9200)
    meta = ApiResponseMeta(status, "1.1", HttpHeaders(headers), 0.1, node)
    return kind("message", meta, body)


def caused(kind: str, reason: str = "because") -> dict[str, object]:
    return {"error": {"root_cause": [{"type": kind, "reason": reason}], "type": kind, "reason": reason}}


def shard_failure(kind: str) -> dict[str, object]:
    failed = [{"shard": 0, "index": "i", "reason": {"type": kind, "reason": "deep"}}]
    error = {"root_cause": [], "type": "search_phase_execution_exception", "reason": "all", "failed_shards": failed}
    return {"error": error}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (answered(301, "", location="https://es:9200/"), errors.SettingsError),
        (answered(302, "<html>log in</html>"), errors.SettingsError),
        (answered(307, None, location="/"), errors.SettingsError),
        (answered(308, {}, location="https://[es"), errors.SettingsError),
        (answered(401, caused("security_exception")), errors.AccessDenied),
        (answered(403, caused("security_exception")), errors.AccessDenied),
        (answered(403, caused("cluster_block_exception")), errors.SetupError),
        (answered(429, caused("cluster_block_exception")), errors.ClusterBusy),
        (answered(503, caused("cluster_block_exception")), errors.ClusterBusy),
        (answered(429, caused("circuit_breaking_exception")), errors.ClusterBusy),
        (answered(500, caused("circuit_breaking_exception")), errors.ClusterBusy),
        (answered(503, shard_failure("es_rejected_execution_exception")), errors.ClusterBusy),
        (answered(503, shard_failure("no_shard_available_action_exception")), errors.ClusterUnavailable),
        (answered(429, "slow down"), errors.ClusterBusy),
        (answered(502, "<html>bad gateway</html>"), errors.ClusterUnavailable),
        (answered(503, None), errors.ClusterUnavailable),
        (answered(504, {}), errors.ClusterUnavailable),
        (answered(400, caused("verification_exception")), errors.QueryRejected),
        (answered(400, "no handler found for uri [/x]"), errors.QueryRejected),
        (answered(404, caused("index_not_found_exception")), errors.SetupError),
        (answered(404, caused("search_context_missing_exception")), errors.ClusterError),
        (answered(406, caused("media_type_header_exception")), errors.SetupError),
        (answered(409, caused("version_conflict_engine_exception")), errors.StateConflict),
        (answered(413, ""), errors.RequestTooLarge),
        (answered(500, caused("null_pointer_exception")), errors.ClusterAnswerError),
        (answered(418, {"error": []}), errors.ClusterAnswerError),
        (answered(200, "", elasticsearch.UnsupportedProductError), errors.SettingsError),
        (elastic_transport.ConnectionTimeout("x"), errors.SearchTimeout),
        (elastic_transport.ConnectionError("x", errors=(OSError(111, "refused"),)), errors.ClusterUnavailable),
        (elastic_transport.SniffingError("x"), errors.ClusterUnavailable),
        (elastic_transport.SerializationError("x"), errors.ClusterAnswerError),
        (elastic_transport.TlsError("x", errors=(ssl.SSLEOFError(8, "eof"),)), errors.ClusterUnavailable),
        (elastic_transport.TlsError("x", errors=(ssl.SSLCertVerificationError(1, "self"),)), errors.SettingsError),
        (elastic_transport.TlsError("fingerprints differ"), errors.SettingsError),
    ],
    ids=lambda value: "",
)
def test_each_failure_is_ours_by_its_class_status_or_type_and_names_the_place(
    error: Exception, expected: type[Exception]
) -> None:
    found = translate(error, SEARCH, "logs-*", "https://es:9200")
    assert type(found) is expected
    assert str(found).startswith("cannot search logs-* at https://es:9200: ")


def test_a_missing_privilege_is_named() -> None:
    found = translate(answered(403, caused("security_exception", "action [x] is unauthorized")), SEARCH, "l", "c")
    assert "action [x] is unauthorized" in str(found)
    assert "`read` on the indices" in found.hint


@pytest.mark.parametrize(
    ("location", "told"),
    [
        ("https://es:9200/", "it redirects to https://es:9200/ (302)"),
        ("https://me:secret@login/as?token=x#y", "it redirects to https://login/as (302)"),
        ("/login?next=/", "it redirects to /login (302)"),
        ("https://[es", "it redirects (302)"),
        ("", "message (302)"),
    ],
)
def test_a_redirection_tells_where_to_and_no_secret(location: str, told: str) -> None:
    found = translate(answered(302, "", location=location), SEARCH, "l", "c")
    assert str(found) == f"cannot search l at c: {told}"
    assert "RUNNER_ELASTICSEARCH_URL" in found.hint


def test_no_foreign_class_is_unknown() -> None:
    for kind in foreign_classes():
        api_error = issubclass(kind, elastic_transport.ApiError)
        error = answered(499, {}, kind) if api_error else kind("text")
        assert isinstance(translate(error, SEARCH, "logs-*", "c"), errors.RunnerError)


def foreign_classes() -> Iterator[type[Exception]]:
    """Every exception of the client library that is no warning."""
    for module in (elastic_transport, elasticsearch, elasticsearch.exceptions):
        for value in vars(module).values():
            if isinstance(value, type) and issubclass(value, Exception) and not issubclass(value, Warning):
                yield value
