"""For which rules the dear clauses pay."""

from runner.elastic.costs import REMEMBERED, Costs
from tests.made import rule


def test_a_rule_that_overran_is_remembered_for_some_executions_then_tried_anew():
    costs = Costs()
    assert not costs.dear(rule())
    costs.overrun(rule())
    assert [costs.dear(rule()) for _ in range(REMEMBERED + 1)] == [True] * REMEMBERED + [False]


def test_a_changed_query_is_another_matter():
    costs = Costs()
    costs.overrun(rule())
    assert not costs.dear(rule("process where true"))
