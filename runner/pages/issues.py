"""Issues: every problem found in rule files, as a compiler prints them."""

from collections import Counter
from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from runner import __version__
from runner.pages import screen
from runner.rules.issues import Issue, IssueSeverity

_STYLES = {IssueSeverity.ERROR: "bold red", IssueSeverity.WARNING: "yellow", IssueSeverity.INFO: "cyan"}
_LEVELS = {IssueSeverity.ERROR: "error", IssueSeverity.WARNING: "warning", IssueSeverity.INFO: "note"}


def page(issues: Sequence[Issue], rules: int) -> RenderableType:
    """Show each issue with its place and its line, then how many rules can run."""
    return Group(*(issue(one) for one in issues), verdict(issues, rules))


def issue(one: Issue) -> Text:
    """Show one issue: place, message, line, caret, and what to do."""
    text = Text.assemble(
        (f"{one.path}:{one.line}:{one.column}: ", "bold"),
        (f"{one.severity}: ", _STYLES[one.severity]),
        screen.safe(one.message),
        (f" [{screen.safe(one.rule_name)}]" if one.rule_name else "", "dim"),
        "\n",
        overflow="fold",
    )
    if one.place.excerpt:
        text.append(f"    {one.place.excerpt}\n    {' ' * (one.place.caret - 1)}", "dim")
        text.append("^\n", _STYLES[one.severity])
    if one.hint:
        text.append(f"    {screen.safe(one.hint)}\n")
    return text


def verdict(issues: Sequence[Issue], rules: int) -> Text:
    """Say how many rules can run, and how many issues there are of each severity."""
    counted = Counter(one.severity for one in issues)
    errors, warnings = counted[IssueSeverity.ERROR], counted[IssueSeverity.WARNING]
    found = [
        screen.plural(number, noun)
        for number, noun in ((errors, "error"), (warnings, "warning"), (counted[IssueSeverity.INFO], "note"))
        if number
    ]
    style = "bold red" if errors else "green"
    return Text.assemble((f"{screen.plural(rules, 'rule')} can run", style), f"; {', '.join(found) or 'no issues'}")


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
        "level": _LEVELS[one.severity],
        "message": {"text": f"{one.message}. {one.hint}".strip() if one.hint else one.message},
        "locations": [{"physicalLocation": place}],
    }
