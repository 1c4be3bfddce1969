"""The plugin's table of executed blocks, shared with QEMU's process through a file, and how the plugin is built."""

from __future__ import annotations

import mmap
import platform
import struct
from importlib.util import find_spec
from pathlib import Path

from tinyflow.core.action import Action, Output, SourceFile, Tool, Workspace
from tinyflow.core.errors import ToolError
from tinyflow.targets.blocks import Edge

LIBRARY = "qemu_counter.so"
_SOURCE = Path(__file__).with_name("counter.c")
# `struct tf_table` of counter.c: instructions, limit, last, last_size, is_over_limit, used, is_full; then the edges.
_HEAD_FORMAT = "=QQQIIII"
_HEAD_BYTES = struct.calcsize(_HEAD_FORMAT)
_EDGE_FORMAT = "=QQQIIII"  # from, address, executions, from_size, size, instructions, is_used
_CAPACITY = 1 << 16
_TABLE_BYTES = _HEAD_BYTES + _CAPACITY * struct.calcsize(_EDGE_FORMAT)


def library() -> Output:
    """The plugin, compiled for the machine that we are on."""
    machine = {"arm64": "aarch64", "AMD64": "x86_64"}.get(platform.machine(), platform.machine())
    action = Action(
        stage="compile",
        title="compile QEMU's block counter",
        function=f"{__name__}:build",
        outputs=(LIBRARY,),
        parameters={"triple": f"{machine}-linux-gnu.2.17"},
        inputs={"counter.c": SourceFile(_SOURCE, "targets/qemu/counter.c")},
        tools=(Tool("package", "ziglang"),),
    )
    return action.output(LIBRARY)


def build(workspace: Workspace) -> None:
    """Compile counter.c; what it calls is found in QEMU's process."""
    spec = find_spec("ziglang")
    if spec is None or not spec.submodule_search_locations:
        raise ToolError("the package ziglang is not installed", hint="pip install ziglang", missing=True)
    zig_cache = str(workspace.folder / "zig-cache")
    workspace.run(
        [
            *(Path(spec.submodule_search_locations[0]) / "zig", "cc", "-target", workspace.parameters["triple"]),
            *("-mcpu=baseline", "-std=c11", "-Wall", "-Wextra", "-Werror", "-Wconversion", "-O2", "-fPIC"),
            *("-ffreestanding", "-shared", "-nostdlib", "-s", "-Wl,-z,undefs"),
            *(workspace.inputs["counter.c"], "-o", workspace.outputs[LIBRARY]),
        ],
        environment={"ZIG_GLOBAL_CACHE_DIR": zig_cache, "ZIG_LOCAL_CACHE_DIR": zig_cache},
    )


class Table:
    """The counts of one process; it must be stopped while they are read or reset."""

    def __init__(self, path: Path) -> None:
        with path.open("wb+") as file:
            file.truncate(_TABLE_BYTES)
            self._memory = mmap.mmap(file.fileno(), _TABLE_BYTES)

    def _head(self) -> tuple[int, ...]:
        return struct.unpack_from(_HEAD_FORMAT, self._memory)

    @property
    def instructions(self) -> int:
        """In all blocks since `reset`."""
        return self._head()[0]

    @property
    def last(self) -> tuple[int, int]:
        """Address and bytes of the block that was entered last; (0, 0) before the first."""
        head = self._head()
        return head[2], head[3]

    @property
    def is_over_limit(self) -> bool:
        """Whether QEMU ended before a block that would have passed the limit."""
        return bool(self._head()[4])

    @property
    def is_full(self) -> bool:
        """Whether QEMU ended because the program has too many blocks."""
        return bool(self._head()[6])

    def reset(self, limit_instructions: int) -> None:
        """Forget everything before a call."""
        self._memory[:] = bytes(_TABLE_BYTES)
        struct.pack_into("=QQ", self._memory, 0, 0, limit_instructions)

    def edges(self) -> list[Edge]:
        """Everything that ran since `reset`, in a fixed order."""
        return sorted(
            Edge(from_address, from_size, address, size, instructions, executions)
            for from_address, address, executions, from_size, size, instructions, _ in struct.iter_unpack(
                _EDGE_FORMAT, self._memory[_HEAD_BYTES:]
            )
            if executions
        )

    def close(self) -> None:
        """Give the memory back."""
        self._memory.close()
