"""A ledger that tells what it holds: so metrics know coverage, backlog and gaps without asking the cluster again."""

from collections.abc import Callable

from runner.execution.model import Execution, State
from runner.execution.seams import Ledger
from runner.rules.model import Rule


class WatchedLedger:
    """Passes everything on to a ledger, and each state that comes back to `moved`."""

    def __init__(self, ledger: Ledger, moved: Callable[[State], None]) -> None:
        self._ledger = ledger
        self._moved = moved

    def read(self, rule: Rule) -> State:
        """Return the rule's state."""
        return self._told(self._ledger.read(rule))

    def record(self, execution: Execution, state: State) -> State:
        """Append the execution, then move the state. Raises StateConflict."""
        return self._told(self._ledger.record(execution, state))

    def move(self, state: State) -> State:
        """Move the state alone. Raises StateConflict."""
        return self._told(self._ledger.move(state))

    def _told(self, state: State) -> State:
        self._moved(state)
        return state
