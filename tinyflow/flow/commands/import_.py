"""`doit import`: archives into the cache, so that what they hold need not run here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinyflow.archive import contents
from tinyflow.archive.contents import Archive
from tinyflow.core.errors import TinyflowError, UsageError
from tinyflow.flow import new_project
from tinyflow.flow.archives import restore
from tinyflow.flow.commands.command import OwnCommand
from tinyflow.flow.messages import shown

_HINT = "the unpacked archive's models/ and recipes/ have what it was made from: TINYFLOW_MIRRORS, TINYFLOW_RECIPES"


class Import(OwnCommand):
    """Checks all archives, then stores them, then says what is up to date."""

    doc_purpose = "restore archives of export: into the cache"
    doc_usage = "FILE.tar.gz..."
    doc_description = (
        "Checks every digest first. Models that are known to nobody here are written to recipes/models/.\n"
        "Whether the outputs are what the sources give is another question: `verify`.\n"
        "Example: doit import vww-tvmaot-stm32f7.tar.gz"
    )

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Nothing is stored unless all are good."""
        del params
        self.require(args, "import what?", "import vww-tvmaot-stm32f7.tar.gz")
        archives = [contents.load(Path(word)) for word in args]
        for archive in archives:
            self._add_models(archive)
        for archive in archives:
            self._restore(archive)
        return 0

    def _add_models(self, archive: Archive) -> None:
        """Write what planning its benches needs and nobody here has: models are data."""
        files = restore.own_models(archive, self.loader.catalogue)
        if not files:
            return
        root = self.loader.project.root
        try:
            new_project.write(root, files)
        except UsageError as error:
            print(f"{archive.name}: its models were not written: {error.what}")
            return
        self.loader.reopen()
        print(f"{archive.name}: wrote {', '.join(shown(root / path) for path in sorted(files))}")

    def _restore(self, archive: Archive) -> None:
        stored = restore.store(archive, self.loader.session.store)
        print(f"{archive.name}: {stored.new} results restored, {stored.known} were here; content {archive.digest}")
        for title in stored.other:
            print(f"  {title}: the cache has other outputs for the same key, and keeps them")
        for bench in archive.benches:
            try:
                reasons = restore.adopt(archive, bench, self.loader.planner, self.loader.session)
            except TinyflowError as error:
                reasons = [f"can't be planned here: {error}"]
            print(f"{bench}: {'not up to date here' if reasons else 'up to date, nothing to run'}")
            for line in [*reasons, *([_HINT] if reasons else [])]:
                print(f"  {line}")
