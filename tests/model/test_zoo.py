from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from tests_support import examples, tflm

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Tensor
from tinyflow.model.made_samples import KINDS, made_sample
from tinyflow.model.reference import make_inputs
from tinyflow.model.tflite_reader import read
from tinyflow.model.zoo import graphs, synthesize
from tinyflow.model.zoo.trials import TRIALS

NAMES = ("aww", "vww", "resnet", "toycar")
# graph → the model whose file it has the form of
PUBLISHED = {
    **{name: name for name in NAMES},
    "micro_speech": "micro_speech",
    "streaming_wake_word": "streaming_wakeword",
}
# without weights; backends/test_tinyc_signal.py runs them
SOUND = ("sound_frames", "sound_features", "latest_features")
# recorded once; a change of these bytes is a change of every result that was measured with them
DIGESTS = {
    "aww": "22c434036ed751a5fc61f8421d641ec026fc88d183be8cdb2339f189b7aa53f6",
    "vww": "4766d5568330a9fa9652f9c29051926742c3588349450591c35b0300a841a10e",
    "resnet": "d7020903b072e816a419e808b9c9919b906ad752f53dff4315d41336ecdafa6f",
    "toycar": "a1067cc69c0dd07e304cc1f5877d0410042d41b85aed7200bd77bd8e7bd1c720",
    "person_detection": "9001d2a6ddc607e7857a6977426dfd41dbe1f3b8e5313abd58f2a95568cfe113",
    "micro_speech": "835715e554692ede5091884199a72f172799e0f0d0222124e25f74bbd0acfd50",
    "streaming_wake_word": "ed3be9b957b5eae0d58151b9ce29e3258f64c36182e2e41ed49393048c846ff3",
    "mobilenet_v2": "bb1ad3b3f7bc9393eca8053d4d939af547783bb639b2d3581eb737e808588631",
    "convolutional_autoencoder": "6d07fb9d0b5d37d28c3c2f3cd9c0bd853f05a8044f13fde5568e8c7595bc63d3",
}


@pytest.mark.parametrize("name", DIGESTS)
def test_bytes_never_change(zoo: dict[str, bytes], name: str) -> None:
    """The same spec gives the recorded bytes on every machine and with every numpy."""
    assert sha256(zoo[name]).hexdigest() == DIGESTS[name]


