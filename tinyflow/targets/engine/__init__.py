"""A machine without firmware: somebody else's engine, from its Python wheel, runs the model on this machine.

Wall time is the engine's own, on one thread, after some runs that aren't counted. Where the engine computes in float,
integers that stand for real values are converted on the way in and out, which isn't timed.
"""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path
from tempfile import mkdtemp
from typing import TYPE_CHECKING, Any

from tinyflow.core.errors import RunError
from tinyflow.targets.engine.process import Process
from tinyflow.targets.protocol import Capabilities, Counters, Machine

if TYPE_CHECKING:
    from tinyflow.model.graph import Tensor

ADAPTER, MADE, ENGINE = "adapter.py", "sources/", "engine.json"
_WARM_UP = 3
# of all samples together, and of each how often
_WORTH_S, _LEAST, _MOST = 2.0, 5, 50


def capabilities(target: Mapping[str, Any]) -> Capabilities:  # noqa: ARG001 (every target's)
    """See `protocol`; what an engine needs is its recipe's."""
    return Capabilities(())


def open_machine(target: Mapping[str, Any], files: Mapping[str, Path]) -> EngineMachine:
    """The engine that `engine.json` names."""
    return EngineMachine(json.loads(files[ENGINE].read_bytes()), files, target["limit_s"])


class EngineMachine(Machine):
    """One model in one engine: see `protocol.Machine`. Its symbols are `input<i>` and `output<i>`."""

    is_native = True

    def __init__(self, settings: Mapping[str, Any], files: Mapping[str, Path], limit_s: float) -> None:
        self.repetitions = _LEAST
        self._settings = settings
        self._files = files
        self._limit_s = limit_s
        self._buffers: dict[str, bytes] = {}
        self._process: Process | None = None

    def load(self, firmware: Path) -> Counters:
        """Read the model, a `.tflite`, for its inputs and outputs, and start the engine."""
        from tinyflow.model import tflite_reader

        started = time.perf_counter()
        graph = tflite_reader.read(firmware)
        self._inputs, self._outputs = ([graph.tensors[i] for i in part] for part in (graph.inputs, graph.outputs))
        folder = Path(mkdtemp(dir=firmware.parent.parent))
        self._process = Process(self._settings, self._files[ADAPTER], folder, self._limit_s)
        return Counters(time.perf_counter() - started)

    def call(
        self,
        symbol: str,
        *,
        limit_instructions: int,  # noqa: ARG002 (time limits do)
        given: bytes = b"",  # noqa: ARG002 (no function of it takes some)
    ) -> tuple[int, Counters]:
        """`setup`, which loads the model and warms the engine up, or `invoke`. Raises ModelError and RunError."""
        assert self._process is not None
        if symbol == "setup":
            loaded_s = self._process.load(self._files[MADE], self._settings["inputs"], self._settings["outputs"])
            for number, tensor in enumerate(self._inputs):
                self._buffers[f"input{number}"] = bytes(tensor.size_bytes)
            elapsed_s = min(self._invoke() for _ in range(_WARM_UP))
            self.repetitions = min(max(int(_WORTH_S / 8 / max(elapsed_s, 1e-6)), _LEAST), _MOST)
            return 0, Counters(loaded_s)
        if symbol != "invoke":
            raise RunError("an engine has no such function", where=symbol)
        return 0, Counters(self._invoke())

    def read(self, symbol: str, size_bytes: int) -> bytes:
        """See `protocol.Machine`."""
        return self._known(symbol)[:size_bytes]

    def write(self, symbol: str, data: bytes) -> None:
        """See `protocol.Machine`."""
        self._buffers[symbol] = data

    def told(self) -> dict[str, Any]:
        """See `protocol.Machine`."""
        assert self._process is not None
        return self._process.tell()

    def close(self) -> None:
        """See `protocol.Machine`."""
        if self._process is not None:
            self._process.close()

    def _invoke(self) -> float:
        """Seconds of one inference."""
        assert self._process is not None
        given = [self._given(tensor, self._known(f"input{i}")) for i, tensor in enumerate(self._inputs)]
        ports = [(dtype, tensor.shape) for (dtype, _), tensor in zip(given, self._inputs, strict=True)]
        elapsed_s, told, content = self._process.invoke(ports, b"".join(data for _, data in given))
        self._take(told, content)
        return elapsed_s

    def _is_real(self, tensor: Tensor) -> bool:
        """Whether the engine has the real values that integers of ours stand for."""
        is_dequantised = self._settings["takes"] == "dequantised"
        return is_dequantised and tensor.is_integer and tensor.quantisation is not None

    def _given(self, tensor: Tensor, data: bytes) -> tuple[str, bytes]:
        """An input's type and bytes for the engine."""
        import numpy as np

        if not self._is_real(tensor):
            return tensor.dtype, data
        assert tensor.quantisation is not None
        steps = np.frombuffer(data, np.dtype(tensor.dtype)).astype(np.float32) - tensor.quantisation.zero_point
        return "float32", (steps * np.float32(tensor.quantisation.scale)).astype(np.float32).tobytes()

    def _take(self, told: Any, content: bytes) -> None:
        """Outputs as the model has them. Raises RunError for others."""
        import numpy as np

        from tinyflow.model.reference import quantise

        wanted = [("float32" if self._is_real(one) else one.dtype, one.elements) for one in self._outputs]
        got = [(dtype, int(np.prod(shape))) for dtype, shape in told]
        if got != wanted:
            name = self._settings["name"]
            what = f"{name} gives outputs of {_spelled(got)}; the model's are {_spelled(wanted)}"
            raise RunError(what, where="invoke", hint="it converted another network, or its adapter is wrong")
        place = 0
        for number, (tensor, (dtype, count)) in enumerate(zip(self._outputs, wanted, strict=True)):
            array = np.frombuffer(content, np.dtype(dtype), count, place)
            place += array.nbytes
            if self._is_real(tensor):
                if not np.isfinite(array).all():
                    raise RunError(
                        "an output is no finite number", where=f"output {number}", hint="it computes in float"
                    )
                array = quantise(array.reshape(tensor.shape), tensor)
            self._buffers[f"output{number}"] = array.tobytes()

    def _known(self, symbol: str) -> bytes:
        if symbol not in self._buffers:
            raise RunError("nothing has been written there", where=symbol)
        return self._buffers[symbol]


def _spelled(ports: list[tuple[str, int]]) -> str:
    return ", ".join(f"{count} {dtype}" for dtype, count in ports)
