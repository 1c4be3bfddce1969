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
    yield case("RESHAPE", (1, 3, 2, 2, 5, 4), Value((3, 8, 10), dtype), fixed([1, 3, 2, 2, 5, 4]), note="to 6 axes")
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
    yield Case("SHAPE", (y,), (Value((3,), "int32"),), {"out_type": "INT32"}, reference="litert")


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


def _values(shape: Shape, low: int = -128, high: int = 127, seed: int = 3) -> Any:
    return np.random.default_rng(seed).integers(low, high + 1, shape)


def _named(name: str, inputs: tuple[Value, ...], output: Value, note: str = "", by: str = "", **options: Any) -> Case:
    return Case(name, inputs, (output,), options, note, by or "tflm")


_COMPARISONS = ("EQUAL", "NOT_EQUAL", "LESS", "LESS_EQUAL", "GREATER", "GREATER_EQUAL")
_ADDING = {"pot_scale_int16": False}


def _pairs() -> Iterator[Case]:
    """Operators of two inputs."""
    left, right = Value(SHAPE, quantisation=Q), Value((4, 1), quantisation=OTHER)
    scales = Quantisation((0.03,), (-20,))
    for name in _COMPARISONS:
        yield _named(name, (left, right), Value(SHAPE, "bool"))
        for dtype in ("int32", "int64", "float32"):
            other = fixed(_values((5, 1, 1)), dtype)
            yield _named(name, (Value(SHAPE, dtype), other), Value(SHAPE, "bool"))
    for name in ("EQUAL", "NOT_EQUAL", "LOGICAL_AND", "LOGICAL_OR"):
        yield _named(name, (Value(SHAPE, "bool"), Value((1, 6), "bool")), Value(SHAPE, "bool"))
    yield _named("LOGICAL_NOT", (Value(SHAPE, "bool"),), Value(SHAPE, "bool"))
    for name in ("ADD", "SUB", "MUL", "DIV"):
        pot = _ADDING if name in ("ADD", "SUB") else {}
        numbers = fixed(_values((4, 6), 1, 50), "int32")
        yield _named(name, (Value(SHAPE, "int32"), numbers), Value(SHAPE, "int32"), **pot)
        activation = {} if name == "ADD" else {"activation": "RELU6"}
        if name != "DIV":  # by 0
            yield _named(name, (Value(SHAPE, "int32"),) * 2, Value(SHAPE, "int32"), "alike", **pot, **activation)
    for name in ("FLOOR_DIV", "FLOOR_MOD"):
        signed = fixed(_values((4, 6), 1, 50) * np.resize([1, -1], (4, 6)), "int32")
        yield _named(name, (Value(SHAPE, "int32"), signed), Value(SHAPE, "int32"), by="litert")
    yield _named("DIV", (left, fixed(_values((6,), 3, 127), "int8", Q)), Value(SHAPE, quantisation=scales), by="tflm")
    negative = fixed(_values((5, 4, 6), -128, 1), "int8", Q)
    # of coarser quotients TFLM shifts by 32 places and more, which C leaves open
    fine = Value(SHAPE, quantisation=Quantisation((0.01,), (-9,)))
    yield _named("DIV", (left, negative), fine, "negative", activation="RELU")
    yield _named("SQUARED_DIFFERENCE", (left, right), Value(SHAPE, quantisation=OTHER))
    yield _named("SQUARED_DIFFERENCE", (Value(SHAPE, "int32"), Value((6,), "int32")), Value(SHAPE, "int32"))
    slopes = fixed(_values((1, 1, 6)), "int8", Quantisation((0.01,), (5,)))
    yield _named("PRELU", (left, slopes), Value(SHAPE, quantisation=OTHER))
    for name in ("MINIMUM", "MAXIMUM"):
        for dtype in ("int8", "int32", "int64"):
            yield _named(name, (Value(SHAPE, dtype), Value((6,), dtype)), Value(SHAPE, dtype))
    for name in ("ADD", "SUB", "MUL"):
        pot = _ADDING if name in ("ADD", "SUB") else {}
        yield _named(name, (left, right), Value(SHAPE, quantisation=scales), **pot)
    yield _named("ADD_N", (left, left, left), Value(SHAPE, quantisation=OTHER))
    yield _named("ADD_N", (Value(SHAPE, "float32"),) * 3, Value(SHAPE, "float32"))


