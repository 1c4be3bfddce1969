"""Float networks become int8 ones that compute nearly the same, and whose costs are told."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests_support import tflm

from tinyflow.core.errors import ModelError
from tinyflow.model import tflite_writer
from tinyflow.model.builder import GraphBuilder, per_tensor
from tinyflow.model.graph import Graph
from tinyflow.model.interpreters import Sample
from tinyflow.model.quantise.after_training import made_samples, quantised
from tinyflow.model.quantise.equalise import equalised
from tinyflow.model.quantise.groups import Groups
from tinyflow.model.quantise.rounding import moments, rounded
from tinyflow.model.quantise.schemes import affine


class Net(GraphBuilder):
    """A float network under construction, with seeded weights of channels that differ in size."""

    def __init__(self, seed: int = 1, shape: tuple[int, ...] = (1, 12, 10, 3)) -> None:
        super().__init__()
        self._random = np.random.default_rng(seed)
        self.last = self.add_input("x", shape, None, "float32")

    def weights(self, *shape: int) -> int:
        """Weights that keep the size of activations; channels of some are much smaller than others'."""
        values = self._random.standard_normal(shape) * np.exp(
            self._random.normal(0, 1, (shape[0], *(1,) * len(shape[1:])))
        )
        return self.constant(f"w{len(self.tensors)}", values / np.sqrt(np.prod(shape[1:])), "float32")

    def step(self, kind: str, *more: int, shape: tuple[int, ...] | None = None, **options: Any) -> int:
        """One operator on what came last."""
        self.last = self.layer(kind, (self.last, *more), f"t{len(self.tensors)}", None, shape, "float32", **options)
        return self.last

    def network(self) -> Graph:
        """With the last value as its output."""
        return self.graph([self.last], "net")


def small_cnn(seed: int = 1) -> Graph:
    """Convolutions of all kinds, a residual, pools, a dense layer, a softmax."""
    net = Net(seed)
    net.step("CONV_2D", net.weights(8, 3, 3, 3), net.weights(8), stride=(2, 2), activation="RELU")
    depthwise = net.constant("d", np.random.default_rng(seed).standard_normal((1, 3, 3, 8)) / 3, "float32")
    skipped = net.step("DEPTHWISE_CONV_2D", depthwise, net.weights(8), activation="RELU")
    inner = net.step("CONV_2D", net.weights(12, 1, 1, 8), net.weights(12), activation="RELU")
    assert inner
    net.step("CONV_2D", net.weights(8, 1, 1, 12), net.weights(8))
    net.step("ADD", skipped, activation="RELU")
    net.step("AVERAGE_POOL_2D", filter=(2, 2), stride=(2, 2), padding="VALID")
    net.step("CONV_2D", net.weights(8, 3, 3, 8), net.weights(8), activation="RELU6")
    shape = net.constant("s", [1, 48], "int32")
    net.step("RESHAPE", shape, shape=(1, 48), new_shape=(1, 48))
    net.step("FULLY_CONNECTED", net.weights(5, 48), net.weights(5))
    net.step("SOFTMAX")
    return net.network()


def outputs(graph: Graph, samples: list[Sample]) -> Any:
    """Of the reference."""
    return np.stack([one[0] for one in tflm(tflite_writer.write(graph), graph, samples)])


@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.every(3)
def test_a_network_in_int8_is_the_float_one_but_for_steps(seed: int) -> None:
    """All operators are int8, its ports too; each layer is told, and the largest output is the same nearly always."""
    graph = small_cnn(seed)
    made, record = quantised(graph, [], 1)
    assert {tensor.dtype for tensor in made.tensors} <= {"int8", "int32"}
    assert [operator.name for operator in made.operators] == [operator.name for operator in graph.operators]
    assert len(record["layers"]) == len(graph.operators) and record["float_operators"] == []
    assert min(layer["sqnr_db"] for layer in record["layers"]) > 20
    assert record["outputs"][0]["top1_agreement"] >= 0.94 and record["outputs"][0]["max_abs_error"] < 0.1
    assert (record["samples"], record["calibration_samples"], record["evaluation_samples"]) == ("made up", 50, 200)
    for operator in made.operators:
        if operator.name == "CONV_2D":
            scales = made.tensors[operator.inputs[1]].quantisation
            assert scales is not None and scales.is_per_channel and not any(scales.zero_points)


