"""Layouts: what is carried through a network, and that every kernel reads and writes both orders exactly."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import test_tvm_kernels as kernels
from hypothesis import given
from hypothesis import strategies as st
from random_networks import random_network
from tests_support import Later, tflm

from tinyflow.backends.tvm import check
from tinyflow.backends.tvm.frontend import layouts
from tinyflow.backends.tvm.frontend.layers import Network
from tinyflow.backends.tvm.kernels.kernel import Style
from tinyflow.backends.tvm.kernels.specs import AddSpec, DenseSpec, Layout, SoftmaxSpec, Spec
from tinyflow.core.errors import RecipeError
from tinyflow.model import reference
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize
from tinyflow.model.zoo.builder import NetworkBuilder

network = Later("tinyflow.backends.tvm.frontend.network")
SMALL = {"graph": "resnet", "size": 6, "channels": 4, "stacks": 2}
WAYS: tuple[tuple[Layout, Layout], ...] = (("NCHW", "NCHW"), ("NHWC", "NCHW"), ("NCHW", "NHWC"))


def laid_out(spec: Any, inside: Layout, outside: Layout) -> Spec:
    """A spec that reads one layout and writes another."""
    names = ("left", "right") if isinstance(spec, AddSpec) else ("input",)
    maps = {name: replace(getattr(spec, name), layout=inside) for name in names}
    changed: Spec = replace(spec, **maps, output=replace(spec.output, layout=outside))
    return changed


@pytest.mark.slow
@pytest.mark.parametrize(
    ("style", "chip", "operator"),
    [
        *(("plain", "m7", operator) for operator in ("conv", "depthwise", "add", "pool")),
        *(("aotplus", chip, operator) for chip in ("m7", "rv32") for operator in ("conv", "depthwise", "add")),
    ],
)
@kernels.EXACT
@given(data=st.data())
def test_kernels_are_exact_in_every_layout(data: st.DataObject, style: Style, chip: str, operator: str) -> None:
    """Channels outermost on both sides or on one of them: the definition's outputs, whatever the shape."""
    drawn = data.draw(st.lists(kernels.SPECS[operator], min_size=3, max_size=3))
    specs = [laid_out(spec, *way) for spec in drawn for way in WAYS]
    kernels.check(specs, style, kernels.CHIPS[chip], data.draw(st.integers(0, 1000)))


def carried(folder: Path, content: bytes) -> Network:
    """The layers of a model in NCHW."""
    model = folder / "model.tflite"
    model.write_bytes(content)
    return layouts.carry(network.lower(read(model), "double"), "NCHW")


@pytest.mark.parametrize("seed", range(6))
def test_all_who_touch_an_activation_agree_on_its_layout(seed: int, tmp_path: Path) -> None:
    """Writer and readers of a value see the same bytes, and what the user sees lies as in the model."""
    network = carried(tmp_path, write(random_network(seed)))
    seen: dict[Any, set[Any]] = {value: {"NHWC"} for value in (*network.inputs, *network.outputs)}
    for layer in network.layers:
        spec: Any = layer.spec
        if isinstance(spec, (DenseSpec, SoftmaxSpec)):
            continue
        maps = (spec.left, spec.right) if isinstance(spec, AddSpec) else (spec.input,)
        for value, feature in zip((*layer.inputs, layer.output), (*maps, spec.output), strict=True):
            seen.setdefault(value, set()).add(feature.layout)
    assert all(len(found) == 1 for found in seen.values())


def test_channels_lie_outermost_from_the_first_layer_to_the_last(tmp_path: Path) -> None:
    """No layer inside goes back to the model's layout."""
    network = carried(tmp_path, synthesize(SMALL))
    specs: list[Any] = [layer.spec for layer in network.layers if hasattr(layer.spec, "output")]
    inner = [spec.output.layout for spec in specs if spec.output.height * spec.output.width > 1]
    assert len(inner) > 5 and set(inner) == {"NCHW"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("schedule", "seed"),
    [("arm", 1), *(pytest.param(s, n, marks=pytest.mark.slow) for s in ("arm", "default") for n in (2, 3, 5))],
)
def test_random_networks_are_exact_with_channels_outermost(
    schedule: str, seed: int, generate: Callable[..., Any]
) -> None:
    """Branches, reshapes and fully connected layers behind feature maps."""
    content = write(random_network(seed))
    model = generate(content, variant="aotplus", layout="NCHW", schedule=schedule)
    graph = read(content)
    inputs = reference.make_inputs(graph, 4, seed=7)
    outputs = [model.invoke(sample) for sample in inputs]
    assert reference.largest_difference(tflm(content, graph, inputs), outputs) == 0


@pytest.mark.slow
@pytest.mark.parametrize(("name", "schedule"), [("resnet", "arm"), ("aww", "default")])
def test_trained_networks_are_exact_with_channels_outermost(
    name: str, schedule: str, generate: Callable[..., Any], trained: Callable[[str], Path]
) -> None:
    """Two of the published files; the suite experiment_b runs all of them on three chips."""
    content = trained(name).read_bytes()
    graph, model = read(content), generate(content, variant="aotplus", layout="NCHW", schedule=schedule)
    inputs = reference.make_inputs(graph, 2, seed=7)
    outputs = [model.invoke(sample) for sample in inputs]
    assert reference.largest_difference(tflm(content, graph, inputs), outputs) == 0


def test_a_fully_connected_layer_takes_channels_outermost(tmp_path: Path, generate: Callable[..., Any]) -> None:
    """The columns of its weights are reordered: nothing is copied on the chip."""
    net = NetworkBuilder(3, (4, 3, 2), input_scale=0.05, input_zero_point=-3)
    hidden = net.convolution(net.input, 5, (1, 1))
    content = write(net.graph((net.fully_connected(net.flatten(hidden), 7),), "flattened"))
    graph, model = read(content), generate(content, variant="aotplus", layout="NCHW")
    assert [layer.spec.output.layout for layer in carried(tmp_path, content).layers[:1]] == ["NCHW"]
    inputs = reference.make_inputs(graph, 4, seed=7)
    outputs = [model.invoke(sample) for sample in inputs]
    assert reference.largest_difference(tflm(content, graph, inputs), outputs) == 0


@pytest.mark.parametrize("options", [{"dsp": True}, {"schedule": "cortexm"}])
def test_pairs_of_channels_need_them_side_by_side(options: dict[str, Any]) -> None:
    """Refused before anything is generated, with what to choose instead."""
    with pytest.raises(RecipeError, match="neighbouring channels"):
        check(read(synthesize(SMALL)), "tested", {"layout": "NCHW", **options})
