"""Which modules isolated actions import, so that processes that copies are made of can have them beforehand."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator
from contextlib import contextmanager
from pathlib import Path

from tinyflow.core import worker
from tinyflow.core.action import Action
from tinyflow.core.execute import Session
from tinyflow.core.forkserver import ForkServers, Kind, kind_of

SEVERAL = 3  # of a kind: fewer are done before a process to copy has paid
# distribution → what of it takes long to import
_MODULES = {
    "ai-edge-litert": ("ai_edge_litert.interpreter",),
    "apache-tvm": ("tvm.relax", "tvm.script"),
    "numpy": ("numpy",),
    "pyelftools": ("elftools.elf.elffile",),
    "tflite": ("tflite",),
    "tflite-micro": ("tflite_micro",),
    "unicorn": ("unicorn", "unicorn.arm_const", "unicorn.riscv_const"),
}


def modules_of(action: Action) -> list[str]:
    """The modules that an isolated action needs: its stage, what implements it, and its packages."""
    packages = [name for tool in action.tools for name in _MODULES.get(tool.name, ())]
    # A backend's package says what it can without its heavy imports, which are in a module of this name.
    heavy = [f"{name}.backend" for name in action.implementation]
    return list(dict.fromkeys([action.function.partition(":")[0], *action.implementation, *packages, *heavy]))


def of_many(actions: Collection[Action]) -> dict[Kind, list[str]]:
    """The modules of each kind of isolated action of which there are several."""
    isolated = {kind_of(action): action for action in actions if action.isolated}
    counts = Counter(kind_of(action) for action in actions)
    return {kind: modules_of(action) for kind, action in isolated.items() if counts[kind] >= SEVERAL}


@contextmanager
def copied_workers(session: Session, actions: Collection[Action], folder: Path) -> Iterator[None]:
    """Within, workers for these actions are copies of processes that have the imports, where that pays."""
    fork_servers = ForkServers(of_many(actions), folder)
    session.call_isolated = fork_servers.call
    try:
        yield
    finally:
        session.call_isolated = worker.call_isolated
        fork_servers.close()
