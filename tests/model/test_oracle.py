"""Interpreters that end or refuse: which one, at which operator, in its own words; then the next one is asked."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from small_networks import Net

from tinyflow.core.errors import ModelError
from tinyflow.model import oracle, reference, tflite_reader
from tinyflow.model.builder import GraphBuilder, per_tensor
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.transforms.tidy import tidy
from tinyflow.model.zoo import synthesize


def flat_softmax() -> Graph:
    """Two operators that all interpreters run, and a softmax at whose beta reference kernels abort."""
    net = Net(1, 6)
    inner = net.operator("RELU", net.operator("RELU", net.input))
    return net.graph(net.operator("SOFTMAX", inner, q=Quantisation((1 / 256,), (-128,)), beta=0.0))


def wide_paddings() -> Graph:
    """A PAD whose numbers have 64 bits, which TFLM takes for twice as many, between two other operators."""
    net = Net(1, 2, 2, 1)
    paddings = net.constant([[0, 0], [1, 1], [1, 1], [0, 0]], "int64")
    padded = net.operator("PAD", net.operator("RELU", net.input), paddings, shape=(1, 4, 4, 1))
    return net.graph(net.operator("RELU", padded))


def refusal(who: oracle.Reference, graph: Graph) -> str:
    """What an interpreter is said to have said."""
    with pytest.raises(ModelError) as caught:
        oracle.run_apart(who, write(graph), graph, reference.make_inputs(graph, 2, 0))
    assert caught.value.hint
    return caught.value.what


@pytest.mark.slow
def test_an_abort_is_told_with_its_operator() -> None:
    """Who prints nothing is asked again with less of the network."""
    graph = flat_softmax()
    place = f"can't run it: operator 2 (SOFTMAX, {graph.tensors[graph.outputs[0]].name}): beta 0 times "
    place += "the input's scale 0.05 has to be more than 1.49e-08; it aborted without a word"
    assert refusal(oracle.TFLM, graph) == f"TFLM {place}"
    assert refusal(oracle.LITERT, graph) == f"LiteRT {place}"


def test_own_words_are_in_the_message() -> None:
    """Not only in a log."""
    told = refusal(oracle.TFLM, wide_paddings())
    assert told.startswith("TFLM can't run it: operator 1 (PAD, ")
    assert "failed to prepare" in told and "interpreter" not in told


def test_long_words_are_cut() -> None:
    """A message stays one that can be read."""

    def talk(model: bytes, graph: Graph) -> oracle.Interpreter:
        raise ModelError(print("bla " * 9999) or "no")

    assert len(refusal(oracle.TFLM._replace(make=talk), wide_paddings())) < 500


def test_the_next_one_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    """TFLM once tidied, LiteRT's reference kernels, its others; with the reasons; one error where none can."""
    for graph, name, words, refusals in (
        (wide_paddings(), "tflm", "TFLM (once tidied)", 1),
        (flat_softmax(), "litert", "LiteRT's optimised kernels", 2),
    ):
        samples = reference.make_inputs(graph, 2, 0)
        who, answers, told = oracle.run(write(graph), graph, samples)
        assert (who.name, who.words, told.count("can't run it")) == (name, words, refusals)
        assert (len(answers.outputs), answers.keeps_state) == (2, False)
    monkeypatch.setattr(oracle, "is_importable", lambda package: package == "tflite_micro")
    with pytest.raises(ModelError, match="TFLM can't run it: operator 2"):
        oracle.run(write(graph), graph, samples)


@pytest.mark.parametrize("dtype", ["int8", "uint8"])
@pytest.mark.every(2)
def test_tflm_is_asked_once_more_of_the_tidied_network(dtype: str) -> None:
    """FILL of a computed shape is a constant then. Of uint8, tidying may be a step beside it: LiteRT is asked."""
    net = GraphBuilder()
    source = net.add_input("x", (1, 4), per_tensor(0.1), dtype)
    shape = net.layer("SHAPE", (source,), "shape", None, (2,), "int32")
    ones = net.constant("one", 1, dtype, per_tensor(0.1))
    filled = net.layer("FILL", (shape, ones), "filled", per_tensor(0.1), (1, 4), dtype)
    graph = net.graph((net.layer("ADD", (source, filled), "y", per_tensor(0.2), (1, 4), dtype),), "filling")
    samples = reference.make_inputs(graph, 2, 0)
    who, answers, told = oracle.run(write(graph), graph, samples)
    assert told.startswith("TFLM can't run it: operator 1 (FILL, filled): ") and told.count("can't run it") == 1
    assert who.words == ("TFLM (once tidied)" if dtype == "int8" else "LiteRT")
    if dtype == "int8":
        tidied = read(write(tidy(graph).graph))
        expected = oracle.run_apart(oracle.TFLM, write(tidied), tidied, samples)
        assert [one.tolist() for (one,) in answers.outputs] == [one.tolist() for (one,) in expected]


