"""The interpreters that people trust, TFLM and LiteRT, as their Python wheels have them.

Both packages are imported inside the functions that need them. An interpreter runs native code on the model: call it
only from an action.
"""

from __future__ import annotations

from importlib.metadata import version
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt

from tinyflow.core.errors import ModelError, ToolError
from tinyflow.model.graph import Graph

Array = npt.NDArray[Any]
Sample = tuple[Array, ...]  # one array for each graph input or output, in the graph's order

# TFLM keeps its tables of tensors and operators in the arena too
_TFLM_TABLES_BYTES = 1 << 20
_TFLM_ALIGNMENT = 16
REFUSED_HINT = "change the operator that is named, or leave it out: nobody else can say which outputs are right"
_PACKAGES = {"tflite-micro": "tflite_micro", "ai-edge-litert": "ai_edge_litert"}


class Interpreter(Protocol):
    """One model, ready to run."""

    def invoke(self, sample: Sample) -> Sample:
        """Outputs for one set of inputs."""


def is_importable(package: str) -> bool:
    """Whether a package is installed and loads."""
    try:
        __import__(package)
    except ImportError:
        return False
    return True


def interpreter_versions() -> dict[str, str]:
    """Package → version, of the interpreters that are there."""
    return {name: version(name) for name, package in _PACKAGES.items() if is_importable(package)}


class Tflm:
    """TFLM with its reference kernels and an arena of a given size. Raises ModelError for a model that it refuses."""

    def __init__(self, model: bytes, graph: Graph, arena_bytes: int | None = None) -> None:
        """Without `arena_bytes` it gets more than it can need. Raises ToolError where the wheel is missing."""
        if not is_importable("tflite_micro"):
            raise ToolError("TFLM's wheel is not installed", hint="pip install tflite-micro", missing=True)
        from tflite_micro import runtime

        if arena_bytes is None:
            arena_bytes = _most_arena_bytes(graph)
        self._outputs = len(graph.outputs)
        try:
            self._interpreter = runtime.Interpreter.from_bytes(model, arena_size=arena_bytes)
        except Exception as error:  # its wheel parses parts of the file that our reader skips; no error of its own
            raise _tflm_refuses(error) from None

    def invoke(self, sample: Sample) -> Sample:
        """See `Interpreter`."""
        try:
            for i, array in enumerate(sample):
                self._interpreter.set_input(array, i)
            self._interpreter.invoke()
            return tuple(np.array(self._interpreter.get_output(i)) for i in range(self._outputs))
        except Exception as error:
            raise _tflm_refuses(error) from None


def _tflm_refuses(error: Exception) -> ModelError:
    return ModelError(f"TFLM can't run it: {error}", hint=REFUSED_HINT)


def _most_arena_bytes(graph: Graph) -> int:
    return _TFLM_TABLES_BYTES + 4 * (graph.peak_live_bytes + graph.weights_bytes)


def tflm_arena_bytes(model: bytes, graph: Graph) -> int:
    """The smallest arena, in steps of 16 bytes, with which TFLM sets the model up on this machine.

    Found by bisection: its pointers have 8 bytes here and 4 on a chip, where its tables are smaller.
    """
    too_small, enough = 0, -(-_most_arena_bytes(graph) // _TFLM_ALIGNMENT)
    Tflm(model, graph, enough * _TFLM_ALIGNMENT)
    while enough - too_small > 1:
        middle = (too_small + enough) // 2
        try:
            Tflm(model, graph, middle * _TFLM_ALIGNMENT)
            enough = middle
        except ModelError:
            too_small = middle
    return enough * _TFLM_ALIGNMENT


class Litert:
    """LiteRT on one thread: its reference kernels, its optimised ones, or those that it takes by itself (XNNPACK)."""

    def __init__(self, model: bytes, graph: Graph, *, kernels: Literal["reference", "optimised", "auto"]) -> None:
        """Raises ModelError for a model that it refuses."""
        from ai_edge_litert.interpreter import Interpreter as Native
        from ai_edge_litert.interpreter import OpResolverType

        resolver = {
            "reference": OpResolverType.BUILTIN_REF,
            "optimised": OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
            "auto": OpResolverType.AUTO,
        }[kernels]
        self._graph = graph
        try:
            self._interpreter = Native(model_content=model, experimental_op_resolver_type=resolver, num_threads=1)
            self._interpreter.allocate_tensors()
        except (RuntimeError, ValueError) as error:
            raise _litert_refuses(error) from None

    def invoke(self, sample: Sample) -> Sample:
        """See `Interpreter`."""
        try:
            for index, array in zip(self._graph.inputs, sample, strict=True):
                self._interpreter.set_tensor(index, array)
            self._interpreter.invoke()
            return tuple(np.array(self._interpreter.get_tensor(index)) for index in self._graph.outputs)
        except (RuntimeError, ValueError) as error:
            raise _litert_refuses(error) from None


def _litert_refuses(error: Exception) -> ModelError:
    return ModelError(f"LiteRT can't run it: {error}", hint=REFUSED_HINT)
