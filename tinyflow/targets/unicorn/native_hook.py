"""Hooks in C, which Unicorn calls without Python in between."""

from __future__ import annotations

import ctypes
from typing import Any

from tinyflow.targets.unicorn.processor import Processor


class Status(ctypes.Structure):
    """`struct tf_status` of it_block.h."""

    _fields_ = (("read", ctypes.c_void_p), ("write", ctypes.c_void_p), ("number", ctypes.c_int32))

    @classmethod
    def of(cls, processor: Processor) -> Status:
        """For an engine of that processor."""
        from unicorn.unicorn_py3.unicorn import uclib

        number = -1 if processor.instruction_set.is_riscv else processor.register("cpsr")
        return cls(address(uclib.uc_reg_read), address(uclib.uc_reg_write), number)


def add(
    engine: Any,
    kind: int,
    function: Any,
    data: ctypes.Structure,
    begin: int = 1,
    end: int = 0,
    *,
    is_flushed: bool = True,
) -> int:
    """Call a library's function with `data` from now on, for addresses from `begin` to `end`, or all where begin > end.

    Both must outlive the engine's last run. Without `is_flushed` only code calls it that is translated from now on, or
    that calls others of its kind. The hook's handle.
    """
    from unicorn.unicorn_py3.unicorn import uclib  # the library that `engine` lives in

    if is_flushed:
        engine.ctl_flush_tb()  # code that was translated before would not call the new hook
    handle, limits = ctypes.c_size_t(), (ctypes.c_uint64(begin), ctypes.c_uint64(end))
    status = uclib.uc_hook_add(engine._uch, ctypes.byref(handle), kind, function, ctypes.byref(data), *limits)
    if status != 0:
        raise RuntimeError(f"uc_hook_add failed with {status}")
    return handle.value


def address(function: Any) -> int:
    """Where a function of a loaded library lies."""
    return ctypes.cast(function, ctypes.c_void_p).value or 0
