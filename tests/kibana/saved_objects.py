"""What Kibana's own schemas ask of saved objects, as far as its sources say: each check raises AssertionError.

dashboard       `dashboardAttributesSchema` v1 (unknown attributes are refused), panels as sample dashboards have them
search          the schema of 8.8.0 (`saved_objects/search.ts`; unknown attributes are refused)
index-pattern   no schema in Kibana; the attributes of `DataViewAttributes`
lens            no strict schema in 8.x; columns and accessors as the form based datasource and the charts read them
"""

import json
from collections.abc import Mapping
from typing import Any

TEXT, NUMBER, FLAG, LIST, OBJECT = str, (int, float), bool, list, dict

# attribute → its type; the second table may be absent
REQUIRED: Mapping[str, Mapping[str, Any]] = {
    "dashboard": {"title": TEXT},
    "search": {"title": TEXT, "kibanaSavedObjectMeta": OBJECT, "columns": LIST, "sort": LIST},
    "index-pattern": {"title": TEXT},
}
OPTIONAL: Mapping[str, Mapping[str, Any]] = {
    "dashboard": {
        "description": TEXT,
        "kibanaSavedObjectMeta": OBJECT,
        "timeRestore": FLAG,
        "timeFrom": TEXT,
        "timeTo": TEXT,
        "refreshInterval": OBJECT,
        "controlGroupInput": OBJECT,
        "panelsJSON": TEXT,
        "optionsJSON": TEXT,
        "hits": NUMBER,
        "version": NUMBER,
    },
    "search": {
        "description": TEXT,
        "grid": OBJECT,
        "rowHeight": NUMBER,
        "rowsPerPage": NUMBER,
        "hideChart": FLAG,
        "breakdownField": TEXT,
        "isTextBasedQuery": FLAG,
        "usesAdHocDataView": FLAG,
        "timeRestore": FLAG,
        "timeRange": OBJECT,
        "refreshInterval": OBJECT,
        "viewMode": TEXT,
        "hideAggregatedPreview": FLAG,
        "hits": NUMBER,
        "version": NUMBER,
    },
    "index-pattern": {
        "name": TEXT,
        "timeFieldName": TEXT,
        "allowNoIndex": FLAG,
        "fieldAttrs": TEXT,
        "fieldFormatMap": TEXT,
        "runtimeFieldMap": TEXT,
        "fields": TEXT,
        "sourceFilters": TEXT,
    },
}
ROOT = {"type", "id", "attributes", "references", "coreMigrationVersion", "typeMigrationVersion", "managed"}
OPERATIONS = {"count", "unique_count", "max", "average", "percentile", "sum", "terms", "date_histogram"}
SERIES = {"bar", "bar_stacked", "bar_horizontal", "line"}
GRID_COLUMNS = 48


def check(saved: Mapping[str, Any]) -> None:
    """Check one object by itself."""
    assert saved.keys() == ROOT
    kind, attributes = saved["type"], saved["attributes"]
    assert version(saved["coreMigrationVersion"]) <= (8, 8, 0)
    assert version(saved["typeMigrationVersion"]) <= (8, 9, 0)
    assert not REQUIRED[kind].keys() - attributes.keys()
    for name, value in attributes.items():
        expected = REQUIRED[kind].get(name) or OPTIONAL[kind][name]
        assert isinstance(value, expected), f"{name} of {saved['id']}"
    for reference in saved["references"]:
        assert reference.keys() == {"type", "id", "name"}
    names = [reference["name"] for reference in saved["references"]]
    assert len(names) == len(set(names))
    {"dashboard": _dashboard, "search": _search, "index-pattern": _data_view}[kind](saved)


def version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split("."))


