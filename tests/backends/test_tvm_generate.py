"""Generated C, compiled for this machine, against TFLM's interpreter: the outputs are equal bit for bit."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from random_networks import random_network
from small_networks import Net, padded, spatial
from tests_support import run_litert, tflm

from tinyflow.model import interpreters, reference
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.summary import macs
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize
from tinyflow.model.zoo.builder import NetworkBuilder

# relatives of the four networks that build in a moment
SMALL = {
    "aww": {"graph": "aww", "height": 11, "width": 7, "channels": 9, "blocks": 1},
    "vww": {"graph": "vww", "size": 17, "width": 0.1, "blocks": 3},
    "resnet": {"graph": "resnet", "size": 9, "channels": 5, "stacks": 2},
    "toycar": {"graph": "toycar", "features": 33, "hidden": 10, "bottleneck": 3, "depth": 1},
}
# a depthwise convolution of one channel is an ordinary one
KINDS = {
    "ADD": "add",
    "AVERAGE_POOL_2D": "average_pool2d",
    "CONV_2D": "conv2d",
    "DEPTHWISE_CONV_2D": "conv2d",
    "FULLY_CONNECTED": "dense",
    "MAX_POOL_2D": "max_pool2d",
    "SOFTMAX": "softmax",
}
VARIANTS = ("aot", "aotplus")


def assert_exact(content: bytes, model: Any, samples: int = 8) -> None:
    """The built model's outputs are TFLM's, on random inputs."""
    graph = read(content)
    inputs = reference.make_inputs(graph, samples, seed=7)
    outputs = [model.invoke(sample) for sample in inputs]
    assert reference.largest_difference(tflm(content, graph, inputs), outputs) == 0


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize(
    "name", [name if name == "aww" else pytest.param(name, marks=pytest.mark.slow) for name in SMALL]
)
def test_small_networks_are_exact(name: str, variant: str, generate: Callable[..., Any]) -> None:
    """Odd sizes, strides and channel counts of every operator that the four networks have."""
    content = synthesize(SMALL[name])
    assert_exact(content, generate(content, variant=variant))


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", SMALL)
def test_zoo_networks_are_exact(name: str, variant: str, generate: Callable[..., Any]) -> None:
    """The four networks in their published shapes."""
    content = synthesize({"graph": name, "seed": 3})
    assert_exact(content, generate(content, variant=variant))


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", SMALL)
def test_trained_networks_are_exact(
    name: str, variant: str, generate: Callable[..., Any], trained: Callable[[str], Path]
) -> None:
    """The four published files."""
    content = trained(name).read_bytes()
    assert_exact(content, generate(content, variant=variant))


@pytest.mark.parametrize("seed", [0, *(pytest.param(seed, marks=pytest.mark.slow) for seed in range(1, 40))])
def test_random_networks_are_exact(seed: int, generate: Callable[..., Any]) -> None:
    """Any geometry, padding, activation and quantisation that TFLite allows for these operators."""
    content = write(random_network(seed))
    model = generate(content, variant=VARIANTS[seed % 4 // 2])
    assert_exact(content, model)
    for layer in model.plan["layers"]:  # each function is told to belong to the right operator
        assert all(KINDS[layer["operator"]] in function for function in layer["functions"]), layer


def test_relu6_and_a_second_reader_are_exact(generate: Callable[..., Any]) -> None:
    """An activation that clamps above, and a value that a later operator reads again."""
    net = NetworkBuilder(2, (6, 6, 4), input_scale=0.05, input_zero_point=3)
    first = net.convolution(net.input, 4, (3, 3), activation="RELU6")
    second = net.depthwise(first, (3, 3), activation="RELU_N1_TO_1")
    content = write(net.graph((net.add(first, second, activation="NONE"),), "residual"))
    assert_exact(content, generate(content, variant="aotplus"))


@pytest.mark.parametrize("operator", ["MAX_POOL_2D", "AVERAGE_POOL_2D"])
def test_pools_go_over_no_more_than_the_map(operator: str, generate: Callable[..., Any]) -> None:
    """A filter that is wider than map and padding together costs nothing for it, and the outputs are the same."""
    net = Net(1, 5, 6, 3)
    wide = net.operator(operator, net.input, filter=(3, 65_000), stride=(2, 1))
    content = write(net.graph(net.operator(operator, wide, filter=(9, 7), stride=(1, 3))))
    model = generate(content, variant="aotplus")
    assert_exact(content, model)
    assert not any("65000" in path.read_text() for path in model.sources.rglob("*.c"))


@pytest.mark.parametrize(
    ("name", "around", "layout"),
    [
        ("CONV_2D", spatial(1, 1, 1, 1), "NHWC"),
        pytest.param("CONV_2D", spatial(2, 0, 0, 1), "NCHW", marks=pytest.mark.slow),
        pytest.param("DEPTHWISE_CONV_2D", spatial(1, 1, 2, 1), "NHWC", marks=pytest.mark.slow),
        pytest.param("DEPTHWISE_CONV_2D", spatial(1, 1, 1, 1), "NCHW", marks=pytest.mark.slow),
    ],
)
def test_padding_that_no_file_says_is_the_kernels(
    name: str, around: list[list[int]], layout: str, generate: Callable[..., Any]
) -> None:
    """PAD in front of a convolution takes no call of its own, wherever the windows begin."""
    content = write(padded((1, 6, 6, 4), around, name, 3, 2))
    model = generate(content, variant="aotplus", layout=layout)
    assert_exact(content, model)
    calls = [layer["functions"] for layer in model.plan["layers"]]
    assert calls[0] == [] and len(calls[1]) == 1


def two_outputs() -> Graph:
    """A network whose first layer is an output too."""
    net = NetworkBuilder(2, (5,), input_scale=0.05, input_zero_point=3)
    first = net.fully_connected(net.input, 4)
    graph = net.graph((net.fully_connected(first, 3),), "two_outputs")
    return Graph(graph.tensors, graph.operators, graph.inputs, (*graph.outputs, first), graph.name)


@pytest.mark.parametrize("variant", VARIANTS)
def test_two_outputs_are_exact(variant: str, generate: Callable[..., Any]) -> None:
    """An output in the middle of the network keeps its bytes to the end."""
    content = write(two_outputs())
    assert_exact(content, generate(content, variant=variant))


@pytest.mark.slow
def test_single_rounding_is_litert(generate: Callable[..., Any]) -> None:
    """LiteRT's fully connected layers round once; with that option they are matched, and TFLM's are not."""
    if not interpreters.is_importable("ai_edge_litert"):
        pytest.skip("needs ai-edge-litert")
    content = synthesize({"graph": "toycar", "features": 300, "hidden": 40, "depth": 2})
    graph, model = read(content), generate(content, variant="aotplus", rounding="single")
    inputs = reference.make_inputs(graph, 8, seed=7)
    outputs = [model.invoke(sample) for sample in inputs]
    assert reference.largest_difference(run_litert(content, graph, inputs), outputs) == 0
    assert reference.largest_difference(tflm(content, graph, inputs), outputs) == 1


@pytest.mark.parametrize(
    "options",
    [
        pytest.param({"api": "unpacked"}, marks=pytest.mark.slow),
        pytest.param({"usmp": "greedy"}, marks=pytest.mark.slow),
        pytest.param({"api": "unpacked", "usmp": "exact"}, marks=pytest.mark.slow),
    ],
)
def test_calling_convention_and_planner_change_no_output(options: dict[str, str], generate: Callable[..., Any]) -> None:
    """tvmaot with plain pointers, with planned memory, with both; what is planned is never larger than TVM's blocks."""
    content = synthesize(SMALL["toycar"])
    blocks = generate(content, variant="aot").plan["arena"]["bytes"]
    model = generate(content, variant="aot", **options)
    assert_exact(content, model, samples=3)
    assert ("DLTensor" in (model.sources / "model.c").read_text()) == ("api" not in options)
    assert model.plan["arena"]["bytes"] < blocks if "usmp" in options else model.plan["arena"]["bytes"] == blocks


