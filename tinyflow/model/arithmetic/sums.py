"""ADD_N and CUMSUM, int8: sums of inputs that are quantised alike."""

from __future__ import annotations

from tinyflow.model.fixed_point import ADD_LEFT_SHIFT, OutOfRange, rescaling_factor
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators.forms import quantisation_of


def constants_of(graph: Graph, operator: Operator) -> dict[str, int]:
    """As in struct tinynn_totals: add_n.cc and cumsum.cc of TFLM. ValueError for a factor of 1 and more."""
    *inputs, made = (
        quantisation_of(graph.tensors[index])
        for index in (*operator.inputs, *operator.outputs)
        if graph.tensors[index].dtype != "int32"
    )
    if len(set(inputs)) > 1:
        raise OutOfRange("inputs are quantised differently", "quantise with TFLite's converter")
    multiplier, shift = rescaling_factor(2 * inputs[0].scale / (2**ADD_LEFT_SHIFT * made.scale))
    if shift > 0:  # TFLM ends the program in QuantizeMultiplierSmallerThanOneExp
        raise OutOfRange(f"an output scale of {made.scale:g} is too small for the inputs' {inputs[0].scale:g}")
    return {
        "input_zero_point": inputs[0].zero_point,
        "output_zero_point": made.zero_point,
        "multiplier": multiplier,
        "shift": shift,
    }
