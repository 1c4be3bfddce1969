"""A model as TVM's graph runtime has it: what it holds, and that what tvmrt and tvmcg make of it is exact."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from random_networks import random_network
from test_tvm_generate import SMALL, assert_exact, two_outputs
from tests_support import examples

from tinyflow.backends.tvm.graph import artifact, document, generated, params
from tinyflow.backends.tvm.graph.artifact import Artifact
from tinyflow.backends.tvm.graph.lowering import lower
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize
from tinyflow.model.zoo.builder import NetworkBuilder

BACKENDS: tuple[tuple[str, Mapping[str, Any]], ...] = (
    ("static", {}),
    ("executor", {"graph": "binary"}),
    ("executor", {}),
)
_EACH = pytest.mark.parametrize(
    ("backend", "options"), [*(pytest.param(*one, marks=pytest.mark.slow) for one in BACKENDS[:2]), BACKENDS[2]]
)
_integers = st.sampled_from(["int8", "uint8", "int16", "int32", "uint32", "int64"])


def residual() -> bytes:
    """A network whose first result is read again later."""
    net = NetworkBuilder(2, (4, 4, 3), input_scale=0.05, input_zero_point=-128)
    first = net.convolution(net.input, 3, (1, 1))
    second = net.convolution(net.convolution(first, 3, (1, 1)), 3, (1, 1))
    return write(net.graph((net.convolution(net.add(first, second), 2, (1, 1)),), "residual"))


@pytest.fixture(scope="module")
def lowered(tmp_path_factory: pytest.TempPathFactory) -> Artifact:
    """A small residual network, lowered."""
    folder = tmp_path_factory.mktemp("lowered")
    model, out = folder / "model.tflite", folder / "out"
    model.write_bytes(residual())
    out.mkdir()
    lower(model, read(model), {"isa": "host"}, out)
    return artifact.read(out)


@examples(25)
@given(st.dictionaries(st.text(), arrays.arrays(_integers, arrays.array_shapes(min_dims=0)), max_size=4))
def test_parameters_come_back(parameters: Mapping[str, Any]) -> None:
    """Names, types, shapes and values."""
    found = params.load(params.dump(parameters))
    assert list(found) == list(parameters)
    for name, array in parameters.items():
        assert (found[name].dtype, found[name].shape) == (array.dtype, array.shape)
        np.testing.assert_array_equal(found[name], array)


PARAMETERS = params.dump({"weights": np.arange(9, dtype=np.int8), "bias": np.arange(3, dtype=np.int32)})


def test_parameters_of_another_length_are_refused() -> None:
    """Cut off anywhere or with something behind them: an error, never half of them."""
    for damaged in (PARAMETERS + b"\0", *(PARAMETERS[:end] for end in range(len(PARAMETERS)))):
        with pytest.raises(ValueError, match="parameters"):
            params.load(damaged)


@examples(50)
@given(st.integers(0, len(PARAMETERS) - 1), st.integers(1, 255))
def test_damaged_parameters_are_refused_or_all_there(place: int, change: int) -> None:
    """A byte that differs: an error, or two arrays as large as before."""
    damaged = bytearray(PARAMETERS)
    damaged[place] ^= change
    with contextlib.suppress(ValueError):
        found = params.load(bytes(damaged))
        assert sum(array.nbytes for array in found.values()) in (9, 12, 21)  # two names may have become one


def test_parameters_are_those_of_tvm(lowered: Artifact) -> None:
    """TVM's own loader reads the file, and writes what we can read."""
    from tvm import runtime

    theirs = runtime.load_param_dict(params.dump(lowered.parameters))
    assert set(theirs) == set(lowered.parameters)
    for name, array in lowered.parameters.items():
        np.testing.assert_array_equal(theirs[name].numpy(), array)
    back = params.load(bytes(runtime.save_param_dict(theirs)))
    for name, array in lowered.parameters.items():
        np.testing.assert_array_equal(back[name], array)


def test_graph_comes_back(lowered: Artifact) -> None:
    """Nodes, their order and wiring, tensors and outputs."""
    assert document.load(document.dump(lowered.graph)) == lowered.graph


