"""The part of the composition root that puts notifications together. All functions raise RunnerError."""

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime

from runner.elastic.alert_search import AlertSearch
from runner.elastic.client import Client
from runner.elastic.outbox import OutboxIndex, StreakIndex
from runner.elastic.setup import Names
from runner.environment import secret
from runner.errors import OperatorError, SettingsError
from runner.notify.attempts import Bounded
from runner.notify.config import Channel, ChannelKind, Notifications
from runner.notify.courier import Courier
from runner.notify.dispatch import Dispatch, Observers
from runner.notify.failing import Failing
from runner.notify.file import read
from runner.notify.marks import MarkingSink
from runner.notify.messages import test_message
from runner.notify.model import EntryState, Outbox, Outcome, Sender, Standing
from runner.notify.secret_urls import secret_parts
from runner.notify.upkeep import Upkeep
from runner.notify.webhook import Webhook
from runner.rules.issues import Issue
from runner.rules.model import Rule
from runner.settings import Settings
from runner.telemetry import logs
from runner.telemetry.notification_log import NotificationLog
from runner.wording import plural

Clock = Callable[[], datetime]

MOST_RETRIED = 10_000
SHOWN_ISSUES = 20


def checked(found: Settings, rules: Sequence[Rule] = ()) -> tuple[Notifications, tuple[Issue, ...]]:
    """Read the notifications file of the settings; return what it says, and every issue.

    From then on no log shows a channel's URL or token. Raises SettingsError where the settings name no file.
    """
    if found.notifications_path is None:
        hint = "Set RUNNER_NOTIFICATIONS_PATH to a file of channels and routes; docs/notifications.md shows one."
        raise SettingsError("no notifications are set up", hint)
    told, issues = read(found.notifications_path, secret, rules)
    for channel in told.channels:
        token = [channel.token.get_secret_value()] if channel.token else []
        logs.conceal([*secret_parts(channel.url.get_secret_value()), *token])
    return told, issues


def notifications(found: Settings, rules: Sequence[Rule] = ()) -> Notifications | None:
    """Return who is to be told of what, None where nobody is. Raises SettingsError that tells every error of the file."""
    if found.notifications_path is None:
        return None
    told, issues = checked(found, rules)
    errors = [issue for issue in issues if issue.is_error]
    if errors:
        title = f"RUNNER_NOTIFICATIONS_PATH: {plural(len(errors), 'error')}"
        raise SettingsError(
            "\n".join([title, *(issue.rendered() for issue in errors)]), "docs/notifications.md shows how."
        )
    _warn(issues)
    return told


def _warn(issues: Sequence[Issue], fate: str = "") -> None:
    for issue in issues:
        hint = f" ({issue.hint})" if issue.hint else ""
        logs.logger().warning(f"{fate}{issue.path}:{issue.line}:{issue.column}: {issue.message}{hint}")


def dispatch(found: Settings, told: Notifications, owner: str, clock: Clock) -> Dispatch:
    """Put together what delivers, over a client of its own: what executes rules does not wait for it, nor it for them."""
    stop = threading.Event()
    client = Client.connect(found, stop)
    names = Names.of(found)
    outbox, alerts = OutboxIndex(client, names.outbox), AlertSearch(client, names.alerts)
    observers = Observers(NotificationLog(logs.logger()))

    def hire(channel: Channel) -> Courier:
        return Courier(
            channel,
            sender(channel, clock),
            outbox,
            alerts,
            observers,
            clock,
            owner=owner,
            give_up=found.notify_give_up,
            stop=threading.Event(),
        )

    failing = Failing(StreakIndex(client, names.outbox), told.routes, outbox.put, clock)
    upkeep = Upkeep(outbox, alerts, {channel.name for channel in told.channels}, failing)
    return Dispatch(outbox, hire, told.channels, upkeep, failing, observers, clock, stop, client.close)


def read_again(found: Settings, delivering: Dispatch, marking: MarkingSink, rules: Sequence[Rule]) -> None:
    """Take the notifications file as it is now, all of it; where it has an error, what it said before goes on."""
    told, issues = checked(found, rules)
    if any(issue.is_error for issue in issues):
        logs.logger().error(
            f"notifications were read again, but not taken, for {found.notifications_path} has errors: "
            f"they go on to {', '.join(delivering.channels)} as before; `eql-runner notify check` shows every error"
        )
        _warn(issues[:SHOWN_ISSUES], "not taken: ")
        return
    _warn(issues)
    delivering.replace(told)
    marking.replace(told.routes)


def sender(channel: Channel, clock: Clock) -> Sender:
    """Return the way to a channel, on which no attempt takes too long."""
    return Bounded(_way(channel, clock), channel)


def _way(channel: Channel, clock: Clock) -> Sender:
    if channel.kind is ChannelKind.WEBHOOK:
        return Webhook(channel, clock)
    from runner.notify.services import AppriseService  # late: apprise is large, and most commands tell nobody

    return AppriseService(channel)


def tried(found: Settings, name: str, clock: Clock) -> Outcome:
    """Send a test to a channel, past the outbox."""
    return sender(_channel(found, name), clock).send(test_message(name, clock()))


def standing(found: Settings) -> tuple[Notifications, tuple[Standing, ...]]:
    """Return what is set up, and how each channel stands."""
    told = notifications(found)
    if told is None:
        checked(found)
    assert told is not None, "checked raises where nothing is set up"
    with _outbox(found) as outbox:
        return told, outbox.standing()


def retried(found: Settings, name: str, now: datetime) -> int:
    """Let the failed notifications of a channel wait again; return how many they were."""
    if found.notifications_path is None:
        checked(found)
    with _outbox(found) as outbox:
        failed = outbox.entries(name, EntryState.FAILED, now, MOST_RETRIED)
        if not failed and name not in {one.channel for one in outbox.standing()}:
            _channel(found, name)
        again = (
            replace(
                entry, state=EntryState.WAITING, due=now, tried=None, settled=None, attempts=0, error="", message=""
            )
            for entry in failed
        )
        outbox.settle(again)
    return len(failed)


def _channel(found: Settings, name: str) -> Channel:
    told, issues = checked(found)
    channel = told.channel(name)
    if channel is None:
        names = ", ".join(one.name for one in told.channels) or "none"
        raise OperatorError(f"there is no channel `{name}`", f"There are: {names}.")
    if channel.url.get_secret_value() == "" or any(issue.is_error for issue in issues):
        notifications(found)
    return channel


@contextmanager
def _outbox(found: Settings) -> Iterator[Outbox]:
    client = Client.connect(found)
    try:
        yield OutboxIndex(client, Names.of(found).outbox or found.outbox_index)
    finally:
        client.close()
