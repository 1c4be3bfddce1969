"""A remote cache: with a good one nothing runs twice anywhere; a bad one costs time and nothing else."""

from __future__ import annotations

import gzip
import socket
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Any, cast

import nginx_cache
import pytest
from cache_server import Answer, Handler, Server, serve
from test_execute import Chain, execute_all

from tinyflow.core import remote
from tinyflow.core.errors import CacheError, UsageError
from tinyflow.core.execute import Session
from tinyflow.core.http import Failure, ProtocolError
from tinyflow.core.remote import Remote, parse_address
from tinyflow.core.result import Result
from tinyflow.core.store import Store


@pytest.fixture
def server() -> Iterator[Server]:
    """A running server, stopped at the end."""
    with serve() as server:
        yield server


@pytest.fixture
def chain(tmp_path: Path) -> Chain:
    """Two actions over one file."""
    return Chain(tmp_path)


def run(folder: Path, name: str, url: str, chain: Chain, said: list[str] | None = None) -> list[str]:
    """A checkout of its own, with an empty cache, runs the chain once; the outcomes."""
    say = (said if said is not None else []).append
    session = Session(folder / name / "cache", folder / name / "state", say, Remote(parse_address(url), say))
    try:
        outcomes = execute_all(session, actions := chain.actions())
        assert session.output_path(actions[-1], "count").read_text() == "11"
        return outcomes
    finally:
        session.close()


def test_second_checkout_executes_nothing(server: Server, chain: Chain, tmp_path: Path) -> None:
    """What one checkout built and sent, another takes, trees included."""
    assert run(tmp_path, "one", f"{server.url}:rw", chain) == ["built", "built"]
    chain.ran()
    assert run(tmp_path, "two", f"{server.url}:ro", chain) == ["hit", "hit"]
    assert chain.ran() == []


def test_result_is_sent_after_its_blobs(server: Server, chain: Chain, tmp_path: Path) -> None:
    """Whoever sees a result finds all that it names."""
    run(tmp_path, "one", f"{server.url}:rw", chain)
    puts = [line.split("/")[2] for line in server.seen if line.startswith("PUT")]
    assert puts[-1] == "ac"
    assert puts.count("ac") == 2
    first = puts.index("ac")
    assert first >= 4  # upper, the tree's listing, its two files, the log; some have equal content


def test_read_only_sends_nothing(server: Server, chain: Chain, tmp_path: Path) -> None:
    """Without `:rw` nothing is written."""
    run(tmp_path, "one", server.url, chain)
    assert not [line for line in server.seen if line.startswith("PUT")]


def test_credentials_are_sent(server: Server, chain: Chain, tmp_path: Path) -> None:
    """User and password become basic auth and leave the URL; a token becomes a bearer header."""
    run(tmp_path, "one", server.url.replace("//", "//me:secret@") + ":rw", chain)
    assert server.headers_seen[0]["Authorization"] == "Basic bWU6c2VjcmV0"
    assert parse_address(server.url, "t0k").server.headers == {"Authorization": "Bearer t0k"}
    assert "secret" not in parse_address("https://me:secret@host/x").server.shown


def flip(handler: Handler) -> None:
    """Answer with one bit changed."""
    body = bytearray(handler.server.bodies.get(handler.path, b"?"))
    body[-1] ^= 1
    handler.reply(200, bytes(body))


