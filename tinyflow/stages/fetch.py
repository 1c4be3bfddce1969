"""Fetch: bring a model's file about, from this machine, from the network, or, last of all, from the zoo's code.

Whatever has a pinned digest is checked against it; bytes that don't match are never used. What lies there may be the
file, or C source with an array of its bytes.
"""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tinyflow.core.action import Workspace
from tinyflow.core.address import Address, places_in, without_secrets
from tinyflow.core.errors import ModelError
from tinyflow.core.http import Failure, body_of, limit, reason_of
from tinyflow.core.regular_files import Regular, Unreadable

if TYPE_CHECKING:
    from urllib.request import BaseHandler, Request

# for the connection, and for each piece of the answer
_TIMEOUT_S = 5.0
_DOWNLOAD_S = 120.0
_MAX_DOWNLOAD_BYTES = 64 << 20
_DATA_S = 3600.0  # for labelled samples
_MAX_DATA_BYTES = 1 << 30
_LOCAL_HOSTS = ("localhost", "127.0.0.1", "::1")
_FILE_HINT = "put it beside the recipe, or below a folder of TINYFLOW_MIRRORS"
_MIRROR_HINT = "name a folder that has it in TINYFLOW_MIRRORS, or run `doit fetch` where there is a network"


def fetch(workspace: Workspace) -> None:
    """Make model.tflite and origin.json (`weights`: trained, synthetic or user; `source`: mirror, url, zoo or file).

    Inputs: `file` (the user's own) or `mirror`, if this machine has one. Parameters: name, sha256 (hexadecimal, or None
    where nothing is pinned) and, without an input, urls and synthesize (a zoo spec, or None), or the name of the file
    that should lie there. Raises ModelError.
    """
    expected = workspace.parameters["sha256"]
    for source, weights in (("file", "user"), ("mirror", "trained")):
        if source in workspace.inputs:
            content = workspace.inputs[source].read_bytes()
            _check_local(workspace.parameters["name"], source, content, expected)
            return _finish(workspace, content, weights, source)
    if "file" in workspace.parameters:
        what = f'there is no file "{workspace.parameters["file"]}"'
        raise ModelError(what, where=workspace.parameters["name"], hint=_FILE_HINT)
    downloaded = _download_any(workspace, workspace.parameters["urls"], expected, _MAX_DOWNLOAD_BYTES, _DOWNLOAD_S)
    if downloaded is not None:
        return _finish(workspace, downloaded, "trained", "url")
    return _finish(workspace, _synthesize(workspace), "synthetic", "zoo")


def data(workspace: Workspace) -> None:
    """Make `data`, a file of labelled samples, of the input `mirror` or of what a URL gives.

    Parameters: name, sha256, urls. Raises ModelError.
    """
    name, expected = workspace.parameters["name"], workspace.parameters["sha256"]
    if "mirror" in workspace.inputs:
        content: bytes | None = workspace.inputs["mirror"].read_bytes()
        assert content is not None
        _check_local(name, "mirror", content, expected)
    else:
        content = _download_any(workspace, workspace.parameters["urls"], expected, _MAX_DATA_BYTES, _DATA_S)
    if content is None:
        hint = "put it below a folder of TINYFLOW_MIRRORS, or type this where there is a network"
        raise ModelError("no source has these labelled samples", where=name, hint=hint)
    workspace.outputs["data"].write_bytes(content)


def _finish(workspace: Workspace, content: bytes, weights: str, source: str) -> None:
    """Write the outputs; of C source, the bytes of its array."""
    from tinyflow.model.c_array import longest_array

    workspace.outputs["model.tflite"].write_bytes(longest_array(content) or content)
    workspace.write_json("origin.json", {"source": source, "weights": weights}, indent=None)


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


def _download_any(
    workspace: Workspace,
    urls: list[str],
    expected: str,
    most_bytes: int,
    most_s: float,
) -> bytes | None:
    """What the first URL gives that has the right digest; None where none can be reached.

    Raises ModelError where one answered with other bytes and no other had the right ones.
    """
    wrong: ModelError | None = None
    for url in urls:
        try:
            content = _download(url, most_bytes, most_s)
        except (Failure, OSError, ValueError) as error:
            workspace.log(f"{without_secrets(url)}: {reason_of(error)}")
            continue
        got = sha256(content).hexdigest()
        if got == expected:
            return content
        wrong = _set_aside(workspace, without_secrets(url), content, got, expected)
        workspace.log(str(wrong))
    if wrong is not None:
        raise wrong
    return None


