"""`doit verify`: build benches once more from nothing, in a scratch folder, and compare every output with the recorded
one, or with what an archive says. Touches neither the cache nor the records.
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any, ClassVar

from tinyflow.archive import contents
from tinyflow.core.errors import ToolError, UsageError
from tinyflow.core.scratch import clear, fresh_folder
from tinyflow.flow.archives import rebuild_archive
from tinyflow.flow.archives.rebuild import Difference, Rebuild, recorded_in
from tinyflow.flow.commands.command import OwnCommand, flag, option
from tinyflow.flow.planning.plan import task_name

_DIFFERENT = 1


class Verify(OwnCommand):
    """Rebuilds one action after the other, each with inputs that were rebuilt, too."""

    doc_purpose = "rebuild benches or archives from nothing and compare every artifact"
    doc_usage = "BENCH|SUITE|FILE.tar.gz..."
    doc_description = (
        "Ends with status 1 where something differs, 3 where an archive was made with tools that are not here.\n"
        "Example: doit verify bench:vww-tvmaot-stm32f7\n"
        "Example: doit verify build/archives/vww-tvmaot-stm32f7.tar.gz"
    )
    cmd_options = (
        option("rebuild", "archives: rebuild what is in them; else only check digests", True),
        flag("trust", "archives: rebuild by recipes and sources that are not tinyflow's own; they can run anything"),
        flag(
            "ignore-tool-versions",
            "archives: rebuild with the tools that are here, where they are others than the archive's",
        ),
    )
    renamed: ClassVar[Mapping[str, str]] = {"--anyway": "--ignore-tool-versions"}

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print what differs, then the counts."""
        self.require(args, "verify what?", "verify bench:vww-tvmaot-stm32f7")
        files = [word for word in args if word.endswith(contents.SUFFIX)]
        names = [word for word in args if word not in files]
        statuses = [self._archive(Path(word), params) for word in files]
        if names:
            statuses.append(self._recorded(names))
        return max(statuses)

    def _recorded(self, names: list[str]) -> int:
        """What this checkout has made."""
        session = self.loader.session
        actions = self.loader.selector.select(names, is_bare_fine=True).all_actions
        if stale := session.stale(actions.values()):
            what = f"{len(stale)} of {len(actions)} actions are not up to date, {stale[0].title} for one"
            raise UsageError(what, hint=f"there is nothing to compare with; first {self.bin_name} {' '.join(names)}")
        with _folder(self.loader.project.state, "verify-") as folder:
            rebuilt = Rebuild(recorded_in(session), folder)
            differing = [found for action in actions.values() for found in rebuilt.compare(action)]
            rebuilt.session.close()
        return _tell(differing, f"{len(actions)} actions rebuilt", rebuilt.equal)

    def _archive(self, path: Path, params: Mapping[str, Any]) -> int:
        """What somebody has exported. Raises ArchiveError, and ToolError where the tools here are others."""
        archive = contents.load(path)
        print(f"{path}: {len(archive.files)} files, every digest is right; content {archive.digest}", flush=True)
        if not params["rebuild"]:
            return 0
        own = rebuild_archive.own_code(archive)
        if own and not params["trust"]:
            what = f"rebuilding would follow {len(own)} recipes or sources that are not tinyflow's, such as {own[0]}"
            hint = f"if you would run its maker's programs: {self.bin_name} verify --trust {path}"
            raise UsageError(what, where=str(path), hint=hint)
        with _folder(Path(tempfile.gettempdir()), "tinyflow-verify-") as folder:
            found = rebuild_archive.rebuild(archive, folder, params["ignore_tool_versions"])
        for line in found.other_tools:
            print(f"  {line}")
        if found.other_tools and not params["ignore_tool_versions"]:
            what = "its digests are right; it was not rebuilt, since it was made with other tools"
            hint = f"install those, or compare all the same: {self.bin_name} verify --ignore-tool-versions {path}"
            raise ToolError(what, where=str(path), hint=hint, missing=True)
        status = _tell(found.differing, f"{found.actions} actions rebuilt from it alone", found.equal)
        if status and found.other_tools:
            print("tools differ, so this does not say that the archive is wrong")
        return status


def _folder(parent: Path, prefix: str) -> AbstractContextManager[Path]:
    """A fresh folder; those of killed runs go."""
    clear(parent, prefix)
    return fresh_folder(parent, prefix)


def _tell(differing: Sequence[Difference], done: str, equal: int) -> int:
    """Print what differs and the counts; the exit status."""
    for found in differing:
        print(f"{task_name(found.action)}  {found.action.title}: {found.output}{found.detail}")
    print(f"{done}: {equal} outputs equal, {len(differing)} different")
    return _DIFFERENT if differing else 0
