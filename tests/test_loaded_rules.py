"""Which rules may take the place of those in force: any without an error that was not there before."""

from pathlib import Path

import pytest

from runner.loaded_rules import LoadedRules
from runner.rules.issues import Code, Issue, IssueSeverity, Place
from runner.rules.loader import RuleSet, load
from runner.telemetry import logs
from runner.telemetry.health import Health
from runner.telemetry.metrics import Metrics
from tests.made import minute, rule
from tests.rules.rule_text import RULE


def in_force(ruleset):
    found = LoadedRules(logs.logger(), Metrics(lambda: minute(0)), Health(lambda: minute(0)))
    found.take(ruleset)
    return found


def error(message="unknown function `f`", code=Code.QUERY, path="bad.toml", rule_id="bad", line=1):
    return Issue(IssueSeverity.ERROR, code, message, Path(path), Place(line), rule_id=rule_id)


KNOWN = error()
CHANGES = {
    "none": ([KNOWN], False),
    "its line": ([error(line=7)], False),
    "what it says": ([error("unknown function `g`")], False),
    "it is mended": ([], False),
    "another kind": ([error(code=Code.VALUE)], True),
    "another rule of the file": ([error(rule_id="other")], True),
    "another file": ([error(path="other.toml")], True),
    "one more": ([KNOWN, error(path="other.toml", rule_id="other")], True),
    "one more of its kind": ([KNOWN, error("unknown function `g`")], True),
}


@pytest.mark.parametrize(("after", "refused"), CHANGES.values(), ids=CHANGES)
def test_rules_are_refused_for_an_error_that_was_not_there_before(after, refused):
    rules = (rule(),)
    assert in_force(RuleSet(rules, (KNOWN,))).refuses(RuleSet(rules, tuple(after))) is refused


def test_an_error_whose_message_names_a_line_is_known_when_the_line_moves(tmp_path):
    first = tmp_path / "a.toml"
    for path in (first, tmp_path / "b.toml"):
        path.write_text(RULE)
    subject = in_force(load([tmp_path]))
    first.write_text("# a note\n" + RULE)
    again = load([tmp_path])
    assert [issue.code for issue in again.errors] == [Code.DUPLICATE]
    assert not subject.refuses(again)
