"""How the executions of one run, or of one window of a backfill, reach the ledger, which others move meanwhile.

A state moves only from the version that was read. Who meets another version reads it and joins what he has proven to what
the other has: a search that was whole stays so, whoever else has searched. Not so where another has taken the lease since,
or goes by another query: then nothing is claimed, and what was searched is searched again.
"""

from dataclasses import replace

from runner.errors import RunnerError, StateConflict
from runner.execution import coverage, late
from runner.execution.model import Execution, Failure, RunType, State, Verdict
from runner.execution.seams import Ledger
from runner.rules.model import Rule
from runner.schedule.plan import Plan

TRIES = 5
"""So many versions of a state are met before it is given up: each of them was another's move in between."""


class Recording:
    """What one run knows of its rule, and what the ledger holds of it. `holds_lease`: another's lease ends the run."""

    def __init__(self, ledger: Ledger, rule: Rule, state: State, *, holds_lease: bool) -> None:
        self._ledger = ledger
        self._rule = rule
        self._holds_lease = holds_lease
        self._known = state
        self._held = state

    def record(self, execution: Execution, due: Plan | None = None) -> Execution:
        """Append the record, then move the ledger, with what the plan gives up where this is its first execution.

        If that fails nothing is claimed, and the record returned says so.
        """
        try:
            self._held = self._recorded(execution, due)
        except RunnerError as error:
            return replace(execution, verdict=Verdict.FAILED, failure=failure(error))
        self._known = self._moved(self._known, execution, due)
        return execution

    def _recorded(self, execution: Execution, due: Plan | None) -> State:
        try:
            return self._ledger.record(execution, self._moved(self._held, execution, due))
        except StateConflict as error:
            conflict = error
        for _ in range(TRIES):
            held = self._ledger.read(self._rule)
            if not self._may_join(held):
                break
            try:
                return self._ledger.move(self._moved(held, execution, due))  # the history has the execution already
            except StateConflict as error:
                conflict = error
        raise conflict

    def _may_join(self, held: State) -> bool:
        if self._holds_lease and held.lease != self._held.lease:
            return False
        return held.coverage.query_hash == self._known.coverage.query_hash

    def _moved(self, held: State, execution: Execution, due: Plan | None) -> State:
        """Return the state held after the execution, which knew nothing of what others have moved."""
        gaps = due.given_up if due is not None else ()
        after = replace(
            held,
            coverage=coverage.joined(coverage.given_up(held.coverage, gaps), execution, self._known.coverage),
            last=held.last if execution.run_type is RunType.SWEEP else execution,
        )
        if held.swept != self._known.swept:
            return after  # another sweeps, too: what this one has seen of it is no more than he has
        swept = late.given_up(held.swept, due.unswept if due is not None else None)
        return replace(after, swept=late.moved(swept, execution))


def failure(error: RunnerError) -> Failure:
    """Return an error as a record keeps it."""
    return Failure(type(error).__name__, error.who, str(error), error.hint)
