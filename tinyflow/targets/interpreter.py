"""A machine without firmware: an interpreter from its Python wheel runs the model itself, on this machine.

Wall time is real, and holds the wheel's way into native code, some microseconds; nothing else is counted.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyflow.core.action import Tool
from tinyflow.core.errors import RunError
from tinyflow.model.plan_document import PlanDocument
from tinyflow.targets.protocol import Capabilities, Counters, Machine

if TYPE_CHECKING:
    from tinyflow.model.interpreters import Interpreter


def capabilities(target: Mapping[str, Any]) -> Capabilities:  # noqa: ARG001 (every target's)
    """See `protocol`; a run needs the model alone."""
    return Capabilities(tuple(Tool("optional package", name) for name in ("ai-edge-litert", "tflite-micro")))


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> Interpreted:  # noqa: ARG001 (every target's)
    """The interpreter that `plan.json` names."""
    return Interpreted(PlanDocument.read(files["plan.json"]).interpreter)


class Interpreted(Machine):
    """One model in one interpreter: see `protocol.Machine`. Its symbols are `input<i>` and `output<i>`."""

    is_native = True
    repetitions = 5

    def __init__(self, name: str) -> None:
        self._name = name
        self._buffers: dict[str, bytes] = {}

    def load(self, firmware: Path) -> Counters:
        """Read the model, a `.tflite`; the interpreter starts with the call of `setup`."""
        from tinyflow.model import oracle

        started = time.perf_counter()
        self._model = firmware.read_bytes()
        self._graph = oracle.read(self._model, firmware.name)
        return Counters(time.perf_counter() - started)

    def call(
        self,
        symbol: str,
        *,
        limit_instructions: int,  # noqa: ARG002 (time limits do)
        given: bytes = b"",  # noqa: ARG002 (no function of it takes some)
    ) -> tuple[int, Counters]:
        """`setup`, `reset`, which is the same again, or `invoke`. Raises ModelError for what it refuses."""
        if symbol in ("setup", "reset"):
            from tinyflow.model.interpreters import litert, tflm

            started = time.perf_counter()
            self._interpreter: Interpreter
            if self._name == "tflm":
                self._interpreter = tflm(self._model, self._graph)
            else:
                self._interpreter = litert(self._model, self._graph, kernels="auto")
            return 0, Counters(time.perf_counter() - started)
        if symbol != "invoke":
            raise RunError("an interpreter has no such function", where=symbol)
        return 0, Counters(self._invoke())

    def read(self, symbol: str, size_bytes: int) -> bytes:
        """See `protocol.Machine`."""
        return self._known(symbol)[:size_bytes]

    def write(self, symbol: str, data: bytes) -> None:
        """See `protocol.Machine`."""
        self._buffers[symbol] = data

    def close(self) -> None:
        """See `protocol.Machine`."""

    def _invoke(self) -> float:
        """Seconds of one inference."""
        import numpy as np

        from tinyflow.model.reference import numpy_dtype

        tensors = [self._graph.tensors[index] for index in self._graph.inputs]
        sample = tuple(
            np.frombuffer(self._known(f"input{number}"), numpy_dtype(tensor)).reshape(tensor.shape)
            for number, tensor in enumerate(tensors)
        )
        started = time.perf_counter()
        outputs = self._interpreter(sample)
        elapsed_s = time.perf_counter() - started
        self._buffers |= {f"output{number}": array.tobytes() for number, array in enumerate(outputs)}
        return elapsed_s

    def _known(self, symbol: str) -> bytes:
        if symbol not in self._buffers:
            raise RunError("nothing has been written there", where=symbol)
        return self._buffers[symbol]
