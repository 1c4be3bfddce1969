"""A cache that others fill and read too, spoken to by the Bazel HTTP cache protocol: `/cas/<sha256>`, `/ac/<key>`.

Everything that comes from it is checked against its digest, so a server that lies, stalls or dies costs time and
nothing else: each request ends by a moment, and what it may send is limited in bytes and number. After a few lies, or
failures in a row, it is left alone for the rest of the session, which is said once; where only writing fails, such as
for who may read alone, it is read still.
"""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from typing import NamedTuple, TypeVar
from urllib.parse import urljoin

from tinyflow.core import digest
from tinyflow.core.address import Address
from tinyflow.core.errors import CacheError, UsageError
from tinyflow.core.http import Failure, ProtocolError, body_of, connect, is_readable, left_s, limit, reason_of
from tinyflow.core.regular_files import Regular, Unreadable
from tinyflow.core.result import Result
from tinyflow.core.store import Store

T = TypeVar("T")

_RESULT_S = 10.0  # for one request of a result, with all attempts and redirects
_BLOB_S = 60.0
_SLOWEST_BYTES_S = 1 << 18  # an upload has what this takes beside the time of a result, and no more than a blob has
_RETRIES = 2
_BACKOFF_S = 0.2
_TRANSFERS = 8  # at the same time
_FAILURES_TO_GIVE_UP = 3  # in a row
_LIES_TO_GIVE_UP = 3  # in all
_MAX_RESULT_BYTES = 1 << 20
_MAX_LISTING_BYTES = 1 << 24  # is read into memory
_MAX_BLOB_BYTES = 1 << 30
_MAX_TOTAL_BYTES = 1 << 31  # of all blobs of one result
_MAX_BLOBS = 20_000
_MAX_REDIRECTS = 3
_CHUNK_BYTES = 1 << 16
_BUSY = (502, 503, 504)
_REDIRECTS = (301, 302, 303, 307, 308)


class RemoteAddress(NamedTuple):
    """Where the remote cache is, whether it is written to, and what opens it."""

    server: Address
    is_writable: bool


def parse_address(text: str, token: str | None = None) -> RemoteAddress:
    """The meaning of `TINYFLOW_REMOTE_CACHE`: `https://[user:password@]host/path[?query][:ro|:rw]`.

    Read-only unless it says rw. `token` is a bearer token. UsageError for anything else; it repeats nothing of either.
    """
    url, mode = text, "ro"
    for suffix in (":ro", ":rw"):
        if text.endswith(suffix):
            url, mode = text.removesuffix(suffix), suffix[1:]
    try:
        return RemoteAddress(Address.parse(url, token), mode == "rw")
    except ValueError as error:
        raise UsageError(
            f"TINYFLOW_REMOTE_CACHE is not the address of a cache, or TINYFLOW_REMOTE_TOKEN not a token: {error}",
            hint="such as https://cache.example.org/tinyflow:rw",
        ) from None


class _Allowance:
    """How many bytes may still come for one result."""

    def __init__(self) -> None:
        self._left_bytes = _MAX_TOTAL_BYTES
        self._lock = threading.Lock()

    def of(self, pieces: Iterable[bytes]) -> Iterator[bytes]:
        """These pieces. Raises ProtocolError where they are too many."""
        for piece in pieces:
            with self._lock:
                self._left_bytes -= len(piece)
                if self._left_bytes < 0:
                    raise ProtocolError(f"sent more than {_MAX_TOTAL_BYTES} bytes for one result")
            yield piece


