"""Generate by a program of the user's: it gets a model, options and an output folder, and leaves C or C++ there.

The contract (docs/kernels.md has an example): the sources define `int model_setup(void)` and `int model_invoke(void)`,
both 0 where all is well, and the buffers `model_input_<i>` and `model_output_<i>` of the graph's inputs and outputs. A
`plan.json` beside the sources, in the form that every backend's has, may name other symbols and tell more.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any

from tinyflow.backends.generated import plan_document
from tinyflow.core.action import JSON, Workspace
from tinyflow.core.errors import ModelError
from tinyflow.model import tflite_reader
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.memory.lifetimes import lifetimes
from tinyflow.model.plan_document import Layer, PlanDocument, Port, Resident, required
from tinyflow.model.summary import summarise
from tinyflow.stages.build import SOURCE_SUFFIXES
from tinyflow.stages.command_words import files_folder, filled

PLAN = "plan.json"


def generate(workspace: Workspace) -> None:
    """Run the parameter `command` on input `model.tflite`; make `sources/` and `plan.json` of what it leaves.

    Parameters: backend, options, command (words, in which `{model}`, `{graph}`, … stand for paths, `{name}` for the
    parameter name).
    Inputs `files/…` are the command's own. With `arena.json` of stage arena the option that the parameter `arena` names
    is the size that was found. Raises ToolError where the command fails and ModelError where it leaves
    no source or a plan that isn't one.
    """
    backend = workspace.parameters["backend"]
    graph = tflite_reader.read(workspace.inputs["model.tflite"])
    sources = workspace.outputs["sources/"]
    options, found = workspace.parameters["options"], {}
    if "arena.json" in workspace.inputs:
        found = json.loads(workspace.inputs["arena.json"].read_bytes())
        options = {**options, workspace.parameters["arena"]: found["bytes"]}
    places: dict[str, Path | str] = {
        "model": workspace.inputs["model.tflite"],
        "name": workspace.parameters.get("name", ""),
        "graph": _written(workspace.folder / "graph.json", _graph_document(graph)),
        "options": _written(workspace.folder / "options.json", options),
        "files": files_folder(workspace),
        "out": sources,
    }
    workspace.run([filled(word, places, workspace.folder) for word in workspace.parameters["command"]])
    _check_tree(sources, backend, workspace.folder)
    plan = _default_plan(graph, backend) | _own_plan(sources / PLAN, graph, backend)
    plan = placed(plan, graph, found.get("places") or {})
    workspace.write_json(PLAN, {**plan, "backend": backend}, allow_nan=False)


def placed(plan: Mapping[str, Any], graph: Graph, places: Mapping[str, int]) -> dict[str, JSON]:
    """A plan with what is known of an arena once it is laid out: `places` in it by the indices of tensors."""
    if not places:
        return dict(plan)
    arena, whole = plan["arena"], {int(index): offset for index, offset in places.items()}
    steps = [([one for one in layer.inputs if one >= 0], layer.outputs) for layer in graph.operators]
    lives = lifetimes(graph.inputs, steps, graph.outputs, len(steps) - 1)
    number = [operator.index for operator in graph.operators]
    tensors = [
        Resident(
            name=graph.tensors[index].name,
            offset=whole[index],
            bytes=graph.tensors[index].size_bytes,
            first=number[first],
            last=number[last],
            tensors=[index],
        )
        for index, (first, last) in lives.items()
        if index in whole
    ]
    ports = {
        kind: [
            port if port["symbol"] or index not in whole else {**port, "symbol": f"{arena['symbol']}+{whole[index]}"}
            for index, port in zip(indices, plan[kind], strict=True)
        ]
        for kind, indices in (("inputs", graph.inputs), ("outputs", graph.outputs))
    }
    return {**plan, **ports, "arena": {**arena, "tensors": [asdict(one) for one in tensors]}}


def _written(path: Path, document: JSON) -> Path:
    path.write_text(json.dumps(document, sort_keys=True, allow_nan=False) + "\n", encoding="utf-8")
    return path


def _graph_document(graph: Graph) -> dict[str, JSON]:
    """All that the model holds, for programs that don't read flatbuffers: constants as base64, little-endian."""
    document = summarise(graph)
    for tensor, summary in zip(graph.tensors, document["tensors"], strict=True):
        del summary["quantisation"], summary["constant"]
        summary |= vars(tensor.quantisation or Quantisation(scales=(), zero_points=()))
        summary["data"] = None if tensor.data is None else base64.b64encode(tensor.data).decode()
    return document


