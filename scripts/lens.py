"""Lens panels: from a panel of `kibana/dashboard.yaml` to the state that Kibana 8.9 saves.

A panel has one layer, named after it; its columns are named by what they hold. Source of the shapes: Kibana's own
sample dashboards and the Lens plugin (`form_based` operations; the visualizations xy, datatable, partition, metric).
"""

from collections.abc import Callable, Mapping
from typing import Any

Json = dict[str, Any]


class BadSource(Exception):
    """A source file says something that cannot be compiled."""


def layer_of(panel: Mapping[str, Any]) -> str:
    return f"{panel['id']}-layer"


def attributes(panel: Mapping[str, Any]) -> tuple[Json, list[Json]]:
    """Return the attributes of a by-value Lens panel, and its references."""
    kind = next(name for name in KINDS if name in panel)
    visualization, columns, state = KINDS[kind](panel, layer_of(panel))
    reference = {
        "type": "index-pattern",
        "id": panel["view"],
        "name": f"indexpattern-datasource-layer-{layer_of(panel)}",
    }
    layer = {"columnOrder": list(columns), "columns": columns, "incompleteColumns": {}}
    return {
        "title": panel["title"],
        "description": "",
        "visualizationType": visualization,
        "type": "lens",
        "references": [reference],
        "state": {
            "visualization": state,
            "query": {"query": panel.get("query", ""), "language": "kuery"},
            "filters": [],
            "datasourceStates": {"formBased": {"layers": {layer_of(panel): layer}}, "textBased": {"layers": {}}},
            "internalReferences": [],
            "adHocDataViews": {},
        },
    }, [reference]


# --- columns


def metric(spec: Mapping[str, Any]) -> Json:
    """Return the column of a number: `{count: true}`, `{unique: field}`, `{percentile: field, of: 95}` and the like."""
    operation = next((name for name in METRICS if name in spec), None)
    if operation is None:
        raise BadSource(f"no number in {spec}: expected one of {', '.join(METRICS)}")
    kind, params = METRICS[operation]
    column: Json = {
        "label": spec["label"],
        "customLabel": True,
        "dataType": "date" if spec.get("date") else "number",
        "operationType": kind,
        "isBucketed": False,
        "scale": "ratio",
        "sourceField": "___records___" if operation == "count" else spec[operation],
        "params": {**params, **({"percentile": spec["of"]} if operation == "percentile" else {})},
    }
    if where := spec.get("where"):
        column["filter"] = {"query": where, "language": "kuery"}
    return column


METRICS: Mapping[str, tuple[str, Json]] = {
    "count": ("count", {"emptyAsNull": False}),
    "unique": ("unique_count", {"emptyAsNull": False}),
    "max": ("max", {"emptyAsNull": True}),
    "average": ("average", {"emptyAsNull": True}),
    "percentile": ("percentile", {}),
    "sum": ("sum", {"emptyAsNull": False}),
}


def bucket(spec: Mapping[str, Any], by: str) -> Json:
    """Return the column of a bucket: `{time: field}`, or `{terms: field}` ordered by the column `by`."""
    if "time" in spec:
        return {
            "label": spec["time"],
            "dataType": "date",
            "operationType": "date_histogram",
            "sourceField": spec["time"],
            "isBucketed": True,
            "scale": "interval",
            "params": {"interval": "auto", "includeEmptyRows": True, "dropPartials": False},
        }
    if "terms" not in spec:
        raise BadSource(f"no bucket in {spec}: expected time or terms")
    alphabetical = spec.get("alphabetical", False)
    return {
        "label": spec.get("label", f"Top values of {spec['terms']}"),
        "customLabel": "label" in spec,
        "dataType": "string",
        "operationType": "terms",
        "sourceField": spec["terms"],
        "isBucketed": True,
        "scale": "ordinal",
        "params": {
            "size": spec["size"],
            "orderBy": {"type": "alphabetical", "fallback": False}
            if alphabetical
            else {"type": "column", "columnId": by},
            "orderDirection": "asc" if alphabetical else "desc",
            "otherBucket": False,
            "missingBucket": False,
            "parentFormat": {"id": "terms"},
        },
    }


def is_bucket(spec: Mapping[str, Any]) -> bool:
    return "terms" in spec or "time" in spec


def listed(spec: Any) -> list[Any]:
    return spec if isinstance(spec, list) else [spec]


