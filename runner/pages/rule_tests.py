"""Tests of rules: what passed, what did not and why, and which rules have none."""

from collections.abc import Sequence
from typing import Any

from rich.console import Group, RenderableType
from rich.text import Text

from runner.offline.rule_tests import Report, Result
from runner.pages import issues, screen
from runner.rules.issues import Code, Issue
from runner.wording import plural


def page(report: Report, errors: Sequence[Issue] = ()) -> RenderableType:
    """Show each rule with its tests, the problems of test files, and the sum; `errors` are those of the rules themselves."""
    problems = [issue for issue in report.issues if issue.code is not Code.UNTESTED]
    untested = len(report.issues) - len(problems)
    return Group(
        *(_rule(results) for results in _by_rule(report.results)),
        *(issues.issue(problem) for problem in problems),
        _sum(report, untested, len(errors)),
    )


def as_json(report: Report, errors: Sequence[Issue] = ()) -> dict[str, Any]:
    """Return the report as plain JSON values."""
    return {
        "ok": report.ok,
        "results": [
            {
                "rule_id": result.rule.rule_id,
                "rule_name": result.rule.name,
                "test": result.test.name,
                "path": str(result.test.path),
                "line": result.test.line,
                "passed": result.passed,
                "reason": result.reason,
            }
            for result in report.results
        ],
        "issues": [issue.as_dict() for issue in (*report.issues, *errors)],
    }


def _by_rule(results: Sequence[Result]) -> list[list[Result]]:
    grouped: dict[str, list[Result]] = {}
    for result in results:
        grouped.setdefault(result.rule.rule_id, []).append(result)
    return list(grouped.values())


def _rule(results: Sequence[Result]) -> Text:
    text = Text.assemble((screen.safe(results[0].rule.name), "bold"), "\n")
    for result in results:
        text.append("  ✓ " if result.passed else "  ✗ ", "green" if result.passed else "bold red")
        text.append(screen.safe(result.test.name))
        if not result.passed:
            text.append(f"\n    {result.test.path}:{result.test.line}: {screen.safe(result.reason)}", "red")
        text.append("\n")
    return text


def _sum(report: Report, untested: int, errors: int) -> Text:
    failed = len(report.failed)
    passed = len(report.results) - failed
    text = Text.assemble((f"{plural(passed, 'test')} passed", "green" if report.ok else ""))
    text.append(f", {failed:,} failed", "bold red" if failed else "")
    if untested:
        text.append(f"; {plural(untested, 'rule has', 'rules have')} no tests", "dim")
    if errors:
        told = f"{plural(errors, 'error')} in the rules themselves: `eql-runner validate` shows each"
        text.append(f"\n{told}", "red")
    return text
