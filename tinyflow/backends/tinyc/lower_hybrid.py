"""float32 with weights of int8, which TFLite calls hybrid: activations are quantised as they come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinyflow.backends.arrays import Constant
from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tinynn.calls import Call
from tinyflow.backends.tinynn.choice import plain
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.weighted import constant_values


def hybrid(graph: Graph, operator: Operator, variant: str, fields: Mapping[str, Any]) -> Call:
    """A convolution or dense layer; `fields` are those of its float32 kernel but for weights.

    LiteRT takes the range of a batch as symmetric where weights have one scale, unless a dense layer says otherwise.
    """
    weights = graph.tensors[operator.inputs[1]]
    scheme, outputs = weights.quantisation, fields["output_channels"]
    if not weights.is_constant or scheme is None or any(scheme.zero_points):
        raise Unsupported(f"{weights.name} is not constant and symmetric", "convert with TFLite's converter")
    values = constant_values(weights)
    if operator.name == "DEPTHWISE_CONV_2D":
        values = np.moveaxis(values, -1, 0)
    is_asymmetric = operator.options.get("asymmetric_quantize_inputs", len(scheme.scales) > 1)
    return plain(
        variant,
        "hybrid",
        {
            **{name: value for name, value in fields.items() if name != "depth_multiplier"},
            "groups": fields.get("groups", fields["input_channels"]),
            "weights": Constant(np.ascontiguousarray(values).reshape(-1)),
            "scales": Constant(np.broadcast_to(np.array(scheme.scales, np.float32), outputs).copy()),
            "is_symmetric": int(not is_asymmetric),
        },
    )
