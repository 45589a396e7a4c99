"""The EQL search API for a node that lacks it: a server that forwards everything else to the node.

It answers `_eql/search` with the query core over the documents that the request's filter finds on the node, and it is as
strict as the API: parameters and values that the API does not take are refused with the API's own error types. Source:
Elasticsearch, `EqlSearchRequest.java`, `RestEqlSearchAction.java`, `EqlSearchResponse.java`.
"""

import json
import re
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

from runner.errors import QueryError
from runner.query import Kind, compile, search
from tests.elastic.forwarding import Answered, Forwarding, Sent

_SEARCH = re.compile(r"/([^/]+)/_eql/search")
_STORED = re.compile(r"/_eql/search/([^/]+)")
_DURATION = re.compile(r"(\d+)(ms|s|m|h|d)")
_MILLISECONDS = {"ms": 1, "s": 1000, "m": 60_000, "h": 3_600_000, "d": 86_400_000}

_PARTIAL = {"allow_partial_search_results", "allow_partial_sequence_results"}
_PARAMETERS = {
    "allow_no_indices",
    "ccs_minimize_roundtrips",
    "expand_wildcards",
    "ignore_unavailable",
    "keep_alive",
    "keep_on_completion",
    "wait_for_completion_timeout",
}
_BODY = {
    "query": str,
    "filter": dict,
    "timestamp_field": str,
    "tiebreaker_field": str,
    "event_category_field": str,
    "size": int,
    "fetch_size": int,
    "result_position": str,
    "fields": list,
    "runtime_mappings": dict,
    "max_samples_per_key": int,
    "keep_on_completion": bool,
    "keep_alive": str,
    "wait_for_completion_timeout": str,
    "allow_partial_search_results": bool,
    "allow_partial_sequence_results": bool,
}
_NO_HITS = {"total": {"value": 0, "relation": "eq"}}


class Refused(Exception):
    def __init__(self, status: int, kind: str, reason: str) -> None:
        super().__init__(reason)
        cause = {"type": kind, "reason": reason}
        self.answer = Answered(status, {"error": {"root_cause": [cause], **cause}, "status": status})


