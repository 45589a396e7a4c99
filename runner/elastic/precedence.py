"""Which index template shapes an index that is yet to be made: of those that match its name, the first by priority.

A template of someone else's that comes before ours would give alerts and history other mappings, and one that makes
data streams lets no index be made at all. Both are looked for before anything is made. A template that comes before
ours and is composed of our component does no harm: what it gives is ours.
Source: the Elasticsearch reference, "Create or update index template API" (priorities; without one it is 0) and
"Simulate index API"; `MetadataIndexTemplateService.findV2Template`, where `*` is the one wildcard.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from runner.elastic import templates
from runner.elastic.client import Client, mapping
from runner.elastic.failures import Action
from runner.errors import SetupError

_LOOK = Action(
    "look which index templates match the names of", "`manage_index_templates` on the cluster, or RUNNER_SETUP=false"
)
_JSON = {"accept": "application/json", "content-type": "application/json"}
_PARTS = ("name", *(f"index_template.{part}" for part in ("index_patterns", "priority", "data_stream")))


@dataclass(frozen=True, slots=True)
class IndexTemplate:
    """An index template, as far as it decides which one shapes an index."""

    name: str
    patterns: tuple[str, ...]
    priority: int
    makes_data_streams: bool

    def __str__(self) -> str:
        return f"the index template {self.name} (priority {self.priority}, for {', '.join(self.patterns)})"

    def matches(self, index: str) -> bool:
        """Whether an index of that name may be shaped by it."""
        expressions = (".*".join(map(re.escape, pattern.split("*"))) for pattern in self.patterns)
        return any(re.fullmatch(expression, index) for expression in expressions)


def index_templates(client: Client) -> tuple[IndexTemplate, ...]:
    """Return every index template of the cluster. Raises RunnerError."""
    answer = client.ask(
        _LOOK,
        "the indices of this service",
        lambda es: es.perform_request(
            "GET",
            "/_index_template",
            params={"filter_path": ",".join(f"index_templates.{part}" for part in _PARTS)},
            headers=_JSON,
        ),
    )
    return tuple(_template(one) for one in mapping(answer, "the list of index templates").get("index_templates", ()))


def must_be_ours(client: Client, found: Iterable[IndexTemplate], alias: str, index: str) -> None:
    """Raise SetupError where a template of someone else's would shape the index of our alias."""
    rival = _first(one for one in found if one.name != alias and one.matches(index))
    if rival is None or rival.priority < templates.PRIORITY or _is_shaped_as_ours(client, index):
        return
    raise SetupError(
        f"{rival} would shape {index} in place of ours, which has the priority {templates.PRIORITY}",
        f"Give it a priority below {templates.PRIORITY}, or patterns that do not match {alias}-0*, "
        "or set other names: RUNNER_ALERTS_INDEX and the other RUNNER_*_INDEX.",
    )


def must_be_an_index(found: Iterable[IndexTemplate], name: str) -> None:
    """Raise SetupError where a template lets a data stream be made by that name, and nothing else."""
    first = _first(one for one in found if one.matches(name))
    if first is None or not first.makes_data_streams:
        return
    raise SetupError(
        f"{first} makes data streams, and {name} must be an index",
        f"Give it patterns that do not match {name}, "
        "or set another name: RUNNER_STATE_INDEX and the other RUNNER_*_INDEX.",
    )


def _template(listed: Any) -> IndexTemplate:
    about = listed["index_template"]
    patterns = tuple(about.get("index_patterns", ()))
    return IndexTemplate(listed["name"], patterns, about.get("priority", 0), "data_stream" in about)


def _first(matching: Iterable[IndexTemplate]) -> IndexTemplate | None:
    return max(matching, key=lambda one: one.priority, default=None)


def _is_shaped_as_ours(client: Client, index: str) -> bool:
    """Ask what an index of that name would be like if it were made now."""
    answer = client.ask(
        _LOOK,
        index,
        lambda es: es.perform_request(
            "POST",
            f"/_index_template/_simulate_index/{index}",
            params={"filter_path": "template.mappings._meta"},
            headers=_JSON,
        ),
    )
    meta = mapping(answer, "the simulation of an index").get("template", {}).get("mappings", {}).get("_meta", {})
    return bool(meta.get("owner") == templates.OWNER)
