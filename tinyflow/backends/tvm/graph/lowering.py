"""From a model to the artifact of `artifact`: TVM's importer, kernels in its packed convention, its storage plan."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.backends import tvm
from tinyflow.model.graph import Graph

# in errors: several backends share what is made here
_NAME = "TVM graph"


def check(graph: Graph, options: Mapping[str, Any]) -> None:
    """See `tinyflow.backends.tvm.check`."""
    tvm.check(graph, _NAME, options)


def lower(model: Path, graph: Graph, options: Mapping[str, Any], out: Path) -> None:
    """Write the artifact of `model` into the folder `out`. `graph` is the same model, read and checked.

    Options: schedule, layout, dsp, toolchain, isa, rounding, as for the other TVM backends.
    """
    from tinyflow.backends.tvm.graph.program_graph import lowered

    lowered(model, graph, options).write(out)
