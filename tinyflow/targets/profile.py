"""From executed blocks and symbols to what each function cost, after the run."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tinyflow.core.errors import RunError
from tinyflow.targets.blocks import Edge
from tinyflow.targets.elf import Firmware
from tinyflow.targets.protocol import FunctionCount

_UNKNOWN = "?"  # code without a symbol


def count_functions(edges: Iterable[Edge], firmware: Firmware) -> dict[str, FunctionCount]:
    """Function → its own instructions, without those of its callees, and how often it was entered.

    An entry comes from another function; a call of a function by itself doesn't count. Functions of one name (static
    ones) share an entry. The instructions add up to the total.
    """
    instructions: dict[str, int] = {}
    calls: dict[str, int] = {}
    for edge in edges:
        function = firmware.function_at(edge.address)
        name = function.name if function else _UNKNOWN
        instructions[name] = instructions.get(name, 0) + edge.instructions * edge.executions
        if function and edge.address == function.address and firmware.function_at(edge.from_address) is not function:
            calls[name] = calls.get(name, 0) + edge.executions
    return {
        name: FunctionCount(count, calls.get(name, 0))
        for name, count in sorted(instructions.items(), key=lambda item: (-item[1], item[0]))
    }


def count_calls_begun(edges: Iterable[Edge], firmware: Firmware, dispatcher: str, functions: Collection[str]) -> int:
    """How many calls of these functions `dispatcher` had begun; 0 where the firmware lacks one of them."""
    try:
        caller = firmware.symbol(dispatcher)
        entries = {firmware.symbol(name).address for name in functions}
    except RunError:
        return 0
    end = caller.address + caller.size_bytes
    return sum(
        edge.executions
        for edge in edges
        if caller.address <= edge.from_address < end and edge.is_taken and edge.address in entries
    )
