"""What every search of a rule is limited to: its window, its order clock, and the rule's own filters.

Source of the window's form: Kibana, `build_events_query.ts`; of the filters': Kibana, `kbn-es-query`, `from_filters.ts`.
Ours is half-open where Kibana's includes both ends.
"""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from runner.query.timestamps import timestamp
from runner.rules.model import Rule
from runner.schedule.windows import Window

DATE_FORMAT = "strict_date_optional_time"
"""Bounds have their milliseconds written out: Elasticsearch completes what is left out; `gt: …:00Z` is past that second."""

_NANOS = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2262, 4, 11, 23, 47, 16, 854_000, tzinfo=UTC))
"""The first and the last millisecond that a date_nanos holds; other bounds it refuses (`DateUtils.toLong`)."""

_NOT_THE_QUERY = frozenset({"meta", "$state", "query"})

Query = dict[str, Any]


def reach(rule: Rule, window: Window) -> Window:
    """Return the window to read: a sequence may have begun up to `maxspan` before the rule's own."""
    maxspan = rule.program.maxspan
    return window.extended(maxspan) if maxspan is not None else window


def within(rule: Rule, window: Window) -> Query:
    """Return the filter of events inside the window, by the rule's range clock.

    An event that has the override field is judged by it alone; one without it by the timestamp, where that is allowed.
    """
    ranged = _between(rule.range_field, window)
    if rule.range_field == rule.timestamp_field or not rule.timestamp_override_fallback:
        return ranged
    fallback = {"must_not": [_exists(rule.range_field)], "filter": [_between(rule.timestamp_field, window)]}
    return _any(ranged, {"bool": fallback})


def from_on(rule: Rule, after: datetime, *, nanos: bool = False) -> Query:
    """Return the filter of events at or after the instant by the order clock; those without a timestamp come first.

    Where some of the timestamps are `nanos`, an instant that these cannot hold keeps events before it, too.
    """
    first, last = _NANOS
    if nanos and after < first:
        return {"match_all": {}}
    start = min(after, last) if nanos else after
    bound = {"range": {rule.timestamp_field: {"gte": timestamp(start), "format": DATE_FORMAT}}}
    return _any(bound, {"bool": {"must_not": [_exists(rule.timestamp_field)]}})


def dated(rule: Rule) -> Query:
    """Return the filter of events that have a timestamp, without which they have no place in an order."""
    return _exists(rule.timestamp_field)


def of_rule(rule: Rule) -> tuple[list[Query], list[Query]]:
    """Return the rule's own filters as what must and what must not hold; disabled ones are left out."""
    must: list[Query] = []
    must_not: list[Query] = []
    for item in rule.filters:
        meta = item.get("meta") or {}
        if not meta.get("disabled"):
            (must_not if meta.get("negate") else must).append(_filter(item))
    return must, must_not


def _filter(item: Mapping[str, Any]) -> Query:
    """Return the Query DSL of one of Kibana's filter objects; older ones hold it beside `meta`."""
    meta = item.get("meta") or {}
    if meta.get("type") == "combined":
        return _combined(meta)
    query = item.get("query")
    if not isinstance(query, Mapping):
        return {key: value for key, value in item.items() if key not in _NOT_THE_QUERY} or {"match_all": {}}
    match = query.get("match")
    if isinstance(match, Mapping) and len(match) == 1:
        ((field, options),) = match.items()
        if isinstance(options, Mapping) and options.get("type") == "phrase":
            return {"match_phrase": {field: {key: value for key, value in options.items() if key != "type"}}}
    return dict(query)


def _combined(meta: Mapping[str, Any]) -> Query:
    parts = []
    for item in meta.get("params") or ():
        part = _filter(item)
        parts.append({"bool": {"must_not": [part]}} if (item.get("meta") or {}).get("negate") else part)
    return _any(*parts) if meta.get("relation") == "OR" else {"bool": {"filter": parts}}


def _between(path: str, window: Window) -> Query:
    return {"range": {path: {"gte": timestamp(window.start), "lt": timestamp(window.end), "format": DATE_FORMAT}}}


def _exists(path: str) -> Query:
    return {"exists": {"field": path}}


def _any(*queries: Query) -> Query:
    return {"bool": {"should": list(queries), "minimum_should_match": 1}}
