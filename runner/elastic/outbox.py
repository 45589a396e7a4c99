"""The outbox of notifications as an index: an entry, a claim, a streak are a document each.

    entry:<id>      put by `create`; settled from the version that was read, and no other
    claim:<name>    taken under optimistic concurrency when nobody holds it, or its holder's time is over
    streak:<id>     a rule that keeps failing; deleted when it recovers

Every write refreshes the index: who searches next must not find what is settled, or a message would be sent again.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from typing import Any

from elastic_transport import ApiResponse
from elasticsearch import Elasticsearch

from runner.elastic.client import Client, mapping
from runner.elastic.failures import Action
from runner.elastic.outbox_records import (
    claim_document,
    claim_of,
    entry_document,
    entry_of,
    streak_document,
    streak_of,
)
from runner.elastic.records import instant_text
from runner.errors import ClusterAnswerError, ClusterBusy, SetupError, StateConflict
from runner.notify.model import CLAIM, Claim, Entry, EntryState, Sent, Standing, Streak

AT_ONCE = 500
MOST_SENT = 10_000
MOST_CHANNELS = 1000

_READ = Action("read the outbox of notifications", "`read` on the outbox index")
_WRITE = Action("write the outbox of notifications", "`write` and `maintenance` on the outbox index")
_AGAIN = frozenset({429, 502, 503, 504})

Query = Mapping[str, Any]


class OutboxIndex:
    """Keeps entries and claims. Shared by threads."""

    def __init__(self, client: Client, index: str) -> None:
        self._documents = _Documents(client, index)

    def put(self, entries: Sequence[Entry]) -> int:
        """Add those of the entries that are not there yet; return how many that were."""
        lines = [
            ({"create": {"_id": f"entry:{entry.id}"}}, {"kind": "entry", "entry": entry_document(entry)})
            for entry in entries
        ]
        return self._documents.written(lines)

    def entries(
        self, channel: str, state: EntryState, now: datetime, most: int, without: Collection[str] = ()
    ) -> tuple[Entry, ...]:
        """Return the channel's entries in a state, oldest first; of the waiting ones those due."""
        conditions: list[Query] = [{"term": {"entry.channel": channel}}, {"term": {"entry.state": str(state)}}]
        if state is EntryState.WAITING:
            conditions.append({"range": {"entry.due": {"lte": instant_text(now)}}})
        if without:
            conditions.append({"bool": {"must_not": {"terms": {"entry.rule_id": sorted(without)}}}})
        sort = [{"entry.created": "asc"}, {"entry.alert_id": "asc"}, {"entry.rule_id": "asc"}]
        hits = self._documents.found(conditions, size=most, sort=sort)
        return tuple(entry_of(hit["_source"]["entry"], (hit["_seq_no"], hit["_primary_term"])) for hit in hits)

    def settle(self, entries: Iterable[Entry]) -> None:
        """Write the entries as they have become; one that another has written since it was read stays."""
        self._documents.written(
            [
                (
                    {"index": {"_id": f"entry:{entry.id}", **_condition(entry.token)}},
                    {"kind": "entry", "entry": entry_document(entry)},
                )
                for entry in entries
            ]
        )

    def sent(self, channel: str, since: datetime) -> tuple[Sent, ...]:
        """Return the messages sent at or after an instant, oldest first."""
        conditions: list[Query] = [
            {"term": {"entry.channel": channel}},
            {"term": {"entry.state": str(EntryState.SENT)}},
            {"range": {"entry.settled": {"gte": instant_text(since)}}},
        ]
        sort = [{"entry.settled": "asc"}]
        hits = self._documents.found(conditions, size=MOST_SENT, sort=sort, collapse={"field": "entry.message"})
        return tuple(Sent.of(entry_of(hit["_source"]["entry"], None)) for hit in hits)

    def claim(self, channel: str, owner: str, now: datetime) -> Claim | None:
        """Take or keep the channel; None while another holds it."""
        current = self._claimed(channel)
        if current is None:
            return self._taken(Claim(channel, owner, now + CLAIM))
        if current.owner != owner and now < current.until:
            return None
        if current.owner == owner and current.until - now > CLAIM / 2:
            return current  # long enough for now, and no write a round
        return self._taken(replace(current, owner=owner, until=now + CLAIM))

    def keep(self, claim: Claim) -> Claim:
        """Write a claim as it has become. Raises StateConflict when another has taken it."""
        kept = self._taken(claim)
        if kept is None:
            raise StateConflict(f"the channel {claim.channel} was taken by another runner")
        return kept

    def standing(self) -> tuple[Standing, ...]:
        """Return how all channels stand."""
        claims = {hit["_source"]["claim"]["channel"]: _claim_of(hit) for hit in self._documents.every("claim")}
        found = {
            bucket["key"]: {one["key"]: one for one in bucket["states"]["buckets"]}
            for bucket in self._documents.counted(_BY_CHANNEL)["channels"]["buckets"]
        }
        return tuple(
            _standing(channel, found.get(channel, {}), claims.get(channel)) for channel in sorted({*claims, *found})
        )

    def prune(self, before: datetime) -> int:
        """Forget entries that were settled before an instant."""
        return self._documents.deleted({"range": {"entry.settled": {"lt": instant_text(before)}}})

    def _claimed(self, channel: str) -> Claim | None:
        hit = self._documents.got(f"claim:{channel}")
        return None if hit is None else _claim_of(hit)

    def _taken(self, claim: Claim) -> Claim | None:
        """Write a claim from the version that was read; None when another was quicker."""
        token = self._documents.moved(
            f"claim:{claim.channel}", {"kind": "claim", "claim": claim_document(claim)}, claim.token
        )
        if token is not None:
            return replace(claim, token=token)
        current = self._claimed(claim.channel)
        # Ours after all, when only the answer was lost.
        return current if current == claim else None


