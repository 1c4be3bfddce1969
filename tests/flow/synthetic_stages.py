"""The stage function of the synthetic benches. It imports core only: what a stage imports is part of its key."""

from __future__ import annotations

import json

from tinyflow.core.action import Workspace
from tinyflow.core.errors import DoesNotFit, RunError, Timeout, ValidationError

OUTPUTS = {
    "fetch": ("model.tflite", "origin.json"),
    "convert": ("graph.json",),
    "generate": ("sources/", "plan.json"),
    "link": ("firmware.elf", "firmware.map", "sizes.json"),
    "run": ("run.json", "timing.json"),
    "report": ("row.json",),
}
EXACT = {"reference": "tflm", "samples": 2, "result": "exact", "max_abs_error": 0}
CONTENT = {
    "origin.json": {"weights": "synthetic", "source": "zoo"},
    "graph.json": {
        **{"macs": 1000, "inputs": [0], "outputs": [1]},
        "operators": [{"index": 0, "name": "SOFTMAX", "inputs": [0], "outputs": [1]}],
        "tensors": [
            {"index": index, "name": "t", "shape": [1, 4], "dtype": "int8", "bytes": 4, "constant": False}
            for index in range(2)
        ],
    },
    "plan.json": {"arena": {"bytes": 512}, "weights_bytes": 2048},
    "sizes.json": {
        "rom_bytes": 96,
        "rom_code": 20,
        "rom_rodata": 28,
        "rom_data": 48,
        "ram_data": 48,
        "ram_bss": 600,
        "regions": {"flash": {"used": 96, "size": 1024}},
        "symbols": [{"name": "conv_3", "bytes": 20, "section": ".text"}],
    },
    "run.json": {
        "setup_instructions": 7,
        "invoke_instructions": [5000, 5002],
        "stack_peak_bytes": 100,
        "heap_peak_bytes": 0,
        "validation": EXACT,
    },
    "timing.json": {"wall_s": 0.25, "simulated_mips": 400.0},
}
_WRONG = ValidationError("sample 3, output 1: 17 where 18 is expected", hint="compare the layers")
_WRONG.documents = {
    "run.json": {
        **CONTENT["run.json"],
        "validation": {**EXACT, "result": "wrong", "max_abs_error": 1, "equal_share": 0.5},
    },
    "timing.json": CONTENT["timing.json"],
}
FAILURES = {
    "faults": RunError("hard fault in conv_3 at 0x08001234", hint="look at the last block"),
    "differs": _WRONG,
    "overflows": DoesNotFit("needs 412 KiB of RAM as linked, chip has 320 KiB", hint="choose a smaller model"),
    "hangs": Timeout("more than 1000 instructions", hint="raise `limit`"),
    "buggy": KeyError("nowhere"),
}


def write(workspace: Workspace) -> None:
    """Write every output; fail or wait as the bench wants at the run stage."""
    behaviour = workspace.parameters.get("behaviour", "")
    if behaviour in FAILURES:
        raise FAILURES[behaviour]
    if behaviour == "sleeps":
        workspace.run(["sleep", "60"])
    if behaviour.startswith("pauses"):
        workspace.progress("2 of 3 done")
        workspace.run(["sleep", "0.7"])
    for name, path in workspace.outputs.items():
        if name.endswith("/"):
            (path / "model.c").write_text("int model_invoke(void);\n")
        else:
            path.write_text(json.dumps(CONTENT[name]) if name in CONTENT else f"{name} of {workspace.parameters}\n")
    if behaviour.startswith("pauses"):  # nobody else's output, so that it is made again where the cache was lost
        workspace.outputs["timing.json"].write_text(json.dumps(CONTENT["timing.json"] | {"of": behaviour}))
