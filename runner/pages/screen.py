"""The look that all pages share: where they are printed, tables, and how verdicts, times and lengths are written."""

import sys
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime, timedelta

from rich.box import SIMPLE
from rich.console import Console, JustifyMethod, RenderableType
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from runner import json_text
from runner.execution.model import Verdict
from runner.pages.streams import Unwritten, writing
from runner.schedule.windows import Window

PIPED_WIDTH = 100  # columns, where no terminal says how many it has

_VERDICTS: Mapping[Verdict, str] = {
    Verdict.COMPLETE: "green",
    Verdict.TRUNCATED: "yellow",
    Verdict.PARTIAL: "yellow",
    Verdict.TIMED_OUT: "yellow",
    Verdict.FAILED: "bold red",
}
_SEVERITIES: Mapping[str, str] = {"low": "cyan", "medium": "yellow", "high": "red", "critical": "bold red"}


def console(*, stderr: bool = False) -> Console:
    """Return where a page is printed; colours only on a terminal, and not where NO_COLOR is set."""
    stream = sys.stderr if stderr else sys.stdout
    width = None if stream.isatty() else PIPED_WIDTH
    return Console(stderr=stderr, highlight=False, markup=False, emoji=False, width=width)


def show(page: RenderableType, *, soft_wrap: bool = False) -> None:
    """Print a page."""
    with writing("stdout"):
        console().print(page, soft_wrap=soft_wrap)


def show_json(value: object) -> None:
    """Print a value of what JSON knows, for programs to read."""
    with writing("stdout"):
        sys.stdout.write(json_text.dumps(value, indented=True).decode() + "\n")


def complain(*parts: RenderableType) -> None:
    """Print on stderr what went wrong, each part from a new line; where that cannot be, there is nowhere to tell it."""
    with suppress(Unwritten), writing("stderr"):
        errors = console(stderr=True)
        for part in parts:
            errors.print(part, soft_wrap=True)


def progress(*, shown: bool = True) -> Progress:
    """Return progress bars on a terminal's stderr, gone when they are done; nothing elsewhere, or where not `shown`."""
    errors = console(stderr=True)
    parts = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    return Progress(*parts, console=errors, transient=True, disable=not (shown and errors.is_terminal))


def safe(text: str) -> str:
    """Return a text of foreign origin without what a terminal would obey, such as escape sequences."""
    return "".join(char if char.isprintable() or char == "\n" else "\N{REPLACEMENT CHARACTER}" for char in text)


def table(*headings: str, wrap: tuple[str, ...] = ()) -> Table:
    """Return an empty table; only `wrap` may break into lines."""
    found = Table(box=SIMPLE, pad_edge=False, header_style="dim", show_edge=False)
    for heading in headings:
        found.add_column(
            heading,
            no_wrap=heading not in wrap,
            overflow="fold" if heading in wrap else "ellipsis",
            ratio=1 if heading in wrap else None,
        )
    return found


def columns(*widths: int) -> Table:
    """Return an empty grid of columns that are as wide here as on every other row of the page.

    A negative width is set to the right; 0 takes the rest of the line.
    """
    found = Table.grid(padding=(0, 1), expand=0 in widths)
    for width in widths:
        justify: JustifyMethod = "right" if width < 0 else "left"
        found.add_column(width=abs(width) or None, ratio=None if width else 1, justify=justify, no_wrap=True)
    return found


def verdict(value: Verdict) -> Text:
    """Write a verdict in its colour."""
    return Text(str(value), _VERDICTS[value])


def severity(value: str) -> Text:
    """Write a severity in its colour."""
    return Text(safe(value), _SEVERITIES.get(value, ""))


def count(number: int, style: str = "bold") -> Text:
    """Write a number: one that is not zero stands out."""
    return Text(f"{number:,}", style if number else "dim")


def instant(value: datetime | None) -> str:
    """Write an instant to the second, in UTC."""
    return f"{value:%Y-%m-%d %H:%M:%S}" if value else "never"


def span(window: Window, today: datetime) -> str:
    """Write a window; the date only where it is not today's."""
    start, end = (
        f"{edge:%H:%M:%S}" if edge.date() == today.date() else f"{edge:%m-%d %H:%M}"
        for edge in (window.start, window.end)
    )
    return f"{start} to {end}"


def length(value: timedelta) -> str:
    """Write a length of time in its two largest units: `45s`, `9m`, `2h 5m`, `3d 4h`."""
    seconds = round(value.total_seconds())
    if seconds < 1:
        return "0s"
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("m", 60), ("s", 1)):
        number, seconds = divmod(seconds, size)
        if number:
            parts.append(f"{number}{unit}")
    return " ".join(parts[:2])