class StreakIndex:
    """Keeps the streaks of rules, in the outbox's index. Shared by threads."""

    def __init__(self, client: Client, index: str) -> None:
        self._documents = _Documents(client, index)

    def all(self) -> Mapping[str, Streak]:
        """Return the streaks that last, by rule id."""
        found = (streak_of(hit["_source"]["streak"]) for hit in self._documents.every("streak"))
        return {streak.rule_id: streak for streak in found}

    def write(self, streak: Streak) -> None:
        """Keep a streak; one without failures is forgotten."""
        where = {"_id": f"streak:{streak.rule_id}"}
        if streak.failures:
            self._documents.written([({"index": where}, {"kind": "streak", "streak": streak_document(streak)})])
        else:
            self._documents.written([({"delete": where}, None)])


class _Documents:
    """Reads and writes of the one index, for both."""

    def __init__(self, client: Client, index: str) -> None:
        self._client = client
        self._index = index
        self._is_there = False

    def must_be_there(self) -> None:
        """Raise SetupError where the index lacks: a write would make one whose fields cannot be searched."""
        if not self._is_there:
            self.got("none")
            self._is_there = True

    def written(self, lines: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]]) -> int:
        """Send actions in bulks; return how many changed something. A conflict is none, and no error."""
        count = 0
        self.must_be_there()
        for start in range(0, len(lines), AT_ONCE):
            some = lines[start : start + AT_ONCE]
            answer = self._client.ask(_WRITE, self._index, partial(self._bulk, some))
            count += sum(item["status"] in {200, 201} for item in _items(answer))
        return count

    def _bulk(
        self, lines: Sequence[tuple[Mapping[str, Any], Mapping[str, Any] | None]], es: Elasticsearch
    ) -> ApiResponse[Any]:
        parts = [part for line in lines for part in line if part is not None]
        answer = es.bulk(operations=parts, index=self._index, refresh=True)
        for item in _items(answer.body):
            if item["status"] not in {200, 201, 404, 409} or _lacks_index(item):
                raise _refusal(item)
        return answer

    def moved(self, document_id: str, document: Mapping[str, Any], token: Any) -> tuple[int, int] | None:
        """Write one document from the version that was read (none: it must not exist yet); None for a conflict."""
        condition = {"op_type": "create"} if token is None else _condition(token)

        def send(es: Elasticsearch) -> ApiResponse[Any]:
            return es.options(ignore_status=409).index(
                index=self._index, id=document_id, document=document, refresh=True, **condition
            )

        answer = mapping(self._client.ask(_WRITE, self._index, send), self._index)
        return None if "error" in answer else (answer["_seq_no"], answer["_primary_term"])

    def got(self, document_id: str) -> Mapping[str, Any] | None:
        """Return a document as it is at this moment."""
        answer = mapping(
            self._client.ask(
                _READ, self._index, lambda es: es.options(ignore_status=404).get(index=self._index, id=document_id)
            ),
            self._index,
        )
        if "error" in answer:
            raise _missing(self._index)
        return answer if answer.get("found") else None

    def found(self, conditions: Sequence[Query], **options: Any) -> list[Mapping[str, Any]]:
        return list(self._search(query={"bool": {"filter": list(conditions)}}, **options)["hits"]["hits"])

    def every(self, kind: str) -> Iterator[Mapping[str, Any]]:
        """Yield the documents of a kind of which there are few."""
        yield from self.found([{"term": {"kind": kind}}], size=MOST_SENT, sort=["_doc"])

    def counted(self, aggregations: Mapping[str, Any]) -> Mapping[str, Any]:
        answer = self._search(query={"term": {"kind": "entry"}}, size=0, aggregations=aggregations)
        counted: Mapping[str, Any] = answer["aggregations"]
        return counted

    def deleted(self, query: Query) -> int:
        answer = self._client.ask(
            _WRITE,
            self._index,
            lambda es: es.delete_by_query(index=self._index, query=query, conflicts="proceed", refresh=True),
        )
        return int(mapping(answer, self._index).get("deleted", 0))

    def _search(self, **options: Any) -> Mapping[str, Any]:
        send: Callable[[Elasticsearch], ApiResponse[Any]] = lambda es: es.search(  # noqa: E731  # its type is told
            index=self._index,
            seq_no_primary_term=True if "collapse" not in options else None,
            allow_partial_search_results=False,
            track_total_hits=False,
            **options,
        )
        return mapping(self._client.ask(_READ, self._index, send), self._index)


