"""Fully connected layers, one call each: the graph as JSON becomes one C file and a plan of its memory."""

import base64
import json
import math
import sys
from pathlib import Path


def numbers(text, size):
    """Little-endian integers of `size` bytes."""
    data = base64.b64decode(text)
    return [int.from_bytes(data[i : i + size], "little", signed=True) for i in range(0, len(data), size)]


def rescaling(real):
    """A factor as multiplier * 2^(shift - 31), as TFLite's QuantizeMultiplier has it."""
    fraction, shift = math.frexp(real)
    multiplier = math.floor(fraction * (1 << 31) + 0.5)
    return (multiplier // 2, shift + 1) if multiplier == 1 << 31 else (multiplier, shift)


def array(kind, name, values):
    """A constant array in C."""
    return f"static const {kind} {name}[] = {{{', '.join(map(str, values))}}};"


def layer(graph, operator, lines):
    """The constants of one layer, and the arguments of the kernel up to its input."""
    tensors, index = graph["tensors"], operator["index"]
    read, weights, bias = (tensors[i] for i in operator["inputs"])
    written = tensors[operator["outputs"][0]]
    scale = read["scales"][0] * weights["scales"][0] / written["scales"][0]
    multiplier, shift = rescaling(scale)
    zero_point = written["zero_points"][0]
    lowest = zero_point if operator["options"]["activation"] == "RELU" else -128
    outputs, inputs = weights["shape"]
    lines.insert(1, array("int8_t", f"weights{index}", numbers(weights["data"], 1)))
    lines.insert(1, array("int32_t", f"bias{index}", numbers(bias["data"], 4)))
    return (
        f"weights{index}, bias{index}, {inputs}, {outputs}, {-read['zero_points'][0]}, {multiplier},"
        f" {shift}, {zero_point}, {lowest}"
    )


def read(graph_path, options_path):
    """The graph, and the options. Refuses what is not a chain of fully connected layers."""
    graph, options = (json.loads(Path(path).read_text()) for path in (graph_path, options_path))
    others = {operator["name"] for operator in graph["operators"]} - {"FULLY_CONNECTED"}
    if others:
        sys.exit(f"error: only fully connected layers, not {', '.join(sorted(others))}")
    return graph, options


def main(graph_path, options_path, out):
    """Write model.c and plan.json."""
    graph, options = read(graph_path, options_path)
    widest = max(tensor["bytes"] for tensor in graph["tensors"] if tensor["data"] is None)
    lines = ['#include "fclib.h"', f"static int8_t arena[2][{widest}];", "int model_setup(void) { return 0; }"]
    lines += [f"int8_t model_input_0[{graph['tensors'][graph['inputs'][0]]['bytes']}];"]
    lines += [f"int8_t model_output_0[{graph['tensors'][graph['outputs'][0]]['bytes']}];"]
    lines += ["int model_invoke(void) {"]
    source = "model_input_0"
    for operator in graph["operators"]:
        is_last = operator is graph["operators"][-1]
        target = "model_output_0" if is_last else f"arena[{operator['index'] % 2}]"
        lines.append(f"  fc_layer({layer(graph, operator, lines)}, {source}, {target});")
        source = target
    lines += ["  return 0;", "}"]
    (Path(out) / "model.c").write_text(f"#define FC_UNROLL {options['unroll']}\n" + "\n".join(lines) + "\n")
    (Path(out) / "plan.json").write_text(json.dumps({"arena": {"bytes": 2 * widest}}))


if __name__ == "__main__":
    main(*sys.argv[1:])
