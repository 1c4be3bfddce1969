"""The few lines of C around the interpreter, the file itself, and the memory plan as JSON."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tinyflow.backends.generated import ARENA, arena, model_header, plan_document, real_tolerances, write_files
from tinyflow.backends.tinyi import customs, incbin
from tinyflow.backends.tinyi.calls import has_calls, requests
from tinyflow.backends.tinyi.operators import ENTRIES, rows
from tinyflow.backends.tinyi.planner import plan
from tinyflow.model.graph import CUSTOM, Graph
from tinyflow.model.operators.forms import form_of

_ALIGNMENT = 16

_MODEL = """\
#include "model.h"

#include <stddef.h>

#include "tinyi.h"
#include "tinyi/operators.h"

_Alignas({alignment}) int8_t {arena}[{bytes}];

/* model.tflite, as it is */
extern const uint8_t model_tflite[{model_bytes}];

{customs}static const struct tinyi_operator operators[] = {{
{operators}}};

static const struct tinyi_config config = {{
    model_tflite, {model_bytes}, operators, {count}, (uint8_t*){arena}, {bytes}, {unit}, {is_apart},
}};

static struct tinyi model;

{setup}
int model_invoke(void) {{ return tinyi_invoke{calls}(&model); }}
"""


_SETUP = """\
int model_setup(void) {{
  model.config = &config;
  return tinyi_setup{with_it}(&model);
}}
"""

# a symbol of its own, also where nobody else calls it
_SETUP_WITH_STATE = """\
__attribute__((noinline)) int model_reset(void) {{ return tinyi_reset{custom}(&model); }}

int model_setup(void) {{
  model.config = &config;
  const int status = tinyi_setup{with_it}(&model);
  return status != 0 ? status : model_reset();
}}
"""


@dataclass(frozen=True)
class Wanted:
    """The variant of kernels, the arena's size, 0 for what the plan needs, and how it is planned."""

    variant: str
    arena_bytes: int = 0
    has_chase: bool = True


def write_sources(model: bytes, graph: Graph, backend: str, wanted: Wanted, out: Path, plan_path: Path) -> None:
    """Write `model.tflite`, the C around it, and the plan."""
    asked = requests(graph, wanted.variant)
    known = {
        number: [
            (operator.name, form_of(graph.graphs[number], operator)) for operator in graph.graphs[number].operators
        ]
        for number in sorted(asked)
    }
    every = [pair for number in known for pair in zip(known[number], asked[number], strict=True)]
    linked = {
        form: {what: any(getattr(one, what) for of, one in every if of == form) for what in ("is_general", "is_int4")}
        for form, _ in every
    }
    made, forks, forms = plan(graph, asked, has_chase=wanted.has_chase), has_calls(graph), known[0]
    size, has_state = (
        wanted.arena_bytes or made.total_bytes,
        bool(made.states or made.kept or (graph.subgraphs and not forks)),
    )
    lines = rows(linked, wanted.variant)
    custom = [one for number in asked for one in graph.graphs[number].operators if one.name.startswith(CUSTOM)]
    with_it = "_with_calls" if forks else "_with_custom" if made.kept else "_with_state" if has_state else ""
    files = {
        "model.h": model_header(size, "0 or an enum tinyi_status", has_state=has_state),
        "model.c": _MODEL.format(
            alignment=_ALIGNMENT,
            arena=ARENA,
            bytes=size,
            unit=made.unit,
            is_apart=int(not wanted.has_chase),
            model_bytes=len(model),
            count=len(lines),
            operators="".join(f"  {line}\n" for line in lines),
            setup=(_SETUP_WITH_STATE if has_state else _SETUP).format(
                with_it=with_it, custom="_with_custom" if made.kept else ""
            ),
            calls="_with_calls" if forks else "",
            customs=f"{customs.source(custom)}\n" if custom else "",
        ),
        "model_data.S": incbin.source("model.tflite"),
    }
    write_files(out, backend, files)
    (out / "model.tflite").write_bytes(model)
    indices = [operator.index for operator in graph.operators]
    document = plan_document(
        graph,
        backend,
        # enum tinyi_status of tinyi.h
        statuses={
            "1": "the model is damaged",
            "2": "the model has an operator that was not linked",
            "3": "the model has a type, shape, option or quantisation that the kernels don't have",
            "4": f"the arena of {size} bytes is too small: it needs {made.total_bytes}; arena_bytes: 0 takes that",
        },
        dispatcher="tinyi_run_node",  # in set-up and in each inference
        forks=forks,
        inputs=[f"{ARENA}+{made.tensors[index].offset}" for index in graph.inputs],
        outputs=[f"{ARENA}+{made.tensors[index].offset}" for index in graph.outputs],
        calls=[
            (index, ENTRIES[form][name].called(**linked[name, form]))
            for index, (name, form) in zip(indices, forms, strict=True)
        ],
        references={index: one.reference for index, one in zip(indices, asked[0], strict=True)},
        arena=arena(
            size,
            made.unit,
            [*made.tensors.values(), *made.scratch, *made.kept.values()],
            [*indices, indices[-1]],
            {name: _writers(graph, index) for index, name in made.states.items()}
            | {place.name: [indices[node]] for node, place in made.kept.items()},
            holding=made.tensors,
        ),
        reset="model_reset" if has_state else "",
        weights_bytes=len(model),
        **real_tolerances(graph),
    )
    document.write(plan_path)


def _writers(graph: Graph, state: int) -> list[int]:
    """The operators that change a variable, or the resource variable that a tensor names."""
    key = graph.handles.get(state)
    return [
        operator.index
        for operator in graph.operators
        if (key is None and state in operator.inputs)
        or (operator.name == "ASSIGN_VARIABLE" and graph.handles[operator.inputs[0]] == key)
    ]
