"""Whole documents for hits that were found with a few of their fields.

They are asked for as they were found, through the rule's own patterns: who may read an index by the name of an alias
alone may not read it by its own, and with `ignore_unavailable` Elasticsearch leaves it out without a word
(`IndicesAndAliasesResolver`). The field `_index` knows an index by its own name, with the cluster's before it where it
is a remote one (`IndexFieldMapper`, `SearchIndexNameMatcher`), as hits name it; shards of other indices have nothing to
do, for there the query is none (`BoolQueryBuilder.doRewrite`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

from elastic_transport import ApiResponse
from elasticsearch import Elasticsearch

from runner.elastic import answers
from runner.elastic.client import GRACE, Client, Count, mapping, shown
from runner.elastic.failures import Action
from runner.elastic.hits import TELLING, completed, whole
from runner.errors import ClusterBusy, ClusterError, ClusterUnavailable
from runner.execution.model import Hit, Page
from runner.rules.model import Rule

AT_ONCE = 50

_READ = Action("read the matching documents of", "`read` on the indices that the rules search")

Key = tuple[str, str]
"""Index and id."""


def documents(client: Client, rule: Rule, hits: Sequence[Hit], timeout: timedelta) -> Page:
    """Return the same hits, in the same order, each with its whole source.

    A document that a whole answer lacks has gone. Raises RunnerError when one is lacking and the answer is not whole:
    nobody knows then, and an alert without its event would never be made whole.
    """
    count = Count()
    left = list(dict.fromkeys((hit.index, hit.id) for hit in hits))
    sources: dict[Key, Mapping[str, Any]] = {}
    size = AT_ONCE

    def shrink() -> None:
        nonlocal size
        size = max(1, size // 4)

    def send(es: Elasticsearch) -> ApiResponse[Any]:
        answer = _search(es, rule.index, left[:size])
        body = mapping(answer.body, shown(rule.index))
        sources.update({(hit["_index"], hit["_id"]): _document(hit) for hit in body["hits"]["hits"]})
        if not sources.keys() >= set(left[:size]):
            _must_be_whole(body, client.name)
        return answer

    while left:
        answer = client.ask(_READ, shown(rule.index), send, count=count, timeout=timeout + GRACE, when_busy=shrink)
        asked, left = left[:size], left[size:]
        if len(answer["hits"]["hits"]) >= len(asked) and not sources.keys().isdisjoint(asked):
            # Full: an index may hold an id more than once, by routing, and another then had no room.
            left = [*(key for key in asked if key not in sources), *left]
    return Page(hits=tuple(_filled(hit, sources) for hit in hits), requests=count.take())


def _search(es: Elasticsearch, patterns: Sequence[str], wanted: Sequence[Key]) -> ApiResponse[Any]:
    """Search for the ids of each index; a plain get would need each document's routing."""
    by_index: dict[str, list[str]] = {}
    for index, document_id in wanted:
        by_index.setdefault(index, []).append(document_id)
    of_each = [
        {"bool": {"filter": [{"term": {"_index": index}}, {"ids": {"values": ids}}]}} for index, ids in by_index.items()
    ]
    return es.search(
        index=list(patterns),
        ignore_unavailable=True,
        allow_no_indices=True,
        allow_partial_search_results=True,  # a shard that fails without any of these is no matter
        query={"bool": {"should": of_each}},
        fields=[{"field": path} for path in TELLING],
        size=len(wanted),
        track_total_hits=False,
    )


def _document(hit: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = hit.get("fields", {})
    return completed(hit.get("_source", {}), fields, fields)


def _must_be_whole(answer: Mapping[str, Any], cluster: str) -> None:
    """Raise what is to be tried again, or not, when the answer is not whole."""
    what = f"documents that match cannot be read at {cluster}"
    faults = answers.faults(answer)
    if faults:
        kind = ClusterBusy if answers.overloaded(answer) else ClusterUnavailable
        raise kind(f"{what}: {'; '.join(fault.text for fault in faults)}")
    if not answer["_shards"]["total"]:  # nobody has looked
        hint = "The next execution searches again, and says if the account may not read them."
        raise ClusterError(f"{what}: their indices are not to be seen any more", hint)


def _filled(hit: Hit, sources: Mapping[Key, Mapping[str, Any]]) -> Hit:
    source = sources.get((hit.index, hit.id))
    return hit if source is None else replace(hit, source=whole(hit, source))
