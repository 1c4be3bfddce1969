"""What a transform changed and why, in the numbering of the original graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tinyflow.model.graph import Graph, Operator
from tinyflow.model.summary import macs

SCHEMA = 1


class Change:
    """A graph on its way, and the record of its steps. Until the last one, tensors keep their original indices."""

    def __init__(self, original: Graph) -> None:
        self.original = original
        self.graph = original
        self._operators: dict[int, str] = {}
        self._changed: dict[int, str] = {}
        # activation → the original numbers of the channels that it still has
        self._channels: dict[int, list[int]] = {}
        # activation → original number of a removed channel → why it went
        self._removed: dict[int, dict[int, str]] = {}

    def operators_went(self, graph: Graph, reasons: Mapping[int, str]) -> None:
        """The graph without some operators: why each went, by the first tensor that it wrote."""
        self.graph = graph
        self._operators.update(reasons)

    def operators_changed(self, graph: Graph, reasons: Mapping[int, str]) -> None:
        """The graph with others in place of some operators: why, by the first tensor that each wrote."""
        self.graph = graph
        for index, reason in reasons.items():
            known = self._changed.get(index)
            self._changed[index] = reason if known is None else f"{known}; {reason}"

    def channels_went(self, graph: Graph, reasons: Mapping[int, Mapping[int, str]]) -> None:
        """The graph without some channels: activation → channel, as it is counted now → why it went."""
        self.graph = graph
        for index, channels in reasons.items():
            numbers = self._channels.get(index, range(self.original.tensors[index].shape[-1]))
            self._channels[index] = [number for position, number in enumerate(numbers) if position not in channels]
            removed = self._removed.setdefault(index, {})
            removed.update((numbers[position], reason) for position, reason in channels.items())

    @property
    def has_effect(self) -> bool:
        """Whether anything but the layout of the file changed."""
        return self.graph != self.original

    def record(self) -> dict[str, Any]:
        """As JSON: sizes before and after, operators that went, that changed, channels that went from their outputs."""
        writing = [operator for operator in self.original.operators if operator.outputs]
        gone = [operator for operator in writing if operator.outputs[0] in self._operators]
        changed = [operator for operator in writing if operator.outputs[0] in self._changed and operator not in gone]
        narrowed = [operator for operator in writing if operator.outputs[0] in self._removed]
        return {
            "schema": SCHEMA,
            "before": _sizes(self.original),
            "after": _sizes(self.graph),
            "operators": [{**self._named(operator), "why": self._operators[operator.outputs[0]]} for operator in gone],
            "changed": [{**self._named(operator), "why": self._changed[operator.outputs[0]]} for operator in changed],
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


def _sizes(graph: Graph) -> dict[str, int]:
    return {
        "macs": macs(graph),
        "weights_bytes": graph.weights_bytes,
        "peak_live_bytes": graph.peak_live_bytes,
        "operators": len(graph.operators),
        "tensors": len(graph.tensors),
    }
