"""What the cluster can do, and what it knows of the indices that a rule searches."""

import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Any

from runner.elastic.client import Client, Count, mapping, shown
from runner.elastic.failures import Action
from runner.elastic.privileges import unreadable
from runner.errors import AccessDenied, ClusterAnswerError, QueryRejected
from runner.execution.model import Fault, Verdict
from runner.query.indexed import consulted
from runner.query.types import FieldType, FieldTypes
from runner.rules.model import LINEAGE, Rule
from runner.wording import plural

_INFO = Action("read the version of the cluster", "`monitor` on the cluster")
_PROBE = Action("ask for the EQL search API", "`read` on the indices that the rules search")
_FIELDS = Action(
    "read the field types of", "`read` and `view_index_metadata` on the indices that the rules search", QueryRejected
)

KEPT = timedelta(seconds=15)
"""How long field types are taken as known.

An event that brings a new field is missed by a search that still takes the field for unmapped; the look-back of the
next execution finds it. So for a rule that looks back less than this, types are read anew each time.
"""

_ANY_TIME = datetime(1970, 1, 1, tzinfo=UTC)  # a look-back is the same at any


class EqlApi(Enum):
    """What of the EQL search API a cluster has."""

    NONE = "none"
    PLAIN = "plain"  # before 8.18: a failed shard fails the search
    PARTIAL = "partial"  # takes allow_partial_search_results


@dataclass(frozen=True, slots=True)
class Landscape:
    """The indices that a rule searches: how many there are, the types of fields in them, and what a person should know.

    `nanos` tells whether the rule's timestamp field is a date_nanos in any of them. A fault is why no search of them can
    be whole: an index did not tell its types, or none has a field to find events by.
    """

    indices: int
    types: FieldTypes
    notes: tuple[str, ...] = ()
    faults: tuple[Fault, ...] = ()
    nanos: bool = False


@dataclass(slots=True)
class _Known:
    """What was read of one set of patterns; `missing` are the indices without a field, where others have it.

    `untold` says which indices did not tell their types.
    """

    at: float
    indices: tuple[str, ...]
    types: dict[str, FieldType] = field(default_factory=dict)
    missing: dict[str, tuple[str, ...]] = field(default_factory=dict)
    asked: set[str] = field(default_factory=set)
    untold: str = ""


class Capabilities:
    """Asks once, or once in a while, and remembers. Shared by threads.

    `clock` counts seconds and never goes back; nothing else of it matters.
    """

    def __init__(self, client: Client, *, kept: timedelta = KEPT, clock: Callable[[], float] = time.monotonic) -> None:
        self._client = client
        self._kept = kept.total_seconds()
        self._clock = clock
        self._lock = threading.Lock()
        self._known: dict[tuple[str, ...], _Known] = {}
        self._eql_api: EqlApi | None = None

    def eql_api(self, count: Count | None = None) -> EqlApi:
        """Return what the cluster has of the EQL search API. Asked once. Raises RunnerError."""
        if self._eql_api is None:
            self._eql_api = eql_api_of(self._client, count)
        return self._eql_api

    def landscape(self, rule: Rule, count: Count | None = None) -> Landscape:
        """Return what the cluster knows of the rule's indices and of the fields that it reads, those of alerts included.

        Raises AccessDenied where there seems to be no index only because the account may not read any, RunnerError.
        """
        clocks = dict.fromkeys(name for name in (rule.range_field, rule.timestamp_field, rule.tiebreaker_field) if name)
        paths = consulted(rule.fields.union(LINEAGE)) | clocks.keys()
        kept = self._kept if rule.schedule.lookback(_ANY_TIME).total_seconds() > self._kept else 0.0
        known = self._read(rule.index, paths, count, kept)
        if not known.indices:
            self._must_be_readable(rule.index)
        return Landscape(
            indices=len(known.indices),
            types={path: known.types[path] for path in paths if path in known.types},
            notes=tuple(_notes(rule, known)),
            faults=tuple(_faults(rule, known)),
            nanos="date_nanos" in _types(known, rule.timestamp_field),
        )

    def _read(self, patterns: tuple[str, ...], paths: Iterable[str], count: Count | None, kept: float) -> _Known:
        """Return what is known of the patterns, with at least these paths asked for, no older than `kept` seconds."""
        now = self._clock()
        with self._lock:
            known = self._known.get(patterns)
            if known is None or now - known.at >= kept:
                known = _Known(now, ())
            lacking = sorted(set(paths) - known.asked)
        if not lacking:
            return known
        answer = field_caps(self._client, patterns, lacking, count)
        merged = _Known(
            at=known.at,
            indices=tuple(answer["indices"]) if isinstance(answer["indices"], list) else (answer["indices"],),
            types=dict(known.types),
            missing=dict(known.missing),
            asked=known.asked | set(lacking),
            untold=known.untold or _untold(answer),
        )
        for path, by_type in answer["fields"].items():
            _take(merged, path, by_type)
        with self._lock:
            self._known[patterns] = merged
        return merged

    def _must_be_readable(self, patterns: tuple[str, ...]) -> None:
        """Raise AccessDenied for patterns that the account may not read: the cluster hides their indices from it."""
        if hidden := unreadable(self._client, patterns):
            raise AccessDenied(
                f"cannot search {shown(hidden)} at {self._client.name}: the account may not read what is there",
                f"Give the account of this service {_FIELDS.privileges}.",
            )


