"""TFLite_Detection_PostProcess: tinyc takes the boxes that TFLM and LiteRT take."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests_support import examples, litert, tflm
from tinyc_host import build

from tinyflow.backends import tinyc
from tinyflow.core.errors import ModelError
from tinyflow.model.builder import GraphBuilder, per_tensor
from tinyflow.model.graph import Graph
from tinyflow.model.operators.detection import DETECTION
from tinyflow.model.reference import make_inputs
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write

_BOXES, _COLUMNS = 60, 6
_OPTIONS = {
    **{"max_detections": 7, "max_classes_per_detection": 1, "num_classes": 5},
    **{"nms_score_threshold": 0.3, "nms_iou_threshold": 0.4},
    **{"y_scale": 10.0, "x_scale": 10.0, "h_scale": 5.0, "w_scale": 5.0},
}
_SCHEMES = (per_tensor(0.08, 120), per_tensor(1 / 256), per_tensor(0.01))
_OUTPUTS = ((), (), (), ())  # what converters leave in files


def _network(dtype: str, boxes: int = _BOXES, **options: float) -> Graph:
    """Encodings and scores come in; anchors are a grid, over and over."""
    builder = GraphBuilder()
    encodings, scores, anchors = _SCHEMES if dtype == "uint8" else (None, None, None)
    centres = np.stack(np.meshgrid(np.arange(10), np.arange(6)), -1).reshape(-1, 2)
    grid = np.concatenate([10 * centres + 5, np.full((_BOXES, 2), 18)], 1)
    grid = np.resize(grid, (boxes, 4))
    values = grid if dtype == "uint8" else (grid / 100).astype(np.float32)
    inputs = (
        builder.add_input("encodings", (1, boxes, 4), encodings, dtype),
        builder.add_input("scores", (1, boxes, _COLUMNS), scores, dtype),
        builder.constant("anchors", values, dtype, anchors),
    )
    made = [builder.tensor(f"out{i}", shape, None, "float32") for i, shape in enumerate(_OUTPUTS)]
    builder.custom(DETECTION, inputs, *made, **{**_OPTIONS, **options})
    return read(write(builder.graph(made, "detections")))


def _samples(dtype: str) -> list[tuple[Any, ...]]:
    """Many scores are equal, as they are in eight bits; in one sample nothing is found, in one too little."""
    random = np.random.default_rng(5)
    made = []
    for number in range(8):
        encodings = random.integers(0, 256, (1, _BOXES, 4))
        scores = random.integers(0, 256, (1, _BOXES, _COLUMNS)) // 8 * 8
        scores[0, 0 if number == 0 else 4 if number == 1 else _BOXES :] = 0
        arrays = encodings.astype(np.uint8), scores.astype(np.uint8)
        if dtype == "float32":
            real = zip(arrays, _SCHEMES, strict=False)
            arrays = tuple(np.float32(one.scale) * (array.astype(np.float32) - one.zero_point) for array, one in real)
        made.append(arrays)
    return made


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"use_regular_nms": True, "detections_per_class": 3},
        {"use_regular_nms": True, "nms_score_threshold": 0.01},
        {"num_classes": 6, "max_detections": 60, "nms_iou_threshold": 1.0, "nms_score_threshold": 0.01},
    ],
)
def test_boxes_are_those_that_tflm_takes(options: dict[str, float], tmp_path: Path) -> None:
    """Their classes, scores and number, and corners to the last bit; of what isn't found, nothing is compared."""
    graph, samples = _network("float32", **options), _samples("float32")
    content = write(graph)
    built = build(content, tmp_path / "model")
    found = set()
    for sample, wanted in zip(samples, tflm(content, graph, samples), strict=True):
        made = built.invoke(sample)
        (count,) = wanted[-1].astype(int)
        assert made[-1] == wanted[-1]
        for one, other in zip(made[:3], wanted[:3], strict=True):
            assert np.array_equal(one[:, :count], other[:, :count]) and not one[:, count:].any()
        found.add(count)
    assert len(found) > 1 and max(found) > 3


def test_uint8_is_taken_as_litert_takes_it(tmp_path: Path) -> None:
    """TFLM takes no uint8. Shapes of outputs that the file leaves open are those that LiteRT gives."""
    graph, samples = _network("uint8"), _samples("uint8")
    expected = litert(write(graph), graph, samples)
    built = build(write(graph), tmp_path / "model")
    shapes = [graph.tensors[index].shape for index in graph.outputs]
    for sample, wanted in zip(samples, expected, strict=True):
        assert shapes == [array.shape for array in wanted]
        assert all(np.array_equal(one, other) for one, other in zip(built.invoke(sample), wanted, strict=True))


def test_tflm_gets_an_arena_for_its_lists() -> None:
    """It has some of all boxes for each detection: far more than all tensors."""
    graph = _network("float32", boxes=2000, max_detections=200)
    found, _, scores, count = tflm(write(graph), graph, make_inputs(graph, 1, seed=1))[0]
    assert found.shape == (1, 200, 4) and 0 < count <= 200 and scores[0, 0] > 0.3


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"max_classes_per_detection": 2}, "it has 2 classes for each detection, not one"),
        ({"num_classes": 3}, "it has 7 detections of 3 classes by 6 scores"),
        ({"max_detections": 0}, "it has 0 detections of 5 classes by 6 scores"),
        ({"detections_per_class": 0}, "it has 7 detections of 5 classes by 6 scores"),
        ({"nms_iou_threshold": 0.0}, "its scales and thresholds are 10, 10, 5, 5, 0.3, 0"),
        ({"y_scale": 0.0}, "its scales and thresholds are 0, 10, 5, 5, 0.3, 0.4"),
        ({"max_detections": 1 << 40}, "max_detections 1099511627776 is too large"),
        ({"max_detections": 1 << 20}, "out0 is [] float32, not [1, 1048576, 4] float32"),
    ],
)
def test_options_that_do_not_fit_are_refused(options: dict[str, float], message: str) -> None:
    """One line that says which."""
    with pytest.raises(ModelError) as caught:
        tinyc.check(_network("float32", **options), "tinyc", {"kernels": "ref"})
    assert message in caught.value.what


@examples(50)
@given(words=st.binary(max_size=80))
def test_damaged_options_are_refused_or_taken(words: bytes) -> None:
    """Whatever lies in place of the flexbuffer: an error of ours, or none."""
    graph = _network("float32")
    damaged = replace(graph, operators=tuple(replace(one, custom_options=words) for one in graph.operators))
    try:
        tinyc.check(read(write(damaged)), "tinyc", {"kernels": "ref"})
    except ModelError as error:
        assert error.what
