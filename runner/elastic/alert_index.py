"""The alerts index as an AlertSink: `_bulk` creates, read item by item.

    201                    created
    409                    a duplicate: the id exists already
    429, 502, 503, 504     that item is sent again, until the deadline
    400, does not fit      that item is sent again with what does not fit set aside, so that the alert is not lost
    anything else          rejected, with the reason

Each bulk refreshes the index, so that `known`, which is a search, finds what `write` has acknowledged.

An id is unique within one index only. When the alias has rolled over since this thread last wrote, another runner may
have written the same alert to the index before, after we had looked: then ours is taken back.
"""

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from elastic_transport import ApiResponse
from elasticsearch import Elasticsearch

from runner import json_text
from runner.elastic import fitting, templates
from runner.elastic.client import Client, Count, mapping
from runner.elastic.failures import Action
from runner.errors import ClusterAnswerError, ClusterBusy, RequestTooLarge, RunnerError, SetupError
from runner.execution.model import Alert, Document, Rejected, Written
from runner.wording import plural

IDS_AT_ONCE = 1000
ALERTS_AT_ONCE = 500
BYTES_AT_ONCE = 5_000_000  # a single alert may be larger and then goes alone

_KNOWN = Action("look for alerts in", "`read` on the alerts index")
_WRITE = Action("write alerts to", "`create_doc` and `maintenance` on the alerts index")

_AGAIN = frozenset({429, 502, 503, 504})
_MISFITS = frozenset(
    {
        "document_parsing_exception",
        "mapper_parsing_exception",
        "illegal_argument_exception",
        "strict_dynamic_mapping_exception",
    }
)
_OF_THE_ALERT = ("kibana.", "eql_runner.")


class AlertIndex:
    """Writes to the alias, whose write index takes new alerts, and looks in all indices behind it."""

    def __init__(self, client: Client, alias: str) -> None:
        self._client = client
        self._alias = alias
        self._last = threading.local()  # `.index`: where this thread's last alert went

    def known(self, ids: Sequence[str]) -> frozenset[str]:
        """Return those of the ids that are alerts already. Raises RunnerError, also when not every shard answers."""
        found: set[str] = set()
        for start in range(0, len(ids), IDS_AT_ONCE):
            found |= self._known(ids[start : start + IDS_AT_ONCE])
        return frozenset(found)

    def write(self, alerts: Sequence[Alert]) -> Written:
        """Create the alerts and return what became of each. Raises RunnerError when the index takes none at all.

        Alerts written before an error was raised stay written; their ids make writing them again harmless.
        """
        count, outcome = Count(), _Outcome([_Line.of(alert) for alert in alerts])
        try:
            self._create(outcome, count)
        except RunnerError as error:
            if not outcome.settled:
                raise
            for line in list(outcome.waiting):
                outcome.reject(line, f"not taken: {error}")
        self._take_back(outcome, count)
        return outcome.written(count.take())

    def _create(self, outcome: "_Outcome", count: Count) -> None:
        """Send bulks until nothing waits; smaller ones once the cluster, or a proxy, finds one too large."""
        most = ALERTS_AT_ONCE
        while outcome.waiting:
            chunk = _first(outcome.waiting, most)
            try:
                self._client.ask(_WRITE, self._alias, partial(self._bulk, chunk, outcome), count=count)
            except RequestTooLarge as error:
                most = len(chunk) // 2
                if not most:
                    outcome.reject(chunk[0], str(error))
                    most = ALERTS_AT_ONCE

    def _take_back(self, outcome: "_Outcome", count: Count) -> None:
        """Delete what was created in a new index while an older one has it: the older one is the alert."""
        before = getattr(self._last, "index", None)
        ours = {alert_id: index for alert_id, index in outcome.created.items() if index != before}
        for start in range(0, len(ours), IDS_AT_ONCE):
            ids = list(ours)[start : start + IDS_AT_ONCE]
            for alert_id in {alert_id for alert_id, index in self._found(ids, count) if index < ours[alert_id]}:
                self._client.ask(
                    _WRITE,
                    self._alias,
                    lambda es, of=alert_id: es.options(ignore_status=404).delete(  # type: ignore[misc]  # a loop's own
                        index=ours[of], id=of, refresh=True
                    ),
                    count=count,
                )
                del outcome.created[alert_id]
                outcome.duplicates.append(alert_id)
        self._last.index = max(ours.values(), default=before)

    def _known(self, ids: Sequence[str]) -> set[str]:
        return {alert_id for alert_id, _ in self._found(ids)}

    def _found(self, ids: Sequence[str], count: Count | None = None) -> set[tuple[str, str]]:
        """Return those of the ids that are alerts, each with its index."""
        answer = self._client.ask(
            _KNOWN,
            self._alias,
            lambda es: es.search(
                index=self._alias,
                query={"ids": {"values": list(ids)}},
                # An id is in one index only, but should it ever be in several, none may push another out.
                size=min(10_000, 2 * len(ids)),
                source=False,
                track_total_hits=False,
                # An alert that is there and not found would be written twice.
                allow_partial_search_results=False,
                filter_path="hits.hits._id,hits.hits._index",
            ),
            count=count,
        )
        hits = mapping(answer, self._alias).get("hits", {}).get("hits", ())
        return {(hit["_id"], hit["_index"]) for hit in hits}

    def _bulk(self, chunk: Sequence["_Line"], outcome: "_Outcome", es: Elasticsearch) -> ApiResponse[Any]:
        """Send what of the chunk waits. Raises ClusterBusy, to be sent again, when all that still waits was put off."""
        sent = [line for line in chunk if line in outcome.waiting]
        lines: Sequence[Any] = [part for line in sent for part in line.body()]
        answer = es.bulk(operations=lines, index=self._alias, require_alias=True, refresh=True)
        items = mapping(answer.body, "the bulk").get("items", ())
        if len(items) != len(sent):
            raise ClusterAnswerError(f"{self._alias} answered for {len(items)} of {plural(len(sent), 'alert')}")
        simplified = [outcome.take(line, item["create"]) for line, item in zip(sent, items, strict=True)]
        left = [line for line in sent if line in outcome.waiting]
        if left and not any(simplified):
            raise ClusterBusy(f"{self._alias} did not take {plural(len(left), 'alert')}: {outcome.reason}")
        return answer


