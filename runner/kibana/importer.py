"""Saved objects into a Kibana, through its own import API; the one place that speaks to Kibana.

    GET  {kibana}/api/spaces/space/{space}                           the space is there (Kibana itself does not ask)
    POST {kibana}/s/{space}/api/saved_objects/_import?overwrite=true  the file, as a form's `file`

Objects keep their ids, so that a second import replaces what the first one made. Source: Kibana, the route
`saved_objects/_import` and `/api/spaces/space/{id}`.
"""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from urllib.parse import quote

import tenacity
import urllib3

from runner import __version__
from runner.errors import (
    AccessDenied,
    ClusterAnswerError,
    ClusterBusy,
    ClusterUnavailable,
    RunnerError,
    SettingsError,
    SetupError,
)
from runner.settings import Settings

FILE_NAME = "eql-runner.ndjson"  # Kibana refuses any other ending

_PASSING: Mapping[int, type[RunnerError]] = {
    429: ClusterBusy,
    502: ClusterUnavailable,
    503: ClusterUnavailable,  # also Kibana's "server is not ready yet"
    504: ClusterUnavailable,
}
_RIGHTS = (
    "Give the key or user the Kibana privilege `Saved Objects Management: All` in this space "
    "(RUNNER_KIBANA_API_KEY may be another key than RUNNER_API_KEY)."
)
_CHECK_URL = "Set RUNNER_KIBANA_URL to the address that a browser opens Kibana at, with its base path if it has one."
_BY_HAND = (
    "Or import by hand: `eql-runner setup --export eql-runner.ndjson` writes the file for Kibana's "
    "Stack Management, Saved Objects, Import."
)


@dataclass(frozen=True, slots=True)
class Imported:
    """An object that is now in Kibana; `replaced` tells that it was there before."""

    type: str
    title: str
    replaced: bool

    def __str__(self) -> str:
        kind = {"index-pattern": "data view", "search": "saved search"}.get(self.type, self.type)
        return f"{'replaced' if self.replaced else 'created'} {kind} {self.title}"


