"""Stage scratch: how many bytes of scratch own kernels need, told by their libraries' own functions on the target.

A library's answer depends on the processor and on what it is compiled with, so that its very objects are asked, where
they will run: in a firmware that has those functions and the layers' parameters in place of a model.
"""

from __future__ import annotations

import struct
from importlib import import_module

from tinyflow.core.action import Workspace
from tinyflow.core.errors import RunError
from tinyflow.model import tflite_reader
from tinyflow.stages.inner_firmware import build_inner, emptied
from tinyflow.targets.protocol import open_machine

_MOST_BYTES = 16 * 1024**2


def scratch(workspace: Workspace) -> None:
    """Make `scratch.json`: bytes by the number of a step in the backend's program.

    Parameters and inputs: those of stage generate, of compiling, linking and running. Raises RunError for a function
    that faults, or tells what can't be.
    """
    parameters, inputs = workspace.parameters, workspace.inputs
    implementation = import_module(parameters["implementation"])
    graph = getattr(implementation, "read", tflite_reader.read)(inputs["model.tflite"])
    implementation.check(graph, parameters["backend"], parameters["options"])
    sources = emptied(workspace.folder / "sources")
    asked = implementation.write_scratch(graph, parameters["backend"], parameters["options"], sources)
    firmware = build_inner(workspace, sources, workspace.folder)
    machine = open_machine(parameters["target"], inputs)
    try:
        machine.load(firmware)
        machine.call("model_setup", limit_instructions=parameters["limit_instructions"])
        told = struct.unpack(f"<{len(asked)}i", machine.read("model_arena", 4 * len(asked))) if asked else ()
    except RunError as error:
        functions = sorted({function for function, _ in asked.values()})
        raise RunError(f"scratch of own kernels: {error.what}", hint=f"asked: {', '.join(functions)}") from error
    finally:
        machine.close()
    for (function, layer), size in zip(asked.values(), told, strict=True):
        if not 0 <= size <= _MOST_BYTES:
            hint = f"it must return bytes, from 0 to {_MOST_BYTES}"
            raise RunError(f"{function} says that {layer} needs {size} bytes of scratch", hint=hint)
    workspace.write_json("scratch.json", dict(zip(asked, told, strict=True)))
