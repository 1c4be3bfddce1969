"""An operator of the runtime tinyi, and the largest sizes that it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Union

from tinyflow.backends.tinyi.memory_request import MemoryRequest
from tinyflow.backends.tinynn.kernels import kernels_of
from tinyflow.model.graph import Graph, Operator

MAX_SIZE, MAX_STRIDE, MAX_RANK = 1 << 16, 1 << 10, 5
Ask = Callable[[Graph, Operator, str], Union[MemoryRequest, None]]


@dataclass(frozen=True)
class Entry:
    """An operator of the runtime: its function, what it asks for, its kernels."""

    function: str
    request: Callable[[Graph, Operator, str], MemoryRequest | None] = lambda graph, operator, variant: None
    """None: no scratch; what the file says was found to fit when it was read."""
    kernel: str | None = None
    """The operator's name in the table of kernels, where there is a choice."""
    struct: str | None = None
    """What the chip's structs of them are called, where not as `function`."""
    symbol: str | None = None
    """A function of tinynn that stands beside `function`, in all variants."""
    has_ref: bool = False
    """Whether NULL doesn't stand for the variant ref."""
    plan: str | None = None
    """What set-up calls instead of `function`, where the rest is left to the inference."""
    has_general: bool = False
    """Whether each struct of kernels has a larger one, `general_…`, for rare operators."""
    general: str | None = None
    """The function for rare operators, where it is another one."""

    has_int4: bool = False
    """Whether each function has another one, `…_int4`, for weights of int4, too."""

    def called(self, *, is_general: bool = True, is_int4: bool = True) -> str:
        """The function in the operator table."""
        function = self.general or self.function if is_general else self.function
        return f"{function}_int4" if is_int4 and self.has_int4 else function

    def planned(self, *, is_general: bool = True, is_int4: bool = True) -> str | None:
        """What set-up calls instead; a function for rare operators looks for itself."""
        return None if (is_general and self.general) or (is_int4 and self.has_int4) else self.plan

    def kernel_symbol(self, variant: str, *, is_general: bool = True) -> str | None:
        """The struct beside the function in the operator table; None for NULL. `is_general`: see MemoryRequest."""
        if self.symbol is not None:
            return f"&{self.symbol}"
        own = (one for one in kernels_of(self.kernel or "", variant) if one.function.endswith(one.variant))
        kernel = next((one for one in own if one.variant != "ref" or self.has_ref), None)
        rare = "general_" if is_general and self.has_general else ""
        return f"&{self.struct or self.function}_{rare}{kernel.variant}" if kernel else None


def in_place(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """No scratch; the output may lie on the input."""
    return MemoryRequest(in_place=(0,))


def no_scratch(graph: Graph, operator: Operator, variant: str) -> None:
    """No scratch."""
