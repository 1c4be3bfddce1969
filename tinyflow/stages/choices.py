"""Choices: what a backend can trade instructions for memory, by its own estimate; nothing is built."""

from __future__ import annotations

from importlib import import_module

from tinyflow.core.action import Workspace
from tinyflow.model import tflite_reader


def choices(workspace: Workspace) -> None:
    """Make `choices.json` of the input `model.tflite`: a list of goal, arena_bytes, instructions, the first as it is.

    Parameters: backend (its recipe's name), implementation (a module with `check` and `choices`), options; is_one where
    nothing but the first is asked for. Raises ModelError for a model that the backend can't compile.
    """
    parameters = workspace.parameters
    implementation = import_module(parameters["implementation"])
    graph = tflite_reader.read(workspace.inputs["model.tflite"])
    implementation.check(graph, parameters["backend"], parameters["options"])
    found = []
    for goal, arena_bytes, instructions in implementation.choices(graph, parameters["options"]):
        found.append({"goal": goal, "arena_bytes": arena_bytes, "instructions": round(instructions)})
        if parameters.get("is_one"):
            break
    workspace.write_json("choices.json", found)