@pytest.mark.slow
def test_it_is_the_same_every_time() -> None:
    """Bytes and record."""
    one, other = (quantised(small_cnn(), [], 1) for _ in range(2))
    assert tflite_writer.write(one[0]) == tflite_writer.write(other[0]) and one[1] == other[1]


@pytest.mark.slow
def test_ranges_are_those_of_real_samples() -> None:
    """Where there are some, nothing is made up: the input's scale follows from them."""
    samples = [(4 * sample[0],) for sample in made_samples(small_cnn(), 10, 5)]
    made, record = quantised(small_cnn(), samples, 1)
    scheme = made.tensors[made.inputs[0]].quantisation
    reach = max(float(np.ptp(np.append(sample[0], 0))) for sample in samples)
    assert scheme is not None and scheme.scale * 255 == pytest.approx(reach, rel=0.01)
    assert (record["samples"], record["calibration_samples"], record["evaluation_samples"]) == ("recipe", 10, 10)


@pytest.mark.slow
def test_what_has_no_int8_form_stays_float() -> None:
    """Between a DEQUANTIZE and a QUANTIZE, and it is told."""
    net = Net()
    net.step("CONV_2D", net.weights(4, 1, 1, 3), net.weights(4))
    net.step("EXP")
    net.step("CONV_2D", net.weights(4, 1, 1, 4), net.weights(4))
    made, record = quantised(net.network(), [], 1)
    names = [operator.name for operator in made.operators]
    assert names == ["CONV_2D", "DEQUANTIZE", "EXP", "QUANTIZE", "CONV_2D"]
    assert record["float_operators"] == [{"operator": 1, "name": "EXP"}]
    assert record["outputs"][0]["sqnr_db"] > 20


@pytest.mark.slow
def test_a_fixed_scale_meets_one_that_others_share() -> None:
    """What LOGISTIC writes is requantised where it is put beside something larger."""
    net = Net()
    conv = net.step("CONV_2D", net.weights(4, 1, 1, 3), net.weights(4))
    net.step("LOGISTIC")
    net.step("CONCATENATION", conv, axis=3)
    made, record = quantised(net.network(), [], 1)
    assert [operator.name for operator in made.operators] == ["CONV_2D", "LOGISTIC", "QUANTIZE", "CONCATENATION"]
    assert record["outputs"][0]["sqnr_db"] > 25


def test_there_must_be_something_to_quantise() -> None:
    """A network that is int8 already is refused."""
    net = GraphBuilder()
    source = net.add_input("x", (1, 4), per_tensor(0.1))
    graph = net.graph([net.layer("RELU", (source,), "y", per_tensor(0.1))], "net")
    with pytest.raises(ModelError, match="no operator computes in float32") as caught:
        quantised(graph, [], 1)
    assert "quantised already" in caught.value.hint


def test_equal_channels_compute_the_same() -> None:
    """Channels of a layer and over a residual become equally large; outputs stay within float rounding."""
    graph = small_cnn(4)
    samples = made_samples(graph, 20, 1)
    written = [operator.outputs[0] for operator in graph.operators]
    whole = replace(graph, outputs=tuple(written))

    def reaches(of: Graph) -> dict[int, Any]:
        content = tflite_writer.write(replace(of, outputs=whole.outputs))
        found = tflm(content, replace(of, outputs=whole.outputs), samples)
        shaped = (
            np.stack([np.abs(one[i]).reshape(-1, one[i].shape[-1]).max(0) for one in found])
            for i in range(len(written))
        )
        return {index: each.max(axis=0) for index, each in zip(written, shaped, strict=True)}

    before = reaches(graph)
    even = equalised(graph, before)
    after = reaches(even)
    assert np.allclose(outputs(graph, samples), outputs(even, samples), atol=1e-5)
    changed = [index for index in written if not np.allclose(before[index], after[index], rtol=1e-3)]
    assert len(changed) >= 4
    pointwise = graph.operators[2].outputs[0]
    alive = before[pointwise] > 0
    assert np.ptp(before[pointwise][alive]) > np.ptp(after[pointwise][alive])


