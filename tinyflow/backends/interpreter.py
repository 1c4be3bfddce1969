"""Backends tflm and litert: nothing is generated; the interpreter's wheel runs the model on this machine.

They are what people compare with: outputs, wall time, and the arena that TFLM asks for.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tinyflow.backends.generated import FLOAT_TOLERANCE, plan_document
from tinyflow.backends.options import Options
from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph
from tinyflow.model.operators import has_state
from tinyflow.model.plan_document import Arena

OPTIONS: Options = {"interpreter": ("tflm", "litert")}


def read(model: Path) -> Graph:
    """See `oracle.read`: what an interpreter runs is its own affair."""
    from tinyflow.model import oracle

    return oracle.read(model.read_bytes(), model.name)


def check(graph: Graph, backend: str, options: Mapping[str, Any]) -> None:
    """Raise ModelError for a model without inputs or outputs; what an interpreter refuses, it says itself."""
    if not graph.inputs or not graph.outputs:
        raise ModelError(f"a model without inputs or outputs can't be run (backend {backend}, {options})")


def generate(model: Path, graph: Graph, backend: str, options: Mapping[str, Any], out: Path, plan: Path) -> None:  # noqa: ARG001
    """Write the plan alone: the tensors, and for TFLM the smallest arena that it starts with.

    Options: interpreter, tflm or litert. Raises ModelError for a model that the interpreter refuses.
    """
    from tinyflow.model import oracle, reference
    from tinyflow.model.interpreters import tflm_arena_bytes

    content = model.read_bytes()
    arena = None
    sample = reference.make_inputs(graph, 1, seed=0)
    oracle.run_apart(oracle.TFLM if options["interpreter"] == "tflm" else oracle.LITERT_AUTO, content, graph, sample)
    if options["interpreter"] == "tflm":
        arena = Arena(bytes=tflm_arena_bytes(content, graph), alignment=16)
    document = plan_document(
        graph,
        backend,
        interpreter=options["interpreter"],
        setup="setup",
        invoke="invoke",
        # of one that is ports alone, nobody knows
        reset="reset" if has_state(graph) or not graph.operators else "",
        inputs=[f"input{number}" for number in range(len(graph.inputs))],
        outputs=[f"output{number}" for number in range(len(graph.outputs))],
        arena=arena,
        weights_bytes=graph.weights_bytes,
        relative_tolerance=FLOAT_TOLERANCE if options["interpreter"] == "litert" and not graph.is_integer_only else 0.0,
    )
    document.write(plan)
