"""How late events come in: `event.ingested` less `@timestamp`, measured now and then over what came in lately.

A rule that looks back less far than the slowest one in a hundred events needs will miss some of them, and no search can
say so. So it is measured, index by index, in a random sample, and the rule's executions say it.
"""

import re
import threading
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

from runner.elastic.capabilities import field_caps
from runner.elastic.client import GRACE, Client, mapping, shown
from runner.elastic.failures import Action
from runner.elastic.filters import DATE_FORMAT
from runner.execution.model import Hit, Page
from runner.execution.seams import EventSource
from runner.query.timestamps import timestamp
from runner.rules.model import Rule
from runner.schedule.windows import Window

INGESTED = "event.ingested"
TIMESTAMP = "@timestamp"
SAMPLE = 5000  # documents a shard
MOST_INDICES = 50  # of a set of patterns, those with the most documents
LATELY = timedelta(hours=1)

_MEASURE = Action("measure how late events come into", "`read` on the indices that the rules search")
_TIMEOUT = timedelta(seconds=20)
_BACKING = re.compile(r"\.ds-(.+)-\d{4}\.\d{2}\.\d{2}-\d{6}")
_SCRIPT = (
    f"if (doc['{INGESTED}'].size() > 0 && doc['{TIMESTAMP}'].size() > 0) {{"
    f" emit(doc['{INGESTED}'].value.toInstant().toEpochMilli()"
    f" - doc['{TIMESTAMP}'].value.toInstant().toEpochMilli()) }}"
)


@dataclass(frozen=True, slots=True)
class Lag:
    """How late half, 95 and 99 of a hundred events came in at most."""

    p50: timedelta
    p95: timedelta
    p99: timedelta


class IngestLag:
    """Measures, and remembers what was measured last for each set of patterns. Shared by threads."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._lock = threading.Lock()
        self._known: dict[tuple[str, ...], Mapping[str, Lag]] = {}

    def measure(self, patterns: tuple[str, ...], now: datetime) -> Mapping[str, Lag]:
        """Return the lags of what came in lately, by index or data stream; none where a field of the two is missing.

        Raises RunnerError.
        """
        found = self._measured(patterns, now) if self._has_both(patterns) else {}
        with self._lock:
            self._known[patterns] = found
        return found

    def slowest(self, patterns: tuple[str, ...]) -> tuple[str, Lag] | None:
        """Return the index with the longest p99 of those that were measured last, and its lag."""
        with self._lock:
            known = self._known.get(patterns, {})
        return max(known.items(), key=lambda item: item[1].p99, default=None)

    def warning(self, rule: Rule, now: datetime) -> str:
        """Say that the rule looks back less far than its events are late; nothing where it does not, or is not known."""
        slowest = self.slowest(rule.index)
        lookback = rule.schedule.lookback(now)
        if slowest is None or rule.range_field == INGESTED or slowest[1].p99 <= lookback:
            return ""
        name, lag = slowest
        return (
            f"looks back {_seconds(lookback)}, and of the events of {name} one in a hundred comes in later than "
            f"{_seconds(lag.p99)}: such events are missed. Set `timestamp_override` to {INGESTED}, an earlier `from`, "
            "or RUNNER_LATE_SWEEP"
        )

    def _has_both(self, patterns: tuple[str, ...]) -> bool:
        fields = field_caps(self._client, patterns, [INGESTED, TIMESTAMP]).get("fields", {})
        dates = {"date", "date_nanos"}
        # In an index where the field is unmapped the script would fail, so the query asks for the field.
        return all(dates & fields.get(name, {}).keys() for name in (INGESTED, TIMESTAMP))

    def _measured(self, patterns: tuple[str, ...], now: datetime) -> Mapping[str, Lag]:
        answer = self._client.ask(
            _MEASURE,
            shown(patterns),
            lambda es: es.search(
                index=list(patterns),
                body=_body(now),
                ignore_unavailable=True,
                allow_no_indices=True,
                filter_path="aggregations",
            ),
            timeout=_TIMEOUT + GRACE,
            once=True,
        )
        buckets = mapping(answer, shown(patterns)).get("aggregations", {}).get("sample", {}).get("index", {})
        found: dict[str, Lag] = {}
        for bucket in buckets.get("buckets", ()):
            name = _stream(bucket["key"])
            lag = _lag(bucket["lag"]["values"])
            if lag is not None and (name not in found or lag.p99 > found[name].p99):
                found[name] = lag
        return found


class LagNoted:
    """An event source whose executions say when their rule looks back less far than its events are late."""

    def __init__(self, source: EventSource, lag: IngestLag) -> None:
        self._source = source
        self._lag = lag

    def search(self, rule: Rule, window: Window, after: datetime | None = None) -> Generator[Page, None, None]:
        """Yield the source's pages, the first with a note where there is one. See `EventSource`."""
        warning = self._lag.warning(rule, window.end)
        for page in self._source.search(rule, window, after):
            yield replace(page, notes=(*page.notes, warning)) if warning else page
            warning = ""

    def documents(self, rule: Rule, hits: Sequence[Hit]) -> Page:
        """Return the same hits, each with its whole source. See `EventSource`."""
        return self._source.documents(rule, hits)


def _body(now: datetime) -> dict[str, Any]:
    lately = {"range": {INGESTED: {"gte": timestamp(now - LATELY), "lte": timestamp(now), "format": DATE_FORMAT}}}
    both = {"bool": {"filter": [lately, {"exists": {"field": TIMESTAMP}}]}}
    quantiles = {"percentiles": {"field": "lag", "percents": [50, 95, 99], "keyed": True}}
    by_index = {"terms": {"field": "_index", "size": MOST_INDICES}, "aggs": {"lag": quantiles}}
    return {
        "size": 0,
        "timeout": f"{_TIMEOUT // timedelta(milliseconds=1)}ms",
        "track_total_hits": False,
        "runtime_mappings": {"lag": {"type": "long", "script": {"source": _SCRIPT}}},
        # The sampler takes the documents that score best, and these score by chance.
        "query": {"function_score": {"query": both, "random_score": {}, "boost_mode": "replace"}},
        "aggs": {"sample": {"sampler": {"shard_size": SAMPLE}, "aggs": {"index": by_index}}},
    }


def _lag(values: Mapping[str, float | None]) -> Lag | None:
    """Return an index's lag; None where nothing came in, or where its times are no times: nanoseconds as milliseconds."""
    p50, p95, p99 = (values.get(name) for name in ("50.0", "95.0", "99.0"))
    if p50 is None or p95 is None or p99 is None:
        return None
    try:
        return Lag(*(timedelta(milliseconds=value) for value in (p50, p95, p99)))
    except (OverflowError, ValueError):  # some hundred thousand years and more; or no number at all
        return None


def _stream(index: str) -> str:
    """Return the data stream of a backing index, so that names do not change with every roll-over."""
    found = _BACKING.fullmatch(index.rpartition(":")[2])
    return found[1] if found else index


def _seconds(span: timedelta) -> str:
    return f"{span.total_seconds():.0f} s"
