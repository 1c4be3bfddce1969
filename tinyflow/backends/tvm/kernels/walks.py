"""In which order kernels read and write, as far as an output may lie over what was read of an input."""

from __future__ import annotations

from collections.abc import Mapping

from tinyflow.backends.tvm.kernels.specs import FeatureMap, WindowSpec
from tinyflow.model.memory.arena import Overlap
from tinyflow.model.memory.windows import Map, lead_bytes


def in_parts(spec: WindowSpec, pixels: int, *, is_even: bool = True) -> Mapping[str, Overlap]:
    """Of a kernel that goes through parts of the output from its beginning on, `pixels` in each.

    It reads what a part needs before it writes behind that part. If not `is_even`, the last part may begin within the
    one before it. Nothing is known where channels are outermost.
    """
    if "NCHW" in (spec.input.layout, spec.output.layout):
        return {}
    before = (spec.padding.top, spec.padding.left)
    at_once = pixels if is_even else 2 * pixels
    return {"data": Overlap(lead=lead_bytes(_map(spec.input), _map(spec.output), spec.stride, before, at_once))}


def _map(of: FeatureMap) -> Map:
    return of.height, of.width, of.channels
