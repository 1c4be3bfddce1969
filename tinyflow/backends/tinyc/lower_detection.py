"""TFLite_Detection_PostProcess: all that is found at once, then each output's part of it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tinyflow.backends.programs.steps import ASIDE, Lowering, Operand, Step
from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tinynn.choice import plain
from tinyflow.model import detections
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators.detection import DETECTION
from tinyflow.model.operators.shapes import text


def _detect(graph: Graph, operator: Operator, variant: str) -> Iterator[Step]:
    fields = detections.fields_of(graph, operator)
    outputs = [graph.tensors[index] for index in operator.outputs]
    for tensor, shape in zip(outputs, detections.output_shapes(fields["most"]), strict=True):
        if (tensor.dtype, tensor.shape) != ("float32", shape):
            raise Unsupported(f"{tensor.name} is {text(tensor.shape)} {tensor.dtype}, not {text(shape)} float32")
    inputs = tuple(map(Operand, operator.inputs))
    size_bytes = sum(tensor.size_bytes for tensor in outputs)
    call = plain(variant, "detections", fields)
    yield Step(operator.index, call, inputs, Operand(ASIDE), aside_bytes=size_bytes)
    place = 0
    for tensor in outputs:
        copy = plain(variant, "copy", {"bytes": tensor.size_bytes})
        yield Step(operator.index, copy, (Operand(ASIDE, place),), Operand(tensor.index))
        place += tensor.size_bytes


# form → operator → lowering
LOWERINGS: Mapping[str, Mapping[str, Lowering]] = {form: {DETECTION: _detect} for form in ("float32", "uint8")}
