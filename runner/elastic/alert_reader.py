"""Alerts read back from their index, oldest first, page by page: for the report."""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from elastic_transport import ApiResponse
from elasticsearch import Elasticsearch

from runner.elastic.client import Client, mapping
from runner.elastic.failures import Action
from runner.execution.model import Document

PAGE = 1000

_READ = Action("read the alerts of", "`read` on the alerts index")


def read_alerts(client: Client, alias: str, since: datetime, *, page: int = PAGE) -> Iterator[Document]:
    """Yield the alerts made at or after the instant, each with its `_id`. Raises RunnerError, also on half an answer."""
    after: Sequence[Any] | None = None

    def search(es: Elasticsearch) -> ApiResponse[Any]:
        return es.search(
            index=alias,
            query={"range": {"@timestamp": {"gte": since.isoformat()}}},
            sort=[{"@timestamp": "asc"}, {"kibana.alert.uuid": "asc"}],
            search_after=after,
            size=page,
            track_total_hits=False,
            allow_partial_search_results=False,
        )

    while True:
        hits = mapping(client.ask(_READ, alias, search), alias).get("hits", {}).get("hits", ())
        yield from ({"_id": hit["_id"], **hit["_source"]} for hit in hits)
        if len(hits) < page:
            return
        after = hits[-1]["sort"]
