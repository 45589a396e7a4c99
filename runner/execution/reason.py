"""The one sentence that says what an alert is about, in Kibana's own order of words.

    <category> event with process <name>, parent process <name>, file <name>, source <ip>:<port>, destination
    <ip>:<port>, by <user> on <host> created <severity> alert <rule>.

Each piece stands only where the event has it; arrays are joined; a lone `-` counts as absent. Source: Kibana,
`reason_formatters.ts`; unlike there, numeric ports are shown.
"""

from typing import Any

from runner.execution.model import Document
from runner.execution.overrides import Standing
from runner.query import values


def reason(shown_as: Standing, source: Document) -> str:
    """Return the sentence for an alert on this event (or on a sequence's common fields)."""
    category = _text(source, "event.category")
    subjects = [
        _piece("process", _text(source, "process.name")),
        _piece("parent process", _text(source, "process.parent.name")),
        _piece("file", _text(source, "file.name")),
        _piece("source", _address(source, "source")),
        _piece("destination", _address(source, "destination")),
    ]
    shown = ", ".join(piece for piece in subjects if piece)
    words = [
        f"{category} event" if category else "event",
        f"with {shown}," if shown else "",
        _piece("by", _text(source, "user.name")),
        _piece("on", _text(source, "host.name")),
        f"created {shown_as.severity} alert {shown_as.name}.",
    ]
    return " ".join(word for word in words if word)


def _piece(word: str, value: str) -> str:
    return f"{word} {value}" if value else ""


def _address(source: Document, side: str) -> str:
    ip, port = _text(source, f"{side}.ip"), _text(source, f"{side}.port")
    return f"{ip}:{port}" if ip and port else ip


def _text(source: Document, path: str) -> str:
    found: list[Any] = [value for value in values(source, path) if value not in ("", "-")]
    return ", ".join(str(value) for value in found)