def test_storages_are_shared_in_time_only(lowered: Artifact) -> None:
    """Two tensors of one storage are never alive at the same call, and some storage is shared."""
    lives = generated.buffers(lowered)
    storages = {tensor: lowered.graph.tensors[tensor].storage for tensor in lives}
    assert len(set(storages.values())) < len(storages)
    for one, life in lives.items():
        for other, other_life in lives.items():
            if one < other and storages[one] == storages[other]:
                assert not life.is_alive_with(other_life), (one, other)


def test_storages_are_numbered_without_gaps(lowered: Artifact) -> None:
    """As TVM's runtime, which makes a list of them, has it."""
    storages = {tensor.storage for tensor in lowered.graph.tensors}
    assert storages == set(range(len(storages)))


def test_arguments_are_what_the_functions_take(lowered: Artifact) -> None:
    """Each call has as many bytes at each argument as its function reads or writes."""
    for row, node in lowered.graph.numbered():
        if node.function:
            tensors = (*node.inputs, *range(row, row + len(node.tensors)))
            sizes = [lowered.graph.tensors[tensor].size_bytes for tensor in tensors]
            assert sizes == [argument.size_bytes for argument in lowered.signatures[node.function]]


def test_alignment_is_what_functions_want(lowered: Artifact) -> None:
    """Where an option says less."""
    (name, arguments), *others = lowered.signatures.items()
    wanted = [replace(argument, alignment=32 if argument.role == "output" else 1) for argument in arguments]
    artifact_of_one = replace(lowered, signatures={name: tuple(wanted), **dict(others)})
    assert lowered.least_alignment <= 16 < artifact_of_one.least_alignment


def test_input_may_have_the_name_of_a_constant(generate_graph: Callable[..., Any]) -> None:
    """What a converter called the input is not mistaken for what we call the weights."""
    net = NetworkBuilder(2, (5,), input_scale=0.05, input_zero_point=3)
    graph = net.graph((net.fully_connected(net.input, 4),), "dense")
    tensors = [replace(t, name="weights_0") if t.index in graph.inputs else t for t in graph.tensors]
    content = write(replace(graph, tensors=tuple(tensors)))
    assert_exact(content, generate_graph(content, "static"))


@pytest.mark.slow
@_EACH
@pytest.mark.parametrize(
    "name", ["toycar", *(pytest.param(name, marks=pytest.mark.slow) for name in SMALL if name != "toycar")]
)
def test_small_networks_are_exact(
    name: str, backend: str, options: Mapping[str, Any], generate_graph: Callable[..., Any]
) -> None:
    """Odd sizes, strides and channel counts of every operator that the four networks have."""
    content = synthesize(SMALL[name])
    assert_exact(content, generate_graph(content, backend, **options))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100, 112))
def test_random_networks_are_exact(seed: int, generate_graph: Callable[..., Any]) -> None:
    """Any geometry, padding, activation and quantisation that TFLite allows for these operators."""
    content = write(random_network(seed))
    backend, options = BACKENDS[seed % len(BACKENDS)]
    assert_exact(content, generate_graph(content, backend, **options))


@pytest.mark.slow
@_EACH
def test_two_outputs_are_exact(backend: str, options: Mapping[str, Any], generate_graph: Callable[..., Any]) -> None:
    """An output in the middle of the network keeps its bytes to the end; the plan tells where they are."""
    content = write(two_outputs())
    assert_exact(content, generate_graph(content, backend, **options))


@pytest.mark.slow
def test_static_arena_is_smaller_than_the_storages(lowered: Artifact, generate_graph: Callable[..., Any]) -> None:
    """Planned offsets need no more than the sum of TVM's storages, and no less than what is alive at once."""
    content = residual()
    plan = generate_graph(content, "static", alignment=16).plan
    storages: dict[int, int] = {}
    for tensor in generated.buffers(lowered):
        one = lowered.graph.tensors[tensor]
        storages[one.storage] = max(storages.get(one.storage, 0), one.size_bytes)
    assert read(content).peak_live_bytes == plan["arena"]["bytes"] < sum(storages.values())
