"""The mappings, settings and templates of our indices, built from `fields.toml`.

    index template ALIAS                which indices, and of which components
    component template ALIAS@package    ours: settings and mappings
    component template ALIAS@custom     the operator's, if there is one; it has the last word, and is never touched

What a template of ours says of itself: `_meta.owner` is `eql-runner`, `version` counts up with each change here.
"""

import tomllib
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

OWNER = "eql-runner"
VERSION = 5
"""Counts up whenever a mapping or a setting below changes, so that clusters are upgraded in place."""

PRIORITY = 500
"""Of our index templates: well above those that come with the stack for names of any kind."""

MOST_FIELDS = 2500
LONGEST_KEYWORD = 8191
"""Characters; four bytes each still fit into Lucene's longest term of 32,766 bytes."""

SET_ASIDE = "eql_runner.source"
"""Where the source event stands, flattened, when it does not fit the mapping."""
UNREAD = "eql_runner.raw"
"""Where the source event stands, neither parsed nor indexed, when it does not even fit flattened."""

_TYPES: Mapping[str, Mapping[str, Any]] = {
    "keyword": {"type": "keyword", "ignore_above": LONGEST_KEYWORD},
    "flattened": {"type": "flattened", "ignore_above": 4096, "depth_limit": 100},
}

_SPECIAL: Mapping[str, Mapping[str, Any]] = {
    "event.original": {"type": "keyword", "index": False, "doc_values": False},
    "kibana.alert.reason": {
        "type": "keyword",
        "ignore_above": LONGEST_KEYWORD,
        "fields": {"text": {"type": "text"}},
    },
    "kibana.alert.url": {"type": "keyword", "index": False, "ignore_above": 2048},
    SET_ASIDE: _TYPES["flattened"],
    UNREAD: {"type": "object", "enabled": False},
}


def index_template(alias: str, *, custom: bool) -> dict[str, Any]:
    """Return the index template of an alias.

    `custom`: a component may be named that need not exist (Elasticsearch 8.7 and on).
    """
    body: dict[str, Any] = {
        # Only the names that rollover counts up, so that no alias of ours reaches into another's indices.
        "index_patterns": [f"{alias}-0*"],
        "priority": PRIORITY,
        "composed_of": [package(alias)],
        **_STAMP,
    }
    if custom:
        body["composed_of"].append(f"{alias}@custom")
        body["ignore_missing_component_templates"] = [f"{alias}@custom"]
    return body


def package(alias: str) -> str:
    """Return the name of the component template that is ours."""
    return f"{alias}@package"


def alerts_component(*, keep_overflow: bool) -> dict[str, Any]:
    """Return the component template of the alerts.

    `keep_overflow`: fields beyond the limit stay unindexed instead of refusing the alert (Elasticsearch 8.14 and on).
    """
    settings: dict[str, Any] = {**_SETTINGS, "index.mapping.ignore_malformed": True}
    settings["index.mapping.total_fields.limit"] = MOST_FIELDS
    if keep_overflow:
        settings["index.mapping.total_fields.ignore_dynamic_beyond_limit"] = True
    return _component(settings, alerts_mappings())


def executions_component() -> dict[str, Any]:
    """Return the component template of the history of executions."""
    return _component(_SETTINGS, executions_mappings())


def alerts_mappings() -> dict[str, Any]:
    """Return the mappings of the alerts: Kibana's alert fields over the Elastic Common Schema."""
    types = {**dict(_named("ecs")), **dict(_named("alert")), **_SPECIAL}
    original = {
        f"kibana.alert.original_{path}": kind
        for path, kind in _named("ecs")
        if path.startswith(("event.", "data_stream."))
    }
    strings = {"match_mapping_type": "string", "mapping": _TYPES["keyword"]}
    return _mappings({**types, **original}, dynamic=True, dynamic_templates=[{"strings": strings}])


def executions_mappings() -> dict[str, Any]:
    """Return the mappings of the history of executions."""
    return _mappings(dict(_named("execution")), dynamic=False)


def state_index() -> dict[str, Any]:
    """Return the body that creates the state index: one index, which is never rolled over."""
    return {"settings": dict(_SETTINGS), "mappings": _mappings(dict(_named("state")), dynamic=False)}


def outbox_index() -> dict[str, Any]:
    """Return the body that creates the outbox of notifications: one index, which is never rolled over."""
    return {"settings": dict(_SETTINGS), "mappings": _mappings(dict(_named("outbox")), dynamic=False)}


def suppressed_index() -> dict[str, Any]:
    """Return the body that creates the index of matches that alerts have absorbed: one, which is never rolled over."""
    return {"settings": dict(_SETTINGS), "mappings": _mappings(dict(_named("suppressed")), dynamic=False)}


def first_index(alias: str) -> str:
    """Return the name of the first index behind an alias, in the form that rollover counts on."""
    return f"{alias}-000001"


_SETTINGS: Mapping[str, Any] = {"index.number_of_shards": 1, "index.auto_expand_replicas": "0-1"}


_STAMP: Mapping[str, Any] = {"version": VERSION, "_meta": {"owner": OWNER}}


def _component(settings: Mapping[str, Any], mappings: Mapping[str, Any]) -> dict[str, Any]:
    return {"template": {"settings": dict(settings), "mappings": dict(mappings)}, **_STAMP}


def _mappings(types: Mapping[str, Mapping[str, Any]], **options: Any) -> dict[str, Any]:
    properties: dict[str, Any] = {}
    for path, kind in sorted(types.items()):
        *parents, name = path.split(".")
        place = properties
        for parent in parents:
            place = place.setdefault(parent, {}).setdefault("properties", {})
        place.setdefault(name, {}).update(kind)
    meta = {"owner": OWNER, "version": VERSION}
    return {"_meta": meta, "date_detection": False, "properties": properties, **options}


def _named(section: str) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield each field of a section of the file, by its dotted path, with its mapping."""
    for prefix, by_type in _fields()[section].items():
        for kind, names in by_type.items():
            for name in names.split():
                yield (f"{prefix}.{name}" if prefix else name), _TYPES.get(kind, {"type": kind})


@cache
def _fields() -> Mapping[str, Mapping[str, Mapping[str, str]]]:
    return tomllib.loads(Path(__file__).with_name("fields.toml").read_text(encoding="utf-8"))
