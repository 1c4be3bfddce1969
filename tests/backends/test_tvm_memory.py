from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from random_networks import random_network
from small_networks import Net
from stateful_networks import ring, svdf
from tests_support import Later

from tinyflow.backends.tvm.kernels.kernel import Machine
from tinyflow.model.graph import Graph
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize

network = Later("tinyflow.backends.tvm.frontend.network")
least, memory, operations = (
    Later(f"tinyflow.backends.tvm.program.{name}") for name in ("least", "memory", "operations")
)
relax_module = Later("tinyflow.backends.tvm.program.relax_module")
ALIGNMENT = 16
# lines of padding need scratch at steps that have the whole arena alive
ROOMY = {"graph": "vww", "size": 32, "width": 0.25, "blocks": 3}
CROWDED = {"graph": "aww", "height": 13, "width": 6, "channels": 8, "blocks": 2}


def selected(folder: Path, content: bytes) -> tuple[Graph, Any]:
    """The graph of a model and its program in portable C."""
    model = folder / "model.tflite"
    model.write_bytes(content)
    graph = read(model)
    return graph, operations.select(network.lower(graph, "double"), "aotplus", Machine("host"))


@pytest.mark.parametrize("plan", ["plan_offsets", "plan_blocks"])
@pytest.mark.parametrize("seed", [*(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3)), 3])
def test_what_is_alive_at_once_lies_apart(seed: int, plan: str, tmp_path: Path) -> None:
    """Each operand is aligned, within the arena; none that is alive with it overlaps it but as its kernel allows."""
    _, chosen = selected(tmp_path, write(random_network(seed)))
    planned = getattr(memory, plan)(chosen, ALIGNMENT)
    leads = {
        (operand, step.output): step.kernel.overlaps[parameter.name].lead
        for index, step in enumerate(chosen.steps)
        for operand, parameter in step.operands(index)
        if parameter.name in step.kernel.overlaps and plan == "plan_offsets"
    }
    for operand, place in planned.places.items():
        assert place.offset % ALIGNMENT == 0 and place.end <= planned.total_bytes
        for born, other in planned.places.items():
            if place is not other and place.first <= other.last and other.first <= place.last:
                is_apart = place.end <= other.offset or other.end <= place.offset
                first, then = (
                    (operand, born) if (place.first, place.last) < (other.first, other.last) else (born, operand)
                )
                lead, behind = leads.get((first, then)), planned.places[then].offset - planned.places[first].offset
                assert is_apart or (lead is not None and behind <= -lead)
                assert is_apart or planned.places[first].last == planned.places[then].first


@pytest.mark.parametrize("seed", [*(pytest.param(seed, marks=pytest.mark.slow) for seed in range(3)), 3])
def test_scratch_lies_between_tvms_blocks_where_it_fits(seed: int, tmp_path: Path) -> None:
    """It raises the arena only where no piece that is free during its call is long enough."""
    _, chosen = selected(tmp_path, write(random_network(seed)))
    planned = memory.plan_blocks(chosen, ALIGNMENT)
    activations = [place for operand, place in planned.places.items() if not memory.is_scratch(operand)]
    end = max(place.end for place in activations)
    for scratch in (place for operand, place in planned.places.items() if memory.is_scratch(operand)):
        is_free = bytearray(b"1" * end)
        for place in activations:
            if place.first <= scratch.first <= place.last:
                is_free[place.offset : place.end] = b"0" * place.size_bytes
        runs = [len(run) for run in bytes(is_free).split(b"0")]
        fits = scratch.size_bytes + ALIGNMENT <= max(runs)  # its place is aligned
        assert scratch.end <= end or not fits


@pytest.mark.slow
def test_scratch_never_raises_the_arena(tmp_path: Path) -> None:
    """What doesn't fit below the liveness bound lies on the stack, and only that."""
    graph, chosen = selected(tmp_path, synthesize(CROWDED))
    planned = memory.plan_offsets(chosen, 1)
    scratch = [operand for operand in memory.buffers(chosen) if memory.is_scratch(operand)]
    assert planned.total_bytes == graph.peak_live_bytes
    assert {operand in planned.places for operand in scratch} == {True, False}


