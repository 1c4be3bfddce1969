"""A remote cache that means ill: nothing of it is kept, and time, memory and bytes are bounded, whatever it sends."""

from __future__ import annotations

import contextlib
import json
import time
import tracemalloc
import zlib
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any

import pytest
from cache_server import Answer, Handler, Server, serve
from test_execute import Chain, execute_all

from tinyflow.core import digest, remote
from tinyflow.core.execute import Session
from tinyflow.core.remote import Remote, parse_address
from tinyflow.core.result import Result
from tinyflow.core.store import Store

EMPTY = digest.of_bytes(b"")


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    """Two actions over one file."""
    return Chain(tmp_path)


@pytest.fixture
def server(chain: Chain, tmp_path: Path) -> Iterator[Server]:
    """A running server that has the chain."""
    with serve() as server:
        session = Session(
            tmp_path / "one" / "cache", tmp_path / "one", remote=Remote(parse_address(f"{server.url}:rw"))
        )
        execute_all(session, chain.actions())
        session.close()
        server.seen.clear()
        yield server


def builds_all_the_same(server: Server, chain: Chain, folder: Path) -> list[str]:
    """Whether another checkout builds rightly, and then, without the server, has a sound cache; what was said."""
    said: list[str] = []
    chain.ran()
    session = Session(folder / "cache", folder, said.append, Remote(parse_address(server.url), said.append))
    assert execute_all(session, actions := chain.actions()) == ["built", "built"]
    assert chain.ran() == ["upper", "letters"]
    assert session.output_path(actions[-1], "count").read_text() == "11"
    session.close()
    session = Session(folder / "cache", folder / "later", said.append)
    assert execute_all(session, chain.actions()) == ["hit", "hit"]
    session.close()
    return said


def forged(body: bytes, **changes: Any) -> bytes:
    """A result changed, in an envelope that is right."""
    fields = json.loads(body.partition(b"\n")[2]) | changes
    return sealed(json.dumps(fields).encode())


def sealed(body: bytes) -> bytes:
    """The envelope of a result around whatever."""
    return b"tinyflow result 1 " + digest.of_bytes(body).encode() + b"\n" + body


ODD_CHANGES: list[dict[str, Any]] = [
    {"duration_s": {"a": 1}},
    {"duration_s": 10**400},
    {"duration_s": -1},
    {"duration_s": 1e300},
    {"duration_s": float("nan")},
    {"duration_s": float("inf")},
    {"duration_s": "abc"},
    {"duration_s": None},
    {"duration_s": True},
    {"key_text": ["x"]},
    {"key_text": "\ud800"},
    {"key_text": "stage other x:y\n"},
    {"key": EMPTY},
    {"outputs": [["upper", EMPTY]]},
    {"outputs": {"upper": EMPTY}},
    {"outputs": {"upper": EMPTY, "tree/": {"a": EMPTY}}},
    {"outputs": {f"blob{number}": EMPTY for number in range(100)}},
    {"outputs": {"upper": EMPTY, "tree/": EMPTY, "../x": EMPTY}},
    {"outputs": {"upper": EMPTY, "tree/": EMPTY, "a\x1b[2J": EMPTY}},
    {"log": 3},
    {"log": EMPTY.upper()},
    {"surprise": 1},
]
ODD_BODIES = [
    b"",
    b"[" * 500_000,
    b'{"a":' * 100_000,
    b"1" * 500_000,
    b"null",
    b"{}",
    b"\xff\xfe",
    b'{"key": 1, "key_text": 2, "outputs": 3, "duration_s": 4, "log": 5}',
    b"<html>log in first</html>",
]
ODD: list[Callable[[bytes], bytes]] = [
    *(lambda body, changes=changes: forged(body, **changes) for changes in ODD_CHANGES),
    *(lambda body, odd=odd: sealed(odd) for odd in ODD_BODIES),
    lambda body: b"<html>log in first</html>",
]


def test_odd_results_are_misses(server: Server, tmp_path: Path) -> None:
    """From a server: no blob is asked for, nothing is kept. In the local cache: moved aside, which is said once."""
    path = next(path for path, body in server.bodies.items() if b"letters" in body and "/ac/" in path)
    key, whole = f"sha256:{path[-64:]}", server.bodies[path]
    local = tmp_path / "local" / "results" / key[7:9] / key[9:]
    local.parent.mkdir(parents=True)
    for number, odd in enumerate(ODD):
        server.bodies[path] = odd(whole)
        asked = Remote(parse_address(server.url))
        assert asked.fetch_result(key, ("count",), Store(tmp_path / "two")) is None, number
        asked.close()
        local.write_bytes(odd(whole))
        said: list[str] = []
        store = Store(tmp_path / "local", said.append)
        assert (store.look_up(key, ("count",)), store.look_up(key, ("count",))) == (None, None), number
        assert len(said) == 1, number
        assert not local.exists()
    assert not [line for line in server.seen if "/cas/" in line]
    assert not (tmp_path / "two").exists()


