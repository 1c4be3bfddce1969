"""Exact transforms: a graph in; a graph that computes the same, and the record of what was changed, out.

A transform is a function of a graph, and of parameters of its own, that gives a `Change`: `shrink` and `cut` are some.
Their records have one form (`record`), whatever was done.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinyflow.model import tflite_reader, tflite_writer
from tinyflow.model.transforms.record import Change

Transform = Callable[..., Change]


def transformed(model: bytes, transform: Transform, **parameters: Any) -> tuple[bytes, dict[str, Any]]:
    """The bytes of a `.tflite` file as a transform leaves them, and its record. Raises ModelError for a damaged model.

    A model in which nothing changes keeps its bytes, so that what follows is shared with benches without the transform.
    """
    change = transform(tflite_reader.read(model, "model.tflite"), **parameters)
    return tflite_writer.write(change.graph) if change.has_effect else model, change.record()
