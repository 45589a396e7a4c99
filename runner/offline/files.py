"""Alerts as NDJSON: one JSON document a line, as `_bulk` and people read it."""

from collections.abc import Iterable
from pathlib import Path

from runner import json_text
from runner.errors import SettingsError
from runner.execution.model import Alert


def write_ndjson(path: Path, alerts: Iterable[Alert]) -> int:
    """Write the alerts' documents and return how many. Raises SettingsError when the file cannot be written."""
    count = 0
    try:
        with path.open("wb") as file:
            for alert in alerts:
                file.write(json_text.dumps({"_id": alert.id, **alert.document}) + b"\n")
                count += 1
    except OSError as error:
        raise SettingsError(f"{path} cannot be written: {error.strerror}", "Name another file.") from error
    return count