def _check_tree(sources: Path, backend: str, folder: Path) -> None:
    """What was left must be plain files, sources among them: a link may lead anywhere, and differently each time."""
    found = sorted(sources.rglob("*"))
    for path in found:
        if path.is_symlink() or not (path.is_file() or path.is_dir()):
            raise ModelError(
                f"{backend} left {path.relative_to(sources)}, which is not a plain file", hint="let it copy files"
            )
    if not any(path.suffix in SOURCE_SUFFIXES for path in found):
        hint = f"what is compiled ends in {', '.join(sorted(SOURCE_SUFFIXES))}"
        strays = [path for path in sorted(folder.rglob("*")) if path.suffix in SOURCE_SUFFIXES]
        strays = [path for path in strays if not path.is_relative_to(folder / "in")]
        if strays:
            hint = f"it wrote {strays[0].relative_to(folder)}: write into the folder that {{out}} stands for"
        raise ModelError(f"{backend} left no source in {{out}}", hint=hint)


def _default_plan(graph: Graph, backend: str) -> dict[str, JSON]:
    """What holds where the program says nothing else; its memory is not known then."""
    plan = plan_document(
        graph,
        backend,
        inputs=[f"model_input_{number}" for number in range(len(graph.inputs))],
        outputs=[f"model_output_{number}" for number in range(len(graph.outputs))],
    )
    return {**plan.document(), "layers": []}


def _completed(plan: dict[str, Any], graph: Graph) -> dict[str, Any]:
    """The program's plan with what follows from the graph: of layers all but their functions, and of ports.

    Inputs and outputs without a symbol are where the arena has them.
    """
    known = plan_document(graph, "", inputs=[""] * len(graph.inputs), outputs=[""] * len(graph.outputs)).document()
    more: dict[str, Any] = {}
    if isinstance(plan.get("layers"), list):
        of = {layer["index"]: {key: layer[key] for key in layer if key != "functions"} for layer in known["layers"]}
        more["layers"] = [
            {**of.get(layer.get("index"), {}), **layer} if isinstance(layer, dict) else layer
            for layer in plan["layers"]
        ]
    if isinstance(plan.get("arena"), dict) and plan["arena"].get("places"):
        more |= {kind: plan.get(kind, known[kind]) for kind in ("inputs", "outputs")}
    return {**plan, **more}


def _own_plan(path: Path, graph: Graph, backend: str) -> dict[str, JSON]:
    """The program's plan, moved away from the sources; empty where it wrote none."""
    if not path.is_file():
        return {}
    content = path.read_bytes()
    path.unlink()
    try:
        plan = json.loads(content)
    except ValueError as error:
        raise ModelError(f"{PLAN} of {backend} is not JSON: {error}", hint="leave it out, or mend it") from None
    if isinstance(plan, dict):
        plan = _completed(plan, graph)
    fault = _fault_of(plan, graph)
    if fault:
        raise ModelError(f"{PLAN} of {backend}: {fault}", hint="docs/kernels.md tells what may be there")
    return dict(plan)


def _fault_of(plan: Any, graph: Graph) -> str:
    """What is wrong with a plan, as far as others rely on it."""
    known = _default_plan(graph, "")
    if not isinstance(plan, dict):
        return "not a mapping"
    every = [one.name for one in fields(PlanDocument)]
    unknown = sorted(set(plan) - set(every))
    if unknown:
        return f'unknown key "{unknown[0]}"; known: {", ".join(every)}'
    for kind in ("inputs", "outputs"):
        ports = plan.get(kind, known[kind])
        if not isinstance(ports, list) or len(ports) != len(known[kind]):
            return f'"{kind}" must have {len(known[kind])} entries, as the model has'
        if any(_lacks(port, required(Port)) for port in ports):
            return f'each of "{kind}" needs {" and ".join(required(Port))}'
    arena = plan.get("arena")
    if arena is not None and not (isinstance(arena, dict) and isinstance(arena.get("bytes"), int)):
        return '"arena" needs bytes, a whole number'
    if arena is not None and arena.get("places") and not arena.get("symbol"):
        return '"arena" with places needs symbol, of where they begin'
    statuses = plan.get("statuses", {})
    if not isinstance(statuses, dict) or not all(isinstance(text, str) for text in statuses.values()):
        return '"statuses" must be a mapping from what set-up returns to what that means'
    layers = plan.get("layers", [])
    wanted = [*required(Layer), "outputs_bytes"]
    if not isinstance(layers, list) or any(_lacks(layer, wanted) for layer in layers):
        return f'each of "layers" needs {", ".join(wanted)}'
    return ""


def _lacks(entry: Any, keys: Sequence[str]) -> bool:
    """Whether something is not a part of a plan with these keys."""
    return not isinstance(entry, dict) or any(key not in entry for key in keys)
