"""What was removed and why, in the numbering of the original graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from tinyflow.model.graph import Graph, Operator
from tinyflow.model.transforms.intervals import Bounds
from tinyflow.model.transforms.shrink.channels import Mask
from tinyflow.model.transforms.tidy import Reasons

SCHEMA = 1


class Reduction:
    """A graph on its way, and the record of its steps. Until `finish`, tensors keep their original indices."""

    def __init__(self, original: Graph) -> None:
        self.original = original
        self.graph = original
        self._operators = Reasons()
        # activation → the original numbers of the channels that it still has
        self._channels: dict[int, list[int]] = {}
        # activation → original number of a removed channel → why it went
        self._removed: dict[int, dict[int, str]] = {}

    def note_operators(self, graph: Graph, reasons: Reasons) -> None:
        """Operators went, by the tensors that they wrote."""
        self.graph = graph
        self._operators.update(reasons)

    def note_channels(self, graph: Graph, bounds: Mapping[int, Bounds], removable: Mapping[int, Mask]) -> None:
        """Channels went."""
        self.graph = graph
        for index, mask in removable.items():
            if not mask.any():
                continue
            numbers = self._channels.get(index, list(range(len(mask))))
            self._channels[index] = [number for number, goes in zip(numbers, mask, strict=True) if not goes]
            for position in np.flatnonzero(mask):
                reason = _reason(bounds.get(index), int(position))
                self._removed.setdefault(index, {})[numbers[position]] = reason

    def finish(self, graph: Graph) -> None:
        """The reduced graph as it is written, with indices of its own."""
        self.graph = graph

    @property
    def has_effect(self) -> bool:
        """Whether anything but the layout of the file changed."""
        return bool(self._operators or self._removed or len(self.graph.tensors) < len(self.original.tensors))

    def report(self) -> dict[str, Any]:
        """As JSON: sizes before and after, operators that went, channels that went from each operator's output."""
        gone = [operator for operator in self.original.operators if operator.outputs[0] in self._operators]
        narrowed = [operator for operator in self.original.operators if operator.outputs[0] in self._removed]
        return {
            "schema": SCHEMA,
            "before": _sizes(self.original),
            "after": _sizes(self.graph),
            "operators": [{**self._named(operator), "why": self._operators[operator.outputs[0]]} for operator in gone],
            "channels": [self._narrowing(operator) for operator in narrowed if operator not in gone],
        }

    def _named(self, operator: Operator) -> dict[str, Any]:
        tensor = self.original.tensors[operator.outputs[0]]
        return {"operator": operator.index, "name": operator.name, "tensor": tensor.name}

    def _narrowing(self, operator: Operator) -> dict[str, Any]:
        index = operator.outputs[0]
        removed = self._removed[index]
        total = self.original.tensors[index].shape[-1]
        reasons: dict[str, list[int]] = {}
        for number, reason in sorted(removed.items()):
            reasons.setdefault(reason, []).append(number)
        return {**self._named(operator), "channels": total, "kept": total - len(removed), "removed": reasons}


def _reason(bounds: Bounds | None, channel: int) -> str:
    """Why one channel could go."""
    if bounds is not None and bounds.fixed[..., channel].all():
        values = np.unique(bounds.low[..., channel])
        return f"always {values[0]}" if len(values) == 1 else "the same for every input"
    return "nothing reads it"


def _sizes(graph: Graph) -> dict[str, int]:
    return {
        "macs": graph.macs,
        "weights_bytes": graph.weights_bytes,
        "peak_live_bytes": graph.peak_live_bytes,
        "operators": len(graph.operators),
        "tensors": len(graph.tensors),
    }