def version_of(client: Client) -> tuple[int, ...]:
    """Return the cluster's version as numbers. Raises RunnerError."""
    answer = mapping(client.ask(_INFO, "", lambda es: es.info()), "the cluster")
    number = str(answer.get("version", {}).get("number", ""))
    try:
        return tuple(int(part) for part in number.partition("-")[0].split("."))
    except ValueError:
        raise ClusterAnswerError(f"{client.name} answers with the version `{number}`, which is none") from None


def eql_api_of(client: Client, count: Count | None = None) -> EqlApi:
    """Ask for the EQL search API on an index that nobody has.

    Parameters are checked before anything else: where the path is unknown the error is a plain text, where the parameter
    is unknown an illegal argument, and otherwise the answer is about the index.
    """
    answer = client.ask(
        _PROBE,
        "",
        lambda es: es.options(ignore_status=(400, 403, 404)).perform_request(
            "POST",
            "/eql-runner-has-no-such-index/_eql/search",
            params={"allow_partial_search_results": "true"},
            headers={"accept": "application/json", "content-type": "application/json"},
            body={"query": "any where true", "size": 0},
        ),
        count=count,
    )
    error = mapping(answer, "the EQL search API").get("error")
    if isinstance(error, str):
        return EqlApi.NONE
    if isinstance(error, Mapping) and error.get("type") == "illegal_argument_exception":
        return EqlApi.PLAIN
    return EqlApi.PARTIAL


def field_caps(
    client: Client, patterns: Sequence[str], paths: Sequence[str], count: Count | None = None
) -> Mapping[str, Any]:
    """Return the cluster's field capabilities of the paths over the patterns; patterns that match nothing are left out."""
    answer = client.ask(
        _FIELDS,
        shown(patterns),
        lambda es: es.field_caps(
            index=list(patterns),
            # In the body: hundreds of names would not fit into a URL.
            body={"fields": list(paths)},
            include_unmapped=True,
            ignore_unavailable=True,
            allow_no_indices=True,
        ),
        count=count,
    )
    return mapping(answer, "the field capabilities")


def _take(known: _Known, path: str, by_type: Mapping[str, Mapping[str, Any]]) -> None:
    """Note the field's types. Where it is missing in some indices the answer names them, but not where in all."""
    mapped = {name: about for name, about in by_type.items() if name != "unmapped"}
    if not mapped:
        return
    known.types[path] = FieldType(
        types=frozenset(mapped),
        everywhere="unmapped" not in by_type,
        searchable=all(about.get("searchable") for about in mapped.values()),
        aggregatable=all(about.get("aggregatable") for about in mapped.values()),
    )
    if "unmapped" in by_type:
        known.missing[path] = tuple(by_type["unmapped"].get("indices") or ())


def _types(known: _Known, path: str) -> frozenset[str]:
    found = known.types.get(path)
    return found.types if found else frozenset()


def _untold(answer: Mapping[str, Any]) -> str:
    """Say which indices did not tell their types; nothing when all did.

    A field that is only there would be taken for unmapped, and its events for none that match.
    """
    if not answer.get("failed_indices"):
        return ""
    names = [name for one in answer.get("failures", ()) for name in one.get("indices", ())]
    kinds = [one.get("failure", {}).get("error", {}).get("type") for one in answer.get("failures", ())]
    why = ", ".join(dict.fromkeys(filter(None, [*names[:5], *kinds]))) or "no reason given"
    return f"{plural(answer['failed_indices'], 'index', 'indices')} did not tell the types of their fields: {why}"


def _faults(rule: Rule, known: _Known) -> Iterable[Fault]:
    """Yield why no search of these indices can be whole."""
    if known.untold:
        yield Fault(Verdict.PARTIAL, known.untold)
    clocks = _clocks(rule)
    if known.indices and not known.untold and not clocks & known.types.keys():
        yield Fault(
            Verdict.PARTIAL,
            f"none of the indices of {shown(rule.index)} has {' or '.join(sorted(clocks))}: nothing can be found",
        )


def _notes(rule: Rule, known: _Known) -> Iterable[str]:
    """Yield what a person should know of the indices; none of it makes a search incomplete."""
    if not known.indices:
        yield f"no index matches {shown(rule.index)}; there is nothing to search until one does"
        return
    if not _clocks(rule) & known.types.keys():
        return  # which is a fault
    for path in dict.fromkeys((rule.range_field, rule.timestamp_field)):
        if path not in known.types:
            yield f"none of the indices of {shown(rule.index)} has the field {path}, {_without(rule, path)}"
        elif known.missing.get(path):
            names = known.missing[path]
            more = f" and {len(names) - 5} more" if len(names) > 5 else ""
            yield f"these indices lack the field {path}, {_without(rule, path)}: {', '.join(names[:5])}{more}"


def _clocks(rule: Rule) -> set[str]:
    """Return the fields by any of which an event can be in the rule's window."""
    return {rule.range_field} | ({rule.timestamp_field} if rule.timestamp_override_fallback else set())


def _without(rule: Rule, path: str) -> str:
    """Say what comes of it that indices lack one of the rule's clocks."""
    if _clocks(rule) == {path}:
        return "so nothing there can be found"
    if path == rule.range_field and rule.timestamp_override_fallback:
        return f"so events there are looked for by {rule.timestamp_field}"
    return "by which events are found"
