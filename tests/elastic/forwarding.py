"""A small HTTP server before the real node: it forwards what it is sent, unless something else is to happen.

    with Forwarding(node_url) as proxy:
        proxy.faults.append(once("/_search", Answered(429, {"error": …})))
        … use proxy.url …

Faults are what a cluster, a proxy or a network does: answers of their own, cut connections, silence, and answers of the
node that are changed on their way.
"""

import http.client
import json
from collections.abc import Callable
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.served import Served


@dataclass(frozen=True)
class Sent:
    """A request as it came."""

    method: str
    path: str
    parameters: dict[str, str]
    content: bytes

    @property
    def body(self) -> Any:
        return json.loads(self.content) if self.content else {}


@dataclass(frozen=True)
class Answered:
    """An answer instead of the node's."""

    status: int
    body: Any
    content_type: str = "application/vnd.elasticsearch+json;compatible-with=8"


@dataclass(frozen=True)
class Cut:
    """The connection ends without an answer; `after` the node has done what was asked, or before."""

    after: bool = False


@dataclass(frozen=True)
class Silent:
    """No answer until the proxy ends."""


@dataclass(frozen=True)
class Late:
    """The node's answer, so many seconds late."""

    seconds: float


@dataclass(frozen=True)
class Changed:
    """The node's answer, changed."""

    change: Callable[[Any], Any]


Happening = Answered | Cut | Silent | Late | Changed
Fault = Callable[[Sent], Happening | None]


def once(path: str, happening: Happening) -> Fault:
    """The first request whose path holds `path` meets this."""
    return times(1, path, happening)


def times(number: int, path: str, happening: Happening) -> Fault:
    """The first requests whose path holds `path` meet this."""
    left = [number]

    def fault(sent: Sent) -> Happening | None:
        if path not in sent.path or left[0] == 0:
            return None
        left[0] -= 1
        return happening

    return fault


def always(path: str, happening: Happening) -> Fault:
    """Every request whose path holds `path` meets this."""
    return times(-1, path, happening)


class Forwarding(Served):
    """The running proxy. `seen` are all requests, `faults` are asked in turn what happens to each."""

    def __init__(self, upstream: str) -> None:
        self.seen: list[Sent] = []
        self.faults: list[Fault] = []
        self._upstream = urlsplit(upstream).netloc
        super().__init__(self._handler())

    def lead_to(self, upstream: str) -> None:
        """Forward to another address from now on."""
        self._upstream = urlsplit(upstream).netloc

    def paths(self, part: str = "") -> list[str]:
        """The paths asked for, those that hold `part`."""
        return [sent.path for sent in self.seen if part in sent.path]

    def answer(self, sent: Sent) -> Answered | None:
        """What the proxy answers by itself; None: it forwards."""
        return None

    def forward(self, sent: Sent, target: str, headers: dict[str, str]) -> tuple[int, dict[str, str], bytes]:
        """Ask the node."""
        connection = http.client.HTTPConnection(self._upstream, timeout=60)
        try:
            connection.request(sent.method, target, sent.content or None, headers)
            response = connection.getresponse()
            return response.status, dict(response.getheaders()), response.read()
        finally:
            connection.close()

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        proxy = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"
            disable_nagle_algorithm = True  # an answer is two writes, and the second must not wait for the first's ACK

            def handle_one_request(self) -> None:
                try:
                    super().handle_one_request()
                except ConnectionError:
                    self.close_connection = True

            def serve(self) -> None:
                content = self.rfile.read(int(self.headers.get("content-length") or 0))
                parts = urlsplit(self.path)
                query = {key: value[-1] for key, value in parse_qs(parts.query, keep_blank_values=True).items()}
                sent = Sent(self.command, unquote(parts.path), query, content)
                proxy.seen.append(sent)
                happening = next((found for fault in list(proxy.faults) if (found := fault(sent)) is not None), None)
                self.react(sent, happening or proxy.answer(sent))

            do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = serve  # noqa: N815  the library's names

            def react(self, sent: Sent, happening: Happening | None) -> None:
                match happening:
                    case Answered(status, body, content_type):
                        content = body.encode() if isinstance(body, str) else json.dumps(body).encode()
                        self.reply(status, content_type, content)
                    case Cut(after):
                        if after:
                            self.ask_node(sent)
                        self.close_connection = True
                    case Silent():
                        proxy.ended.wait(60)
                        self.close_connection = True
                    case Late(seconds):
                        status, headers, content = self.ask_node(sent)
                        proxy.ended.wait(seconds)
                        self.reply(status, headers.get("content-type", ""), content)
                    case Changed(change):
                        status, headers, content = self.ask_node(sent)
                        changed = json.dumps(change(json.loads(content))).encode()
                        self.reply(status, headers["content-type"], changed)
                    case None:
                        status, headers, content = self.ask_node(sent)
                        self.reply(status, headers.get("content-type", ""), content)

            def ask_node(self, sent: Sent) -> tuple[int, dict[str, str], bytes]:
                kept = {name: self.headers[name] for name in ("content-type", "accept") if name in self.headers}
                status, headers, content = proxy.forward(sent, self.path, kept)
                return status, {name.lower(): value for name, value in headers.items()}, content

            def reply(self, status: int, content_type: str, content: bytes) -> None:
                self.send_response(status)
                self.send_header("x-elastic-product", "Elasticsearch")
                self.send_header("content-type", content_type)
                self.send_header("content-length", str(len(content)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(content)

            def log_message(self, *_: object) -> None:
                pass

        return Handler
