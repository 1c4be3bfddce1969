"""Generated C over the kernels in plain C, compiled for this machine, against TFLM's interpreter: equal bit for bit."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from host_model import HostModel
from hypothesis import given
from hypothesis import strategies as st
from random_networks import RandomNetwork, random_network
from tests_support import examples
from tinyc_host import assert_exact, build

from tinyflow.model.graph import Graph
from tinyflow.model.summary import macs
from tinyflow.model.tflite_reader import read
from tinyflow.model.transforms.shrink import shrink
from tinyflow.model.zoo import synthesize

# relatives of the four networks that build in a moment
SMALL = {
    "aww": {"graph": "aww", "height": 11, "width": 7, "channels": 9, "blocks": 1},
    "vww": {"graph": "vww", "size": 17, "width": 0.1, "blocks": 3},
    "resnet": {"graph": "resnet", "size": 9, "channels": 5, "stacks": 2},
    "toycar": {"graph": "toycar", "features": 33, "hidden": 10, "bottleneck": 3, "depth": 1},
}
# kernels that this machine can run
VARIANTS = ("ref", "c")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Path]:
    """A fresh folder for each model."""
    root, numbers = tmp_path_factory.mktemp("models"), count()
    return lambda: root / str(next(numbers))


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.every(4, 1)
def test_small_networks_are_exact(name: str, variant: str, folders: Callable[[], Path]) -> None:
    """Odd sizes, strides and channel counts of every operator that the four networks have."""
    assert_exact(read(synthesize(SMALL[name])), folders(), variant)


@pytest.mark.slow
@examples(12)
@given(seed=st.integers(0, 2**32 - 1), variant=st.sampled_from(VARIANTS))
def test_random_networks_are_exact(folders: Callable[[], Path], seed: int, variant: str) -> None:
    """Branches, sums, any window and any activation; an even seed makes every activation an output."""
    assert_exact(random_network(seed), folders(), variant)


@pytest.mark.slow
@examples(6)
@given(seed=st.integers(0, 2**32 - 1))
def test_reduced_networks_are_exact(folders: Callable[[], Path], seed: int) -> None:
    """What shrink leaves can be compiled, constant operands included, and computes the same."""
    from model.planted_networks import PlantedNetwork

    net = PlantedNetwork(seed)
    for name in ("CONV_2D", "DEPTHWISE_CONV_2D", "ADD", "CONV_2D"):
        net.grow(name)
    net.tidy_up()
    net.flatten()
    net.fully_connected()
    graph = Graph(tuple(net.tensors), tuple(net.operators), (net.input,), (net.last,), "planted")
    assert_exact(shrink(graph).graph, folders())


def _built(spec: dict[str, Any], folder: Path, **options: Any) -> HostModel:
    return build(synthesize(spec), folder, **options)


def test_equal_models_give_equal_bytes(folders: Callable[[], Path]) -> None:
    """Two generations of one model are the same, and know nothing of the folder that they were made in."""
    one, other = (_built(SMALL["resnet"], folders()) for _ in range(2))
    assert one.plan == other.plan
    for path in sorted(one.sources.iterdir()):
        text = path.read_text(encoding="utf-8")
        assert text == (other.sources / path.name).read_text(encoding="utf-8")
        assert str(one.sources.parent) not in text
    assert {path.name for path in one.sources.iterdir()} == {"model.c", "model.h", "weights.c", "weights.h"}


def test_the_plan_describes_what_was_generated(folders: Callable[[], Path]) -> None:
    """Ports, arena, layers with their functions, MACs; a RESHAPE calls nothing."""
    plan = _built(SMALL["resnet"], folders()).plan
    graph = read(synthesize(SMALL["resnet"]))
    assert (plan["schema"], plan["setup"], plan["invoke"]) == (1, "model_setup", "model_invoke")
    assert plan["macs"] == macs(graph) == sum(layer["macs"] for layer in plan["layers"])
    assert [port["bytes"] for port in plan["inputs"] + plan["outputs"]] == [9 * 9 * 3, 10]
    called = {layer["operator"]: layer["functions"] for layer in plan["layers"]}
    assert called["RESHAPE"] == [] and called["SOFTMAX"] == ["tinynn_softmax_ref"]
    for tensor in plan["arena"]["tensors"]:
        assert 0 <= tensor["offset"] <= plan["arena"]["bytes"] - tensor["bytes"]
        assert tensor["offset"] % plan["arena"]["alignment"] == 0


def test_a_constant_is_in_flash_once(folders: Callable[[], Path]) -> None:
    """Two layers with the same weights share the array."""
    net = RandomNetwork(4)
    net.flatten()
    net.weighted("FULLY_CONNECTED", (net.shape[1], net.shape[1]), 0, {})
    first = net.operators[-1]
    net.append("FULLY_CONNECTED", (net.last, *first.inputs[1:]), net.tensors[net.last].quantisation, first.options)
    graph = Graph(tuple(net.tensors), tuple(net.operators), (net.input,), (net.last,), "twice")
    weights = (assert_exact(graph, folders()).sources / "weights.c").read_text(encoding="utf-8")
    assert weights.count("weights_0[") == 1 and "weights_1[" not in weights


def test_a_graph_of_reshapes_moves_nothing(folders: Callable[[], Path]) -> None:
    """Input and output share their bytes."""
    net = RandomNetwork(3)
    net.flatten()
    graph = Graph(tuple(net.tensors), tuple(net.operators), (net.input,), (net.last,), "reshape")
    plan = assert_exact(graph, folders()).plan
    assert plan["inputs"][0]["symbol"] == plan["outputs"][0]["symbol"]
    assert plan["arena"]["bytes"] == plan["inputs"][0]["bytes"]
