from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from hashlib import sha256
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar

import pytest

from tinyflow.core.action import ASIDE_FOLDER, LOCAL_MARK, Action, Workspace
from tinyflow.core.errors import ModelError
from tinyflow.core.execute import Session
from tinyflow.stages import fetch as stage
from tinyflow.stages.fetch import fetch

CONTENT = b"a model's bytes " * 100
DIGEST = sha256(CONTENT).hexdigest()
ZOO = {"graph": "toycar", "seed": 1}
NOBODY = "http://127.0.0.1:9/vww.tflite"  # the discard port: nothing listens there


class _Answers(BaseHTTPRequestHandler):
    """Serves the pages of `pages`; `/slow` says nothing, `/away` leads to plain HTTP elsewhere."""

    pages: ClassVar[dict[str, bytes]] = {"/good": CONTENT, "/wrong": b"<html>log in first</html>"}

    def do_GET(self) -> None:  # the name is http.server's
        if self.path == "/slow":
            time.sleep(1)
        elif self.path == "/away":
            self.send_response(302)
            self.send_header("Location", "http://localhost.example.org/good")
            self.end_headers()
        elif self.path == "/short":
            self.send_response(200)
            self.send_header("Content-Length", "1000")
            self.end_headers()
            self.wfile.write(b"cut")
        elif self.path in self.pages:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(self.pages[self.path])
        else:
            self.send_error(404)

    def log_message(self, format: str, *args: Any) -> None:
        """Say nothing."""


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a web server on this machine."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Answers) as listening:
        thread = threading.Thread(target=listening.serve_forever, args=(0.02,), daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{listening.server_address[1]}"
        listening.shutdown()


def workspace_for(folder: Path, inputs: dict[str, bytes] | None = None, **parameters: Any) -> Workspace:
    """A workspace for one fetch, with its inputs' bytes written."""
    paths = {}
    for name, content in (inputs or {}).items():
        paths[name] = folder / name
        paths[name].write_bytes(content)
    return Workspace(
        folder=folder,
        parameters={"name": "vww", "sha256": DIGEST, "urls": [], "synthesize": None, **parameters},
        inputs=paths,
        outputs={name: folder / name for name in ("model.tflite", "origin.json")},
        log_path=folder / "log",
        timeout_s=10,
    )


def outputs_of(workspace: Workspace) -> tuple[bytes, dict[str, str], bool]:
    """The model's bytes, its origin, and whether the result stays on this machine."""
    content, origin = (workspace.outputs[name].read_bytes() for name in ("model.tflite", "origin.json"))
    return content, json.loads(origin), (workspace.folder / LOCAL_MARK).exists()


def test_array_in_c_source_is_the_file(tmp_path: Path) -> None:
    """Of C source the bytes of its longest array are taken, signed ones too; what has no such array stays as it is."""
    source = b"""// {7, 8, 9, 10, 11, 12, 13, 14, 15}
        const char name[] = {0x41, 0};  /* the model: */
        alignas(16) const signed char g_model[] = {\n  0x1c, 0x00, 0, 255,\n  -1, -128, 0x33,\n};
        const int g_model_len = 7;"""
    workspace = workspace_for(tmp_path, {"file": source}, sha256=sha256(source).hexdigest())
    fetch(workspace)
    assert outputs_of(workspace)[0] == bytes([28, 0, 0, 255, 255, 128, 0x33])
    for other in (b"int a = 5;", b"f() { return 1; }", b"{1, 256}", b"{ }", b"\0{1, 2}"):
        workspace = workspace_for(tmp_path, {"file": other}, sha256=None)
        fetch(workspace)
        assert outputs_of(workspace)[0] == other


@pytest.mark.parametrize(
    ("source", "pinned", "weights"),
    [("mirror", DIGEST, "trained"), ("file", DIGEST, "user"), ("file", None, "user")],
)
def test_file_on_this_machine_is_taken(tmp_path: Path, source: str, pinned: str | None, weights: str) -> None:
    """A mirror's file and the user's own are copied as they are, with what they are said beside them."""
    workspace = workspace_for(tmp_path, {source: CONTENT}, sha256=pinned)
    fetch(workspace)
    assert outputs_of(workspace) == (CONTENT, {"weights": weights, "source": source}, False)


def test_wrong_digest_of_a_mirror_is_named(tmp_path: Path) -> None:
    """A mirror with other bytes under the name is an error that tells both digests, never a fallback."""
    workspace = workspace_for(tmp_path, {"mirror": b"other"}, synthesize=ZOO)
    with pytest.raises(ModelError) as caught:
        fetch(workspace)
    assert DIGEST in caught.value.what and sha256(b"other").hexdigest() in caught.value.what
    assert caught.value.where == "vww" and caught.value.hint


def test_first_url_that_answers_rightly_is_taken(tmp_path: Path, server: str) -> None:
    """Dead servers, missing pages, cut answers and wrong bytes are passed by while another URL has the right ones."""
    urls = [NOBODY, f"{server}/absent", f"{server}/short", f"{server}/wrong", f"{server}/good"]
    workspace = workspace_for(tmp_path, urls=urls)
    fetch(workspace)
    assert outputs_of(workspace) == (CONTENT, {"weights": "trained", "source": "url"}, False)
    log = workspace.log_path.read_text()
    assert all(f"{url}: " in log for url in urls[:3])


def test_file_url_is_read(tmp_path: Path) -> None:
    """A `file://` URL is a source like others."""
    (tmp_path / "far.tflite").write_bytes(CONTENT)
    workspace = workspace_for(tmp_path, urls=[(tmp_path / "far.tflite").as_uri()])
    fetch(workspace)
    assert outputs_of(workspace)[1]["source"] == "url"


def test_wrong_download_is_named_and_kept(tmp_path: Path, server: str) -> None:
    """A URL that gives other bytes, and nobody who has the right ones: named, kept aside, and no zoo in its place."""
    workspace = workspace_for(tmp_path, urls=[f"{server}/wrong", NOBODY], synthesize=ZOO)
    with pytest.raises(ModelError) as caught:
        fetch(workspace)
    got = sha256(_Answers.pages["/wrong"]).hexdigest()
    assert caught.value.what == f"{server}/wrong has sha256 {got}, expected {DIGEST}"
    kept = tmp_path / ASIDE_FOLDER / f"vww-{got[:12]}.rejected"
    assert kept.name in caught.value.hint
    assert kept.read_bytes() == _Answers.pages["/wrong"]


def test_kept_download_outlives_the_action(session: Session, tmp_path: Path, server: str) -> None:
    """After the action's folder is gone, the rejected file lies beside its log."""
    action = Action(
        stage="fetch",
        title="fetch vww",
        function="tinyflow.stages.fetch:fetch",
        outputs=("model.tflite", "origin.json"),
        parameters={"name": "vww", "sha256": DIGEST, "urls": [f"{server}/wrong"], "synthesize": None},
    )
    with pytest.raises(ModelError):
        session.execute(action)
    (kept,) = tmp_path.rglob("*.rejected")
    assert kept.read_bytes() == _Answers.pages["/wrong"]
    assert list(kept.parent.glob("fetch-*.log"))


@pytest.mark.parametrize("path", ["/away", "/slow", "/good"])
def test_refused_downloads_are_not_used(
    tmp_path: Path, server: str, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """A redirect to plain HTTP, a silent server and an endless answer are given up, and the log says why."""
    monkeypatch.setattr(stage, "_TIMEOUT_S", 0.2)
    monkeypatch.setattr(stage, "_MAX_DOWNLOAD_BYTES", 1000)
    workspace = workspace_for(tmp_path, urls=[server + path])
    with pytest.raises(ModelError, match="no source has its file"):
        fetch(workspace)
    assert f"{server}{path}: " in workspace.log_path.read_text()


def test_plain_http_of_another_machine_is_refused(tmp_path: Path) -> None:
    """Only https is used, but for this machine."""
    workspace = workspace_for(tmp_path, urls=["http://example.org/vww.tflite"])
    with pytest.raises(ModelError):
        fetch(workspace)
    assert workspace.log_path.read_text() == "http://example.org/vww.tflite: http is not used, only https\n"


@pytest.mark.parametrize(("urls", "stays_local"), [([NOBODY], True), ([], False)])
def test_zoo_is_the_last_source(tmp_path: Path, zoo_bytes: bytes, urls: list[str], stays_local: bool) -> None:
    """With no other source the graph comes from code, says so, and stays local if a server might have had the file."""
    workspace = workspace_for(tmp_path, urls=urls, synthesize=ZOO)
    fetch(workspace)
    assert outputs_of(workspace) == (zoo_bytes, {"weights": "synthetic", "source": "zoo"}, stays_local)


@pytest.fixture
def zoo_bytes() -> bytes:
    """What the zoo gives for the spec of these tests."""
    from tinyflow.model.zoo import synthesize

    return synthesize(ZOO)


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    """A recipe with a file alone: no mirror, network or command is recommended that could not give it."""
    with pytest.raises(ModelError) as caught:
        fetch(workspace_for(tmp_path, name="my_net", sha256=None, file="nets/my_net.tflite"))
    assert str(caught.value).splitlines() == [
        'my_net: there is no file "nets/my_net.tflite"',
        "  put it beside the recipe, or below a folder of TINYFLOW_MIRRORS",
    ]


def test_no_source_at_all_says_what_to_do(tmp_path: Path) -> None:
    """No input, no URL, no zoo: the hint names the variable and the command that help."""
    with pytest.raises(ModelError) as caught:
        fetch(workspace_for(tmp_path))
    assert str(caught.value).startswith("vww: no source has its file\n")
    assert "TINYFLOW_MIRRORS" in caught.value.hint and "doit fetch" in caught.value.hint
