"""Log lines: for people on a terminal, in Elastic's field names (ECS JSON) for machines; no secret in either.

The standard library's loggers (the Elasticsearch client's, APScheduler's) take the same way. Lines go to stderr, so
that what a command prints stays clean.
"""

import base64
import logging
import re
import sys
from collections.abc import Iterable, Mapping, MutableMapping
from typing import Any, Literal, TextIO

import structlog
from ecs_logging import StructlogFormatter
from structlog.typing import EventDict, Processor

from runner import __version__

Format = Literal["auto", "console", "ecs"]
Logger = structlog.stdlib.BoundLogger

SECRET = "(secret)"  # noqa: S105  # what stands in a secret's place
_SECRET_KEY = re.compile(r"passw|secret|token|api_?key|authorization|cookie", re.IGNORECASE)
_LEAST_SECRET = 4  # shorter values would blank out ordinary words

QUIET: Mapping[str, int] = {
    "elastic_transport": logging.ERROR,  # a line for each request, and for each that failed: our errors tell those
    "elasticsearch": logging.WARNING,
    "apscheduler": logging.ERROR,  # a line for each start; what matters of it the observer says
    "urllib3": logging.WARNING,
    "watchfiles": logging.WARNING,
}


def configure(form: Format, level: str, secrets: Iterable[str] = (), stream: TextIO | None = None) -> None:
    """Send all logging to `stream` (stderr), in the form and from the level given, with the secrets blanked out."""
    stream = stream or sys.stderr
    people = form == "console" or (form == "auto" and stream.isatty())
    numeric = logging.getLevelNamesMapping()[level.upper()]
    renderers: list[Processor] = (
        [
            _for_people,
            structlog.dev.ConsoleRenderer(
                colors=stream.isatty(), exception_formatter=_plain, pad_event_to=0, pad_level=False
            ),
        ]
        if people
        else [_for_machines, _ecs]
    )
    shared: list[Processor] = [structlog.stdlib.add_log_level, structlog.stdlib.add_logger_name]
    handler = logging.StreamHandler(stream)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[
                structlog.stdlib.ProcessorFormatter.remove_processors_meta,
                structlog.processors.format_exc_info,
                Redaction(secrets),
                _later,
                *renderers,
            ],
        )
    )
    logging.captureWarnings(capture=True)
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel(numeric)
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(numeric if numeric <= logging.DEBUG else max(least, numeric))
    structlog.configure(
        processors=[
            structlog.stdlib.filter_by_level,
            *shared,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=Logger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=False,
    )


def conceal(secrets: Iterable[str]) -> None:
    """Blank out these too, from now on."""
    _later.add(secrets)


def logger() -> Logger:
    """Return the log of this package."""
    log: Logger = structlog.stdlib.get_logger("runner")
    return log


class Redaction:
    """A processor that blanks out known secrets wherever they stand, and values under a name that sounds like one."""

    def __init__(self, secrets: Iterable[str]) -> None:
        self._secrets: frozenset[str] = frozenset()
        self._known: re.Pattern[str] | None = None
        self.add(secrets)

    def add(self, secrets: Iterable[str]) -> None:
        """Blank out these too, from now on."""
        self._secrets |= frozenset(secrets)
        known = {secret for secret in self._secrets if len(secret) >= _LEAST_SECRET}
        known |= {base64.b64encode(secret.encode()).decode() for secret in known}
        longest_first = sorted(known, key=len, reverse=True)
        self._known = re.compile("|".join(map(re.escape, longest_first))) if known else None

    def __call__(self, _logger: object, _method: str, event: EventDict) -> EventDict:
        return {key: SECRET if _SECRET_KEY.search(key) else self._clean(value) for key, value in event.items()}

    def _clean(self, value: Any) -> Any:
        match value:
            case str():
                return self._known.sub(SECRET, value) if self._known else value
            case Mapping():
                return {
                    key: SECRET if _SECRET_KEY.search(str(key)) else self._clean(item) for key, item in value.items()
                }
            case list() | tuple():
                return [self._clean(item) for item in value]
            case None | bool() | int() | float():
                return value
        return self._clean(str(value))


_later = Redaction(())  # secrets that are known only after logging is set up


def _for_people(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Drop the fields: the message says them. What a terminal would obey, such as an escape sequence, is replaced."""
    kept = ("event", "level", "exception", "stack")
    short = {key: value for key, value in event.items() if key in kept or not ("." in key or key == "logger")}
    short["event"] = "".join(
        char if char.isprintable() else "\N{REPLACEMENT CHARACTER}" for char in str(short["event"])
    )
    structlog.processors.TimeStamper("%H:%M:%S", utc=False)(None, "", short)
    return short


def _for_machines(_logger: object, _method: str, event: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Name what structlog calls otherwise as ECS does, and say whose line it is."""
    event["log.level"] = event.pop("level", "info")
    event["log.logger"] = event.pop("logger", "runner")
    if "exception" in event:
        event["error.stack_trace"] = event.pop("exception")
    return {"service.name": "eql-runner", "service.version": __version__, **event}


_ecs_formatter = StructlogFormatter(ensure_ascii=False)


def _ecs(logger: object, method: str, event: MutableMapping[str, Any]) -> str:
    return _ecs_formatter(logger, method, dict(event))


def _plain(stream: TextIO, exc_info: Any) -> None:
    structlog.dev.plain_traceback(stream, exc_info)
