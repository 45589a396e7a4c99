"""A hundred services, by the apprise library: Slack, Teams, PagerDuty, e-mail, and what else it knows, each by a URL.

The library logs what it does, with parts of URLs in it, so its log goes nowhere. Of what it says about a failure only the
HTTP status is read; its words are not repeated.
"""

import logging
import re
import warnings
from collections.abc import Mapping
from datetime import timedelta
from functools import cache
from typing import Any

import apprise
from pydantic import SecretStr

from runner.notify.config import Channel
from runner.notify.model import Kind, Message, Outcome
from runner.notify.secret_urls import shown

_STATUS = re.compile(r"\berror=(\d{3})\b")
_BUSY = timedelta(minutes=1)
"""How long to stay away after a 429; what the service asks for the library does not tell."""

_URGENCY: Mapping[str, apprise.NotifyType] = {
    "critical": apprise.NotifyType.FAILURE,
    "high": apprise.NotifyType.FAILURE,
    "medium": apprise.NotifyType.WARNING,
}


class AppriseService:
    """Sends messages through one URL of apprise's."""

    def __init__(self, channel: Channel) -> None:
        self._url = channel.url
        self._scheme = shown(channel.url.get_secret_value())

    def send(self, message: Message) -> Outcome:
        """Make one attempt; the service's own timeouts (`?cto=`, `?rto=` in the URL) hold for each of its reads."""
        # A new instance for each message: an old one would make us wait for apprise's own rate limit.
        service = _service(self._url)
        if service is None:
            return Outcome(f"{self._scheme}: apprise does not take its URL any more")
        one = apprise.Apprise(asset=_asset())
        one.add(service)
        try:
            result = one.notify(
                body=message.text,
                title=message.title,
                notify_type=_urgency(message),
                body_format=apprise.NotifyFormat.TEXT,
            )
        except Exception as error:  # noqa: BLE001  # a plugin may raise anything, and its words may hold the URL
            return Outcome(f"{service.service_name}: {type(error).__name__} in apprise")
        return Outcome() if result else _failed(f"{service.service_name}", result)


def _failed(service: str, result: Any) -> Outcome:
    statuses = [found[1] for entry in result.logs() if (found := _STATUS.search(entry.message))]
    if not statuses:
        return Outcome(f"{service} did not take it, or could not be reached")
    return Outcome(f"{service} answered {statuses[-1]}", _BUSY if statuses[-1] == "429" else None)


def fault_of(url: SecretStr) -> str:
    """Return what is wrong with a URL for apprise, without showing it; empty where nothing is."""
    if "://" not in url.get_secret_value():
        return "is no URL: it lacks `://`"
    if _service(url) is None:
        return "is no URL that apprise can send by: see its list of services for how each is written"
    return ""


def _service(url: SecretStr) -> apprise.NotifyBase | None:
    _prepared()
    try:
        return apprise.Apprise.instantiate(url.get_secret_value(), asset=_asset())
    except Exception:  # noqa: BLE001  # a plugin may raise anything
        return None


def _urgency(message: Message) -> apprise.NotifyType:
    if message.kind is Kind.RECOVERED:
        return apprise.NotifyType.SUCCESS
    return _URGENCY.get(message.severity, apprise.NotifyType.INFO)


@cache
def _asset() -> apprise.AppriseAsset:
    return apprise.AppriseAsset(
        app_id="eql-runner",
        app_desc="eql-runner",
        async_mode=False,
        storage_mode=apprise.PersistentStoreMode.MEMORY,
        service_timeout=0,  # it would wait on a thread that a process cannot end without
        allow_templates=False,
    )


@cache
def _prepared() -> None:
    """Keep the library's log from every handler, and load all its services."""
    log = logging.getLogger("apprise")
    log.propagate = False
    log.handlers = [logging.NullHandler()]
    log.setLevel(logging.WARNING)  # what it keeps with a result, for us to read
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of modules that its services import
        apprise.Apprise.instantiate("json://localhost", asset=_asset())
