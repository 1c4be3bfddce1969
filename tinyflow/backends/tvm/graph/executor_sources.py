"""The sources of backend tvmrt: tables of functions and parameters, the graph, and what opens it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import accumulate
from pathlib import Path
from typing import Any

from tinyflow.backends import arrays
from tinyflow.backends.generated import ARENA, reset_source
from tinyflow.backends.tvm.graph import artifact, binary_format, document, generated
from tinyflow.backends.tvm.graph.artifact import Artifact
from tinyflow.backends.tvm.graph.document import MOST_ARGUMENTS
from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph
from tinyflow.model.memory.arena import Placed, aligned

# limits and alignment of tvmrt.h
_MOST_DIMENSIONS, _ALIGNMENT = 6, 16
_MOST_TENSORS = 2**16 - 1
_CHARACTERS_PER_LINE = 100


def write(lowered: Path, graph: Graph, backend: str, options: Mapping[str, Any], out: Path, plan: Path) -> None:
    """See `tinyflow.backends.tvm.graph.executor`."""
    made = artifact.read(lowered)
    _check_limits(made, backend)
    places, storage_bytes = _place_storages(made)
    # while a graph is opened, 16-bit numbers of its nodes lie where activations will
    arena_bytes = max(storage_bytes, 2 * (len(made.graph.nodes) + 1))
    form = options.get("graph", "json")
    reset, copied = generated.reset(made, places)
    own = {
        "tables.c": _tables(made),
        "graph.h": _graph(made, form),
        "model.c": _model(made, form, arena_bytes, reset),
    }
    generated.write_sources(made, arena_bytes, backend, own, out, copied)
    more = {"dispatcher": "tvmrt_run"}  # what calls the functions
    generated.write_plan(made, graph, backend, places, (arena_bytes, _ALIGNMENT), plan, more)


def _check_limits(made: Artifact, backend: str) -> None:
    """Raise ModelError for what the runtime has no numbers for."""
    dimensions = max(len(tensor.shape) for tensor in made.graph.tensors)
    arguments = max(map(len, made.signatures.values()), default=0)
    if len(made.graph.tensors) > _MOST_TENSORS or dimensions > _MOST_DIMENSIONS or arguments > MOST_ARGUMENTS:
        what = (
            f"{len(made.graph.tensors)} tensors of up to {dimensions} dimensions, {arguments} arguments: "
            f"the runtime takes {_MOST_TENSORS}, {_MOST_DIMENSIONS}, {MOST_ARGUMENTS} (backend {backend})"
        )
        raise ModelError(what, hint="tvmcg has no such limits")


def _place_storages(made: Artifact) -> tuple[dict[int, Placed], int]:
    """Where the runtime will put tensors, and the bytes of all storages."""
    buffers = generated.buffers(made)
    storage_of = {number: made.graph.tensors[number].storage for number in buffers}
    sizes = Counter[int]()
    for number, buffer in buffers.items():
        sizes[storage_of[number]] = max(sizes[storage_of[number]], buffer.size_bytes)
    order = sorted(sizes)
    starts = dict(zip(order, accumulate((aligned(sizes[one], _ALIGNMENT) for one in order), initial=0), strict=False))
    places = {number: buffer.at(starts[storage_of[number]]) for number, buffer in buffers.items()}
    return places, max(place.end for place in places.values())


def _tables(made: Artifact) -> str:
    """The functions with the least sizes of their arguments, and the parameters, by name."""
    functions, parameters = sorted(made.signatures), sorted(made.parameters)
    sizes, rows = "", ""
    for index, name in enumerate(functions):
        arguments = made.signatures[name]
        outputs = sum(argument.role in ("output", "scratch") for argument in arguments)
        numbers = ", ".join(str(argument.size_bytes) for argument in arguments)
        sizes += f"static const uint32_t sizes_{index}[{len(arguments)}] = {{{numbers}}};\n"
        rows += f'  {{"{name}", {name}, sizes_{index}, {len(arguments)}, {outputs}}},\n'
    bound = "".join(f'  {{"{name}", {name}, sizeof {name}}},\n' for name in parameters) or "  {0, 0, 0},\n"
    rows = rows or "  {0, 0, 0, 0, 0},\n"
    counts = f"{len(functions)}, {len(parameters)}, 0x{binary_format.digest(functions, parameters):08x}u"
    return (
        '#include "tvmrt.h"\n#include "kernels.h"\n#include "weights.h"\n\n'
        f"{sizes}\nstatic const tvmrt_function_t functions[{max(len(functions), 1)}] = {{\n{rows}}};\n\n"
        f"static const tvmrt_parameter_t parameters[{max(len(parameters), 1)}] = {{\n{bound}}};\n\n"
        "extern const tvmrt_tables_t model_tables;\n"
        f"const tvmrt_tables_t model_tables = {{functions, parameters, {counts}}};\n"
    )


def _graph(made: Artifact, form: str) -> str:
    """graph.h, which only model.c includes: the graph as bytes in flash."""
    if form == "binary":
        content = binary_format.dump(made.graph, sorted(made.signatures), sorted(made.parameters))
        words = arrays.lines([str(byte) for byte in content])
        return f"static const uint8_t model_graph[{len(content)}] = {{\n{words}\n}};\n"
    text = document.dump(made.graph)
    lines = "\n".join(
        f"  {_quoted(text[i : i + _CHARACTERS_PER_LINE])}" for i in range(0, len(text), _CHARACTERS_PER_LINE)
    )
    head = "/* without the zero at the end */\nstatic const char __attribute__((nonstring))"
    return f"{head} model_graph[{len(text)}] =\n{lines};\n"


def _quoted(text: str) -> str:
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def _model(made: Artifact, form: str, arena_bytes: int, reset: Sequence[str] | None) -> str:
    graph = made.graph
    calls = Counter(len(node.inputs) + len(node.tensors) for node in graph.nodes if node.function)
    sizes = " + ".join(f"{count} * TVMRT_CALL_SIZE({arguments})" for arguments, count in sorted(calls.items())) or "0"
    dimensions = sum(len(tensor.shape) for tensor in graph.tensors)
    opened = f"tvmrt_open_{form}(&graph, &model_tables, &memory, model_graph, sizeof model_graph)"
    has_state = reset is not None
    includes = '#include "weights.h"\n#include <string.h>\n' if has_state else ""
    # the memory of activations is in use while a graph is opened
    setup = f"  return {opened};\n"
    if has_state:
        setup = f"  const int status = {opened};\n  return status == 0 ? model_reset() : status;\n"
    return (
        '#include "model.h"\n#include "graph.h"\n#include "tvmrt.h"\n'
        f"{includes}\n"
        "extern const tvmrt_tables_t model_tables;\n\n"
        "/* What the runtime keeps of the graph. */\n"
        f"#define POOL_SIZE TVMRT_POOL_SIZE({len(graph.tensors)}, {dimensions}, {sizes})\n\n"
        f"_Alignas(TVMRT_ALIGNMENT) int8_t {ARENA}[{arena_bytes}];\n"
        "static _Alignas(void*) uint8_t pool[POOL_SIZE];\n"
        f"static tvmrt_graph_t graph;\n\n{reset_source(reset)}"
        "/* Not 0 where graph, tables and memory don't go together: a code of tvmrt.h. */\n"
        "int model_setup(void) {\n"
        f"  const tvmrt_memory_t memory = {{pool, sizeof pool, (uint8_t*){ARENA}, sizeof {ARENA}}};\n"
        f"{setup}"
        "}\n\n"
        "int model_invoke(void) { return tvmrt_run(&graph); }\n"
    )
