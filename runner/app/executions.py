"""Execute rules for the commands that end, and show what the ledger holds."""

from collections.abc import Generator, Iterable, Iterator, Sequence
from concurrent.futures import Future
from contextlib import suppress
from datetime import timedelta
from queue import Empty, SimpleQueue
from threading import Event, Thread

from runner import housekeeping, loaded_rules
from runner.app import notifying
from runner.app.process import now
from runner.engine import Engine
from runner.execution.executor import Executor
from runner.execution.model import Execution, State
from runner.execution.rehearsal import Rehearsal
from runner.notify.config import Notifications
from runner.offline.memory import MemoryLedger
from runner.rules.loader import RuleSet
from runner.rules.model import Rule
from runner.schedule.windows import Window, sliced, without
from runner.settings import Settings
from runner.telemetry import logs
from runner.telemetry.execution_log import ExecutionLog

LONGEST_FLUSH = timedelta(seconds=30)
"""How long a command that ends waits for notifications to be sent."""


def warn_of_errors(ruleset: RuleSet) -> None:
    """Log which rules are left out for their errors."""
    loaded_rules.warn_of_errors(logs.logger(), ruleset)


def warn_of_unreadable(engine: Engine, wanted: Sequence[Rule]) -> None:
    """Log which of the rules' indices the account may not read."""
    if warning := housekeeping.unreadable(engine.instruments, wanted):
        logs.logger().warning(warning)


def once(engine: Engine, wanted: Sequence[Rule], workers: int) -> Generator[tuple[Execution, ...], None, None]:
    """Execute each rule once, so many at a time; yield what each did, in the order of the rules.

    A fault of ours is the failure of its rule alone. Closed early, as on Ctrl-C, it leaves what runs to daemon threads,
    which end with the process: that is safe, for coverage moves last.
    """
    waiting: SimpleQueue[tuple[Rule, Future[tuple[Execution, ...]]]] = SimpleQueue()
    futures: list[Future[tuple[Execution, ...]]] = []
    for rule in wanted:
        futures.append(Future())
        waiting.put((rule, futures[-1]))
    stop = Event()

    def work() -> None:
        with suppress(Empty):
            while not stop.is_set():
                rule, future = waiting.get_nowait()
                future.set_result(_run(engine, rule))

    try:
        for number in range(min(workers, len(futures))):
            Thread(target=work, name=f"once-{number}", daemon=True).start()
        for future in futures:
            yield future.result()
    except (KeyboardInterrupt, GeneratorExit):
        logs.logger().warning("stopped: what was still running is left, and its range is searched again the next time")
        raise
    finally:
        stop.set()


def _run(engine: Engine, rule: Rule) -> tuple[Execution, ...]:
    at = now()
    try:
        return engine.executor.run(rule, at)
    except Exception as error:  # noqa: BLE001  # one rule's surprise must not end the others
        ExecutionLog(logs.logger()).crashed(rule, error)
        return (engine.executor.crashed(rule, at, error),)


def notifications(found: Settings, wanted: Sequence[Rule]) -> Notifications | None:
    """Return who is to be told of what these rules find, None where nobody is."""
    return notifying.notifications(found, wanted)


def tell(engine: Engine, wanted: Sequence[Rule], executions: Iterable[Execution]) -> None:
    """Deliver what is to be told, for commands that end; what cannot be sent in time waits for the next one."""
    if engine.dispatch is None:
        return
    engine.dispatch.loaded(wanted)
    engine.dispatch.count(executions)
    engine.dispatch.flush(now() + LONGEST_FLUSH)


def log_executions(executions: Iterable[Execution]) -> None:
    """Log a line for each execution."""
    log = ExecutionLog(logs.logger())
    for execution in executions:
        log.executed(execution)


def states(engine: Engine, wanted: Iterable[Rule]) -> list[tuple[Rule, State]]:
    """Return what the ledger holds of each rule."""
    return [(rule, engine.ledger.read(rule)) for rule in wanted]


def open_slices(engine: Engine, rule: Rule, window: Window, longest: timedelta, *, again: bool) -> list[Window]:
    """Return what of the window is not proven searched (or all of it, `again`), in slices, oldest first."""
    coverage = engine.ledger.read(rule).coverage
    proven = coverage.covered if coverage.query_hash == rule.query_hash and not again else ()
    return sliced(without([window], proven), longest)


def backfill(engine: Engine, rule: Rule, slices: Sequence[Window], *, dry_run: bool) -> Iterator[Execution]:
    """Search the slices; a dry run sees the same events, and writes nothing anywhere."""
    executor = engine.executor
    if dry_run:
        executor = Executor(engine.source, Rehearsal(engine.sink), MemoryLedger())
    return executor.backfill(rule, slices, now())
