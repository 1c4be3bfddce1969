"""QDQ int8 ONNX to the graph that every backend takes: the float operators between DequantizeLinear and QuantizeLinear
become int8 operators of TFLite, NCHW becomes NHWC, and the quantised ends of the network become its inputs and outputs.

ONNX Runtime computes such a graph in float or requantises in float; ours is integer arithmetic throughout, so the two
may differ by steps of the last bit (`compare`).
"""

from __future__ import annotations

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph


def read_onnx(content: bytes) -> Graph:
    """The graph of an ONNX file. Raises ModelError naming the node that can't be taken, ToolError without `onnx`."""
    from tinyflow.model.onnx.importer import Importer
    from tinyflow.model.onnx.source import Source
    from tinyflow.model.tflite_reader import read
    from tinyflow.model.tflite_writer import write

    graph = Importer(Source(content)).imported()
    try:
        return read(write(graph))  # what is made of the file keeps the promises of any other, or nobody gets it
    except ModelError as error:
        what = f"it can't be made a .tflite file: {error.what}"
        raise ModelError(what, hint="export the model again") from None
