"""`doit cycles`: how far estimated cycles are off what boards measured; more measurements from a file. Runs nothing."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.flow.atomic_files import write_if_changed
from tinyflow.flow.commands.command import OwnCommand
from tinyflow.flow.publishing.comparison import bench_name
from tinyflow.flow.publishing.query import select
from tinyflow.flow.session.display import width_of
from tinyflow.recipes import cycle_evidence
from tinyflow.recipes.cycle_evidence import Measurement
from tinyflow.recipes.schema import Core
from tinyflow.report import cycle_errors
from tinyflow.report.tables import aligned, records


class Cycles(OwnCommand):
    """Lists what boards measured, and takes more of it into the project."""

    doc_purpose = "what boards measured beside what is estimated; more measurements from a file"
    doc_usage = "[CORE... | add FILE...]"
    doc_description = (
        "Measurements lie in recipes/evidence/: a line for each program on a chip, see docs/cycles.md. A program that\n"
        "is a bench of the project's is held against its estimate here.\n"
        "Example: doit cycles\n"
        "Example: doit cycles cortex-m7\n"
        "Example: doit cycles add measured.csv"
    )
    cmd_options = ()

    def execute(self, params: dict[str, Any], args: list[str]) -> int:  # noqa: ARG002 (it has none)
        """Do what the first word says."""
        if args and args[0] == "add":
            self.require(args[1:], "add of what?", "cycles add measured.csv")
            return self._add([Path(name) for name in args[1:]])
        return self._list(args)

    def _list(self, cores: Sequence[str]) -> int:
        catalogue = self.loader.catalogue
        known = cycle_evidence.read_all(catalogue)
        names = sorted({one.core for one in known})
        for core in cores:
            if core not in names:
                what = f"no measurement of a {core} is known"
                raise UsageError(what, hint="of these there are: " + ", ".join(names))
        estimates = self._estimates({one.program for one in known})
        for core in cores or names:
            self._show(core, [_estimated(one, estimates) for one in known if one.core == core])
        return 0

    def _show(self, core: str, measurements: Sequence[Measurement]) -> None:
        catalogue = self.loader.catalogue
        recipe = catalogue.get(Core, core) if catalogue.has(Core, core) else None
        rules = "" if recipe is None else cycle_evidence.rules_digest(catalogue, recipe)
        lines = cycle_errors.rows(measurements)
        width = width_of(sys.stdout)
        table = aligned([cycle_errors.HEADINGS, *lines], cycle_errors.ARE_NUMBERS)
        if width is not None and max(map(len, table)) > width:
            table = records(cycle_errors.HEADINGS, lines, width)
        told = cycle_errors.told(core, measurements, None if recipe is None else recipe.error_percent)
        print("\n".join([*table, *cycle_errors.notes(measurements, rules), *told]), end="\n\n")

    def _estimates(self, programs: set[str]) -> dict[str, tuple[int, float]]:
        """Instructions and cycles of those programs that are benches with results here."""
        catalogue = self.loader.catalogue
        frame = select(self.loader.views, lambda: catalogue, suite=None, model=None, where=None, sort="", columns="")
        return {
            row["bench"]: (row["invoke_instructions"], row["cycles_estimate"])
            for row in frame
            if row["bench"] in {bench_name(program) for program in programs} and row.get("cycles_estimate")
        }

    def _add(self, files: Sequence[Path]) -> int:
        """Merge files into the project's own."""
        catalogue = self.loader.catalogue
        for file, new in [(file, cycle_evidence.read(file, catalogue)) for file in files]:
            path = self.loader.project.root / "recipes" / cycle_evidence.FOLDER / f"{file.stem}.csv"
            known = cycle_evidence.read(path, catalogue) if path.is_file() else []
            merged = cycle_evidence.merge(known, new)
            path.parent.mkdir(parents=True, exist_ok=True)
            write_if_changed(path, cycle_evidence.spell(merged))
            count = len(merged) - len(known)
            print(f"recipes/{cycle_evidence.FOLDER}/{path.name}: {count} new, {len(new) - count} replaced")
        return 0


def _estimated(one: Measurement, estimates: dict[str, tuple[int, float]]) -> Measurement:
    """With the estimate of today, where the program is a bench that ran here."""
    found = estimates.get(bench_name(one.program))
    return one if found is None else replace(one, instructions=found[0], estimate=found[1], rules="")
