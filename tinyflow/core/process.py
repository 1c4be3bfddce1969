"""Child processes: clean environment, own process group, time limit, output to a log; none outlives this process.

It knows nothing of actions. Tools get nothing from the user's environment but what `clean_environment` lists.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

from tinyflow.core import environments, safe_text
from tinyflow.core.errors import Timeout, TinyflowError, ToolError

_LOG_TAIL_BYTES = 4000
_LONGEST_WAIT_MS = 2**31 - 1  # what poll(2) takes: 24 days
# What compilers' drivers say of a compiler or linker that a signal ended: clang's, then gcc's and its collect2's.
_CHILD_KILLED = re.compile(
    r"unable to execute command: (?P<name>[A-Z][a-z ]+)"
    r"|command failed with exit code (?P<exit>1(?:29|3\d|4\d|5\d))\b"
    r"|fatal error: (?P<other>[A-Z][a-z ]+) signal terminated program"
    r"|terminated with signal (?P<number>\d+)"
)
ADVICE_ON_MEMORY = "the machine or its container ran out of memory, most likely: run fewer actions at once (-n 1)"
_NO_MEMORY = re.compile("bad_alloc|out of memory|Cannot allocate memory|memory exhausted", re.IGNORECASE)
# A shell ends with 128 and the number of the signal that ended its command.
_SHELL_SIGNALS = (signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT, signal.SIGBUS, signal.SIGILL, signal.SIGFPE)
_PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
_CERTIFICATES = ("SSL_CERT_FILE", "SSL_CERT_DIR")
# Mirrors have passwords, which are in no parameter of an action; ssh asks its agent for keys.
_OWN = ("TINYFLOW_MIRRORS", "SSH_AUTH_SOCK")
_NETWORK_VARIABLES = (*_PROXIES, *(name.upper() for name in _PROXIES), *_CERTIFICATES, *_OWN)
_running: set[subprocess.Popen[bytes]] = set()
_running_lock = threading.Lock()
_is_cancelled = threading.Event()
_is_worker = threading.Event()


class Cancelled(TinyflowError):
    """The user stopped the session while this tool was running."""

    exit_status = 130


def clean_environment(folder: Path) -> dict[str, str]:
    """The environment of every tool: fixed, but for the search path, which only finds tools that are in the key."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": str(folder),
        "TMPDIR": str(folder),
        "LANG": "C.UTF-8",
        "TZ": "UTC",
        "SOURCE_DATE_EPOCH": "0",
        "PYTHONHASHSEED": "0",
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        "OMP_NUM_THREADS": "1",
    }


def worker_environment(folder: Path) -> dict[str, str]:
    """The same for our own workers: where modules lie, and the way to the network, for what a digest pins."""
    found = {name: os.environ[name] for name in _NETWORK_VARIABLES if name in os.environ}
    modules = os.pathsep.join(path for path in sys.path if path)
    found[environments.VARIABLE] = str(environments.home())
    return {**clean_environment(folder), "PYTHONPATH": modules, **found}


def run_tool(
    command: Sequence[str],
    *,
    folder: Path,
    log_path: Path,
    timeout_s: float,
    environment: Mapping[str, str] | None = None,
    is_own: bool = False,
) -> str:
    """Run one command in `folder`, append what it prints to the log and return that.

    `is_own` marks a worker of ours, which may find what this process finds (installed packages, search path).

    Raises ToolError where the program is missing or its exit status is not 0, Timeout past `timeout_s`, Cancelled
    after `cancel_all`.
    """
    if shutil.which(command[0]) is None:
        raise ToolError(
            f"{command[0]} is not installed", hint="see `doit doctor`", command=tuple(command), missing=True
        )
    with log_path.open("ab") as log:
        log.write(f"$ {safe_text.shown(' '.join(command))}\n".encode())
        log.flush()
        start = log.tell()
        variables = (worker_environment if is_own else clean_environment)(folder) | dict(environment or {})
        status = _run(command, folder, log.fileno(), timeout_s, variables)
    with log_path.open("rb") as log:
        log.seek(start)
        text = log.read().decode(errors="replace")
    if status is None:
        raise Timeout(
            f"{Path(command[0]).name} didn't end within {timeout_s:g} s",
            hint="raise `timeout` in the recipe, or give --timeout",
        )
    if status != 0:
        number = killed_by(status, text)
        said = filter(None, (advice_on(number, text), text[-_LOG_TAIL_BYTES:].strip()))
        error = ToolError(
            f"{Path(command[0]).name} {end_of(status if number is None else -number)}",
            hint="\n".join(said) or "it printed nothing",
            command=tuple(command),
            status=status,
            log=text,
        )
        error.killed_by = number
        raise error
    return text


