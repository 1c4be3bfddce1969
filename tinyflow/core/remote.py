"""A cache that others fill and read too, spoken to by the Bazel HTTP cache protocol: `/cas/<sha256>`, `/ac/<key>`.

Everything that comes from it is checked against its digest, so a server that lies, stalls or dies costs time and
nothing else. After a few failures in a row it is left alone for the rest of the session, which is said once.
"""

from __future__ import annotations

import base64
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit, urlunsplit

from tinyflow.core import digest
from tinyflow.core.errors import UsageError
from tinyflow.core.store import Result, Store

if TYPE_CHECKING:
    import urllib3

T = TypeVar("T")

_CONNECT_S = 3.0
_READ_S = 20.0  # between two pieces of an answer
_ANSWER_S = 60.0
_RETRIES = 2
_BACKOFF_S = 0.2
_TRANSFERS = 8  # at the same time
_FAILURES_TO_GIVE_UP = 3  # in a row
_MAX_RESULT_BYTES = 1 << 20
_MAX_BLOB_BYTES = 1 << 30
_CHUNK_BYTES = 1 << 16


@dataclass(frozen=True)
class RemoteAddress:
    """Where the remote cache is, whether it is written to, and the headers that it wants."""

    url: str
    is_writable: bool
    headers: Mapping[str, str]


def parse_address(text: str, token: str | None = None) -> RemoteAddress:
    """The meaning of `TINYFLOW_REMOTE_CACHE`: `https://[user:password@]host/path[:ro|:rw]`.

    Read-only unless it says rw. `token` is a bearer token. UsageError for anything else.
    """
    url, mode = text, "ro"
    for suffix in (":ro", ":rw"):
        if text.endswith(suffix):
            url, mode = text.removesuffix(suffix), suffix[1:]
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname:
        raise UsageError(
            f'TINYFLOW_REMOTE_CACHE is "{text}", which is no address of a cache',
            hint="such as https://cache.example.org/tinyflow:rw",
        )
    headers = {}
    if token:
        headers["Authorization"] = f"Bearer {token}"
    elif parts.username is not None:
        credentials = f"{parts.username}:{parts.password or ''}".encode()
        headers["Authorization"] = "Basic " + base64.b64encode(credentials).decode()
    place = parts.netloc.rpartition("@")[2]
    return RemoteAddress(urlunsplit((parts.scheme, place, parts.path.rstrip("/"), "", "")), mode == "rw", headers)


class Remote:
    """One remote cache during one session; safe to use from several threads."""

    def __init__(self, address: RemoteAddress, say: Callable[[str], None] = lambda line: None) -> None:
        """Nothing is sent yet. `say` gets one line when the cache is given up."""
        self._address = address
        self._say = say
        self._transfers = ThreadPoolExecutor(_TRANSFERS, "remote-cache")
        self._uploads: list[Future[None]] = []
        self._lock = threading.Lock()
        self._failures = 0
        self._pool_made: Any = None

    def close(self) -> None:
        """Wait for the uploads that are under way."""
        for upload in self._uploads:
            upload.result()
        self._transfers.shutdown()

    # Reading

    def fetch_result(self, key: str, store: Store) -> Result | None:
        """Bring a result and all its blobs into the store; None where anything of it can't be had or is wrong."""
        found = self._get(f"ac/{_hexadecimal(key)}", _MAX_RESULT_BYTES)
        if found is None:
            return None
        try:
            result = Result.from_file(found)
        except ValueError:
            self._count_failure("sent a damaged result")
            return None
        if result.key != key or digest.of_bytes(result.key_text.encode()) != key:
            self._count_failure("sent the result of another action")
            return None
        blobs = [*result.outputs.values(), result.log]
        if not self._fetch_blobs(blobs, store):
            return None
        trees = [name for output, name in result.outputs.items() if output.endswith("/")]
        entries = [store.tree_entries(name) for name in trees]
        if None in entries or not self._fetch_blobs([blob for tree in entries for _, blob in tree or ()], store):
            return None
        return result

    def _fetch_blobs(self, names: Iterable[str], store: Store) -> bool:
        missing = {name for name in names if not store.has(name)}
        return all(self._transfers.map(lambda name: self._fetch_blob(name, store), sorted(missing)))

    def _fetch_blob(self, name: str, store: Store) -> bool:
        data = self._get(f"cas/{_hexadecimal(name)}", _MAX_BLOB_BYTES)
        if data is None:
            return False
        if digest.of_bytes(data) != name:
            self._count_failure("sent a blob that is not what was asked for")
            return False
        store.add_bytes(data)
        return True

    def _get(self, path: str, limit_bytes: int) -> bytes | None:
        """An answer's body; None for a miss, a failure and more than `limit_bytes`."""

        def exchange(pool: urllib3.PoolManager) -> bytes | None:
            answer = pool.request("GET", f"{self._address.url}/{path}", preload_content=False)
            deadline = time.monotonic() + _ANSWER_S
            try:
                if answer.status == 404:
                    return None
                self._expect(answer.status, 200)
                body = bytearray()
                for chunk in answer.stream(_CHUNK_BYTES, decode_content=True):
                    body += chunk
                    if len(body) > limit_bytes:
                        raise ValueError(f"sent more than {limit_bytes} bytes")
                    if time.monotonic() > deadline:
                        raise ValueError(f"took more than {_ANSWER_S:g} s for one answer")
                return bytes(body)
            finally:
                answer.release_conn()

        return self._attempt(exchange)

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
        for name in sorted(names):
            data = store.read(name)
            if data is None or not self._put(f"cas/{_hexadecimal(name)}", data):
                return
        self._put(f"ac/{_hexadecimal(result.key)}", result.to_file())

    def _put(self, path: str, data: bytes) -> bool:
        def exchange(pool: urllib3.PoolManager) -> bool:
            answer = pool.request("PUT", f"{self._address.url}/{path}", body=data)
            self._expect(answer.status, 200, 201, 202, 204)
            return True

        return self._attempt(exchange) or False

    # Failing

    def _attempt(self, exchange: Callable[[urllib3.PoolManager], T | None]) -> T | None:
        """The exchange's value, or None where it fails or the cache was given up."""
        from urllib3.exceptions import HTTPError

        if self._failures >= _FAILURES_TO_GIVE_UP:
            return None
        try:
            value = exchange(self._pool())
        except (HTTPError, OSError, ValueError) as error:
            self._count_failure(str(error).partition("\n")[0])
            return None
        with self._lock:
            self._failures = 0
        return value

    def _expect(self, status: int, *wanted: int) -> None:
        if status not in wanted:
            raise ValueError(f"answered with status {status}")

    def _count_failure(self, what: str) -> None:
        with self._lock:
            self._failures += 1
            is_last = self._failures == _FAILURES_TO_GIVE_UP
        if is_last:
            self._say(f"remote cache {self._address.url} {what}; not asked again in this run")

    def _pool(self) -> urllib3.PoolManager:
        import urllib3

        with self._lock:
            if self._pool_made is None:
                self._pool_made = urllib3.PoolManager(
                    num_pools=2,
                    maxsize=_TRANSFERS,
                    headers={**self._address.headers, **urllib3.make_headers(accept_encoding=True)},
                    timeout=urllib3.Timeout(connect=_CONNECT_S, read=_READ_S),
                    retries=urllib3.Retry(
                        total=_RETRIES, backoff_factor=_BACKOFF_S, status_forcelist=(502, 503, 504), redirect=3
                    ),
                )
            pool: urllib3.PoolManager = self._pool_made
        return pool


def _hexadecimal(name: str) -> str:
    return name.removeprefix("sha256:")
