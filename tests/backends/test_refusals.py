"""What backends refuse, and that they say why: before anything is built."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from changed_graphs import small_resnet, with_operator, with_tensor
from operator_cases import CASES
from small_networks import Net, Q

from tinyflow.backends import tinyc, tinyi, tvm
from tinyflow.backends.tinyc.lowering import LOWERINGS, lower_operator
from tinyflow.backends.tinyi.operators import ENTRIES
from tinyflow.backends.tvm.frontend.supported import CHECKS, path_of
from tinyflow.core.errors import ModelError
from tinyflow.model.builder import GraphBuilder
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.operators import DESCRIPTIONS, control
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize

BACKENDS = pytest.mark.parametrize("backend", [tinyc, tinyi, tvm], ids=["tinyc", "tinyi", "tvm"])

# what TVM has rules for
OURS = pytest.mark.parametrize("backend", [tinyc, tinyi], ids=["tinyc", "tinyi"])


@pytest.fixture(scope="module")
def graph() -> Graph:
    """A network with every operator of resnet."""
    return small_resnet()


def _refusal(backend: ModuleType, graph: Graph) -> str:
    with pytest.raises(ModelError) as caught:
        backend.check(graph, "tested", {})
    assert caught.value.hint
    return str(caught.value)


@BACKENDS
@pytest.mark.parametrize("name", ["aww", "vww", "resnet", "toycar"])
@pytest.mark.every(5)
def test_the_four_networks_pass(backend: ModuleType, name: str) -> None:
    """What the benchmark needs is supported."""
    backend.check(read(synthesize({"graph": name})), "tested", {})


@BACKENDS
def test_an_unsupported_operator_is_named(graph: Graph, backend: ModuleType) -> None:
    """The error says operator, version, tensor and backend."""
    text = _refusal(backend, with_operator(graph, 0, lambda operator: replace(operator, name="SVDF", version=3)))
    for word in ("operator 0", "SVDF", "version 3", "conv_2d_0", "tested"):
        assert word in text


@BACKENDS
def test_names_break_no_line(graph: Graph, backend: ModuleType) -> None:
    """Whatever a name holds, the reason is one line."""
    output = graph.operators[0].outputs[0]
    text = _refusal(backend, with_tensor(graph, output, lambda tensor: replace(tensor, name="a\nb", dtype="uint32")))
    assert text.count("\n") == 1  # before the hint
    assert r"a\nb" in text


def test_nothing_to_compute_is_compiled_by_tvm(tmp_path: Path) -> None:
    """Views alone, with an input that nobody reads."""
    net = GraphBuilder()
    net.inputs += [net.tensor("in", (1, 4), Q), net.tensor("shape", (1,), None, "int32")]
    graph = net.graph([net.operator("RESHAPE", (0, 1), net.tensor("out", (4,), Q))], "views")
    model = tmp_path / "model.tflite"
    model.write_bytes(write(graph))
    tvm.generate(model, read(model), "tested", {}, tmp_path, tmp_path / "plan.json")
    assert (tmp_path / "plan.json").exists()


def test_products_of_scales_too_far_apart_are_no_integers_in_tvm() -> None:
    """Told before anything is compiled, by another path."""
    (case,) = [case for case in CASES if str(case) == "BATCH_MATMUL int8 3 3 00"]
    graph = case.graph()
    far = with_tensor(
        graph, graph.outputs[0], lambda tensor: replace(tensor, quantisation=Quantisation((1e-20,), (0,)))
    )
    assert [path_of(part, part.operators[0]) for part in (graph, far)] == ["legalised", "dequantised"]


@pytest.mark.parametrize("form", ["int8", "int16"])
def test_strides_of_millions_ask_for_no_gigabytes(form: str) -> None:
    """Of a transposed convolution, whose kernels aren't filled up to as many rows."""
    (case,) = [case for case in CASES if str(case) == "TRANSPOSE_CONV int8 no bias"]
    graph = case.graph()
    fitting = {"dtype": form, "quantisation": Quantisation((0.1,), (0,))}
    tensors = [
        replace(tensor, **fitting) if tensor.quantisation and not tensor.data else tensor for tensor in graph.tensors
    ]
    wide = replace(graph.operators[0], options={**graph.operators[0].options, "stride": (16_000_000, 7)})
    (step,) = lower_operator(replace(graph, tensors=tuple(tensors), operators=(wide,)), wide, "c")
    assert step.call.function.startswith("tinynn_transpose_conv")


@BACKENDS
def test_long_names_are_shortened(graph: Graph, backend: ModuleType) -> None:
    """Converters join the names of all that was fused: place and reason have the end of it."""
    output = graph.operators[0].outputs[0]
    long = "a/fused/layer;" * 40 + "last"
    text = _refusal(backend, with_tensor(graph, output, lambda tensor: replace(tensor, name=long, dtype="uint32")))
    assert f"tensor '…{long[-60:]}'" in text
    assert len(text) < 500


@BACKENDS
def test_a_newer_version_is_refused(graph: Graph, backend: ModuleType) -> None:
    """A version that may compute something else is not compiled on hope."""
    changed = with_operator(graph, 1, lambda operator: replace(operator, version=99))
    assert "versions up to" in _refusal(backend, changed)


