"""A password or token that opens a cache or a mirror is printed nowhere and kept nowhere, in whatever form it came."""

from __future__ import annotations

import base64
import threading
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
from trust_places import Done, Run

from tinyflow.core import remote
from tinyflow.flow import cli
from tinyflow.flow.loader import Loader

SECRET = "hunter2"
MODEL = b"a model, as far as this server knows"


class Echo(BaseHTTPRequestHandler):
    """Gives the model to who is let in; all else it answers with what it was sent: what opens it."""

    def do_GET(self) -> None:
        """Answer in one of several ways."""
        opened = self.headers["Authorization"] or ""
        if self.path.partition("?")[0] == "/m/net/x.tflite" and (SECRET in self.path or SECRET in decoded(opened)):
            self.send_response(200)
            self.end_headers()
            self.wfile.write(MODEL)
        elif "/status" in self.path:
            self.wfile.write(f"{opened} {SECRET} no status\r\n\r\n".encode())
        elif "/away" in self.path:
            self.send_response(302, f"{opened} {SECRET}")
            self.send_header("Location", f"ftp://me:{SECRET}@{opened.replace(' ', '')}/x?token={SECRET}")
            self.end_headers()
        else:
            self.send_response(401, f"{opened} {SECRET}")
            self.end_headers()
            self.wfile.write(f"{opened} {SECRET}".encode())

    def log_message(self, format: str, *values: Any) -> None:
        """Stay silent."""


def decoded(header: str) -> str:
    """The user and password of a header."""
    return base64.b64decode(header.removeprefix("Basic ")).decode(errors="replace") if header else ""


@pytest.fixture(scope="module")
def place() -> Iterator[str]:
    """Host and port of the server."""
    with ThreadingHTTPServer(("127.0.0.1", 0), Echo) as listening:
        threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True).start()
        yield f"127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()


def shows(project: Path, *done: Done) -> list[str]:
    """Where the secret is to be seen: in what was printed, and in all files, also as it is sent."""
    forms = [SECRET.encode(), base64.b64encode(f"me:{SECRET}".encode()), base64.b64encode(f"me:a/{SECRET}".encode())]
    printed = [f"{one.output}{one.errors}".encode() for one in done]
    kept = {str(path): path.read_bytes() for path in project.rglob("*") if path.is_file()}
    return [
        *(text.decode() for text in printed for form in forms if form in text),
        *(name for name, content in kept.items() for form in forms if form in content),
    ]


def few(forms: list[tuple[str, ...]]) -> list[Any]:
    """All of these; only every fourth is for every save."""
    return [pytest.param(*form, marks=[pytest.mark.slow] if number % 4 else []) for number, form in enumerate(forms)]


S = SECRET
# `~` stands for host and port of the server.
CACHES = [
    f"http://me:{S}@~/x",
    f"http://me:{S}@~/status:rw",
    f"http://me:{S}@~/away",
    f"HTTP://me:{S}@~/x:rw",
    f"http://me:a%2F{S}@~",
    f"http://me:a@{S}@~",
    f"http://me:a {S}@~/x",
    f"http://~/x?token={S}",
    f"http://~/away?token={S}:rw",
    f"http://~/{S}",
    f"http://me:{S}/a@~/x",
    f"http://me:12/{S}@~/x",
    f"http://me:a#{S}@~/x",
    f"http://me:a?{S}@~/x",
    f"http://me:{S}@",
    f"http://me:{S}@/x",
    f"http://me:{S}@[::1",
    f"http://me:{S}@host:port/x",
    f"http://me:{S}@h\N{ACCOUNT OF}st/x",
    f"http://me:{S}@h st/x",
    f"http:/me:{S}@~/x",
    f"ftp://me:{S}@~/x",
    f"me:{S}@~/x",
    f"~/x?token={S}",
    f"{S}:rw",
]
TOKENS = [S, f"{S}\n", f"a\n{S}", f"{S}\r\nX: y", f"{S}\x1b[2J", f"{S}é", f"{S}\udcff", f" {S} "]


@pytest.mark.parametrize(
    ("name", "form"), few([("CACHE", form) for form in CACHES] + [("TOKEN", form) for form in TOKENS])
)
@pytest.mark.every(8)
def test_what_opens_a_cache_is_seen_nowhere(
    tinyflow: Run, project: Path, place: str, monkeypatch: pytest.MonkeyPatch, name: str, form: str
) -> None:
    """A run goes on with the cache or without it, or says what is wrong with the address; and never repeats it."""
    monkeypatch.setattr(remote, "_BACKOFF_S", 0.001)
    monkeypatch.setenv("TINYFLOW_REMOTE_CACHE", f"http://{place}/x:rw")
    monkeypatch.setenv(f"TINYFLOW_REMOTE_{name}", form.replace("~", place) if name == "CACHE" else form)
    run = tinyflow("bench:net-good-chip")
    rest = [tinyflow(*words) for words in (("plan", "bench:net-good-chip"), ("explain", "bench:net-good-chip"))]
    assert shows(project, run, *rest) == []
    assert "Traceback" not in run.output + run.errors
    if name == "TOKEN":  # its ends may be blank; nothing else of it may be what no header can have
        assert (run.status == 0) == (form.strip().isascii() and form.strip().isprintable())
    if run.status:
        assert run.status == 2
        assert run.errors.startswith(
            "TINYFLOW_REMOTE_CACHE is not the address of a cache, or TINYFLOW_REMOTE_TOKEN not a token"
        )
    else:
        assert "6 built" in run.output
        assert f"remote cache http://{place} " in run.output + run.errors


