"""Parameters by name as TVM keeps them in a file: `tvm.runtime.save_param_dict` and `load_param_dict`.

Little-endian: the list's magic number and 8 bytes reserved; the names, counted, each with its length; the arrays,
counted, each with its magic number, 8 bytes reserved, device, number of dimensions, type, shape, byte count and bytes.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

# kTVMNDArrayListMagic and kTVMTensorMagic; DLDeviceType of a CPU; DLDataTypeCode by numpy's kinds
_LIST, _ARRAY = 0xF7E58D4F05049CB7, 0xDD5E40F096B4A13F
_CPU, _CODES = 1, {"i": 0, "u": 1, "f": 2, "b": 6}
_MOST_DIMENSIONS = 32  # as many as numpy had for long
_KINDS = {code: kind for kind, code in _CODES.items()}


def dump(parameters: Mapping[str, NDArray[Any]]) -> bytes:
    """The file's bytes."""
    names = [name.encode() for name in parameters]
    parts = [struct.pack("<QQQ", _LIST, 0, len(names))]
    parts += [struct.pack("<Q", len(name)) + name for name in names]
    parts.append(struct.pack("<Q", len(names)))
    for array in parameters.values():
        data = array.astype(array.dtype.newbyteorder("<")).tobytes()
        kind = (_CODES[array.dtype.kind], 8 * array.dtype.itemsize, 1)
        parts.append(struct.pack("<QQiiiBBH", _ARRAY, 0, _CPU, 0, array.ndim, *kind))
        parts.append(struct.pack(f"<{array.ndim}qq", *array.shape, len(data)) + data)
    return b"".join(parts)


def load(content: bytes) -> dict[str, NDArray[Any]]:
    """The arrays of a file that `dump` or TVM wrote. ValueError for anything else."""
    reader = _Reader(content)
    magic, _, count = reader.read("QQQ")
    names = [reader.take(*reader.read("Q")).decode() for _ in range(count)]
    if magic != _LIST or reader.read("Q") != (count,):
        raise ValueError("not parameters: another magic number")
    found = {name: reader.array() for name in names}
    if reader.place != len(content):
        raise ValueError("not parameters: there is something behind them")
    return found


class _Reader:
    """What is left of a file."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.place = 0

    def take(self, size: int) -> bytes:
        """The next bytes."""
        self.place += size
        if self.place > len(self._content):
            raise ValueError("parameters are cut off")
        return self._content[self.place - size : self.place]

    def read(self, form: str) -> tuple[Any, ...]:
        """The next numbers."""
        return struct.unpack(f"<{form}", self.take(struct.calcsize(f"<{form}")))

    def array(self) -> NDArray[Any]:
        """The next array."""
        magic, _, device, _, dimensions, code, bits, lanes = self.read("QQiiiBBH")
        known = (magic, device, lanes) == (_ARRAY, _CPU, 1) and code in _KINDS and bits in (8, 16, 32, 64)
        if not known or not 0 <= dimensions <= _MOST_DIMENSIONS:
            raise ValueError("not parameters: an array is not one of numbers")
        *shape, size = self.read(f"{dimensions}qq")
        if min(shape, default=0) < 0 or size != math.prod(shape) * bits // 8:
            raise ValueError("not parameters: an array's shape and size don't agree")
        return np.frombuffer(self.take(size), f"<{_KINDS[code]}{bits // 8}").reshape(shape)
