"""Alerts read again: those that a filter selects, those that an id or the beginning of one names, those of a sequence."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from elastic_transport import ApiResponse
from elasticsearch import Elasticsearch

from runner.elastic.client import Client, mapping
from runner.elastic.failures import Action
from runner.errors import ClusterAnswerError, OperatorError
from runner.execution.model import Document

AT_ONCE = 500
SHORTEST_PREFIX = 4  # characters of an id; fewer name too many alerts

_READ = Action("read alerts of", "`read` on the alerts index")
_FREE_TEXT = ("rule.name", "host.name", "user.name", "process.name", "process.command_line", "file.path")
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

Query = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Filter:
    """Which alerts are meant: each condition that is given must hold, one of several values suffices.

    `rule` is an id or a part of a name, `host` a name with wildcards, `text` words anywhere in what a person reads of an
    alert. Building blocks are left out unless asked for.
    """

    statuses: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    rule: str = ""
    host: str = ""
    since: datetime | None = None
    text: str = ""
    building_blocks: bool = False

    @property
    def selects_all(self) -> bool:
        """Tell whether no condition is given."""
        return self == Filter(building_blocks=self.building_blocks)

    def query(self) -> dict[str, Any]:
        """Return the filter in Query DSL."""
        conditions: list[Query] = []
        if self.statuses:
            conditions.append({"terms": {"kibana.alert.workflow_status": list(self.statuses)}})
        if self.severities:
            conditions.append({"terms": {"kibana.alert.severity": list(self.severities)}})
        if self.rule:
            conditions.append(_of_rule(self.rule))
        if self.host:
            conditions.append(_like("host.name", self.host))
        if self.since:
            conditions.append({"range": {"@timestamp": {"gte": _instant(self.since)}}})
        conditions += [_with_word(word) for word in self.text.split()]
        hidden = [] if self.building_blocks else [{"exists": {"field": "kibana.alert.building_block_type"}}]
        return {"bool": {"filter": conditions, "must_not": hidden}}


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
        query = {
            "bool": {
                "filter": [
                    {"range": {"@timestamp": {"gte": _instant(since)}}},
                    {"exists": {"field": "eql_runner.notify"}},
                ]
            }
        }
        for alert in self._every(query, _MARKED):
            yield alert.id, alert.document

    def _every(self, query: Query, fields: Sequence[str] | None = None) -> Iterator[Found]:
        """Yield all that a query finds, newest first. A change made meanwhile is seen or not; nothing is seen twice."""
        after: Sequence[Any] | None = None
        while True:
            hits = self._search(query, size=AT_ONCE, search_after=after, source_includes=fields)["hits"]["hits"]
            yield from map(Found.of, hits)
            if len(hits) < AT_ONCE:
                return
            after = hits[-1]["sort"]

    def _search(self, query: Query, **options: Any) -> Mapping[str, Any]:
        def send(es: Elasticsearch) -> ApiResponse[Any]:
            return es.search(
                index=self._alias,
                query=query,
                sort=[
                    {"@timestamp": {"order": "desc", "unmapped_type": "date"}},
                    {"kibana.alert.uuid": {"order": "asc", "unmapped_type": "keyword"}},
                ],
                seq_no_primary_term=True,
                allow_partial_search_results=False,
                track_total_hits=options.pop("track_total_hits", False),
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


def _of_rule(text: str) -> Query:
    exactly = [{"term": {f"kibana.alert.rule.{name}": text}} for name in ("rule_id", "uuid")]
    return {"bool": {"should": [*exactly, _like("kibana.alert.rule.name", f"*{_literal(text)}*")]}}


def _with_word(word: str) -> Query:
    fields = [path if not path.startswith("rule.") else f"kibana.alert.{path}" for path in _FREE_TEXT]
    anywhere = [_like(path, f"*{_literal(word)}*") for path in ("kibana.alert.reason", *fields)]
    return {"bool": {"should": anywhere}}


def _like(path: str, pattern: str) -> Query:
    return {"wildcard": {path: {"value": pattern, "case_insensitive": True}}}


def _literal(text: str) -> str:
    """Return the text as a wildcard pattern that means only itself."""
    return "".join(f"\\{char}" if char in "\\*?" else char for char in text)


def _line(alert: Found) -> str:
    document = alert.document
    return f"{alert.id[:12]}  {document.get('@timestamp', '')}  {document.get('kibana.alert.rule.name', '')}"


def _group(alert: Found) -> str:
    return str(alert.document.get("kibana.alert.group.id", ""))


def _position(alert: Found) -> int:
    return int(alert.document.get("kibana.alert.group.index") or 0)


def _instant(instant: datetime) -> str:
    return instant.astimezone(UTC).isoformat(timespec="milliseconds")
