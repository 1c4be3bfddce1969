"""IF and WHILE in the interpreter tinyi: nested as they may be, they end, whatever the file says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from stateful_networks import StatefulNet, branching, looping, svdf
from tests_support import examples
from tinyi_chip import chip
from tinyi_host import ARENA_TOO_SMALL, DAMAGED, OK, UNSUPPORTED, Interpreter, Session, assert_exact

from tinyflow.backends.tinyi import check
from tinyflow.backends.tinyi.calls import requests
from tinyflow.backends.tinyi.planner import plan
from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph
from tinyflow.model.tflite_writer import write

_SHAPE = (1, 4, 4, 3)


def _convolving() -> Graph:
    """What a round computes: kernels with scratch, activations that lie in each other's place."""
    net = StatefulNet(*_SHAPE)
    weights = np.random.default_rng(3).integers(-128, 128, (3, 3, 3, 3))
    made = net.convolution(net.input, weights, np.arange(3), padding="SAME")
    return net.part(net.operator("ADD", made, net.input, pot_scale_int16=False))


def _counting(rounds: int, *, deep: bool = False) -> Graph:
    """A loop that counts its rounds; `deep`: each has a branch for the first ones and another one for the rest."""

    def begin() -> StatefulNet:
        net = StatefulNet()
        net.inputs = [net.builder.tensor("count", (1,), None, "int32"), net.builder.tensor("x", _SHAPE, _Q, "int8")]
        return net

    def less(net: StatefulNet, most: int) -> int:
        known = net.builder.tensor("is less", (1,), None, "bool")
        net.add("LESS", (net.inputs[0], net.builder.constant("most", np.array([most]), "int32")), (known,))
        return known

    condition, body, net = begin(), begin(), StatefulNet(*_SHAPE)
    net.subgraphs = [_convolving(), _doubling()] if deep else []
    made = body.builder.tensor("made", _SHAPE, _Q, "int8")
    if deep:  # numbers are those of the network
        options = {"then_subgraph_index": 1, "else_subgraph_index": 2}
        body.add("IF", (less(body, rounds // 2), body.inputs[1]), (made,), **options)
    else:
        body.add("ADD", body.inputs[1:] * 2, (made,), activation="NONE", pot_scale_int16=False)
    more = body.builder.tensor("more", (1,), None, "int32")
    body.add(
        "ADD",
        (body.inputs[0], body.constant(np.array([1]), "int32")),
        (more,),
        activation="NONE",
        pot_scale_int16=False,
    )
    outputs = [net.builder.tensor("n", (1,), None, "int32"), net.builder.tensor("y", _SHAPE, _Q, "int8")]
    after = condition.part(less(condition, rounds))
    first = (net.constant(np.array([0]), "int32"), net.input)
    net.call("WHILE", first, outputs, cond=after, body=body.part(more, made))
    return net.graph(*outputs)


def _doubling() -> Graph:
    """By way of a tensor of six axes."""
    net = StatefulNet(*_SHAPE)
    apart = net.operator("RESHAPE", net.input, net.constant((1, 2, 2, 2, 2, 3), "int32"), shape=(1, 2, 2, 2, 2, 3))
    whole = net.operator("RESHAPE", apart, net.constant(_SHAPE, "int32"), shape=_SHAPE)
    return net.part(net.operator("ADD", whole, whole, pot_scale_int16=False))


_Q = _doubling().tensors[0].quantisation


@pytest.mark.parametrize("deep", [False, True])
def test_loops_of_any_operators_are_exact(*, deep: bool) -> None:
    """Their scratch and their activations lie in the scratch of who calls them."""
    assert_exact(_counting(5, deep=deep), Interpreter.load("c"), "c")


@pytest.mark.slow
@pytest.mark.parametrize("build", [branching, lambda: looping(0), lambda: _counting(4, deep=True)])
def test_subgraphs_are_run_on_chips(build: Callable[[], Graph]) -> None:
    """Words of 32 bits, and kernels of their own."""
    assert_exact(build(), chip("cortex-m7", ("ref", "dsp"), "dsp"), "dsp")


def _set_up(graph: Graph, interpreter: Interpreter) -> Session:
    made = plan(graph, requests(graph, "c"))
    return interpreter.model(write(graph), made.total_bytes, made.unit, has_calls=True)


@pytest.mark.slow
def test_a_loop_without_end_ends() -> None:
    """As more work than an inference may have; so does every later inference."""
    graph = _counting(0)
    condition = graph.graphs[1]
    always = replace(condition, operators=(replace(condition.operators[0], name="GREATER_EQUAL"),))
    session = _set_up(replace(graph, subgraphs=(always, *graph.subgraphs[1:])), Interpreter.load("c"))
    assert [session.status, session.invoke(), session.invoke()] == [OK, UNSUPPORTED, UNSUPPORTED]


def test_subgraphs_that_call_each_other_are_refused() -> None:
    """By set-up, in a stack of bounded depth."""
    graph = _counting(5, deep=True)
    number = next(i for i, part in enumerate(graph.graphs) if any(one.name == "IF" for one in part.operators))
    body = graph.graphs[number]
    operators = [
        replace(one, options={"then_subgraph_index": number, "else_subgraph_index": number})
        if one.name == "IF"
        else one
        for one in body.operators
    ]
    parts = list(graph.subgraphs)
    parts[number - 1] = replace(body, operators=tuple(operators))
    content = write(replace(graph, subgraphs=tuple(parts)))
    assert Interpreter.load("c").model(content, 1 << 16, has_calls=True).status == UNSUPPORTED


def test_state_of_subgraphs_is_refused() -> None:
    """By the tool with a hint, by the chip as a tensor that nobody writes."""
    part = svdf(2)
    net = StatefulNet()
    net.inputs = [net.builder.tensor("condition", (1,), None, "bool")]
    source, made = (part.tensors[index] for index in (part.inputs[0], part.outputs[0]))
    net.inputs.append(net.builder.tensor("in", source.shape, source.quantisation, source.dtype))
    output = net.builder.tensor("out", made.shape, made.quantisation, made.dtype)
    net.call("IF", net.inputs, (output,), then=part, **{"else": part})
    graph = net.graph(output)
    with pytest.raises(ModelError, match="state of subgraphs"):
        check(graph, "tinyi", {"kernels": "c"})
    assert Interpreter.load("c").model(write(graph), 1 << 16, has_calls=True).status == DAMAGED


@pytest.mark.slow
@examples(300)
@given(data=st.data())
def test_damaged_files_are_refused_or_harmless(data: st.DataObject) -> None:
    """Changed anywhere, a file gets a status, and nothing is read or written outside."""
    build = data.draw(st.sampled_from([branching, lambda: looping(1), lambda: _counting(3, deep=True)]))
    content = bytearray(write(build()))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    session = Interpreter.load("c").model(bytes(content), 1 << 14, has_calls=True)
    assert OK <= session.status <= ARENA_TOO_SMALL
    if session.status == OK:
        assert session.invoke() in (OK, DAMAGED, UNSUPPORTED)
