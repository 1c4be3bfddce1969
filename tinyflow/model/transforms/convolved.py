"""FULLY_CONNECTED as CONV_2D of one pixel: the same sums, rounded as LiteRT's reference kernels do there."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators import describe
from tinyflow.model.transforms.tidy.editing import Editing, edit


def convolved(graph: Graph) -> Graph:
    """The graph with its int8 layers of constant weights in place; tensors keep their indices."""
    return edit(graph, "", _convolution, "FULLY_CONNECTED")[0]


def _convolution(editing: Editing, operator: Operator) -> Iterator[Operator]:
    """[n, k] becomes n pictures of one pixel and k channels."""
    read = [editing.tensors[index] if index >= 0 else None for index in operator.inputs]
    source, weights = read[:2]
    written = editing.tensors[operator.outputs[0]]
    if source is None or weights is None or not weights.is_constant:
        return
    if {source.dtype, weights.dtype, written.dtype} != {"int8"}:
        return
    outputs, inputs = weights.shape
    batches = math.prod(source.shape) // inputs
    pixels = editing.add(source, shape=(batches, 1, 1, inputs))
    kernel = editing.add(weights, shape=(outputs, 1, 1, inputs))
    sums = editing.add(written, shape=(batches, 1, 1, outputs))
    options = {"padding": "VALID", "stride": (1, 1), "dilation": (1, 1), "activation": operator.options["activation"]}
    inner = (pixels, kernel, *operator.inputs[2:])
    yield _reshaped(editing, operator.inputs[0], pixels)
    yield Operator(0, "CONV_2D", describe("CONV_2D").versions[0], inner, (sums,), options)
    yield _reshaped(editing, sums, operator.outputs[0])


def _reshaped(editing: Editing, source: int, target: int) -> Operator:
    shape = editing.tensors[target].shape
    like = replace(editing.tensors[target], name="shape", dtype="int32", quantisation=None)
    numbers = editing.constant(like, np.array(shape))
    return Operator(0, "RESHAPE", describe("RESHAPE").versions[0], (source, numbers), (target,), {"new_shape": shape})
