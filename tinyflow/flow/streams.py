"""What is printed for people, without what a terminal would take for orders, whoever wrote it."""

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, TextIO

from tinyflow.core import safe_text
from tinyflow.core.errors import UsageError


class PlainStream:
    """A stream for messages: names in them are spelled plainly, overlong ones cut. Else as the stream behind it."""

    def __init__(self, behind: TextIO) -> None:
        self.behind = behind

    def __getattr__(self, name: str) -> Any:
        return getattr(self.behind, name)

    def write(self, text: str) -> int:
        """Write a text plainly."""
        self.behind.write(safe_text.shown(text))
        return len(text)


def as_plain(stream: TextIO) -> TextIO:
    """A stream for messages that go to this one."""
    return stream if isinstance(stream, PlainStream) else PlainStream(stream)  # type: ignore[return-value]


def as_it_is(stream: TextIO) -> TextIO:
    """The stream itself, for who makes it plain on the way: `rich`, whose orders are ours, and formats of data."""
    return stream.behind if isinstance(stream, PlainStream) else stream


def write_data(content: bytes | str) -> None:
    """Write what a program may read: a format, which has seen to its texts."""
    as_it_is(sys.stdout).write(content.decode() if isinstance(content, bytes) else content)


@contextlib.contextmanager
def writing(output: str) -> Iterator[Path]:
    """Within, the file that a user named is written. UsageError where it can't be."""
    try:
        yield Path(output)
    except OSError as error:
        raise UsageError(f"{output} can't be written: {error.strerror}", hint="name another file") from error


@contextlib.contextmanager
def plain_output() -> Iterator[None]:
    """Within, all that is printed is plain."""
    before = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = map(as_plain, before)
    try:
        yield
    finally:
        sys.stdout, sys.stderr = before
