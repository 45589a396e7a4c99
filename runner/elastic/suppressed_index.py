"""The index of absorbed matches: a small document each, whose `_id` is that of the alert which the match did not become.

So each is noted once, whoever finds it and however often; and what an alert tells of them is counted anew from all of
them each time, under the version of the alert that was read before the count. An alert whose count a crash has left
behind is put right by the next execution that finds one of its matches again.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from elastic_transport import ApiResponse
from elasticsearch import Elasticsearch

from runner.elastic.alert_index import AlertIndex
from runner.elastic.client import Client, Count, mapping
from runner.elastic.failures import Action
from runner.errors import ClusterAnswerError, ClusterBusy, SetupError
from runner.execution.absorbing import ANCHOR, CHANGING, CREATED, INSTANCE, Absorbed, Absorber, Suppressed
from runner.execution.model import Alert, Rejected, Written
from runner.query.fields import values
from runner.query.timestamps import timestamp
from runner.schedule.windows import Window
from runner.wording import plural

AT_ONCE = 1000
MOST = 10_000  # alerts in one answer; Elasticsearch's index.max_result_window, unless set otherwise
STATUS = "kibana.alert.workflow_status"

_NOTE = Action("note suppressed matches in", "`create_doc` and `maintenance` on the index of suppressed matches")
_LOOK = Action("look for suppressed matches in", "`read` on the indices of alerts and suppressed matches")
_HEAL = Action("take notes from", "`delete` on the index of suppressed matches")
_COUNT = Action("set the counts of alerts in", "`read` and `write` on the alerts index")

_AGAIN = frozenset({429, 502, 503, 504})
_CONFLICT = 409
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_READ = (ANCHOR, CREATED, *CHANGING)


class SuppressingSink:
    """An AlertSink: the alerts index, and beside it the index of what its alerts absorb. Shared by threads."""

    def __init__(self, client: Client, alerts: AlertIndex, *, alias: str, suppressed: str) -> None:
        self._client = client
        self._index = alerts
        self._alerts = alias
        self.name = suppressed

    def known(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of the ids that are alerts already, or absorbed. Raises RunnerError."""
        alerts, absorbed = self._noted(ids, Count())
        return frozenset(alerts | absorbed.keys())

    def write(self, alerts: Sequence[Alert]) -> Written:
        """Create the alerts and return what became of each. See `AlertIndex.write`."""
        return self._index.write(alerts)

    def open_for(self, instance_ids: Sequence[str], span: Window) -> Sequence[Absorber]:
        """Return the open alerts of these groups whose anchor lies in the span. Raises RunnerError."""
        found: list[Absorber] = []
        for chunk in _chunks(instance_ids):
            last: Sequence[Any] | None = []
            while last is not None:
                hits = self._open(chunk, span, last)
                documents = [(hit["_id"], _document(hit, (INSTANCE, ANCHOR))) for hit in hits]
                found += [absorber for one in documents if (absorber := Absorber.of(*one))]
                last = hits[-1]["sort"] if len(hits) == MOST else None
        return tuple(found)

    def _open(self, instance_ids: Sequence[str], span: Window, after: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
        query = {
            "bool": {
                "filter": [
                    {"terms": {INSTANCE: list(instance_ids)}},
                    {"range": {ANCHOR: {"gte": timestamp(span.start), "lt": timestamp(span.end)}}},
                ],
                "must_not": [{"term": {STATUS: "closed"}}],
            }
        }
        answer = self._client.ask(
            _LOOK,
            self._alerts,
            lambda es: es.search(
                index=self._alerts,
                query=query,
                sort=[{ANCHOR: "asc"}, {"kibana.alert.uuid": "asc"}],
                search_after=list(after) or None,
                size=MOST,
                source_includes=[INSTANCE, ANCHOR],
                track_total_hits=False,
                allow_partial_search_results=False,
            ),
        )
        hits: Sequence[Mapping[str, Any]] = mapping(answer, self._alerts)["hits"]["hits"]
        return hits

    def absorb(self, suppressed: Sequence[Suppressed], again: Sequence[str] = ()) -> Written:
        """Note the matches as absorbed and set the counts of their alerts. See `AlertSink.absorb`."""
        count, noting = Count(), _Noting({one.id: one for one in suppressed})
        while noting.waiting:
            self._client.ask(_NOTE, self.name, partial(noting.send, self.name), count=count)
        alerts, absorbed = self._noted(list(dict.fromkeys([*(one.id for one in suppressed), *again])), count)
        touched, doubled = set(absorbed.values()), sorted(alerts & absorbed.keys())
        if doubled:
            self._client.ask(_HEAL, self.name, lambda es: _deleted(es, self.name, doubled), count=count)
        for chunk in _chunks(sorted(touched)):
            self._client.ask(_COUNT, self._alerts, partial(self._settled, chunk, count), count=count)
        return noting.written(doubled, count.take())

    def _noted(self, ids: Sequence[str], count: Count) -> tuple[set[str], dict[str, str]]:
        """Return those of the ids that are alerts, and those that are absorbed, each with the alert that did it."""
        alerts: set[str] = set()
        absorbed: dict[str, str] = {}
        for chunk in _chunks(ids):
            answer = self._client.ask(_LOOK, self.name, partial(self._looked_up, chunk), count=count)
            for hit in mapping(answer, self.name)["hits"]["hits"]:
                if "alert_id" in hit["_source"]:
                    absorbed[hit["_id"]] = hit["_source"]["alert_id"]
                else:
                    alerts.add(hit["_id"])
        return alerts, absorbed

    def _looked_up(self, ids: Sequence[str], es: Elasticsearch) -> ApiResponse[Any]:
        return es.search(
            index=[self._alerts, self.name],
            query={"ids": {"values": list(ids)}},
            size=2 * len(ids),
            source_includes=["alert_id"],
            track_total_hits=False,
            # What is there and not found would become an alert a second time.
            allow_partial_search_results=False,
        )

    def _settled(self, ids: Sequence[str], count: Count, es: Elasticsearch) -> ApiResponse[Any]:
        """Set what the alerts tell. Raises ClusterBusy, to be done again, where one was changed in the meantime."""
        found = es.search(
            index=self._alerts,
            query={"ids": {"values": list(ids)}},
            size=len(ids),
            source_includes=list(_READ),
            seq_no_primary_term=True,
            track_total_hits=False,
            allow_partial_search_results=False,
        )
        hits = found.body["hits"]["hits"]
        counted = es.search(
            index=self.name,
            size=0,
            query={"terms": {"alert_id": [hit["_id"] for hit in hits]}},
            aggs={"alerts": {"terms": {"field": "alert_id", "size": AT_ONCE}, "aggs": _BOUNDS}},
            allow_partial_search_results=False,
        )
        count.requests += 1
        sums = {bucket["key"]: _sum(bucket) for bucket in counted.body["aggregations"]["alerts"]["buckets"]}
        lines = [line for hit in hits for line in _update(hit, sums.get(hit["_id"], Absorbed()))]
        if not lines:
            return counted
        count.requests += 1
        answer = es.bulk(operations=lines, refresh=True)
        for item in (one["update"] for one in mapping(answer.body, "the bulk")["items"]):
            if item["status"] == _CONFLICT or item["status"] in _AGAIN:
                raise ClusterBusy(f"the alert {item['_id']} was changed while its suppressed matches were counted")
            if item["status"] >= 400:
                raise ClusterAnswerError(f"the counts of the alert {item['_id']} were not taken: {item.get('error')}")
        return answer


_BOUNDS = {
    "first": {"min": {"field": "original_time"}},
    "last": {"max": {"field": "original_time"}},
    "noted": {"max": {"field": "@timestamp"}},
}


@dataclass
class _Noting:
    """Matches on their way into the index; what is taken is not sent again."""

    waiting: dict[str, Suppressed]
    created: list[str] = field(default_factory=list)
    duplicates: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)

    def send(self, index: str, es: Elasticsearch) -> ApiResponse[Any]:
        """Send what waits, as much as fits at once. Raises ClusterBusy when none of it was taken for now."""
        chunk = list(self.waiting.values())[:AT_ONCE]
        answer = es.bulk(operations=[part for one in chunk for part in _create(one)], index=index, refresh=True)
        items = mapping(answer.body, "the bulk").get("items", ())
        if len(items) != len(chunk):
            raise ClusterAnswerError(f"{index} answered for {len(items)} of {plural(len(chunk), 'match', 'matches')}")
        for one, item in zip(chunk, items, strict=True):
            self._take(one, item["create"], index)
        if all(one.id in self.waiting for one in chunk):
            raise ClusterBusy(f"{index} did not take {plural(len(chunk), 'suppressed match', 'suppressed matches')}")
        return answer

    def written(self, doubled: Sequence[str], requests: int) -> Written:
        """Return what became of all; those that are alerts by themselves are known, not absorbed."""
        own = set(doubled)
        created = tuple(one for one in self.created if one not in own)
        duplicates = (*self.duplicates, *(one for one in self.created if one in own))
        return Written(created, duplicates, tuple(self.rejected), requests)

    def _take(self, one: Suppressed, item: Mapping[str, Any], index: str) -> None:
        status, error = item["status"], item.get("error") or {}
        if status in _AGAIN:
            return
        if error.get("type") == "index_not_found_exception":
            raise SetupError(f"the index {index} is missing", "`eql-runner setup` makes it.")
        del self.waiting[one.id]
        if status == 201:
            self.created.append(one.id)
        elif status == _CONFLICT:
            self.duplicates.append(one.id)
        else:
            self.rejected.append(Rejected(one.id, f"{status} {error.get('type')}: {error.get('reason')}"))


