"""An executor with what it works on, as `app` puts it together and the commands use it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from runner.execution.executor import Executor
from runner.execution.replicas import Replicas
from runner.execution.seams import AlertSink, EventSource, Ledger
from runner.housekeeping import Instruments
from runner.notify.dispatch import Dispatch
from runner.rules.model import Rule


@dataclass(frozen=True)
class Engine:
    """Executes rules against one cluster, until closed.

    `cluster` names it and `backend` says how it is searched, both for messages. `probe` asks whether the cluster answers,
    and raises RunnerError if it does not. `replicas` is None where the engine shares the rules with no other runner.
    `instruments` are for what is looked after beside the rules. `dispatch` delivers notifications, and `reroute` reads anew who
    is told of what these rules find: None where nobody is to be told of alerts.
    """

    executor: Executor
    source: EventSource
    sink: AlertSink
    ledger: Ledger
    cluster: str
    backend: str
    replicas: Replicas | None
    instruments: Instruments
    probe: Callable[[], None]
    close: Callable[[], None]
    dispatch: Dispatch | None = None
    reroute: Callable[[Sequence[Rule]], None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self.dispatch is not None:
            self.dispatch.close()
        self.close()
