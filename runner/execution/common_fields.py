"""What the events of a sequence have in common, as its shell alert shows it.

Kept is a key that all events have: objects recurse, equal scalars stay, arrays (or an array and a scalar) become what
they share. Source: Kibana, `build_alert_group_from_sequence.ts`; unlike there, nothing empty is kept.
"""

from collections.abc import Mapping, Sequence
from functools import reduce
from typing import Any

from runner.execution.model import Document


def common(sources: Sequence[Document]) -> dict[str, Any]:
    """Return the fields that all sources share."""
    return reduce(_shared, sources[1:], dict(sources[0]))


def _shared(left: Mapping[str, Any], right: Mapping[str, Any]) -> dict[str, Any]:
    pairs = ((key, _shared_value(left[key], right[key])) for key in left if key in right)
    return {key: value for key, value in pairs if value is not None}


def _shared_value(left: Any, right: Any) -> Any:
    if isinstance(left, Mapping) and isinstance(right, Mapping):
        return _shared(left, right) or None
    if isinstance(left, list) or isinstance(right, list):
        others = right if isinstance(right, list) else [right]
        return [value for value in (left if isinstance(left, list) else [left]) if value in others] or None
    return left if left == right else None
