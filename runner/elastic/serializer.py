"""JSON for the cluster: orjson, and the standard library for what orjson refuses."""

import json
from typing import Any

import orjson
from elasticsearch.serializer import JsonSerializer


class Serializer(JsonSerializer):
    """Reads and writes JSON with orjson.

    An event may hold what orjson refuses and Elasticsearch takes, such as half of a surrogate pair. One such event must
    not hide the page that it is on, so the standard library reads and writes those.
    """

    def json_dumps(self, data: Any) -> bytes:
        """Return the value as JSON."""
        return encode(data)

    def json_loads(self, data: bytes) -> Any:
        """Return the JSON as a value. Raises ValueError."""
        try:
            return orjson.loads(data)
        except orjson.JSONDecodeError:
            return json.loads(data)


def encode(data: Any) -> bytes:
    """Return the value as JSON on one line. Raises TypeError for what is no JSON."""
    try:
        return orjson.dumps(data)
    except orjson.JSONEncodeError:
        return json.dumps(data, separators=(",", ":")).encode()
