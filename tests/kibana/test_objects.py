"""The saved objects: compiled from their sources, as Kibana's schemas have them, over fields that are there."""

import json
import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from runner.elastic import templates
from runner.kibana.objects import DASHBOARD, dashboard_id, prepared, shipped
from runner.settings import Settings
from scripts.kibana_objects import COMPILED, compiled
from tests.kibana.saved_objects import check, lens_columns, panels

OBJECTS: list[dict[str, Any]] = [json.loads(line) for line in COMPILED.read_text(encoding="utf-8").splitlines()]
BY_ID = {one["id"]: one for one in OBJECTS}
AGGREGATED = {"keyword", "date", "float", "long", "ip", "boolean"}


def test_the_compiled_file_is_what_its_sources_say() -> None:
    assert COMPILED.read_text(encoding="utf-8") == compiled(), "run scripts/kibana_objects.py"


def test_the_program_finds_the_file() -> None:
    assert shipped() == COMPILED


@pytest.mark.parametrize("saved", OBJECTS, ids=lambda saved: saved["id"])
def test_an_object_is_as_kibana_s_schema_has_it(saved: dict[str, Any]) -> None:
    check(saved)


def test_what_objects_refer_to_comes_with_them() -> None:
    known = {(one["type"], one["id"]) for one in OBJECTS}
    assert len(known) == len(OBJECTS)
    assert {(ref["type"], ref["id"]) for one in OBJECTS for ref in one["references"]} <= known


def test_no_id_stands_in_another_text_by_chance() -> None:
    names = {"eql-runner-alerts", "eql-runner-executions", "eql-runner-state"}
    assert not [name for name in names if any(one["id"] in name for one in OBJECTS)]


def fields_used() -> Iterator[tuple[str, str, bool]]:
    """Data view, field, and whether it must be fit for aggregations: all that panels, controls and searches name."""
    for panel in panels(BY_ID[DASHBOARD]):
        if panel["type"] != "lens":
            continue
        lens = panel["embeddableConfig"]["attributes"]
        (view,) = (reference["id"] for reference in lens["references"])
        queries = [lens["state"]["query"]["query"]]
        for column in lens_columns(panel).values():
            queries.append(column.get("filter", {}).get("query", ""))
            if column["sourceField"] != "___records___":
                yield view, column["sourceField"], True
        yield from ((view, field, False) for query in queries for field in named(query))
    attributes = BY_ID[DASHBOARD]["attributes"]
    for control in json.loads(attributes["controlGroupInput"]["panelsJSON"]).values():
        yield "eql-runner-view-alerts", control["explicitInput"]["fieldName"], True
    for search in (one for one in OBJECTS if one["type"] == "search"):
        view = search["references"][0]["id"]
        source = json.loads(search["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
        for field in [*search["attributes"]["columns"], *named(source["query"]["query"])]:
            yield view, field, False
        yield from ((view, field, True) for field, _ in search["attributes"]["sort"])


def named(kql: str) -> list[str]:
    return re.findall(r"([\w.@]+):", kql)


def mapped(view: str) -> dict[str, str]:
    """The fields of a data view with their types."""
    mappings = {
        "eql-runner-view-alerts": templates.alerts_mappings,
        "eql-runner-view-executions": templates.executions_mappings,
        "eql-runner-view-coverage": lambda: templates.state_index()["mappings"],
    }[view]()
    runtime = json.loads(BY_ID[view]["attributes"]["runtimeFieldMap"])
    return dict(_leaves(mappings["properties"])) | {name: field["type"] for name, field in runtime.items()}


def _leaves(properties: dict[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    for name, field in properties.items():
        if "type" in field:
            yield prefix + name, field["type"]
        yield from _leaves(field.get("properties", {}), f"{prefix}{name}.")


@pytest.mark.parametrize(("view", "field", "aggregated"), sorted(set(fields_used())))
def test_every_field_that_is_shown_is_in_the_index_and_fit_for_it(view: str, field: str, *, aggregated: bool) -> None:
    found = mapped(view).get(field)
    assert found is not None
    assert not aggregated or found in AGGREGATED


@pytest.mark.parametrize("view", [one["id"] for one in OBJECTS if one["type"] == "index-pattern"])
def test_labels_and_formats_are_of_fields_that_are_there(view: str) -> None:
    attributes = BY_ID[view]["attributes"]
    named = [*json.loads(attributes["fieldAttrs"]), *json.loads(attributes["fieldFormatMap"])]
    if named:
        assert set(named) <= mapped(view).keys()


def test_links_lead_to_objects_that_come_with_them() -> None:
    formats = json.loads(BY_ID["eql-runner-view-alerts"]["attributes"]["fieldFormatMap"])
    targets = [re.search(r"#/\w+/([\w-]+)", shape["params"].get("urlTemplate", "")) for shape in formats.values()]
    assert [found[1] for found in targets if found] == ["eql-runner-view-events", "eql-runner-search-guides"]
    assert all(found[1] in BY_ID for found in targets if found)


def loaded(settings: Settings, patterns: list[str] | None = None) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in map(json.loads, prepared(settings, patterns or ()).splitlines())}


def test_with_default_settings_the_objects_are_as_shipped() -> None:
    assert loaded(Settings()) == BY_ID


def test_data_views_search_the_indices_of_the_settings() -> None:
    settings = Settings(alerts_index="soc-alerts", executions_index="soc-runs", state_index="soc-state")
    found = loaded(settings, ["logs-*", "remote:logs-*", "-logs-old*", "logs-*"])
    assert [one["attributes"]["title"] for one in found.values() if one["type"] == "index-pattern"] == [
        "soc-alerts",
        "logs-*,remote:logs-*",
        "soc-runs",
        "soc-state",
    ]


def test_each_space_has_ids_of_its_own_in_references_and_links() -> None:
    found = loaded(Settings(kibana_space="soc"))
    assert found.keys() == {f"{name}-in-soc" for name in BY_ID}
    assert dashboard_id("soc") in found
    assert {ref["id"] for one in found.values() for ref in one["references"]} <= found.keys()
    formats = found["eql-runner-view-alerts-in-soc"]["attributes"]["fieldFormatMap"]
    assert "#/doc/eql-runner-view-events-in-soc/" in formats
    assert "#/view/eql-runner-search-guides-in-soc?" in formats


def test_the_space_of_the_alerts_is_the_objects_too_unless_another_is_named() -> None:
    assert loaded(Settings(space="soc")).keys() == loaded(Settings(kibana_space="soc")).keys()
    assert loaded(Settings(space="soc", kibana_space="default")) == BY_ID


def test_the_wheel_carries_the_file() -> None:
    project = tomllib.loads((COMPILED.parents[1] / "pyproject.toml").read_text(encoding="utf-8"))
    included = project["tool"]["hatch"]["build"]["targets"]["wheel"]["force-include"]
    assert included["kibana/eql-runner.ndjson"] == "runner/_kibana/eql-runner.ndjson"
    assert Path(COMPILED.name) == Path("eql-runner.ndjson")
