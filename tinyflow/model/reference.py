"""What a network must compute: inputs for it, and outputs of the interpreters that define it.

TFLM's reference kernels (`tflite_micro`) are the oracle, since their arithmetic is the chips'; LiteRT's BUILTIN_REF
kernels are the second opinion, and the only one where that wheel does not exist. See `oracle` for their order.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import numpy as np

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Tensor
from tinyflow.model.interpreters import Array
from tinyflow.model.interpreters import Sample as Sample  # what its functions take and give
from tinyflow.model.made_samples import made_sample


def numpy_dtype(tensor: Tensor) -> np.dtype[Any]:
    """Little-endian elements of a tensor; ModelError for a type that numpy has not."""
    try:
        dtype: np.dtype[Any] = np.dtype(tensor.dtype).newbyteorder("<")
        return dtype
    except TypeError:
        raise ModelError(f"{tensor.name} holds {tensor.dtype} values, which no sample can hold") from None


def largest_difference(expected: Sequence[Sample], got: Sequence[Sample]) -> float:
    """The largest absolute difference of any two outputs; an int where outputs are integers."""
    pairs = ((a, b) for one, other in zip(expected, got, strict=True) for a, b in zip(one, other, strict=True))
    return max(_distance(a, b) for a, b in pairs)


def _distance(a: Array, b: Array) -> float:
    wide = np.float64 if a.dtype.kind == "f" else np.int64
    distance: float = np.abs(a.astype(wide) - b.astype(wide)).max().item()
    return distance


def make_inputs(
    graph: Graph, count: int, seed: int, real_samples: Sequence[bytes] = (), input_format: str | None = None
) -> list[Sample]:
    """At least `count` samples: all real ones first, then seeded ones that are made up (`made_samples`).

    A real sample holds all graph inputs one after the other, as `input_format` says: `float32` real values
    (little-endian), `uint8` pixels whose real value is the number, `int8` or None the model's own bytes. Raises
    ModelError for a sample of the wrong size.
    """
    inputs = [graph.tensors[index] for index in graph.inputs]
    samples = [_real_sample(inputs, content, i, input_format) for i, content in enumerate(real_samples)]
    return samples + [made_sample(graph, seed, number) for number in range(count - len(samples))]


def _real_sample(inputs: Sequence[Tensor], content: bytes, number: int, input_format: str | None) -> Sample:
    is_real = input_format in ("float32", "uint8")
    given = [np.dtype(input_format).newbyteorder("<") if is_real else numpy_dtype(tensor) for tensor in inputs]
    sizes = [tensor.elements * dtype.itemsize for tensor, dtype in zip(inputs, given, strict=True)]
    if len(content) != sum(sizes):
        raise ModelError(
            f"sample {number} has {len(content)} bytes, not {sum(sizes)}",
            hint="`samples.format` in the recipe says float32, uint8 or int8",
        )
    arrays, stream = [], BytesIO(content)
    for tensor, dtype, size in zip(inputs, given, sizes, strict=True):
        values = np.frombuffer(stream.read(size), dtype).reshape(tensor.shape)
        arrays.append(quantise(values, tensor) if is_real else values)
    return tuple(arrays)


def quantise(real: Array, tensor: Tensor) -> Array:
    """Real values as the integers of a tensor, half away from zero and clamped; unchanged for a float tensor.

    TFLite's AffineQuantize (tensorflow/lite/kernels/internal/reference/quantize.h): the quotient is a float32.
    """
    dtype = numpy_dtype(tensor)
    if not tensor.is_integer:
        return real.astype(dtype)
    if tensor.quantisation is None or tensor.quantisation.is_per_channel:
        raise ModelError(f"{tensor.name} has no single scale, so real samples can't be turned into {tensor.dtype}")
    quotient = (real.astype(np.float32) / np.float32(tensor.quantisation.scale)).astype(np.float64)
    rounded = np.trunc(quotient + np.copysign(0.5, quotient)) + tensor.quantisation.zero_point
    limits = np.iinfo(dtype)
    integers: Array = np.clip(rounded, limits.min, limits.max).astype(dtype)
    return integers
