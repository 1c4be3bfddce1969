"""Networks of one operator each: every operator of TFLM's list, in each type that it has there."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinyflow.model.builder import GraphBuilder
from tinyflow.model.graph import Graph, Quantisation, Shape
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write

Q = Quantisation((0.05,), (3,))
Q16 = Quantisation((0.002,), (0,))
OTHER = Quantisation((0.11,), (-9,))
SHAPE = (1, 5, 4, 6)


@dataclass(frozen=True)
class Value:
    """A tensor: an activation, or a constant where it has values."""

    shape: Shape
    dtype: str = "int8"
    quantisation: Quantisation | None = None
    values: Any = None

    @property
    def scheme(self) -> Quantisation | None:
        """Its quantisation; one that every int8 tensor has where nothing is said."""
        return self.quantisation or {"int8": Q, "uint8": Q, "int16": Q16}.get(self.dtype)


def fixed(values: Any, dtype: str = "int32", quantisation: Quantisation | None = None) -> Value:
    """A constant."""
    return Value(np.shape(values), dtype, quantisation, values)


@dataclass(frozen=True)
class Case:
    """One operator. `reference`: who knows what it computes."""

    name: str
    inputs: tuple[Value, ...]
    outputs: tuple[Value, ...]
    options: dict[str, Any]
    note: str = ""
    reference: str = "tflm"

    def __str__(self) -> str:
        main = next((value for value in self.inputs if value.values is None), self.inputs[0])
        return " ".join(filter(None, (self.name, main.dtype, self.note)))

    def graph(self) -> Graph:
        """The network, as a reader gives it."""
        builder = GraphBuilder()
        read_here = []
        for number, value in enumerate(self.inputs):
            if value.values is None:
                read_here.append(builder.tensor(f"in{number}", value.shape, value.scheme, value.dtype))
                builder.inputs.append(read_here[-1])
            else:
                constant = builder.constant(f"c{number}", value.values, value.dtype, value.scheme)
                read_here.append(constant)
        made = [
            builder.tensor(f"out{number}", value.shape, value.scheme, value.dtype)
            for number, value in enumerate(self.outputs)
        ]
        builder.operator(self.name, read_here, made[0], **self.options)
        builder.operators[-1] = replace(builder.operators[-1], outputs=tuple(made))
        return read(write(builder.graph(made, self.name)))


def _moving(dtype: str) -> Iterator[Case]:
    """Operators that move elements, in one type."""

    def case(name: str, shape: Shape, *inputs: Value, note: str = "", by: str = "", **options: Any) -> Case:
        known = by or ("tflm" if dtype in _KNOWN.get(name, _ALL) else "litert")
        return Case(name, inputs, (Value(shape, dtype),), options, note, known)

    x, y = Value(SHAPE, dtype), Value((2, 3, 4), dtype)
    yield case("CONCATENATION", (1, 5, 8, 6), x, x, axis=-2)
    yield case("PACK", (2, 3, 3, 4), y, y, y, axis=1, values_count=3)
    three = [Value(SHAPE[:3], dtype)] * 6
    yield Case("UNPACK", (x,), tuple(three), {"axis": 3, "num": 6}, reference=_by("UNPACK", dtype))
    halves = (Value((1, 5, 2, 6), dtype),) * 2
    yield Case("SPLIT", (fixed(2), x), halves, {"num_splits": 2}, reference=_by("SPLIT", dtype))
    pieces = tuple(Value((1, n, 4, 6), dtype) for n in (1, 3, 1))
    sizes = (x, fixed([1, -1, 1]), fixed(1))
    yield Case("SPLIT_V", sizes, pieces, {"num_splits": 3}, reference=_by("SPLIT_V", dtype))
    around = [[0, 0], [1, 2], [0, 0], [1, 0]]
    yield case("PAD", (1, 8, 4, 7), x, fixed(around))
    yield case("PADV2", (1, 8, 4, 7), x, fixed(around), fixed(np.array(0x41 if dtype != "bool" else 1), dtype))
    yield case("MIRROR_PAD", (1, 8, 4, 8), x, fixed([[0, 0], [1, 2], [0, 0], [0, 2]]), mode="REFLECT")
    yield case("MIRROR_PAD", (4, 5, 8), y, fixed([[2, 0], [1, 1], [0, 4]]), mode="SYMMETRIC", note="symmetric")
    yield case("TRANSPOSE", (6, 1, 4, 5), x, fixed([3, 0, 2, 1]))
    yield case("SLICE", (1, 2, 4, 3), x, fixed([0, 1, 0, 2]), fixed([1, 2, -1, 3]))
    yield case(
        "STRIDED_SLICE",
        (2, 3, 6),
        x,
        fixed([0, 4, 1, 0]),
        fixed([0, 0, 9, 0]),
        fixed([1, -2, 1, 1]),
        begin_mask=0,
        end_mask=8,
        shrink_axis_mask=1,
    )
    yield case("GATHER", (2, 5, 4), y, fixed([2, 0, 1, 1, 2]), axis=1, batch_dims=0)
    yield case("GATHER", (2, 2, 4), y, fixed([[2, 0], [1, 1]]), axis=1, batch_dims=1, note="of batches")
    yield case("GATHER_ND", (3, 4), y, fixed([[1, 2], [0, 0], [1, 1]]))
    yield case("EMBEDDING_LOOKUP", (5, 3, 4), fixed([1, 0, 0, 1, 1]), y)
    yield case("TILE", (2, 3, 12, 2, 4)[1:4], Value((1, 6, 2), dtype), fixed([3, 2, 1]), by="litert")
    yield case("BROADCAST_TO", (2, 3, 5, 4), Value((3, 1, 4), dtype), fixed([2, 3, 5, 4]))
    yield case("REVERSE_V2", (2, 3, 4), y, fixed([1]))
    yield case("SPACE_TO_DEPTH", (1, 2, 3, 8), Value((1, 4, 6, 2), dtype), block_size=2)
    yield case("DEPTH_TO_SPACE", (1, 4, 6, 2), Value((1, 2, 3, 8), dtype), block_size=2)
    crops = fixed([[0, 1], [2, 0]])
    yield case("SPACE_TO_BATCH_ND", (6, 3, 2, 6), x, fixed([2, 3]), crops)
    yield case("BATCH_TO_SPACE_ND", (1, 5, 4, 6), Value((6, 3, 2, 6), dtype), fixed([2, 3]), crops)
    options = {"align_corners": False, "half_pixel_centers": True}
    yield case("RESIZE_NEAREST_NEIGHBOR", (1, 9, 7, 6), x, fixed([9, 7]), **options)
    yield case("FILL", (2, 3), fixed([2, 3]), Value((), dtype))
    yield case("ZEROS_LIKE", (2, 3, 4), y)
    yield case("SELECT_V2", (2, 3, 4), Value((2, 1, 4), "bool"), y, Value((3, 1), dtype))
    yield case("RESHAPE", (5, 24), x, fixed([5, 24]), new_shape=(5, 24))
    yield case("SQUEEZE", (5, 4, 6), x, squeeze_dims=(0,))
    yield case("EXPAND_DIMS", (2, 1, 3, 4), y, fixed(1))


# which nobody knows: what is moved is all the same
_NOBODY = {
    *(("ZEROS_LIKE", dtype) for dtype in ("int16", "bool")),
    *((name, "bool") for name in ("PACK", "SPLIT", "SPLIT_V")),
    *((name, dtype) for name in ("SPACE_TO_DEPTH", "DEPTH_TO_SPACE") for dtype in ("int16", "bool")),
    *(("DEPTH_TO_SPACE", dtype) for dtype in ("int32", "int64")),
    *((name, "int64") for name in ("UNPACK", "RESIZE_NEAREST_NEIGHBOR")),
}
_ALL = ("int8", "int16", "int32", "int64", "float32", "bool")
# of which types TFLM moves the elements, where not of all; LiteRT knows the others
_KNOWN = {
    "PACK": ("float32", "int8", "int16", "int32", "int64"),
    "UNPACK": ("float32", "int8", "int16", "int32"),
    "SPLIT": ("float32", "int8", "int16", "int32"),
    "SPLIT_V": ("float32", "int8", "int16", "int32"),
    "PAD": ("float32", "int8", "int16", "int32"),
    "PADV2": ("float32", "int8", "int16", "int32"),
    "MIRROR_PAD": ("float32", "int8"),
    "TRANSPOSE": ("float32", "int8", "int16"),
    "SLICE": ("float32", "int8", "int16", "int32", "bool"),
    "STRIDED_SLICE": ("float32", "int8", "int16", "int32", "bool"),
    "GATHER": ("float32", "int8"),
    "GATHER_ND": ("float32", "int8"),
    "EMBEDDING_LOOKUP": ("float32", "int8"),
    "SPACE_TO_DEPTH": ("float32", "int8"),
    "DEPTH_TO_SPACE": ("float32", "int8"),
    # TFLM pads with what its memory holds: https://github.com/tensorflow/tflite-micro, space_to_batch_nd.cc
    "SPACE_TO_BATCH_ND": (),
    "BATCH_TO_SPACE_ND": ("float32", "int8"),
    "RESIZE_NEAREST_NEIGHBOR": ("int8", "int16", "float32"),
    "EXPAND_DIMS": ("float32", "int8"),
    "FILL": ("float32", "int32", "int8"),
    "ZEROS_LIKE": ("float32", "int8", "int32", "int64"),
    "SELECT_V2": ("float32", "int8", "int16"),
}


def _by(name: str, dtype: str) -> str:
    return "tflm" if dtype in _KNOWN.get(name, _ALL) else "litert"


CASES = [case for dtype in _ALL for case in _moving(dtype) if (case.name, dtype) not in _NOBODY]
