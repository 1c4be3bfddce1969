"""`python benchmarks/kernel_table.py > docs/kernel-table.md` writes what is known of each kernel of tinynn."""

from __future__ import annotations

from collections.abc import Iterator

from tinyflow.backends.tinynn.kernel import WALKS, Kernel
from tinyflow.backends.tinynn.kernels import KERNELS

_HEAD = """\
# All kernels of tinynn

Written by `python benchmarks/kernel_table.py > docs/kernel-table.md` from `tinyflow/backends/tinynn/kernels.py`, which
the backends `tinyc` and `tinyi` ask. The first kernel whose needs are met computes a layer, variant by variant: the
chosen one, `c`, `ref`. Every kernel gives the bytes of `ref`. The walk says when the input is read:

"""


def lines() -> Iterator[str]:
    """The document's."""
    yield from (f"- {walk}: {text}" for walk, text in WALKS.items())
    yield from ("", "| operator | variant | function | needs | scratch | walk | in place |", "|---" * 7 + "|")
    operators = list(dict.fromkeys(kernel.operator for kernel in KERNELS))
    yield from map(_row, sorted(KERNELS, key=lambda kernel: operators.index(kernel.operator)))


def _row(kernel: Kernel) -> str:
    scratch = kernel.scratch.text if kernel.scratch else "–"
    walk = f"{kernel.walk}, {kernel.at_once} at once" if kernel.at_once > 1 else kernel.walk
    needs = "; ".join(need.text for need in kernel.needs) or "–"
    in_place = " or ".join(("first", "second")[position] for position in kernel.in_place) or "–"
    in_place += ", where it fits" * (kernel.operator == "depthwise" and bool(kernel.in_place))
    cells = (kernel.operator, kernel.variant, f"`{kernel.function}`", needs, scratch, walk, in_place)
    return f"| {' | '.join(cells)} |"


def document() -> str:
    """docs/kernel-table.md."""
    return _HEAD + "\n".join(lines()) + "\n"


if __name__ == "__main__":
    print(document(), end="")
