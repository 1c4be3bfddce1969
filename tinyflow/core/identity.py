"""Who made it: the identities of tools and of our own code, as they are in keys."""

from __future__ import annotations

import importlib.util
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from threading import Lock

from tinyflow.core import digest, environments
from tinyflow.core.action import Tool
from tinyflow.core.errors import ToolError
from tinyflow.core.process import clean_environment, with_parent

# What a stage's own code gets from core (the workspace, errors, the environment of tools) changes no output unless this
# number changes; so an edit in core leaves the keys alone.
CORE_VERSION = 1

_PACKAGE = Path(__file__).parent.parent
_HINT = "see `doit doctor`"
VERSION_TIMEOUT_S = 10.0
# Up to Python 3.12 all threads count the depth of their trees in one place (python/cpython#106905).
_parsing = Lock()
_PYTHON = re.compile(r"(.*/)?python[0-9.]*")
_LIST_PACKAGES = (
    "from importlib.metadata import distributions as d\n"
    "print(*sorted({f'{one.metadata[\"Name\"]} {one.version}' for one in d()}), sep='\\n')"
)
_DATA_SUFFIXES = {".c", ".h", ".j2", ".json", ".yaml"}


def of_tool(tool: Tool, memo: digest.Memo) -> str:
    """A tool's identity: a package's version, a program's digest and version text, what an environment has in it.

    Raises ToolError (missing).
    """
    if tool.kind == "binary":
        return _of_binary(tool, memo)
    if tool.kind == "environment":
        found = environments.contents(tool.name)
        if found is None:
            raise ToolError("its Python environment is not there", hint=tool.hint or _HINT, missing=True)
        return digest.of_bytes(found.encode())
    version = installed_version(tool.name)
    if version is None and tool.kind == "package":
        what = f"the Python package {tool.name} is not installed"
        raise ToolError(what, hint=tool.hint or _HINT, missing=True)
    return version or "absent"


@cache
def installed_version(name: str) -> str | None:
    """The version of an installed Python distribution."""
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        found = distribution(name)
    except PackageNotFoundError:
        return None
    # The beginning of its metadata; all of it is parsed as mail, which takes a millisecond for each.
    told = re.match(r"(?:.+\n)*?Version: *(\S+)", found.read_text("METADATA") or "")
    return told[1] if told is not None else found.version


@cache
def package_folder(name: str) -> Path:
    """Where an installed Python package lies, found without importing it. Raises ToolError (missing)."""
    spec = importlib.util.find_spec(name)
    if spec is None or not spec.submodule_search_locations:
        raise ToolError(f"the Python package {name} is not installed", hint=f"pip install {name}", missing=True)
    return Path(spec.submodule_search_locations[0])


def _of_binary(tool: Tool, memo: digest.Memo) -> str:
    found = shutil.which(tool.name)
    if found is None:
        raise ToolError(f"{tool.name} is not on PATH", hint=tool.hint or _HINT, missing=True)
    path = Path(found).resolve()
    own = f"{memo.digest(path)} {memo.derive(path, 'version', _version_text)}"
    return f"{own}{_packages_of(found)}" if _PYTHON.fullmatch(tool.name) else own


def _packages_of(python: str) -> str:
    """What a Python interpreter has installed, which decides what its programs do; nothing where it can't say.

    Of a virtual environment the path tells it, so that must not be resolved.
    """
    with TemporaryDirectory() as folder:
        try:
            words = [python, "-c", _LIST_PACKAGES]
            environment = clean_environment(Path(folder))
            told = subprocess.run(
                words, capture_output=True, check=True, timeout=VERSION_TIMEOUT_S, env=environment, cwd=folder
            ).stdout
        except (OSError, subprocess.SubprocessError):
            return ""
    return f" with {len(told.strip().splitlines())} packages {digest.of_bytes(told)}"


def _version_text(path: Path) -> str:
    """The first line that `--version` prints."""
    return version_output(path).partition("\n")[0].strip()


def version_output(program: Path) -> str:
    """What a program prints when asked for its version; nothing where it doesn't answer."""
    try:
        done = subprocess.run(
            [program, "--version"],
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            preexec_fn=with_parent(),
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return done.stdout or done.stderr


def architecture() -> str:
    """That of this machine, in LLVM's words."""
    machine = os.uname().machine.lower()
    return {"amd64": "x86_64", "arm64": "aarch64"}.get(machine, machine)


@cache
def of_machine() -> str:
    """The kind of machine that tools run on: results of another kind are not taken for our own."""
    return f"{sys.platform} {os.uname().machine}"


def of_modules(names: Iterable[str], memo: digest.Memo) -> tuple[str, dict[Path, digest.Stamp]]:
    """Digest of all of our modules that these names reach through imports, wherever in their text the import stands.

    With it come the stamps that these modules had before they were read.

    A name is a module, a package (all files beside its `__init__.py` count) or `module:function`. What is only imported
    counts alone. Core is left out, see CORE_VERSION.
    """
    waiting = [path for name in names for path in _files_of(name.partition(":")[0])]
    found: dict[Path, digest.Stamp] = {}
    while waiting:
        path = waiting.pop()
        if path not in found:
            found[path] = digest.stamp_of(path)
            if path.suffix == ".py":
                imported = memo.derive(path, "imports", _imports).split()
                waiting += [file for name in imported if (file := _file_of(name)) is not None]
    # The same module may lie anywhere, and a name alone does not tell what is in it: content decides.
    return digest.of_bytes("\n".join(sorted(memo.digest(path) for path in found)).encode()), found


@cache
def _files_of(module: str) -> tuple[Path, ...]:
    """The source file of a module, or all source and data files of a package. Raises ToolError where there is none."""
    origin = _file_of(module)
    if origin is None:
        raise ToolError(f"the Python module {module} is not installed", hint=_HINT, missing=True)
    if origin.name != "__init__.py":
        return (origin,)
    return tuple(path for path in sorted(origin.parent.iterdir()) if path.suffix in _DATA_SUFFIXES | {".py"})


@cache
def _file_of(module: str) -> Path | None:
    """The source file of a module; None for core, for the top package and for what is not a module (an imported name).

    Our own modules are found by their place, since asking the import system would import their packages.
    """
    words = module.split(".")
    if words == [_PACKAGE.name] or words[:2] == [_PACKAGE.name, "core"]:
        return None
    if words[0] == _PACKAGE.name:
        place = "/".join([str(_PACKAGE), *words[1:]])
        found = (file for file in (f"{place}/__init__.py", f"{place}.py") if os.path.isfile(file))  # noqa: PTH113 (hundreds)
        return next(map(Path, found), None)
    spec = importlib.util.find_spec(module)
    return Path(spec.origin) if spec is not None and spec.origin else None


def _imports(path: Path) -> str:
    """The modules of ours that a source file imports, one a line."""
    return _imports_of(path.read_bytes())


@cache  # for processes of several sessions
def _imports_of(source: bytes) -> str:
    import ast  # only where a module of ours was edited

    found = set()
    with _parsing:
        tree = ast.parse(source)
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {node.module} | {f"{node.module}.{alias.name}" for alias in node.names}
    return "\n".join(sorted(name for name in found if name.startswith("tinyflow.")))