class Kibana:
    """A Kibana, and one space of it. `wait` is the longest wait between two tries, in seconds."""

    def __init__(
        self,
        url: str,
        space: str,
        pool: urllib3.PoolManager,
        login: Mapping[str, str],
        *,
        deadline: timedelta,
        wait: float = 10.0,
    ) -> None:
        self.url = url.rstrip("/")
        self.space = space
        self._pool = pool
        self._headers = {"kbn-xsrf": "eql-runner", "user-agent": f"eql-runner/{__version__}", **login}
        self._deadline = deadline
        self._wait = wait

    @classmethod
    def connect(cls, settings: Settings) -> "Kibana":
        """Build it from the settings; nothing is sent yet. Raises SettingsError without RUNNER_KIBANA_URL."""
        if settings.kibana_url is None:
            raise SettingsError("RUNNER_KIBANA_URL is not set", f"{_CHECK_URL} {_BY_HAND}")
        authority = settings.kibana_ca_file or settings.ca_file
        if not settings.verify_certs:  # who turned it off knows; the setting's description warns
            urllib3.disable_warnings(urllib3.exceptions.InsecureRequestWarning)
        pool = urllib3.PoolManager(
            retries=False,
            timeout=urllib3.Timeout(total=settings.request_timeout.total_seconds()),
            cert_reqs="CERT_REQUIRED" if settings.verify_certs else "CERT_NONE",
            ca_certs=str(authority) if authority else None,
        )
        space = settings.kibana_space or settings.space
        return cls(settings.kibana_url, space, pool, _login(settings), deadline=settings.retry_deadline)

    def load(self, objects: bytes) -> tuple[Imported, ...]:
        """Import the objects (NDJSON) over what is there; return what became of each.

        Raises RunnerError, which names each object that Kibana refused.
        """
        if self.space != "default":
            self._ask("GET", f"/api/spaces/space/{quote(self.space)}")
        answer = self._ask(
            "POST",
            f"{self._path}/api/saved_objects/_import?overwrite=true",
            fields={"file": (FILE_NAME, objects, "application/ndjson")},
        )
        if not answer.get("success"):
            raise self._refused(answer)
        return tuple(
            Imported(one["type"], str(one.get("meta", {}).get("title") or one["id"]), bool(one.get("overwrite")))
            for one in answer.get("successResults", ())
        )

    def address(self, dashboard: str) -> str:
        """Return where a browser finds the dashboard."""
        return f"{self.url}{self._path}/app/dashboards#/view/{dashboard}"

    @property
    def _path(self) -> str:
        return "" if self.space == "default" else f"/s/{self.space}"

    def _ask(self, method: str, path: str, **body: Any) -> Mapping[str, Any]:
        """Send, again while it fails in passing, and return the answer's JSON object. Raises RunnerError."""
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception(lambda error: isinstance(error, RunnerError) and error.retryable),
            wait=tenacity.wait_random_exponential(min(0.5, self._wait), self._wait),
            stop=tenacity.stop_before_delay(self._deadline),
            reraise=True,
        )
        return retrying(self._once, method, path, **body)

    def _once(self, method: str, path: str, **body: Any) -> Mapping[str, Any]:
        try:
            answer = self._pool.request(method, self.url + path, headers=self._headers, redirect=False, **body)
        except urllib3.exceptions.SSLError as error:
            raise SettingsError(
                f"Kibana at {self.url}: its certificate is not trusted: {_cause(error)}",
                "Set RUNNER_KIBANA_CA_FILE to the PEM file of the authority that signed it.",
            ) from error
        except urllib3.exceptions.HTTPError as error:
            raise ClusterUnavailable(
                f"Kibana at {self.url} cannot be reached: {_cause(error)}",
                "Check that it runs, and RUNNER_KIBANA_URL.",
            ) from error
        if answer.status != 200:
            raise self._failure(answer, path)
        return self._object(answer)

    def _object(self, answer: urllib3.BaseHTTPResponse) -> Mapping[str, Any]:
        try:
            found = answer.json()
        except (ValueError, UnicodeDecodeError):
            found = None
        if not isinstance(found, Mapping):
            raise SettingsError(f"what answers at {self.url} is not Kibana", _CHECK_URL)
        return found

    def _failure(self, answer: urllib3.BaseHTTPResponse, path: str) -> RunnerError:
        status, said = answer.status, _said(answer)
        if passing := _PASSING.get(status):
            return passing(
                f"Kibana at {self.url} answered {status}: {said}",
                "It may be starting still; try again when its page opens in a browser.",
            )
        if 300 <= status < 400:
            target = answer.headers.get("location", "elsewhere")
            return SettingsError(f"Kibana at {self.url} sends one on to {target}", _CHECK_URL)
        if status == 401:
            return AccessDenied(
                f"Kibana at {self.url} does not accept the login: {said}",
                "Set RUNNER_KIBANA_API_KEY to a key of the cluster behind this Kibana.",
            )
        if status == 403:
            return AccessDenied(f"Kibana at {self.url} does not allow it in space {self.space}: {said}", _RIGHTS)
        if status == 404 and path.startswith("/api/spaces/"):
            return SetupError(
                f"Kibana at {self.url} has no space {self.space}, or this login may not see it",
                "Make the space, or set RUNNER_KIBANA_SPACE to one that is there.",
            )
        if status == 404:
            return SettingsError(
                f"what answers at {self.url} is not Kibana, or has another base path (404)", _CHECK_URL
            )
        return ClusterAnswerError(
            f"Kibana at {self.url} refuses the import ({status}): {said}", "Kibana must be 8.9 or newer."
        )

    def _refused(self, answer: Mapping[str, Any]) -> RunnerError:
        lines = [
            f"{one.get('type')} {one.get('title') or one.get('meta', {}).get('title') or one.get('id')}: {_reason(one)}"
            for one in answer.get("errors", ())
        ]
        told = "\n  ".join(lines) or "no reason given"
        return ClusterAnswerError(
            f"Kibana at {self.url} did not take every object:\n  {told}",
            "Nothing is lost; correct what is named and run it again. Kibana must be 8.9 or newer.",
        )


def _reason(failed: Mapping[str, Any]) -> str:
    """Say why an object was not taken: Kibana's kinds of import errors."""
    error = failed.get("error", {})
    match error.get("type"):
        case "missing_references":
            missing = ", ".join(f"{one.get('type')} {one.get('id')}" for one in error.get("references", ()))
            return f"what it refers to is missing: {missing}"
        case "conflict" | "ambiguous_conflict":
            return "an object of another origin has its id"
        case "unsupported_type":
            return "this Kibana does not know the type"
        case kind:
            return str(error.get("message") or kind or "no reason given")


def _login(settings: Settings) -> dict[str, str]:
    key = settings.kibana_api_key or settings.api_key
    if key is not None:
        plain = key.get_secret_value()
        encoded = base64.b64encode(plain.encode()).decode() if ":" in plain else plain
        return {"authorization": f"ApiKey {encoded}"}
    if settings.bearer_token is not None:
        return {"authorization": f"Bearer {settings.bearer_token.get_secret_value()}"}
    if settings.username is not None:
        password = settings.password.get_secret_value() if settings.password else ""
        return {"authorization": "Basic " + base64.b64encode(f"{settings.username}:{password}".encode()).decode()}
    return {}


def _said(answer: urllib3.BaseHTTPResponse) -> str:
    """Return what an answer says in words, shortened: Kibana's JSON has a `message`, a proxy sends a page."""
    text = answer.data.decode("utf-8", "replace").strip()
    try:
        found = json.loads(text)
    except ValueError:
        return text.splitlines()[0][:200] if text and not text.startswith("<") else "no reason given"
    return str(found.get("message", text) if isinstance(found, Mapping) else text)[:500]


def _cause(error: BaseException) -> str:
    reason = getattr(error, "reason", None)
    return str(reason or error).rpartition(": ")[2]
