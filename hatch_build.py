"""Build hook: the commit that a wheel or sdist was made from travels in it, and `tinyflow --version` tells it."""

from __future__ import annotations

import json
import subprocess
import tempfile
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

_NAME = "provenance.json"
_PLACES = {"wheel": f"tinyflow/_data/{_NAME}", "sdist": _NAME}


class CustomBuildHook(BuildHookInterface):
    """Adds `provenance.json`, asked of git in a checkout, else copied from the sdist; without either there is none."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Before the build; an editable install needs nothing, since its commit is the checkout's."""
        root = Path(self.root)
        text = _of_checkout(root) or _of_sdist(root)
        if version == "editable" or text is None:
            return
        self._folder = tempfile.TemporaryDirectory()  # lives as long as the hook
        file = Path(self._folder.name) / _NAME
        file.write_text(text)
        build_data["force_include"][str(file)] = _PLACES[self.target_name]


def _of_checkout(root: Path) -> str | None:
    if _git(root, "rev-parse", "--show-toplevel") != str(root):
        return None  # an sdist unpacked within somebody's repository
    is_dirty = bool(_git(root, "status", "--porcelain", "--untracked-files=no"))
    return json.dumps({"commit": _git(root, "rev-parse", "HEAD"), "is_dirty": is_dirty}) + "\n"


def _of_sdist(root: Path) -> str | None:
    return (root / _NAME).read_text() if (root / _NAME).is_file() else None


def _git(root: Path, *words: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *words], capture_output=True, text=True, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()
