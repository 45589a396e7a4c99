"""Executions and states as documents, and back: what the executions index and the state index hold."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from runner.execution.model import Backlog, Coverage, Execution, Failure, Lease, RunType, State, Swept, Verdict
from runner.schedule.windows import Window

_OUTCOMES = {Verdict.COMPLETE: "success", Verdict.TRUNCATED: "success", Verdict.FAILED: "failure"}
_OURS = "eql_runner.execution"
_COUNTS = ("candidates", "matched", "created", "suppressed", "duplicates", "rejected", "backlog", "requests")


def execution_document(execution: Execution) -> dict[str, Any]:
    """Return the execution as one flat document: ECS fields where they fit, ours below `eql_runner.execution`."""
    end = execution.started + timedelta(seconds=execution.duration)
    document = {
        "@timestamp": instant_text(execution.started),
        "event.kind": "event",
        "event.provider": "eql-runner",
        "event.action": "execute",
        "event.start": instant_text(execution.started),
        "event.end": instant_text(end),
        "event.duration": round(execution.duration * 1e9),
        "event.outcome": _OUTCOMES.get(execution.verdict, "unknown"),
        "rule.id": execution.rule_id,
        "rule.name": execution.rule_name,
        "rule.version": str(execution.rule_version),
        f"{_OURS}.id": execution.id,
        f"{_OURS}.query_hash": execution.query_hash,
        f"{_OURS}.ruleset_hash": execution.ruleset_hash,
        f"{_OURS}.run_type": str(execution.run_type),
        f"{_OURS}.window.start": instant_text(execution.window.start),
        f"{_OURS}.window.end": instant_text(execution.window.end),
        f"{_OURS}.verdict": str(execution.verdict),
        f"{_OURS}.duration": execution.duration,
        f"{_OURS}.faults": list(execution.faults),
        f"{_OURS}.notes": list(execution.notes),
        f"{_OURS}.excepted": [{"item": item, "count": count} for item, count in execution.excepted.items()],
        **{f"{_OURS}.{name}": getattr(execution, name) for name in _COUNTS},
    }
    if execution.gaps:
        document[f"{_OURS}.gaps"] = [_range(gap) for gap in execution.gaps]
    if execution.ingested is not None:
        document[f"{_OURS}.ingested"] = _range(execution.ingested)
    if execution.resume is not None:
        document[f"{_OURS}.resume"] = instant_text(execution.resume)
    if execution.failure is not None:
        document["error.type"] = execution.failure.kind
        document["error.message"] = execution.failure.text
        document[f"{_OURS}.failure.who"] = execution.failure.who
        document[f"{_OURS}.failure.hint"] = execution.failure.hint
    return document


def execution_of(document: Mapping[str, Any]) -> Execution:
    """Return the execution that a document holds. Raises KeyError or ValueError for one that is none."""
    failure = None
    if "error.type" in document:
        failure = Failure(
            document["error.type"],
            document[f"{_OURS}.failure.who"],
            document["error.message"],
            document[f"{_OURS}.failure.hint"],
        )
    resume, ingested = document.get(f"{_OURS}.resume"), document.get(f"{_OURS}.ingested")
    return Execution(
        id=document[f"{_OURS}.id"],
        rule_id=document["rule.id"],
        rule_name=document["rule.name"],
        rule_version=int(document["rule.version"]),
        query_hash=document[f"{_OURS}.query_hash"],
        run_type=RunType(document[f"{_OURS}.run_type"]),
        window=Window(_instant(document[f"{_OURS}.window.start"]), _instant(document[f"{_OURS}.window.end"])),
        started=_instant(document["@timestamp"]),
        duration=document[f"{_OURS}.duration"],
        verdict=Verdict(document[f"{_OURS}.verdict"]),
        faults=tuple(document[f"{_OURS}.faults"]),
        notes=tuple(document[f"{_OURS}.notes"]),
        failure=failure,
        resume=_instant(resume) if resume is not None else None,
        ruleset_hash=document.get(f"{_OURS}.ruleset_hash", ""),
        gaps=tuple(_window(gap) for gap in document.get(f"{_OURS}.gaps", ())),
        excepted={one["item"]: one["count"] for one in document.get(f"{_OURS}.excepted", ())},
        ingested=_window(ingested) if ingested is not None else None,
        # What an earlier version wrote lacks the counts that are new.
        **{name: document.get(f"{_OURS}.{name}", 0) for name in _COUNTS},
    )


def state_document(state: State) -> dict[str, Any]:
    """Return the state as a document; its token is the document's own version and no part of it."""
    coverage = state.coverage
    return {
        "rule_id": state.rule_id,
        "query_hash": coverage.query_hash,
        "since": _maybe_text(coverage.since),
        "covered_until": _maybe_text(coverage.until),
        "covered": [_range(window) for window in coverage.covered],
        "backlog": [_backlog_document(cut) for cut in state.backlog],
        "gaps": [_range(window) for window in coverage.gaps],
        "swept_until": _maybe_text(state.swept.until) if state.swept is not None else None,
        "swept_given_up": _range(state.swept.given_up) if state.swept is not None and state.swept.given_up else None,
        "last": execution_document(state.last) if state.last is not None else None,
        "lease": {"owner": state.lease.owner, "until": instant_text(state.lease.until)}
        if state.lease is not None
        else None,
    }