def test_bytes_do_not_depend_on_the_session() -> None:
    """Another process with other hash seeds and threads gives the same bytes."""
    code = (
        "import hashlib; from tinyflow.model.zoo import synthesize;"
        "print(hashlib.sha256(synthesize({'graph': 'aww', 'seed': 1})).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "7", "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
    assert done.stdout.strip() == DIGESTS["aww"]


@pytest.mark.parametrize("name", PUBLISHED)
def test_zoo_graph_is_the_published_graph(zoo: dict[str, bytes], trained: Callable[[str], Path], name: str) -> None:
    """Operators, versions, options, wiring, shapes, types and quantisation axes are those of the real file."""
    assert _skeleton(read(zoo[name])) == _skeleton(read(trained(PUBLISHED[name])))


def _skeleton(graph: Graph) -> list[Any]:
    """What decides generated code, but for values: tensors are named by the operator and output that write them."""
    written = {index: f"input {i}" for i, index in enumerate(graph.inputs)}
    rows: list[Any] = []
    for operator in graph.operators:
        reads = [(written.get(index, "constant"), _form(graph.tensors[index])) for index in operator.inputs]
        for i, index in enumerate(operator.outputs):
            written[index] = f"operator {operator.index} output {i}"
        writes = [_form(graph.tensors[index]) for index in operator.outputs]
        # A RESHAPE may say its target twice; the constant counts.
        options = {key: value for key, value in operator.options.items() if key != "new_shape"}
        rows.append((operator.name, operator.version, options, reads, writes))
    return [*rows, [written[index] for index in graph.outputs]]


def _form(tensor: Tensor) -> tuple[Any, ...]:
    quantisation = tensor.quantisation
    scheme = None
    if quantisation is not None:
        symmetric = not any(quantisation.zero_points)
        scheme = (len(quantisation.scales), quantisation.axis, symmetric if tensor.is_constant else None)
    # the target of a RESHAPE is a constant whose value is a shape
    value = tensor.data if tensor.dtype == "int32" and quantisation is None else None
    return tensor.shape, tensor.dtype, scheme, value


@pytest.mark.parametrize("name", DIGESTS)
@pytest.mark.every(3)
def test_outputs_depend_on_inputs(zoo: dict[str, bytes], name: str) -> None:
    """Uniform inputs give outputs that differ from input to input and are rarely at the ends of int8."""
    graph = read(zoo[name])
    uniform = [made_sample(graph, 3, number * len(KINDS)) for number in range(16)]
    outputs = np.array([sample[0].ravel() for sample in tflm(zoo[name], graph, uniform)])
    assert (outputs.std(axis=0) > 0).all()
    assert np.isin(outputs, (-128, 127)).mean() < 0.05


@pytest.mark.parametrize("name", DIGESTS)
def test_scales_follow_the_converter(zoo: dict[str, bytes], name: str) -> None:
    """Each bias has the scale input times weights in float32; each weight channel reaches 127."""
    graph = read(zoo[name])
    for operator in graph.operators:
        if len(operator.inputs) != 3:
            continue
        source, weights, bias = (graph.tensors[index] for index in operator.inputs)
        assert source.quantisation and weights.quantisation and bias.quantisation and weights.data
        expected = np.float32(source.quantisation.scale) * np.float32(weights.quantisation.scales)
        assert bias.quantisation.scales == tuple(expected.tolist())
        axis = 3 if operator.name == "DEPTHWISE_CONV_2D" else 0
        values = np.moveaxis(np.frombuffer(weights.data, np.int8).reshape(weights.shape), axis, 0)
        assert (np.abs(values.reshape(len(values), -1).astype(int)).max(axis=1) == 127).all()


@examples(15)
@example(spec={"graph": "vww", "size": 28, "width": 3 / 256}, seed=239)  # a layer that no input wakes
@given(
    spec=st.one_of(
        st.fixed_dictionaries(
            {
                "graph": st.just("aww"),
                "height": st.integers(1, 20),
                "width": st.integers(1, 9),
                "blocks": st.integers(0, 2),
            }
        ),
        st.fixed_dictionaries({"graph": st.just("vww"), "size": st.integers(8, 40), "width": st.floats(0.01, 0.3)}),
        st.fixed_dictionaries(
            {
                "graph": st.just("resnet"),
                "size": st.integers(4, 20),
                "channels": st.integers(1, 9),
                "stacks": st.integers(1, 3),
            }
        ),
        st.fixed_dictionaries(
            {"graph": st.just("person_detection"), "size": st.integers(8, 40), "width": st.floats(0.01, 0.3)}
        ),
        st.fixed_dictionaries(
            {"graph": st.just("micro_speech"), "height": st.integers(1, 30), "width": st.integers(1, 30)}
        ),
        st.fixed_dictionaries(
            {"graph": st.just("streaming_wake_word"), "frames": st.integers(30, 40), "features": st.integers(1, 9)}
        ),
        st.fixed_dictionaries(
            {"graph": st.just("mobilenet_v2"), "size": st.integers(16, 40), "width": st.floats(0.05, 0.4)}
        ),
        st.fixed_dictionaries(
            {"graph": st.just("convolutional_autoencoder"), "size": st.integers(4, 20), "depth": st.integers(0, 3)}
        ),
        st.fixed_dictionaries({"graph": st.just("toycar"), "features": st.integers(1, 50), "depth": st.integers(0, 3)}),
    ),
    seed=st.integers(0, 1000),
)
def test_relatives_are_sound(spec: dict[str, Any], seed: int) -> None:
    """Other sizes, widths and depths give graphs that the reader and TFLM accept."""
    content = synthesize({**spec, "seed": seed})
    graph = read(content)
    (outputs,) = tflm(content, graph, make_inputs(graph, 1, seed))
    assert outputs[0].shape == graph.tensors[graph.outputs[0]].shape


def test_seeds_give_different_weights() -> None:
    """Two seeds, two networks of one shape."""
    one, other = (read(synthesize({"graph": "toycar", "seed": seed})) for seed in (1, 2))
    assert one != other and _skeleton(one) == _skeleton(other)


@pytest.mark.parametrize(
    ("spec", "message"),
    [
        ({"graph": "wwv"}, "no graph wwv in the zoo"),
        ({"graph": "vww", "sizes": 64}, "graph vww has no parameter sizes"),
        ({}, "no graph None in the zoo"),
    ],
)
def test_wrong_specs_are_named(spec: dict[str, Any], message: str) -> None:
    """An unknown graph or parameter is one line with a suggestion."""
    with pytest.raises(ModelError) as caught:
        synthesize(spec)
    assert caught.value.what == message and caught.value.hint


def test_every_graph_is_listed() -> None:
    """The zoo has the names that recipes use."""
    assert set(graphs()) == {*DIGESTS, "mobilenet_v2_144", "sine", *SOUND, *TRIALS}
