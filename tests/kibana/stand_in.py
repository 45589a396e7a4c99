"""A strict stand-in for Kibana's import: it refuses what Kibana refuses, and what it would not understand.

It knows two paths, keeps what is imported by type and id, a space each, and answers as `saved_objects/_import` does.
`failures` are statuses that it answers with first.
"""

import json
import ssl
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from tests.kibana.saved_objects import check

KEY = "bXkta2V5OnNlY3JldA=="  # my-key:secret
IMPORT = "/api/saved_objects/_import"


class StandIn(ThreadingHTTPServer):
    """The server, and what it has been given."""

    daemon_threads = True

    def __init__(self, *, base_path: str = "", spaces: tuple[str, ...] = ("default", "soc")) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.base_path = base_path
        self.spaces: dict[str, dict[tuple[str, str], dict[str, Any]]] = {space: {} for space in spaces}
        self.login = f"ApiKey {KEY}"
        self.allowed = True
        self.failures: list[int] = []
        self.refuse: dict[str, dict[str, Any]] = {}
        self.requests: list[str] = []

    @property
    def url(self) -> str:
        scheme = "https" if isinstance(self.socket, ssl.SSLSocket) else "http"
        return f"{scheme}://127.0.0.1:{self.server_port}{self.base_path}"


@contextmanager
def running(server: StandIn, certificate: Path | None = None) -> Iterator[StandIn]:
    """Serve until the block ends; with TLS where a PEM file (certificate and key) is given."""
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    server: StandIn
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        self._answer(self._space_asked)

    def do_POST(self) -> None:
        self._answer(self._imported)

    def log_message(self, format: str, *args: object) -> None:
        """Tests read `requests` instead."""

    def _answer(self, handle: Any) -> None:
        body = self.rfile.read(int(self.headers.get("content-length", 0)))
        self.server.requests.append(f"{self.command} {self.path}")
        if self.server.failures:
            return self._send(self.server.failures.pop(0), {"message": "Kibana server is not ready yet"})
        if self.headers.get("authorization") != self.server.login:
            return self._send(401, {"statusCode": 401, "error": "Unauthorized", "message": "unable to authenticate"})
        if not self.path.startswith(f"{self.server.base_path}/"):
            return self._send(404, {"statusCode": 404, "error": "Not Found", "message": "Not Found"})
        return handle(self.path.removeprefix(self.server.base_path), body)

    def _space_asked(self, path: str, _body: bytes) -> None:
        space = path.removeprefix("/api/spaces/space/")
        if space == path or space not in self.server.spaces:
            return self._send(404, {"statusCode": 404, "error": "Not Found", "message": "Not Found"})
        return self._send(200, {"id": space, "name": space})

    def _imported(self, path: str, body: bytes) -> None:
        parts = urlsplit(path)
        space = "default"
        where = parts.path
        if where.startswith("/s/"):
            _, _, space, rest = where.split("/", 3)
            where = f"/{rest}"
        if where != IMPORT:
            return self._send(404, {"statusCode": 404, "error": "Not Found", "message": "Not Found"})
        if parts.query != "overwrite=true":
            return self._bad(f"[request query]: {parts.query}")
        if not self.headers.get("kbn-xsrf"):
            return self._bad("Request must contain a kbn-xsrf header.")
        if not self.server.allowed:
            message = "Unable to bulk_create dashboard,index-pattern,search"
            return self._send(403, {"statusCode": 403, "error": "Forbidden", "message": message})
        return self._store(space, self._file(body))

    def _file(self, body: bytes) -> bytes:
        kind = self.headers["content-type"]
        form = BytesParser(policy=HTTP).parsebytes(b"content-type: " + kind.encode() + b"\r\n\r\n" + body)
        (part,) = form.iter_parts()  # type: ignore[attr-defined]
        assert part.get_param("name", header="content-disposition") == "file"
        assert (part.get_filename() or "").endswith(".ndjson")
        content: bytes = part.get_payload(decode=True)
        return content

    def _store(self, space: str, file: bytes) -> None:
        kept = self.server.spaces.setdefault(space, {})  # Kibana does not ask whether a space is there
        objects = [json.loads(line) for line in file.decode().splitlines()]
        coming = {(one["type"], one["id"]) for one in objects}
        results, errors = [], []
        for one in objects:
            check(one)
            key = (one["type"], one["id"])
            title = one["attributes"].get("name") or one["attributes"]["title"]
            meta = {"title": title, "icon": "any"}
            missing = [ref for ref in one["references"] if (ref["type"], ref["id"]) not in coming | kept.keys()]
            failed = self.server.refuse.get(one["id"]) or (
                {"type": "missing_references", "references": missing} if missing else None
            )
            said = {"type": one["type"], "id": one["id"], "meta": meta}
            if failed:
                errors.append({**said, "title": title, "error": failed})
            else:
                results.append({**said, "managed": False, **({"overwrite": True} if key in kept else {})})
        if not errors:
            kept.update({(one["type"], one["id"]): one for one in objects})
        answer = {"successCount": len(results), "success": not errors, "warnings": [], "successResults": results}
        self._send(200, answer | ({"errors": errors} if errors else {}))

    def _bad(self, message: str) -> None:
        self._send(400, {"statusCode": 400, "error": "Bad Request", "message": message})

    def _send(self, status: int, answer: Any) -> None:
        body = json.dumps(answer).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json; charset=utf-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)