@pytest.mark.slow
def test_activations_have_names_of_their_own(tmp_path: Path) -> None:
    """A report may say which of them is where."""
    _, chosen = selected(tmp_path, synthesize(CROWDED))
    names = [buffer.name for buffer in memory.buffers(chosen).values()]
    assert len(set(names)) == len(names)
    assert "conv2d_0" in names and "depthwise_conv2d_1_scratch" in names


@pytest.mark.slow
def test_every_output_lives_to_the_end(tmp_path: Path) -> None:
    """Nothing overwrites an output before the caller has read it."""
    _, chosen = selected(tmp_path, write(random_network(0)))
    lives = memory.buffers(chosen)
    assert all(lives[value].last == len(chosen.steps) - 1 for value in chosen.outputs)


def test_nothing_lies_over_outputs_that_the_last_step_reads(tmp_path: Path) -> None:
    """They have the same last step as what dies in it, but live on."""
    net = Net(1, 4, 6, 2)
    pooled = net.operator("MAX_POOL_2D", net.input, padding="SAME", stride=(1, 1), filter=(2, 2))
    for outputs, is_apart in (((pooled,), False), ((pooled, net.input), True)):
        _, chosen = selected(tmp_path, write(net.graph(*outputs)))
        planned = memory.plan_offsets(chosen, ALIGNMENT, has_stack=False)
        result, source = planned.places[chosen.outputs[0]], planned.places[chosen.inputs[0]]
        assert (result.end <= source.offset or source.end <= result.offset) is is_apart


@pytest.mark.slow
@pytest.mark.parametrize("style", ["aotplus", "dsp"])
def test_least_scratch_is_less_memory(style: str) -> None:
    """Than with the scratch that is usual, of which no kernel gets more; some still get it."""
    layers = network.lower(read(synthesize(ROOMY)), "double")
    machine = Machine("thumb")
    usual = operations.usual_scratch(layers)
    given = least.least_scratch(layers, style, machine, lambda program: memory.plan_offsets(program, ALIGNMENT))
    most, fewer = (
        memory.plan_offsets(operations.select(layers, style, machine, scratch=scratch), ALIGNMENT).ram_bytes
        for scratch in (usual, given)
    )
    assert fewer < most
    assert all(given[spec] <= size for spec, size in usual.items())
    assert any(given[spec] == size > 2048 for spec, size in usual.items())


@pytest.mark.parametrize("net", ["roomy", "ring", "svdf"])
def test_what_tvm_makes_of_it_is_told_call_by_call(net: str, tmp_path: Path) -> None:
    """Functions, layers, constants, shapes and storages, as the program and TVM's own plan have them."""
    content = synthesize(ROOMY) if net == "roomy" else write(ring() if net == "ring" else svdf(1))
    graph, program = selected(tmp_path, content)
    document = relax_module.document(program)
    tensors, operators = document["tensors"], document["operators"]
    assert [(one["name"], one["layer"]) for one in operators] == [(s.function, s.operator) for s in program.steps]
    written = [tensors[one["outputs"][0]] for one in operators]
    assert [one["bytes"] for one in written] == [step.output.size_bytes for step in program.steps]
    for one, step in zip(operators, program.steps, strict=True):
        read = [tensors[index] for index in one["inputs"]]
        assert [tensor["bytes"] for tensor in read if tensor["constant"]] == [
            program.constants[step.constants[parameter.name]].nbytes for parameter in step.kernel.constants
        ]
        assert [tensor["bytes"] for tensor in read if not tensor["constant"]] == [v.size_bytes for v in step.inputs]
    blocks, sizes = relax_module.plan_storage(program, has_scratch=False)
    assert {one["storage"] for one in written if "storage" in one} == set(range(len(sizes)))
    assert [blocks.get(step.output) for step in program.steps] == [one.get("storage") for one in written]
    assert [tensors[index]["bytes"] for index in document["outputs"]] == [
        graph.tensors[index].size_bytes for index in graph.outputs
    ]
