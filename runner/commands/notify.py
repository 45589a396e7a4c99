"""`eql-runner notify`: check who is told of what, try a channel, see how sending goes, and try again what was given up."""

from typing import Annotated

import typer

from runner import app
from runner.app import notifying
from runner.commands.exit_codes import INCOMPLETE, OK
from runner.commands.group import Group
from runner.commands.options import Json
from runner.errors import OperatorError
from runner.pages import notifications as page
from runner.pages import screen
from runner.wording import plural

cli = Group(
    name="notify",
    help="Notifications: check the file, try a channel, see how sending goes.",
)

ChannelName = Annotated[str, typer.Argument(metavar="CHANNEL", help="A channel of the notifications file.")]


@cli.command(epilog="Example: eql-runner notify check")
def check(as_json: Json = False) -> None:
    """Check the file that RUNNER_NOTIFICATIONS_PATH names: every problem, with its place. Sends nothing.

    Exit code 0: no errors. 1: some. 2: could not run.
    """
    settings = app.settings()
    told, issues = notifying.checked(settings, app.rules(settings).rules)
    errors = sum(issue.is_error for issue in issues)
    if as_json:
        screen.show_json({"channels": [one.name for one in told.channels], "issues": [one.as_dict() for one in issues]})
    else:
        screen.show(page.checked(told, issues))
    raise typer.Exit(INCOMPLETE if errors else OK)


@cli.command(epilog="Example: eql-runner notify test soc")
def test(channel: ChannelName) -> None:
    """Send a test message to a channel, now and past the outbox.

    Exit code 0: the other side took it. 1: it did not. 2: could not run.
    """
    outcome = notifying.tried(app.settings(), channel, app.now)
    if outcome.error:
        screen.complain(page.refused(channel, outcome.error))
        raise typer.Exit(INCOMPLETE)
    screen.show(f"{channel} took it: look whether it has arrived")


@cli.command(epilog="Example: eql-runner notify status")
def status(as_json: Json = False) -> None:
    """Show what waits, what failed, and how sending to each channel goes.

    Exit code 0: all is well. 1: a channel fails, or notifications were given up. 2: could not run.
    """
    told, standing = notifying.standing(app.settings())
    if as_json:
        screen.show_json(page.as_json(told, standing))
    else:
        screen.show(page.page(told, standing, app.now()))
    well = all(not one.failed and not (one.claim and one.claim.failures) for one in standing)
    raise typer.Exit(OK if well else INCOMPLETE)


@cli.command(epilog="Example: eql-runner notify retry soc")
def retry(channel: ChannelName) -> None:
    """Let the notifications that were given up for a channel wait again; `run` or `once` sends them."""
    number = notifying.retried(app.settings(), channel, app.now())
    if not number:
        raise OperatorError(f"no notification to {channel} has failed", "`eql-runner notify status` shows what waits.")
    screen.show(f"{plural(number, 'notification')} to {channel} will be sent again")
