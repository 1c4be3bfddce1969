"""Processors that only QEMU has: where their memory lies, and the counter that QEMU loads."""

from __future__ import annotations

import tempfile
from functools import cache
from pathlib import Path

from tinyflow.core.action import SourceFile, Workspace
from tinyflow.targets.qemu import counter

PLACES = {
    "cortex-m55": (("flash", 0x01000000, 2 << 20), ("ram", 0x21000000, 4 << 20)),
    "rv32gcv": (("flash", 0x80000000, 1 << 20), ("ram", 0x80100000, 5 << 20)),
    "rv64gcv": (("flash", 0x80000000, 1 << 20), ("ram", 0x80100000, 5 << 20)),
}


@cache
def plugin() -> Path:
    """QEMU's counter, built as its action builds it."""
    made = counter.library().action
    folder = Path(tempfile.mkdtemp())
    (folder / "out").mkdir()
    source = made.inputs["counter.c"]
    assert isinstance(source, SourceFile)
    outputs = {counter.LIBRARY: folder / "out" / counter.LIBRARY}
    counter.build(Workspace(folder, made.parameters, {"counter.c": source.path}, outputs, folder / "log", 120))
    return outputs[counter.LIBRARY]
