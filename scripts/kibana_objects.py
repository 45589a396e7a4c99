"""Compile `kibana/*.yaml` to Kibana's saved objects: `python scripts/kibana_objects.py` renews kibana/eql-runner.ndjson.

Each object names the version of its type that it is written for; all of them are what Kibana 8.9 saves, so that 8.9 and
newer ones take them and bring them up to date themselves.
"""

import json
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))

from scripts.lens import KINDS, BadSource, Json, attributes

FOLDER = Path(__file__).parents[1] / "kibana"
COMPILED = FOLDER / "eql-runner.ndjson"
VERSIONS = {"index-pattern": "8.0.0", "search": "8.0.0", "dashboard": "8.9.0"}
PANELS = "8.9.0"  # the Kibana that would have saved the panels so


def compiled(folder: Path = FOLDER) -> str:
    """Return the saved objects of the sources, one JSON a line. Raises BadSource."""
    objects = [
        *(data_view(source) for source in _read(folder / "data-views.yaml")),
        *(saved_search(source) for source in _read(folder / "searches.yaml")),
        dashboard(_read(folder / "dashboard.yaml")),
    ]
    return "".join(f"{_json(one)}\n" for one in objects)


def data_view(source: Mapping[str, Any]) -> Json:
    formats = {field: _link(link) for field, link in source.get("links", {}).items()}
    formats |= {field: _colour(colours) for field, colours in source.get("colours", {}).items()}
    runtime = {
        field: {"type": "keyword", "script": {"source": script}} for field, script in source.get("runtime", {}).items()
    }
    fields = {
        "title": source["title"],
        "name": source["name"],
        **({"timeFieldName": source["time"]} if "time" in source else {}),
        "allowNoIndex": True,
        "fieldAttrs": _json({field: {"customLabel": label} for field, label in source.get("labels", {}).items()}),
        "fieldFormatMap": _json(formats),
        "runtimeFieldMap": _json(runtime),
        "fields": "[]",
        "sourceFilters": "[]",
    }
    return _object("index-pattern", source["id"], fields, [])


def _link(link: Mapping[str, str]) -> Json:
    params = {"type": "a", "openLinkInCurrentTab": False}
    if "to" in link:
        params |= {"urlTemplate": link["to"], "labelTemplate": link["says"]}
    return {"id": "url", "params": params}


def _colour(colours: Mapping[str, list[str]]) -> Json:
    rows = [
        {"range": "-Infinity:Infinity", "regex": f"^{value}$", "text": text, "background": ground}
        for value, (text, ground) in colours.items()
    ]
    return {"id": "color", "params": {"fieldType": "string", "colors": rows}}


def saved_search(source: Mapping[str, Any]) -> Json:
    columns = [column if isinstance(column, Mapping) else {column: None} for column in source["columns"]]
    widths = {name: width for column in columns for name, width in column.items() if width}
    fields = {
        "title": source["title"],
        "description": source["description"],
        "columns": [name for column in columns for name in column],
        "sort": source["sort"],
        "grid": {"columns": {name: {"width": width} for name, width in widths.items()}},
        "hideChart": False,
        "isTextBasedQuery": False,
        "timeRestore": False,
        **({"rowHeight": source["row_height"]} if "row_height" in source else {}),
        "kibanaSavedObjectMeta": {
            "searchSourceJSON": _json(
                {
                    "query": {"query": source.get("query", ""), "language": "kuery"},
                    "filter": [],
                    "indexRefName": "kibanaSavedObjectMeta.searchSourceJSON.index",
                }
            )
        },
    }
    reference = {
        "type": "index-pattern",
        "id": source["view"],
        "name": "kibanaSavedObjectMeta.searchSourceJSON.index",
    }
    return _object("search", source["id"], fields, [reference])


