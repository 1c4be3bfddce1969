"""`doit import`: archives into the cache, so that what they hold need not run here."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tinyflow.archive import contents
from tinyflow.archive.contents import Archive
from tinyflow.core.errors import TinyflowError, UsageError
from tinyflow.flow import restore
from tinyflow.flow.commands.refusing import OwnCommand

_HINT = "the unpacked archive's models/ and recipes/ have what it was made from: TINYFLOW_MIRRORS, TINYFLOW_RECIPES"


class Import(OwnCommand):
    """Checks all archives, then stores them, then says what is up to date."""

    name = "import"
    doc_purpose = "restore archives of export: into the cache"
    doc_usage = "FILE.tar.gz..."
    doc_description = (
        "Checks every digest first. Whether the outputs are what the sources give is another question: `verify`.\n"
        "Example: doit import vww-tvmaot-stm32f7.tar.gz"
    )

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Nothing is stored unless all are good."""
        del params
        if not args:
            raise UsageError("import what?", hint=f"for example {self.bin_name} import vww-tvmaot-stm32f7.tar.gz")
        for archive in [contents.load(Path(word)) for word in args]:
            self._restore(archive)
        self.loader.session.close()
        return 0

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
