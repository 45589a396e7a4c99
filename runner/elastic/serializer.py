"""JSON for the cluster, as all of this package reads and writes it."""

from typing import Any

from elasticsearch.serializer import JsonSerializer

from runner import json_text


class Serializer(JsonSerializer):
    """Reads and writes JSON with `runner.json_text`."""

    def json_dumps(self, data: Any) -> bytes:
        """Return the value as JSON."""
        return json_text.dumps(data)

    def json_loads(self, data: bytes) -> Any:
        """Return the JSON as a value. Raises ValueError."""
        return json_text.loads(data)