_BY_CHANNEL: Mapping[str, Any] = {
    "channels": {
        "terms": {"field": "entry.channel", "size": MOST_CHANNELS},
        "aggregations": {
            "states": {
                "terms": {"field": "entry.state"},
                "aggregations": {"oldest": {"min": {"field": "entry.created", "format": "strict_date_time"}}},
            }
        },
    }
}


def _standing(channel: str, states: Mapping[str, Mapping[str, Any]], claim: Claim | None) -> Standing:
    def count(state: EntryState) -> int:
        return int(states[state]["doc_count"]) if state in states else 0

    waiting = states.get(EntryState.WAITING)
    oldest = datetime.fromisoformat(waiting["oldest"]["value_as_string"]) if waiting else None
    return Standing(channel, count(EntryState.WAITING), count(EntryState.FAILED), oldest, claim)


def _claim_of(hit: Mapping[str, Any]) -> Claim:
    return claim_of(hit["_source"]["claim"], (hit["_seq_no"], hit["_primary_term"]))


def _condition(token: tuple[int, int]) -> dict[str, int]:
    return {"if_seq_no": token[0], "if_primary_term": token[1]}


def _items(answer: Any) -> list[Mapping[str, Any]]:
    return [next(iter(item.values())) for item in mapping(answer, "the bulk").get("items", ())]


def _lacks_index(item: Mapping[str, Any]) -> bool:
    return (item.get("error") or {}).get("type") == "index_not_found_exception"


def _refusal(item: Mapping[str, Any]) -> Exception:
    error = item.get("error") or {}
    if _lacks_index(item):
        return _missing(str(item.get("_index")))
    told = f"{item.get('_index')} did not take {item.get('_id')}: {item.get('status')} {error.get('reason')}"
    return ClusterBusy(told) if item.get("status") in _AGAIN else ClusterAnswerError(told)


def _missing(index: str) -> SetupError:
    return SetupError(f"the outbox index {index} is missing", "`eql-runner setup` makes it.")