@pytest.mark.parametrize(
    ("backend", "dtype", "advice"),
    [(backend, "float32", "quantise the model to int8") for backend in (tinyc, tinyi)],
)
def test_other_activations_than_int8_are_refused(graph: Graph, backend: ModuleType, dtype: str, advice: str) -> None:
    """A model that is not quantised to int8 is told so, and how it is."""
    text = _refusal(backend, with_tensor(graph, graph.inputs[0], lambda tensor: replace(tensor, dtype=dtype)))
    assert dtype in text and advice in text


@BACKENDS
def test_asymmetric_weights_are_refused(graph: Graph, backend: ModuleType) -> None:
    """A zero point of weights would be ignored by the kernels."""
    shifted = Quantisation((0.5,), (1,))
    changed = with_tensor(graph, graph.operators[0].inputs[1], lambda tensor: replace(tensor, quantisation=shifted))
    assert "not symmetric" in _refusal(backend, changed)


@OURS
def test_weights_that_are_no_constant_are_refused(graph: Graph, backend: ModuleType) -> None:
    """Nothing can be packed that is only known later."""
    weights = graph.operators[0].inputs[1]
    assert "not a constant" in _refusal(backend, with_tensor(graph, weights, lambda tensor: replace(tensor, data=None)))


@BACKENDS
@pytest.mark.parametrize("activation", ["TANH", "SIGN_BIT"])
def test_an_unknown_activation_is_refused(graph: Graph, backend: ModuleType, activation: str) -> None:
    """TFLite's integer kernels have four."""
    text = _refusal(backend, _with_option(graph, "activation", activation))
    assert activation in text and "RELU_N1_TO_1" in text


def _with_option(graph: Graph, option: str, value: Any) -> Graph:
    return with_operator(graph, 0, lambda o: replace(o, options={**o.options, option: value}))


@BACKENDS
def test_softmax_of_another_scale_is_refused(graph: Graph, backend: ModuleType) -> None:
    """Its output scale is fixed by TFLite's specification; another one would give wrong numbers."""
    other = Quantisation((1 / 128,), (-128,))
    changed = with_tensor(graph, graph.outputs[0], lambda tensor: replace(tensor, quantisation=other))
    assert "1/256" in _refusal(backend, changed)


@BACKENDS
def test_pools_that_rescale_are_refused(graph: Graph, backend: ModuleType) -> None:
    """No kernel of TFLM does; their specification has one quantisation for input and output."""
    pool = next(operator for operator in graph.operators if operator.name == "AVERAGE_POOL_2D")
    other = Quantisation((0.5,), (0,))
    changed = with_tensor(graph, pool.outputs[0], lambda tensor: replace(tensor, quantisation=other))
    assert "inputs and outputs are quantised differently" in _refusal(backend, changed)


@pytest.mark.parametrize("backend", [tinyc, tinyi], ids=["tinyc", "tinyi"])
@pytest.mark.parametrize(
    ("name", "numbers", "options"),
    [
        ("CONCATENATION", [], {"axis": 3, "activation": "RELU"}),
        ("STRIDED_SLICE", [[0, 1, 0, 0], [1, 2, 4, 2], [1, 1, 1, 1]], {"offset": True}),
        ("STRIDED_SLICE", [[0, 1, 0, 0], [1, 3, 4, 2], [1, 1, 1, 1]], {"ellipsis_mask": 1}),
    ],
)
def test_options_that_the_int8_form_has_not_are_refused(
    backend: ModuleType, name: str, numbers: list[list[int]], options: dict[str, Any]
) -> None:
    """No kernel looks at them, so that the outputs would be others than TFLM's."""
    net = Net(1, 4, 4, 2)
    made = net.operator(
        name, net.input, *(net.constant(each, "int32") for each in numbers), shape=(1, 2, 4, 2), **options
    )
    if name == "CONCATENATION":
        net.tensors[made] = replace(net.tensors[made], shape=(1, 4, 4, 2))
    assert f"{list(options)[-1]} {list(options.values())[-1]} is not supported" in _refusal(backend, net.graph(made))


@BACKENDS
def test_versions_of_the_same_int8_form_pass(graph: Graph, backend: ModuleType) -> None:
    """ADD has two: the newer one is about int16."""
    (addition,) = (operator for operator in graph.operators if operator.name == "ADD")
    for version in (2, 3):
        backend.check(with_operator(graph, addition.index, lambda o, v=version: replace(o, version=v)), "tested", {})


def test_what_is_lowered_is_described() -> None:
    """Nobody lowers an operator whose operands, shapes and versions nobody checks; what tinyi knows, tinyc does."""
    for form, names in ENTRIES.items():
        assert set(names) <= set(LOWERINGS[form])
    assert set(LOWERINGS["int8"]) > set(CHECKS)
    checked_with_the_graph = {described.name for described in control.OPERATORS}
    for name in {name for names in LOWERINGS.values() for name in names} - checked_with_the_graph:
        described = DESCRIPTIONS[name]
        assert described.shape is not None or described.check is not None or described.is_view


def test_checking_imports_nothing_heavy_before_it_is_needed() -> None:
    """Options are read before anything is built."""
    program = "import sys, tinyflow.backends.tvm; print([m for m in ('tvm', 'numpy', 'tflite') if m in sys.modules])"
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout.strip() == "[]"
