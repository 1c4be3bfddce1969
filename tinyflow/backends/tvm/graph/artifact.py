"""The folder that a lowered model is: graph.json, params.bin, kernels.json, C sources of the kernels, state.bin.

It holds all that a runtime or a generator needs; neither TVM nor the model's file is asked again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from tinyflow.backends.tvm.graph import document, params
from tinyflow.backends.tvm.graph.document import ExecutorGraph

_GRAPH, _PARAMETERS, _SIGNATURES, _KERNELS = "graph.json", "params.bin", "kernels.json", "kernels"
# of a model that has none, there is no such file
_TUNING, _STATE = "tuning.json", "state.bin"


@dataclass(frozen=True)
class Argument:
    """One argument of a function: what lies there, in how many bytes, at a multiple of how many."""

    role: str  # input, state, constant, output or scratch
    dtype: str
    size_bytes: int
    alignment: int


@dataclass(frozen=True)
class Artifact:
    """A lowered model; `signatures` has the arguments of each function, in order.

    `state`: inputs of the graph that nobody gives, since they stay from call to call → their bytes at first. What is
    computed into the same storage is what they become.
    """

    graph: ExecutorGraph
    parameters: Mapping[str, NDArray[Any]]
    signatures: Mapping[str, tuple[Argument, ...]]
    kernels: Mapping[str, str]  # file → C text; all functions of `signatures`, declared in kernels.h
    tuning: Mapping[str, int] | None = None  # how many kernels go by a record, where they were asked to
    state: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    @property
    def owners(self) -> dict[int, int]:
        """The tensors that lie in the storage of state → its tensor; itself among them."""
        graph = self.graph
        rows = {graph.tensors[row].storage: row for row, node in graph.numbered() if node.name in self.state}
        numbered = enumerate(graph.tensors)
        return {number: rows[tensor.storage] for number, tensor in numbered if tensor.storage in rows}

    def writers(self, state: int) -> list[int]:
        """The operators that change what lies in the storage of this tensor."""
        owners, found = self.owners, set()
        for row, node in self.graph.numbered():
            roles = [argument.role for argument in self.signatures.get(node.function, ())]
            changed = [tensor for tensor, role in zip(node.inputs, roles, strict=False) if role == "state"]
            if node.function and state in [owners.get(tensor) for tensor in (row, *changed)]:
                found.add(node.operator)
        return sorted(found)

    @property
    def alignments(self) -> dict[str, int]:
        """What each parameter's functions want of its address."""
        found: dict[str, int] = {}
        names = {row: node.name for row, node in self.graph.numbered() if not node.function}
        for node in filter(lambda node: node.function, self.graph.nodes):
            for tensor, argument in zip(node.inputs, self.signatures[node.function], strict=False):
                if tensor in names:
                    found[names[tensor]] = max(argument.alignment, found.get(names[tensor], 1))
        return found

    @property
    def least_alignment(self) -> int:
        """What the functions want of the addresses of activations and scratch."""
        arguments = (argument for signature in self.signatures.values() for argument in signature)
        return max((argument.alignment for argument in arguments if argument.role != "constant"), default=1)

    def write(self, folder: Path) -> None:
        """Write all files."""
        signatures = {name: [asdict(argument) for argument in arguments] for name, arguments in self.signatures.items()}
        (folder / _GRAPH).write_text(document.dump(self.graph), encoding="utf-8")
        (folder / _PARAMETERS).write_bytes(params.dump(self.parameters))
        (folder / _SIGNATURES).write_text(json.dumps(signatures, indent=1) + "\n", encoding="utf-8")
        if self.tuning is not None:
            (folder / _TUNING).write_text(json.dumps(self.tuning) + "\n", encoding="utf-8")
        if self.state:
            (folder / _STATE).write_bytes(params.dump(self.state))
        (folder / _KERNELS).mkdir()
        for name, text in self.kernels.items():
            (folder / _KERNELS / name).write_text(text, encoding="utf-8")


def read(folder: Path) -> Artifact:
    """What `Artifact.write` wrote."""
    signatures = json.loads((folder / _SIGNATURES).read_text(encoding="utf-8"))
    tuning, state = folder / _TUNING, folder / _STATE
    return Artifact(
        document.load((folder / _GRAPH).read_text(encoding="utf-8")),
        params.load((folder / _PARAMETERS).read_bytes()),
        {name: tuple(Argument(**argument) for argument in arguments) for name, arguments in signatures.items()},
        {path.name: path.read_text(encoding="utf-8") for path in sorted((folder / _KERNELS).iterdir())},
        json.loads(tuning.read_text(encoding="utf-8")) if tuning.exists() else None,
        params.load(state.read_bytes()) if state.exists() else {},
    )
