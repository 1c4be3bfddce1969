from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests_support import run_litert, run_tflm

from tinyflow.core.errors import ModelError, ToolError
from tinyflow.model import oracle, reference
from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.reference import largest_difference, make_inputs, quantise
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write


def tensor(scale: float, zero_point: int, dtype: str = "int8", shape: tuple[int, ...] = (1, 4)) -> Tensor:
    """An input tensor."""
    return Tensor(0, "input", shape, dtype, Quantisation((scale,), (zero_point,)))


def graph_of(*inputs: Tensor) -> Graph:
    """A graph that only has inputs, which is all that samples depend on."""
    return Graph(inputs, (), tuple(range(len(inputs))), ())


def test_halves_round_away_from_zero() -> None:
    """Real values between two integers go as TFLite's `std::round`, and stay within int8."""
    real = np.array([[0.25, -0.25, 1e6, -1e6]], np.float32)
    assert quantise(real, tensor(0.5, 3)).tolist() == [[4, 2, 127, -128]]


def test_just_below_half_rounds_down() -> None:
    """The float32 next below 0.5 is nearer to 0, though adding 0.5 to it in float32 gives 1."""
    below = np.full((1, 4), np.nextafter(np.float32(0.5), np.float32(0)), np.float32)
    assert quantise(below, tensor(1.0, 0)).tolist() == [[0, 0, 0, 0]]


@given(values=st.lists(st.floats(-1000, 1000, width=32), min_size=4, max_size=4), scale=st.floats(2**-10, 10, width=32))
def test_quantised_values_are_nearest(values: list[float], scale: float) -> None:
    """A value within the range of int8 comes back to within half a step, give or take the float32 quotient."""
    given_tensor = tensor(scale, -5)
    integers = quantise(np.array([values], np.float32), given_tensor).ravel().astype(float)
    for value, integer in zip(values, integers, strict=True):
        if -122 < value / scale < 131:
            assert abs((integer + 5) * scale - value) <= scale * 0.5001


def test_pixels_are_real_values() -> None:
    """A uint8 sample of a model with scale 1 and zero point -128 is the pixel minus 128."""
    (sample,) = make_inputs(graph_of(tensor(1.0, -128)), 1, 0, [bytes([0, 1, 128, 255])], "uint8")
    assert sample[0].tolist() == [[-128, -127, 0, 127]]


def test_own_bytes_are_taken_as_they_are() -> None:
    """A sample in the model's own type is neither scaled nor changed."""
    (sample,) = make_inputs(graph_of(tensor(0.1, 7)), 1, 0, [b"\x00\x7f\x80\xff"], "int8")
    assert sample[0].tolist() == [[0, 127, -128, -1]]


def test_real_samples_come_first_then_random_ones() -> None:
    """At least `count` samples; the random ones depend on the seed and cover all of int8."""
    graph = graph_of(tensor(1.0, 0, shape=(1, 1000)))
    real = bytes(1000)
    samples = make_inputs(graph, 3, 1, [real])
    assert [len(samples), samples[0][0].tobytes()] == [3, real]
    assert (samples[1][0].min(), samples[1][0].max()) == (-128, 127)
    again, other = make_inputs(graph, 3, 1, [real]), make_inputs(graph, 3, 2, [real])
    assert largest_difference(samples, again) == 0 < largest_difference(samples, other)
    assert len(make_inputs(graph, 1, 1, [real, real])) == 2


def test_several_inputs_share_one_file() -> None:
    """A real sample holds all inputs one after the other; random ones have every input too."""
    graph = graph_of(tensor(1.0, 0), Tensor(1, "steps", (2,), "int32"))
    content = bytes([1, 2, 3, 4]) + np.array([5, 6], "<i4").tobytes()
    first, second = make_inputs(graph, 2, 0, [content])
    assert [array.tolist() for array in first] == [[[1, 2, 3, 4]], [5, 6]]
    assert [array.shape for array in second] == [(1, 4), (2,)]


