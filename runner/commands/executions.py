"""`eql-runner once` and `eql-runner backfill`: rules are executed, now or over a range of the past."""

from contextlib import closing
from datetime import timedelta
from typing import Annotated

import typer

from runner import app, arguments
from runner.commands.exit_codes import INCOMPLETE, OK
from runner.commands.options import Json, Names
from runner.execution.model import Execution, Verdict
from runner.pages import executions as page
from runner.pages import screen

BACKFILL_SLICE = timedelta(hours=1)


def once(
    names: Names = None,
    as_json: Json = False,
    log: Annotated[
        bool, typer.Option("--log", help="Log a line for each execution instead of printing a page.")
    ] = False,
) -> None:
    """Execute rules once, now: for cron, Kubernetes CronJobs and a first try.

    Exit code 0: all complete. 1: some execution is not. 2: could not run.
    """
    settings = app.settings(quiet=not log)
    ruleset = app.runnable(settings)
    wanted = arguments.chosen(ruleset, names or ())
    if not names:
        app.warn_of_errors(ruleset)
    executions: list[Execution] = []
    told = app.notifications(settings, ruleset.rules)
    with app.connect(settings, told=told) as engine:
        engine.executor.loaded(ruleset.hash)
        app.warn_of_unreadable(engine, wanted)
        with closing(app.once(engine, wanted, settings.workers)) as running, screen.progress(shown=not log) as progress:
            for done in progress.track(running, len(wanted), description="Executing"):
                executions += done
                if log:
                    app.log_executions(done)
        app.tell(engine, wanted, executions)
    if as_json:
        screen.show_json([page.as_json(execution) for execution in executions])
    elif not log:
        screen.show(page.page(executions))
    raise typer.Exit(INCOMPLETE if any(execution.verdict is not Verdict.COMPLETE for execution in executions) else OK)


def backfill(
    names: Annotated[list[str], typer.Argument(metavar="RULE", help="Rules, by id, name or file.")],
    start: Annotated[str, typer.Option("--from", help="Where to begin: ISO 8601 (UTC), or date math such as now-7d.")],
    end: Annotated[str, typer.Option("--to", help="Where to end, not included.")] = "now",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Search, and write nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Search also what is proven searched already.")] = False,
    as_json: Json = False,
) -> None:
    """Search a range of the past. Adds nothing twice; when cut short, the same command goes on where it ended.

    Exit code 0: all complete. 1: some execution is not. 2: could not run.
    """
    settings = app.settings()
    window = arguments.past(start, end, app.now())
    ruleset = app.runnable(settings)
    wanted = arguments.chosen(ruleset, names)
    executions: list[Execution] = []
    told = None if dry_run else app.notifications(settings, ruleset.rules)
    with app.connect(settings, setup=not dry_run, told=told) as engine:
        engine.executor.loaded(ruleset.hash)
        app.warn_of_unreadable(engine, wanted)
        for rule in wanted:
            slices = app.open_slices(engine, rule, window, BACKFILL_SLICE, again=again)
            with screen.progress() as progress:
                bar = progress.add_task(rule.name, total=len(slices))
                for execution in app.backfill(engine, rule, slices, dry_run=dry_run):
                    executions.append(execution)
                    progress.advance(bar, execution.verdict is Verdict.COMPLETE)
        app.tell(engine, wanted, ())
    if as_json:
        screen.show_json([page.as_json(execution) for execution in executions])
    else:
        screen.show(page.backfill(executions, dry_run=dry_run))
    wrong = {execution.verdict for execution in executions} - {Verdict.COMPLETE, Verdict.TRUNCATED}
    raise typer.Exit(INCOMPLETE if wrong else OK)
