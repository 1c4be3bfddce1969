"""Runs one stage function in a process of its own, so that its crash, its memory and its imports stay there.

`python -m tinyflow.core.worker REQUEST`: a pickled (function, Workspace); a TinyflowError goes back through a file.
"""

from __future__ import annotations

import importlib
import pickle
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from tinyflow.core import process
from tinyflow.core.action import Action, Workspace
from tinyflow.core.errors import Timeout, TinyflowError, ToolError, refusal_of

if TYPE_CHECKING:
    from tinyflow.core.partial_results import PartialResults

_REFUSED = 70  # EX_SOFTWARE: the error lies in the error file
_ERROR_NAME = "error.pickle"


def lay_out(action: Action, folder: Path, parts: PartialResults | None, progress_path: Path) -> Workspace:
    """A workspace in a fresh folder, for inputs that come to `in/`."""
    outputs = {name: folder / "out" / name for name in action.outputs}
    for name, path in outputs.items():
        (path if name.endswith("/") else path.parent).mkdir(parents=True, exist_ok=True)
    log_path = folder / "log"
    log_path.touch()
    return Workspace(
        folder=folder,
        parameters=action.parameters,
        inputs={name: folder / "in" / name for name in action.inputs},
        outputs=outputs,
        log_path=log_path,
        timeout_s=action.timeout_s,
        parts=parts,
        progress_path=progress_path,
    )


def call(function: str, workspace: Workspace) -> None:
    """Run `module:name` in this process."""
    module, _, name = function.partition(":")
    stage: Callable[[Workspace], None] = getattr(importlib.import_module(module), name)
    stage(workspace)


def call_isolated(action: Action, workspace: Workspace) -> None:
    """Run an action's function in a worker process. Raises what it raised; ToolError where the process died."""
    function = action.function
    request = write_request(function, workspace)
    command = [sys.executable, "-m", "tinyflow.core.worker", str(request)]
    try:
        process.run_tool(
            command, folder=workspace.folder, log_path=workspace.log_path, timeout_s=workspace.timeout_s, is_own=True
        )
    except Timeout as error:  # it is not the worker that is slow
        raise Timeout(f"didn't end within {workspace.timeout_s:g} s", hint=error.hint) from None
    except ToolError as error:
        if error.status is None:  # it never ran
            raise
        raise_refusal(function, workspace, error)


def write_request(function: str, workspace: Workspace) -> Path:
    """The file that `main` takes."""
    request = workspace.folder / "request.pickle"
    request.write_bytes(pickle.dumps((function, workspace)))
    return request


def raise_refusal(function: str, workspace: Workspace, error: ToolError) -> NoReturn:
    """What a worker that ended with another status than 0 raised, or how it died."""
    refusal = workspace.folder / _ERROR_NAME
    if error.status == _REFUSED and refusal.exists():
        raise pickle.loads(refusal.read_bytes()) from None
    number = process.killed_by(error.status or 0)
    advice = process.advice_on(number, error.log)
    told = ToolError(
        f"the worker of {function} {process.end_of(error.status or 0)}",
        hint=error.hint if error.hint.startswith(advice) else f"{advice}\n{error.hint}",
        status=error.status,
        log=error.log,
    )
    told.killed_by = number
    raise told from None


def main(request: Path) -> int:
    """Serve one request; the exit status tells whether an error file was left."""
    function, workspace = pickle.loads(request.read_bytes())
    process.be_worker()
    try:
        call(function, workspace)
    except (TinyflowError, OSError, MemoryError) as error:
        refusal = refusal_of(error)
        if isinstance(error, MemoryError):
            refusal = ToolError("there was not enough memory", hint=process.ADVICE_ON_MEMORY)
        if refusal is None:
            raise
        traceback.print_exc()
        (workspace.folder / _ERROR_NAME).write_bytes(pickle.dumps(refusal))
        return _REFUSED
    finally:
        process.cancel_all()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
