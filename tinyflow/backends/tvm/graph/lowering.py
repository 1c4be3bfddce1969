"""From a model to the artifact of `artifact`: TVM's kernels in its packed convention, and its storage plan."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

from tinyflow.backends import tvm
from tinyflow.model.graph import Graph

OPTIONS = tvm.OPTIONS
DOCUMENTS = tvm.DOCUMENTS
refusals = tvm.refusals
# in errors: several backends share what is made here
_NAME = "TVM graph"


def check(graph: Graph, options: Mapping[str, Any]) -> None:
    """See `tinyflow.backends.tvm.check`."""
    tvm.check(graph, _NAME, options)


def forms() -> Mapping[str, Collection[str]]:
    """Type of the main input → the operators that are compiled in it."""
    return tvm.forms()


def lower(
    model: Path,  # noqa: ARG001 (the protocol's)
    graph: Graph,
    options: Mapping[str, Any],
    out: Path,
    tuning: Mapping[str, Any] | None = None,
    records: Sequence[Path] = (),
    relax: Path | None = None,
) -> None:
    """Write the artifact of `model` into the folder `out`. `graph` is the same model, read and checked.

    Options: schedule, layout, dsp, toolchain, isa, rounding, as for the other TVM backends; `tuning` and `records` too,
    and `relax`.
    """
    from tinyflow.backends.tvm.graph.program_graph import lowered
    from tinyflow.backends.tvm.tuning.records import Known

    lowered(graph, options, None if tuning is None else Known.read(records, tuning), relax).write(out)
