"""Where things lie: the project's folder, its build folder, the cache and the local records."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from tinyflow.core.errors import UsageError
from tinyflow.recipes.catalogue import project_root

_LEAST_BYTES = 2 << 20  # free: an empty state file with its journal, and a small action


@dataclass(frozen=True)
class Project:
    """The folders of one session. Nothing is made here."""

    root: Path
    cache: Path
    elsewhere: Path | None = None  # where the state is kept if the project has no place for it

    @property
    def build(self) -> Path:
        """Readable views, one folder per bench; may be deleted at any time."""
        return self.root / "build"

    @property
    def archives(self) -> Path:
        """What `export:` writes; not below a bench's view, which is replaced as a whole."""
        return self.build / "archives"

    def firmware(self, bench: str, form: str, *others: str) -> Path:
        """What `firmware:` unpacks, which `.zip`, `.built` and `.log` stand beside; `others` tell it from the plain."""
        return self.build / "firmware" / "-".join([bench, form, *others])

    @property
    def state(self) -> Path:
        """What this checkout knows of its past; may be deleted at any time, then everything is a hit."""
        return self.states[-1]

    @property
    def states(self) -> tuple[Path, ...]:
        """Where state may lie: in the project, and elsewhere if that can't be written any more."""
        return (self.build / ".state", *([self.elsewhere] if self.elsewhere is not None else []))

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
        if "://" in chosen:
            raise UsageError("TINYFLOW_CACHE is an address, no folder", hint="TINYFLOW_REMOTE_CACHE names a server's")
        cache = start / Path(chosen).expanduser()
    elif root is not None:
        cache = root / "cache"
    else:
        home = environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"
        cache = Path(home) / "tinyflow"
    found = Project(root=root or start, cache=cache)
    return found if _has_room(found.state) else replace(found, elsewhere=_elsewhere(found.root, environment))


def _has_room(folder: Path) -> bool:
    """Whether a folder can be written, or made, and filled a little."""
    nearest = next((path for path in (folder, *folder.parents) if os.path.lexists(path)), folder)
    try:
        disk = os.statvfs(nearest)
    except OSError:
        return False
    return nearest.is_dir() and os.access(nearest, os.W_OK | os.X_OK) and disk.f_bavail * disk.f_frsize >= _LEAST_BYTES


def _elsewhere(root: Path, environment: Mapping[str, str]) -> Path | None:
    """A folder of the user's for this project's state; one of the system's for what is temporary, for want of that."""
    name = f"tinyflow-state-{os.getuid()}-{sha256(os.fsencode(root)).hexdigest()[:16]}"
    homes = [Path(environment.get("XDG_CACHE_HOME") or Path.home() / ".cache"), Path(tempfile.gettempdir())]
    return next((home / name for home in homes if _has_room(home / name)), None)