@pytest.mark.parametrize("odd", [ODD[0], ODD[1], ODD[14], ODD[23]])
def test_odd_results_are_made_again(
    server: Server, chain: Chain, tmp_path: Path, odd: Callable[[bytes], bytes]
) -> None:
    """Wherever they are found, a run ends rightly, and the next one finds all as it should be."""
    folder = tmp_path / "two"
    server.harm = lambda handler: handler.reply(200, odd(handler.server.bodies[handler.path]))
    builds_all_the_same(server, chain, folder)
    for path in [path for path in (folder / "cache" / "results").rglob("*") if path.is_file()]:
        path.chmod(0o644)
        path.write_bytes(odd(path.read_bytes()))
    for state, expected, count in (("again", ["built", "built"], 2), ("more", ["hit", "hit"], 0)):
        said: list[str] = []
        session = Session(folder / "cache", folder / state, said.append)
        assert execute_all(session, chain.actions()) == expected
        session.close()
        assert len([line for line in said if "damaged" in line]) == len(said) == count


def test_foreign_blobs_are_not_fetched(server: Server, chain: Chain, tmp_path: Path) -> None:
    """A result with more outputs than the action has is refused before the first of them is asked for."""
    blob = b"foreign" * 1000
    server.bodies[f"/cache/cas/{digest.of_bytes(blob)[7:]}"] = blob

    def add(handler: Handler) -> None:
        body = handler.server.bodies[handler.path]
        if "/ac/" in handler.path:
            outputs = Result.from_file(body).outputs
            body = forged(body, outputs={**outputs, "more": digest.of_bytes(blob)})
        handler.reply(200, body)

    server.harm = add
    builds_all_the_same(server, chain, tmp_path / "two")
    assert not Store(tmp_path / "two" / "cache").has(digest.of_bytes(blob))


def drip(handler: Handler) -> None:
    """Send the right answer, one byte in 0.1 s."""
    body = handler.server.bodies[handler.path]
    head = f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for byte in head + body:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.1)


def drip_body(handler: Handler) -> None:
    """Send the right head at once, and the body one byte in 0.1 s."""
    body = handler.server.bodies[handler.path]
    handler.wfile.write(f"HTTP/1.1 200 OK\r\nContent-Length: {len(body)}\r\n\r\n".encode())
    for byte in body:
        handler.wfile.write(bytes([byte]))
        time.sleep(0.1)


def forever(head: bytes, again: bytes) -> Answer:
    """Send a head, and then the same again and again."""

    def send(handler: Handler) -> None:
        handler.wfile.write(head)
        while True:
            handler.wfile.write(again)

    return send


ONCE = b"HTTP/1.1 200 OK\r\n"


@cache
def packed() -> bytes:
    """Of 128 MB of zeros, 130 kB; made piece by piece, as memory is being measured."""
    pack = zlib.compressobj(wbits=31)
    return b"".join([*(pack.compress(bytes(1 << 20)) for _ in range(128)), pack.flush()])


def bomb(handler: Handler, encoding: str = "gzip") -> None:
    """Send 128 MB of zeros in 130 kB."""
    head = f"HTTP/1.1 200 OK\r\nContent-Encoding: {encoding}\r\nContent-Length: {len(packed())}\r\n\r\n"
    handler.wfile.write(head.encode() + packed())


def answering(head: str, body: bytes = b"x") -> Answer:
    """Send just this, and hang up."""

    def send(handler: Handler) -> None:
        handler.wfile.write(f"HTTP/1.1 {head}\r\n\r\n".encode() + body)
        handler.close_connection = True

    return send


HOSTILE: dict[str, Answer] = {
    "drip": drip,
    "dripping body": drip_body,
    "silence": lambda handler: time.sleep(2),
    "endless body": forever(ONCE + b"\r\n", bytes(1 << 16)),
    "endless chunks": forever(ONCE + b"Transfer-Encoding: chunked\r\n\r\n", b"10000\r\n" + bytes(1 << 16) + b"\r\n"),
    "endless line of a chunk": forever(ONCE + b"Transfer-Encoding: chunked\r\n\r\n", b"1" * (1 << 16)),
    "endless trailer": forever(ONCE + b"Transfer-Encoding: chunked\r\n\r\n0\r\n", b"A: b\r\n" * 1000),
    "endless head": forever(ONCE, b"A: b\r\n" * 1000),
    "endless line": forever(b"", b"x" * (1 << 16)),
    "endless promises": forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1000),
    "bomb": bomb,
    "packed otherwise": answering("200 OK\r\nContent-Encoding: br"),
    "packed twice": partial(bomb, encoding="gzip, gzip"),
    "huge length": answering("200 OK\r\nContent-Length: " + "9" * 30),
    "odd length": answering("200 OK\r\nContent-Length: -5"),
    "no status": answering("2OO"),
    "login": answering("200 OK\r\nContent-Type: text/html", b"<html>log in first</html>"),
    "forbidden": answering("403 Forbidden"),
    "elsewhere": answering("302 Found\r\nLocation: http://127.0.0.2:9/cas/x"),
    "round": answering("302 Found\r\nLocation: /cache/ac/x"),
    "nowhere": answering("302 Found\r\nLocation: http://[x"),
}


