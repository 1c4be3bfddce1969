"""Arena plans of tinyc: nothing that is still needed is overwritten, and results take their inputs' place."""

from __future__ import annotations

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from random_networks import random_network
from stateful_networks import ring, shuffled
from tests_support import examples

from tinyflow.backends.programs import memory
from tinyflow.backends.programs.memory import Memory
from tinyflow.backends.programs.steps import Program, Step
from tinyflow.backends.tinyc.program import lower
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.operators import describe
from tinyflow.model.summary import least_arena_bytes
from tinyflow.model.tflite_reader import read
from tinyflow.model.zoo import synthesize


def _planned(graph: Graph, variant: str = "ref") -> tuple[Program, Memory]:
    program = lower(graph, variant)
    return program, memory.plan(program, 4)


@pytest.mark.slow
@examples(60)
@given(seed=st.integers(0, 2**32 - 1), variant=st.sampled_from(("ref", "dsp")))
def test_what_is_alive_is_not_overwritten(seed: int, variant: str) -> None:
    """Bytes of two tensors that exist at one step overlap only where its kernel lets an output lie on a dying input."""
    for graph in (random_network(seed), shuffled(seed)):
        _check_overlaps(*_planned(graph, variant))


def _check_overlaps(program: Program, planned: Memory) -> None:
    allowed = {
        (program.owner(step.inputs[position].tensor), program.owner(step.output.tensor), number): overlap
        for number, step in enumerate(program.steps)
        if isinstance(step, Step) and program.owner(step.output.tensor) not in program.initial  # which was there before
        for position, overlap in step.call.overlaps.items()
        if position not in step.call.in_place  # else it may be repeated along an axis
        or program.tensors[step.inputs[position].tensor].size_bytes >= program.tensors[step.output.tensor].size_bytes
    }
    places = [*planned.tensors.items(), *((-1, place) for place in planned.scratch.values())]
    for (a, one), (b, other) in combinations(places, 2):
        overlap = one.offset < other.offset + other.size_bytes and other.offset < one.offset + one.size_bytes
        first, second = ((a, one), (b, other)) if one.first <= other.first else ((b, other), (a, one))
        if overlap and second[1].first <= first[1].last:
            assert second[1].first == first[1].last
            how, behind = allowed[first[0], second[0], second[1].first], second[1].offset - first[1].offset
            assert (how.lead is not None and behind <= -how.lead) or (how.step is not None and behind % how.step == 0)


@examples(10)
@given(seed=st.integers(0, 2**32 - 1))
def test_outputs_stay(seed: int) -> None:
    """No step writes on an output of the graph after the step that made it."""
    program, planned = _planned(random_network(2 * seed))
    outputs = {program.owner(index) for index in program.graph.outputs}
    for index in outputs:
        assert planned.tensors[index].last == len(program.steps)


@pytest.mark.parametrize(("name", "most"), [("aww", 10_200), ("vww", 37_100), ("resnet", 33_600), ("toycar", 800)])
def test_the_four_networks_need_their_peak_and_little_more(name: str, most: int) -> None:
    """The arena is at what rows of inputs that die leave of that, scratch of the reference kernels included."""
    graph = read(synthesize({"graph": name}))
    _, planned = _planned(graph)
    assert planned.total_bytes <= most
    assert planned.total_bytes >= least_arena_bytes(graph)


@pytest.mark.slow
@examples(10)
@given(seed=st.integers(0, 2**32 - 1))
def test_no_arena_is_below_the_least(seed: int) -> None:
    """Whatever lies in another's place, in networks with state and views, too."""
    for graph in (random_network(seed), shuffled(seed), ring()):
        assert _planned(graph)[1].total_bytes >= least_arena_bytes(graph) > 0


def test_a_sum_takes_the_place_of_an_input_that_dies() -> None:
    """ADD of two activations that nobody reads later: one buffer less."""
    shape, quantisation = (1, 8, 8, 4), Quantisation((0.1,), (0,))
    tensors = tuple(Tensor(index, f"t{index}", shape, "int8", quantisation) for index in range(4))
    options = describe("ADD").default_options
    operators = (Operator(0, "ADD", 2, (0, 1), (2,), options), Operator(1, "ADD", 2, (2, 1), (3,), options))
    program, planned = _planned(Graph(tensors, operators, (0, 1), (3,)))
    assert planned.total_bytes == least_arena_bytes(program.graph) == 2 * 256
    assert planned.tensors[0].offset == planned.tensors[2].offset == planned.tensors[3].offset


def test_an_output_of_the_graph_is_no_place_for_another() -> None:
    """ADD of an output and something else writes elsewhere."""
    shape, quantisation = (1, 8, 8, 4), Quantisation((0.1,), (0,))
    tensors = tuple(Tensor(index, f"t{index}", shape, "int8", quantisation) for index in range(4))
    options = describe("ADD").default_options
    operators = (Operator(0, "ADD", 2, (0, 1), (2,), options), Operator(1, "ADD", 2, (2, 2), (3,), options))
    _, planned = _planned(Graph(tensors, operators, (0, 1), (2, 3)))
    assert planned.tensors[2].offset != planned.tensors[3].offset