def state_of(document: Mapping[str, Any], token: Any) -> State:
    """Return the state that a document holds. Raises KeyError or ValueError for one that is none."""
    last, lease = document.get("last"), document.get("lease")
    backlog = [_backlog_of(one) for one in document["backlog"]]
    # What an earlier version wrote lacks it: then late events are looked for from the next run on.
    swept_until, given_up = _maybe_instant(document.get("swept_until")), document.get("swept_given_up")
    swept_cut = next((cut for cut in backlog if cut.ingested is not None), None)
    return State(
        rule_id=document["rule_id"],
        coverage=Coverage(
            query_hash=document["query_hash"],
            since=_maybe_instant(document["since"]),
            covered=tuple(_window(one) for one in document["covered"]),
            backlog=tuple(cut for cut in backlog if cut.ingested is None),
            gaps=tuple(_window(one) for one in document["gaps"]),
        ),
        last=execution_of(last) if last is not None else None,
        lease=Lease(lease["owner"], _instant(lease["until"])) if lease is not None else None,
        swept=Swept(swept_until, swept_cut, _window(given_up) if given_up else None) if swept_until else None,
        token=token,
    )


def _backlog_document(cut: Backlog) -> dict[str, Any]:
    document = {**_range(cut.window), "after": instant_text(cut.after), "pending": cut.pending}
    return document if cut.ingested is None else {**document, "ingested": _range(cut.ingested)}


def _backlog_of(document: Mapping[str, Any]) -> Backlog:
    ingested = document.get("ingested")
    return Backlog(
        _window(document),
        _instant(document["after"]),
        document["pending"],
        _window(ingested) if ingested is not None else None,
    )


def _range(window: Window) -> dict[str, str]:
    return {"start": instant_text(window.start), "end": instant_text(window.end)}


def _window(document: Mapping[str, str]) -> Window:
    return Window(_instant(document["start"]), _instant(document["end"]))


def instant_text(instant: datetime) -> str:
    """Return the instant in UTC, whole: microseconds are kept where there are any."""
    return instant.astimezone(UTC).isoformat(timespec="auto").replace("+00:00", "Z")


def _instant(text: str) -> datetime:
    return datetime.fromisoformat(text).astimezone(UTC)


def _maybe_text(instant: datetime | None) -> str | None:
    return instant_text(instant) if instant is not None else None


def _maybe_instant(text: str | None) -> datetime | None:
    return _instant(text) if text is not None else None
