"""Single operators through the interpreter tinyi: TFLM's bytes, whatever is linked, and refusals where they belong."""

from __future__ import annotations

from dataclasses import replace

import pytest
from small_networks import Net
from tinyi_host import Interpreter, assert_exact, compile_interpreter

from tinyflow.model.graph import Quantisation

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def interpreter(tmp_path_factory: pytest.TempPathFactory) -> Interpreter:
    """With the kernels in portable C."""
    return Interpreter.load(compile_interpreter(tmp_path_factory.mktemp("tinyi")), "c")


def test_real_inputs_and_outputs(interpreter: Interpreter) -> None:
    """QUANTIZE from float32 at the beginning, DEQUANTIZE to it at the end."""
    net = Net(1, 5, 4, 6)
    net.tensors[net.input] = replace(net.tensors[net.input], dtype="float32", quantisation=None)
    x = net.operator("QUANTIZE", net.input, shape=(1, 5, 4, 6), q=Quantisation((0.008,), (5,)))
    x = net.operator("DEQUANTIZE", x, shape=(1, 5, 4, 6))
    net.tensors[x] = replace(net.tensors[x], dtype="float32", quantisation=None)
    assert_exact(net.graph(x), interpreter, "c")
