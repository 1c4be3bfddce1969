"""What an operator asks for in set-up, and how one that the runtime doesn't compute is refused."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from tinyflow.backends import refusals
from tinyflow.model.memory.arena import Overlap


class Unsupported(refusals.Unsupported):
    """See `refusals.Unsupported`; without a hint, the backend that may take it."""

    def __init__(self, what: str, hint: str = "use backend tinyc, which knows more of them") -> None:
        super().__init__(what, hint)


@dataclass(frozen=True)
class MemoryRequest:
    """What an operator asks for in set-up: bytes of scratch, and inputs that its output may lie on, or over.

    `is_general`: it takes a kernel that is linked where one operator needs it. `is_int4`: it unpacks weights. `calls`:
    the subgraphs of whose arenas it has the largest for scratch.
    """

    least: int = 0
    most: int = 0
    in_place: tuple[int, ...] = ()
    overlap: Overlap | None = None
    """How it may lie over them, and not only where one begins: before it only with all the scratch that it asks for."""
    is_view: bool = False
    is_general: bool = False
    is_int4: bool = False
    calls: tuple[int, ...] = ()
    kept: int = 0
    """Bytes that it keeps from call to call: scratch that nobody else gets."""
    step: int = 0
    """Not 0: the work is cut into equal parts, and each so many bytes above the least do more of it at once."""
    reference: str = ""
    """Why a reference kernel computes it, where the processor has a better one."""

    def fill(self, room: int) -> int:
        """What it takes of so many bytes: all that it asked for, or the least that cuts its work into as few parts."""
        if self.step == 0 or room >= self.most:
            return min(room, self.most)
        steps, at_once = ((size - self.least) // self.step + 1 for size in (self.most, room))
        parts = -(-steps // at_once)
        return self.least + (-(-steps // parts) - 1) * self.step


def exactly(size: int, in_place: tuple[int, ...] = ()) -> MemoryRequest:
    """So many bytes of scratch, no less."""
    return MemoryRequest(size, size, in_place)


def over_first(request: MemoryRequest, overlaps: Mapping[int, Overlap]) -> MemoryRequest:
    """The same of an operator whose output may lie over its first input as a kernel says, if it does."""
    return replace(request, in_place=(0,), overlap=overlaps[0]) if 0 in overlaps else request
