"""Arrays of programs as bytes of a network's tensors, and back: shapes, types, scales. Refuses what doesn't fit."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from tinyflow.core.errors import UsageError
from tinyflow.model.graph import Quantisation, Tensor
from tinyflow.model.reference import numpy_dtype, quantise

Array = npt.NDArray[Any]


@dataclass(frozen=True)
class Port:
    """One input or output of a network, of one sample."""

    name: str  # for people: `input 0`
    tensor: Tensor

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one sample, without a batch of one."""
        shape = tuple(self.tensor.shape)
        return shape[1:] if shape[:1] == (1,) else shape

    @property
    def is_scaled(self) -> bool:
        """Whether its integers stand for real values by one scale."""
        return self.tensor.quantisation is not None and self.tensor.is_integer

    @property
    def _hint(self) -> str:
        real = ", or real values, which its scale quantises" if self.is_scaled else ""
        return f"the network takes {self.tensor.dtype}{real}; n samples are ({', '.join(['n', *map(str, self.shape)])})"

    def taken(self, given: npt.ArrayLike) -> tuple[Array, bool]:
        """Samples in the tensor's own type, and whether they were real values of a quantised one. Raises UsageError."""
        try:
            array = np.asarray(given)
        except ValueError:  # lists of several lengths
            raise UsageError(f"{self.name} is no array", hint=self._hint) from None
        if array.shape[1:] not in (self.shape, tuple(self.tensor.shape)) or not array.ndim:
            shape = f"({', '.join(map(str, array.shape))})"
            raise UsageError(f"{self.name} has shape {shape}", hint=self._hint)
        dtype, is_real = numpy_dtype(self.tensor), array.dtype.kind == "f"
        if array.dtype != dtype and not (is_real and (self.is_scaled or dtype.kind == "f")):
            raise UsageError(f"{self.name} is {array.dtype}", hint=self._hint)
        if is_real and not np.isfinite(array).all():
            raise UsageError(f"{self.name} has values that are not finite")
        return (quantise(array, self.tensor) if array.dtype != dtype else array), is_real and dtype.kind != "f"

    def real(self, array: Array) -> Array:
        """What integers stand for; an array without a scale as it is."""
        scheme = self.tensor.quantisation
        if scheme is None or not self.is_scaled:
            return array
        real: Array = ((array.astype(np.float64) - scheme.zero_point) * scheme.scale).astype(np.float32)
        return real


@dataclass(frozen=True)
class Ports:
    """The inputs, or the outputs, of a network."""

    ports: Sequence[Port]

    @classmethod
    def of(cls, described: Sequence[Mapping[str, Any]], kind: str) -> Ports:
        """As reference.json describes them."""
        return cls([Port(f"{kind} {index}", _tensor(port)) for index, port in enumerate(described)])

    def to_bytes(self, given: Any) -> tuple[list[bytes], bool]:
        """For every sample all tensors, one behind the other, and whether real values came. Raises UsageError.

        `given` is an array, or one for each input.
        """
        arrays = [given] if len(self.ports) == 1 or not isinstance(given, (list, tuple)) else given
        if len(arrays) != len(self.ports):
            what = f"{len(arrays)} array{'s' * (len(arrays) != 1)} for {len(self.ports)} inputs"
            raise UsageError(what, hint="give a list with an array for each input")
        taken = [port.taken(array) for port, array in zip(self.ports, arrays, strict=True)]
        counts = [len(array) for array, _ in taken]
        if len(set(counts)) != 1 or not counts[0]:
            what = "there are no samples" if not any(counts) else f"inputs have {counts} samples"
            raise UsageError(what, hint="the first dimension is that of samples, the same in all arrays")
        samples = zip(*(array for array, _ in taken), strict=True)
        return [b"".join(part.tobytes() for part in sample) for sample in samples], any(real for _, real in taken)

    def of_bytes(self, content: bytes, *, is_real: bool = False) -> tuple[Array, ...]:
        """An array for each tensor, samples first."""
        sizes = [port.tensor.size_bytes for port in self.ports]
        samples = np.frombuffer(content, np.uint8).reshape(-1, sum(sizes))
        parts = np.split(samples, np.cumsum(sizes)[:-1], axis=1)
        arrays = [
            np.ascontiguousarray(part).view(numpy_dtype(port.tensor)).reshape(len(samples), *port.shape)
            for port, part in zip(self.ports, parts, strict=True)
        ]
        return tuple(port.real(array) if is_real else array for port, array in zip(self.ports, arrays, strict=True))


def _tensor(port: Mapping[str, Any]) -> Tensor:
    scale = port["scale"]
    scheme = None if scale is None else Quantisation((scale,), (port["zero_point"],))
    return Tensor(index=0, name="", shape=tuple(port["shape"]), dtype=port["dtype"], quantisation=scheme)
