"""What a live mapping tells of a rule, with its place."""

import pytest

from runner.query.types import FieldType, from_names
from runner.rules.issues import Code, IssueSeverity
from runner.rules.loader import load
from runner.rules.mapping_lint import Mapped, mapping_lint
from tests.rules.rule_text import RULE, with_line, written

TYPES = {
    "@timestamp": FieldType(frozenset({"date"})),
    "event.category": FieldType(frozenset({"keyword"})),
    "process.name": FieldType(frozenset({"keyword"})),
    "process.pid": FieldType(frozenset({"long"})),
    "process.args_count": FieldType(frozenset({"long"})),
}
ERROR, WARNING, INFO = IssueSeverity


def told(folder, text, types=TYPES, empty=()):
    """The issues that come from the mapping: severity, line, column, message, hint."""
    path = written(folder, text)
    mapped = Mapped(types, empty, lambda: sorted(types))
    found = load([path], asked=lambda draft, rule: mapping_lint(draft, rule, mapped)).issues
    return [(one.severity, one.line, one.column, one.message, one.hint) for one in found if one.code is Code.MAPPING]


def query(condition):
    return RULE.replace('process.name == "evil"', condition)


def test_a_rule_that_fits_its_mapping_is_told_nothing(tmp_path):
    assert told(tmp_path, query('process.name == "evil" and process.pid > 4 and ?process.nme == null')) == []


def test_all_unknown_fields_are_told_at_their_places_with_the_nearest_names(tmp_path):
    first, second = told(tmp_path, query('process.nam == "evil" and process.arg_count == 2 and process.nam != "x"'))

    assert first[:3] == (WARNING, 17, 15)
    assert first[3] == "`process.nam` is mapped in none of logs-*, auditbeat-*: no event can have a value there"
    assert first[4].startswith("did you mean `process.name`")
    assert second[:3] == (WARNING, 17, 41)
    assert "did you mean `process.args_count`" in second[4]


@pytest.mark.parametrize(
    ("condition", "columns"),
    [
        ('process.pid : "4*"', [15]),
        ('process.pid : "4*" and length(process.pid) > 1', [15, 45]),
        ('process.name + 1 == 2 or process.pid like "4"', [15, 40]),
    ],
)
def test_all_types_that_do_not_fit_are_errors(tmp_path, condition, columns):
    found = told(tmp_path, query(condition))

    assert [(one[0], one[2]) for one in found] == [(ERROR, column) for column in columns]
    assert all("the EQL API refuses this query" in one[3] for one in found)


@pytest.mark.parametrize(
    ("condition", "columns"),
    [('process.pid == "x" or "y" > process.pid', [30, 37]), ('process.pid == "5" or process.name == "x"', [])],
)
def test_a_number_compared_with_a_text_that_is_none_is_told(tmp_path, condition, columns):
    found = told(tmp_path, query(condition))

    assert [(one[0], one[2]) for one in found] == [(WARNING, column) for column in columns]
    assert all(one[3].startswith("`process.pid` is a number in") for one in found)


def test_patterns_without_an_index_are_named(tmp_path):
    ((severity, line, _, message, _),) = told(tmp_path, RULE, empty=("auditbeat-*",))

    assert (severity, line, message) == (INFO, 8, "no index matches auditbeat-*")


def test_where_no_pattern_has_an_index_nothing_else_is_told(tmp_path):
    ((severity, _, _, message, _),) = told(tmp_path, RULE, {}, empty=("logs-*", "auditbeat-*"))

    assert (severity, message) == (WARNING, "no index matches logs-*, auditbeat-*: there is nothing to search")


@pytest.mark.parametrize(
    ("types", "severity", "says"),
    [
        ({}, WARNING, "events are found by @timestamp alone"),
        ({"event.ingested": "keyword"}, ERROR, "is of type keyword, and no date"),
        ({"event.ingested": "date"}, None, ""),
        ({"event.ingested": "date_nanos"}, None, ""),
    ],
)
def test_the_clock_must_be_a_date(tmp_path, types, severity, says):
    text = with_line("interval", 'interval = "5m"\ntimestamp_override = "event.ingested"')
    found = told(tmp_path, text, TYPES | from_names(types))

    assert [one[0] for one in found] == ([severity] if severity else [])
    assert all(says in one[3] for one in found)


def test_a_category_that_is_nowhere_matches_nothing(tmp_path):
    types = {path: known for path, known in TYPES.items() if path != "event.category"}
    ((severity, _, _, message, _),) = told(tmp_path, RULE, types)

    assert severity is WARNING
    assert message.startswith("`event.category`, the field of the category, is mapped in none")
