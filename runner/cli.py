"""The command line: parse, call `app`, print a page. Every error becomes a message, and one of three exit codes."""

import platform
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from runner import __version__, app, arguments
from runner.commands import alerts, exceptions, executions, notify
from runner.commands.exit_codes import INCOMPLETE, OK, UNUSABLE
from runner.commands.group import Group
from runner.commands.options import Json, Names
from runner.errors import OperatorError, RunnerError
from runner.pages import coverage as coverage_page
from runner.pages import demo as demo_page
from runner.pages import issues as issues_page
from runner.pages import rule_tests as rule_tests_page
from runner.pages import rules as rules_page
from runner.pages import screen, streams
from runner.pages import settings as settings_page
from runner.wording import plural

cli = Group(
    name="eql-runner",
    help="Run Elastic's detection rules beside an Elastic stack, and prove what has been searched.",
    epilog="Settings come from RUNNER_* variables or a file .env; .env.example describes each of them.",
    add_completion=False,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)

cli.add_typer(alerts.cli)
cli.add_typer(notify.cli)

Paths = Annotated[
    list[Path] | None,
    typer.Argument(metavar="PATH", help="Files or folders; none: RUNNER_RULES_PATH, else the shipped rules."),
]


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command and return its exit code."""
    streams.plug()
    try:
        cli(args=arguments, prog_name="eql-runner")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else UNUSABLE
    except RunnerError as error:
        _complain(str(error), error.hint)
        return UNUSABLE
    except streams.Unwritten as lost:
        if not lost.unread:  # else there is nobody to tell
            _complain(str(lost))
        return INCOMPLETE
    except Exception as error:
        if app.debugging():
            raise
        _complain(
            f"an error of eql-runner itself: {type(error).__name__}: {error}",
            "RUNNER_LOG_LEVEL=debug shows the stack trace; please report it.",
        )
        return UNUSABLE
    return OK


@cli.command(epilog="Example: RUNNER_ELASTICSEARCH_URL=https://es:9200 RUNNER_API_KEY=... eql-runner run")
def run() -> None:
    """Run all rules, each on its own interval, until SIGTERM or Ctrl-C.

    Serves /healthz, /readyz and /metrics. SIGHUP reads rules and notifications again.
    """
    app.run(app.settings(quiet=False))


cli.command(epilog="Example: eql-runner once 'Pod or Container Creation with Suspicious Command-Line'")(executions.once)


@cli.command(epilog="Example: eql-runner validate rules/ --sarif > issues.sarif")
def validate(
    paths: Paths = None,
    as_json: Json = False,
    sarif: Annotated[bool, typer.Option("--sarif", help="Print SARIF, for code hosts.")] = False,
    cluster: Annotated[
        bool, typer.Option("--cluster", help="Look the fields and indices of the rules up in the cluster, too.")
    ] = False,
) -> None:
    """Check rule files: every problem of every file, with its place and what to do.

    Exit code 0: no errors; a rule of a type that cannot run yet is none. 1: some. 2: no rule can run.
    """
    if sarif and as_json:
        raise OperatorError("--json and --sarif are both given", "Keep one of them.")
    ruleset = app.validate(paths or (), cluster=cluster)
    if sarif:
        screen.show_json(issues_page.sarif(ruleset.issues))
    elif as_json:
        screen.show_json({"rules": len(ruleset.rules), "issues": [issue.as_dict() for issue in ruleset.issues]})
    else:
        screen.show(issues_page.page(ruleset.issues, len(ruleset.rules)), soft_wrap=not sys.stdout.isatty())
    raise typer.Exit(UNUSABLE if not ruleset.rules else OK if ruleset.sound else INCOMPLETE)


@cli.command(epilog="Example: eql-runner test rules/ --junit results.xml")
def test(
    paths: Paths = None,
    junit: Annotated[Path | None, typer.Option(help="Write the results there as JUnit XML.")] = None,
    as_json: Json = False,
) -> None:
    """Run the tests beside rules: events that must match and events that must not. Needs no cluster.

    Exit code 0: all passed. 1: some did not, or a rule has errors. 2: no rule can run.
    """
    ruleset, report = app.test(paths or ())
    if junit:
        app.write_junit(junit, report)
    if as_json:
        screen.show_json(rule_tests_page.as_json(report, ruleset.errors))
    else:
        screen.show(rule_tests_page.page(report, ruleset.errors))
    raise typer.Exit(UNUSABLE if not ruleset.rules else OK if report.ok and ruleset.sound else INCOMPLETE)


@cli.command(epilog="Example: eql-runner rules --json | jq -r '.[].name'")
def rules(paths: Paths = None, as_json: Json = False) -> None:
    """List the rules: what runs, how often, over which range and indices, and what cannot run.

    Exit code 0: some can run. 2: none can.
    """
    ruleset = app.validate(paths or ())
    left_out = [issue for issue in ruleset.issues if issue.is_error]
    if as_json:
        screen.show_json(rules_page.as_json(ruleset.rules, left_out, app.now()))
    else:
        screen.show(rules_page.page(ruleset.rules, left_out))
    raise typer.Exit(OK if ruleset.rules else UNUSABLE)


@cli.command(epilog="Example: eql-runner setup --kibana")
def setup(
    kibana: Annotated[
        bool, typer.Option("--kibana", help="Import data views and a dashboard into Kibana too.")
    ] = False,
    export: Annotated[Path | None, typer.Option(help="Only write what Kibana needs, to import it by hand.")] = None,
    as_json: Json = False,
) -> None:
    """Make the index templates, indices and aliases, where they lack. May be repeated, and run from two places."""
    settings = app.settings()
    done = app.export_kibana(settings, export) if export else app.setup(settings)
    try:
        done += app.setup_kibana(settings) if kibana and not export else []
    finally:  # what is done in Elasticsearch is done, even where Kibana takes nothing
        if as_json:
            screen.show_json(done)
        else:
            screen.show(Text("\n".join(done) or "everything was there already"), soft_wrap=True)


@cli.command(epilog="Example: eql-runner coverage --over 7d")
def coverage(
    names: Names = None,
    over: Annotated[str, typer.Option(help="How far back the timeline goes.")] = "24h",
    as_json: Json = False,
) -> None:
    """Show what is proven searched: until when, the lag, gaps, and what waits."""
    settings = app.settings()
    span = arguments.duration(over)
    wanted = arguments.chosen(app.rules(settings), names or ())
    with app.connect(settings, setup=False) as engine:
        states = app.states(engine, wanted)
    if as_json:
        screen.show_json([coverage_page.as_json(rule, state, app.now()) for rule, state in states])
    else:
        screen.show(coverage_page.page(states, app.now(), span))


cli.command(
    epilog="Example: eql-runner backfill c595363f-52a6-49e1-9257-0e08ae043dbd --from now-7d --to now-1d --dry-run"
)(executions.backfill)
cli.command(epilog="Example: eql-runner exceptions --over 90d --unused")(exceptions.exceptions)


@cli.command(epilog="Example: eql-runner demo --output alerts.ndjson")
def demo(
    output: Annotated[Path, typer.Option(help="Where the alert documents are written, one JSON a line.")] = Path(
        "demo-alerts.ndjson"
    ),
) -> None:
    """Play a simulated hour in memory: late events, a burst, downtime; show the alerts, and that none is missed or twice.

    Needs no cluster and no settings. Exit code 1: an alert is missing or doubled.
    """
    played = app.play(output)
    screen.show(demo_page.page(played, output))
    raise typer.Exit(INCOMPLETE if played.missed or played.repeated else OK)


@cli.command(epilog="Example: eql-runner report demo-alerts.ndjson --output alerts.html")
def report(
    files: Annotated[
        list[Path] | None,
        typer.Argument(metavar="FILE", help="Alerts as NDJSON: of the demo, or an export; none: the alerts index."),
    ] = None,
    output: Annotated[Path, typer.Option("--output", "--out", help="The page to write.")] = Path("alerts.html"),
    since: Annotated[
        str | None, typer.Option(help="Only alerts made within this time, such as 24h (the index's default) or 7d.")
    ] = None,
) -> None:
    """Write one HTML page of alerts, to filter and read without Kibana. It needs nothing else, and loads nothing."""
    count = app.report(files or (), output, arguments.duration(since) if since else None)
    screen.show(Text(f"{plural(count, 'alert')} in {output}"))


@cli.command(epilog="Example: eql-runner config --json")
def config(as_json: Json = False) -> None:
    """Show the settings in force. Secrets are shown as (set)."""
    settings = app.settings()
    if as_json:
        screen.show_json(settings.public())
    else:
        screen.show(settings_page.page(settings))


@cli.command(epilog="Example: eql-runner version")
def version(as_json: Json = False) -> None:
    """Show the version."""
    versions = {"eql-runner": __version__, "python": platform.python_version()}
    if as_json:
        screen.show_json(versions)
    else:
        screen.show(Text("  ".join(f"{name} {number}" for name, number in versions.items())))


def _complain(message: str, hint: str = "") -> None:
    error = Text.assemble(("error: ", "bold red"), screen.safe(message))
    screen.complain(error, *([Text(screen.safe(hint))] if hint else []))
