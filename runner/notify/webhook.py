"""A plain webhook: the message as JSON, posted. What it answers decides what becomes of the message.

    2xx                      taken
    400, 413, 422            this message is refused; others may not be
    429, 503                 the channel pauses, for as long as `Retry-After` says
    anything else, silence   the channel pauses

No redirect is followed: it would take the message, and what authorizes us, to somewhere that nobody has named. A proxy
is used where the usual variables (`HTTPS_PROXY`, `NO_PROXY`) name one.
"""

import json
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import unquote, urlsplit
from urllib.request import getproxies, proxy_bypass

import urllib3
from pydantic import SecretStr

from runner import __version__
from runner.notify.config import Channel
from runner.notify.model import Message, Outcome
from runner.notify.secret_urls import shown

TIMEOUT = urllib3.Timeout(connect=5, read=10)
_OF_MESSAGE = frozenset({400, 413, 422})
_WAITING = frozenset({429, 503})


class Webhook:
    """Posts messages to one URL. `clock` is asked when an answer names a date to come back at."""

    def __init__(self, channel: Channel, clock: Callable[[], datetime]) -> None:
        self._url = channel.url
        self._token = channel.token
        self._clock = clock
        self._name = shown(channel.url.get_secret_value())
        self._pool = _pool(channel.url.get_secret_value())

    def send(self, message: Message) -> Outcome:
        """Post the message once."""
        try:
            answer = self._pool.request(
                "POST",
                _without_login(self._url.get_secret_value()),
                body=json.dumps({**message.payload, "sent": self._clock().isoformat(timespec="milliseconds")}).encode(),
                headers=self._headers(message),
                timeout=TIMEOUT,
                retries=False,
                redirect=False,
                preload_content=False,
            )
        except (urllib3.exceptions.HTTPError, OSError, ValueError) as error:
            return Outcome(f"{self._name}: {_reason(error)}")
        answer.close()  # nobody reads what it says, however much it is
        return self._outcome(answer.status, answer.headers)

    def _headers(self, message: Message) -> dict[str, str]:
        headers = {
            "content-type": "application/json",
            "user-agent": f"eql-runner/{__version__}",
            "idempotency-key": message.id,
        }
        login = urlsplit(self._url.get_secret_value())
        if self._token is not None:
            headers["authorization"] = f"Bearer {self._token.get_secret_value()}"
        elif login.username:
            basic = f"{unquote(login.username)}:{unquote(login.password or '')}"
            headers |= urllib3.make_headers(basic_auth=basic)
        return headers

    def _outcome(self, status: int, headers: Mapping[str, str]) -> Outcome:
        if 200 <= status < 300:
            return Outcome()
        error = f"{self._name}: answered {status}{_phrase(status)}"
        if 300 <= status < 400:
            return Outcome(f"{error}: redirects are not followed, name the final address")
        wait = retry_after(headers.get("retry-after", ""), self._clock()) if status in _WAITING else None
        return Outcome(error, wait, of_message=status in _OF_MESSAGE)


def retry_after(value: str, now: datetime) -> timedelta | None:
    """Return how long a `Retry-After` asks to wait: it names seconds, or a date."""
    try:
        if value.strip().isdecimal():
            return timedelta(seconds=min(int(value), 86_400))
        return max(parsedate_to_datetime(value) - now, timedelta(0))
    except (TypeError, ValueError, OverflowError):  # of a number of thousands of digits, too
        return None


_REASONS: Mapping[type[Exception], str] = {
    urllib3.exceptions.ReadTimeoutError: f"no answer in {TIMEOUT.read_timeout} s",
    urllib3.exceptions.NameResolutionError: "its name is not known",
    urllib3.exceptions.SSLError: "no secure connection; is its certificate trusted here?",
    urllib3.exceptions.ProxyError: "the proxy does not let us through",
    urllib3.exceptions.NewConnectionError: "no connection",  # refused; in some versions a kind of the next
    urllib3.exceptions.ConnectTimeoutError: f"no connection in {TIMEOUT.connect_timeout} s",
    urllib3.exceptions.ProtocolError: "the connection was cut",
}


def _reason(error: Exception) -> str:
    """Return why there was no answer. The library's own words hold the URL, so none of them is used."""
    return next((reason for kind, reason in _REASONS.items() if isinstance(error, kind)), type(error).__name__)


def _phrase(status: int) -> str:
    try:
        return f" {HTTPStatus(status).phrase}"
    except ValueError:
        return ""


def _pool(url: str) -> urllib3.PoolManager:
    parts = urlsplit(url)
    proxy = getproxies().get(parts.scheme)
    if proxy and not proxy_bypass(parts.hostname or ""):
        return urllib3.ProxyManager(proxy)
    return urllib3.PoolManager()


def _without_login(url: str) -> str:
    parts = urlsplit(url)
    return parts._replace(netloc=parts.netloc.rpartition("@")[2]).geturl()


def fault_of(url: SecretStr) -> str:
    """Return what is wrong with a webhook's URL, without showing it; empty where nothing is."""
    try:
        parts = urlsplit(url.get_secret_value())
        is_url = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        is_url = False
    return "" if is_url else "is no URL that begins with https:// or http://"
