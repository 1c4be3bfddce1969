"""How far our integers are from what ONNX Runtime makes of the same file: it requantises in floating point."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Tensor
from tinyflow.model.interpreters import Array, Sample
from tinyflow.model.reference import quantise

# Without it, sums of products of uint8 and int8 saturate at 16 bits on x86-64 processors that lack VNNI (ONNX Runtime,
# "Quantize ONNX Models", section on overflow): outputs were off by 185 of 255 steps.
_EXACT_PRODUCTS = ("session.x64quantprecision", "1")


def run_onnx(content: bytes, graph: Graph, samples: Sequence[Sample]) -> list[Sample] | None:
    """Outputs of ONNX Runtime on one thread as the graph's integers; None where it is not installed.

    `samples` are the graph's int8 inputs (NHWC). Raises ModelError where ONNX Runtime refuses the file.
    """
    try:
        import onnxruntime
    except ImportError:
        return None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry(*_EXACT_PRODUCTS)
    try:
        session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
        names = [value.name for value in session.get_inputs()]
        results = [session.run(None, dict(zip(names, _real(graph, sample), strict=True))) for sample in samples]
    except Exception as error:  # its errors have no base class of their own
        first = str(error).strip().partition("\n")[0]
        raise ModelError(f"ONNX Runtime can't run it: {first}") from None
    tensors = [graph.tensors[index] for index in graph.outputs]
    return [tuple(_integers(*pair) for pair in zip(result, tensors, strict=True)) for result in results]


def _real(graph: Graph, sample: Sample) -> list[Array]:
    """Real inputs in the order of the file: NCHW."""
    found = []
    for index, values in zip(graph.inputs, sample, strict=True):
        quantisation = graph.tensors[index].quantisation
        assert quantisation is not None, "the importer makes quantised inputs only"
        real = (values.astype(np.float32) - quantisation.zero_point) * np.float32(quantisation.scale)
        found.append(np.ascontiguousarray(real.transpose(0, 3, 1, 2) if real.ndim == 4 else real))
    return found


def _integers(real: Any, tensor: Tensor) -> Array:
    values = real.transpose(0, 2, 3, 1) if real.ndim == 4 else real
    return quantise(values.reshape(tensor.shape), tensor)
