"""TFLite_Detection_PostProcess: what its options say, and the shapes of its outputs, which files leave open.

tensorflow/lite/kernels/detection_postprocess.cc
"""

from __future__ import annotations

import math
from contextlib import suppress
from dataclasses import replace
from typing import Any

import numpy.typing as npt

from tinyflow.model.custom_options import numbers, values
from tinyflow.model.graph import Graph, Operator, Shape, Tensor
from tinyflow.model.operators.detection import DETECTION
from tinyflow.model.operators.forms import scheme_of

Array = npt.NDArray[Any]

# detections, more than any network has
_MOST = 1 << 16
# detections of a class where nothing else is said
_PER_CLASS = 100
_INPUTS = ("encodings", "scores", "anchors")
_SCALES = ("y_scale", "x_scale", "h_scale", "w_scale")


def with_shapes(graph: Graph) -> Graph:
    """The graph with the shapes that both interpreters give the outputs of such operators, whatever the file says."""
    tensors = list(graph.tensors)
    for operator in graph.operators:
        most = _most(operator) if operator.name == DETECTION else 0
        if most and len(operator.outputs) == len(output_shapes(most)):
            for index, shape in zip(operator.outputs, output_shapes(most), strict=True):
                tensors[index] = replace(tensors[index], shape=shape)
    return replace(graph, tensors=tuple(tensors)) if tensors != list(graph.tensors) else graph


def without_leftovers(graph: Graph, found: dict[int, Array]) -> dict[int, Array]:
    """Tensors by their indices, as an interpreter has them; zeros where it left what lay there before.

    Of boxes, classes and scores, only those that were found are written.
    """
    for operator in graph.operators:
        if operator.name == DETECTION and operator.outputs[-1] in found:
            count = int(found[operator.outputs[-1]].item())
            for index in operator.outputs[:-1]:
                if index in found:
                    found[index][:, count:] = 0
    return found


def tflm_bytes(graph: Graph) -> int:
    """What TFLM's kernel asks for besides tensors: lists of all boxes for each detection and each class."""
    found = 0
    for operator in graph.operators:
        if operator.name == DETECTION:
            _, boxes, columns = graph.tensors[operator.inputs[1]].shape
            found += 4 * boxes * (2 * columns + 5 * min(_most(operator), boxes) + 8)
    return found


def _most(operator: Operator) -> int:
    """Its detections; 0 where that can't be."""
    with suppress(ValueError):
        most = numbers(operator, "max_detections")["max_detections"]
        return most if 0 < most <= _MOST else 0
    return 0


def output_shapes(most: int) -> tuple[Shape, ...]:
    """Of boxes, classes, scores and their number, where no box has several classes."""
    return (1, most, 4), (1, most), (1, most), (1,)


def fields_of(graph: Graph, operator: Operator) -> dict[str, Any]:
    """Of struct tinynn_detections. ValueError for options that aren't there or say what can't be."""
    options = {"detections_per_class": _PER_CLASS, "use_regular_nms": 0, **values(operator)}
    numbers(operator, "max_detections", "max_classes_per_detection", "num_classes")
    encodings, scores = (graph.tensors[index].shape for index in operator.inputs[:2])
    most, classes, per_class, by_class = (
        options[name] for name in ("max_detections", "num_classes", "detections_per_class", "use_regular_nms")
    )
    reals = [float(options.get(name, math.nan)) for name in (*_SCALES, "nms_score_threshold", "nms_iou_threshold")]
    if options["max_classes_per_detection"] != 1:
        raise ValueError(f"it has {options['max_classes_per_detection']} classes for each detection, not one")
    if not all(map(math.isfinite, reals)) or 0 in reals[:4] or not 0 < reals[5] <= 1:
        raise ValueError(f"its scales and thresholds are {', '.join(f'{real:g}' for real in reals)}")
    if not (most > 0 and per_class > 0 and classes <= scores[2] <= classes + 1):
        raise ValueError(f"it has {most} detections of {classes} classes by {scores[2]} scores")
    return {
        **{"boxes": encodings[1], "coordinates": encodings[2], "columns": scores[2], "classes": int(classes)},
        **{"most": int(most), "most_taken": int(min(per_class if by_class else most, encodings[1]))},
        **{"is_by_class": int(by_class), "least_score": reals[4], "most_overlap": reals[5]},
        "scales": tuple(reals[:4]),
        **{name: _reals(graph.tensors[index]) for name, index in zip(_INPUTS, operator.inputs, strict=True)},
    }


def _reals(tensor: Tensor) -> dict[str, int | float]:
    """Of struct tinynn_reals."""
    if tensor.dtype == "float32":
        return {"is_uint8": 0, "scale": 1.0, "zero_point": 0}
    scheme = scheme_of(tensor, "uint8")
    return {"is_uint8": 1, "scale": scheme.scale, "zero_point": scheme.zero_point}
