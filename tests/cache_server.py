"""A cache server on a loopback port, for tests, that can be told to misbehave."""

from __future__ import annotations

import contextlib
import http.server
import threading
from collections.abc import Callable, Iterator

Answer = Callable[["Handler"], None]


class Handler(http.server.BaseHTTPRequestHandler):
    """Keeps what is PUT in the server's dictionary; `server.harm` may answer a GET instead."""

    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        """Serve a stored body."""
        self.server.seen.append(f"GET {self.path}")
        if self.server.harm is not None:
            self.server.harm(self)
        elif self.path in self.server.bodies:
            self.reply(200, self.server.bodies[self.path])
        else:
            self.reply(404, b"")

    def do_PUT(self) -> None:
        """Keep a body."""
        self.server.seen.append(f"PUT {self.path}")
        self.server.headers_seen.append(dict(self.headers))
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.server.is_full:
            self.reply(507, b"")
            return
        self.server.bodies[self.path] = body
        self.reply(201, b"")

    def reply(self, status: int, body: bytes, length: int | None = None) -> None:
        """Send one answer."""
        self.send_response(status)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *values: object) -> None:
        """Stay silent."""


class Server(http.server.ThreadingHTTPServer):
    """A cache server on a loopback port that can be told to misbehave."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Handler)
        self.bodies: dict[str, bytes] = {}
        self.seen: list[str] = []
        self.headers_seen: list[dict[str, str]] = []
        self.harm: Answer | None = None
        self.is_full = False

    @property
    def url(self) -> str:
        """Where it listens."""
        return f"http://127.0.0.1:{self.server_port}/cache"


@contextlib.contextmanager
def serve() -> Iterator[Server]:
    """A running server, stopped at the end."""
    server = Server()
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
