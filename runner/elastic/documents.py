"""Whole documents for hits that were found with a few of their fields."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from elastic_transport import ApiResponse
from elasticsearch import Elasticsearch

from runner.elastic import answers
from runner.elastic.client import GRACE, Client, Count, mapping
from runner.elastic.failures import Action
from runner.elastic.hits import TELLING, completed, whole
from runner.errors import ClusterAnswerError, ClusterBusy, ClusterUnavailable
from runner.execution.model import Hit, Page

AT_ONCE = 50

_READ = Action("read the documents of", "`read` on the indices that the rules search")

Key = tuple[str, str]
"""Index and id."""


def documents(client: Client, hits: Sequence[Hit], timeout: timedelta) -> Page:
    """Return the same hits, in the same order, each with its whole source.

    Raises RunnerError when a shard does not answer: an alert with half of its event would never be made whole.
    """
    count = Count()
    left = list(dict.fromkeys((hit.index, hit.id) for hit in hits))
    sources: dict[Key, Mapping[str, Any]] = {}
    size = AT_ONCE

    def shrink() -> None:
        nonlocal size
        size = max(1, size // 4)

    def send(es: Elasticsearch) -> ApiResponse[Any]:
        return _send(es, left[:size], sources)

    while left:
        client.ask(_READ, left[0][0], send, count=count, timeout=timeout + GRACE, when_busy=shrink)
        left = left[size:]
    return Page(hits=tuple(_filled(hit, sources) for hit in hits), requests=count.take())


def _send(es: Elasticsearch, wanted: Sequence[Key], sources: dict[Key, Mapping[str, Any]]) -> ApiResponse[Any]:
    """Search each index for its ids, all in one request; a plain get would need each document's routing."""
    by_index: dict[str, list[str]] = {}
    for index, document_id in wanted:
        by_index.setdefault(index, []).append(document_id)
    searches: list[Mapping[str, Any]] = []
    for index, ids in by_index.items():
        searches.append({"index": index, "ignore_unavailable": True, "allow_partial_search_results": False})
        query = {"ids": {"values": ids}}
        searches.append({"query": query, "fields": list(TELLING), "size": len(ids), "track_total_hits": False})
    answer = es.msearch(searches=searches)
    for one in mapping(answer.body, "the cluster").get("responses", ()):
        _must_be_whole(one)
        sources.update({(hit["_index"], hit["_id"]): _document(hit) for hit in one["hits"]["hits"]})
    return answer


def _document(hit: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = hit.get("fields", {})
    return completed(hit.get("_source", {}), fields, fields)


def _must_be_whole(answer: Mapping[str, Any]) -> None:
    """Raise what is to be tried again, or not, when a part of the answer is an error."""
    error = answer.get("error")
    if error is None:
        return
    causes = [error, *error.get("root_cause", ())]
    text = f"documents cannot be read: {answer.get('status')} {causes[-1].get('type')}: {causes[-1].get('reason')}"
    if answer.get("status") == 429 or any(cause.get("type") in answers.OVERLOADED for cause in causes):
        raise ClusterBusy(text)
    if answer.get("status") in {500, 502, 503, 504}:
        raise ClusterUnavailable(text)
    raise ClusterAnswerError(text)


def _filled(hit: Hit, sources: Mapping[Key, Mapping[str, Any]]) -> Hit:
    source = sources.get((hit.index, hit.id))
    return hit if source is None else replace(hit, source=whole(hit, source))
