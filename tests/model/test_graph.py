from __future__ import annotations

import json
import subprocess
import sys

import pytest

from tinyflow.model.graph import Graph, Operator, Quantisation, Tensor
from tinyflow.model.summary import macs, operator_macs, summarise
from tinyflow.model.tflite_reader import read

CHAIN = Graph(
    tensors=(
        Tensor(0, "in", (1, 4), "int8"),
        Tensor(1, "weights", (8, 4), "int8", Quantisation((0.5,) * 8, (0,) * 8), bytes(32)),
        Tensor(2, "hidden", (1, 8), "int8", Quantisation((0.25,), (3,))),
        Tensor(3, "sum", (1, 8), "int8"),
        Tensor(4, "unused", (1, 100), "int8"),
    ),
    operators=(
        Operator(0, "FULLY_CONNECTED", 4, (0, 1, -1), (2,)),
        Operator(1, "ADD", 2, (2, 2), (3,)),
    ),
    inputs=(0,),
    outputs=(3,),
)


def test_activations_live_from_writer_to_last_reader() -> None:
    """Inputs live from operator 0, outputs to the last; constants and tensors that nobody touches have no lifetime."""
    assert CHAIN.peak_live_bytes == 16


def test_counts_follow_from_shapes() -> None:
    """MACs are those of the products, weights the constants that are read."""
    assert [operator_macs(CHAIN, operator) for operator in CHAIN.operators] == [32, 0]
    assert (macs(CHAIN), CHAIN.weights_bytes) == (32, 32)


@pytest.mark.parametrize(
    ("name", "products", "peak_live_bytes", "operators"),
    [
        ("aww", 2_656_768, 16_000, 13),
        ("vww", 7_489_664, 55_296, 31),
        ("resnet", 12_501_632, 49_152, 16),
        ("toycar", 264_192, 768, 10),
    ],
)
def test_mlperf_tiny_counts(
    zoo: dict[str, bytes], name: str, products: int, peak_live_bytes: int, operators: int
) -> None:
    """The four networks have the MACs, the peak of live activations and the length that are published for them."""
    graph = read(zoo[name])
    assert (macs(graph), graph.peak_live_bytes, len(graph.operators)) == (products, peak_live_bytes, operators)
    assert graph.is_integer_only


def test_float_tensor_makes_a_graph_not_integer_only() -> None:
    """One floating-point tensor that an operator touches is enough."""
    floating = Tensor(3, "sum", (1, 8), "float32")
    assert CHAIN.is_integer_only
    assert not Graph((*CHAIN.tensors[:3], floating), CHAIN.operators, (0,), (3,)).is_integer_only


def test_sizes_count_packed_elements() -> None:
    """INT4 packs two elements into a byte; a scalar has one element."""
    assert Tensor(0, "", (3,), "int4").size_bytes == 2
    assert Tensor(0, "", (), "int32").size_bytes == 4


def test_summary_is_json() -> None:
    """The summary is JSON as it is and holds no weight values."""
    summary = json.loads(json.dumps(summarise(CHAIN)))
    assert list(summary["operators"][0]) == ["index", "name", "version", "inputs", "outputs", "options", "macs"]
    assert summary["operators"][0]["macs"] == 32
    assert summary["tensors"][1]["quantisation"] == {"channels": 8, "axis": 0}
    assert summary["tensors"][2]["quantisation"] == {"scale": 0.25, "zero_point": 3}


def test_graph_imports_nothing_heavy() -> None:
    """The vocabulary costs neither numpy nor tflite."""
    code = (
        "import sys, tinyflow.model.graph, tinyflow.model.memory.arena; print({'numpy', 'tflite'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
