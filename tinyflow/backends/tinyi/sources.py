"""The few lines of C around the interpreter, the file itself, and the memory plan as JSON."""

from __future__ import annotations

from pathlib import Path

from tinyflow.backends.generated import ARENA, arena, model_header, plan_document, write_files
from tinyflow.backends.tinyi.operators import ENTRIES, request
from tinyflow.backends.tinyi.planner import plan
from tinyflow.model.graph import Graph
from tinyflow.model.operators import describe

_ALIGNMENT = 16

# the assembler looks for the file where it looks for headers
_DATA = """\
.section .rodata.model_tflite, "a"
.balign 16
.global model_tflite
model_tflite:
  .incbin "model.tflite"
model_tflite_end:
.global model_tflite_end
#if defined(__ELF__) && (defined(__linux__) || defined(__unix__))
.section .note.GNU-stack, "", %progbits
#endif
"""

_MODEL = """\
#include "model.h"

#include <stddef.h>

#include "tinyi.h"
#include "tinyi/operators.h"

_Alignas({alignment}) int8_t {arena}[{bytes}];

/* model.tflite, as it is */
extern const uint8_t model_tflite[{model_bytes}];

static const struct tinyi_operator operators[] = {{
{operators}}};

static const struct tinyi_config config = {{
    model_tflite, {model_bytes}, operators, {count}, (uint8_t*){arena}, {bytes}, {unit},
}};

static struct tinyi model;

int model_setup(void) {{
  model.config = &config;
  return tinyi_setup(&model);
}}

int model_invoke(void) {{ return tinyi_invoke(&model); }}
"""


def write_sources(
    model: bytes, graph: Graph, backend: str, variant: str, arena_bytes: int, out: Path, plan_path: Path
) -> None:
    """Write `model.tflite`, the C around it, and the plan. `arena_bytes`: 0 for what the plan needs."""
    requests = [request(graph, operator, variant) for operator in graph.operators]
    rare = {operator.name for operator, request in zip(graph.operators, requests, strict=True) if request.is_general}
    made = plan(graph, requests)
    size = arena_bytes or made.total_bytes
    names = list(dict.fromkeys(operator.name for operator in graph.operators))
    files = {
        "model.h": model_header(size, "0 or an enum tinyi_status"),
        "model.c": _MODEL.format(
            alignment=_ALIGNMENT,
            arena=ARENA,
            bytes=size,
            unit=made.unit,
            model_bytes=len(model),
            count=len(names),
            operators="".join(_entry(name, variant, is_general=name in rare) for name in names),
        ),
        "model_data.S": _DATA,
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
        inputs=[f"{ARENA}+{made.tensors[index].offset}" for index in graph.inputs],
        outputs=[f"{ARENA}+{made.tensors[index].offset}" for index in graph.outputs],
        calls=[(operator.index, ENTRIES[operator.name].function) for operator in graph.operators],
        arena=arena(size, made.unit, [*made.tensors.values(), *made.scratch], [*indices, indices[-1]]),
        weights_bytes=len(model),
    )
    document.write(plan_path)


def _entry(name: str, variant: str, *, is_general: bool) -> str:
    """A line of the operator table; numbers are those of TFLite's enumeration."""
    import tflite

    entry, described = ENTRIES[name], describe(name)
    kernel = entry.kernel_symbol(variant, is_general=is_general) or "NULL"
    numbers = f"{getattr(tflite.BuiltinOperator, name)}, {described.versions[1]}, {described.outputs}"
    return f"  {{{numbers}, {entry.function}, {kernel}, {entry.plan or 'NULL'}}}, /* {name} */\n"
