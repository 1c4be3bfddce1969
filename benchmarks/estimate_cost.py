"""What estimating cycles adds to simulating: seconds of stage `profile` beside those of `run`, of benches in build/.

    doit -n 1 bench:… bench:…; python benchmarks/estimate_cost.py

The target is 1.5, both together by the run alone. Only where both ran in one session does the ratio say something.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from statistics import median


def main() -> int:
    """A line for each bench whose two stages ran in its last session; 1 where their median misses the target."""
    ratios = []
    for path in sorted(Path("build").glob("*/report.json")):
        stages = json.loads(path.read_bytes())["stages"]
        ran = [stages[name] for name in ("run", "profile") if name in stages]
        if len(ran) < 2 or any(stage["outcome"] != "built" for stage in ran):
            continue
        run, profile = (stage["seconds"] for stage in ran)
        ratios.append((run + profile) / run)
        print(f"{path.parent.name:40} run {run:6.2f} s  profile {profile:6.2f} s  together {ratios[-1]:.2f} x")
    if not ratios:
        print("no bench in build/ ran both", file=sys.stderr)
        return 2
    print(f"median {median(ratios):.2f} x of {len(ratios)} benches")
    return int(median(ratios) > 1.5)


if __name__ == "__main__":
    sys.exit(main())
