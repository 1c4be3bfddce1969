"""Fetch: bring a model's file about, from this machine, from the network, or, last of all, from the zoo's code.

Whatever has a pinned digest is checked against it; bytes that don't match are never used.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ModelError

if TYPE_CHECKING:
    from urllib.response import addinfourl

# for the connection, and for each piece of the answer
_TIMEOUT_S = 5.0
_DOWNLOAD_S = 120.0
_MAX_DOWNLOAD_BYTES = 64 << 20
_CHUNK_BYTES = 1 << 16
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
_MIRROR_HINT = "name a folder that has it in TINYFLOW_MIRRORS, or run `doit fetch` where there is a network"


def fetch(workspace: Workspace) -> None:
    """Make model.tflite and origin.json (`weights`: trained, synthetic or user; `source`: mirror, url, zoo or file).

    Inputs: `file` (the user's own) or `mirror`, if this machine has one. Parameters: name, sha256 (hexadecimal, or None
    where nothing is pinned) and, without an input, urls and synthesize (a zoo spec, or None). Raises ModelError.
    """
    expected = workspace.parameters["sha256"]
    for source, weights in (("file", "user"), ("mirror", "trained")):
        if source in workspace.inputs:
            content = workspace.inputs[source].read_bytes()
            _check_local(workspace.parameters["name"], source, content, expected)
            return _finish(workspace, content, weights, source)
    downloaded = _download_any(workspace, workspace.parameters["urls"], expected)
    if downloaded is not None:
        return _finish(workspace, downloaded, "trained", "url")
    return _finish(workspace, _synthesize(workspace), "synthetic", "zoo")


def _finish(workspace: Workspace, content: bytes, weights: str, source: str) -> None:
    workspace.outputs["model.tflite"].write_bytes(content)
    origin = json.dumps({"weights": weights, "source": source}, sort_keys=True)
    workspace.outputs["origin.json"].write_text(origin + "\n", encoding="utf-8")


def _check_local(name: str, source: str, content: bytes, expected: str | None) -> None:
    got = sha256(content).hexdigest()
    if expected is not None and got != expected:
        raise ModelError(
            f"the {source} {'copy' if source == 'mirror' else 'of the recipe'} has sha256 {got}, expected {expected}",
            where=name,
            hint="replace the file, or correct sha256 in the recipe",
        )


def _synthesize(workspace: Workspace) -> bytes:
    """The zoo's network; nobody else may get it where a server might have had the real one."""
    from tinyflow.model.zoo import synthesize

    spec: Mapping[str, Any] | None = workspace.parameters["synthesize"]
    if spec is None:
        raise ModelError("no source has its file", where=workspace.parameters["name"], hint=_MIRROR_HINT)
    if workspace.parameters["urls"]:
        workspace.keep_local()
    return synthesize(spec)


def _download_any(workspace: Workspace, urls: list[str], expected: str) -> bytes | None:
    """What the first URL gives that has the right digest; None where none can be reached.

    Raises ModelError where one answered with other bytes and no other had the right ones.
    """
    from http.client import HTTPException

    wrong: ModelError | None = None
    for url in urls:
        try:
            content = _download(url)
        except (OSError, HTTPException, ValueError) as error:
            workspace.log(f"{url}: {error}")
            continue
        got = sha256(content).hexdigest()
        if got == expected:
            return content
        wrong = _set_aside(workspace, url, content, got, expected)
        workspace.log(str(wrong))
    if wrong is not None:
        raise wrong
    return None


def _set_aside(workspace: Workspace, url: str, content: bytes, got: str, expected: str) -> ModelError:
    """Keep a download that is not what it should be; the error that says so."""
    kept = f"{workspace.parameters['name']}-{got[:12]}.rejected"
    workspace.set_aside(kept, content)
    return ModelError(
        f"{url} has sha256 {got}, expected {expected}",
        where=workspace.parameters["name"],
        hint=f"the file was kept as {kept} beside the log; if upstream changed, correct sha256 in the recipe",
    )


def _download(url: str) -> bytes:
    """The content of a URL. Raises OSError or HTTPException where it can't be had, ValueError where we refuse it."""
    from urllib.request import urlopen

    _refuse_plain_http(url)
    with urlopen(url, timeout=_TIMEOUT_S) as answer:
        _refuse_plain_http(answer.url)  # a redirect leads anywhere
        return _read_limited(answer)


def _read_limited(answer: addinfourl) -> bytes:
    """An answer's body. Raises ValueError where it is cut, or too long, in bytes or in seconds."""
    deadline = time.monotonic() + _DOWNLOAD_S
    body = bytearray()
    while chunk := answer.read(_CHUNK_BYTES):
        body += chunk
        if len(body) > _MAX_DOWNLOAD_BYTES:
            raise ValueError(f"more than {_MAX_DOWNLOAD_BYTES >> 20} MiB")
        if time.monotonic() > deadline:
            raise ValueError(f"took more than {_DOWNLOAD_S:g} s")
    if len(body) < int(answer.headers.get("Content-Length", 0)):
        raise ValueError(f"the answer was cut after {len(body)} bytes")
    return bytes(body)


def _refuse_plain_http(url: str) -> None:
    from urllib.parse import urlsplit

    parts = urlsplit(url)
    if parts.scheme not in ("https", "file") and parts.hostname not in _LOCAL_HOSTS:
        raise ValueError(f"{parts.scheme} is not used, only https")
