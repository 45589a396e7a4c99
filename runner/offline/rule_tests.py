"""Tests of rules: events that a rule must find and events that it must not, in a `.test.toml` beside it.

The events go through the same executor as in production, over memory. The format is described in docs/rule-tests.md.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from runner.execution.executor import Executor
from runner.execution.model import Alert, Verdict
from runner.offline.memory import MemoryLedger, MemorySink, MemorySource, StoredEvent
from runner.offline.rule_test_files import Kind, RuleTest, read
from runner.query import Kind as QueryKind
from runner.rules.issues import Code, Issue, IssueSeverity
from runner.rules.loader import TEST_SUFFIX
from runner.rules.model import Rule
from runner.schedule.windows import Window

_INDEX = "rule-test"
_FIRST = datetime(2026, 1, 1, tzinfo=UTC)  # the time of a first event that has none
_ALWAYS = Window(datetime(1970, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC))

Found = tuple[tuple[int, ...], ...]


@dataclass(frozen=True, slots=True)
class Result:
    """What became of one test; `reason` says why it failed."""

    rule: Rule
    test: RuleTest
    reason: str = ""

    @property
    def passed(self) -> bool:
        return not self.reason


@dataclass(frozen=True, slots=True)
class Report:
    """All results, and the issues of test files (a rule without one is an info)."""

    results: tuple[Result, ...] = ()
    issues: tuple[Issue, ...] = ()

    @property
    def failed(self) -> tuple[Result, ...]:
        """The results of the tests that did not pass."""
        return tuple(result for result in self.results if not result.passed)

    @property
    def ok(self) -> bool:
        """Tell whether every test of every file could be read, and passed."""
        return not self.failed and not any(issue.is_error for issue in self.issues)


def run(rules: Iterable[Rule]) -> Report:
    """Run the tests of all rules."""
    results: list[Result] = []
    issues: list[Issue] = []
    for rule in rules:
        path = tests_of(rule)
        if path is None or not path.is_file():
            issues.append(_untested(rule, path))
            continue
        tests, found = read(path)
        issues += (replace(issue, rule_id=rule.rule_id, rule_name=rule.name) for issue in found)
        results += (Result(rule, test, outcome(rule, test)) for test in tests)
    return Report(tuple(results), tuple(issues))


def tests_of(rule: Rule) -> Path | None:
    """Return where the rule's tests lie: beside its TOML file; rules of an export have none."""
    return rule.path.with_suffix(TEST_SUFFIX) if rule.path and rule.path.suffix == ".toml" else None


def outcome(rule: Rule, test: RuleTest) -> str:
    """Run one test; return why it failed, or an empty text."""
    found, failure = _searched(rule, test.events)
    if failure:
        return failure
    if test.expect is not None:
        return "" if found == test.expect else f"expected alerts of events {_told(test.expect)}, found {_told(found)}"
    if test.kind is Kind.NO_MATCH:
        return f"must not match, but there are alerts of events {_told(found)}" if found else ""
    if rule.program.kind is not QueryKind.EVENT:
        return "" if found else "must match, but there is no alert"
    missed = [number for number in range(1, len(test.events) + 1) if (number,) not in found]
    return f"must match, but there is no alert of event {_listed(missed)}" if missed else ""


def _searched(rule: Rule, events: Sequence[Mapping[str, Any]]) -> tuple[Found, str]:
    """Return the events of each alert, by their numbers from 1, or why the search failed."""
    # Tests are of the query: what one site excepts, or groups, is no part of it.
    rule = replace(rule, index=(_INDEX,), exceptions=(), suppression=None)
    stored = [StoredEvent(_INDEX, str(number), _timed(rule, event, number)) for number, event in enumerate(events, 1)]
    sink = MemorySink()
    executor = Executor(MemorySource(stored), sink, MemoryLedger())
    for execution in executor.backfill(rule, [_ALWAYS], _ALWAYS.end):
        if execution.verdict not in {Verdict.COMPLETE, Verdict.TRUNCATED}:
            text = execution.failure.text if execution.failure else "; ".join(execution.faults)
            return (), f"the search ended as {execution.verdict}: {text}"
    whole = [alert for alert in sink.alerts if alert.document.get("kibana.alert.building_block_type") != "default"]
    blocks_only = rule.building_block_type is not None
    return tuple(_numbers(alert) for alert in (sink.alerts if blocks_only else whole)), ""


def _numbers(alert: Alert) -> tuple[int, ...]:
    """Return the numbers of the events that an alert is about; its own building blocks are ancestors too."""
    ancestors = alert.document["kibana.alert.ancestors"]
    return tuple(int(ancestor["id"]) for ancestor in ancestors if ancestor["index"] == _INDEX)


def _timed(rule: Rule, event: Mapping[str, Any], number: int) -> Mapping[str, Any]:
    """Return the event with a time, a second after the one before it, where it tells none."""
    moment = (_FIRST + timedelta(seconds=number)).isoformat()
    return event if rule.timestamp_field in event else {rule.timestamp_field: moment, **event}


def _untested(rule: Rule, path: Path | None) -> Issue:
    hint = f"write events that must and must not match into {path.name}" if path else ""
    message = "the rule has no tests"
    where = rule.path or Path(rule.rule_id)
    return Issue(
        IssueSeverity.INFO, Code.UNTESTED, message, where, hint=hint, rule_id=rule.rule_id, rule_name=rule.name
    )


def _told(found: Found) -> str:
    return f"[{', '.join(f'[{_listed(numbers)}]' for numbers in found)}]"


def _listed(numbers: Iterable[int]) -> str:
    return ", ".join(map(str, numbers))
