"""The composition root: the only place where settings become objects and concrete classes meet.

Each function is what a command does, apart from parsing and printing. All of them raise RunnerError.

    process         what the process is given: time, settings, the person at the keyboard
    rulesets        rules, from where the settings or the command line say
    engines         a source, a sink and a ledger become an executor
    executions      commands that execute and end
    serving         `run`
    installation    what is made in Elasticsearch and Kibana
    reading         alerts, reports, demo and tests, for people
    exceptions, housekeeping, notifying    each put together for the others
"""

from runner.app.engines import connect
from runner.app.executions import (
    backfill,
    log_executions,
    notifications,
    once,
    open_slices,
    states,
    tell,
    warn_of_errors,
    warn_of_unreadable,
)
from runner.app.installation import export_kibana, setup, setup_kibana
from runner.app.process import debugging, now, settings, user
from runner.app.reading import play, report, test, workflow, write_junit
from runner.app.rulesets import rule_paths, rules, runnable, validate
from runner.app.serving import run

__all__ = [
    "backfill",
    "connect",
    "debugging",
    "export_kibana",
    "log_executions",
    "notifications",
    "now",
    "once",
    "open_slices",
    "play",
    "report",
    "rule_paths",
    "rules",
    "run",
    "runnable",
    "settings",
    "setup",
    "setup_kibana",
    "states",
    "tell",
    "test",
    "user",
    "validate",
    "warn_of_errors",
    "warn_of_unreadable",
    "workflow",
    "write_junit",
]
