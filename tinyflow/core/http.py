"""HTTP with servers that may be anything: each exchange has one end in time, answers have a length, errors no secrets.

An address keeps what opens a server (user and password, a token, a query) apart from what may be shown.
"""

from __future__ import annotations

import base64
import http.client
import io
import select
import socket
import ssl
import time
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import IO, Any
from urllib.parse import quote, unquote_to_bytes, urlsplit

_CHUNK_BYTES = 1 << 16
_GZIP = 16 + zlib.MAX_WBITS
_CONNECT_S = 3.0
_SAFE = "%/:;,=&+$!*'()~@?"  # what stays as it is in paths and queries: it was encoded by who wrote it


class Failure(Exception):
    """What went wrong between a server and us, in words of ours: a server's own may be anything."""


class Lie(Failure):
    """An answer that is not what was asked for."""


class Late(Failure):
    """No whole answer in time."""


@dataclass(frozen=True)
class Address:
    """Where a server is and what opens it. Only `shown` may be printed or kept."""

    shown: str  # scheme, host, port and path
    query: str = field(default="", repr=False)
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    @classmethod
    def parse(cls, text: str, token: str | None = None) -> Address:
        """The meaning of `https://[user:password@]host[:port]/path[?query]`, `token` being a bearer token.

        ValueError says what is wrong, and repeats nothing of the text, which may have secrets anywhere.
        """
        try:
            parts = urlsplit(text)
            host, port = parts.hostname, parts.port
        except ValueError:
            raise ValueError("its host or port can't be understood; / # ? of a password are %2F %23 %3F") from None
        if parts.scheme not in ("http", "https"):
            raise ValueError("it must begin with http:// or https://")
        if not host or not host.isascii() or not host.isprintable() or " " in host:
            raise ValueError("it has no host that can be understood")
        if "@" in parts.path + parts.query + parts.fragment:
            raise ValueError('it has an "@" behind the host; / # ? of a password are %2F %23 %3F, @ of a path is %40')
        place = f"[{host}]" if ":" in host else host
        place += "" if port is None else f":{port}"
        path = quote(parts.path.rstrip("/"), safe=_SAFE)
        return cls(
            f"{parts.scheme}://{place}{path}",
            quote(parts.query, safe=_SAFE),
            _authorization(parts.netloc.rpartition("@")[0], token),
        )

    @property
    def place(self) -> str:
        """Scheme, host and port, as in a URL."""
        parts = urlsplit(self.shown)
        return f"{parts.scheme}://{parts.netloc}"

    @property
    def origin(self) -> tuple[str, str, int]:
        """Scheme, host and port."""
        parts = urlsplit(self.shown)
        return parts.scheme, parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)

    @property
    def target(self) -> str:
        """What a request for this very address asks for: path and query."""
        return self._target("")

    def below(self, path: str) -> str:
        """What a request for something below this address asks for."""
        return self._target(f"/{path}")

    def _target(self, more: str) -> str:
        return f"{urlsplit(self.shown).path}{more}" + (f"?{self.query}" if self.query else "")


def _authorization(user: str, token: str | None) -> dict[str, str]:
    """The header that opens a server. ValueError for what can be no header."""
    if token:
        token = token.strip()
        if not token.isascii() or not token.isprintable():
            raise ValueError("the token has a line break, or another character that can't be in a header")
        return {"Authorization": f"Bearer {token}"}
    if not user:
        return {}
    name, _, password = user.partition(":")
    secret = unquote_to_bytes(_bytes(name)) + b":" + unquote_to_bytes(_bytes(password))
    return {"Authorization": "Basic " + base64.b64encode(secret).decode()}


def _bytes(text: str) -> bytes:
    return text.encode(errors="surrogateescape")


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
    return "sent what is no answer"


# One exchange


class _Pieces(io.RawIOBase):
    """What comes from a socket until a moment; each wait is as long as what is left."""

    def __init__(self, sock: socket.socket, until_s: float) -> None:
        self._socket, self._until_s = sock, until_s
        self._inner: Any = sock.makefile("rb", buffering=0)

    def readable(self) -> bool:
        """It is."""
        return True

    def readinto(self, buffer: Any, /) -> int | None:
        """As for all raw files. Raises Late."""
        self._socket.settimeout(left_s(self._until_s))
        try:
            count: int | None = self._inner.readinto(buffer)
        except TimeoutError:
            raise Late("didn't answer in time") from None
        return count

    def close(self) -> None:
        """Close our hold of the socket."""
        self._inner.close()
        super().close()


class _Timed:
    """A socket as `http.client` reads answers from it."""

    def __init__(self, sock: socket.socket, until_s: float) -> None:
        self._socket, self._until_s = sock, until_s

    def makefile(self, mode: str) -> IO[bytes]:
        """A file for one answer."""
        assert mode == "rb"
        return io.BufferedReader(_Pieces(self._socket, self._until_s))


def left_s(until_s: float) -> float:
    """Seconds that are left. Raises Late where there are none."""
    left = until_s - time.monotonic()
    if left <= 0:
        raise Late("didn't answer in time")
    return left


def limit(connection: http.client.HTTPConnection, until_s: float) -> None:
    """Let the next exchange on a connection end by a moment, whatever comes and however slowly."""

    def answer(sock: socket.socket, *words: Any, **named: Any) -> http.client.HTTPResponse:
        return http.client.HTTPResponse(_Timed(sock, until_s), *words, **named)  # type: ignore[arg-type]

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
        raise Lie(f"announced more than {limit_bytes} bytes")
    encoding = answer.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("identity", "gzip"):
        raise Lie("packed its answer as nobody asked for")
    unpack = zlib.decompressobj(_GZIP) if encoding == "gzip" else None
    promised, packed, total = answer.length, 0, 0
    while piece := _read(answer):
        packed += len(piece)
        for part in (piece,) if unpack is None else _unpacked(unpack, piece):
            total += len(part)
            if total > limit_bytes:
                raise Lie(f"sent more than {limit_bytes} bytes")
            yield part
        if packed > limit_bytes:
            raise Lie(f"sent more than {limit_bytes} bytes")
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
        raise Lie("sent what is not packed as it says") from None
    if unpack.unused_data:
        raise Lie("sent more than what is packed")
