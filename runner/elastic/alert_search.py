"""Alerts read again: those that a filter selects, those that an id or the beginning of one names, those of a sequence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from elastic_transport import ApiResponse
from elasticsearch import Elasticsearch

from runner.elastic.alert_filter import Filter, Query, made_since
from runner.elastic.client import Client, mapping
from runner.elastic.failures import Action
from runner.errors import ClusterAnswerError, OperatorError
from runner.execution.model import Document

AT_ONCE = 500
SHORTEST_PREFIX = 4  # characters of an id; fewer name too many alerts

_READ = Action("read alerts of", "`read` on the alerts index")
_SHOWN_NEAR = 5

WORKED_ON = (
    "@timestamp",
    "kibana.alert.group.*",
    "kibana.alert.rule.name",
    "kibana.alert.workflow_*",
    "eql_runner.workflow*",
)
"""What a change of status needs of an alert; the whole of ten thousand would not fit into memory."""
_MARKED = (
    "@timestamp",
    "kibana.alert.rule.rule_id",
    "kibana.alert.rule.name",
    "kibana.alert.severity",
    "eql_runner.notify",
)


@dataclass(frozen=True, slots=True)
class Found:
    """An alert as the index holds it; `token` is its `_seq_no` and `_primary_term`."""

    id: str
    index: str
    token: tuple[int, int]
    document: Document = field(repr=False)

    @classmethod
    def of(cls, hit: Mapping[str, Any]) -> "Found":
        """Return the alert of a hit, or of the answer to a get."""
        return cls(hit["_id"], hit["_index"], (hit["_seq_no"], hit["_primary_term"]), hit["_source"])

    @property
    def is_shell(self) -> bool:
        """Tell whether the alert stands for a sequence, whose events are its building blocks."""
        return self.document.get("kibana.alert.group.id") == self.id


class AlertSearch:
    """Reads alerts through their alias. Shared by threads. All methods raise RunnerError."""

    def __init__(self, client: Client, alias: str) -> None:
        self._client = client
        self._alias = alias

    def newest(self, wanted: Filter, most: int) -> tuple[tuple[Found, ...], int]:
        """Return the newest alerts that are meant, at most so many, and how many there are in all."""
        answer = self._search(wanted.query(), size=most, track_total_hits=True)
        return _found(answer), answer["hits"]["total"]["value"]

    def all(self, wanted: Filter) -> Iterator[Found]:
        """Yield every alert that is meant, newest first, each with the fields that a change of status needs."""
        yield from self._every(wanted.query(), WORKED_ON)

    def named(self, text: str) -> Found:
        """Return the alert whose id is, or begins with, the text.

        Raises OperatorError where there is none, with near ones, and where there are several.
        """
        if len(text) < SHORTEST_PREFIX:
            raise OperatorError(
                f"`{text}` is too short for an id", f"Write at least its first {SHORTEST_PREFIX} characters."
            )
        found = _found(self._search(_beginning(text), size=_SHOWN_NEAR + 1))
        whole = [alert for alert in found if alert.id == text]
        if len(found) == 1 or whole:
            return (whole or list(found))[0]
        if found:
            more = " …" if len(found) > _SHOWN_NEAR else ""
            names = "\n  ".join(map(_line, found[:_SHOWN_NEAR]))
            raise OperatorError(f"`{text}` begins the ids of several alerts", f"Write more of one:\n  {names}{more}")
        raise OperatorError(f"there is no alert `{text}`", self._near(text))

    def blocks(self, shells: Sequence[Found], fields: Sequence[str] | None = None) -> Iterator[Found]:
        """Yield the building blocks of sequences, in the order of their events within each; with `fields` only those."""
        ids = [alert.id for alert in shells if alert.is_shell]
        found = [
            block
            for start in range(0, len(ids), AT_ONCE)
            for block in self._every(
                {
                    "bool": {
                        "filter": [
                            {"terms": {"kibana.alert.group.id": ids[start : start + AT_ONCE]}},
                            {"exists": {"field": "kibana.alert.group.index"}},
                        ]
                    }
                },
                fields,
            )
        ]
        place = {alert_id: number for number, alert_id in enumerate(ids)}
        yield from sorted(found, key=lambda block: (place.get(_group(block), 0), _position(block)))

    def since(self, start: datetime, *, page: int = AT_ONCE) -> Iterator[Document]:
        """Yield every alert made at or after the instant, whole and with its `_id`, oldest first."""
        for alert in self._every(made_since(start), order="asc", page=page):
            yield {"_id": alert.id, **alert.document}

    def again(self, alerts: Sequence[Found]) -> tuple[Found, ...]:
        """Return the alerts as they are at this moment, without those that are gone."""
        if not alerts:
            return ()
        docs = [{"_index": alert.index, "_id": alert.id} for alert in alerts]
        answer = mapping(self._client.ask(_READ, self._alias, lambda es: es.mget(docs=docs)), self._alias)
        return tuple(Found.of(doc) for doc in answer["docs"] if doc.get("found"))

    def documents(self, ids: Sequence[str]) -> Mapping[str, Document]:
        """Return the documents of those of the ids that are there."""
        found: dict[str, Document] = {}
        for start in range(0, len(ids), AT_ONCE):
            some = list(ids[start : start + AT_ONCE])
            answer = self._search({"ids": {"values": some}}, size=len(some))
            found |= {alert.id: alert.document for alert in _found(answer)}
        return found

    def marked(self, since: datetime) -> Iterator[tuple[str, Document]]:
        """Yield every alert made since then of which someone is to be told: its id, and what an entry says of it."""
        query = {"bool": {"filter": [made_since(since), {"exists": {"field": "eql_runner.notify"}}]}}
        for alert in self._every(query, _MARKED):
            yield alert.id, alert.document

    def _every(
        self, query: Query, fields: Sequence[str] | None = None, *, order: str = "desc", page: int = AT_ONCE
    ) -> Iterator[Found]:
        """Yield all that a query finds, by their time. A change made meanwhile is seen or not; nothing is seen twice."""
        after: Sequence[Any] | None = None
        while True:
            answer = self._search(query, order, size=page, search_after=after, source_includes=fields)
            hits = answer["hits"]["hits"]
            yield from map(Found.of, hits)
            if len(hits) < page:
                return
            after = hits[-1]["sort"]

    def _search(
        self, query: Query, order: str = "desc", *, track_total_hits: bool = False, **options: Any
    ) -> Mapping[str, Any]:
        def send(es: Elasticsearch) -> ApiResponse[Any]:
            return es.search(
                index=self._alias,
                query=query,
                sort=[
                    {"@timestamp": {"order": order, "unmapped_type": "date"}},
                    {"kibana.alert.uuid": {"order": "asc", "unmapped_type": "keyword"}},
                ],
                seq_no_primary_term=True,
                allow_partial_search_results=False,
                track_total_hits=track_total_hits,
                **{name: value for name, value in options.items() if value is not None},
            )

        answer = mapping(self._client.ask(_READ, self._alias, send), self._alias)
        if "hits" not in answer:
            raise ClusterAnswerError(f"{self._alias} answered a search without hits")
        return answer

    def _near(self, text: str) -> str:
        """Say which ids are like the text: one letter wrong, or the same beginning."""
        tries: list[Query] = [{"fuzzy": {"kibana.alert.uuid": {"value": text, "fuzziness": 2}}}]
        tries += [_beginning(text[:length]) for length in (len(text) * 3 // 4, len(text) // 2) if length >= 2]
        for query in tries:
            found = _found(self._search(query, size=3))
            if found:
                names = "\n  ".join(map(_line, found))
                return f"Did you mean\n  {names}"
        return "`eql-runner alerts list` shows them."


def _found(answer: Mapping[str, Any]) -> tuple[Found, ...]:
    return tuple(Found.of(hit) for hit in answer["hits"]["hits"])


def _beginning(text: str) -> Query:
    return {"prefix": {"kibana.alert.uuid": {"value": text, "case_insensitive": True}}}


def _line(alert: Found) -> str:
    document = alert.document
    return f"{alert.id[:12]}  {document.get('@timestamp', '')}  {document.get('kibana.alert.rule.name', '')}"


def _group(alert: Found) -> str:
    return str(alert.document.get("kibana.alert.group.id", ""))


def _position(alert: Found) -> int:
    return int(alert.document.get("kibana.alert.group.index") or 0)
