"""Entries, claims and streaks as documents, and back: what the outbox index holds. Absent values are left out."""

from collections.abc import Mapping
from dataclasses import fields
from datetime import UTC, datetime
from typing import Any, TypeVar

from runner.elastic.records import instant_text
from runner.errors import ClusterAnswerError
from runner.notify.model import Claim, Entry, EntryState, Kind, Streak

T = TypeVar("T")

_TIMES = frozenset({"created", "due", "tried", "settled", "until", "failing_since", "paused_until", "sent", "since"})
_KINDS: Mapping[str, type] = {"kind": Kind, "state": EntryState}


def entry_document(entry: Entry) -> dict[str, Any]:
    """Return an entry as a document."""
    return _document(entry)


def entry_of(document: Mapping[str, Any], token: Any) -> Entry:
    """Return the entry that a document holds. Raises ClusterAnswerError for one that is none."""
    return _value(Entry, document, token=token)


def claim_document(claim: Claim) -> dict[str, Any]:
    """Return a claim as a document."""
    return _document(claim)


def claim_of(document: Mapping[str, Any], token: Any) -> Claim:
    """Return the claim that a document holds. Raises ClusterAnswerError for one that is none."""
    return _value(Claim, document, token=token)


def streak_document(streak: Streak) -> dict[str, Any]:
    """Return a streak as a document."""
    return _document(streak)


def streak_of(document: Mapping[str, Any]) -> Streak:
    """Return the streak that a document holds. Raises ClusterAnswerError for one that is none."""
    return _value(Streak, document)


def _document(value: Entry | Claim | Streak) -> dict[str, Any]:
    named = {one.name: getattr(value, one.name) for one in fields(value) if one.name != "token"}
    return {
        name: instant_text(item) if isinstance(item, datetime) else item
        for name, item in named.items()
        if item not in (None, "")
    }


def _value(kind: type[T], document: Mapping[str, Any], **more: Any) -> T:
    names = {one.name for one in fields(kind)}  # type: ignore[arg-type]  # all three are dataclasses
    try:
        read = {name: _read(name, item) for name, item in document.items() if name in names}
        return kind(**{**_REQUIRED.get(kind, {}), **read, **more})
    except (TypeError, ValueError) as error:
        raise ClusterAnswerError(
            f"the outbox holds a document that cannot be read ({type(error).__name__}: {error})",
            "A newer version has written it, or a person; delete it.",
        ) from error


_REQUIRED: Mapping[type, Mapping[str, Any]] = {
    Entry: {"rule_id": "", "rule_name": "", "severity": ""},
    Claim: {"owner": ""},
    Streak: {"rule_name": ""},
}
"""Texts without a default, which a document leaves out where they are empty."""


def _read(name: str, item: Any) -> Any:
    if name in _TIMES:
        return datetime.fromisoformat(item).astimezone(UTC)
    return _KINDS[name](item) if name in _KINDS else item
