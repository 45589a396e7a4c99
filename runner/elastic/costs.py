"""What the searches of a rule must ask for, learnt from search to search."""

import threading
from typing import TypeAlias

from runner.rules.model import Rule

REMEMBERED = 12
"""Executions until the cheap clauses are tried again: what a rule's indices hold changes with the hours."""

_Key: TypeAlias = tuple[str, str, str]


class Costs:
    """Remembers what pays, or must be paid for, rule by rule. Shared by threads; forgotten when the process ends."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._left: dict[_Key, int] = {}
        self._thorough: dict[_Key, frozenset[str]] = {}

    def dear(self, rule: Rule) -> bool:
        """Tell whether to push the rule's dear clauses at once; counts one execution."""
        key = _key(rule)
        with self._lock:
            left = self._left.pop(key, 0)
            if left > 1:
                self._left[key] = left - 1
            return left > 0

    def overrun(self, rule: Rule) -> None:
        """Note that the cheap clauses kept too many events."""
        with self._lock:
            self._left[_key(rule)] = REMEMBERED

    def thorough(self, rule: Rule) -> frozenset[str]:
        """Return the fields to read from the source and the index at once, since either alone was found wanting."""
        with self._lock:
            return self._thorough.get(_key(rule), frozenset())

    def untold(self, rule: Rule, paths: frozenset[str]) -> None:
        """Note fields that were not told whole."""
        with self._lock:
            self._thorough[_key(rule)] = self._thorough.get(_key(rule), frozenset()) | paths


def _key(rule: Rule) -> _Key:
    """Return what is the same in all searches of a rule; a sweep's filters are others each time."""
    return rule.rule_id, rule.query, rule.range_field
