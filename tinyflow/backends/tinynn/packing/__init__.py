"""Which kernel of the tinynn runtime computes a layer, and the constants and scratch that it wants.

A layer's parameters come in as the fields of its C struct (recipes/runtimes/tinynn/include/tinynn.h), its weights as
the model has them; out comes a `Call`: function, struct, fields, packed arrays, scratch. It writes no C.
A kernel that can't compute a layer exactly (a shape, an accumulator that could overflow) is passed over for the next.
"""

from tinyflow.backends.tinynn.packing.conv2d import conv2d
from tinyflow.backends.tinynn.packing.depthwise import depthwise
from tinyflow.backends.tinynn.packing.fully_connected import fully_connected
from tinyflow.backends.tinynn.packing.plain import by_table, plain

__all__ = ["by_table", "conv2d", "depthwise", "fully_connected", "plain"]