class Remote:
    """One remote cache during one session; safe to use from several threads."""

    def __init__(self, address: RemoteAddress, warn: Callable[[str], None] = lambda line: None) -> None:
        """Nothing is sent yet. `warn` gets one line when the cache is given up."""
        self._address = address
        self._warn = warn
        self._transfers = ThreadPoolExecutor(_TRANSFERS, "remote-cache")
        self._uploads: list[Future[None]] = []
        self._lock = threading.Lock()
        self._failures = {"asked": 0, "written to": 0}
        self._lies = 0
        self._given_up: set[str] = set()
        self._idle: list[http.client.HTTPConnection] = []

    def close(self) -> None:
        """Wait for the uploads that are under way."""
        for upload in self._uploads:
            upload.result()
        self._transfers.shutdown()
        for connection in self._idle:
            connection.close()

    # Reading

    def fetch_result(self, key: str, outputs: Collection[str], store: Store) -> Result | None:
        """Bring a result with these outputs and all its blobs into the store; None where any can't be had or is wrong.

        The result is looked at wholly before any blob is asked for, and the listings of trees before other blobs.
        """
        result = self._attempt(lambda: self._get_result(key, outputs))
        if result is None:
            return None
        allowance = _Allowance()
        trees = {name for output, name in result.outputs.items() if output.endswith("/")}
        if not self._fetch_blobs(trees, store, allowance, _MAX_LISTING_BYTES):
            return None
        entries = self._attempt(lambda: _listed(trees, store))
        if entries is None:
            return None
        blobs = {*result.outputs.values(), result.log, *entries}
        return result if self._fetch_blobs(blobs, store, allowance, _MAX_BLOB_BYTES) else None

    def fetch_blobs(self, names: Iterable[str], store: Store) -> None:
        """Bring those of these blobs that it has into the store."""
        allowance = _Allowance()

        def fetch(name: str) -> None:
            self._attempt(lambda: self._fetch_blob(name, store, allowance, _MAX_BLOB_BYTES))

        list(self._transfers.map(fetch, names))

    def _get_result(self, key: str, outputs: Collection[str]) -> Result | None:
        body = self._get(
            f"ac/{_hexadecimal(key)}", _RESULT_S, lambda answer: b"".join(body_of(answer, _MAX_RESULT_BYTES))
        )
        if body is None:
            return None
        try:
            result = Result.from_file(body)
        except ValueError:
            raise ProtocolError("sent a damaged result") from None
        if result.key != key or result.outputs.keys() != set(outputs):
            raise ProtocolError("sent the result of another action")
        return result

    def _fetch_blobs(self, names: Iterable[str], store: Store, allowance: _Allowance, limit_bytes: int) -> bool:
        missing = sorted(name for name in names if not store.has(name))

        def fetch(name: str) -> bool:
            return self._attempt(lambda: self._fetch_blob(name, store, allowance, limit_bytes)) or False

        return all(self._transfers.map(fetch, missing))

    def _fetch_blob(self, name: str, store: Store, allowance: _Allowance, limit_bytes: int) -> bool | None:
        def keep(answer: http.client.HTTPResponse) -> bool:
            if not store.add_stream(name, allowance.of(body_of(answer, limit_bytes))):
                raise ProtocolError("sent a blob that is not what was asked for")
            return True

        return self._get(f"cas/{_hexadecimal(name)}", _BLOB_S, keep)

    def _get(self, path: str, most_s: float, take: Callable[[http.client.HTTPResponse], T]) -> T | None:
        """What `take` makes of an answer; None for a miss."""
        until_s = time.monotonic() + most_s
        target = self._address.server.below(path).target
        for _ in range(1 + _MAX_REDIRECTS):
            with self._ask("GET", target, until_s) as answer:
                if answer.status not in _REDIRECTS:
                    _expect(answer.status, 200, 404)
                    return take(answer) if answer.status == 200 else None
                target = self._redirected(target, answer.headers.get("Location", ""))
        raise Failure("redirects without end")

    def _redirected(self, target: str, location: str) -> str:
        """The target on the same server that an answer leads to. Raises Failure for another server."""
        server = self._address.server
        try:
            led = Address.parse(urljoin(server.place + target, location))
        except ValueError:
            raise Failure("redirects to no address") from None
        if led.origin != server.origin:
            raise Failure("redirects to another server")
        return led.target

    # Writing

    def send_result(self, result: Result, store: Store) -> None:
        """Begin to upload a result; blobs first, so that whoever sees the result finds them."""
        if self._address.is_writable:
            self._uploads.append(self._transfers.submit(self._send, result, store))

    def _send(self, result: Result, store: Store) -> None:
        names = {*result.outputs.values(), result.log}
        for output, name in result.outputs.items():
            if output.endswith("/"):
                names |= {blob for _, blob in store.tree_entries(name) or ()}
        content = result.to_file()
        steps = [partial(self._send_blob, name, store) for name in sorted(names)]
        steps.append(partial(self._put, f"ac/{_hexadecimal(result.key)}", len(content), lambda: iter([content])))
        all(self._attempt(step, "written to") for step in steps)

    def _send_blob(self, name: str, store: Store) -> bool:
        path = store.sound_path(name)
        if path is None:
            return False

        def pieces() -> Iterator[bytes]:
            with Regular(path) as source:
                while piece := source.read(_CHUNK_BYTES):
                    yield piece

        return self._put(f"cas/{_hexadecimal(name)}", path.stat().st_size, pieces)

    def _put(self, path: str, size_bytes: int, pieces: Callable[[], Iterator[bytes]]) -> bool:
        until_s = time.monotonic() + min(_BLOB_S, _RESULT_S + size_bytes / _SLOWEST_BYTES_S)
        with self._ask("PUT", self._address.server.below(path).target, until_s, size_bytes, pieces) as answer:
            _expect(answer.status, 200, 201, 202, 204)
        return True

    # One exchange

    @contextlib.contextmanager
    def _ask(
        self,
        method: str,
        target: str,
        until_s: float,
        size_bytes: int | None = None,
        pieces: Callable[[], Iterator[bytes]] = lambda: iter(()),
    ) -> Iterator[http.client.HTTPResponse]:
        """The answer to a request, whose body is there until the end of the block."""
        headers = {**self._address.server.headers, "Accept-Encoding": "gzip"}
        if size_bytes is not None:
            headers["Content-Length"] = str(size_bytes)
        for attempt in range(1 + _RETRIES):
            connection = self._connection()
            try:
                limit(connection, until_s)
                body = None if size_bytes is None else _paced(connection, pieces(), until_s)
                connection.request(method, target, body, headers)
                answer = connection.getresponse()
                if answer.status not in _BUSY or attempt == _RETRIES:
                    break
                connection.close()
            except BaseException as error:
                connection.close()
                if attempt == _RETRIES or not isinstance(error, (OSError, http.client.HTTPException)):
                    raise
            time.sleep(min(_BACKOFF_S * 2**attempt, left_s(until_s)))
        try:
            yield answer
            if answer.length is not None and answer.length <= _CHUNK_BYTES:
                answer.read()  # so that the connection serves again
        finally:
            if answer.isclosed() and not answer.will_close:
                with self._lock:
                    self._idle.append(connection)
            else:
                connection.close()

    def _connection(self) -> http.client.HTTPConnection:
        """One that is open still, or a new one."""
        with self._lock:
            while self._idle:
                connection = self._idle.pop()
                if not is_readable(connection):  # now that could only be its end
                    return connection
                connection.close()
        return connect(self._address.server)

    # Failing

    def _attempt(self, work: Callable[[], T | None], what: str = "asked") -> T | None:
        """What some work gives, or None where it fails or the cache was given up."""
        if what in self._given_up:
            return None
        try:
            value = work()
        except (CacheError, Unreadable):  # our own disk: whoever needs it next says so
            return None
        except (Failure, OSError, http.client.HTTPException, ValueError) as error:
            self._count(what, reason_of(error), is_lie=isinstance(error, ProtocolError))
            return None
        with self._lock:
            self._failures[what] = 0
        return value

    def _count(self, what: str, reason: str, *, is_lie: bool) -> None:
        with self._lock:
            self._failures[what] += 1
            self._lies += is_lie
            is_enough = self._failures[what] >= _FAILURES_TO_GIVE_UP or self._lies >= _LIES_TO_GIVE_UP
            is_last = is_enough and what not in self._given_up
            if is_last:  # what can't be read is not written to, either
                self._given_up |= {what, "written to"}
        if is_last:
            self._warn(f"remote cache {self._address.server.place} {reason}; not {what} again in this run")


def _listed(trees: Iterable[str], store: Store) -> set[str] | None:
    """The files of these trees; None where a listing was lost. Raises ProtocolError where one is not a listing."""
    found: set[str] = set()
    for name in trees:
        listing = store.read(name)
        if listing is None:
            return None
        try:
            found.update(blob for _, blob in digest.parse_listing(listing))
        except ValueError:
            raise ProtocolError("sent a tree that is none") from None
    if len(found) > _MAX_BLOBS:
        raise ProtocolError(f"sent a result of more than {_MAX_BLOBS} files")
    return found


def _paced(connection: http.client.HTTPConnection, pieces: Iterator[bytes], until_s: float) -> Iterator[bytes]:
    """These pieces; each has only the time that is left. Raises DeadlineExceeded."""
    for piece in pieces:
        connection.sock.settimeout(left_s(until_s))
        yield piece


def _expect(status: int, *wanted: int) -> None:
    if status not in wanted:
        raise Failure(f"answered with status {status}")


def _hexadecimal(name: str) -> str:
    return name.removeprefix("sha256:")
