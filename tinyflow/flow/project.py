"""Where things lie: the project's folder, its build folder, the cache and the local records."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from tinyflow.recipes.catalogue import project_root


@dataclass(frozen=True)
class Project:
    """The folders of one session. Nothing is made here."""

    root: Path
    cache: Path

    @property
    def build(self) -> Path:
        """Readable views, one folder per bench; may be deleted at any time."""
        return self.root / "build"

    @property
    def archives(self) -> Path:
        """What `export:` writes; not below a bench's view, which is replaced as a whole."""
        return self.build / "archives"

    @property
    def state(self) -> Path:
        """What this checkout knows of its past; may be deleted at any time, then everything is a hit."""
        return self.build / ".state"

    @property
    def baselines(self) -> Path:
        """Results to hold others against, one file each; meant to be committed."""
        return self.root / "baselines"

    @property
    def history(self) -> Path:
        """What benches measured over time, one file each; outlives `build/`."""
        return self.root / "history"


def find_project(start: Path, environment: Mapping[str, str] = os.environ) -> Project:
    """The project around a folder: the nearest folder upwards with recipes of its own, else the folder itself.

    The cache is TINYFLOW_CACHE, or `cache/` in a project, or the user's cache folder.
    """
    root = project_root(start)
    if chosen := environment.get("TINYFLOW_CACHE"):
        cache = start / Path(chosen).expanduser()
    elif root is not None:
        cache = root / "cache"
    else:
        home = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        cache = Path(home) / "tinyflow"
    return Project(root=root or start, cache=cache)
