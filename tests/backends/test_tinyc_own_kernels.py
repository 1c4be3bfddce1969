"""Own kernels: which layers they get, and what they get of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from tinyflow.backends.tinyc.own_kernels import (
    OwnKernel,
    _members,
    _numbers,
    calls_to_size,
    lower_with,
    own_kernels,
    with_scratch,
)
from tinyflow.backends.tinyc.program import lower
from tinyflow.core.errors import RecipeError
from tinyflow.model.graph import Graph
from tinyflow.model.tflite_reader import read
from tinyflow.model.weighted import symmetric
from tinyflow.model.zoo import synthesize
from tinyflow.recipes.catalogue import data_folder

HEADER = (data_folder() / "recipes" / "runtimes" / "tinynn" / "include" / "tinynn.h").read_text(encoding="utf-8")
POINT = OwnKernel("conv2d", "mine", scratch="2 * input_channels", when="kernel_width == 1", channels="apart")


@pytest.fixture(scope="module")
def graph() -> Graph:
    """Convolutions of 10x4 and 1x1 taps, depthwise ones, FULLY_CONNECTED."""
    return read(synthesize({"graph": "aww"}))


def _call(graph: Graph, index: int, *own: OwnKernel, variant: str = "dsp") -> Any:
    (step,) = lower_with(own, graph, graph.operators[index], variant)
    return step.call


def test_a_layer_that_it_is_for_is_its(graph: Graph) -> None:
    """Function, scratch, and arrays as the model has them, whatever the variant packs."""
    call = _call(graph, 2, POINT)
    layer = symmetric(graph, graph.operators[2])
    assert (call.function, call.struct, call.is_own) == ("mine", "tinynn_conv2d_apart", True)
    assert (call.takes_scratch, call.scratch_bytes, call.overlaps) == (True, 128, {})
    assert np.array_equal(call.fields["conv2d"]["weights"].values, layer.weights)
    assert np.array_equal(call.fields["biases"].values, layer.bias)
    assert np.array_equal(call.fields["multipliers"].values, layer.rescaling.multipliers)
    assert "channels" not in call.fields["conv2d"]


def test_other_layers_go_on_and_say_why(graph: Graph) -> None:
    """What its condition leaves out is the next one's, or tinynn's, with a note."""
    theirs = _call(graph, 0)
    call = _call(graph, 0, POINT)
    assert call.function == theirs.function and not call.is_own
    assert call.notes == ("not mine: kernel_width == 1 is false", *theirs.notes)
    assert _call(graph, 0, POINT, OwnKernel("conv2d", "other")).function == "other"
    assert _call(graph, 1, POINT).notes == _call(graph, 1).notes  # of another operator


def test_packing_is_that_of_the_function_named(graph: Graph) -> None:
    """A kernel that asks for a variant's packing gets its very fields; where that can't have the layer, it is told."""
    packed = OwnKernel("conv2d", "mine", weights="packed.conv2d_short_dsp", scratch="64")
    theirs = _call(graph, 2)
    assert theirs.function == "tinynn_conv2d_short_dsp"
    ours = _call(graph, 2, packed, variant="ref")
    assert (ours.function, ours.struct) == ("mine", theirs.struct)
    assert np.array_equal(ours.fields["weights"].values, theirs.fields["weights"].values)
    asked = _call(graph, 2, OwnKernel("conv2d", "mine", weights="packed.conv2d_fields_rv32"))
    assert asked.function == "mine" or asked.notes[0] == (
        "not mine: its constants are not those of tinynn_conv2d_fields_rv32"
    )


def test_it_may_lie_over_its_input_as_it_walks(graph: Graph) -> None:
    """By pixels the output may follow the input; a kernel that says nothing keeps both apart."""
    walking = _call(graph, 2, OwnKernel("conv2d", "mine", walk="pixels"))
    assert walking.overlaps and not _call(graph, 2, OwnKernel("conv2d", "mine")).overlaps


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        ({"operator": "conv3d"}, "operator"),
        ({"operator": "conv2d", "weights": "packed.depthwise_dsp"}, "weights"),
        ({"operator": "conv2d", "weights": "packed"}, "weights"),
        ({"operator": "add", "channels": "apart"}, "channels"),
        ({"operator": "conv2d", "weights": "packed.conv2d_dsp", "channels": "apart"}, "channels"),
        ({"operator": "conv2d", "when": "kernel_widht == 1"}, "when"),
        ({"operator": "add", "when": "kernel_width == 1"}, "when"),
        ({"operator": "conv2d", "scratch": "2 *"}, "scratch"),
    ],
)
def test_what_no_layer_could_have_is_refused(entry: dict[str, str], key: str) -> None:
    """The key that is wrong comes with a hint."""
    found = OwnKernel(function="mine", **entry).complaint(HEADER)
    assert found is not None and found[0] == key and found[2]


def test_what_a_function_tells_is_planned(graph: Graph) -> None:
    """Of the calls of that kernel, and of no other; nothing else of the program changes."""
    told = OwnKernel("conv2d", "mine", scratch={"function": "ask"}, when="kernel_width == 1", channels="apart")
    assert told.complaint(HEADER) is None
    program = lower(graph, "dsp", [told])
    asked = calls_to_size(program)
    steps = [step for step in program.steps if step.call.function == "mine"]
    assert [*asked.values()] == steps and len(steps) == 4
    sized = with_scratch(program, {number: 8 * place for place, number in enumerate(asked, 1)})
    changed = [new.call.scratch_bytes for old, new in zip(program.steps, sized.steps, strict=True) if new != old]
    assert changed == [8, 16, 24, 32]
    assert all(step.call.takes_scratch and step.call.scratch_bytes == 0 for step in steps)


def test_what_a_condition_may_name_is_what_layers_have(graph: Graph) -> None:
    """The header's members are the numbers that a kernel is chosen by, those of structs within structs, too."""
    for operator in graph.operators:
        for step in lower_with((), graph, operator, "ref"):
            assert dict(_numbers(step.call.fields)).keys() <= set(_members(HEADER, step.call.struct)), step.call.struct
    assert {"input_width", "weight_zero_point"} <= set(_members(HEADER, "tinynn_conv2d_asymmetric"))


def test_all_shipped_operators_have_a_place() -> None:
    """As they are, every operator of the variant ref can be replaced."""
    for operator in (
        "conv2d",
        "depthwise",
        "fully_connected",
        "add",
        "mul",
        "average_pool",
        "max_pool",
        "softmax",
        "pad",
    ):
        assert OwnKernel(operator, "mine").complaint(HEADER) is None


def test_one_operator_alone(graph: Graph) -> None:
    """Option `own` names it; one that nobody has is refused, and so is an expression that names nothing."""
    entries = [{"operator": "conv2d", "function": "a"}, {"operator": "depthwise", "function": "b"}]
    assert [one.function for one in own_kernels({"own_kernels": entries})] == ["a", "b"]
    assert [one.function for one in own_kernels({"own_kernels": entries, "own": "depthwise"})] == ["b"]
    assert own_kernels({}) == ()
    with pytest.raises(RecipeError, match='no own kernel for "add"'):
        own_kernels({"own_kernels": entries, "own": "add"})
    with pytest.raises(RecipeError, match=r"own kernel mine: scratch: .*unknown column"):
        _call(graph, 2, OwnKernel("conv2d", "mine", scratch="inputs"))