@pytest.fixture
def doit(project: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs real commands in this process, in a project with one model that only a mirror has."""
    (project / "recipes" / "suites" / "good.yaml").unlink()
    (project / "recipes" / "models").mkdir()
    write_recipe(project, "")

    def run(*words: str) -> Done:
        status = cli.run(list(words), Loader())
        captured = capsys.readouterr()
        return Done(status, captured.out, captured.err)

    return run


def write_recipe(project: Path, more: str) -> None:
    """The recipe of a model, with some lines of its own."""
    text = f"description: x\nfile: net/x.tflite\nsha256: {sha256(MODEL).hexdigest()}\n{more}"
    (project / "recipes" / "models" / "mine.yaml").write_text(text)


MIRRORS = {
    f"http://me:{S}@~/m": "built",
    f"HTTP://me:{S}@~/m/": "built",
    f"http://me:a%2F{S}@~/m": "built",
    f"http://me:a@{S}@~/m": "built",
    f"http://~/m?token={S}": "built",
    f"http://me:{S}@~/other:http://me:x@~/away?token={S}:http://me:{S}@~/status": "no source has its file",
    f"https://me:{S}@~/m": "no source has its file",
    f"http://me:{S}@mirror.example.org/m": "no source has its file",
    f"http://me:{S}/a@~/m": "TINYFLOW_MIRRORS",
    f"http://me:12/{S}@~/m": "TINYFLOW_MIRRORS",
    f"ftp://me:{S}@~/m": "TINYFLOW_MIRRORS",
    f"me:{S}@~/m": "TINYFLOW_MIRRORS",
    f"http://me:{S}@": "TINYFLOW_MIRRORS",
    f"http://me:{S}@[::1": "TINYFLOW_MIRRORS",
    f"~/m?token={S}://": "TINYFLOW_MIRRORS",
}


@pytest.mark.parametrize("form", few([(form,) for form in MIRRORS]))
@pytest.mark.every(8)
def test_what_opens_a_mirror_is_seen_nowhere(
    doit: Run, project: Path, place: str, monkeypatch: pytest.MonkeyPatch, form: str
) -> None:
    """It opens the mirror, and is in no key, log, record or message."""
    monkeypatch.setenv("TINYFLOW_MIRRORS", form.replace("~", place))
    done = doit("fetch", "mine")
    assert MIRRORS[form] in done.output + done.errors, done
    assert "Traceback" not in done.errors
    rest = [doit(*words) for words in (("cache", "verify"), ("fetch", "mine"))]
    assert shows(project, done, *rest) == []


RECIPES = [
    f"urls: [http://me:{S}@~/x]",
    f"urls: [https://me:{S}/a@~/x]",
    f"urls: [ftp://me:{S}@~/x]",
    f"urls: [me:{S}@~/x]",
    f"urls: https://me:{S}@~/x",
    f"urls: [https://~/x?token={S}]",
    f"urls: [https://~/x?a=1&X-Amz-Signature={S}]",
    f"urls: ['https://~/x?sig={S}']",
    f"urls: ['ftp://~/x?a={S}']",
    f"samples: {{folder: 'https://me:{S}@~/x', format: https://me:{S}@~/x}}",
]


@pytest.mark.parametrize("form", few([(form,) for form in RECIPES]))
@pytest.mark.every(10)
def test_a_recipe_with_a_password_is_refused(
    doit: Run, project: Path, place: str, form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would go into keys, caches and archives; what is refused is not repeated."""
    monkeypatch.setenv("PATH", "")  # the doctor asks no program for its version
    write_recipe(project, form.replace("~", place) + "\n")
    done = [doit(*words) for words in (("fetch", "mine"), ("plan", "bench:mine-tinyc-stm32f7"), ("doctor",))]
    assert [one.status for one in done[:2]] == [2, 2]
    assert all("recipes/models/mine.yaml:4:" in one.errors for one in done)
    (project / "recipes" / "models" / "mine.yaml").unlink()
    assert shows(project, *done) == []


def test_secrets_are_unquoted_where_they_are_sent() -> None:
    """What had to be written as %2F is a slash in the password."""
    headers = remote.parse_address("https://me%40here:a%2Fb%25@host/x").server.headers
    assert decoded(headers["Authorization"]) == unquote("me%40here:a%2Fb%25") == "me@here:a/b%"


@pytest.mark.parametrize(
    "words",
    [
        (f"bench:https://me:{S}@host/x",),
        ("import", f"https://me:a/{S}@host/x.tar.gz"),
        ("explain", f"ftp://{S}@host"),
    ],
)
def test_what_was_typed_is_repeated_without_its_password(doit: Run, words: tuple[str, ...]) -> None:
    """Where no address is understood at all, the refusal that quotes one leaves out what opens it."""
    done = doit(*words)
    assert done.status == 2
    assert S not in done.output + done.errors
    assert "…" in done.errors


@pytest.mark.parametrize("variable", ["TINYFLOW_CACHE", "TINYFLOW_RECIPES"])
def test_an_address_is_no_folder(doit: Run, monkeypatch: pytest.MonkeyPatch, project: Path, variable: str) -> None:
    """Else a folder of that name, password and all, would be made and told of."""
    monkeypatch.setenv(variable, f"https://me:{S}@host/x")
    done = doit("cache", "stats"), doit("fetch", "mine")
    assert [one.status for one in done] == [2, 2] or variable == "TINYFLOW_RECIPES"
    assert done[1].status == 2
    assert variable in done[1].errors
    assert shows(project, *done) == []
    assert not [path for path in project.rglob("*") if S in path.name]
