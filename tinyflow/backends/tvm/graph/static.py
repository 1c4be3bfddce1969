"""Backend tvmcg: a lowered graph becomes C that calls the kernels in order; nothing is left to do at set-up.

The way of µTVM's static runtime generator (microTVM's `utvm_staticrt_codegen`): graph, parameters and kernels in,
plain C out. Storage ids are not followed: offsets are planned anew by lifetime.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.backends.options import Options, alignments
from tinyflow.backends.tvm.program.planner import USMP
from tinyflow.model.graph import Graph

OPTIONS: Options = {"alignment": alignments(16), "usmp": USMP}


def check(graph: Graph, backend: str, options: Mapping[str, Any]) -> None:
    """Refuses nothing: lowering took the graph."""


def generate(lowered: Path, graph: Graph, backend: str, options: Mapping[str, Any], out: Path, plan: Path) -> None:
    """Write C sources of the artifact in the folder `lowered` into the folder `out`, and the memory plan.

    `graph` is the model that was lowered. Options: alignment, which is more where a function wants that;
    usmp, the planner. Raises ModelError where planner exact can't prove its plan.
    """
    from tinyflow.backends.tvm.graph.static_sources import write

    write(lowered, graph, backend, options, out, plan)
