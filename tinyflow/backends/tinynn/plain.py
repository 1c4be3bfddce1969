"""Kernels without weights: fields that are made from ref's, and the scratch that each counts on."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import numpy.typing as npt

from tinyflow.backends.tinynn.calls import WORD_BYTES, Constant, Field
from tinyflow.backends.tinynn.layer import Fields, Layer
from tinyflow.backends.tinynn.layouts import rounded_up
from tinyflow.model.arithmetic import unary
from tinyflow.model.arithmetic.exponential import exponentials_of


def table_of(operator: str) -> Callable[[Layer], Mapping[str, Field]]:
    """An operator on one int8 value as the table of its results."""
    result = unary.RESULTS["QUANTIZE" if operator == "requantise" else operator.upper()]
    return lambda layer: table_fields(result(layer.fields, unary.VALUES), layer.fields["elements"])


def table_fields(table: npt.NDArray[np.int64], elements: int) -> Mapping[str, Field]:
    """Any function of one int8 value, as the table of its results for -128 … 127."""
    return {"table": Constant(table.astype(np.int8), alignment=1), "elements": elements}


def exponentials(layer: Layer) -> Mapping[str, Field]:
    """SOFTMAX with a table of the exponentials of differences 0 … -255: src/c/softmax_table.c."""
    sizes = {name: layer.fields[name] for name in ("rows", "columns")}
    scaling = (layer.fields[name] for name in ("multiplier", "left_shift", "least_difference"))
    table = exponentials_of(-np.arange(256, dtype=np.int64), *scaling)
    return {"exponentials": Constant(table.astype(np.int32)), **sizes}


def groups_of_axes(fields: Fields) -> list[int]:
    """Sizes of axes, neighbours made one where MEAN reduces both or neither; the first is not reduced."""
    groups: list[tuple[int, int]] = [(0, 1)]
    for size, is_reduced in zip(fields["shape"], fields["reduced"], strict=True):
        if size > 1 and groups[-1][0] == is_reduced:
            groups[-1] = is_reduced, groups[-1][1] * size
        elif size > 1:
            groups.append((is_reduced, size))
    return [size for _, size in groups]


def middle_axis(layer: Layer) -> Mapping[str, Field]:
    """MEAN over the middle one of three axes."""
    sizes = groups_of_axes(layer.fields)
    shape = (1, 1, *sizes, *[1] * (3 - len(sizes)))
    return {**layer.fields, "shape": shape, "reduced": (0, 0, 0, 1, 0)}


def words_of_channels(fields: Fields) -> int:
    """The sums of one pixel."""
    return WORD_BYTES * int(fields["channels"])


def halfwords_of_channels(fields: Fields) -> int:
    """The sums of one pixel, in 16 bits, vectors filled up."""
    return 2 * rounded_up(fields["channels"], 8)


def words_of_columns(fields: Fields) -> int:
    """The exponentials of one row."""
    return WORD_BYTES * int(fields["columns"])


def widened_inputs(fields: Fields) -> int:
    """Inputs in 16 bits, as many as there is room for, in groups of eight."""
    return 2 * (int(fields["widened"]) & ~7)
