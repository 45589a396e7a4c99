"""Imports obey the arrows of docs/architecture.md, and each library of the outside stands in its one place."""

import ast
from pathlib import Path

PACKAGE = Path(__file__).parents[1] / "runner"
MODULES = {
    ".".join(path.relative_to(PACKAGE.parent).with_suffix("").parts).removesuffix(".__init__"): path
    for path in sorted(PACKAGE.rglob("*.py"))
}

# Where a module stands (the longest name counts) → what else of ours it may import. `runner` alone is the version.
EVERYTHING = {"runner.*"}
SETTINGS = {"runner.settings", "runner.setting_types", "runner.environment"}
VALUES = {
    "runner.errors",
    "runner.execution.absorbing",
    "runner.execution.model",
    "runner.execution.seams",
    "runner.json_text",
    "runner.rules.model",
    "runner.schedule.windows",
    "runner.wording",
}
ARROWS = {
    "runner": EVERYTHING,  # cli, app, and what they are made of
    "runner.errors": set(),
    "runner.json_text": set(),
    "runner.wording": set(),
    "runner.environment": {"runner.errors"},
    "runner.setting_types": {"runner.errors", "runner.environment", "runner.rules.datemath"},
    "runner.settings": {"runner.errors", "runner.environment", "runner.setting_types", "runner.rules.datemath"},
    "runner.engine": {"runner.execution", "runner.housekeeping", "runner.notify.dispatch", "runner.rules.model"},
    "runner.housekeeping": {"runner.errors", "runner.rules.model", "runner.telemetry", "runner.wording"},
    "runner.loaded_rules": {"runner.rules.issues", "runner.rules.loader", "runner.telemetry", "runner.wording"},
    "runner.service": {
        *VALUES,
        *SETTINGS,
        "runner.engine",
        "runner.housekeeping",
        "runner.loaded_rules",
        "runner.notify.dispatch",
        "runner.rules.loader",
        "runner.schedule",
        "runner.telemetry",
    },
    "runner.app": EVERYTHING,
    "runner.pages": EVERYTHING,
    "runner.commands": EVERYTHING,
    "runner.query": {"runner.errors"},
    "runner.rules": {"runner.errors", "runner.query", "runner.wording"},
    "runner.schedule": VALUES,
    "runner.execution": {
        "runner",
        "runner.errors",
        "runner.json_text",
        "runner.query",
        "runner.rules",
        "runner.schedule",
    },
    "runner.notify": {*VALUES, "runner", "runner.execution.absorbing", "runner.query", "runner.rules"},
    "runner.elastic": {*VALUES, *SETTINGS, "runner", "runner.query", "runner.notify.model"},
    "runner.telemetry": {*VALUES, "runner", "runner.notify.model"},
    "runner.report": {"runner", "runner.errors", "runner.json_text", "runner.query"},
    "runner.kibana": {*SETTINGS, "runner", "runner.errors"},
    "runner.offline": {
        "runner.errors",
        "runner.execution",
        "runner.json_text",
        "runner.notify",
        "runner.query",
        "runner.rules",
        "runner.schedule",
    },
}

# A library of the outside, and where alone it may be imported.
PLACES = {
    "apscheduler": {"runner.schedule.scheduler"},
    "elastic_transport": {"runner.elastic"},
    "elasticsearch": {"runner.elastic"},
    "tenacity": {"runner.elastic", "runner.kibana.importer"},
    "urllib3": {"runner.kibana.importer", "runner.notify.webhook"},
    "apprise": {"runner.notify.services"},
    "markdown_it": {"runner.report.guide"},
    "lark": {"runner.query.parser"},
    "typer": {"runner.cli", "runner.commands"},
    "rich": {"runner.cli", "runner.pages"},
    "prometheus_client": {"runner.telemetry"},
    "structlog": {"runner.telemetry"},
    "ecs_logging": {"runner.telemetry"},
    "pydantic_settings": {"runner.settings"},
    "watchfiles": {"runner.rules.watch"},
}

TIMES = {"datetime.now", "datetime.utcnow", "datetime.today", "date.today", "time.time", "time.time_ns"}


def imports(path):
    """Every module that the file imports, as a dotted name; `from package import module` counts as the module."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            for alias in node.names:
                inner = f"{node.module}.{alias.name}"
                yield inner if is_module(inner) else node.module


def is_module(name):
    path = PACKAGE.parent.joinpath(*name.split("."))
    return path.with_suffix(".py").is_file() or path.is_dir()


def below(name, prefixes):
    return any(name == prefix or name.startswith(prefix + ".") for prefix in prefixes)


def allowed(name, imported):
    room = max((room for room in ARROWS if below(name, [room])), key=len)
    arrows = ARROWS[room]
    if arrows == EVERYTHING or (room != "runner" and below(imported, [room])):
        return True
    return imported in arrows or (imported != "runner" and below(imported, arrows - {"runner"}))


def test_modules_import_only_what_the_arrows_allow():
    wrong = [
        f"{name} imports {imported}"
        for name, path in MODULES.items()
        for imported in imports(path)
        if below(imported, ["runner"]) and not allowed(name, imported)
    ]
    assert wrong == []


def test_each_library_of_the_outside_stands_in_its_place():
    wrong = [
        f"{name} imports {imported}"
        for name, path in MODULES.items()
        for imported in imports(path)
        if (places := PLACES.get(imported.partition(".")[0])) and not below(name, places)
    ]
    assert wrong == []


def test_only_app_and_cli_ask_for_the_time():
    wrong = [
        f"{name} calls {node.value.id}.{node.attr}"
        for name, path in MODULES.items()
        if name not in {"runner.app.process", "runner.cli"}
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name)
        and f"{node.value.id}.{node.attr}" in TIMES
    ]
    assert wrong == []


def test_modules_are_named_by_what_is_in_them():
    vague = {"utils", "util", "helpers", "helper", "manager", "base", "misc"}
    assert [name for name in MODULES if name.rpartition(".")[2] in vague] == []


def test_the_page_on_architecture_names_every_room():
    page = (PACKAGE.parent / "docs" / "architecture.md").read_text(encoding="utf-8")
    rooms = {path.name for path in PACKAGE.iterdir() if (path / "__init__.py").is_file()}
    assert [room for room in sorted(rooms) if f"`{room}/`" not in page and f"`runner/{room}/`" not in page] == []
