"""Settings: each with its value and whether it was set, secrets as `(set)`."""

import json

from rich.console import RenderableType
from rich.text import Text

from runner.environment import variable
from runner.pages import screen
from runner.settings import Settings


def page(settings: Settings) -> RenderableType:
    """Show all settings; those that were set stand out."""
    table = screen.table("Variable", "Value", wrap=("Value",))
    for name, value in settings.public().items():
        given = name in settings.model_fields_set
        table.add_row(Text(variable(name), "bold" if given else "dim"), Text(_written(value), "" if given else "dim"))
    return table


def _written(value: object) -> str:
    match value:
        case None | [] | {}:
            return ""
        case bool():
            return str(value).lower()
        case list():
            return ", ".join(map(str, value))
        case dict():
            return json.dumps(value)
    return str(value)
