"""Patches: the same outputs, fewer bytes alive, and which networks have none."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from small_networks import Net, Q
from tests_support import tflm

from tinyflow.core.errors import ModelError
from tinyflow.model import reference
from tinyflow.model.graph import Graph, Operator, Quantisation
from tinyflow.model.summary import macs
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.transforms.patch import patch
from tinyflow.model.transforms.tidy.padding import fold_any_padding
from tinyflow.model.zoo import synthesize

RESIDUAL = {"graph": "resnet", "size": 8, "channels": 4, "stacks": 2}
WINDOWS = ("CONV_2D", "DEPTHWISE_CONV_2D", "MAX_POOL_2D", "AVERAGE_POOL_2D")


def _peak_bytes(graph: Graph) -> int:
    """Where kernels pad by themselves."""
    return fold_any_padding(graph).peak_live_bytes


def _random_network(seed: int) -> Graph:
    """Convolutions, pools, PADs, branches and sums, of any window, stride, dilation and padding, and a part behind."""
    random = np.random.default_rng(seed)

    def some(*choices: int) -> int:
        return int(random.choice(choices))

    net = Net(1, some(9, 12, 17), some(8, 11, 16), some(1, 3))
    now = net.input
    for _ in range(some(2, 3, 4)):
        shape = net.builder.shape(now)
        name = random.choice([*WINDOWS, "CONV_2D", "PAD", "RELU", "ADD", "CONCATENATION", "MUL"])
        size, stride = (some(1, 2, 3), some(1, 2, 3)), (some(1, 1, 2), some(1, 1, 2))
        dilation = (some(1, 2), 1) if stride == (1, 1) else (1, 1)
        slides: dict[str, Any] = {"padding": random.choice(["SAME", "VALID"]), "stride": stride}
        if name == "PAD":
            around = [(0, 0), (some(0, 1), some(0, 2)), (some(0, 1), some(0, 1)), (0, 0)]
            now = net.operator("PAD", now, net.constant(around, "int32"))
        elif name == "RELU":
            now = net.operator("RELU", now, shape=shape)
        elif name == "MUL":
            now = net.operator("MUL", now, net.constant(random.integers(-99, 99, shape[3]), "int8", Q), shape=shape)
        elif name in ("ADD", "CONCATENATION"):
            weights = random.integers(-99, 99, (shape[3], 3, 3, shape[3]))
            branch = net.convolution(now, weights, [0] * shape[3], padding="SAME", stride=(1, 1))
            now = net.operator(
                name, now, branch, **({"axis": 3} if name == "CONCATENATION" else {"activation": "NONE"})
            )
        elif min(shape[1:3]) < 6:
            break
        elif name == "CONV_2D":
            outputs = some(2, 4)
            weights = random.integers(-99, 99, (outputs, *size, shape[3]))
            now = net.convolution(now, weights, [9] * outputs, dilation=dilation, **slides)
        elif name == "DEPTHWISE_CONV_2D":
            scheme = Quantisation((0.02,), (0,))
            weights = net.constant(random.integers(-99, 99, (1, *size, shape[3])), "int8", scheme)
            now = net.operator(name, now, weights, dilation=dilation, depth_multiplier=1, **slides)
        else:
            now = net.operator(name, now, filter=size, **slides)
    behind = net.operator("SOFTMAX", now, shape=net.builder.shape(now), q=Quantisation((1 / 256,), (-128,)), beta=1.0)
    return net.graph(behind)


def _same(graph: Graph, grid: str) -> Graph:
    """The patched graph, checked to be valid and equal on samples."""
    content = write(patch(graph, grid).graph)
    samples = reference.make_inputs(graph, 3, 11)
    before, after = tflm(write(graph), graph, samples), tflm(content, read(content), samples)
    assert reference.largest_difference(before, after) == 0
    return read(content)


@pytest.mark.parametrize("seed", [pytest.param(i, marks=pytest.mark.slow if i > 1 else ()) for i in range(60)])
def test_no_output_ever_changes(seed: int) -> None:
    """Whatever the first layers are, and however many of them are patched."""
    graph, made = _random_network(seed), 0
    for grid in ("2", "3", *(f"{size}_{layers}" for size in (2, 3) for layers in range(1, len(graph.operators)))):
        try:
            _same(graph, grid)
        except ModelError as refusal:
            assert "patch" in str(refusal)
        else:
            made += 1
    assert made or seed not in range(4)


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.every(4)
def test_fewer_bytes_are_alive_for_more_work(seed: int) -> None:
    """Of all numbers of layers the best is taken: none other leaves fewer bytes, but for 2 %."""
    graph = read(synthesize({"graph": "resnet", "size": 12 + 2 * seed, "channels": 4, "stacks": 2}))
    best = patch(graph, "2").graph
    others = []
    for layers in range(1, len(graph.operators)):
        try:
            others.append(patch(graph, f"2_{layers}").graph)
        except ModelError:
            continue
    assert _peak_bytes(best) <= 1.02 * min(map(_peak_bytes, others))
    assert (
        _peak_bytes(best) < _peak_bytes(graph)
        and macs(best) > macs(graph)
        and best.weights_bytes - graph.weights_bytes < 4000
    )


def test_of_equal_peaks_the_smaller_patches_count() -> None:
    """What lies behind may shrink by other ways; where that is equal, too, less work does."""
    net = Net(1, 16, 16, 4)
    wide = net.convolution(net.input, np.ones((16, 1, 1, 4)), [0] * 16, padding="SAME", stride=(1, 1))
    half = net.convolution(wide, np.ones((64, 3, 3, 16)), [0] * 64, padding="SAME", stride=(2, 2))
    less = net.convolution(half, np.ones((4, 3, 3, 64)), [0] * 4, padding="SAME", stride=(1, 1))
    reshaped = net.operator("RESHAPE", less, net.constant([1, 256], "int32"), shape=(1, 256), new_shape=(1, 256))
    weights = net.constant(np.ones((9000, 256), np.int8), "int8", Quantisation((0.02,), (0,)))
    bias = net.constant([0] * 9000, "int32", Quantisation((0.001,), (0,)))
    graph = net.graph(net.operator("FULLY_CONNECTED", reshaped, weights, bias, shape=(1, 9000)))
    assert (
        _peak_bytes(graph) == _peak_bytes(patch(graph, "2_2").graph) == _peak_bytes(patch(graph, "2_3").graph) == 9256
    )
    with pytest.raises(ModelError, match=r"save nothing(.|\n)*\+patch.2_3 patches the first 3 layers"):
        patch(graph, "2")


def test_a_patch_is_finished_before_the_next() -> None:
    """Each layer of a patch comes behind its SLICE and in front of the next one."""
    graph = read(synthesize(RESIDUAL))
    names = [operator.name for operator in _same(graph, "2_1").operators]
    once = ["SLICE", "PAD", "CONV_2D"]
    assert names[:14] == [*once, *once, "CONCATENATION", *once, *once, "CONCATENATION"][:14]


def test_a_dimension_of_one_is_not_cut() -> None:
    """Networks of one dimension have patches along that."""
    net = Net(1, 12, 1, 2)
    made = net.convolution(net.input, np.ones((3, 3, 1, 2)), [0] * 3, padding="SAME", stride=(1, 1))
    graph = _same(net.graph(made), "3_1")
    joined = graph.operators[-1]
    assert joined.name == "CONCATENATION" and [graph.tensors[i].shape for i in joined.inputs] == [(1, 4, 1, 3)] * 3


def _pooled() -> Graph:
    net = Net(1, 5, 4, 2)
    return net.graph(net.operator("MAX_POOL_2D", net.input, filter=(2, 2), padding="VALID", stride=(1, 1)))


def _dense() -> Graph:
    return read(synthesize({"graph": "toycar", "features": 8, "hidden": 4, "depth": 1}))


@pytest.mark.parametrize(
    ("graph", "grid", "why"),
    [
        (_dense, "2", "nothing can be patched"),
        (_pooled, "4", "no 4x4 patches: the largest image that a first layer writes is 4x3"),
        (_pooled, "1", "1x1 patches are none"),
        (_pooled, "2", "2x2 patches save nothing"),
        (_pooled, "2_7", "there are no 7 layers"),
        (lambda: read(synthesize(RESIDUAL)), "2_2", "the first 2 layers can't be patched"),
        pytest.param(
            lambda: read(synthesize({**RESIDUAL, "size": 128})),
            *("100", "more than 20,000 operators"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_what_has_no_patches_says_why(graph: Any, grid: str, why: str) -> None:
    """And what to type instead."""
    with pytest.raises(ModelError) as refusal:
        patch(graph(), grid)
    assert why in str(refusal.value) and refusal.value.hint


def test_averages_at_the_border_stay_whole() -> None:
    """How many pixels a padded average counts can't be said of a piece."""
    net = Net(1, 8, 8, 2)
    net.operator("AVERAGE_POOL_2D", net.input, filter=(3, 3), padding="SAME", stride=(1, 1))
    graph = Graph(tuple(net.tensors), tuple(net.operators), (net.input,), (net.operators[-1].outputs[0],), "net")
    assert isinstance(graph.operators[0], Operator)
    with pytest.raises(ModelError, match="nothing can be patched"):
        patch(graph, "2")
