"""Boxes of what a network detects."""

from __future__ import annotations

from tinyflow.model.graph import CUSTOM, Graph, Operator
from tinyflow.model.operators.description import TERNARY, Description
from tinyflow.model.operators.shapes import require, text

DETECTION = f"{CUSTOM}TFLite_Detection_PostProcess"


def _check(graph: Graph, operator: Operator) -> None:
    """Encodings [1, boxes, 4 or more], scores [1, boxes, columns], anchors [boxes, 4]; four outputs."""
    encodings, scores, anchors = (graph.tensors[index].shape for index in operator.inputs)
    fits = len(encodings) == len(scores) == 3 and encodings[:2] == scores[:2] == (1, *anchors[:1])
    require(
        fits and encodings[2] >= 4 == anchors[-1] and len(anchors) == 2,
        f"reads {text(encodings)}, {text(scores)} and {text(anchors)}",
    )
    require(len(operator.outputs) == 4, f"writes {len(operator.outputs)} tensors, not 4")


OPERATORS = (Description(DETECTION, TERNARY, outputs=4, check=_check),)
