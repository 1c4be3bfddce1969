"""The interpreter's table of layers, its arena, and what it tells of itself."""

import json
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "fcgen"))
from generate import layer, read

SOURCE = """\
_Alignas(16) uint8_t model_arena[{arena_bytes}];
uint32_t model_used, model_places[{tensors}];
static struct fcrun model = {{layers, {count}, chain, model_arena, sizeof model_arena, &model_used, model_places}};
int model_setup(void) {{
  for (int i = 0; i < {tensors}; ++i) model_places[i] = UINT32_MAX;
  return fcrun_setup(&model);
}}
int model_invoke(void) {{ return fcrun_invoke(&model); }}
"""


def main(graph_path, options_path, out):
    """Write model.c and plan.json."""
    graph, options = read(graph_path, options_path)
    operators, arena_bytes = graph["operators"], options["arena_bytes"]
    lines = ['#include "fcrun.h"']
    rows = [f"  {{{layer(graph, operator, lines)}}}," for operator in operators]
    lines += ["static const struct fcrun_layer layers[] = {", *rows, "};"]
    chain = [operators[0]["inputs"][0], *(operator["outputs"][0] for operator in operators)]
    lines += [f"static const int chain[] = {{{', '.join(map(str, chain))}}};"]
    text = SOURCE.format(arena_bytes=arena_bytes, tensors=len(graph["tensors"]), count=len(operators))
    (Path(out) / "model.c").write_text("\n".join(lines) + "\n" + text)
    plan = {
        "dispatcher": "fcrun_run",
        "statuses": {"1": "the arena is too small"},
        "layers": [{"index": operator["index"], "functions": ["fcrun_dense"]} for operator in operators],
        "arena": {"symbol": "model_arena", "bytes": arena_bytes, "used": "model_used", "places": "model_places"},
    }
    (Path(out) / "plan.json").write_text(json.dumps(plan))


main(*sys.argv[1:])
