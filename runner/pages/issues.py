"""Issues: every problem found in rule files, as a compiler prints them."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.text import Text

from runner import __version__
from runner.pages import screen
from runner.rules.issues import Code, Issue, IssueSeverity, Place
from runner.wording import plural

_STYLES = {IssueSeverity.ERROR: "bold red", IssueSeverity.WARNING: "yellow", IssueSeverity.INFO: "cyan"}
_LEVELS = {IssueSeverity.ERROR: "error", IssueSeverity.WARNING: "warning", IssueSeverity.INFO: "note"}


def page(issues: Sequence[Issue], rules: int) -> RenderableType:
    """Show each issue with its place and its line, then how many rules can run."""
    return Group(*(issue(one) for one in issues), verdict(issues, rules))


def issue(one: Issue) -> RenderableType:
    """Show one issue: place, message, line, caret, and what to do."""
    text = Text.assemble(
        (f"{one.path}:{one.line}:{one.column}: ", "bold"),
        (f"{_label(one)}: ", _style(one)),
        screen.safe(one.message),
        (f" [{screen.safe(one.rule_name)}]" if one.rule_name else "", "dim"),
    )
    parts: list[RenderableType] = [text]
    if one.place.excerpt:
        parts.append(_Excerpt(one.place, _style(one)))
    if one.hint:
        parts.append(_Hint(screen.safe(one.hint)))
    return Group(*parts, "")


@dataclass(frozen=True, slots=True)
class _Excerpt:
    """A place's line with a caret under its column, cut around the caret to what the console is wide."""

    place: Place
    style: str

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        width = options.max_width - 4
        text, column = self.place.excerpt, self.place.caret - 1
        start = max(0, min(column - width // 2, len(text) - width))
        yield Text(f"    {text[start : start + width]}", "dim", no_wrap=True)
        yield Text(f"    {' ' * (column - start)}^", self.style, no_wrap=True)


@dataclass(frozen=True, slots=True)
class _Hint:
    """What to do, set in; on a page of lines without end, such as a log, whole on one line."""

    text: str

    def __rich_console__(self, _console: Console, options: ConsoleOptions) -> RenderResult:
        # A padded text is as wide as the console at most: rich would cut a line that may not wrap.
        endless = options.no_wrap
        yield Text(f"    {self.text}") if endless else Padding(self.text, (0, 0, 0, 4), expand=False)


def verdict(issues: Sequence[Issue], rules: int) -> Text:
    """Say how many rules can run, and how many issues there are of each kind."""
    counted = Counter(_label(one) for one in issues)
    errors = counted[IssueSeverity.ERROR]
    found = [
        *([f"{counted[_LEFT_OUT]:,} of other types cannot yet"] if counted[_LEFT_OUT] else []),
        *(
            plural(counted[severity], noun)
            for severity, noun in (
                (IssueSeverity.ERROR, "error"),
                (IssueSeverity.WARNING, "warning"),
                (IssueSeverity.INFO, "note"),
            )
            if counted[severity]
        ),
    ]
    style = "bold red" if errors or not rules else "green"
    return Text.assemble((f"{plural(rules, 'rule')} can run", style), f"; {', '.join(found) or 'no issues'}")


_LEFT_OUT = "left out"


def _label(one: Issue) -> str:
    """Return what kind of issue it is: a rule of a type that cannot run yet is nobody's error."""
    return _LEFT_OUT if one.code is Code.UNSUPPORTED else str(one.severity)


def _style(one: Issue) -> str:
    return "yellow" if one.code is Code.UNSUPPORTED else _STYLES[one.severity]


def sarif(issues: Sequence[Issue]) -> dict[str, Any]:
    """Return the issues as a SARIF 2.1.0 log, which code hosts show beside the lines of a change."""
    return {
        "version": "2.1.0",
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "runs": [
            {
                "tool": {
                    "driver": {
                        "name": "eql-runner",
                        "version": __version__,
                        "rules": [{"id": code} for code in sorted({str(one.code) for one in issues})],
                    }
                },
                "results": [_result(one) for one in issues],
            }
        ],
    }


def _result(one: Issue) -> dict[str, Any]:
    place = {
        "artifactLocation": {"uri": one.path.as_posix()},
        "region": {"startLine": one.line, "startColumn": one.column},
    }
    return {
        "ruleId": str(one.code),
        "level": "note" if one.code is Code.UNSUPPORTED else _LEVELS[one.severity],
        "message": {"text": f"{one.message}. {one.hint}".strip() if one.hint else one.message},
        "locations": [{"physicalLocation": place}],
    }
