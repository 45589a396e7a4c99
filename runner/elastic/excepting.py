"""What exceptions take from a search: the cluster leaves it out where it can be told, and counts it in a request apart."""

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from runner.elastic.capabilities import Landscape
from runner.elastic.client import GRACE, Client, Count, mapping, shown
from runner.elastic.failures import Action
from runner.errors import RunnerError
from runner.query.exclusions import Exclusions
from runner.rules.model import Rule

_COUNT = Action("count what exceptions take from", "`read` on the indices that the rules search")


def compiled(rule: Rule, landscape: Landscape) -> Exclusions:
    """Return the rule's exclusions for the fields that it searches."""
    return Exclusions(rule.exclusions, landscape.types, timestamp_field=rule.timestamp_field)


def notes(exclusions: Exclusions) -> tuple[str, ...]:
    """Return what a person should know of how the exceptions are decided."""
    if not exclusions.whole_texts:
        return ()
    names = ", ".join(sorted(exclusions.whole_texts))
    return (f"exceptions on {names} compare the text as a whole, for the index knows its words alone",)


def left_out(
    client: Client,
    rule: Rule,
    query: Mapping[str, Any],
    exclusions: Exclusions,
    *,
    timeout: timedelta,
    count: Count,
) -> tuple[Mapping[str, int], tuple[str, ...]]:
    """Return how many of what the query finds each exclusion leaves out, or a note why that is not known.

    The number only tells whether an exception is of use, so that the search does not fail with it.
    """
    if not exclusions.pushed:
        return {}, ()
    body = {
        "size": 0,
        "track_total_hits": False,
        "query": {"bool": {"filter": [query, {"bool": {"should": exclusions.must_not()}}]}},
        "aggs": {"left_out": {"filters": {"filters": _numbered(exclusions)}}},
        "timeout": f"{timeout // timedelta(milliseconds=1)}ms",
    }
    index: dict[str, Any] = {"index": list(rule.index), "ignore_unavailable": True, "allow_no_indices": True}
    try:
        answer = client.ask(
            _COUNT,
            shown(rule.index),
            lambda es: es.search(**index, body=body),
            count=count,
            timeout=timeout + GRACE,
            once=True,
        )
    except RunnerError as error:
        return {}, (f"what exceptions left out was not counted: {error}",)
    buckets = mapping(answer, "the count")["aggregations"]["left_out"]["buckets"]
    counts = {one.id: buckets[str(number)]["doc_count"] for number, one in enumerate(exclusions.pushed)}
    return {exclusion: found for exclusion, found in counts.items() if found}, ()


def _numbered(exclusions: Exclusions) -> dict[str, Any]:
    return {str(number): one.query for number, one in enumerate(exclusions.pushed)}


def summed(*counts: Mapping[str, int]) -> Mapping[str, int]:
    """Return the sum of counts by name."""
    names = dict.fromkeys(name for each in counts for name in each)
    return {name: sum(each.get(name, 0) for each in counts) for name in names}
