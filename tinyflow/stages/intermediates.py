"""Intermediates: what every layer of the model that a backend reads must compute of the first sample.

The model may have been changed on its way to the backend: tensors are known by their indices in this very file.
"""

from __future__ import annotations

import json
from io import BytesIO
from typing import TYPE_CHECKING

from tinyflow.core.action import JSON, Workspace
from tinyflow.core.errors import ModelError

if TYPE_CHECKING:
    from tinyflow.model.graph import Graph
    from tinyflow.model.interpreters import Tensors

# of all tensors together; those of larger networks than chips run aren't kept
_MOST_BYTES = 64 << 20


def intermediates(workspace: Workspace) -> None:
    """Make intermediates.bin, the outputs of all operators one after the other, and intermediates.json.

    Inputs: `model.tflite`, and the `inputs.bin` and `reference.json` of stage convert. The document has each tensor's
    `index`, `name`, `dtype` and `bytes`, in order, `channels` (its last extent), and `missing`: why there are none.
    """
    from tinyflow.model import interpreters

    tensors: list[JSON] = []
    missing = ""
    with workspace.outputs["intermediates.bin"].open("wb") as file:
        try:
            graph, found = _computed(workspace)
        except ModelError as error:
            missing = error.what
        else:
            for index, array in sorted(found.items()):
                tensor = graph.tensors[index]
                tensors.append(
                    {
                        **{"index": index, "name": tensor.name, "dtype": tensor.dtype, "bytes": array.nbytes},
                        "channels": tensor.shape[-1] if tensor.shape else 1,
                    }
                )
                file.write(array.tobytes())
    document = {"tensors": tensors, "missing": missing, "tools": interpreters.interpreter_versions()}
    workspace.write_json("intermediates.json", document)


def _computed(workspace: Workspace) -> tuple[Graph, Tensors]:
    """The graph, and its tensors by index. Raises ModelError."""
    import numpy as np

    from tinyflow.model import oracle, tflite_reader
    from tinyflow.model.reference import numpy_dtype
    from tinyflow.model.weighted import was_uint8

    model = workspace.inputs["model.tflite"].read_bytes()
    graph = tflite_reader.read(model, "model.tflite")
    if any(was_uint8(graph, operator) for operator in graph.operators):
        raise ModelError("its convolutions were uint8: no interpreter computes their int8 form")
    every = sum(graph.tensors[index].size_bytes for operator in graph.operators for index in operator.outputs)
    if every > _MOST_BYTES:
        raise ModelError(f"all tensors together have {every >> 20} MiB")
    ports = json.loads(workspace.inputs["reference.json"].read_bytes())["inputs"]
    with workspace.inputs["inputs.bin"].open("rb") as file:
        first = BytesIO(file.read(sum(port["bytes"] for port in ports)))
    sample = tuple(
        np.frombuffer(first.read(tensor.size_bytes), numpy_dtype(tensor)).reshape(tensor.shape)
        for tensor in (graph.tensors[index] for index in graph.inputs)
    )
    return graph, oracle.tensors(model, graph, sample)[1]