def _set_aside(workspace: Workspace, url: str, content: bytes, got: str, expected: str) -> ModelError:
    """Keep a download that is not what it should be; the error that says so."""
    kept = f"{workspace.parameters['name']}-{got[:12]}.rejected"
    workspace.keep_on_failure(kept, content)
    return ModelError(
        f"{url} has sha256 {got}, expected {expected}",
        where=workspace.parameters["name"],
        hint=f"the file was kept as {kept} beside the log; if upstream changed, correct sha256 in the recipe",
    )


def _download(url: str, most_bytes: int, most_s: float) -> bytes:
    """The content of a URL. Raises Failure, OSError and ValueError where it can't be had, or we refuse it."""
    from http.client import HTTPException
    from urllib.error import HTTPError, URLError
    from urllib.request import Request, build_opener, url2pathname
    from urllib.response import addinfourl

    if url.startswith("file:"):
        return _read(Path(url2pathname(urlsplit(url).path)), most_bytes)
    _refuse_plain_http(url)
    address = _opened(url)
    request = Request(address.shown + (f"?{address.query}" if address.query else ""))
    for name, value in address.headers.items():
        request.add_unredirected_header(name, value)
    until_s = time.monotonic() + most_s
    try:
        with build_opener(*_handlers(until_s)).open(request, timeout=_TIMEOUT_S) as answer:
            assert not isinstance(answer, addinfourl)
            return b"".join(body_of(answer, most_bytes))
    except HTTPError as error:
        raise Failure(f"answered with status {error.code}") from None
    except HTTPException as error:
        raise Failure(reason_of(error)) from None
    except URLError as error:
        raise Failure(reason_of(error.reason) if isinstance(error.reason, Exception) else "can't be reached") from None


def _opened(url: str) -> Address:
    """A URL with what opens it, where it lies below a mirror that has a password or a token."""
    address = Address.parse(url)
    with contextlib.suppress(ValueError):
        for place in places_in(os.environ.get("TINYFLOW_MIRRORS", "")):
            if isinstance(place, Address) and place.opens(address):
                return replace(address, query=address.query or place.query, headers=place.headers)
    return address


def _handlers(until_s: float) -> list[BaseHandler]:
    """What urllib is to do differently: exchanges that end by a moment, redirects to https alone."""
    from http.client import HTTPConnection, HTTPSConnection
    from urllib.request import HTTPHandler, HTTPRedirectHandler, HTTPSHandler

    def timed(kind: type[HTTPConnection]) -> Callable[..., HTTPConnection]:
        def connect(*words: Any, **named: Any) -> HTTPConnection:
            connection = kind(*words, **named)
            limit(connection, until_s, _TIMEOUT_S)
            return connection

        return connect

    class Plain(HTTPHandler):
        def http_open(self, request: Request) -> Any:
            return self.do_open(timed(HTTPConnection), request)

    class Secure(HTTPSHandler):
        def https_open(self, request: Request) -> Any:
            return self.do_open(timed(HTTPSConnection), request)

    class Redirects(HTTPRedirectHandler):
        def redirect_request(self, request: Request, *words: Any) -> Request | None:
            _refuse_plain_http(words[-1])
            return super().redirect_request(request, *words)

    return [Plain(), Secure(), Redirects()]


def _read(path: Path, most_bytes: int) -> bytes:
    try:
        with Regular(path) as source:
            if source.size_bytes > most_bytes:
                raise Failure(f"more than {most_bytes >> 20} MiB")
            return source.read()
    except Unreadable as error:
        raise Failure(f"can't be read: {error}") from None


def _refuse_plain_http(url: str) -> None:
    parts = urlsplit(url)
    if parts.scheme != "https" and (parts.scheme != "http" or parts.hostname not in _LOCAL_HOSTS):
        raise Failure(f"{parts.scheme} is not used, only https")
