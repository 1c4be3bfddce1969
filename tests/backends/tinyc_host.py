"""Models that the backend tinyc generated, compiled for this machine with the kernels in plain C, run in-process."""

from __future__ import annotations

import ctypes
import json
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from tests_support import tflm
from tinynn_calls import functions_of

from tinyflow.backends import tinyc
from tinyflow.model import reference
from tinyflow.model.graph import Graph
from tinyflow.model.reference import Sample
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write

RUNTIME = Path(__file__).parents[2] / "recipes" / "runtimes" / "tinynn"
_FLAGS = ("-std=c11", "-O1", "-fPIC", "-Wall", "-Wextra", "-Werror", "-Wconversion", f"-I{RUNTIME / 'include'}")


def compile_kernels(folder: Path) -> Path:
    """A static library of the kernels that any machine can run."""
    library = folder / "tinynn.a"
    objects = []
    for source in sorted([*RUNTIME.glob("src/ref/*.c"), *RUNTIME.glob("src/c/*.c")]):
        objects.append(folder / f"{source.parent.name}_{source.stem}.o")
        _compile("-c", source, "-o", objects[-1])
    subprocess.run(["ar", "rcs", library, *objects], check=True)
    return library


def compiler() -> list[str]:
    """A compiler for this machine."""
    gcc = shutil.which("gcc")
    return [gcc] if gcc else [sys.executable, "-m", "ziglang", "cc"]


def _compile(*words: Any) -> None:
    subprocess.run([*compiler(), *_FLAGS, *words], check=True)


@dataclass(frozen=True)
class Built:
    """A generated model as a library of this machine."""

    sources: Path
    plan: Mapping[str, Any]
    library: ctypes.CDLL

    def invoke(self, sample: Sample) -> Sample:
        """One inference on an arena full of garbage."""
        size = self.plan["arena"]["bytes"]
        arena = np.ctypeslib.as_array((ctypes.c_int8 * size).in_dll(self.library, self.plan["arena"]["symbol"]))
        arena[:] = np.random.default_rng(size).integers(-128, 128, size)
        for port, array in zip(self.plan["inputs"], sample, strict=True):
            arena[_place(port)] = np.frombuffer(array.tobytes(), np.int8)
        assert self.library.model_invoke() == 0
        return tuple(
            np.frombuffer(arena[_place(port)].tobytes(), port["dtype"]).reshape(port["shape"])
            for port in self.plan["outputs"]
        )


def _place(port: Mapping[str, Any]) -> slice:
    offset = int(port["symbol"].partition("+")[2])
    return slice(offset, offset + port["bytes"])


def build(content: bytes, library: Path, folder: Path, **options: Any) -> Built:
    """Generate (with the kernels `ref` where nothing else is said), compile, load."""
    folder.mkdir(parents=True)
    sources, model, plan = folder / "sources", folder / "model.tflite", folder / "plan.json"
    sources.mkdir()
    model.write_bytes(content)
    graph = read(model)
    options = {"kernels": "ref", "alignment": 4, **options}
    tinyc.check(graph, "tinyc", options)
    tinyc.generate(model, graph, "tinyc", options, sources, plan)
    _compile("-shared", "-o", folder / "model.so", *sorted(sources.glob("*.c")), library)
    built = Built(sources, json.loads(plan.read_text(encoding="utf-8")), ctypes.CDLL(str(folder / "model.so")))
    assert built.library.model_setup() == 0
    return built


def assert_exact(graph: Graph, kernels: Path, folder: Path, variant: str = "ref") -> Built:
    """Build a graph; its outputs are TFLM's."""
    content = write(graph)
    graph = read(content)
    samples = reference.make_inputs(graph, 4, seed=7)
    built = build(content, kernels, folder, kernels=variant)
    expected = tflm(content, graph, samples)
    # an invoke may overwrite its inputs, so every sample is written anew
    assert reference.largest_difference(expected, [built.invoke(sample) for sample in samples]) == 0
    return built


def defined_kernels() -> set[str]:
    """The functions that the kernels' sources in plain C define."""
    sources = [*RUNTIME.glob("src/ref/*.c"), *RUNTIME.glob("src/c/*.c")]
    return set(functions_of(sources))
