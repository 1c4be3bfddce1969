"""`doit baseline save|check`: keep a suite's results in a file, and hold later ones against them. Runs nothing."""

from __future__ import annotations

import json
from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.flow.commands.compare import OPTIONS, limits_of, parse_limits, tell
from tinyflow.flow.commands.refusing import OwnCommand
from tinyflow.flow.messages import shown
from tinyflow.flow.revision import current_revision
from tinyflow.flow.sides import find_side, read_side
from tinyflow.flow.views import write_if_changed
from tinyflow.report.compare import DEFAULT_LIMITS, TIMES, Side, compare, doubts

_OPTION_NAME = {
    "name": "name",
    "long": "name",
    "short": "",
    "type": str,
    "default": "",
    "help": "of the baseline [default: the suite's]",
}


class Baseline(OwnCommand):
    """Writes and reads `baselines/<name>.json`, which is meant to be committed."""

    name = "baseline"
    doc_purpose = "keep results, and hold later ones against them"
    doc_usage = "save|check SUITE"
    doc_description = """\
`check` ends with 1 where a metric got worse than the suite's `max_regression` allows (by default any more instructions,
flash or RAM), where a bench fails that did not, and where one has no result any more.
Example: doit baseline save mlperf_tiny
Example: doit baseline check mlperf_tiny"""
    cmd_options = (*OPTIONS, _OPTION_NAME)

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Save or check."""
        if len(args) != 2 or args[0] not in ("save", "check"):
            hint = f"for example {self.bin_name} baseline save mlperf_tiny"
            raise UsageError("baseline takes save or check, and a suite", hint=hint)
        verb, suite = args
        loader = self.loader
        now = find_side(suite, loader.project, loader.catalogue)
        path = loader.project.baselines / f"{params['name'] or suite}.json"
        if verb == "save":
            commit, is_dirty = current_revision(loader.project.root)
            write_if_changed(path, _spell(now, commit, is_dirty))
            print(f"{len(now)} benches in {shown(path)}")
            return 0
        if not path.is_file():
            raise UsageError(f"there is no {shown(path)}", hint=f"{self.bin_name} baseline save {suite}")
        limits = parse_limits(params["limits"]) or limits_of(loader.catalogue, [suite]) or DEFAULT_LIMITS
        changes = compare(read_side(path), now, limits, must_stay=True)
        return tell(shown(path), suite, changes, params, doubts({}, now))


def _spell(side: Side, commit: str | None, is_dirty: bool) -> str:
    """A baseline's file: what comparing needs, and nothing that is different on another machine."""
    benches = [
        {
            "schema": bench.report["schema"],
            "bench": bench.report["bench"],
            "status": bench.report["status"],
            "weights": bench.report["weights"],
            "metrics": {
                name: value
                for name, value in bench.report["metrics"].items()
                if name not in ("simulated_mips", "wall_s")
            },
        }
        for bench in side.values()
    ]
    samples = {name: dict(bench.samples) for name, bench in side.items() if set(bench.samples) & TIMES}
    document = {"schema": 1, "commit": commit, "is_dirty": is_dirty, "benches": benches, "samples": samples}
    return json.dumps(document, indent=1, ensure_ascii=False) + "\n"
