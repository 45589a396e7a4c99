"""What a cluster knows of the fields of rules, before any of them runs. For people who check their rules against it."""

from collections.abc import Iterable, Sequence

from runner.elastic.capabilities import Capabilities, field_caps
from runner.elastic.client import Client, mapping
from runner.query.types import FieldTypes
from runner.rules.model import Rule


class MappedFields:
    """Asks about each pattern and each set of patterns once, and remembers: a command's life is short."""

    def __init__(self, client: Client) -> None:
        self._client = client
        self._capabilities = Capabilities(client)
        self._indices: dict[str, bool] = {}
        self._names: dict[tuple[str, ...], tuple[str, ...]] = {}

    def types(self, rule: Rule) -> FieldTypes:
        """Return the types of the fields that the rule reads. Raises RunnerError."""
        return self._capabilities.landscape(rule).types

    def empty(self, patterns: Iterable[str]) -> tuple[str, ...]:
        """Return those of the patterns that match no index. Raises RunnerError."""
        return tuple(pattern for pattern in patterns if not self._has_index(pattern))

    def names(self, patterns: tuple[str, ...]) -> Sequence[str]:
        """Return the names of all fields of the indices. Raises RunnerError."""
        if patterns not in self._names:
            fields = mapping(field_caps(self._client, patterns, ["*"])["fields"], "the field capabilities")
            self._names[patterns] = tuple(name for name, kinds in fields.items() if _holds_values(kinds))
        return self._names[patterns]

    def _has_index(self, pattern: str) -> bool:
        if pattern not in self._indices:
            self._indices[pattern] = bool(field_caps(self._client, [pattern], ["@timestamp"])["indices"])
        return self._indices[pattern]


def _holds_values(kinds: Iterable[str]) -> bool:
    return not set(kinds) <= {"object", "nested", "unmapped"}
