"""`doit tuning`: the records that `+tuned` goes by: what there is, from the cache into a file, from a file to here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from statistics import geometric_mean
from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.flow.commands.command import OwnCommand, option
from tinyflow.flow.streams import write_data, writing
from tinyflow.recipes import tuning
from tinyflow.recipes.bench import parse
from tinyflow.recipes.objective import OBJECTIVES


class Tuning(OwnCommand):
    """Lists, exports and imports tuning records."""

    doc_purpose = "tuning records: what there is, export of what was searched, import of a file"
    doc_usage = "[export BENCH... | import FILE...]"
    doc_description = (
        "Records lie in recipes/tuning/, one file for each toolchain and processor; +tuned takes them.\n"
        "Example: doit tuning\n"
        "Example: doit tuning export aww-tvmaotplus-stm32f7+tune.16 --output found.jsonl\n"
        "Example: doit tuning import found.jsonl"
    )
    cmd_options = (option("output", "the file that export writes [default: standard output]", short="o"),)

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Do what the first word says."""
        verb, names = (args[0], args[1:]) if args else ("list", [])
        if verb == "list" and not names:
            return self._list()
        if verb == "export" and names:
            return self._export(names, params["output"])
        if verb == "import" and names:
            return self._import([Path(name) for name in names])
        what = f"{verb} of what?" if verb in ("export", "import") else f'there is no "tuning {" ".join(args)}"'
        raise UsageError(what, hint=f"{self.bin_name} tuning {self.doc_usage}")

    def _list(self) -> int:
        """One line for each file that there is, of all recipe folders."""
        for folder in self.loader.catalogue.folders:
            for file in sorted((folder / tuning.FOLDER).glob("*.jsonl")):
                print(f"{file.stem}: {_told(tuning.read(file))}")
        return 0

    def _export(self, names: Sequence[str], output: str) -> int:
        """Write what the searches of some benches found."""
        found = []
        for name in names:
            plan = self.loader.planner.plan_bench(parse(name.removeprefix("bench:")))
            action = next((action for action in plan.actions if action.stage == "tune"), None)
            if action is None:
                raise UsageError(f"{name} searches nothing", hint=f"for example {plan.name}+tune.16")
            if self.loader.session.stale(plan.actions):
                raise UsageError(f"{name} is not up to date", hint=f"{self.bin_name} bench:{plan.name}")
            found.append(tuning.read(self.loader.session.output_path(action, "records.jsonl")))
        records = tuning.merge(*found)
        if output:
            with writing(output) as path:
                tuning.write(path, records)
            print(f"{output}: {_told(records)}")
        else:
            write_data(tuning.spell(records))
        return 0

    def _import(self, files: Sequence[Path]) -> int:
        """Merge files into the project's own records."""
        records = tuning.merge(*map(tuning.read, files))
        for name in sorted({tuning.file_name(record["cpu"], record["toolchain"]) for record in records}):
            path = self.loader.project.root / "recipes" / name
            known = tuning.read(path) if path.is_file() else []
            new = [one for one in records if tuning.file_name(one["cpu"], one["toolchain"]) == name]
            merged = tuning.merge(known, new)
            tuning.write(path, merged)
            print(f"recipes/{name}: {len(merged) - len(known)} new; {_told(merged)}")
        return 0


def _told(records: Sequence[tuning.Record]) -> str:
    """`23 kernels by cycles, 15 of them better than the default, by 8.1 % on average`, for each objective."""
    groups = ((name, [one for one in records if one["objective"] == name]) for name in OBJECTIVES)
    return "; ".join(f"{len(group)} kernels by {name}, {_gain(group)}" for name, group in groups if group)


def _gain(records: Sequence[tuning.Record]) -> str:
    better = [tuning.counts_of(one) for one in records if one["choice"] is not None]
    if not better:
        return "for all of which the default is the best"
    # without scratch, none may be left
    gain = 1 - geometric_mean([max(counts["after"], 1) / max(counts["before"], 1) for counts in better])
    return f"{len(better)} of them better than the default, by {gain:.1%} on average"
