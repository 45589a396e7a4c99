"""`once`: each rule by itself, in the order of the rules, and no waiting for what Ctrl-C has left."""

import signal
import threading
import time
from contextlib import closing
from types import SimpleNamespace

import pytest

from runner.app.executions import once
from runner.execution.executor import Executor
from runner.execution.model import Verdict
from runner.offline.memory import MemoryLedger, MemorySink, MemorySource
from tests.made import rule


class Odd(Executor):
    """An executor that does something else for some rules."""

    def __init__(self, **odd):
        super().__init__(MemorySource(), MemorySink(), MemoryLedger())
        self.odd = odd
        self.begun = []

    def run(self, rule, now):
        self.begun.append(rule.rule_id)
        self.odd.get(rule.rule_id, lambda: None)()
        return super().run(rule, now)


def fail():
    raise TypeError("a surprise")


RULES = [rule(rule_id=name) for name in "abcd"]


@pytest.mark.parametrize("workers", [1, 3, 9])
def test_a_fault_of_ours_is_the_failure_of_its_rule_alone(workers):
    engine = SimpleNamespace(executor=Odd(b=fail))
    executions = [execution for run in once(engine, RULES, workers) for execution in run]
    assert [(one.rule_id, one.verdict is Verdict.COMPLETE) for one in executions] == [
        ("a", True),
        ("b", False),
        ("c", True),
        ("d", True),
    ]
    failure = executions[1].failure
    assert (failure.kind, failure.who, failure.text) == ("TypeError", "eql-runner", "a surprise")


def test_after_ctrl_c_nothing_is_waited_for_and_nothing_more_begins():
    hanging = threading.Event()

    def interrupted():
        signal.pthread_kill(threading.main_thread().ident, signal.SIGINT)
        hanging.wait(60)

    engine = SimpleNamespace(executor=Odd(b=interrupted))
    begun = time.monotonic()
    try:
        with pytest.raises(KeyboardInterrupt), closing(once(engine, RULES, 1)) as running:
            list(running)
        assert time.monotonic() - begun < 30
    finally:
        hanging.set()
    deadline = time.monotonic() + 10
    while any(thread.name.startswith("once-") for thread in threading.enumerate()):
        assert time.monotonic() < deadline
    assert engine.executor.begun == ["a", "b"]
