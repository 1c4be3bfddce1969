"""Python environments of their own, for what is too heavy to depend on. Only who asks for one makes it.

They lie in the user's cache folder, for all projects, each called by a digest of what was asked to be in it. What is in
it, as pip says, goes into keys.
"""

from __future__ import annotations

import json
import os
import platform
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyflow.core import digest
from tinyflow.core.errors import ToolError

VARIABLE = "TINYFLOW_ENVIRONMENTS"
LOCKED = "locked.txt"  # the same as requirements with digests
_ASKED = "requirements.txt"
_CONTENTS = "contents.txt"  # written last: without it an environment is not whole


def name_of(packages: Sequence[str], python: str = "") -> str:
    """What the environment is called that has these packages (requirements of pip), and this Python or our own."""
    version = python or ".".join(platform.python_version_tuple()[:2])
    return digest.of_bytes("\n".join((version, *sorted(packages))).encode()).partition(":")[2][:16]


def folder_of(name: str) -> Path:
    """Where an environment lies, whether it is there or not."""
    return home() / name


def home() -> Path:
    """Where they all lie; a worker, whose home is another, is told by a variable."""
    if told := os.environ.get(VARIABLE):
        return Path(told)
    caches = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(caches) / "tinyflow" / "environments"


def program(name: str, word: str) -> Path:
    """A program of an environment."""
    return folder_of(name) / "bin" / word


def contents(name: str) -> str | None:
    """The version of Python and of every package, a line each; None where the environment is not there."""
    try:
        return (folder_of(name) / _CONTENTS).read_text(encoding="utf-8")
    except OSError:
        return None


def make(packages: Sequence[str], python: str = "") -> str:
    """Make an environment anew, and return its name; pip tells on the terminal what it does. Raises ToolError.

    Requirements with `--hash=sha256:…` are a lock: pip then takes nothing that has no digest here, or another one.
    `python` is a program on PATH, such as `python3.12`.
    """
    first = shutil.which(python) if python else sys.executable
    if first is None:
        hint = "install it, or leave `python` out of the recipe"
        raise ToolError(f"there is no {python} on PATH", hint=hint, missing=True)
    name = name_of(packages, python)
    folder = folder_of(name)
    (folder / _CONTENTS).unlink(missing_ok=True)
    _run([first, "-m", "venv", "--clear", *(() if packages else ("--without-pip",)), str(folder)])
    found = ""
    if packages:
        pip = [str(program(name, "python")), "-m", "pip", "--disable-pip-version-check", "--no-input"]
        asked, taken = folder / _ASKED, folder / "report.json"
        asked.write_text("".join(f"{line}\n" for line in packages), encoding="utf-8")
        _run([*pip, "install", "--report", str(taken), "-r", str(asked)])
        (folder / LOCKED).write_text(_locked(json.loads(taken.read_bytes())), encoding="utf-8")
        taken.unlink()
        found = subprocess.run([*pip, "freeze", "--all"], check=True, capture_output=True, text=True).stdout
    told = subprocess.run([str(program(name, "python")), "-V"], check=True, capture_output=True, text=True).stdout
    text = f"{told.strip().lower()}\n{found}"
    (folder / _CONTENTS).write_text(text, encoding="utf-8")
    return name


def _locked(report: Mapping[str, Any]) -> str:
    """Requirements for just what pip took, a line each, with the digests of what it got; empty where it tells none."""
    lines = []
    for each in report["install"]:
        found = each["download_info"].get("archive_info", {}).get("hashes", {}).get("sha256")
        if found is None:  # a folder of sources
            return ""
        lines.append(f"{each['metadata']['name']}=={each['metadata']['version']} --hash=sha256:{found}\n")
    return "".join(sorted(lines))


def _run(command: Sequence[str]) -> None:
    """Run a command of the user's, who looks on, with all that pip is told by variables."""
    status = subprocess.run(command, stdin=subprocess.DEVNULL, check=False).returncode
    if status != 0:
        what = f"{Path(command[0]).name} {' '.join(command[1:3])} ended with status {status}"
        raise ToolError(what, hint="what it said is above", command=tuple(command), status=status)
