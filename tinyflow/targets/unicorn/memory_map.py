"""A chip's memory in the simulator, which maps whole pages: what of a page is not memory is guarded, byte by byte.

Only targets with such pages pay for that: with a hook on some addresses every access takes Unicorn's slow path.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.targets.elf import addresses
from tinyflow.targets.unicorn.faults import Access, Events

PAGE_BYTES = 4096
_WIDEST_ACCESS_BYTES = 16
# What no instruction begins with: Thumb's UDF, RISC-V's reserved halfword of zeros. So code can't run into a gap.
_NO_CODE = {False: b"\xde", True: b"\x00"}


def map_memory(engine: Any, regions: Sequence[Mapping[str, Any]], events: Events, *, is_riscv: bool) -> None:
    """Map flash and RAM of a target into a `unicorn.Uc`; accesses beside them are noted in `events`, and stop it.

    Raises UsageError where flash and RAM share a page: no access could be told from the other.
    """
    from unicorn import UC_PROT_EXEC, UC_PROT_READ, UC_PROT_WRITE

    access = {"flash": UC_PROT_READ | UC_PROT_EXEC, "ram": UC_PROT_READ | UC_PROT_WRITE}
    pages: dict[int, str] = {}
    for region in regions:
        for page in range(region["origin"] // PAGE_BYTES, -(-addresses(region).stop // PAGE_BYTES)):
            if pages.setdefault(page, region["kind"]) != region["kind"]:
                what = f"flash and RAM share the {PAGE_BYTES} bytes from 0x{page * PAGE_BYTES:08x} on"
                raise UsageError(what, hint="the built-in simulator can't keep them apart; move one in the recipe")
    for pieces in _runs(sorted(pages), pages):
        engine.mem_map(pieces.start * PAGE_BYTES, len(pieces) * PAGE_BYTES, access[pages[pieces.start]])
        _guard(engine, pieces, [r for r in regions if r["origin"] // PAGE_BYTES in pieces], events, _NO_CODE[is_riscv])


def _runs(pages: Sequence[int], kinds: Mapping[int, str]) -> list[range]:
    """Neighbouring pages of one kind."""
    found: list[range] = []
    for page in pages:
        if found and found[-1].stop == page and kinds[found[-1].start] == kinds[page]:
            found[-1] = range(found[-1].start, page + 1)
        else:
            found.append(range(page, page + 1))
    return found


def _guard(engine: Any, pages: range, regions: Sequence[Mapping[str, Any]], events: Events, filler: bytes) -> None:
    """Refuse accesses to what lies in these pages and in no region."""
    begin = pages.start * PAGE_BYTES
    for region in sorted(regions, key=lambda region: int(region["origin"])):
        _refuse(engine, range(begin, region["origin"]), events, filler)
        begin = addresses(region).stop
    _refuse(engine, range(begin, pages.stop * PAGE_BYTES), events, filler)


def _refuse(engine: Any, gap: range, events: Events, filler: bytes) -> None:
    from unicorn import UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE, UC_MEM_READ, UC_MEM_READ_UNMAPPED, UC_MEM_WRITE_UNMAPPED

    if not gap:
        return
    engine.mem_write(gap.start, filler * len(gap))

    def look(stopped: Any, kind: int, address: int, size: int, _value: int, _: object) -> None:
        if address + size > gap.start:
            refused = UC_MEM_READ_UNMAPPED if kind == UC_MEM_READ else UC_MEM_WRITE_UNMAPPED
            events.access = Access(refused, address, size)
            stopped.emu_stop()  # before the access: the program counter is at it, and nothing was changed

    first = max(gap.start - _WIDEST_ACCESS_BYTES + 1, 0)
    engine.hook_add(UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, look, begin=first, end=gap.stop - 1)
