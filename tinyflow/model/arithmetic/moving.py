"""Which elements go where, for operators that move them."""

from __future__ import annotations

from typing import TypeVar

import numpy as np
import numpy.typing as npt

from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators.moving import slices
from tinyflow.model.weighted import integers

T = TypeVar("T", bound=np.generic)
MOVING = ("TRANSPOSE", "SLICE", "STRIDED_SLICE")


def moved(graph: Graph, operator: Operator, source: npt.NDArray[T]) -> npt.NDArray[T]:
    """An operator of MOVING: a view of an array shaped like the input, its axes of one element kept."""
    lists = [integers(graph.tensors[index]).reshape(-1).tolist() for index in operator.inputs[1:4]]
    if operator.name == "TRANSPOSE":
        transposed: npt.NDArray[T] = source.transpose(lists[0])
        return transposed
    if operator.name == "SLICE":
        begins, sizes = lists
        return source[tuple(slice(b, None if size < 0 else b + size) for b, size in zip(begins, sizes, strict=True))]
    return source[slices(operator.options, *lists)]


def nearest(operator: Operator, size: int, wanted: int) -> npt.NDArray[np.int32]:
    """The input index for each output index, in float32: GetNearestNeighbor of TFLite's resize_nearest_neighbor.h."""
    aligned, centred = operator.options["align_corners"], operator.options["half_pixel_centers"]
    scale = (
        np.float32(size - 1) / np.float32(wanted - 1)
        if aligned and wanted > 1
        else np.float32(size) / np.float32(wanted)
    )
    places = (np.arange(wanted, dtype=np.float32) + np.float32(0.5 if centred else 0)) * np.float32(scale)
    indices = np.floor(places + np.float32(0.5)) if aligned else np.floor(places)
    nearest: npt.NDArray[np.int32] = np.clip(indices, 0, size - 1).astype(np.int32)
    return nearest