def panels(saved: Mapping[str, Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(saved["attributes"]["panelsJSON"])
    return found


def lens_columns(panel: Mapping[str, Any]) -> dict[str, Any]:
    """The columns of a Lens panel's one layer."""
    ((_, layer),) = panel["embeddableConfig"]["attributes"]["state"]["datasourceStates"]["formBased"]["layers"].items()
    columns: dict[str, Any] = layer["columns"]
    return columns


def _search(saved: Mapping[str, Any]) -> None:
    source = json.loads(saved["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"])
    assert source.keys() == {"query", "filter", "indexRefName"}
    assert [reference["name"] for reference in saved["references"]] == [source["indexRefName"]]
    for field, direction in saved["attributes"]["sort"]:
        assert isinstance(field, str)
        assert direction in {"asc", "desc"}
    assert saved["attributes"]["grid"]["columns"].keys() <= set(saved["attributes"]["columns"])
    for column in saved["attributes"]["grid"]["columns"].values():
        assert column.keys() == {"width"}


def _data_view(saved: Mapping[str, Any]) -> None:
    attributes = saved["attributes"]
    assert json.loads(attributes["fields"]) == []
    runtime = json.loads(attributes["runtimeFieldMap"])
    for field in runtime.values():
        assert field["type"] == "keyword"
        assert field["script"]["source"]
    for shape in json.loads(attributes["fieldFormatMap"]).values():
        assert shape["id"] in {"url", "color"}
        address = shape["params"].get("urlTemplate", "../")
        assert address.startswith("../")  # stays in the space: see Kibana's `url` field format


def _dashboard(saved: Mapping[str, Any]) -> None:
    attributes = saved["attributes"]
    assert attributes["refreshInterval"].keys() == {"pause", "value"}
    assert attributes["controlGroupInput"].keys() <= {
        "panelsJSON",
        "controlStyle",
        "chainingSystem",
        "ignoreParentSettingsJSON",
    }
    needed = {f"controlGroup_{name}:optionsListDataView" for name in _controls(attributes)}
    for panel in panels(saved):
        assert panel["panelIndex"] == panel["gridData"]["i"]
        if panel["type"] == "search":
            needed.add(f"{panel['panelIndex']}:{panel['panelRefName']}")
        elif panel["type"] == "lens":
            lens = panel["embeddableConfig"]["attributes"]
            _lens(lens)
            needed |= {f"{panel['panelIndex']}:{reference['name']}" for reference in lens["references"]}
        else:
            assert panel["type"] == "visualization"
            assert panel["embeddableConfig"]["savedVis"]["type"] == "markdown"
    assert {reference["name"] for reference in saved["references"]} == needed
    _no_overlap([panel["gridData"] for panel in panels(saved)])


def _controls(attributes: Mapping[str, Any]) -> list[str]:
    controls = json.loads(attributes["controlGroupInput"]["panelsJSON"])
    for name, control in controls.items():
        assert control["type"] == "optionsListControl"
        assert control["explicitInput"]["id"] == name
    return list(controls)


def _no_overlap(places: list[Mapping[str, Any]]) -> None:
    taken: dict[tuple[int, int], str] = {}
    for place in places:
        assert 0 <= place["x"] < place["x"] + place["w"] <= GRID_COLUMNS
        for column in range(place["x"], place["x"] + place["w"]):
            for row in range(place["y"], place["y"] + place["h"]):
                assert (column, row) not in taken, f"{place['i']} lies over {taken.get((column, row))}"
                taken[column, row] = place["i"]


def _lens(lens: Mapping[str, Any]) -> None:
    assert lens.keys() == {"title", "description", "visualizationType", "type", "references", "state"}
    ((layer_id, layer),) = lens["state"]["datasourceStates"]["formBased"]["layers"].items()
    assert [reference["name"] for reference in lens["references"]] == [f"indexpattern-datasource-layer-{layer_id}"]
    assert layer["columnOrder"] == list(layer["columns"])
    buckets = [column["isBucketed"] for column in layer["columns"].values()]
    assert buckets == sorted(buckets, reverse=True)  # buckets stand before numbers
    for column in layer["columns"].values():
        assert column["operationType"] in OPERATIONS
        assert column["isBucketed"] == (column["operationType"] in {"terms", "date_histogram"})
        assert (column["operationType"] == "count") == (column["sourceField"] == "___records___")
        ordered = column["params"].get("orderBy", {}).get("columnId")
        assert ordered is None or not layer["columns"][ordered]["isBucketed"]
    state = lens["state"]["visualization"]
    assert _accessors(lens["visualizationType"], state, layer_id) == set(layer["columns"])


def _accessors(kind: str, state: Mapping[str, Any], layer_id: str) -> set[str]:
    """The columns that a chart shows: all of its layer's, no other."""
    if kind == "lnsMetric":
        assert (state["layerId"], state["layerType"]) == (layer_id, "data")
        return {state["metricAccessor"]}
    if kind == "lnsDatatable":
        assert (state["layerId"], state["layerType"]) == (layer_id, "data")
        return {column["columnId"] for column in state["columns"]}
    (layer,) = state["layers"]
    assert (layer["layerId"], layer["layerType"]) == (layer_id, "data")
    if kind == "lnsPie":
        return {*layer["primaryGroups"], *layer["metrics"]}
    assert kind == "lnsXY"
    assert layer["seriesType"] == state["preferredSeriesType"]
    assert layer["seriesType"] in SERIES
    return {*layer["accessors"], layer["xAccessor"], *([layer["splitAccessor"]] if "splitAccessor" in layer else [])}
