"""The options and arguments that several commands have."""

from typing import Annotated

import typer

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of a page.")]
Names = Annotated[list[str] | None, typer.Argument(metavar="RULE", help="Rules, by id, name or file; none: all.")]
