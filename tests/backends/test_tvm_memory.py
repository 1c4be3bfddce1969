from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from random_networks import random_network

from tinyflow.backends.tvm import backend
from tinyflow.backends.tvm.kernels.kernel import Machine
from tinyflow.backends.tvm.program import memory, operations
from tinyflow.backends.tvm.program.memory import Memory
from tinyflow.backends.tvm.program.operations import Program
from tinyflow.model.graph import Graph
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize

ALIGNMENT = 16
# lines of padding need scratch at steps that have the whole arena alive
CROWDED = {"graph": "aww", "height": 13, "width": 6, "channels": 8, "blocks": 2}


def selected(folder: Path, content: bytes) -> tuple[Graph, Program]:
    """The graph of a model and its program in portable C."""
    model = folder / "model.tflite"
    model.write_bytes(content)
    graph = read(model)
    return graph, operations.select(backend.lower(model, graph, "double"), "aotplus", Machine("host"))


@pytest.mark.parametrize("plan", [memory.plan_offsets, memory.plan_blocks])
@pytest.mark.parametrize("seed", [*(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3)), 3])
def test_what_is_alive_at_once_lies_apart(seed: int, plan: Callable[[Program, int], Memory], tmp_path: Path) -> None:
    """Each operand is aligned, within the arena, and no other one that is alive at the same step overlaps it."""
    _, chosen = selected(tmp_path, write(random_network(seed)))
    planned = plan(chosen, ALIGNMENT)
    placed = [(planned.offsets[life.operand], life) for life in planned.lifetimes]
    for offset, life in placed:
        assert offset % ALIGNMENT == 0 and offset + life.size_bytes <= planned.total_bytes
        for other_offset, other in placed:
            if life is not other and life.first <= other.last and other.first <= life.last:
                assert offset + life.size_bytes <= other_offset or other_offset + other.size_bytes <= offset


@pytest.mark.parametrize("seed", [*(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3)), 3])
def test_scratch_lies_between_tvms_blocks_where_it_fits(seed: int, tmp_path: Path) -> None:
    """It raises the arena only where no piece that is free during its call is long enough."""
    _, chosen = selected(tmp_path, write(random_network(seed)))
    planned = memory.plan_blocks(chosen, ALIGNMENT)
    activations = [life for life in planned.lifetimes if not life.is_scratch]
    end = max(planned.offsets[life.operand] + life.size_bytes for life in activations)
    for scratch in (life for life in planned.lifetimes if life.is_scratch):
        is_free = bytearray(b"1" * end)
        for life in activations:
            if life.first <= scratch.first <= life.last:
                offset = planned.offsets[life.operand]
                is_free[offset : offset + life.size_bytes] = b"0" * life.size_bytes
        runs = [len(run) for run in bytes(is_free).split(b"0")]
        fits = scratch.size_bytes + ALIGNMENT <= max(runs)  # its place is aligned
        assert planned.offsets[scratch.operand] + scratch.size_bytes <= end or not fits


@pytest.mark.slow
def test_scratch_never_raises_the_arena(tmp_path: Path) -> None:
    """What doesn't fit below the liveness bound lies on the stack, and only that."""
    graph, chosen = selected(tmp_path, synthesize(CROWDED))
    planned = memory.plan_offsets(chosen, 1)
    scratch = [life for life in memory.lifetimes(chosen) if life.is_scratch]
    assert planned.total_bytes == graph.peak_live_bytes
    assert {life.operand in planned.offsets for life in scratch} == {True, False}


@pytest.mark.slow
def test_activations_have_names_of_their_own(tmp_path: Path) -> None:
    """A report may say which of them is where."""
    _, chosen = selected(tmp_path, synthesize(CROWDED))
    names = [life.name for life in memory.lifetimes(chosen)]
    assert len(set(names)) == len(names)
    assert "conv2d_0" in names and "depthwise_conv2d_1_scratch" in names


@pytest.mark.slow
def test_every_output_lives_to_the_end(tmp_path: Path) -> None:
    """Nothing overwrites an output before the caller has read it."""
    _, chosen = selected(tmp_path, write(random_network(0)))
    lives = {life.operand: life for life in memory.lifetimes(chosen)}
    assert all(lives[value].last == len(chosen.steps) - 1 for value in chosen.outputs)
