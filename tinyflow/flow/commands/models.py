"""`doit models`: what is known of each model: shapes, MACs, operators, weights, digest."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import Any

from tinyflow.core.errors import TinyflowError
from tinyflow.core.units import format_count, format_number, format_size
from tinyflow.flow.commands.command import OwnCommand, flag, refuse
from tinyflow.flow.loader import Loader
from tinyflow.recipes.schema import Model


class Models(OwnCommand):
    """Fetches and reads each model, as a bench would; the second time it is known."""

    doc_purpose = "models with shapes, MACs, operators, weights and digests"
    doc_usage = "[MODEL...]"
    doc_description = """\
Networks that only try kernels, of random layers, are left out where none is named.
Example: doit models vww"""
    cmd_options = (flag("all", "those that only try kernels, too", short="a"),)

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print a block per model; a model that can't be read is said, and the others follow."""
        loader = self.loader
        status = 0
        every = loader.catalogue.names(Model)
        left_out = [name for name in every if _is_trial(loader.catalogue.get(Model, name))]
        if args or params["all"]:
            left_out = []
        for name in args or [name for name in every if name not in left_out]:
            model = loader.catalogue.get(Model, name)
            try:
                graph, origin, digest = _read(loader, model)
            except TinyflowError as error:
                status = max(status, refuse(error))
                continue
            print("\n".join([f"{name}: {model.description}", *_describe(graph, origin, digest)]))
        if left_out:
            print(f"and {format_number(len(left_out), 'network')} that only try kernels: {self.bin_name} models --all")
        return status


def _is_trial(model: Model) -> bool:
    return model.synthesize is not None and model.synthesize.graph.startswith("trial_")


def _read(loader: Loader, model: Model) -> tuple[dict[str, Any], dict[str, Any], str]:
    """The graph's summary, the file's origin and its digest."""
    session, folder = loader.session, loader.catalogue.path(Model, model.name).parent
    fetched = loader.planner.models.fetch(model, folder)
    converted = loader.planner.models.convert(model, folder, fetched.output("model.tflite"))
    session.bring_about(converted)
    origin = session.read_json(fetched, "origin.json")
    return session.read_json(converted, "graph.json"), origin, session.output_digest(fetched, "model.tflite")


def _describe(graph: Mapping[str, Any], origin: Mapping[str, Any], digest: str) -> list[str]:
    operators = Counter(f"{operator['name']} v{operator['version']}" for operator in graph["operators"])
    counted = ", ".join(f"{name} ×{count}" for name, count in sorted(operators.items()))
    return [
        f"  {_ports(graph, 'inputs')} -> {_ports(graph, 'outputs')}",
        f"  {format_count(graph['macs'])} MACs, weights {format_size(graph['weights_bytes'])}, "
        f"activations {format_size(graph['peak_live_bytes'])} at once",
        f"  {counted}",
        f"  {origin['weights']} weights, from {origin['source']}, {digest}",
    ]


def _ports(graph: Mapping[str, Any], side: str) -> str:
    tensors = {tensor["index"]: tensor for tensor in graph["tensors"]}
    return ", ".join(f"{tensors[index]['dtype']} {tensors[index]['shape']}" for index in graph[side])
