"""`doit baseline save|check`: keep a suite's results in a file, and hold later ones against them. Runs nothing."""

from __future__ import annotations

import re
from typing import Any

from tinyflow.core import safe_text
from tinyflow.core.errors import UsageError
from tinyflow.flow.atomic_files import write_if_changed
from tinyflow.flow.commands.command import OwnCommand, option
from tinyflow.flow.commands.compare import OPTIONS, tell
from tinyflow.flow.messages import shown
from tinyflow.flow.publishing.comparison import find_results, limits_of, parse_limits, read_results
from tinyflow.flow.publishing.revision import resolve_revision
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Suite
from tinyflow.recipes.suite import expand
from tinyflow.report.compare import DEFAULT_LIMITS, TIMES, Results, compare, doubts

_NAME = re.compile(r"\w[\w.+-]*")  # of a file in baselines/, not of one elsewhere


class Baseline(OwnCommand):
    """Writes and reads `baselines/<name>.json`, which is meant to be committed."""

    doc_purpose = "keep results, and hold later ones against them"
    doc_usage = "save|check SUITE"
    doc_description = """\
`check` ends with 1 where a metric got worse than the suite's `max_regression` allows (by default any more instructions,
flash or RAM), where a bench failed, and where one has no result any more.
Example: doit baseline save mlperf_tiny
Example: doit baseline check mlperf_tiny"""
    cmd_options = (*OPTIONS, option("name", "of the baseline [default: the suite's]"))

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Save or check."""
        if len(args) != 2 or args[0] not in ("save", "check"):
            hint = f"for example {self.bin_name} baseline save mlperf_tiny"
            raise UsageError("baseline takes save or check, and a suite", hint=hint)
        verb, suite = args
        if params["name"] and not _NAME.fullmatch(params["name"]):
            raise UsageError(
                f'"{params["name"]}" can\'t be the name of a baseline', hint="for example --name release-1.2"
            )
        loader = self.loader
        now = find_results(suite, loader.views, loader.catalogue)
        path = loader.project.baselines / f"{params['name'] or suite}.json"
        if verb == "save":
            write_if_changed(path, _spell(now))
            count = "1 bench" if len(now) == 1 else f"{len(now)} benches"
            print(f"{count} in {shown(path)}{_lacking(now, suite, loader.catalogue)}")
            return 0
        if not path.is_file():
            raise UsageError(f"there is no {shown(path)}", hint=f"{self.bin_name} baseline save {suite}")
        limits = parse_limits(params["limits"]) or limits_of(loader.catalogue, [suite]) or DEFAULT_LIMITS
        sides = (read_results(path), now)
        changes = compare(*sides, limits, must_stay=True)
        head = resolve_revision(loader.project.root, "HEAD")
        return tell((shown(path), suite), sides, changes, params, doubts({}, now), head)


def _lacking(side: Results, suite: str, catalogue: Catalogue) -> str:
    """What a reader of a baseline should know: which benches it has no numbers of."""
    failed = [name for name, bench in side.items() if bench.report["status"] != "ok"]
    members = [bench.name for bench in expand(catalogue, suite)] if catalogue.has(Suite, suite) else []
    absent = [name for name in members if name not in side]
    parts = [("failed", failed), ("never measured here", absent)]
    return "".join(f"; {word}: {', '.join(names)}" for word, names in parts if names)


def _spell(side: Results) -> str:
    """A baseline's file: what comparing needs, and nothing that is different on another machine."""
    places = {bench.commit for bench in side.values()}
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
            **_commit(bench.commit),
        }
        for bench in side.values()
    ]
    samples = {name: dict(bench.samples) for name, bench in side.items() if set(bench.samples) & TIMES}
    common = _commit(places.pop() if len(places) == 1 else None)
    document = {"schema": 1, **common, "benches": benches, "samples": samples}
    return safe_text.json_text(document)


def _commit(place: str | None) -> dict[str, Any]:
    """What a result was measured at, as far as it is known."""
    return {"commit": place and place.rstrip("+"), "is_dirty": bool(place) and str(place).endswith("+")}