def _functions() -> Iterator[Case]:
    """Functions of single numbers."""
    x = Value(SHAPE, quantisation=Q)
    yield _named("ABS", (x,), Value(SHAPE, quantisation=OTHER))
    yield _named("ABS", (x,), Value(SHAPE, quantisation=Q), "in its own scale")
    positive = Value(SHAPE, quantisation=Quantisation((0.02,), (-128,)))
    yield _named("RSQRT", (positive,), Value(SHAPE, quantisation=Quantisation((0.05,), (-128,))))
    yield _named("ELU", (x,), Value(SHAPE, quantisation=Quantisation((0.03,), (-90,))))
    yield _named("LOG_SOFTMAX", (Value((3, 11), quantisation=OTHER),), Value((3, 11), quantisation=_LOGS))
    yield _named("LOG_SOFTMAX", (Value((2, 300), quantisation=Q),), Value((2, 300), quantisation=_LOGS), "long")
    unit = Quantisation((1 / 128,), (0,))
    yield _named("L2_NORMALIZATION", (x,), Value(SHAPE, quantisation=unit))
    known = ("int8", "int16", "int32", "float32")
    for dtype in (*known, "bool", "uint8", "int64", "uint32"):
        for made in (*known, "uint8", "int64", "bool", "uint32"):
            # float32 of 2^31 and more, and what is below 0 in uint8, is anybody's guess
            unclear = dtype == "float32" and made in ("int8", "int16", "uint8", "uint32")
            if dtype != made and not unclear:
                by = "tflm" if made in known and dtype not in ("uint8", "int64", "uint32") else "litert"
                types = {"in_data_type": dtype.upper(), "out_data_type": made.upper()}
                yield _named("CAST", (Value(SHAPE, dtype),), Value(SHAPE, made), f"to {made}", by, **types)


_LOGS = Quantisation((16 / 256,), (127,))


def _axes() -> Iterator[Case]:
    """Reductions, and what goes along an axis."""
    x = Value(SHAPE, quantisation=Q)
    yield _named("MEAN", (x, fixed([1, 3])), Value((1, 4), quantisation=OTHER))
    yield _named("SUM", (x, fixed([2])), Value((1, 5, 6), quantisation=OTHER))
    yield _named("SUM", (x, fixed([0, 1, 2, 3])), Value((), quantisation=Quantisation((3.0,), (7,))), "of all")
    for name in ("REDUCE_MAX", "REDUCE_MIN"):
        yield _named(name, (x, fixed([1, 2])), Value((1, 1, 1, 6)), keep_dims=True)
        yield _named(name, (x, fixed([-1, 1])), Value((1, 4)), "of channels")
    yield _named("REDUCE_ALL", (Value((2, 3, 2), "bool"), fixed([1])), Value((2, 2), "bool"))
    for name in ("ARG_MAX", "ARG_MIN"):
        for dtype in ("int8", "float32"):
            for axis in (-1, 1):
                shape = (1, 5, 4) if axis < 0 else (1, 4, 6)
                inputs = (Value(SHAPE, dtype), fixed(np.array(axis)))
                yield _named(name, inputs, Value(shape, "int32"), f"axis {axis}", output_type="INT32")
        wide = {"output_type": "INT64"}
        yield _named(name, (x, fixed(np.array(3))), Value((1, 5, 4), "int64"), "wide", "litert", **wide)
    for exclusive in (False, True):
        for reverse in (False, True):
            how = {"exclusive": exclusive, "reverse": reverse}
            note = " ".join(option for option, is_so in how.items() if is_so)
            yield _named("CUMSUM", (Value(SHAPE, "float32"), fixed(np.array(1))), Value(SHAPE, "float32"), note, **how)
            yield _named("CUMSUM", (x, fixed(np.array(2))), Value(SHAPE, quantisation=OTHER), note, **how)


