"""/healthz, /readyz and /metrics over HTTP, for probes and Prometheus. Read only."""

import json
import socket
import sys
import threading
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType
from typing import Self

from runner.errors import SettingsError
from runner.telemetry.health import Report
from runner.telemetry.logs import logger
from runner.telemetry.metrics import CONTENT_TYPE

_SLOW_CLIENT = 10  # seconds


class Server:
    """Serves until closed, on threads of its own. Raises SettingsError when the address cannot be had."""

    def __init__(
        self,
        host: str,
        port: int,
        *,
        health: Callable[[], Report],
        ready: Callable[[], Report],
        metrics: Callable[[], bytes],
    ) -> None:
        routes: dict[str, Callable[[], _Answer]] = {
            "/healthz": lambda: _reported(health()),
            "/readyz": lambda: _reported(ready()),
            "/metrics": lambda: (200, CONTENT_TYPE, metrics()),
        }
        try:
            self._server = _Listener(host, port, _handler(routes))
        except OSError as error:
            raise SettingsError(
                f"RUNNER_HTTP_HOST and RUNNER_HTTP_PORT: {authority(host, port)} cannot be listened on: {error.strerror}",
                "Stop what uses the port, or set RUNNER_HTTP_PORT to another one (0: no server).",
            ) from error
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.1,), name="http", daemon=True)

    @property
    def port(self) -> int:
        """The port that is listened on."""
        return self._server.server_port

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def authority(host: str, port: int) -> str:
    """Return the two as a URL has them: an IPv6 address stands in brackets (RFC 3986, 3.2.2)."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


class _Listener(ThreadingHTTPServer):
    daemon_threads = True

    def __init__(self, host: str, port: int, handler: type[BaseHTTPRequestHandler]) -> None:
        """Listen. Raises OSError."""
        found = socket.getaddrinfo(host or None, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        if {family for family, *_ in found} == {socket.AF_INET6}:
            self.address_family = socket.AF_INET6
        super().__init__((host, port), handler)

    def handle_error(self, request: object, client_address: object) -> None:  # noqa: ARG002  # the base class's
        """Log what went wrong, unless it is a client that left early."""
        error = sys.exception()
        if not isinstance(error, ConnectionError | TimeoutError):
            logger().error(f"the HTTP server could not answer {client_address}: {error}", exc_info=error)


_Answer = tuple[int, str, bytes]


def _reported(report: Report) -> _Answer:
    return (200 if report.well else 503), "application/json", json.dumps(report.body, indent=1).encode() + b"\n"


def _handler(routes: dict[str, Callable[[], _Answer]]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """Answers GET and HEAD on the routes, and 404 with their names on anything else."""

        timeout = _SLOW_CLIENT
        server_version = "eql-runner"
        sys_version = ""

        def do_GET(self) -> None:
            route = routes.get(self.path.partition("?")[0])
            self._answer(*(route() if route else (404, "text/plain", "\n".join([*routes, ""]).encode())))

        do_HEAD = do_GET  # noqa: N815  # the base class's name

        def _answer(self, status: int, content_type: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command != "HEAD":
                self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the base class's name
            """Say nothing: probes come every few seconds."""

    return Handler
