"""A socket to a GDB server: one that runs somewhere, or one that we start."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Mapping
from functools import partial
from typing import Any

from tinyflow.core.errors import ToolError
from tinyflow.targets.programs import Server, free_port, soon

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
        address = host.strip("[]"), int(port)
        try:
            connect = partial(socket.create_connection, address, timeout=_CONNECT_LIMIT_S)
            self.socket = soon(connect, words.get("start_s", 10.0), self._server)
        except OSError as error:
            hint = self.last_words() or "is it running, and is the port right?"
            self.close()
            raise ToolError(f"no GDB server at {where}: {error.strerror or error}", hint=hint) from None
        except BaseException:
            self.close()
            raise
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
