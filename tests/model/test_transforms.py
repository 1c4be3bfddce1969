"""What all transforms of graphs keep to: bytes where nothing changes, records of one form."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from small_networks import Net

from tinyflow.model.operators.activation import SIGNED_UNIT_RANGE
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.transforms import Transform, transformed
from tinyflow.model.transforms.cut import cut
from tinyflow.model.transforms.shrink import shrink

ALL, FIRST = {"first": 0, "last": 2}, {"first": 0, "last": 0}


def _model() -> bytes:
    """Three layers that all compute something."""
    net = Net(1, 4, 4, 3)
    x = net.convolution(net.input, np.random.default_rng(1).integers(-99, 99, (4, 3, 3, 3)), [1, 2, 3, 4])
    return write(net.graph(net.operator("TANH", net.operator("RELU", x), q=SIGNED_UNIT_RANGE)))


@pytest.mark.parametrize(("transform", "parameters"), [(shrink, {}), (cut, ALL)])
def test_a_model_in_which_nothing_changes_keeps_its_bytes(transform: Transform, parameters: dict[str, Any]) -> None:
    """Even where writing it anew would give others: names that a graph doesn't hold, another layout."""
    model = _model() + bytes(16)
    assert write(read(model)) != model
    content, record = transformed(model, transform, **parameters)
    assert content == model and record["before"] == record["after"] and record["operators"] == []


def test_records_have_one_form() -> None:
    """Sizes before and after, operators and channels that went; JSON."""
    model = _model()
    records = [transformed(model, shrink)[1], transformed(model, cut, **FIRST)[1]]
    assert {tuple(record) for record in records} == {("schema", "before", "after", "operators", "changed", "channels")}
    assert [gone["name"] for gone in records[1]["operators"]] == ["RELU", "TANH"]
    assert json.loads(json.dumps(records)) == records
