"""A socket to a GDB server: one that runs somewhere, or one that we start."""

from __future__ import annotations

import contextlib
import socket
import time
from collections.abc import Mapping
from typing import Any

from tinyflow.core.errors import ToolError
from tinyflow.targets.programs import Server, free_port

_POLL_S = 0.1
_CONNECT_LIMIT_S = 5.0


class Connection:
    """A socket to a GDB server, and the server where it is ours."""

    def __init__(self, words: Mapping[str, Any]) -> None:
        """Raises ToolError for a server that is not there, ends, or doesn't listen in time."""
        self._server: Server | None = None
        where = words.get("connect")
        if where is None:
            port = free_port()
            self._server, where = Server(words["server"], {"port": port}), f"127.0.0.1:{port}"
        host, _, port = where.rpartition(":")
        end = time.monotonic() + words.get("start_s", 10.0)
        while True:
            try:
                self.socket = socket.create_connection((host.strip("[]"), int(port)), timeout=_CONNECT_LIMIT_S)
                break
            except OSError as error:
                if self._server is not None and self._server.status() is not None:
                    raise self._server.ended() from None
                if time.monotonic() > end:
                    told = self.last_words()
                    self.close()
                    what = f"no GDB server at {where}: {error.strerror or error}"
                    hint = told or "is it running, and is the port right?"
                    raise ToolError(what, hint=hint) from None
                time.sleep(_POLL_S)
        self.socket.settimeout(None)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)

    def last_words(self) -> str:
        """What our server printed last."""
        return self._server.last_words() if self._server is not None else ""

    def close(self) -> None:
        """End both."""
        if hasattr(self, "socket"):
            with contextlib.suppress(OSError):  # files made of it would keep it open
                self.socket.shutdown(socket.SHUT_RDWR)
            self.socket.close()
        if self._server is not None:
            self._server.close()
            self._server = None
