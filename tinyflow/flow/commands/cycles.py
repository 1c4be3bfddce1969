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
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import spell_path
from tinyflow.recipes.cycle_evidence import Measurement
from tinyflow.recipes.resolve import resolve
from tinyflow.recipes.schema import Core
from tinyflow.report import cycle_errors
from tinyflow.report.tables import fitted


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
        estimates = self._estimates()
        for core in cores or names:
            self._show(core, [_estimated(one, estimates) for one in known if one.core == core])
        return 0

    def _show(self, core: str, measurements: Sequence[Measurement]) -> None:
        catalogue = self.loader.catalogue
        recipe = catalogue.get(Core, core) if catalogue.has(Core, core) else None
        told = cycle_errors.told(core, measurements, None if recipe is None else recipe.error_percent)
        notes = cycle_errors.notes(measurements, self._rules(core))
        print("\n".join([*_table(measurements), *notes, *told]), end="\n\n")

    def _rules(self, core: str) -> str:
        catalogue = self.loader.catalogue
        return cycle_evidence.rules_digest(catalogue, catalogue.get(Core, core)) if catalogue.has(Core, core) else ""

    def _estimates(self) -> dict[str, tuple[int, float]]:
        """Instructions and cycles of the benches with results here."""
        catalogue = self.loader.catalogue
        frame = select(self.loader.views, lambda: catalogue, suite=None, model=None, where=None, sort="", columns="")
        return {
            row["bench"]: (row["invoke_instructions"], row["cycles_estimate"])
            for row in frame
            if row.get("cycles_estimate")
        }

    def _add(self, files: Sequence[Path]) -> int:
        """Merge files into the project's own; nothing of them where a line of one is wrong."""
        catalogue, estimates = self.loader.catalogue, self._estimates()
        folder = (self.loader.project.root / "recipes" / cycle_evidence.FOLDER).resolve()
        known = dict(cycle_evidence.files(catalogue))
        added: list[Measurement] = []
        said: dict[Path, str] = {}
        for file in files:
            path = folder / f"{file.stem}.csv"
            others = {one.key: other for other, lines in known.items() if other != path for one in lines}
            taken = {key: other for key, other in others.items() if not self._is_ours(other, folder)}

            def check(one: Measurement, taken: dict[tuple[str, str, str], Path] = taken) -> None:
                if one.key in taken:
                    what = f"{one.program} on {one.chip} stands in {spell_path(taken[one.key])}, too"
                    raise UsageError(what, hint="change or delete that line, or give this file the same name")
                self._check_bench(one, estimates)

            new = cycle_evidence.read(file, catalogue, check)
            old = known.get(path, [])
            known[path] = cycle_evidence.merge(old, new)
            count = len(known[path]) - len(old)
            said[path] = f"recipes/{cycle_evidence.FOLDER}/{path.name}: {count} new, {len(new) - count} replaced"
            for one in new:
                if one.key in others:
                    said[path] += f"\n{one.program}, {one.chip}: in place of tinyflow's own line"
            added += new
        for path, text in said.items():
            path.parent.mkdir(parents=True, exist_ok=True)
            write_if_changed(path, cycle_evidence.spell(known[path]))
            print(text)
        shown = [_estimated(one, estimates) for one in cycle_evidence.merge([], added)]
        print("\n".join(_table(shown)))
        cores = sorted({one.core for one in shown})
        for core in cores:
            notes = cycle_errors.doubts([one for one in shown if one.core == core], self._rules(core))
            print("".join(f"{note}\n" for note in notes), end="")
        print(f"all that is known: doit cycles {' '.join(cores)}")
        return 0

    def _is_ours(self, file: Path, folder: Path) -> bool:
        """Whether a file is tinyflow's, which a project's go before."""
        return file.parent != folder and file.is_relative_to(self.loader.catalogue.folders[-1])

    def _check_bench(self, one: Measurement, estimates: dict[str, tuple[int, float]]) -> None:
        """UsageError or ValueError for a bench that can't be this one, or of which nothing is known."""
        try:
            bench = parse(one.program.removeprefix("bench:"))
        except UsageError:
            return  # a program of another kind
        catalogue = self.loader.catalogue
        try:
            cpu = resolve(bench, catalogue).target.cpu
        except UsageError as error:
            if one.instructions is not None and one.estimate is not None:
                return
            hint = error.hint.rpartition("\n")[2] + "\na program that is no bench needs instructions and estimate"
            raise UsageError(f"{one.program}: {error.what}", hint=hint) from None
        if cpu != one.core:
            raise UsageError(f"{bench.target} has a {cpu}, not a {one.core}", hint=f"core: {cpu}")
        if bench.name in estimates:
            cycle_evidence.check_pace(one.cycles, estimates[bench.name][0], catalogue, one.core)
        elif one.instructions is None:
            hint = f"run it first: doit bench:{bench}"
            raise UsageError(f"{one.program} has no estimate here", hint=hint)


def _table(measurements: Sequence[Measurement]) -> list[str]:
    """Errors by program, as wide as the terminal."""
    lines = cycle_errors.rows(measurements)
    return fitted(cycle_errors.HEADINGS, lines, cycle_errors.ARE_NUMBERS, width_of(sys.stdout))


def _estimated(one: Measurement, estimates: dict[str, tuple[int, float]]) -> Measurement:
    """With the estimate of today, where the program is a bench that ran here."""
    found = estimates.get(bench_name(one.program))
    return one if found is None else replace(one, instructions=found[0], estimate=found[1], rules="")
