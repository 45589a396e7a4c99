"""`eql-runner alerts`: list and show alerts; acknowledge, close and reopen them."""

import sys
from collections.abc import Callable, Sequence
from typing import Annotated

import typer

from runner import app, arguments
from runner.commands.exit_codes import INCOMPLETE, OK
from runner.commands.group import Group
from runner.commands.options import Json
from runner.elastic.alert_filter import Filter
from runner.elastic.alert_search import Found
from runner.elastic.workflow import Change, Status, Workflow
from runner.errors import OperatorError
from runner.pages import alerts as page
from runner.pages import screen
from runner.rules.model import Severity
from runner.wording import plural

cli = Group(name="alerts", help="List and show alerts; acknowledge, close and reopen them.")

Ids = Annotated[
    list[str] | None,
    typer.Argument(metavar="ID", help="Alerts, by id or its beginning; none: all that the options select."),
]
Severities = Annotated[list[Severity] | None, typer.Option("--severity", help="Only of this severity; repeatable.")]
Rule = Annotated[str, typer.Option("--rule", help="Only of this rule: its id, or a part of its name.")]
Host = Annotated[str, typer.Option("--host", help="Only of this host; * and ? stand for any characters.")]
Since = Annotated[str, typer.Option("--since", help="Only made since: 24h, now-2d, or ISO 8601 (UTC).")]
Words = Annotated[str, typer.Option("--text", help="Only with these words in reason, rule, host, user or process.")]
By = Annotated[str, typer.Option("--by", help="Who does it; unset: the user of the operating system.")]
Reason = Annotated[str, typer.Option("--reason", help="Why; kept on the alert.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do not ask before many alerts are changed.")]
Blocks = Annotated[bool, typer.Option("--building-blocks", help="Also alerts of building blocks.")]


@cli.command("list", epilog="Example: eql-runner alerts list --status open --severity high --since 24h")
def list_(
    statuses: Annotated[list[Status] | None, typer.Option("--status", help="Only of this status; repeatable.")] = None,
    severities: Severities = None,
    rule: Rule = "",
    host: Host = "",
    since: Since = "",
    text: Words = "",
    blocks: Blocks = False,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Most alerts to show.")] = 50,
    as_json: Json = False,
) -> None:
    """List alerts, newest first."""
    wanted = _filter(statuses or (), severities or (), rule, host, since, text, blocks=blocks)
    with app.workflow(app.settings()) as workflow:
        found, total = workflow.search.newest(wanted, limit)
    if as_json:
        screen.show_json({"total": total, "alerts": [page.as_json(alert) for alert in found]})
    else:
        screen.show(page.page(found, total, app.now()))


@cli.command(epilog="Example: eql-runner alerts show 4f0c2a9e")
def show(
    alert: Annotated[str, typer.Argument(metavar="ID", help="An alert, by id or its beginning.")], as_json: Json = False
) -> None:
    """Show all of one alert: reason, rule, times, status and its history, ATT&CK, source, events, guide."""
    with app.workflow(app.settings()) as workflow:
        found = workflow.search.named(alert)
        blocks = tuple(workflow.search.blocks([found]))
    if as_json:
        documents = [{"_id": one.id, "_index": one.index, **one.document} for one in (found, *blocks)]
        screen.show_json({**documents[0], **({"building_blocks": documents[1:]} if blocks else {})})
    else:
        screen.show(page.whole(found, blocks))


def _changing(to: Status, before: tuple[Status, ...]) -> Callable[..., None]:
    """Return the command that sets alerts of one of the statuses `before` to another."""

    def command(
        ids: Ids = None,
        severities: Severities = None,
        rule: Rule = "",
        host: Host = "",
        since: Since = "",
        text: Words = "",
        reason: Reason = "",
        by: By = "",
        yes: Yes = False,
        as_json: Json = False,
    ) -> None:
        wanted = _filter(before, severities or (), rule, host, since, text)
        _change(ids or (), wanted, to, reason, by, yes=yes, as_json=as_json)

    return command


_COMMANDS = (
    (
        "ack",
        Status.ACKNOWLEDGED,
        (Status.OPEN,),
        "Acknowledge open alerts: those named, or all that the options select.",
        "eql-runner alerts ack 4f0c2a9e --reason 'looking into it'",
    ),
    (
        "close",
        Status.CLOSED,
        (Status.OPEN, Status.ACKNOWLEDGED),
        "Close alerts: those named, or all open and acknowledged ones that the options select.",
        "eql-runner alerts close --rule 'Suspicious Command-Line' --host 'build-*' --reason 'CI jobs'",
    ),
    (
        "reopen",
        Status.OPEN,
        (Status.ACKNOWLEDGED, Status.CLOSED),
        "Reopen alerts: those named, or all acknowledged and closed ones that the options select.",
        "eql-runner alerts reopen 4f0c2a9e --reason 'it came back'",
    ),
)
_EXIT_CODES = "Exit code 0: done. 1: someone else changed one of them meanwhile. 2: could not run."

for _name, _to, _before, _does, _example in _COMMANDS:
    cli.command(_name, help=f"{_does}\n\n{_EXIT_CODES}", epilog=f"Example: {_example}")(_changing(_to, _before))


def _filter(
    statuses: Sequence[Status],
    severities: Sequence[Severity],
    rule: str,
    host: str,
    since: str,
    text: str,
    *,
    blocks: bool = False,
) -> Filter:
    return Filter(
        statuses=tuple(map(str, statuses)),
        severities=tuple(map(str, severities)),
        rule=rule,
        host=host,
        since=arguments.since(since, app.now()) if since else None,
        text=text,
        building_blocks=blocks,
    )


def _change(ids: Sequence[str], wanted: Filter, to: Status, reason: str, by: str, *, yes: bool, as_json: bool) -> None:
    chosen = Filter(statuses=wanted.statuses) != wanted
    if bool(ids) == chosen:
        message = "both alerts and options that select alerts are given" if ids else "no alert is named"
        raise OperatorError(
            message, "Name alerts by id, or select them with --rule, --severity, --host, --since, --text."
        )
    change = Change(to, by or app.user(), app.now(), reason)
    with app.workflow(app.settings()) as workflow:
        alerts = [workflow.search.named(text) for text in ids] if ids else _selected(workflow, wanted, to, yes=yes)
        result = workflow.change(alerts, change)
    if as_json:
        screen.show_json(page.changed_as_json(result))
    else:
        screen.show(page.changed(result, to))
    raise typer.Exit(INCOMPLETE if result.conflicts else OK)


def _selected(workflow: Workflow, wanted: Filter, to: Status, *, yes: bool) -> list[Found]:
    """Return the alerts that the options select, after a person has agreed to their number."""
    alerts = list(workflow.search.all(wanted))
    if yes or not alerts:
        return alerts
    question = f"set {plural(len(alerts), 'alert')} to {to}"
    if not sys.stdin.isatty():
        raise OperatorError(f"this would {question}", "Say --yes to do it without being asked.")
    if not typer.confirm(f"Really {question}?", err=True):
        raise typer.Exit(INCOMPLETE)
    return alerts
