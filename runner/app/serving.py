"""`eql-runner run`: the service, its signals, and the files that it watches."""

import signal
from collections.abc import Callable
from datetime import timedelta
from threading import Event, Thread
from types import FrameType

from runner.app.engines import _probe, connect
from runner.app.executions import notifications
from runner.app.process import now
from runner.app.rulesets import rule_paths, rules, runnable
from runner.elastic.client import Client
from runner.engine import Engine
from runner.execution.model import State
from runner.notify.config import Notifications
from runner.rules import watch
from runner.rules.loader import watched
from runner.service import Service
from runner.settings import Settings
from runner.telemetry import logs


def run(found: Settings) -> None:
    """Run the scheduler until SIGTERM or SIGINT; SIGHUP, or a changed file, reads rules and notifications again."""
    stop, hangup = Event(), Event()
    _on_signals(stop, hangup)  # before the files are read, which may take a while
    told_of = (found.notifications_path,) if found.notifications_path else ()
    seen = {path: watch.stamps(path) for path in (*watched(rule_paths(found), found.exceptions_path), *told_of)}
    ruleset = runnable(found)
    told = notifications(found, ruleset.rules)
    running = Service(
        found,
        logs.logger(),
        now,
        load=lambda: rules(found),
        connect=lambda moved: _connect_soon(found, stop, moved, told),
        stop=stop,
        hangup=hangup,
    )
    for path in seen if found.watch_rules else ():
        Thread(target=watch.watch, args=(path, seen[path], stop, hangup.set), name="rules-watch", daemon=True).start()
    running.run(ruleset)


def _connect_soon(found: Settings, stop: Event, moved: Callable[[State], None], told: Notifications | None) -> Engine:
    """Connect, or say within seconds why not: the service waits and tries again by itself."""
    hasty = Client.connect(found.model_copy(update={"retry_deadline": timedelta(seconds=1)}), stop)
    try:
        _probe(hasty)
    finally:
        hasty.close()
    return connect(found, stop, moved, shared=True, told=told)


def _on_signals(stop: Event, hangup: Event) -> None:
    """Stop on the first SIGTERM or SIGINT; a second one ends the process at once."""

    def stopping(number: int, _frame: FrameType | None) -> None:
        signal.signal(number, signal.SIG_DFL)
        stop.set()

    signal.signal(signal.SIGTERM, stopping)
    signal.signal(signal.SIGINT, stopping)
    if hasattr(signal, "SIGHUP"):
        signal.signal(signal.SIGHUP, lambda _number, _frame: hangup.set())
