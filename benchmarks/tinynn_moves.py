"""Operators that move bytes as one-operator networks: PAD, TRANSPOSE, slices, CONCATENATION, SPLIT, resizing.

Their structs are what the code generator makes. Of operators with a call for each part, a case is the last part's.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
from tinynn_cases import Case, Generator, one_operator, random_int8

from tinyflow.backends.programs.steps import Step
from tinyflow.backends.tinyc.lowering import lower_operator
from tinyflow.model.graph import Quantisation, Tensor
from tinyflow.model.operators import describe

Shape = tuple[int, ...]
_Q = Quantisation((0.05,), (-7,))


def _int8(index: int, shape: Shape) -> Tensor:
    return Tensor(index, f"tensor{index}", shape, "int8", _Q)


def _numbers(index: int, values: Any) -> Tensor:
    array = np.array(values, "<i4")
    return Tensor(index, f"numbers{index}", array.shape, "int32", None, array.tobytes())


def _case(
    generator: Generator, name: str, operator: str, version: int, inputs: Sequence[Tensor], shape: Shape, **options: Any
) -> Case:
    graph = one_operator(
        operator, version, inputs, (shape, "int8", _Q), {**describe(operator).default_options, **options}
    )

    def step(variant: str) -> Step:
        return lower_operator(graph, graph.operators[0], variant)[-1]

    last = [tensor for tensor in inputs if not tensor.is_constant][-1]
    values = random_int8(generator, last.shape)
    return Case(
        name,
        graph,
        lambda variant: step(variant).call,
        (values,),
        read=lambda variant: (values.reshape(-1)[step(variant).inputs[0].offset_bytes :],),
    )


def _text(shape: Shape) -> str:
    return "x".join(map(str, shape))


def pad(generator: Generator, shape: Shape, before: Shape, after: Shape) -> Case:
    """PAD by the zero point."""
    output = tuple(map(sum, zip(shape, before, after, strict=True)))
    amounts = _numbers(1, list(zip(before, after, strict=True)))
    name = f"pad {_text(shape)} → {_text(output)}"
    return _case(generator, name, "PAD", 1, [_int8(0, shape), amounts], output)


def transpose(generator: Generator, shape: Shape, order: Shape) -> Case:
    """TRANSPOSE."""
    output = tuple(shape[axis] for axis in order)
    name = f"transpose {_text(shape)} → {_text(output)}"
    return _case(generator, name, "TRANSPOSE", 2, [_int8(0, shape), _numbers(1, order)], output)


def strided_slice(generator: Generator, shape: Shape, begin: Shape, end: Shape, step: Shape) -> Case:
    """STRIDED_SLICE without masks."""
    parts = tuple(slice(*part) for part in zip(begin, end, step, strict=True))
    output = np.empty(shape, np.int8)[parts].shape
    inputs = [_int8(0, shape), *(_numbers(i + 1, values) for i, values in enumerate((begin, end, step)))]
    name = f"strided slice {_text(shape)} → {_text(output)}"
    return _case(generator, name, "STRIDED_SLICE", 2, inputs, output)


def concatenation(generator: Generator, shapes: Sequence[Shape], axis: int) -> Case:
    """CONCATENATION: the call for the last input."""
    joined = list(shapes[0])
    joined[axis] = sum(shape[axis] for shape in shapes)
    inputs = [_int8(i, shape) for i, shape in enumerate(shapes)]
    name = f"concatenation, {_text(shapes[-1])} into {_text(tuple(joined))}"
    return _case(generator, name, "CONCATENATION", 2, inputs, tuple(joined), axis=axis)


def split(generator: Generator, shape: Shape, parts: int, axis: int) -> Case:
    """SPLIT: the call for one part, as if it had no others."""
    piece = tuple(size // parts if i == axis else size for i, size in enumerate(shape))
    name = f"split, {_text(piece)} out of {_text(shape)}"
    return _case(generator, name, "SPLIT", 2, [_numbers(0, axis), _int8(1, shape)], piece, num_splits=parts)


def resize_nearest(generator: Generator, shape: Shape, height: int, width: int) -> Case:
    """RESIZE_NEAREST_NEIGHBOR."""
    output = (shape[0], height, width, shape[3])
    name = f"resize nearest {_text(shape)} → {_text(output)}"
    inputs = [_int8(0, shape), _numbers(1, (height, width))]
    return _case(generator, name, "RESIZE_NEAREST_NEIGHBOR", 2, inputs, output)


def moved_bytes(case: Case) -> int:
    """Bytes that the case's call writes: fewer than its output has where there are several calls."""
    call = case.call("ref")
    if call.struct == "tinynn_copy_rows":
        return int(call.fields["rows"]) * int(call.fields["bytes"])  # type: ignore[call-overload]
    output = case.graph.tensors[case.graph.outputs[0]]
    return math.prod(output.shape) * np.dtype(output.dtype).itemsize