def end_of(status: int) -> str:
    """How a process ended, in words."""
    if status >= 0:
        return f"ended with status {status}"
    known = {number.value: number.name for number in signal.Signals}
    return f"was killed by {known.get(-status, f'signal {-status}')}"


def killed_by(status: int, log: str = "") -> int | None:
    """The signal that ended a process or, as its status and its last words tell, one that it had started."""
    if status < 0:
        return -status
    told = None
    for told in _CHILD_KILLED.finditer(log[-_LOG_TAIL_BYTES:]):  # noqa: B007 (the last one)
        pass
    if told is None:
        return status - 128 if status - 128 in _SHELL_SIGNALS else None
    if told["number"]:
        return int(told["number"])
    if told["exit"]:
        return int(told["exit"]) - 128
    name = (told["name"] or told["other"]).strip()
    return next((number for number in signal.Signals if signal.strsignal(number) == name), None)


def advice_on(number: int | None, log: str = "") -> str:
    """What to do about a process that a signal ended; empty where there is nothing to say."""
    if number == signal.SIGKILL or (number is not None and _NO_MEMORY.search(log)):
        return ADVICE_ON_MEMORY
    return ""


def _run(
    command: Sequence[str], folder: Path, log: int, timeout_s: float, environment: Mapping[str, str]
) -> int | None:
    """The exit status, negative for a signal, or None where the time ran out."""
    # It registers what is to be done around a fork. Were that in the middle of one, by another thread's import, CPython
    # (3.10 to 3.13) would release a lock that nobody took, and print so.
    import concurrent.futures.thread  # noqa: F401

    with _running_lock:
        raise_if_cancelled()
        child = subprocess.Popen(
            command,
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            start_new_session=True,
            # Without it a process starts in a third of the time. A session's tools are ended by its reaper.
            preexec_fn=with_parent() if _is_worker.is_set() else None,
        )
        _running.add(child)
    try:
        return _status(child, timeout_s)
    finally:
        _kill_group(child)
        child.wait()
        with _running_lock:
            _running.discard(child)
        raise_if_cancelled()


def _status(child: subprocess.Popen[bytes], timeout_s: float) -> int | None:
    """How a child ended, at once; None where the time ran out. `Popen.wait` with a limit only looks now and then."""
    try:
        descriptor = os.pidfd_open(child.pid)
    except (AttributeError, OSError):  # not Linux, or one before 5.3
        with contextlib.suppress(subprocess.TimeoutExpired):
            return child.wait(timeout_s)
        return None
    try:
        end = select.poll()
        end.register(descriptor, select.POLLIN)
        return child.wait() if end.poll(min(timeout_s * 1000, _LONGEST_WAIT_MS)) else None
    finally:
        os.close(descriptor)


def be_worker() -> None:
    """Say that this process may be killed while its session goes on: its tools are to end with it."""
    _is_worker.set()


def raise_if_cancelled() -> None:
    """Raise Cancelled after `cancel_all`."""
    if _is_cancelled.is_set():
        raise Cancelled("cancelled")


def cancel_all() -> None:
    """Kill every running child with its descendants and refuse new ones from now on."""
    _is_cancelled.set()
    with _running_lock:
        for child in _running:
            _kill_group(child)


def forget_cancel() -> None:
    """Let new ones start again: for programs that go on after an interruption. Nothing may still run."""
    _is_cancelled.clear()


def _kill_group(child: subprocess.Popen[bytes]) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, signal.SIGKILL)


_libc = ctypes.CDLL(None) if sys.platform == "linux" else None
_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def with_parent() -> Callable[[], None]:
    """For `preexec_fn`: the child is killed when the thread that started it ends, however it ends."""
    return partial(die_with_parent, os.getpid())


def die_with_parent(parent: int) -> None:
    """In a new process: be killed when the thread that started it ends; at once if its process, `parent`, is gone."""
    if _libc is not None:
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        if os.getppid() != parent:  # it ended before the kernel was told
            os.kill(os.getpid(), signal.SIGKILL)