@pytest.mark.slow
@pytest.mark.parametrize("usmp", ["greedy", "hill_climb", "exact"])
@pytest.mark.parametrize("variant", VARIANTS)
def test_planners_are_exact_with_scratch(variant: str, usmp: str, generate: Callable[..., Any]) -> None:
    """Scratch and activations share the arena, or scratch lies on the stack where a convention can point there."""
    content = synthesize(SMALL["vww"])
    assert_exact(content, generate(content, variant=variant, usmp=usmp), samples=3)


@pytest.mark.slow
def test_arena_is_at_the_liveness_bound(generate: Callable[..., Any]) -> None:
    """Backend tvmaotplus needs the bytes that are alive at once, and no more than alignment on top."""
    content = synthesize(SMALL["resnet"])
    plan = generate(content, variant="aotplus", alignment=1, chase="off").plan
    assert read(content).peak_live_bytes == plan["arena"]["bytes"]


def test_scales_along_the_columns_of_weights_are_those_of_rows(generate: Callable[..., Any]) -> None:
    """TFLM doesn't look at the axis of weights of a fully connected layer: there are as many as rows."""
    net = NetworkBuilder(2, (4,), input_scale=0.05, input_zero_point=0)
    graph = net.graph((net.fully_connected(net.input, 4),), "columns")
    weights = graph.tensors[graph.operators[0].inputs[1]]
    scheme = Quantisation((0.1, 0.2, 0.3, 0.4), (0,) * 4, axis=1)
    tensors = [replace(t, quantisation=scheme) if t is weights else t for t in graph.tensors]
    content = write(replace(graph, tensors=tuple(tensors)))
    assert_exact(content, generate(content, variant="aot"))