class EqlApi(Forwarding):
    """The stand-in. `extra` is laid over every answer; a search is still running for the next `slow` answers."""

    def __init__(self, upstream: str, *, partial: bool = True) -> None:
        super().__init__(upstream)
        self.extra: dict[str, Any] = {}
        self.slow = 0
        self.stored: dict[str, dict[str, Any]] = {}
        self.deleted: list[str] = []
        self._partial = partial

    def answer(self, sent: Sent) -> Answered | None:
        try:
            if found := _SEARCH.fullmatch(sent.path):
                return self._search(found[1], sent)
            if found := _STORED.fullmatch(sent.path):
                return self._stored(found[1], sent)
        except Refused as refused:
            return refused.answer
        return None

    def _search(self, index: str, sent: Sent) -> Answered:
        if sent.method not in {"GET", "POST"}:
            raise Refused(405, "method_not_allowed", sent.method)
        body = sent.body
        self._check(sent.parameters, body)
        result = self._result(index, body)
        waiting = sent.parameters.get("wait_for_completion_timeout") or body.get("wait_for_completion_timeout")
        if waiting is not None and (self.slow or _milliseconds(waiting) == 0):
            search_id = uuid.uuid4().hex
            self.stored[search_id] = result
            return self._running(search_id)
        return Answered(200, {"is_partial": False, "is_running": False, **result})

    def _stored(self, search_id: str, sent: Sent) -> Answered:
        if search_id not in self.stored:
            raise Refused(404, "resource_not_found_exception", search_id)
        if sent.method == "DELETE":
            del self.stored[search_id]
            self.deleted.append(search_id)
            return Answered(200, {"acknowledged": True})
        self._known(sent.parameters, {"keep_alive", "wait_for_completion_timeout"}, sent.path)
        if self.slow:
            return self._running(search_id)
        return Answered(200, {"id": search_id, "is_partial": False, "is_running": False, **self.stored[search_id]})

    def _running(self, search_id: str) -> Answered:
        self.slow = max(0, self.slow - 1)
        state = {"id": search_id, "is_partial": True, "is_running": True, "took": 1, "timed_out": False}
        return Answered(200, {**state, "hits": _NO_HITS})

    def _check(self, parameters: Mapping[str, str], body: Mapping[str, Any]) -> None:
        allowed = _PARAMETERS | (_PARTIAL if self._partial else set())
        for name, value in body.items():
            if name not in _BODY or (name in _PARTIAL and not self._partial):
                raise Refused(400, "x_content_parse_exception", f"[eql/search] unknown field [{name}]")
            if not isinstance(value, _BODY[name]) or (_BODY[name] is int and isinstance(value, bool)):
                raise Refused(400, "x_content_parse_exception", f"[eql/search] failed to parse field [{name}]")
        self._known(parameters, allowed, "_eql/search")
        position = body.get("result_position", "tail")
        keep = parameters.get("keep_alive") or body.get("keep_alive") or "5d"
        for wrong, reason in (
            (not body.get("query"), "query is null or empty"),
            (body.get("size", 10) < 0, "size must be greater than or equal to 0"),
            (body.get("fetch_size", 1000) < 2, "fetch size must be greater than 1"),
            (position not in {"head", "tail"}, f"result position needs to be 'head' or 'tail', received '{position}'"),
            (_milliseconds(keep) < 60_000, f"[keep_alive] must be greater than 1 minute, got:{keep}"),
        ):
            if wrong:
                raise Refused(400, "action_request_validation_exception", reason)

    def _known(self, parameters: Mapping[str, str], allowed: set[str], path: str) -> None:
        for name in parameters:
            if name not in allowed:
                reason = f"request [{path}] contains unrecognized parameter: [{name}]"
                raise Refused(400, "illegal_argument_exception", reason)

    def _result(self, index: str, body: Mapping[str, Any]) -> dict[str, Any]:
        clock = body.get("timestamp_field", "@timestamp")
        program = self._program(index, body)
        size, head = body.get("size", 10), body.get("result_position", "tail") == "head"
        if program.kind is Kind.EVENT and size > 10_000:
            raise Refused(400, "illegal_argument_exception", "Result window is too large")
        documents = self._documents(index, clock, body)
        by_event = {id(document["_source"]): document for document in documents}
        found = search(program, list(documents_sources(documents)), max_samples_per_key=body.get("max_samples_per_key"))
        hits: dict[str, Any]
        if program.kind is Kind.EVENT:
            events = [_event(by_event[id(event)]) for event in found.events]
            hits = {"total": {"value": len(events), "relation": "eq"}, "events": _cut(events, size, head=head)}
        else:
            sequences = [
                {
                    "join_keys": list(sequence.join_keys),
                    "events": [_event(None if one is None else by_event[id(one)]) for one in sequence.events],
                }
                for sequence in found.sequences
            ]
            sequences = _cut(sequences, size, head=head)
            hits = {"total": {"value": len(sequences), "relation": "eq"}, "sequences": sequences}
        return {"took": 1, "timed_out": False, "hits": hits, **self.extra}

    def _program(self, index: str, body: Mapping[str, Any]) -> Any:
        fields = {
            "event_category_field": body.get("event_category_field", "event.category"),
            "timestamp_field": body.get("timestamp_field", "@timestamp"),
            "tiebreaker_field": body.get("tiebreaker_field"),
        }
        caps = self._node("POST", f"/{index}/_field_caps?fields=*&ignore_unavailable=true")
        if not caps["indices"]:
            raise Refused(404, "index_not_found_exception", f"Unknown index [{index}]")
        types = {path: next(iter(kinds)) for path, kinds in caps["fields"].items()}
        try:
            compile(body["query"], **fields)
        except QueryError as error:
            raise Refused(400, "parsing_exception", error.pointed()) from error
        try:
            return compile(body["query"], **fields, field_types=types)
        except QueryError as error:
            raise Refused(400, "verification_exception", f"Found 1 problem\n{error.pointed()}") from error

    def _documents(self, index: str, clock: str, body: Mapping[str, Any]) -> list[dict[str, Any]]:
        order = [{clock: {"order": "asc", "missing": "_first", "unmapped_type": "date"}}]
        if body.get("tiebreaker_field"):
            order.append({body["tiebreaker_field"]: {"order": "asc", "unmapped_type": "long"}})
        question = {
            "size": 10_000,
            "query": body.get("filter", {"match_all": {}}),
            "sort": order,
            "fields": body.get("fields", []),
        }
        found = self._node("POST", f"/{index}/_search?ignore_unavailable=true", question)
        return list(found["hits"]["hits"])

    def _node(self, method: str, target: str, body: Any = None) -> dict[str, Any]:
        content = json.dumps(body).encode() if body is not None else b""
        sent = Sent(method, target, {}, content)
        status, _, answer = self.forward(sent, target, {"content-type": "application/json"})
        parsed = json.loads(answer)
        if status != 200:
            error = parsed["error"]
            raise Refused(status, error["type"], str(error["reason"]))
        return dict(parsed)


def documents_sources(documents: Sequence[Mapping[str, Any]]) -> Sequence[Mapping[str, Any]]:
    return [document["_source"] for document in documents]


def _event(document: Mapping[str, Any] | None) -> dict[str, Any]:
    if document is None:
        return {"_index": "", "_id": "", "_source": {}, "missing": True}
    return {name: document[name] for name in ("_index", "_id", "_source", "fields") if name in document}


def _cut(items: list[Any], size: int, *, head: bool) -> list[Any]:
    """The first, or the last, in ascending order either way."""
    return items[:size] if head else items[max(0, len(items) - size) :]


def _milliseconds(text: str) -> int:
    found = _DURATION.fullmatch(text)
    if text in {"0", "-1"}:
        return int(text)
    if not found:
        raise Refused(400, "illegal_argument_exception", f"failed to parse setting with value [{text}] as a time value")
    return int(found[1]) * _MILLISECONDS[found[2]]