@given(st.integers(0, 2**31), st.integers(2, 12), st.integers(1, 5))
def test_rounding_with_feedback_is_nearer_than_without(seed: int, inputs: int, rows: int) -> None:
    """On inputs that depend on each other, never much worse than each weight rounded by itself."""
    random = np.random.default_rng(seed)
    mixed = random.standard_normal((200, inputs)) @ random.standard_normal((inputs, inputs)) + random.standard_normal(
        inputs
    )
    weights = random.standard_normal((rows, inputs))
    scales = np.abs(weights).max(axis=1) / 127
    made = rounded(weights, scales, mixed.T @ mixed)
    assert np.abs(made).max() <= 127 and (made == np.rint(made)).all()
    nearest = np.rint(weights / scales[:, None])
    errors = [float((((weights - steps * scales[:, None]) @ mixed.T) ** 2).sum()) for steps in (made, nearest)]
    assert errors[0] <= 1.5 * errors[1] + 1e-12


@pytest.mark.parametrize("kind", ["CONV_2D", "DEPTHWISE_CONV_2D", "FULLY_CONNECTED"])
def test_moments_are_of_what_an_output_sees(kind: str) -> None:
    """Rows of weights, and the moments, give the sum of the squares of all outputs."""
    random = np.random.default_rng(3)
    net = Net(shape=(1, 6, 5, 4) if kind != "FULLY_CONNECTED" else (3, 4))
    shape = {"CONV_2D": (7, 3, 3, 4), "DEPTHWISE_CONV_2D": (1, 3, 2, 8), "FULLY_CONNECTED": (7, 4)}[kind]
    weights = random.standard_normal(shape).astype(np.float32)
    bias = net.constant("b", np.zeros(shape[0] if shape[0] > 1 else 8), "float32")
    options = {} if kind == "FULLY_CONNECTED" else {"stride": (2, 1), "dilation": (1, 2)}
    options |= {"depth_multiplier": 2} if shape[0] == 1 else {}
    net.step(kind, net.constant("w", weights, "float32"), bias, **options)
    graph = net.network()
    sample = random.standard_normal(graph.tensors[0].shape).astype(np.float32)
    second = moments(graph, graph.operators[0], sample)
    rows = np.moveaxis(weights, -1, 0) if shape[0] == 1 else weights
    rows = rows.reshape(rows.shape[0], -1).astype(float)
    groups = np.array_split(rows, len(second))
    energy = sum(float(np.einsum("oi,ij,oj->", one, of, one)) for one, of in zip(groups, second, strict=True))
    assert energy == pytest.approx(float((outputs(graph, [(sample,)]).astype(float) ** 2).sum()), rel=1e-4)


@given(st.floats(-1e6, 1e6), st.floats(-1e6, 1e6))
def test_zero_is_exact_in_every_scheme(one: float, other: float) -> None:
    """And both ends are within a step of the range."""
    low, high = min(one, other, 0), max(one, other, 0)
    scheme = affine(low, high)
    ends = [scheme.scale * (end - scheme.zero_point) for end in (-128, 127)]
    assert -128 <= scheme.zero_point <= 127
    assert ends[0] <= low + 1.01 * scheme.scale and ends[1] >= high - 1.01 * scheme.scale


def test_groups_are_disjoint() -> None:
    """Whatever is joined in whatever order."""
    groups = Groups()
    for pair in ((1, 2), (3, 3), (4, 5), (2, 5)):
        groups.join(*pair)
    assert sorted(map(sorted, groups.members())) == [[1, 2, 4, 5], [3]]