def test_equal_layers_share_a_function(generate: Callable[..., Any]) -> None:
    """Weights are arguments: two layers of one shape and quantisation are one function."""
    net = NetworkBuilder(2, (4, 4, 3), input_scale=0.05, input_zero_point=-128)
    content = write(net.graph((net.convolution(net.convolution(net.input, 3, (1, 1)), 3, (1, 1)),), "twins"))
    layers = generate(content, variant="aotplus").plan["layers"]
    assert [layer["functions"] for layer in layers] == [["conv2d_0"], ["conv2d_0"]]


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_plan_tells_the_whole_truth(variant: str, generate: Callable[..., Any]) -> None:
    """Every operator is listed, a reshape without a function; tensors that are alive at once are apart."""
    content = synthesize(SMALL["aww"])
    graph, plan = read(content), generate(content, variant=variant).plan
    assert [operator.name for operator in graph.operators] == [layer["operator"] for layer in plan["layers"]]
    assert [operator.name == "RESHAPE" for operator in graph.operators] == [
        not layer["functions"] for layer in plan["layers"]
    ]
    assert macs(graph) == plan["macs"] == sum(layer["macs"] for layer in plan["layers"])
    tensors = plan["arena"]["tensors"]
    for i, one in enumerate(tensors):
        assert one["offset"] + one["bytes"] <= plan["arena"]["bytes"]
        for other in tensors[:i]:
            if one["first"] <= other["last"] and other["first"] <= one["last"]:
                apart = (
                    one["offset"] + one["bytes"] <= other["offset"] or other["offset"] + other["bytes"] <= one["offset"]
                )
                assert apart, (one, other)


@pytest.mark.slow
def test_no_trace_of_the_machine(generate: Callable[..., Any], tmp_path: Path) -> None:
    """No path, user or header of TVM's runtime is in a generated file, and no float is computed."""
    sources = generate(synthesize(SMALL["resnet"]), variant="aot").sources
    for file in sources.iterdir():
        text = file.read_text()
        for word in (str(tmp_path), "tvm/", "TVM_DLL", "float", "printf", "malloc"):
            assert word not in text, (file.name, word)


_IN_A_PROCESS = """
import sys
from pathlib import Path
from tinyflow.backends import tvm
from tinyflow.model.tflite_reader import read
model, out, variant = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3]
out.mkdir()
tvm.generate(model, read(model), "tested", {"variant": variant}, out, out / "plan.json")
"""


@pytest.mark.slow
@pytest.mark.parametrize("variant", VARIANTS)
def test_same_bytes_in_another_process(variant: str, tmp_path: Path) -> None:
    """Neither the order of hashes nor the folder shows."""
    model = tmp_path / "model.tflite"
    model.write_bytes(synthesize(SMALL["resnet"]))
    written = []
    for seed in ("1", "2"):
        out = tmp_path / f"out_{seed}"
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        subprocess.run(
            [sys.executable, "-c", _IN_A_PROCESS, str(model), str(out), variant], check=True, env=environment
        )
        written.append({file.name: file.read_bytes() for file in out.iterdir()})
    assert written[0] == written[1]
