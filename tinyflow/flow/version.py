"""`tinyflow --version`: which version this is, of which commit, and what it is built on."""

from __future__ import annotations

import json
import platform
from pathlib import Path

import tinyflow
from tinyflow.core.identity import installed_version
from tinyflow.flow.publishing.revision import Checkout
from tinyflow.recipes.catalogue import data_folder

# Those whose version decides what benches give.
_TOLD = ("doit", "apache-tvm", "ziglang", "unicorn", "tflite-micro", "ai-edge-litert", "numpy")


def describe() -> list[str]:
    """Lines: version and commit; place; Python and packages."""
    commit, is_dirty = source_revision()
    source = f"commit {commit}{', modified' if is_dirty else ''}" if commit else "of no known commit"
    packages = [f"{name} {found}" for name in _TOLD if (found := installed_version(name)) is not None]
    return [
        f"tinyflow {tinyflow.__version__} ({source})",
        f"in {Path(tinyflow.__file__ or '').resolve().parent}",
        f"Python {platform.python_version()}, {', '.join(packages)}",
    ]


def source_revision() -> tuple[str | None, bool]:
    """The commit of the installed sources and whether they differ from it: the build's word, or the checkout's git."""
    data = data_folder()
    recorded = data / "provenance.json"
    if recorded.is_file():
        document = json.loads(recorded.read_text(encoding="utf-8"))
        return document["commit"], document["is_dirty"]
    return Checkout(data).began if (data / ".git").exists() else (None, False)
