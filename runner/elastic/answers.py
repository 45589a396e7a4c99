"""Whether an answer is whole: what a search's answer says of shards, clusters and time, as Faults.

timed_out                        timed out
_shards.failed                   partial, with the reasons
_clusters skipped, partial …     partial, with the clusters' names
terminated_early                 partial
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from runner.execution.model import Fault, Verdict
from runner.wording import plural

OVERLOADED = frozenset(
    {"circuit_breaking_exception", "es_rejected_execution_exception", "rejected_execution_exception"}
)
_REFUSED = "illegal_argument_exception"
_TOLD = 3  # reasons named in one fault


def faults(answer: Mapping[str, Any]) -> tuple[Fault, ...]:
    """Return why the answer is not whole; nothing when it is."""
    return tuple(_faults(answer))


def overloaded(answer: Mapping[str, Any]) -> bool:
    """Tell whether shards failed for want of memory or room in a queue, which a smaller request may not need."""
    return any(_kind(failure) in OVERLOADED for failure in answer.get("_shards", {}).get("failures", ()))


def refused(answer: Mapping[str, Any]) -> bool:
    """Tell whether shards, here or of a remote cluster, failed at a value or an argument that does not go with another."""
    remote = answer.get("_clusters", {}).get("details", {}).values()
    failures = [*answer.get("_shards", {}).get("failures", ()), *(one for c in remote for one in c.get("failures", ()))]
    return any(_kind(failure) == _REFUSED for failure in failures)


def reasons(failures: Iterable[Mapping[str, Any]]) -> str:
    """Return the failures' reasons, each once, in words."""
    told = dict.fromkeys(f"{one.get('index', 'an index')}: {_kind(one)}: {_reason(one)}" for one in failures)
    more = f"; and {len(told) - _TOLD} more" if len(told) > _TOLD else ""
    return "; ".join(list(told)[:_TOLD]) + more


def _faults(answer: Mapping[str, Any]) -> Iterator[Fault]:
    if answer.get("timed_out"):
        yield Fault(Verdict.TIMED_OUT, "the search ran out of time; RUNNER_SEARCH_TIMEOUT is the limit")
    shards = answer.get("_shards", {})
    if shards.get("failed"):
        why = reasons(shards.get("failures", ())) or "no reason given"
        yield Fault(Verdict.PARTIAL, f"{shards['failed']} of {plural(shards.get('total', 0), 'shard')} failed: {why}")
    yield from _of_clusters(answer.get("_clusters", {}))
    if answer.get("terminated_early"):
        yield Fault(Verdict.PARTIAL, "the cluster ended the search early")


def _of_clusters(clusters: Mapping[str, Any]) -> Iterator[Fault]:
    details = clusters.get("details", {})
    lacking = [name or "(local)" for name, about in details.items() if about.get("status") != "successful"]
    number = sum(clusters.get(state, 0) for state in ("skipped", "partial", "failed", "running"))
    if number or lacking:
        names = ", ".join(sorted(lacking)) or f"{number} of {clusters.get('total')}"
        yield Fault(Verdict.PARTIAL, f"remote clusters gave no whole answer: {names}")


def _kind(failure: Mapping[str, Any]) -> str:
    return str((failure.get("reason") or {}).get("type") or "unknown")


def _reason(failure: Mapping[str, Any]) -> str:
    return str((failure.get("reason") or {}).get("reason") or "no reason given")
