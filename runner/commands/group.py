"""A group of commands, whose help is printed as all output is: what cannot be written is told as such."""

from collections.abc import Callable
from typing import Any

import typer
from typer.core import TyperCommand, TyperGroup

from runner.pages.streams import writing


class Group(typer.Typer):
    """Commands by their names; named without one of them, it prints its help."""

    def __init__(self, **settings: Any) -> None:
        super().__init__(cls=_Group, no_args_is_help=True, **settings)

    def command(self, name: str | None = None, **settings: Any) -> Callable[[Any], Any]:
        """Add a function as a command. The settings are typer's."""
        return super().command(name, cls=_Command, **settings)


# Typer prints the help at once, and formats nothing (`rich_utils.rich_format_help`).
class _Command(TyperCommand):
    def format_help(self, ctx: Any, formatter: Any) -> None:
        with writing("stdout"):
            super().format_help(ctx, formatter)


class _Group(TyperGroup):
    def format_help(self, ctx: Any, formatter: Any) -> None:
        with writing("stdout"):
            super().format_help(ctx, formatter)
