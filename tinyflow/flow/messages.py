"""Errors for people: one line of where and what, one of what to do; the rest with `-v 2`, or where it is a bug."""

from __future__ import annotations

import traceback
from pathlib import Path

from tinyflow.core import safe_text
from tinyflow.core.errors import TinyflowError


def shown(path: Path) -> str:
    """A path for people: relative to where they stand, if it lies below."""
    here = Path.cwd()
    return str(path.relative_to(here)) if path.is_relative_to(here) else str(path)


def error_lines(error: Exception, title: str = "", *, is_verbose: bool = False) -> list[str]:
    """The lines to print for an error; `title` says what was being done."""
    return [safe_text.shown(line.expandtabs()) for line in _lines(error, title, is_verbose)]


def _lines(error: Exception, title: str, is_verbose: bool) -> list[str]:
    if not isinstance(error, TinyflowError):
        trace = "".join(traceback.format_exception(error)).splitlines()
        return [f"{title}: this is a bug of tinyflow: {type(error).__name__}: {error}".lstrip(": "), *trace]
    places = [title, *([error.where] if error.where != title else [])]
    lines = [": ".join([*filter(None, places), error.what])]
    if is_verbose:
        trace = "".join(traceback.format_exception(error)).splitlines()
        return [*lines, *_indented(error.hint), *trace, *_log_line(error)]
    return [*lines, *_indented(_telling(error)), *_log_line(error)]


def _indented(text: str) -> list[str]:
    return [f"  {line}" for line in _split(text)]


def _split(text: str) -> list[str]:
    """The lines of a text; only what ends lines everywhere ends them."""
    return text.replace("\r\n", "\n").strip("\n").split("\n") if text else []


def _telling(error: TinyflowError) -> str:
    """The hint; of a tool's long output only the line that says most."""
    lines = [line.strip() for line in _split(error.hint) if line.strip()]
    if error.log_path is None or len(lines) < 2:
        return error.hint
    return next((line for line in lines if "error:" in line), lines[-1])


def _log_line(error: TinyflowError) -> list[str]:
    """Where to read on, unless there is nothing to read."""
    path = error.log_path
    if path is None or not path.exists() or path.stat().st_size == 0:
        return []
    return [f"  log: {shown(path)}"]
