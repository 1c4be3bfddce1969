"""Conversions that undo each other: numbers that get another type, and then their own again."""

from __future__ import annotations

from dataclasses import replace

from tinyflow.model.graph import Graph, Quantisation, Tensor
from tinyflow.model.transforms.whole_operators import Reasons, reading

# The integers of a type, if all of them come back: of more bits, float32 loses some.
_RANGES = {"int8": (-128, 127), "uint8": (0, 255), "int16": (-32768, 32767)}


def cancel_pairs(graph: Graph) -> tuple[Graph, Reasons]:
    """A QUANTIZE behind a DEQUANTIZE or QUANTIZE that gives back the integers that there were, in their quantisation.

    By dequantize.h and quantize.h of TFLite: the product of a scale and an integer of 17 bits is rounded to float32,
    its quotient by the same scale is nearer than a quarter to the integer.
    """
    makers = {
        operator.outputs[0]: operator for operator in graph.operators if operator.name in ("QUANTIZE", "DEQUANTIZE")
    }
    stands_for: dict[int, int] = {}
    operators, outputs = [], frozenset(graph.outputs)
    for operator in graph.operators:
        operator = reading(operator, stands_for)
        maker = makers.get(operator.inputs[0]) if operator.name == "QUANTIZE" and operator.inputs else None
        if maker is not None and operator.outputs[0] not in outputs:
            source, between, output = (
                graph.tensors[index] for index in (maker.inputs[0], operator.inputs[0], operator.outputs[0])
            )
            if _comes_back(source, between) and _form(source) == _form(output) and not source.is_constant:
                stands_for[output.index] = stands_for.get(source.index, source.index)
                continue
        operators.append(operator)
    left = replace(graph, operators=tuple(operators)) if stands_for else graph
    return left, dict.fromkeys(stands_for, "what it makes was there before the conversion in front of it")


def _form(tensor: Tensor) -> tuple[object, ...]:
    return tensor.shape, tensor.dtype, _one_scale(tensor)


def _one_scale(tensor: Tensor) -> Quantisation | None:
    scheme = tensor.quantisation
    if tensor.dtype not in _RANGES or scheme is None or scheme.is_per_channel or not scheme.scale > 0:
        return None
    return replace(scheme, axis=0)


def _comes_back(source: Tensor, between: Tensor) -> bool:
    """Whether what is between tells all values of the source apart: float32, or the same steps from elsewhere on."""
    given, made = _one_scale(source), _one_scale(between)
    if given is None or between.dtype == "float32":
        return given is not None
    if made is None or made.scale != given.scale:
        return False
    moved = [bound - given.zero_point + made.zero_point for bound in _RANGES[source.dtype]]
    low, high = _RANGES[between.dtype]
    return low <= moved[0] and moved[1] <= high