QUICK = ("drip", "endless line of a chunk", "bomb", "login")


@pytest.mark.parametrize("where", ["/ac/", "/cas/"])
@pytest.mark.parametrize(
    "name", [name if name in QUICK else pytest.param(name, marks=pytest.mark.slow) for name in HOSTILE]
)
@pytest.mark.every(3)
def test_hostile_answers_cost_little(
    server: Server, chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str, where: str
) -> None:
    """Whether results or blobs are answered so: given up in one line, within the time and the memory that were set."""
    monkeypatch.setattr(remote, "_RESULT_S", 0.3)
    monkeypatch.setattr(remote, "_BLOB_S", 0.3)
    monkeypatch.setattr(remote, "_BACKOFF_S", 0.01)
    monkeypatch.setattr(remote, "_FAILURES_TO_GIVE_UP", 1)
    monkeypatch.setattr(remote, "_LIES_TO_GIVE_UP", 1)
    monkeypatch.setattr(remote, "_MAX_BLOB_BYTES", 1 << 20)

    def harm(handler: Handler) -> None:
        if where in handler.path:
            with contextlib.suppress(OSError):
                HOSTILE[name](handler)
            handler.close_connection = True
        else:
            handler.reply(200, handler.server.bodies[handler.path])

    server.harm = harm
    started = time.monotonic()
    tracemalloc.start()
    said = builds_all_the_same(server, chain, tmp_path / "two")
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    print("PEAK", name, where, peak_bytes)
    assert peak_bytes < 40 << 20
    assert time.monotonic() - started < 10
    assert len(said) == 1
    assert said[0].startswith(f"remote cache http://127.0.0.1:{server.server_port} ")
    assert said[0].endswith("; not asked again in this run")
    assert name != "elsewhere" or "redirects to another server" in said[0]
    assert not list((tmp_path / "two" / "cache" / "tmp").iterdir())


def test_a_liar_is_given_up_though_it_tells_some_truth(server: Server, tmp_path: Path) -> None:
    """Three lies in all, whatever comes between, and nothing more is asked."""
    said: list[str] = []
    lying = Remote(parse_address(server.url), said.append)
    store = Store(tmp_path / "two")
    results = [path for path in server.bodies if "/ac/" in path]
    [key] = [f"sha256:{path[-64:]}" for path in results if b"letters" in server.bodies[path]]
    truth = dict(server.bodies)
    for asked in range(8):
        server.bodies.update(truth if asked % 2 else dict.fromkeys(results, b"<html>log in first</html>"))
        store = Store(tmp_path / f"store {asked}")
        assert (lying.fetch_result(key, ("count",), store) is not None) == (asked in (1, 3))
    assert len([line for line in server.seen if "/ac/" in line]) == 5
    assert len(said) == 1
    assert "sent a damaged result" in said[0]
    lying.close()


def test_eight_blobs_at_once_stay_out_of_memory(server: Server, tmp_path: Path) -> None:
    """What is fetched goes by in pieces."""
    blobs = [bytes([number]) * (4 << 20) for number in range(8)]
    server.bodies.update({f"/cache/cas/{digest.of_bytes(blob)[7:]}": blob for blob in [b"", *blobs]})
    outputs = {f"{number}": digest.of_bytes(blob) for number, blob in enumerate(blobs)}
    result = Result(digest.of_bytes(b"key\n"), "key\n", outputs, 1.0, EMPTY)
    server.bodies[f"/cache/ac/{result.key[7:]}"] = result.to_file()
    fetcher = Remote(parse_address(server.url))
    tracemalloc.start()
    assert fetcher.fetch_result(result.key, tuple(outputs), Store(tmp_path / "empty")) == result
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    fetcher.close()
    assert peak_bytes < 8 << 20


def test_what_one_result_may_bring_is_limited(
    server: Server, chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In bytes of all its blobs, and in their number."""
    for name in ("_MAX_TOTAL_BYTES", "_MAX_BLOBS"):
        with monkeypatch.context() as patch:
            patch.setattr(remote, name, 1)
            patch.setattr(remote, "_LIES_TO_GIVE_UP", 1)
            [line] = builds_all_the_same(server, chain, tmp_path / name)
            assert "for one result" in line or "of more than 1 files" in line


def test_a_server_may_lead_elsewhere_on_itself(server: Server, chain: Chain, tmp_path: Path) -> None:
    """Within the same server a redirect is followed, with what opens it; to another one it is not."""
    seen: list[str] = []

    def lead(handler: Handler) -> None:
        path, _, query = handler.path.partition("?")
        assert handler.headers["Authorization"] == "Bearer t"
        if query == "there":
            seen.append(path)
            handler.reply(200, handler.server.bodies[path])
        else:
            handler.send_response(307)
            handler.send_header("Location", f"{path}?there")
            handler.send_header("Content-Length", "0")
            handler.end_headers()

    server.harm = lead
    session = Session(tmp_path / "cache", tmp_path / "two", remote=Remote(parse_address(server.url, "t")))
    assert execute_all(session, chain.actions()) == ["hit", "hit"]
    session.close()
    assert len(seen) > 4
