"""What people do with alerts: acknowledge, close and reopen them. Who, when and why is kept on the alert.

    kibana.alert.workflow_status              open, acknowledged or closed, as Kibana has it
    kibana.alert.workflow_user                who changed it last
    kibana.alert.workflow_status_updated_at   when
    kibana.alert.workflow_reason              why
    eql_runner.workflow                       every change so far: at, from, to, user, reason

An alert is changed only from the version that was read. Where someone else has written it meanwhile, it is read again:
if its status is still the same the change is made, if it is another the change is not, and is told as a conflict.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any

from elastic_transport import ApiResponse
from elasticsearch import Elasticsearch

from runner.elastic.alert_search import AT_ONCE, WORKED_ON, AlertSearch, Found
from runner.elastic.client import Client, mapping
from runner.elastic.failures import Action
from runner.errors import ClusterAnswerError, ClusterBusy
from runner.execution.model import Document
from runner.query.timestamps import timestamp

HISTORY = "eql_runner.workflow"
_STATUS = "kibana.alert.workflow_status"
_ATTEMPTS = 5
_CHANGE = Action("change alerts of", "`write` on the alerts index")
_AGAIN = frozenset({429, 502, 503, 504})


class Status(StrEnum):
    """The states of an alert's work, by Kibana's names."""

    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Change:
    """To which status, by whom, when and why."""

    status: Status
    user: str
    at: datetime
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Conflict:
    """An alert that was left as it is, and why."""

    id: str
    reason: str


@dataclass(frozen=True, slots=True)
class Changed:
    """What became of the alerts: changed, in that status already, or left because someone else was quicker.

    `blocks` counts the building blocks that went along with their sequences.
    """

    changed: tuple[Found, ...] = ()
    already: tuple[Found, ...] = ()
    conflicts: tuple[Conflict, ...] = ()
    blocks: int = 0


class Workflow:
    """Changes alerts where they are. All methods raise RunnerError."""

    def __init__(self, client: Client, alias: str) -> None:
        self._client = client
        self._alias = alias
        self.search = AlertSearch(client, alias)

    def change(self, alerts: Sequence[Found], change: Change) -> Changed:
        """Give the alerts a status; the building blocks of a sequence go along with it."""
        alerts = list({alert.id: alert for alert in alerts}.values())
        already = [alert for alert in alerts if status(alert.document) == change.status]
        wanted = [alert for alert in alerts if status(alert.document) != change.status]
        changed, conflicts = self._all(wanted, change)
        # Also those of shells that had the status already: a change that was cut short is completed by its repetition.
        named = {alert.id for alert in alerts}
        blocks = [block for block in self.search.blocks([*changed, *already], WORKED_ON) if block.id not in named]
        of_blocks, more = self._all([block for block in blocks if status(block.document) != change.status], change)
        return Changed(tuple(changed), tuple(already), (*conflicts, *more), len(of_blocks))

    def _all(self, wanted: Sequence[Found], change: Change) -> tuple[list[Found], list[Conflict]]:
        changed: list[Found] = []
        conflicts: list[Conflict] = []
        for start in range(0, len(wanted), AT_ONCE):
            waiting = {alert.id: alert for alert in wanted[start : start + AT_ONCE]}
            for _ in range(_ATTEMPTS):
                if not waiting:
                    break
                done = self._sent(list(waiting.values()), change)
                changed += [waiting.pop(alert_id) for alert_id in done]
                conflicts += self._read_again(waiting, change, changed)
            conflicts += [Conflict(alert_id, "others write it all the time; try again") for alert_id in waiting]
        return changed, conflicts

    def _read_again(self, waiting: dict[str, Found], change: Change, changed: list[Found]) -> Iterator[Conflict]:
        """Take the newest versions of those that wait; yield those that may not be changed any more, and drop them."""
        now = {alert.id: alert for alert in self.search.again(list(waiting.values()))}
        for alert_id, before in list(waiting.items()):
            if alert_id not in now:
                yield Conflict(alert_id, "it was deleted meanwhile")
            elif _was_made(change, now[alert_id].document):
                changed.append(before)  # only the answer was lost
            elif status(now[alert_id].document) != status(before.document):
                yield Conflict(alert_id, f"meanwhile {_who_and_when(now[alert_id].document)}")
            else:
                waiting[alert_id] = now[alert_id]
                continue
            del waiting[alert_id]

    def _sent(self, alerts: Sequence[Found], change: Change) -> list[str]:
        """Send one bulk of changes; return the ids of what was taken. What another had written first is left out."""

        def send(es: Elasticsearch) -> ApiResponse[Any]:
            lines = [line for alert in alerts for line in _update(alert, change)]
            answer = es.bulk(operations=lines, refresh=True)
            for item in _items(answer.body):
                if item["status"] not in {200, 404, 409}:
                    raise _refusal(item)
            return answer

        answer = self._client.ask(_CHANGE, self._alias, send)
        return [item["_id"] for item in _items(answer) if item["status"] == 200]


def status(document: Document) -> str:
    """Return an alert's workflow status; one that never had any is open."""
    return str(document.get(_STATUS) or Status.OPEN)


def history(document: Document) -> list[Mapping[str, Any]]:
    """Return the changes of an alert, oldest first."""
    found = document.get(HISTORY) or []
    return [found] if isinstance(found, Mapping) else list(found)


def _update(alert: Found, change: Change) -> tuple[dict[str, Any], dict[str, Any]]:
    seq_no, primary_term = alert.token
    action = {"_index": alert.index, "_id": alert.id, "if_seq_no": seq_no, "if_primary_term": primary_term}
    entry = {"at": timestamp(change.at), "from": status(alert.document), "to": str(change.status), "user": change.user}
    if change.reason:
        entry["reason"] = change.reason
    document = {
        _STATUS: str(change.status),
        "kibana.alert.workflow_user": change.user,
        "kibana.alert.workflow_status_updated_at": entry["at"],
        "kibana.alert.workflow_reason": change.reason or None,
        HISTORY: [*history(alert.document), entry],
    }
    return {"update": action}, {"doc": document}


def _was_made(change: Change, document: Document) -> bool:
    """Tell whether the newest change of an alert is this one."""
    last = (history(document) or [{}])[-1]
    return (last.get("at"), last.get("to"), last.get("user")) == (timestamp(change.at), str(change.status), change.user)


def _items(answer: Any) -> list[Mapping[str, Any]]:
    return [item["update"] for item in mapping(answer, "the bulk").get("items", ())]


def _who_and_when(document: Document) -> str:
    user = document.get("kibana.alert.workflow_user") or "someone"
    at = document.get("kibana.alert.workflow_status_updated_at") or ""
    return f"{user} set it to {status(document)} {at}".strip()


def _refusal(item: Mapping[str, Any]) -> Exception:
    error = item.get("error") or {}
    text = f"alert {item.get('_id')} cannot be changed: {item.get('status')} {error.get('reason')}"
    return ClusterBusy(text) if item.get("status") in _AGAIN else ClusterAnswerError(text)
