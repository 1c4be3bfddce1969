"""Errors that a user can cause: where it happened, what is wrong, what to type instead, and the exit status."""

from __future__ import annotations

import errno
from pathlib import Path
from typing import Any


class TinyflowError(Exception):
    """A refusal in one line of *where: what* and one line of *hint*.

    Everything else that escapes is a bug of ours and keeps its traceback.
    """

    exit_status = 1

    def __init__(self, what: str, *, where: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.where = where
        self.hint = hint
        self.layer: int | None = None  # of the model, where it is known which one went wrong
        self.log_path: Path | None = None  # set by who keeps the failed action's log
        # Inputs of the failed action that it is about, `lib/x.a(member.o)` too, for who knows where they come from.
        self.about: tuple[str, ...] = ()
        # What is known all the same: by its name, what a file that the stage didn't write would hold.
        self.documents: dict[str, dict[str, Any]] = {}

    def __str__(self) -> str:
        first = f"{self.where}: {self.what}" if self.where else self.what
        return first + f"\n{self.hint}".replace("\n", "\n  ") if self.hint else first

    def __reduce__(self) -> tuple[object, ...]:
        """Keep all fields when an error crosses from a worker process to its parent."""
        return (_revive, (type(self), self.__dict__.copy()))


def _revive(kind: type[TinyflowError], state: dict[str, object]) -> TinyflowError:
    error = kind.__new__(kind)
    Exception.__init__(error, state.get("what", ""))
    error.__dict__.update(state)
    return error


class UsageError(TinyflowError):
    """A wrong command line: an unknown bench, a pattern that matches nothing."""

    exit_status = 2


class RecipeError(TinyflowError):
    """A recipe that can't be read or doesn't fit; `where` is `file:line:column`."""

    exit_status = 2


class ModelError(TinyflowError):
    """A model that is damaged, or that the chosen backend can't compile."""


class ToolError(TinyflowError):
    """A tool that is missing (exit status 3) or that failed (1); keeps its command, exit status and log."""

    def __init__(
        self,
        what: str,
        *,
        where: str = "",
        hint: str = "",
        command: tuple[str, ...] = (),
        status: int | None = None,
        log: str = "",
        missing: bool = False,
    ) -> None:
        super().__init__(what, where=where, hint=hint)
        self.command = command
        self.status = status
        self.log = log
        # Words of the tool's complaint that may be an option of somebody's, and symbols that nothing defines.
        self.refused: tuple[str, ...] = ()
        self.undefined: tuple[str, ...] = ()
        self.killed_by: int | None = None  # the signal, where one ended it or what it had started
        if missing:
            self.exit_status = 3


class DoesNotFit(TinyflowError):
    """Firmware that needs more flash or RAM than its target has; knows what sizes.json would hold."""


class RunError(TinyflowError):
    """Firmware that faulted, trapped or left its memory; names function and address."""


class Timeout(TinyflowError):
    """An action or a call on the target that didn't end within its limit."""


class CacheError(TinyflowError):
    """A cache that can't be read or written."""

    exit_status = 3


# What an operating system says of a place that takes nothing, whatever program asks.
_NO_PLACE = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS, errno.EACCES, errno.EPERM, errno.EIO})


def refusal_of(error: BaseException) -> TinyflowError | None:
    """The error itself, or what stands for one of the operating system's about a disk; None for any other error."""
    if isinstance(error, TinyflowError):
        return error
    if not isinstance(error, OSError) or error.errno not in _NO_PLACE:
        return None
    hint = "free some space, or make it a place that can be written"
    return CacheError(error.strerror or str(error), where=str(error.filename or ""), hint=hint)


class ArchiveError(TinyflowError):
    """An archive that is damaged, was tampered with, or is none; `where` names the entry."""


class ValidationError(TinyflowError):
    """Outputs that differ from the reference by more than the backend's declared tolerance."""