# --- visualizations: (panel, layer) → (type, columns, state)

Compiled = tuple[str, Json, Json]


def _metric(panel: Mapping[str, Any], layer: str) -> Compiled:
    state = {"layerId": layer, "layerType": "data", "metricAccessor": "number"}
    if colour := panel.get("colour"):
        state["color"] = colour
    return "lnsMetric", {"number": metric(panel["metric"])}, state


def _xy(series: Callable[[Mapping[str, Any]], str]) -> Callable[[Mapping[str, Any], str], Compiled]:
    def compiled(panel: Mapping[str, Any], layer: str) -> Compiled:
        chart = panel["bars"] if "bars" in panel else panel["lines"]
        numbers = {f"y{position}": metric(spec) for position, spec in enumerate(listed(chart["y"]))}
        columns: Json = {}
        if "split" in chart:
            columns["split"] = bucket(chart["split"], "y0")
        columns["x"] = bucket(chart["x"], "y0")
        data: Json = {
            "layerId": layer,
            "layerType": "data",
            "seriesType": series(chart),
            "xAccessor": "x",
            "accessors": list(numbers),
            "position": "top",
            "showGridlines": False,
        }
        if "split" in chart:
            data["splitAccessor"] = "split"
        if colours := panel.get("colours"):
            data["colorMapping"] = _colours(colours)
        return "lnsXY", {**columns, **numbers}, _axes(series(chart), data, legend=len(numbers) > 1 or "split" in chart)

    return compiled


def _axes(series: str, layer: Json, *, legend: bool) -> Json:
    return {
        "legend": {"isVisible": legend, "position": "right"},
        "valueLabels": "show" if series == "bar_horizontal" else "hide",
        "fittingFunction": "Linear" if series == "line" else "None",
        "axisTitlesVisibilitySettings": {"x": False, "yLeft": False, "yRight": False},
        "tickLabelsVisibilitySettings": {"x": True, "yLeft": True, "yRight": True},
        "gridlinesVisibilitySettings": {"x": False, "yLeft": True, "yRight": True},
        "preferredSeriesType": series,
        "layers": [layer],
    }


def _colours(colours: Mapping[str, str]) -> Json:
    """Return fixed colours of values (Kibana 8.11 and newer; older ones choose their own)."""
    return {
        "assignments": [
            {
                "rule": {"type": "matchExactly", "values": [value]},
                "color": {"type": "colorCode", "colorCode": colour},
                "touched": True,
            }
            for value, colour in colours.items()
        ],
        "specialAssignments": [{"rule": {"type": "other"}, "color": {"type": "loop"}, "touched": False}],
        "paletteId": "eui_amsterdam_color_blind",
        "colorMode": {"type": "categorical"},
    }


def _table(panel: Mapping[str, Any], layer: str) -> Compiled:
    columns = _buckets_then_numbers(panel["table"])
    state = {
        "layerId": layer,
        "layerType": "data",
        "columns": [{"columnId": name} for name in columns],
        "rowHeight": "single",
        "rowHeightLines": 1,
    }
    return "lnsDatatable", columns, state


def _donut(panel: Mapping[str, Any], layer: str) -> Compiled:
    columns = _buckets_then_numbers(panel["donut"])
    slices: Json = {
        "layerId": layer,
        "layerType": "data",
        "primaryGroups": [name for name, column in columns.items() if column["isBucketed"]],
        "metrics": [name for name, column in columns.items() if not column["isBucketed"]],
        "numberDisplay": "value",
        "categoryDisplay": "default",
        "legendDisplay": "default",
        "nestedLegend": False,
    }
    return "lnsPie", columns, {"shape": "donut", "layers": [slices]}


def _buckets_then_numbers(specs: list[Mapping[str, Any]]) -> Json:
    numbers = {f"number{position}": metric(spec) for position, spec in enumerate(s for s in specs if not is_bucket(s))}
    buckets = [spec for spec in specs if is_bucket(spec)]
    return {f"bucket{position}": bucket(spec, next(iter(numbers))) for position, spec in enumerate(buckets)} | numbers


KINDS: Mapping[str, Callable[[Mapping[str, Any], str], Compiled]] = {
    "metric": _metric,
    "bars": _xy(lambda chart: "bar_horizontal" if chart.get("across") else "bar_stacked"),
    "lines": _xy(lambda _chart: "line"),
    "table": _table,
    "donut": _donut,
}
