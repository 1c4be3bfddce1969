"""Convert: read and check a `.tflite`, write what the graph is, inputs for it and the outputs it must give.

Nothing here depends on a backend: two backends share one result. Whether a backend can compile the graph is its own
`check`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from tinyflow.core.action import JSON, Workspace
from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph, Tensor
from tinyflow.model.summary import summarise

if TYPE_CHECKING:
    from tinyflow.model.oracle import Reference
    from tinyflow.model.reference import Sample


def convert(workspace: Workspace) -> None:
    """Make graph.json, inputs.bin, reference.bin and reference.json of one model.

    Parameters: `samples` (how many at least), `seed`, `input_format` of the real samples, which are the inputs
    `samples/<number>.bin`; input `inputs.bin`, where it is there, has all of them. `is_interpreted` where an
    interpreter is to run the file, whatever our reader says of it.
    The `.bin` files hold, for every sample, all tensors one after the other. Raises ModelError.
    """
    from tinyflow.model import interpreters, oracle, reference, tflite_reader
    from tinyflow.model.evidence import POOL, evidence, is_weak, most_different
    from tinyflow.model.made_samples import made_sample

    model = workspace.inputs["model.tflite"].read_bytes()
    read = oracle.read if workspace.parameters.get("is_interpreted") else tflite_reader.read
    graph = read(model, "model.tflite")
    seed, real = workspace.parameters["seed"], [path.read_bytes() for path in sample_files(workspace)]
    count, form = workspace.parameters["samples"], workspace.parameters["input_format"]
    if "inputs.bin" in workspace.inputs:
        real, form = _apart(graph, workspace.inputs["inputs.bin"].read_bytes()), None
        count = len(real)
    samples = reference.make_inputs(graph, count, seed, real, form)
    who, answers, refusal = oracle.run(model, graph, samples)
    outputs = answers.outputs
    made = len(samples) - len(real)
    # with a state, an answer isn't its sample's alone
    if made and not answers.keeps_state and is_weak(graph, outputs):
        samples += [made_sample(graph, seed, number) for number in range(made, POOL * made)]
        outputs += oracle.run_apart(who, model, graph, samples[len(outputs) :])
        chosen = most_different(outputs, len(real), len(real) + made)
        samples, outputs = [samples[index] for index in chosen], [outputs[index] for index in chosen]
    second = _second_opinion(who, model, graph, samples, workspace)
    said = evidence(graph, outputs, second)
    if refusal:
        said["warnings"].insert(0, f"{refusal}: outputs are held against {who.words} instead")
    workspace.write_json("graph.json", summarise(graph), sort_keys=True)
    workspace.outputs["inputs.bin"].write_bytes(_joined(samples))
    workspace.outputs["reference.bin"].write_bytes(_joined(outputs))
    description = {
        "reference": who.name,
        "samples": len(samples),
        "inputs": [_port(graph.tensors[index]) for index in graph.inputs],
        "outputs": [_port(graph.tensors[index]) for index in graph.outputs],
        **said,
        "keeps_state": answers.keeps_state,
        "tools": interpreters.interpreter_versions(),
    }
    workspace.write_json("reference.json", description, sort_keys=True)


def _second_opinion(
    who: Reference, model: bytes, graph: Graph, samples: Sequence[Sample], workspace: Workspace
) -> list[Sample] | None:
    """LiteRT's outputs where it is not the reference itself; it may be missing, and refuse the model."""
    from tinyflow.model import interpreters, oracle

    if who.name == "litert" or not interpreters.is_importable(oracle.LITERT.package):
        return None
    try:
        return oracle.run_apart(oracle.LITERT, model, graph, samples)
    except ModelError as error:
        workspace.log(error.what)
        return None


def sample_files(workspace: Workspace) -> list[Path]:
    """The inputs `samples/<number>.bin`, in the order of their numbers."""
    names = [name for name in workspace.inputs if name.startswith("samples/")]
    return [workspace.inputs[name] for name in sorted(names, key=lambda name: (len(name), name))]


def _apart(graph: Graph, content: bytes) -> list[bytes]:
    """Samples that lie one behind the other."""
    size = sum(graph.tensors[index].size_bytes for index in graph.inputs)
    return [content[place : place + size] for place in range(0, len(content), size)]


def _joined(samples: Sequence[Sample]) -> bytes:
    return b"".join(array.tobytes() for sample in samples for array in sample)


def _port(tensor: Tensor) -> JSON:
    quantisation = None if tensor.quantisation is None or tensor.quantisation.is_per_channel else tensor.quantisation
    return {
        "dtype": tensor.dtype,
        "shape": list(tensor.shape),
        "bytes": tensor.size_bytes,
        "scale": None if quantisation is None else quantisation.scale,
        "zero_point": None if quantisation is None else quantisation.zero_point,
    }
