"""Events that say they are from the future: they are found once their time has come, and a clock is wrong somewhere.

A range names the format of its bounds: without it they are read in the field's own. Source: Elasticsearch,
`RangeQueryBuilder.getForceDateParser`.
"""

from datetime import datetime, timedelta

from runner.elastic.client import GRACE, Client, mapping, shown
from runner.elastic.failures import Action
from runner.elastic.filters import DATE_FORMAT
from runner.query.timestamps import timestamp

MOST = 10_000  # counted no further
AHEAD = timedelta(hours=24)

_COUNT = Action("count the events of the future in", "`read` on the indices that the rules search")
_TIMEOUT = timedelta(seconds=20)


def future_events(client: Client, patterns: tuple[str, ...], now: datetime, tolerated: timedelta) -> int:
    """Return how many events (`MOST` at most) lie more than `tolerated` and up to `AHEAD` after now. Raises RunnerError."""
    ahead = {"gt": timestamp(now + tolerated), "lte": timestamp(now + AHEAD), "format": DATE_FORMAT}
    answer = client.ask(
        _COUNT,
        shown(patterns),
        lambda es: es.search(
            index=list(patterns),
            body={
                "size": 0,
                "timeout": f"{_TIMEOUT // timedelta(milliseconds=1)}ms",
                "track_total_hits": MOST,
                "query": {"range": {"@timestamp": ahead}},
            },
            ignore_unavailable=True,
            allow_no_indices=True,
            filter_path="hits.total",
        ),
        timeout=_TIMEOUT + GRACE,
        once=True,
    )
    total = mapping(answer, shown(patterns)).get("hits", {}).get("total", {})
    return int(total.get("value", 0))
