"""One rule over one window: search, match, group, build, write; then the record, then the ledger."""

import time
import uuid
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from datetime import datetime

from runner.errors import RunnerError, StateConflict
from runner.execution import alerts, claims, coverage, exceptions, late, late_sequences, matching
from runner.execution.delivery import Delivery
from runner.execution.model import Execution, Failure, RunType, State, Verdict
from runner.execution.recording import TRIES, Recording, failure
from runner.execution.replicas import Replicas
from runner.execution.seams import AlertSink, EventSource, Ledger
from runner.execution.tally import Tally
from runner.query import Kind
from runner.rules.model import Rule
from runner.schedule.plan import Limits, Plan, Task, first_promise, plan, standard_window
from runner.schedule.windows import Window

COUNTED_BACKLOG = 10
"""Beyond the cap, waiting matches are counted up to so many times the cap; a rule that matches all must not read all."""


class Executor:
    """Runs rules over windows. Holds no state of a rule: that is the ledger's. Safe to share between threads.

    Instants are arguments; how long a search took is all that is measured here.
    """

    def __init__(
        self,
        source: EventSource,
        sink: AlertSink,
        ledger: Ledger,
        *,
        limits: Limits | None = None,
        replicas: Replicas | None = None,
        space: str = "default",
    ) -> None:
        self._source = source
        self._sink = sink
        self._ledger = ledger
        self._limits = limits or Limits()
        self._replicas = replicas
        self._space = space
        self._ruleset_hash = ""

    def loaded(self, ruleset_hash: str) -> None:
        """Take the hash of the rules that run from now on; executions and alerts tell it."""
        self._ruleset_hash = ruleset_hash

    def run(self, rule: Rule, now: datetime) -> tuple[Execution, ...]:
        """Search what is due and open for the rule at `now`, and return a record for each window searched.

        At most `max_signals` new alerts are written in all. The first record is always the standard window's; there is
        none when another replica executes the rule. Raises nothing of the outside world: an error is the record's
        verdict and failure.
        """
        try:
            taken = self._taken(rule, now)
        except RunnerError as error:
            return (self._failed(rule, Task(standard_window(rule.schedule, now)), now, error),)
        if taken is None:
            return ()
        state, told = taken
        due = plan(rule.schedule, state.coverage, now, self._limits.after(state.last), state.swept)
        told = (*told, *_told(rule, state, due))
        recording = Recording(self._ledger, rule, state, holds_lease=self._replicas is not None)
        executions: list[Execution] = []
        room = rule.max_signals
        for task in due.tasks:
            if task.run_type is RunType.SWEEP and not _may_sweep(executions):
                break
            execution = self.execute(rule, task, now, room)
            if executions:
                execution = recording.record(execution)
            else:
                execution = replace(execution, notes=(*execution.notes, *told), gaps=due.given_up)
                execution = recording.record(execution, due)
            executions.append(execution)
            room -= execution.created
            # Where one search ran out of time the next would too, and keep other rules from their worker.
            if room <= 0 or execution.verdict in {Verdict.FAILED, Verdict.TIMED_OUT}:
                break
        return tuple(executions)

    def backfill(self, rule: Rule, windows: Sequence[Window], now: datetime) -> Iterator[Execution]:
        """Search the windows one after another, yielding each record; a window is repeated until the cap cuts it no more.

        Each pass writes at most `max_signals` alerts. Ends early at a record that is neither complete nor truncated.
        """
        for window in windows:
            task = Task(window, RunType.BACKFILL)
            recording = Recording(self._ledger, rule, self._line(rule, now), holds_lease=False)
            while True:
                execution = recording.record(self.execute(rule, task, now, rule.max_signals))
                yield execution
                if execution.verdict is not Verdict.TRUNCATED:
                    break
                task = replace(task, after=execution.resume)
            if execution.verdict is not Verdict.COMPLETE:
                return

    def execute(self, rule: Rule, task: Task, now: datetime, room: int) -> Execution:
        """Search one window and write at most `room` new alerts, oldest first. Raises nothing of the outside world."""
        begun = time.monotonic()
        record = self._record_of(rule, task, now)
        rule, notes = exceptions.in_force(rule, now)
        occasion = alerts.Occasion(record.id, task.run_type, now, self._space, self._ruleset_hash)
        delivery = Delivery(rule, self._source, self._sink, occasion, room=room)
        tally = Tally(notes=notes)
        try:
            with self._found(rule, task) as steps:
                for page, matches in steps:
                    tally = delivery.take(matches, tally.searched(page, matches))
                    if tally.waiting >= COUNTED_BACKLOG * rule.max_signals:
                        break
        except RunnerError as error:
            return replace(self._ended(record, tally, begun), verdict=Verdict.FAILED, failure=failure(error))
        return self._ended(record, tally, begun)

    def crashed(self, rule: Rule, now: datetime, error: Exception) -> Execution:
        """Return the record of a run that ended in a fault of ours; it is kept nowhere, and the run's ranges stay open."""
        why = Failure(type(error).__name__, "eql-runner", str(error), "Please report the stack trace in the log.")
        return replace(self._record_of(rule, Task(standard_window(rule.schedule, now)), now), failure=why)

    def _found(self, rule: Rule, task: Task) -> AbstractContextManager[Iterator[matching.Step]]:
        if task.ingested is not None:
            if rule.program.kind is Kind.SEQUENCE:
                longest = self._limits.catch_up_slice
                return late_sequences.over(rule, task.window, task.ingested, self._source, longest)
            pages = self._source.search(late.by_ingestion(rule, task.window), task.ingested, task.after)
            return matching.over(rule, task.window, pages)
        # A sequence's first events may lie before the cut, so a sequence is read whole again.
        after = task.after if rule.program.kind is Kind.EVENT else None
        return matching.over(rule, task.window, self._source.search(rule, task.window, after))

    def _taken(self, rule: Rule, now: datetime) -> tuple[State, tuple[str, ...]] | None:
        """Return the rule's state, taken for this runner, and what to tell of it; None when another replica has it."""
        for _ in range(TRIES):
            state = self._ledger.read(rule)
            if self._replicas is not None and not self._replicas.may_run(rule, state, now):
                return None
            taken, told = self._begun(rule, state, now)
            # Who has moved it meanwhile is another runner, which has the lease by now, or a backfill, which takes none.
            with suppress(StateConflict):
                return (state if taken == state else self._ledger.move(taken)), told
        return None

    def _begun(self, rule: Rule, state: State, now: datetime) -> tuple[State, tuple[str, ...]]:
        """Return the state as a run at `now` begins with it, and what to tell of it."""
        state, told = self._upheld(rule, state, now)
        state = _renewed(state, rule)
        # What is known begins before the first search, so that a crash in it is caught up like any other.
        start = first_promise(rule.schedule, now)
        begun = replace(
            state,
            coverage=coverage.begun(state.coverage, start),
            swept=late.begun(rule, state.swept, start, self._limits),
        )
        return (self._replicas.leased(begun, rule, now) if self._replicas is not None else begun), told

    def _line(self, rule: Rule, now: datetime) -> State:
        """Return the state that a backfill which began at `now` adds to; others may have gone on since then."""
        state = self._ledger.read(rule)
        if state.coverage.query_hash == rule.query_hash:
            return state
        # Where a new line begins depends on what the old one may claim.
        return _renewed(self._upheld(rule, state, now)[0], rule)

    def _upheld(self, rule: Rule, state: State, now: datetime) -> tuple[State, tuple[str, ...]]:
        return claims.upheld(state, now, self._limits.max_catch_up, rule.schedule.lookback(now))

    def _record_of(self, rule: Rule, task: Task, now: datetime) -> Execution:
        return Execution(
            id=str(uuid.uuid4()),
            rule_id=rule.rule_id,
            rule_name=rule.name,
            rule_version=rule.version,
            query_hash=rule.query_hash,
            run_type=task.run_type,
            window=task.window,
            started=now,
            duration=0.0,
            verdict=Verdict.FAILED,
            ruleset_hash=self._ruleset_hash,
            ingested=task.ingested,
        )

    def _ended(self, record: Execution, tally: Tally, begun: float) -> Execution:
        return replace(
            record,
            duration=time.monotonic() - begun,
            verdict=tally.verdict,
            candidates=tally.candidates,
            matched=tally.matched,
            created=len(tally.written.created),
            suppressed=tally.suppressed,
            duplicates=len(tally.written.duplicates),
            rejected=len(tally.written.rejected),
            backlog=tally.waiting,
            requests=tally.requests + tally.written.requests,
            faults=tally.texts,
            notes=tally.notes,
            excepted=tally.excepted,
            resume=tally.resume,
        )

    def _failed(self, rule: Rule, task: Task, now: datetime, error: RunnerError) -> Execution:
        return replace(self._record_of(rule, task, now), failure=failure(error))


def _may_sweep(executions: Sequence[Execution]) -> bool:
    """Tell whether what sweeps rely on was complete: the standard window, and the sweeps of what came in before."""
    relied_on = {RunType.STANDARD, RunType.SWEEP}
    return all(one.verdict is Verdict.COMPLETE for one in executions if one.run_type in relied_on)


def _renewed(state: State, rule: Rule) -> State:
    """Return the state under the rule's query."""
    if state.coverage.query_hash == rule.query_hash:
        return state
    return replace(state, coverage=coverage.renewed(state.coverage, rule.query_hash), swept=late.renewed(state.swept))


def _told(rule: Rule, state: State, due: Plan) -> tuple[str, ...]:
    """Say when the coverage begins anew, for the query is another than that of the last execution; what stays unswept."""
    notes: list[str] = []
    since = state.coverage.since
    if state.last is not None and state.last.query_hash != rule.query_hash and since is not None:
        notes.append(f"what the rule finds has changed: a new line of coverage begins at {since.isoformat()}")
    if due.unswept is not None:
        notes.append(late.unswept_note(due.unswept))
    return tuple(notes)
