"""HTTP with servers that may be anything: each exchange ends by a moment, answers have a length, errors no secrets."""

from __future__ import annotations

import http.client
import io
import math
import select
import socket
import ssl
import time
import zlib
from collections.abc import Iterator
from typing import IO, Any

from tinyflow.core.address import Address

_CHUNK_BYTES = 1 << 16
_GZIP = 16 + zlib.MAX_WBITS
_CONNECT_S = 3.0


class Failure(Exception):
    """What went wrong between a server and us, in words of ours: a server's own may be anything."""


class ProtocolError(Failure):
    """An answer that is not what was asked for."""


class DeadlineExceeded(Failure):
    """No whole answer in time."""


def reason_of(error: BaseException) -> str:
    """What went wrong, in words that can't have anything of an address or an answer in them."""
    if isinstance(error, Failure):
        return str(error)
    if isinstance(error, TimeoutError):
        return "didn't answer in time"
    if isinstance(error, socket.gaierror):
        return "has a name that nobody knows"
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"has a certificate that is not trusted ({error.verify_message})"
    if isinstance(error, ssl.SSLError):
        return "speaks no TLS that can be understood"
    if isinstance(error, OSError) and error.errno and error.strerror:
        return f"can't be reached ({error.strerror})"
    return "sent what is not an answer"


# One exchange


class _Pieces(io.RawIOBase):
    """What comes from a socket until a moment; each wait is as long as what is left."""

    def __init__(self, sock: socket.socket, until_s: float, pause_s: float) -> None:
        self._socket, self._until_s, self._pause_s = sock, until_s, pause_s
        self._inner: Any = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """As for all raw files. Raises DeadlineExceeded."""
        self._socket.settimeout(min(self._pause_s, left_s(self._until_s)))
        try:
            count: int | None = self._inner.readinto(buffer)
        except TimeoutError:
            raise DeadlineExceeded("didn't answer in time") from None
        return count

    def close(self) -> None:
        """Close our hold of the socket."""
        self._inner.close()
        super().close()


class _Timed:
    """A socket as `http.client` reads answers from it."""

    def __init__(self, sock: socket.socket, until_s: float, pause_s: float) -> None:
        self._socket, self._until_s, self._pause_s = sock, until_s, pause_s

    def makefile(self, mode: str) -> IO[bytes]:
        """A file for one answer."""
        assert mode == "rb"
        return io.BufferedReader(_Pieces(self._socket, self._until_s, self._pause_s))


def left_s(until_s: float) -> float:
    """Seconds that are left. Raises DeadlineExceeded where there are none."""
    left = until_s - time.monotonic()
    if left <= 0:
        raise DeadlineExceeded("didn't answer in time")
    return left


def limit(connection: http.client.HTTPConnection, until_s: float, pause_s: float = math.inf) -> None:
    """Let the next exchange on a connection end by a moment, whatever comes and however slowly.

    Nor may any single wait be longer than `pause_s`.
    """

    def answer(sock: socket.socket, *words: Any, **named: Any) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(_Timed(sock, until_s, pause_s), *words, **named)  # type: ignore[arg-type]

    connection.response_class = answer  # type: ignore[assignment]
    connection.timeout = min(_CONNECT_S, left_s(until_s))
    if connection.sock is not None:
        connection.sock.settimeout(left_s(until_s))


def connect(address: Address) -> http.client.HTTPConnection:
    """A connection to be; nothing is sent yet."""
    scheme, host, port = address.origin
    return (http.client.HTTPSConnection if scheme == "https" else http.client.HTTPConnection)(host, port)


def is_readable(connection: http.client.HTTPConnection) -> bool:
    """Whether something comes, or the end came, from a connection that is open."""
    waiting = select.poll()
    waiting.register(connection.sock, select.POLLIN)
    return bool(waiting.poll(0))


def body_of(answer: http.client.HTTPResponse, limit_bytes: int) -> Iterator[bytes]:
    """An answer's content in pieces, unpacked, at most so many bytes. Raises Failure."""
    if answer.length is not None and answer.length > limit_bytes:
        raise ProtocolError(f"announced more than {limit_bytes} bytes")
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise ProtocolError("packed its answer as nobody asked for")
    unpack = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
    promised, packed, total = answer.length, 0, 0
    while piece := _read(answer):
        packed += len(piece)
        for part in (piece,) if unpack is None else _unpacked(unpack, piece):
            total += len(part)
            if total > limit_bytes:
                raise ProtocolError(f"sent more than {limit_bytes} bytes")
            yield part
        if packed > limit_bytes:
            raise ProtocolError(f"sent more than {limit_bytes} bytes")
    if (promised is not None and packed < promised) or (unpack is not None and not unpack.eof):
        raise Failure("broke off its answer")


def _read(answer: http.client.HTTPResponse) -> bytes:
    try:
        return answer.read(_CHUNK_BYTES)
    except (OSError, http.client.HTTPException) as error:
        raise Failure(reason_of(error)) from None


def _unpacked(unpack: Any, piece: bytes) -> Iterator[bytes]:
    try:
        while True:
            part = unpack.decompress(piece, _CHUNK_BYTES)
            yield part
            piece = unpack.unconsumed_tail
            if unpack.eof or (not piece and len(part) < _CHUNK_BYTES):
                break
    except zlib.error:
        raise ProtocolError("sent what is not packed as it says") from None
    if unpack.unused_data:
        raise ProtocolError("sent more than what is packed")
