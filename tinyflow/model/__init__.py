"""Networks: reading and writing `.tflite`, reference outputs, arena planning, and graphs built from code."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

from tinyflow.model.summary import macs


def describe(path: Path) -> dict[str, Any]:
    """What a person wants to know of a `.tflite` file: shapes, MACs, operators, bytes, digest. Raises ModelError."""
    from hashlib import sha256

    from tinyflow.model.tflite_reader import read

    content = path.read_bytes()
    graph = read(content, path.name)
    return {
        "name": path.stem,
        "file_bytes": len(content),
        "sha256": sha256(content).hexdigest(),
        "inputs": [_port(graph.tensors[index]) for index in graph.inputs],
        "outputs": [_port(graph.tensors[index]) for index in graph.outputs],
        "operators": dict(Counter(operator.name for operator in graph.operators)),
        "macs": macs(graph),
        "weights_bytes": graph.weights_bytes,
        "peak_live_bytes": graph.peak_live_bytes,
        "is_integer_only": graph.is_integer_only,
    }


def _port(tensor: Any) -> dict[str, Any]:
    return {"name": tensor.name, "shape": list(tensor.shape), "dtype": tensor.dtype}
