"""The saved objects that come with this program, made to fit an installation.

They are compiled from `kibana/*.yaml` with the default names in them. What differs from one installation to the other
is put in its place here: the indices that the data views search, and the ids, which must be another in each space
because Kibana keeps one id for all of them.
"""

import re
from collections.abc import Mapping, Sequence
from importlib.resources import files
from pathlib import Path
from typing import Any

import orjson

from runner.settings import Settings

DASHBOARD = "eql-runner-dashboard"
_EVENTS = "eql-runner-view-events"


def shipped() -> Path:
    """Return the file of the objects: in the wheel, or in the checkout."""
    packaged = Path(str(files("runner"))) / "_kibana" / "eql-runner.ndjson"
    return packaged if packaged.is_file() else packaged.parents[2] / "kibana" / packaged.name


def prepared(settings: Settings, event_patterns: Sequence[str] = ()) -> bytes:
    """Return the objects as NDJSON for the settings' indices and space.

    `event_patterns` are what the rules search, for the link from an alert to its source event; empty keeps the usual
    ones.
    """
    titles = {
        "eql-runner-view-alerts": settings.alerts_index,
        "eql-runner-view-executions": settings.executions_index,
        "eql-runner-view-coverage": settings.state_index,
    }
    if patterns := sorted({pattern for pattern in event_patterns if not pattern.startswith("-")}):
        titles[_EVENTS] = ",".join(patterns)
    objects = [_searching(titles, orjson.loads(line)) for line in shipped().read_bytes().splitlines()]
    text = b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in objects)
    return _in_space(text, [one["id"] for one in objects], settings.kibana_space or settings.space)


def dashboard_id(space: str) -> str:
    """Return the dashboard's id in the space."""
    return _id_in(space, DASHBOARD)


def _searching(titles: Mapping[str, str], saved: dict[str, Any]) -> dict[str, Any]:
    if saved["id"] in titles:
        saved["attributes"]["title"] = titles[saved["id"]]
    return saved


def _in_space(text: bytes, ids: Sequence[str], space: str) -> bytes:
    """Return the objects with the space's ids, wherever one stands: in references, and in the data views' links."""
    known = b"|".join(re.escape(name.encode()) for name in sorted(ids, key=len, reverse=True))
    return re.sub(known, lambda name: _id_in(space, name[0].decode()).encode(), text)


def _id_in(space: str, name: str) -> str:
    return name if space == "default" else f"{name}-in-{space}"
