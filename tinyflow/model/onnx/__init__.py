"""ONNX to the graph that every backend takes: quantised networks as int8, others as float32, channels last.

Quantised are operators between DequantizeLinear and QuantizeLinear (QDQ), and those on integers (QOperator); the
quantised ends of a network become its inputs and outputs. ONNX Runtime computes these in float or requantises in float;
ours is integer arithmetic throughout, so the two may differ by steps of the last bit (`compare`).
"""

from __future__ import annotations

from typing import NamedTuple

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph
from tinyflow.model.onnx.layout import Layout


class Imported(NamedTuple):
    """A graph, and how each of its inputs and outputs lies, compared with what the file has."""

    graph: Graph
    inputs: tuple[Layout, ...]
    outputs: tuple[Layout, ...]


def read_onnx(content: bytes) -> Imported:
    """The graph of an ONNX file. Raises ModelError naming the node that can't be taken, ToolError without `onnx`."""
    from tinyflow.model.onnx.importer import Importer
    from tinyflow.model.onnx.source import Source
    from tinyflow.model.tflite_reader import read
    from tinyflow.model.tflite_writer import write

    graph, layouts = Importer(Source(content)).imported()
    try:
        made = read(write(graph))  # what is made of the file keeps the promises of any other, or nobody gets it
    except ModelError as error:
        what = f"it can't be made a .tflite file: {error.what}"
        raise ModelError(what, hint="export the model again") from None
    count = len(graph.inputs)
    return Imported(made, tuple(layouts[:count]), tuple(layouts[count:]))