def _create(one: Suppressed) -> tuple[Mapping[str, Any], Mapping[str, Any]]:
    document = {
        "@timestamp": timestamp(one.noted),
        "original_time": timestamp(one.time),
        "alert_id": one.alert_id,
        "rule_id": one.rule_id,
        "instance_id": one.instance_id,
        "execution_id": one.execution_id,
        "events": [{"index": index, "id": event_id} for index, event_id in one.events],
    }
    return {"create": {"_id": one.id}}, document


def _update(hit: Mapping[str, Any], absorbed: Absorbed) -> Iterator[Mapping[str, Any]]:
    """Yield the bulk lines that set what an alert tells; none where it tells that already."""
    document = _document(hit, _READ)
    fields = {name: value for name, value in absorbed.fields(document).items() if document.get(name) != value}
    if fields:
        version = {"if_seq_no": hit["_seq_no"], "if_primary_term": hit["_primary_term"]}
        yield {"update": {"_index": hit["_index"], "_id": hit["_id"], **version}}
        yield {"doc": fields}


def _document(hit: Mapping[str, Any], names: Sequence[str]) -> dict[str, Any]:
    """Return single fields of a hit, flat."""
    return {name: found[0] for name in names if (found := values(hit["_source"], name))}


def _sum(bucket: Mapping[str, Any]) -> Absorbed:
    first, last, noted = (_EPOCH + timedelta(milliseconds=bucket[name]["value"]) for name in ("first", "last", "noted"))
    return Absorbed(bucket["doc_count"], first, last, noted)


def _deleted(es: Elasticsearch, index: str, ids: Sequence[str]) -> ApiResponse[Any]:
    return es.bulk(operations=[{"delete": {"_id": one}} for one in ids], index=index, refresh=True)


def _chunks(ids: Sequence[str]) -> Iterator[Sequence[str]]:
    for start in range(0, len(ids), AT_ONCE):
        yield ids[start : start + AT_ONCE]