def test_a_file_that_is_refused_for_no_operator_is_no_operators_fault() -> None:
    """Where the same operators can be run when they are written anew."""
    graph = flat_softmax()
    graph = replace(graph, operators=graph.operators[:2], outputs=graph.operators[1].outputs)
    with pytest.raises(ModelError, match=r"TFLM can.t run it: [^o]"):
        oracle.run_apart(oracle.TFLM, b"no model at all", graph, reference.make_inputs(graph, 1, 0))


def test_one_that_reads_what_nothing_wrote_is_no_reference() -> None:
    """TFLM leaves the padding of SPACE_TO_BATCH_ND of rank 3 as memory was: LiteRT is asked instead."""
    net = Net(1, 8, 1)
    block, paddings = net.constant([2], "int32"), net.constant([[2, 2]], "int32")
    graph = net.graph(net.operator("SPACE_TO_BATCH_ND", net.input, block, paddings, shape=(2, 6, 1)))
    who, _, told = oracle.run(write(graph), graph, reference.make_inputs(graph, 2, 0))
    assert who.name == "litert"
    assert told.startswith("TFLM can't run it: operator 0 (SPACE_TO_BATCH_ND, ")
    assert told.endswith("): its outputs depend on memory that nothing wrote")


@pytest.mark.parametrize("package", ["ai_edge_litert", "tflite_micro"])
@pytest.mark.every(2, 1)
def test_interpreters_tell_the_ports_of_what_we_refuse(package: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Shapes, types and scales, as in the file; with them the file is run as any other."""
    net = Net(1, 2, 2, 3)
    graph = net.graph(net.operator("RELU", net.input), net.operator("RELU6", net.input))
    content, samples = write(graph), reference.make_inputs(graph, 2, 0)
    expected = oracle.run_apart(oracle.TFLM, content, graph, samples)

    def refuse(*_: object) -> Graph:
        raise ModelError("unknown to us")

    monkeypatch.setattr(tflite_reader, "read", refuse)
    monkeypatch.setattr(oracle, "is_importable", lambda name: name == package)
    known = oracle.read(content, "net")
    monkeypatch.undo()
    for indices, others in ((known.inputs, graph.inputs), (known.outputs, graph.outputs)):
        ports, tensors = [known.tensors[i] for i in indices], [graph.tensors[i] for i in others]
        assert [(p.shape, p.dtype, p.quantisation) for p in ports] == [
            (t.shape, t.dtype, t.quantisation) for t in tensors
        ]
    for who in (oracle.TFLM, oracle.LITERT):
        answers = oracle.run_apart(who, content, known, samples)
        assert [[a.tobytes() for a in sample] for sample in answers] == [[a.tobytes() for a in s] for s in expected]


def test_a_file_that_nobody_loads_is_refused_by_the_reader() -> None:
    """In its words."""
    with pytest.raises(ModelError, match=r"^net: not a .tflite file"):
        oracle.read(b"no model at all", "net")


def test_state_is_noticed() -> None:
    """A first sample that gives something else the second time."""

    def counting(model: bytes, graph: Graph) -> oracle.Interpreter:
        seen: list[object] = []

        def invoke(sample: oracle.Sample) -> oracle.Sample:
            seen.append(sample)
            return (np.array([len(seen)]),)

        return invoke

    graph = flat_softmax()
    samples = reference.make_inputs(graph, 3, 0)
    answers = oracle.ask(oracle.TFLM._replace(make=counting), b"", graph, samples)
    assert ([int(output[0]) for (output,) in answers.outputs], answers.keeps_state) == ([1, 2, 3], True)


@pytest.mark.slow
def test_without_tflm_fully_connected_is_rounded_as_it_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """LiteRT's reference kernels don't by themselves, as this network shows; inner tensors keep their places."""
    content = synthesize({"graph": "toycar", "seed": 1})
    graph = read(content, "toycar")
    samples = reference.make_inputs(graph, 20, 0)
    expected = oracle.run_apart(oracle.TFLM, content, graph, samples)
    inner = oracle.tensors(content, graph, samples[0])[1]
    plain = oracle.run_apart(oracle.LITERT, content, graph, samples)
    assert any((one[0] != other[0]).any() for one, other in zip(plain, expected, strict=True))
    known = oracle.is_importable
    monkeypatch.setattr(oracle, "is_importable", lambda name: name != "tflite_micro" and known(name))
    who, answers, told = oracle.run(content, graph, samples)
    assert (who, told) == (oracle.LITERT_CONVOLVED, "")
    assert [[a.tobytes() for a in sample] for sample in answers.outputs] == [[a.tobytes() for a in s] for s in expected]
    found = oracle.tensors(content, graph, samples[0])[1]
    assert {index: array.tobytes() for index, array in found.items()} == {i: a.tobytes() for i, a in inner.items()}
