"""How far our results are from what ONNX Runtime makes of the same file: it requantises in floating point."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Tensor
from tinyflow.model.interpreters import Array, Sample
from tinyflow.model.onnx import Imported
from tinyflow.model.onnx.layout import Layout
from tinyflow.model.reference import quantise

# Without it, sums of products of uint8 and int8 saturate at 16 bits on x86-64 processors that lack VNNI (ONNX Runtime,
# "Quantize ONNX Models", section on overflow): outputs were off by 185 of 255 steps.
_EXACT_PRODUCTS = ("session.x64quantprecision", "1")
_WORDS = 160  # of an error that quotes paths and lists of types
_TYPES = {"tensor(float)": "float32", "tensor(double)": "float64", "tensor(float16)": "float16"}


def run_onnx(content: bytes, imported: Imported, samples: Sequence[Sample]) -> list[Sample] | None:
    """Outputs of ONNX Runtime on one thread as those of the graph; None where it is not installed.

    `samples` are the graph's inputs. Raises ModelError where ONNX Runtime refuses the file.
    """
    try:
        import onnxruntime
    except ImportError:
        return None
    graph = imported.graph
    inputs, outputs = ([graph.tensors[index] for index in indices] for indices in (graph.inputs, graph.outputs))
    with _refusing():
        session = _session(onnxruntime, content)
        ports = [(value.name, value.type) for value in session.get_inputs()]
        results = []
        for sample in samples:
            parts = zip(sample, inputs, imported.inputs, ports, strict=True)
            feeds = {name: _given(array, tensor, layout, kind) for array, tensor, layout, (name, kind) in parts}
            results.append(session.run(None, feeds))
    return [tuple(map(_as_ours, result, outputs, imported.outputs)) for result in results]


def run_plain(content: bytes, samples: Sequence[Sample]) -> list[Sample] | None:
    """The same of a file whose inputs and outputs are the samples' own, such as one that we have exported."""
    try:
        import onnxruntime
    except ImportError:
        return None
    with _refusing():
        session = _session(onnxruntime, content)
        names = [value.name for value in session.get_inputs()]
        return [tuple(session.run(None, dict(zip(names, sample, strict=True)))) for sample in samples]


def _session(onnxruntime: Any, content: bytes) -> Any:
    """One on one thread, that computes alike on all processors."""
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.log_severity_level = 3
    options.add_session_config_entry(*_EXACT_PRODUCTS)
    return onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])


@contextmanager
def _refusing() -> Iterator[None]:
    """What it raises is a ModelError; its errors have no base class of their own."""
    try:
        yield
    except Exception as error:
        first = str(error).strip().partition("\n")[0]
        words = first if len(first) <= _WORDS else f"{first[:_WORDS]}…"
        raise ModelError(f"ONNX Runtime can't run it: {words}") from None


def _given(values: Array, tensor: Tensor, layout: Layout, kind: str) -> Array:
    """An input of the graph as the file has it: real numbers, or integers of its own type."""
    places = values.reshape(layout.dims).transpose(np.argsort(layout.order)).reshape(layout.shape)
    if kind in _TYPES:
        if tensor.quantisation is not None:
            scheme = tensor.quantisation
            places = (places.astype(np.float32) - scheme.zero_point) * np.float32(scheme.scale)
        return np.ascontiguousarray(places, _TYPES[kind])
    if kind == "tensor(uint8)" and tensor.dtype == "int8":
        places = places.astype(np.int16) + 128
    return np.ascontiguousarray(places, kind.removeprefix("tensor(").removesuffix(")"))


def _as_ours(values: Array, tensor: Tensor, layout: Layout) -> Array:
    """An output of the file as the graph has it."""
    places = np.asarray(values).reshape(layout.shape).transpose(layout.order).reshape(tensor.shape)
    if tensor.dtype == "int8" and places.dtype.kind == "f":
        return quantise(places, tensor)
    if tensor.dtype == "int8" and places.dtype == np.uint8:
        places = places.astype(np.int16) - 128
    ours: Array = places.astype(tensor.dtype)
    return ours
