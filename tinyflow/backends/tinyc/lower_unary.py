"""Operators of one activation, element by element or row by row: activations, SOFTMAX, QUANTIZE, DEQUANTIZE."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tinyc.steps import Operand, Step
from tinyflow.backends.tinynn.calls import Field
from tinyflow.backends.tinynn.packing import plain
from tinyflow.model.fixed_point import activation_range, rescaling_factor, sigmoid_scaling, softmax_scaling
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.weighted import whole

# of relu6(x + 3) in HARD_SWISH
_RELUISH_SCALE = 3 / 32768


def _step(operator: Operator, kernel: str, variant: str, fields: Mapping[str, Field]) -> list[Step]:
    source, output = Operand(operator.inputs[0]), Operand(operator.outputs[0])
    return [Step(operator.index, plain(variant, kernel, fields), (source,), output)]


def _operands(graph: Graph, operator: Operator) -> tuple[Tensor, ...]:
    """Input and output."""
    return tuple(graph.tensors[index] for index in (operator.inputs[0], operator.outputs[0]))


def _softmax(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    source = graph.tensors[operator.inputs[0]]
    beta = operator.options.get("beta", 1.0)
    assert isinstance(beta, float), "readers give a number"
    multiplier, left_shift, least = softmax_scaling(whole(source).scale, beta)
    fields = {
        "rows": source.elements // source.shape[-1],
        "columns": source.shape[-1],
        "multiplier": multiplier,
        "left_shift": left_shift,
        "least_difference": least,
    }
    return _step(operator, "softmax", variant, fields)


def _relu(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """RELU and QUANTIZE rescale; RELU6 of TFLM clamps the input's own integers."""
    source, output = _operands(graph, operator)
    given, made = whole(source), whole(output)
    if operator.name == "RELU6":
        made = given
    multiplier, shift = rescaling_factor(given.scale / made.scale)
    activation = "NONE" if operator.name == "QUANTIZE" else operator.name
    lowest, highest = activation_range(activation, made.scale, made.zero_point)
    fields = {
        "elements": output.elements,
        "input_zero_point": given.zero_point,
        "output_zero_point": made.zero_point,
        "multiplier": multiplier,
        "shift": shift,
        "lowest": lowest,
        "highest": highest,
    }
    return _step(operator, "requantise", variant, fields)


def _quantise(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """QUANTIZE from float32, or from int8 of another scale."""
    source, output = _operands(graph, operator)
    return _affine(operator, "quantise", variant, output) if not source.is_integer else _relu(graph, operator, variant)


def _dequantise(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    source, output = _operands(graph, operator)
    if output.dtype != "float32":
        raise Unsupported(f"{output.name} is {output.dtype}", "dequantise to float32")
    return _affine(operator, "dequantise", variant, source)


def _affine(operator: Operator, kernel: str, variant: str, tensor: Tensor) -> Iterable[Step]:
    scheme = whole(tensor)
    fields = {"elements": tensor.elements, "scale": scheme.scale, "zero_point": scheme.zero_point}
    return _step(operator, kernel, variant, fields)


def _sigmoid(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """LOGISTIC, TANH, as logistic_common.cc and tanh.cc of TFLM prepare them."""
    source, output = _operands(graph, operator)
    given = whole(source)
    multiplier, left_shift, radius = sigmoid_scaling(given.scale)
    fields = {
        "elements": output.elements,
        "input_zero_point": given.zero_point,
        "input_range_radius": radius,
        "multiplier": multiplier,
        "left_shift": left_shift,
    }
    return _step(operator, operator.name.lower(), variant, fields)


def _leaky_relu(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """The factors are quotients in float32: leaky_relu_common.cc of TFLM."""
    source, output = _operands(graph, operator)
    given, made = whole(source), whole(output)
    slope = operator.options["alpha"]
    assert isinstance(slope, float), "readers give a number"
    scale, alpha = np.float32(given.scale), np.float32(slope)
    if not alpha >= 0:
        raise Unsupported(f"a slope of {alpha} is not supported", "use one that is not negative")
    with np.errstate(all="ignore"):  # what leaves float32 is refused
        identity = rescaling_factor(float(scale / np.float32(made.scale)))
        below = rescaling_factor(float(scale * alpha / np.float32(made.scale)))
    fields = {
        "elements": output.elements,
        "input_zero_point": given.zero_point,
        "output_zero_point": made.zero_point,
        "identity_multiplier": identity[0],
        "identity_shift": identity[1],
        "alpha_multiplier": below[0],
        "alpha_shift": below[1],
    }
    return _step(operator, "leaky_relu", variant, fields)


def _hard_swish(graph: Graph, operator: Operator, variant: str) -> Iterable[Step]:
    """Scales are float32 here, multipliers of 16 bits: hard_swish_common.cc of TFLM."""
    source, output = _operands(graph, operator)
    given, made = whole(source), whole(output)
    with np.errstate(all="ignore"):
        fine = np.float32(1 / 128) * np.float32(given.scale)
        scaled = rescaling_factor(float(fine / np.float32(made.scale)))
        reluish = rescaling_factor(float(fine / np.float32(_RELUISH_SCALE)))
    if scaled[1] > 0:
        raise Unsupported("the output's scale is too small for its input's", "quantise with TFLite's converter")
    fields = {
        "elements": output.elements,
        "input_zero_point": given.zero_point,
        "output_zero_point": made.zero_point,
        "output_multiplier": _of_16_bits(scaled[0]),
        "output_shift": scaled[1],
        "reluish_multiplier": _of_16_bits(reluish[0]),
        "reluish_shift": reluish[1],
    }
    return _step(operator, "hard_swish", variant, fields)


def _of_16_bits(multiplier: int) -> int:
    """DownScaleInt32ToInt16Multiplier of TFLite's common.h."""
    return 2**15 - 1 if multiplier >= 2**31 - 1 - 2**15 else (multiplier + 2**15) >> 16


LOWERINGS: Mapping[str, Any] = {
    "SOFTMAX": _softmax,
    "RELU": _relu,
    "RELU6": _relu,
    "QUANTIZE": _quantise,
    "DEQUANTIZE": _dequantise,
    "LOGISTIC": _sigmoid,
    "TANH": _sigmoid,
    "LEAKY_RELU": _leaky_relu,
    "HARD_SWISH": _hard_swish,
}