@dataclass(eq=False)
class _Line:
    """One alert on its way, in one of the forms that it may take: from whole to certain to fit."""

    alert: Alert
    content: bytes
    form: int = 0

    @classmethod
    def of(cls, alert: Alert) -> "_Line":
        return cls(alert, json_text.dumps(alert.document))

    def body(self) -> tuple[bytes, bytes]:
        return json_text.dumps({"create": {"_id": self.alert.id}}), self.content

    def simpler(self) -> bool:
        """Take the next form; return false when there is none left."""
        self.form += 1
        if self.form >= len(_FORMS):
            return False
        self.content = json_text.dumps(_FORMS[self.form](self.alert.document))
        return True


@dataclass
class _Outcome:
    """What has become of a chunk so far."""

    waiting: list[_Line]
    created: dict[str, str] = field(default_factory=dict)  # ids, each with the index that took it
    duplicates: list[str] = field(default_factory=list)
    rejected: list[Rejected] = field(default_factory=list)
    reason: str = ""

    @property
    def settled(self) -> bool:
        """Whether anything is decided yet."""
        return bool(self.created or self.duplicates or self.rejected)

    def take(self, line: _Line, item: Mapping[str, Any]) -> bool:
        """Note the item's result; return whether it did not fit and is to be sent at once in its next form."""
        status, error = item.get("status"), item.get("error") or {}
        self.reason = _reason(error)
        if error.get("type") == "index_not_found_exception":
            raise SetupError(f"the alias {item.get('_index')} is missing", "`eql-runner setup` makes it.")
        if status == 201:
            self.waiting.remove(line)
            self.created[line.alert.id] = str(item.get("_index", ""))
        elif status == 409:
            self.waiting.remove(line)
            self.duplicates.append(line.alert.id)
        elif status in _AGAIN:
            return False
        elif error.get("type") in _MISFITS and line.simpler():
            return True
        else:
            self.reject(line, f"{status} {self.reason}")
        return False

    def reject(self, line: _Line, reason: str) -> None:
        """Give up one that waits."""
        self.waiting.remove(line)
        self.rejected.append(Rejected(line.alert.id, reason))

    def written(self, requests: int) -> Written:
        return Written(tuple(self.created), tuple(self.duplicates), tuple(self.rejected), requests)


def _reason(error: Mapping[str, Any]) -> str:
    cause = error.get("caused_by") or {}
    texts = [f"{one.get('type')}: {one.get('reason')}" for one in (error, cause) if one.get("reason")]
    return ", ".join(texts) or "no reason given"


def _first(lines: Sequence[_Line], most: int) -> list[_Line]:
    """Return the first lines that make one bulk; always at least one."""
    chunk: list[_Line] = []
    size = 0
    for line in lines[:most]:
        size += len(line.content)
        if chunk and size > BYTES_AT_ONCE:
            break
        chunk.append(line)
    return chunk


def _whole(document: Document) -> Document:
    return document


def _fitting(document: Document) -> Document:
    """Put those fields of the source event aside whose shape does not fit the mapping, and nothing else."""
    unfit = frozenset(fitting.misfits(document))
    if not unfit:  # it is another index's field, or one that no mapping names, that it quarrels with
        return _aside(document)
    fit = {key: value for key, value in document.items() if key not in unfit}
    if "event" in unfit:
        fit["event.kind"] = "signal"
    return {**fit, templates.SET_ASIDE: {key: value for key, value in _event(document).items() if key in unfit}}


def _aside(document: Document) -> Document:
    """Put what comes from the source event under one flattened field, where types cannot conflict."""
    return {**_own(document), templates.SET_ASIDE: _event(document)}


def _unread(document: Document) -> Document:
    """Put what comes from the source event where the cluster only keeps it, and leave out the copies made of it."""
    copied = ("kibana.alert.original_event.", "kibana.alert.original_data_stream.")
    own = {key: value for key, value in _own(document).items() if not key.startswith(copied)}
    return {**own, templates.UNREAD: _event(document)}


_FORMS: tuple[Callable[[Document], Document], ...] = (_whole, _fitting, _aside, _unread)


def _own(document: Document) -> dict[str, Any]:
    """Return the alert's own fields."""
    own = {key: value for key, value in document.items() if key.startswith(_OF_THE_ALERT) or key == "@timestamp"}
    return {**own, "event.kind": "signal"}


def _event(document: Document) -> dict[str, Any]:
    """Return the fields that come from the source event."""
    return {key: value for key, value in document.items() if not key.startswith(_OF_THE_ALERT) and key != "@timestamp"}
