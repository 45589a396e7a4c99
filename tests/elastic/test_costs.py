"""For which rules the dear clauses pay."""

from runner.elastic.costs import REMEMBERED, Costs
from runner.execution.late import by_ingestion
from runner.schedule.windows import Window
from tests.made import minute, rule


def test_a_rule_that_overran_is_remembered_for_some_executions_then_tried_anew():
    costs = Costs()
    assert not costs.dear(rule())
    costs.overrun(rule())
    assert [costs.dear(rule()) for _ in range(REMEMBERED + 1)] == [True] * REMEMBERED + [False]


def test_a_changed_query_is_another_matter():
    costs = Costs()
    costs.overrun(rule())
    assert not costs.dear(rule("process where true"))


def test_what_one_sweep_has_learnt_the_next_knows_though_it_asks_for_other_times():
    costs = Costs()
    first, second = (by_ingestion(rule(), Window(minute(at), minute(at + 5))) for at in (0, 5))
    costs.untold(first, frozenset({"host.name"}))
    assert costs.thorough(second) == {"host.name"}
    assert costs.thorough(rule()) == frozenset()
