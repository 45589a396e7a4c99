"""For which rules the cheap clauses of the prefilter keep too many events, learnt from execution to execution."""

import threading

from runner.rules.model import Rule

REMEMBERED = 12
"""Executions until the cheap clauses are tried again: what a rule's indices hold changes with the hours."""


class Costs:
    """Remembers the rules whose dear clauses pay. Shared by threads; forgotten when the process ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[tuple[str, str], int] = {}

    def dear(self, rule: Rule) -> bool:
        """Tell whether to push the rule's dear clauses at once; counts one execution."""
        key = (rule.rule_id, rule.query_hash)
        with self._lock:
            left = self._left.pop(key, 0)
            if left > 1:
                self._left[key] = left - 1
            return left > 0

    def overrun(self, rule: Rule) -> None:
        """Note that the cheap clauses kept too many events."""
        with self._lock:
            self._left[rule.rule_id, rule.query_hash] = REMEMBERED
