"""Models that the backend tinyc generated, compiled for this machine with the kernels in plain C, run in-process."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from typing import Any

import kept
from firmware import RUNTIMES, toolchain_of
from host_model import STRICT, HostModel, load
from tests_support import litert, tflm
from tinynn_calls import host_objects

from tinyflow.backends import tinyc
from tinyflow.model import reference
from tinyflow.model.graph import Graph
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write

RUNTIME = RUNTIMES / "tinynn"
_HEADERS: dict[str, kept.Source] = {"include/": RUNTIME / "include"}


@cache
def kernels() -> kept.Source:
    """A static library of the kernels that any machine can run."""
    toolchain = {"toolchain": toolchain_of("zig", "host")}
    return kept.built("build:archive", "library.a", host_objects(), toolchain)


def build(content: bytes, folder: Path, **options: Any) -> HostModel:
    """Generate (with the kernels `ref` where nothing else is said), compile, load."""
    folder.mkdir(parents=True)
    sources, model, plan = folder / "sources", folder / "model.tflite", folder / "plan.json"
    sources.mkdir()
    model.write_bytes(content)
    graph = read(model)
    options = {"kernels": "ref", "alignment": 4, **options}
    tinyc.check(graph, "tinyc", options)
    tinyc.generate(model, graph, "tinyc", options, sources, plan)
    inputs = {**_HEADERS, "tinynn.a": kernels()}
    return load(sources, plan, inputs, [*_HEADERS], (*STRICT, "-Wconversion"))


def assert_exact(graph: Graph, folder: Path, variant: str = "ref", by: str = "tflm") -> HostModel:
    """Build a graph; its outputs are TFLM's, or LiteRT's."""
    content = write(graph)
    graph = read(content)
    samples = reference.make_inputs(graph, 4, seed=7)
    built = build(content, folder, kernels=variant)
    expected = {"tflm": tflm, "litert": litert}[by](content, graph, samples)
    for _ in range(2):  # an invoke may overwrite its inputs, so every sample is written anew
        built.reset()
        assert reference.largest_difference(expected, [built.invoke(sample) for sample in samples]) == 0
    return built
