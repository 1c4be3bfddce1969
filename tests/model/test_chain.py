"""Networks one behind the other, and what of them doesn't fit."""

from __future__ import annotations

from dataclasses import replace

import pytest
from tests_support import tflm

from tinyflow.core.errors import ModelError
from tinyflow.model.builder import GraphBuilder, per_tensor
from tinyflow.model.chain import chained
from tinyflow.model.graph import Graph, Quantisation, Shape
from tinyflow.model.reference import make_inputs
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo.mlperf_tiny import anomaly_detection

_SCHEME = per_tensor(0.5)


def _copying(shape: Shape, scheme: Quantisation | None = _SCHEME, dtype: str = "int8", count: int = 1) -> Graph:
    net = GraphBuilder()
    inputs = [net.add_input(f"in{i}", shape, scheme, dtype) for i in range(count)]
    outputs = [net.layer("RESHAPE", (i, net.constant("s", shape, "int32")), "o", scheme, shape, dtype) for i in inputs]
    return net.graph(outputs, "copying")


def test_a_chain_gives_what_its_parts_give_one_after_the_other() -> None:
    """By TFLM; shapes and a quantisation that is known on one side are no hindrance."""
    first, last = (anomaly_detection(seed, features=8, hidden=6, depth=1) for seed in (1, 2))
    last = replace(last, tensors=(replace(last.tensors[0], quantisation=None), *last.tensors[1:]))
    scheme = first.tensors[first.outputs[0]].quantisation
    last_alone = replace(last, tensors=(replace(last.tensors[0], quantisation=scheme), *last.tensors[1:]))
    whole = read(write(chained([_copying((2, 4), None), first, last], "whole")))
    samples = make_inputs(whole, 4, seed=3)
    between = tflm(write(first), first, [(sample[0].reshape(1, 8),) for sample in samples])
    expected = tflm(write(last_alone), last_alone, between)
    got = tflm(write(whole), whole, samples)
    assert [one[0].tolist() for one in got] == [one[0].tolist() for one in expected]
    assert len({one[0].tobytes() for one in got}) == 4


@pytest.mark.parametrize(
    ("second", "message"),
    [
        (_copying((4,), count=2), "it reads 2 tensors, 1 come"),
        (_copying((5,)), "it reads 5 int8 of in0, 4 int8 of o come"),
        (_copying((4,), None, "int16"), "it reads 4 int16 of in0, 4 int8 of o come"),
        (_copying((4,), per_tensor(0.25)), "it reads in0 in another quantisation than it comes in"),
        (replace(_copying((4,)), subgraphs=(_copying((4,)),)), "it has subgraphs"),
    ],
)
def test_parts_that_do_not_fit_are_refused(second: Graph, message: str) -> None:
    """One line that says what comes and what is read, and by which part."""
    with pytest.raises(ModelError) as caught:
        chained([_copying((4,)), second], "whole")
    assert caught.value.what == message and caught.value.where == "part 1"
