"""`eql-runner exceptions`: what is excepted, whose it is, until when, and whether it is of any use."""

from pathlib import Path
from typing import Annotated

import typer

from runner import app, arguments
from runner.app import exceptions as accounting
from runner.commands.exit_codes import INCOMPLETE, OK
from runner.commands.options import Json
from runner.pages import exceptions as page
from runner.pages import screen

Paths = Annotated[
    list[Path] | None,
    typer.Argument(metavar="PATH", help="Files or folders of rules; none: those of the settings."),
]


def exceptions(
    paths: Paths = None,
    over: Annotated[str, typer.Option(help="How far back hits are counted.")] = "30d",
    unused: Annotated[
        bool, typer.Option("--unused", help="Only what has expired, took nothing away, or applies to no rule.")
    ] = False,
    as_json: Json = False,
) -> None:
    """List exceptions: what they let pass, whose they are, until when, and how much they took away.

    Exit code 0: all is well. 1: a file has errors, or, with --unused, something is there to clear away.
    """
    span, now = arguments.duration(over), app.now()
    found, errors, silent = accounting.account(app.settings(), paths or (), now, span)
    shown = [one for one in found if one.stale] if unused else found
    if as_json:
        told = {"exceptions": [page.as_json(one) for one in shown], "issues": [issue.as_dict() for issue in errors]}
        screen.show_json(told)
    else:
        screen.show(page.page(found, shown=shown, silent=silent, errors=len(errors)))
    raise typer.Exit(INCOMPLETE if errors or (unused and shown) else OK)
