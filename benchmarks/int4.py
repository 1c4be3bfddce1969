"""`python benchmarks/int4.py IN.tflite OUT.tflite` writes a network of int8 weights with weights of int4.

They are as coarse as four bits are, so its outputs are others; shapes, activations and biases stay. For what flash and
instructions weights of four bits take.
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np

from tinyflow.model.graph import Graph, Quantisation, Tensor
from tinyflow.model.operators import WEIGHTED
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.weighted import constant_bytes, constant_values

_STEP = 16


def of_four_bits(graph: Graph) -> Graph:
    """The same graph, its constant int8 weights in steps of sixteen, and biases with them."""
    tensors = list(graph.tensors)
    for operator in graph.operators:
        if operator.name in WEIGHTED and _is_symmetric(graph.tensors[operator.inputs[1]]):
            for index, dtype in zip(operator.inputs[1:], ("int4", "int32"), strict=False):
                if index >= 0:
                    tensors[index] = _coarse(graph.tensors[index], dtype)
    return replace(graph, tensors=tuple(tensors))


def _is_symmetric(weights: Tensor) -> bool:
    scheme = weights.quantisation
    return weights.dtype == "int8" and weights.is_constant and scheme is not None and not any(scheme.zero_points)


def _coarse(tensor: Tensor, dtype: str) -> Tensor:
    values, scheme = np.rint(constant_values(tensor) / _STEP), tensor.quantisation
    data = constant_bytes(np.clip(values, -8, 7).astype(np.int8) if dtype == "int4" else values, dtype)
    wider = scheme and Quantisation(tuple(_STEP * scale for scale in scheme.scales), scheme.zero_points, scheme.axis)
    return replace(tensor, dtype=dtype, quantisation=wider, data=data)


if __name__ == "__main__":
    source, made = map(Path, sys.argv[1:])
    made.write_bytes(write(of_four_bits(read(source.read_bytes(), source.name))))
