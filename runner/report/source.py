"""Alert documents from NDJSON: what `demo` and `backfill` write, or an export of the alerts index, one a line.

A line of Elasticsearch's own (`{"_index": …, "_id": …, "_source": {…}}`) is taken for its `_source`.
"""

from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from runner import json_text
from runner.errors import SettingsError
from runner.query import instant
from runner.report.records import Document

_NEXT = "Name a file of alerts such as `eql-runner demo` writes, one JSON document a line."


def read_ndjson(path: Path) -> Iterator[Document]:
    """Yield the alerts of the file. Raises SettingsError, which names the line, for what is no alert."""
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, 1):
                if line.strip():
                    yield _alert(line, f"{path}, line {number}")
    except OSError as error:
        raise SettingsError(f"cannot read {path}: {error.strerror}", _NEXT) from error


def since(documents: Iterable[Document], start: datetime) -> Iterator[Document]:
    """Yield the alerts detected at or after the instant."""
    for document in documents:
        detected = instant(document.get("@timestamp"))
        if detected is not None and detected >= start:
            yield document


def _alert(line: bytes, place: str) -> Document:
    try:
        found: Any = json_text.loads(line)
    except ValueError as error:
        raise SettingsError(f"{place}: not JSON: {error}", _NEXT) from error
    if isinstance(found, Mapping) and isinstance(found.get("_source"), Mapping):
        found = {"_id": found.get("_id"), **found["_source"]}
    if not isinstance(found, Mapping) or not any(str(key).startswith("kibana") for key in found):
        raise SettingsError(f"{place}: not an alert: it has no field kibana.alert.*", _NEXT)
    return found
