"""A small HTTP server that notifications are sent to: it keeps what it gets, and answers as it is told."""

import json
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any

from tests.served import Served


@dataclass(frozen=True)
class Answer:
    """What is answered: a status with headers; `cut` closes the connection instead, `silent` never answers,
    `drip` sends its header byte by byte and comes to no end.
    """

    status: int = 200
    headers: dict[str, str] = field(default_factory=dict)
    cut: bool = False
    silent: bool = False
    drip: bool = False


@dataclass(frozen=True)
class Got:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: Any


class Hook(Served):
    """The running server. `answers` are given in turn; after them all is taken."""

    def __init__(self, *answers: Answer) -> None:
        self.answers = list(answers)
        self.got: list[Got] = []
        super().__init__(self._handler())

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("content-length") or 0))
                headers = {name.lower(): value for name, value in self.headers.items()}
                hook.got.append(Got(self.path, headers, json.loads(body)))
                answer = hook.answers.pop(0) if hook.answers else Answer()
                if answer.silent:
                    hook.ended.wait(30)
                if answer.drip:
                    self.wfile.write(b"HTTP/1.1 200 OK\r\nx-long: ")
                    while not hook.ended.wait(0.01):
                        self.wfile.write(b"x")
                if answer.silent or answer.cut or answer.drip:
                    self.close_connection = True
                    return
                self.send_response(answer.status)
                for name, value in answer.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        return Handler