def test_float_inputs_are_random_reals() -> None:
    """A float model gets reals in [-1, 1), in float32."""
    ((array,),) = make_inputs(graph_of(Tensor(0, "in", (100,), "float32")), 1, 0)
    assert array.dtype == np.float32 and -1 <= array.min() < 0 < array.max() < 1


def test_sample_of_wrong_size_is_named() -> None:
    """A file that can't be a sample says how long it should be."""
    with pytest.raises(ModelError, match="sample 1 has 3 bytes, not 16"):
        make_inputs(graph_of(tensor(1.0, 0)), 2, 0, [bytes(16), bytes(3)], "float32")


def test_tensor_without_scale_takes_no_real_values() -> None:
    """Real values can't be turned into integers without a scale."""
    with pytest.raises(ModelError, match="no single scale"):
        make_inputs(graph_of(Tensor(0, "in", (1,), "int8")), 1, 0, [bytes(4)], "float32")


@pytest.mark.parametrize("run", [run_tflm, run_litert])
def test_softmax_equals_its_definition(run: Callable[..., list[reference.Sample]]) -> None:
    """Both interpreters compute softmax to within one step of 1/256."""
    scale = 0.1
    nodes = (
        Tensor(0, "in", (1, 6), "int8", Quantisation((float(np.float32(scale)),), (-3,))),
        Tensor(1, "out", (1, 6), "int8", Quantisation((1 / 256,), (-128,))),
    )
    graph = Graph(nodes, (Operator(0, "SOFTMAX", 2, (0,), (1,), {"beta": 1.0}),), (0,), (1,))
    samples = make_inputs(graph, 5, 1)
    for (given_values,), (got,) in zip(samples, run(write(graph), graph, samples), strict=True):
        powers = np.exp(scale * given_values.astype(float))
        assert np.abs((got + 128.0) / 256 - powers / powers.sum()).max() <= 1 / 256


def test_refused_model_is_an_error_of_the_model() -> None:
    """An interpreter that can't run a graph gives one line, no crash."""
    nodes = (Tensor(0, "in", (2,), "int8"), Tensor(1, "out", (2,), "int8"))
    graph = Graph(nodes, (Operator(0, "ATAN2", 1, (0,), (1,)),), (0,), (1,))
    for run, name in ((run_tflm, "TFLM"), (run_litert, "LiteRT")):
        with pytest.raises(ModelError, match=f"{name} can't run it") as caught:
            run(write(graph), graph, make_inputs(graph, 1, 0))
        assert caught.value.hint


def test_litert_takes_over_where_tflm_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """The name of the reference tells which interpreter there is; with none the error says what to install."""
    missing: set[str] = set()
    monkeypatch.setattr(oracle, "is_importable", lambda package: package not in missing)
    assert oracle.references()[0].name == "tflm"
    missing.add("tflite_micro")
    assert oracle.references()[0].name == "litert"
    missing.add("ai_edge_litert")
    with pytest.raises(ToolError) as caught:
        oracle.references()
    assert caught.value.exit_status == 3


@pytest.mark.parametrize("name", ["aww", "vww", "resnet"])
@pytest.mark.every(3)
def test_interpreters_agree_on_convolutions(zoo: dict[str, bytes], name: str) -> None:
    """The two references differ by at most one step on networks whose convolutions they round alike."""
    graph = read(zoo[name])
    samples = make_inputs(graph, 4, 9)
    assert largest_difference(run_tflm(zoo[name], graph, samples), run_litert(zoo[name], graph, samples)) <= 1


def test_published_image_is_classified(trained: Callable[[str], Path]) -> None:
    """The first real sample of the published ResNet gives a clear answer, so that samples are quantised rightly."""
    path = trained("resnet")
    graph = read(path)
    samples = make_inputs(graph, 1, 0, [(path.parent / "input" / "0.bin").read_bytes()], "uint8")
    ((output,),) = run_tflm(path.read_bytes(), graph, samples)
    assert output.max() > 100 and np.sort(output.ravel())[-2] < 0
