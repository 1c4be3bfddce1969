from __future__ import annotations

from tinyflow.backends.tinyi.memory_request import MemoryRequest
from tinyflow.backends.tinyi.planner import plan
from tinyflow.model.builder import GraphBuilder, per_tensor


def test_scratch_that_ends_beyond_the_places_of_a_unit_takes_the_next_one() -> None:
    """Of 256 KiB less 64 bytes of tensors, what a step asks for doesn't fit in units of 4 bytes, but in units of 16."""
    builder = GraphBuilder()
    scheme, half = per_tensor(0.5), 2**17 - 32
    made = builder.layer("LOGISTIC", [builder.add_input("in", (1, half), scheme)], "out", None)
    graph = builder.graph((made,), "large")
    placed = plan(graph, {0: [MemoryRequest(least=1024, most=8192, step=1024)]})
    assert placed.unit == 16
    assert placed.scratch[0].offset == 2 * half and placed.scratch[0].size_bytes >= 1024