def cut(handler: Handler) -> None:
    """Promise more than is sent, and hang up."""
    body = handler.server.bodies.get(handler.path, b"?")
    handler.reply(200, body[: len(body) // 2], len(body))
    handler.close_connection = True


def refuse(handler: Handler) -> None:
    """Fail."""
    handler.reply(500, b"")


def swap(handler: Handler) -> None:
    """Answer with something else of the same kind."""
    kind = handler.path.split("/")[2]
    others = [body for path, body in handler.server.bodies.items() if f"/{kind}/" in path and path != handler.path]
    handler.reply(200, others[0])


def lose_blobs(handler: Handler) -> None:
    """Know the results and none of their blobs."""
    if "/ac/" in handler.path:
        handler.reply(200, handler.server.bodies[handler.path])
    else:
        handler.reply(404, b"")


def garble(handler: Handler) -> None:
    """Announce a compression that the body has not."""
    handler.send_response(200)
    handler.send_header("Content-Encoding", "gzip")
    handler.send_header("Content-Length", "4")
    handler.end_headers()
    handler.wfile.write(b"nope")


def test_a_result_whose_text_is_another_s_is_not_believed(server: Server, chain: Chain, tmp_path: Path) -> None:
    """The key is the digest of its text: a result that carries the right key and another text is a lie."""
    run(tmp_path, "one", f"{server.url}:rw", chain)

    def forge(handler: Handler) -> None:
        body = handler.server.bodies.get(handler.path, b"")
        if "/ac/" in handler.path and body:
            result = Result.from_file(body)
            body = replace(result, key_text=result.key_text + "parameter x 1\n").to_file()
        handler.reply(200 if body else 404, body)

    server.harm = forge
    chain.ran()
    assert run(tmp_path, "two", f"{server.url}:ro", chain) == ["built", "built"]
    assert chain.ran() == ["upper", "letters"]
    server.harm = stored
    assert run(tmp_path, "three", f"{server.url}:ro", chain) == ["hit", "hit"]


@pytest.mark.slow
@pytest.mark.parametrize("harm", [flip, cut, refuse, swap, lose_blobs, garble])
def test_bad_server_costs_only_time(server: Server, chain: Chain, tmp_path: Path, harm: Answer) -> None:
    """A lying or broken server is never believed: everything is built here, rightly."""
    run(tmp_path, "one", f"{server.url}:rw", chain)
    server.harm = harm
    chain.ran()
    assert run(tmp_path, "two", f"{server.url}:ro", chain) == ["built", "built"]
    assert chain.ran() == ["upper", "letters"]


def test_slow_server_is_given_up(server: Server, chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that dribbles its answers is left alone after a few, which is said once."""
    monkeypatch.setattr(remote, "_RESULT_S", 0.2)
    monkeypatch.setattr(remote, "_RETRIES", 0)
    monkeypatch.setattr(remote, "_FAILURES_TO_GIVE_UP", 1)
    server.harm = lambda handler: time.sleep(30)
    said: list[str] = []
    started = time.monotonic()
    assert run(tmp_path, "one", f"{server.url}:ro", chain, said) == ["built", "built"]
    assert time.monotonic() - started < 20
    assert len(said) == 1
    assert "not asked again" in said[0]


def test_dead_server_costs_only_time(chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody listens: built here."""
    monkeypatch.setattr(remote, "_BACKOFF_S", 0.01)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    assert run(tmp_path, "one", f"http://127.0.0.1:{port}:rw", chain) == ["built", "built"]


def test_full_server_costs_only_time(server: Server, chain: Chain, tmp_path: Path) -> None:
    """A server that takes nothing leaves this checkout's work alone."""
    server.is_full = True
    assert run(tmp_path, "one", f"{server.url}:rw", chain) == ["built", "built"]
    assert server.bodies == {}


def test_who_may_only_read_is_told_once_and_reads_on(server: Server, chain: Chain, tmp_path: Path) -> None:
    """Hits in between don't hide that nothing can be written; what can't be written can be read still."""
    run(tmp_path, "one", f"{server.url}:rw", chain)
    path, body = next((path, body) for path, body in server.bodies.items() if b"letters" in body and "/ac/" in path)
    result, key = Result.from_file(body), f"sha256:{path[-64:]}"
    server.is_full = True
    said: list[str] = []
    reader = Remote(parse_address(f"{server.url}:rw"), said.append)
    for number in range(6):
        reader.send_result(result, Store(tmp_path / "one" / "cache"))
        reader._uploads[-1].result()
        assert reader.fetch_result(key, ("count",), Store(tmp_path / f"{number}")) == result
    reader.close()
    assert said == [f"remote cache {server.url[:-6]} answered with status 507; not written to again in this run"]


def test_a_small_upload_that_nobody_takes_ends_soon(
    server: Server, chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has the time of a result and not that of a large blob, so that the end of a run isn't kept waiting."""
    monkeypatch.setattr(remote, "_RESULT_S", 0.3)
    monkeypatch.setattr(Handler, "do_PUT", lambda handler: time.sleep(30))
    started = time.monotonic()
    assert run(tmp_path, "one", f"{server.url}:rw", chain) == ["built", "built"]
    assert time.monotonic() - started < 20


def stored(handler: Handler) -> None:
    """Answer as a server that means well."""
    body = handler.server.bodies.get(handler.path)
    handler.reply(404 if body is None else 200, body or b"")


def test_busy_server_is_asked_again(
    server: Server, chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that can't answer just now (503) is asked again after a while, and then everything comes from it."""
    monkeypatch.setattr(remote, "_BACKOFF_S", 0.01)
    run(tmp_path, "one", f"{server.url}:rw", chain)
    refused: set[str] = set()

    def refuse_once(handler: Handler) -> None:
        if handler.path in refused:
            stored(handler)
        else:
            refused.add(handler.path)
            handler.reply(503, b"")

    server.harm = refuse_once
    assert run(tmp_path, "two", f"{server.url}:ro", chain) == ["hit", "hit"]
    assert len(refused) > 4


def test_answers_may_be_compressed(server: Server, chain: Chain, tmp_path: Path) -> None:
    """Who answers in gzip, having been told that it may, is understood; digests are of what was inside."""
    run(tmp_path, "one", f"{server.url}:rw", chain)
    compressed: list[str] = []

    def compress(handler: Handler) -> None:
        assert "gzip" in handler.headers["Accept-Encoding"]
        body = gzip.compress(handler.server.bodies[handler.path])
        compressed.append(handler.path)
        handler.send_response(200)
        handler.send_header("Content-Encoding", "gzip")
        handler.send_header("Content-Length", str(len(body)))
        handler.end_headers()
        handler.wfile.write(body)

    server.harm = compress
    assert run(tmp_path, "two", f"{server.url}:ro", chain) == ["hit", "hit"]
    assert len(compressed) > 4


def test_blobs_come_side_by_side(server: Server, chain: Chain, tmp_path: Path) -> None:
    """Each of two answers waits until the other was asked for: one after the other they would never come."""
    run(tmp_path, "one", f"{server.url}:rw", chain)
    both = threading.Barrier(2)
    waited: list[str] = []

    def wait(handler: Handler) -> None:
        is_listing = handler.server.bodies.get(handler.path, b"").startswith(b"sha256:")  # these come before the others
        if "/cas/" in handler.path and not is_listing and len(waited) < 2:
            waited.append(handler.path)
            both.wait(5)
        stored(handler)

    server.harm = wait
    assert run(tmp_path, "two", f"{server.url}:ro", chain) == ["hit", "hit"]
    assert len(set(waited)) == 2


def test_answer_has_a_limit(server: Server, chain: Chain, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server can't fill our memory."""
    monkeypatch.setattr(remote, "_MAX_RESULT_BYTES", 100)
    run(tmp_path, "one", f"{server.url}:rw", chain)
    assert run(tmp_path, "two", f"{server.url}:ro", chain) == ["built", "built"]


@pytest.mark.parametrize("text", ["cache.example.org", "ftp://host/x", "http://", ":rw"])
def test_wrong_address_is_refused(text: str) -> None:
    """What is not a http address is said so, with an example."""
    with pytest.raises(UsageError, match="not the address of a cache"):
        parse_address(text)


@pytest.fixture
def nginx(tmp_path: Path) -> Iterator[str]:
    """The URL of a real nginx's cache."""
    with nginx_cache.serve(tmp_path / "nginx") as url:
        yield url


def test_nginx_serves_as_it_is(nginx: str, chain: Chain, tmp_path: Path) -> None:
    """A plain nginx with WebDAV is a remote cache; what is damaged on its disk is not believed."""
    assert run(tmp_path, "one", f"{nginx}:rw", chain) == ["built", "built"]
    chain.ran()
    assert run(tmp_path, "two", f"{nginx}:ro", chain) == ["hit", "hit"]
    assert chain.ran() == []
    for blob in (tmp_path / "nginx" / "www" / "cache" / "cas").iterdir():
        blob.write_bytes(b"x" + blob.read_bytes())
    assert run(tmp_path, "three", f"{nginx}:ro", chain) == ["built", "built"]


def test_a_server_is_left_alone_after_three() -> None:
    """Failures in a row, or lies in all, whatever came between; that is said once, and nothing is asked any more."""
    said: list[str] = []

    def attempt(*errors: Exception | None) -> Remote:
        remote = Remote(parse_address("http://127.0.0.1:9/x"), said.append)
        for error in errors:

            def work(error: Exception | None = error) -> int:
                if error is not None:
                    raise error
                return 1

            assert remote._attempt(work) == (None if error is not None else 1)
        return remote

    late, lie = Failure("was late"), ProtocolError("sent a damaged result")
    for fine in ((late, late, None, late, late), (lie, lie), (late, CacheError("full"), ValueError("odd"))):
        assert attempt(*fine)._attempt(lambda: 2) == 2
        assert said == []
    for bad in ((late, late, late), (lie, None, lie, None, lie), (late, lie, OSError())):
        remote = attempt(*bad)
        assert remote._attempt(lambda: 2) is None
        assert len(said) == 1 and said[0].startswith("remote cache http://127.0.0.1:9 ")
        assert said.pop().endswith("; not asked again in this run")
        remote._count("asked", "was late", is_lie=True)
        assert said == []


@pytest.mark.parametrize("error", [ConnectionResetError(104, "reset"), HTTPException("odd"), KeyError("a bug")])
def test_an_exchange_that_breaks_off_is_tried_again(monkeypatch: pytest.MonkeyPatch, error: Exception) -> None:
    """Three times in all, each on a connection of its own with longer waits between; a bug of ours is not."""
    opened: list[str] = []
    waits: list[float] = []

    class Broken:
        sock = None
        timeout = 0.0

        def request(self, *_: object) -> None:
            opened.append("asked")
            raise error

        def close(self) -> None:
            opened.append("closed")

    monkeypatch.setattr(remote, "connect", lambda _: Broken())
    monkeypatch.setattr(remote.time, "sleep", waits.append)
    cache = Remote(parse_address("http://127.0.0.1:9/x"))
    is_ours = isinstance(error, KeyError)
    with pytest.raises(type(error)):
        cache._get("ac/x", 5.0, lambda answer: answer)
    assert opened == ["asked", "closed"] * (1 if is_ours else 3)
    assert waits == ([] if is_ours else pytest.approx([0.2, 0.4]))
    cache._idle.append(cast(Any, Broken()))
    cache.close()
    assert opened[-2:] == ["closed", "closed"]  # the last one's, and what was still open