def dashboard(source: Mapping[str, Any]) -> Json:
    panels, references = [], []
    for panel in source["panels"]:
        compiled_panel, needed = _panel(panel)
        panels.append(compiled_panel)
        references += [{**reference, "name": f"{panel['id']}:{reference['name']}"} for reference in needed]
    controls = list(_controls(source["controls"]))
    references += [
        {"type": "index-pattern", "id": control["view"], "name": f"controlGroup_{name}:optionsListDataView"}
        for name, control in zip(controls, source["controls"], strict=True)
    ]
    start, end = source["time"]
    fields = {
        "title": source["title"],
        "description": source["description"],
        "timeRestore": True,
        "timeFrom": start,
        "timeTo": end,
        "refreshInterval": {"pause": True, "value": source["refresh"] * 1000},
        "version": 1,
        "optionsJSON": _json(
            {
                "useMargins": True,
                "syncColors": False,
                "syncCursor": True,
                "syncTooltips": False,
                "hidePanelTitles": False,
            }
        ),
        "kibanaSavedObjectMeta": {
            "searchSourceJSON": _json({"query": {"query": "", "language": "kuery"}, "filter": []})
        },
        "controlGroupInput": {
            "controlStyle": "oneLine",
            "chainingSystem": "HIERARCHICAL",
            "panelsJSON": _json(_control_panels(source["controls"])),
            "ignoreParentSettingsJSON": _json(
                {
                    "ignoreFilters": False,
                    "ignoreQuery": False,
                    "ignoreTimerange": False,
                    "ignoreValidations": False,
                }
            ),
        },
        "panelsJSON": _json(panels),
    }
    return _object("dashboard", source["id"], fields, references)


def _panel(panel: Mapping[str, Any]) -> tuple[Json, list[Json]]:
    x, y, width, height = panel["at"]
    kinds = [kind for kind in ("text", "search", *KINDS) if kind in panel]
    if len(kinds) != 1:
        raise BadSource(f"panel {panel['id']}: expected one of text, search, {', '.join(KINDS)}; found {kinds}")
    shared: Json = {
        "version": PANELS,
        "panelIndex": panel["id"],
        "gridData": {"x": x, "y": y, "w": width, "h": height, "i": panel["id"]},
        "title": panel["title"],
    }
    match kinds[0]:
        case "text":
            return {"type": "visualization", **shared, "embeddableConfig": _markdown(panel)}, []
        case "search":
            name = f"panel_{panel['id']}"
            config = {"enhancements": {}, "title": panel["title"]}
            return {"type": "search", **shared, "embeddableConfig": config, "panelRefName": name}, [
                {"type": "search", "id": panel["search"], "name": name}
            ]
        case _:
            lens, references = attributes(panel)
            hide = "metric" in panel  # the number carries its own label
            config = {"attributes": lens, "enhancements": {}, "hidePanelTitles": hide, "title": panel["title"]}
            return {"type": "lens", **shared, "embeddableConfig": config}, references


def _markdown(panel: Mapping[str, Any]) -> Json:
    return {
        "enhancements": {},
        "hidePanelTitles": True,
        "savedVis": {
            "id": "",
            "title": panel["title"],
            "description": "",
            "type": "markdown",
            "params": {"fontSize": 12, "openLinksInNewTab": False, "markdown": panel["text"]},
            "uiState": {},
            "data": {"aggs": [], "searchSource": {"query": {"query": "", "language": "kuery"}, "filter": []}},
        },
    }


def _controls(controls: list[Mapping[str, str]]) -> Iterator[str]:
    yield from (control["field"].replace(".", "-") for control in controls)


def _control_panels(controls: list[Mapping[str, str]]) -> Json:
    return {
        name: {
            "order": order,
            "width": "medium",
            "grow": True,
            "type": "optionsListControl",
            "explicitInput": {
                "id": name,
                "fieldName": control["field"],
                "title": control["title"],
                "enhancements": {},
            },
        }
        for order, (name, control) in enumerate(zip(_controls(controls), controls, strict=True))
    }


def _object(kind: str, name: str, fields: Json, references: list[Json]) -> Json:
    return {
        "type": kind,
        "id": name,
        "attributes": fields,
        "references": references,
        "coreMigrationVersion": "8.8.0",
        "typeMigrationVersion": VERSIONS[kind],
        "managed": False,
    }


def _read(path: Path) -> Any:
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


if __name__ == "__main__":
    COMPILED.write_text(compiled(), encoding="utf-8")
    print(COMPILED)
