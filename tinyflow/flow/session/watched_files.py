"""Benches that are made again whenever something that they are made from is saved: what to watch, and what to tell."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinyflow.core.action import SourceFile
from tinyflow.flow.planning.includes import HEADERS
from tinyflow.flow.planning.plan import BenchPlan

# in this order, and with these words
_SHOWN = {
    "invoke_instructions": "invoke instructions",
    "latency_ms": "latency ms",
    "setup_instructions": "set-up instructions",
    "rom_bytes": "ROM bytes",
    "ram_bytes": "RAM bytes",
}
Row = Mapping[str, Any]


@dataclass
class Watched:
    """The files that benches are made from: single ones, and folders where any new file may matter."""

    files: frozenset[Path] = frozenset()
    folders: frozenset[Path] = frozenset()

    @staticmethod
    def of(plans: Iterable[BenchPlan], recipes: Iterable[Path]) -> Watched:
        """All sources of these plans, and the recipe folders."""
        sources = {
            source.path
            for plan in plans
            for action in plan.actions
            for source in action.inputs.values()
            if isinstance(source, SourceFile)
        }
        folders = {path.resolve() for path in sources if path.is_dir()}
        folders |= {path.resolve() for path in recipes if path.is_dir()}
        return Watched(frozenset(path.resolve() for path in sources if not path.is_dir()), frozenset(folders))

    @property
    def roots(self) -> list[Path]:
        """Existing folders to be told of; none lies in another."""
        found = sorted({*self.folders, *(path.parent for path in self.files if path.parent.is_dir())})
        return [path for path in found if not any(other in path.parents for other in found)]

    def state(self) -> dict[Path, object]:
        """When each of the single files was written last, to see later whether one was saved meanwhile."""
        return {path: path.stat().st_mtime_ns if path.exists() else None for path in self.files}

    def concerns(self, path: Path) -> bool:
        """Whether a file that changed may change a bench; so may a new header where others are."""
        is_near = path.suffix in HEADERS and any(path.parent == file.parent for file in self.files)
        return path in self.files or is_near or any(folder in path.parents for folder in self.folders)


def tell(before: Row | None, row: Row) -> str:
    """One line: metrics of a bench that changed as old → new, or what they are; the first time all of them."""
    parts = []
    for metric, word in _SHOWN.items():
        new = row["metrics"].get(metric)
        old = None if before is None else before["metrics"].get(metric)
        if new is None or (before is not None and old == new):
            continue
        percent = f" ({(new - old) / old:+.2%})" if old else ""
        parts.append(f"{word} {new:,}" if old is None else f"{word} {old:,} → {new:,}{percent}")
    return ", ".join(parts) or "all as before"