def _weighted() -> Iterator[Case]:
    """Sums of products."""
    x = Value(SHAPE, quantisation=Q)
    per_channel = Quantisation((0.01, 0.02, 0.005), (0, 0, 0))
    weights = fixed(_values((3, 3, 2, 6)), "int8", per_channel)
    bias = fixed(_values((3,), -3000, 3000), "int32", Quantisation((0.001,) * 3, (0, 0, 0)))
    for padding, shape in (("SAME", (1, 10, 12, 3)), ("VALID", (1, 11, 12, 3))):
        out = Value(shape, quantisation=Quantisation((0.4,), (9,)))
        how = {"padding": padding, "stride": (2, 3)}
        yield _named("TRANSPOSE_CONV", (fixed(list(shape)), weights, x, bias), out, padding, **how)
    out = Value((1, 5, 4, 3), quantisation=Quantisation((0.4,), (9,)))
    yield _named("TRANSPOSE_CONV", (fixed([1, 5, 4, 3]), weights, x), out, "no bias", padding="SAME", stride=(1, 1))
    for stride, kernel in (((2, 2), (2, 2)), ((2, 2), (3, 3)), ((2, 2), (4, 4)), ((3, 1), (2, 5)), ((5, 3), (2, 2))):
        shape = (2, 4 * stride[0], 5 * stride[1], 3)
        some = fixed(_values((3, *kernel, 4)), "int8", per_channel)
        out = Value(shape, quantisation=Quantisation((0.4,), (9,)))
        note = f"{stride[0]}x{stride[1]} by {kernel[0]}x{kernel[1]}"
        inputs = (fixed(list(shape)), some, Value((2, 4, 5, 4), quantisation=Q), bias)
        yield _named("TRANSPOSE_CONV", inputs, out, note, padding="SAME", stride=stride)
    for aligned, centred in ((False, False), (True, False), (False, True)):
        options = {"align_corners": aligned, "half_pixel_centers": centred}
        note = " ".join(option for option, is_so in options.items() if is_so)
        for size in ((9, 7), (3, 2)):
            made = Value((1, *size, 6))
            yield _named("RESIZE_BILINEAR", (x, fixed(list(size))), made, f"{note} {size[0]}".strip(), **options)
    out = Quantisation((0.3,), (4,))
    for left, right in (((2, 3, 4), (2, 4, 5)), ((2, 3, 4), (4, 5)), ((1, 2, 3, 4), (3, 1, 4, 5))):
        shape = (*np.broadcast_shapes(left[:-2], right[:-2]), 3, 5)
        for adj_x in (False, True):
            for adj_y in (False, True):
                a = Value(left[:-2] + (left[-2:][::-1] if adj_x else left[-2:]), quantisation=Q)
                b = Value(right[:-2] + (right[-2:][::-1] if adj_y else right[-2:]), quantisation=OTHER)
                how = {"adj_x": adj_x, "adj_y": adj_y}
                note = f"{len(left)} {len(right)} {adj_x:d}{adj_y:d}"
                yield _named("BATCH_MATMUL", (a, b), Value(shape, quantisation=out), note, **how)
    rows, computed = Value((2, 6), quantisation=Q), Value((3, 6), quantisation=Quantisation((0.02,), (0,)))
    made = Value((2, 3), quantisation=Quantisation((0.1,), (4,)))
    yield _named("FULLY_CONNECTED", (rows, computed), made, "computed weights")
    shifted = fixed(_values((3, 6)), "int8", Quantisation((0.02,), (11,)))
    single = fixed(_values((3,), -3000, 3000), "int32", Quantisation((0.001,), (0,)))
    yield _named("FULLY_CONNECTED", (rows, shifted, single), made, "weights with a zero point", activation="RELU")


CASES = [
    *(case for dtype in _ALL for case in _moving(dtype) if (case.name, dtype) not in _NOBODY),
    *_pairs(),
    *_functions(),
    *_axes(),
    *_weighted(),
]
