"""How much each exception item has taken away, as the history of executions tells it."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from runner.elastic.client import Client, mapping
from runner.elastic.failures import Action
from runner.query.timestamps import instant, timestamp

MOST_ITEMS = 10_000

_READ = Action("read the history of executions in", "`read` on the executions index")
_EXCEPTED = "eql_runner.execution.excepted"


@dataclass(frozen=True, slots=True)
class Hits:
    """Events that an item took away; those in the overlap of two windows count in both. `last`: by which execution."""

    count: int
    last: datetime | None


def exception_hits(client: Client, executions: str, since: datetime) -> Mapping[str, Hits]:
    """Return the hits of each item in the executions that began since then; without any, no entry. Raises RunnerError."""
    answer = client.ask(
        _READ,
        executions,
        lambda es: es.search(
            index=executions,
            size=0,
            query={"range": {"@timestamp": {"gte": timestamp(since)}}},
            aggs={"excepted": {"nested": {"path": _EXCEPTED}, "aggs": {"items": _ITEMS}}},
        ),
    )
    buckets = mapping(answer, executions)["aggregations"]["excepted"]["items"]["buckets"]
    return {bucket["key"]: _hits(bucket) for bucket in buckets}


_ITEMS = {
    "terms": {"field": f"{_EXCEPTED}.item", "size": MOST_ITEMS},
    "aggs": {
        "count": {"sum": {"field": f"{_EXCEPTED}.count"}},
        "executions": {"reverse_nested": {}, "aggs": {"last": {"max": {"field": "@timestamp"}}}},
    },
}


def _hits(bucket: Mapping[str, Any]) -> Hits:
    last = bucket["executions"]["last"]["value"]
    return Hits(int(bucket["count"]["value"]), instant(last) if last is not None else None)
