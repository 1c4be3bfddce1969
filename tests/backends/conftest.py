from __future__ import annotations

import ctypes
import inspect
import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from tests_support import Shared
from tinyc_host import compile_kernels, compiler
from tinyi_host import compile_interpreter

from tinyflow.backends import tvm as backend
from tinyflow.backends.tvm.graph.lowering import lower
from tinyflow.model.reference import Sample
from tinyflow.model.tflite_reader import read

RUNTIMES = Path(__file__).parents[2] / "recipes" / "runtimes"
HEADERS = RUNTIMES / "support" / "include"


@dataclass(frozen=True)
class HostModel:
    """Generated sources and the library that this machine's compiler made of them."""

    sources: Path
    plan: Mapping[str, Any]
    library: ctypes.CDLL

    def invoke(self, sample: Sample) -> Sample:
        """One inference."""
        size = self.plan["arena"]["bytes"]
        arena = np.ctypeslib.as_array((ctypes.c_int8 * size).in_dll(self.library, self.plan["arena"]["symbol"]))
        for port, array in zip(self.plan["inputs"], sample, strict=True):
            arena[_place(port)] = array.ravel()
        assert self.library.model_invoke() == 0
        return tuple(arena[_place(port)].reshape(port["shape"]).copy() for port in self.plan["outputs"])


def _place(port: Mapping[str, Any]) -> slice:
    offset = int(port["symbol"].partition("+")[2])
    return slice(offset, offset + port["bytes"])


@pytest.fixture(autouse=True, scope="session")
def _stacks_without_sources() -> Iterator[None]:
    """TVM's parser asks for the stack with its lines of source; pytest's is deep, and to find them takes long."""

    def frames(frame: FrameType | None, context: int = 0) -> list[SimpleNamespace]:
        found = []
        while frame is not None:
            found.append(SimpleNamespace(frame=frame, code_context=None))
            frame = frame.f_back
        return found

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(inspect, "getouterframes", frames)
        yield


@pytest.fixture(scope="session")
def kernels() -> Path:
    """The kernels of tinynn in plain C for this machine."""
    return Shared.folder("kernels", compile_kernels) / "tinynn.a"


@pytest.fixture(scope="session")
def interpreter_library() -> Path:
    """The interpreter tinyi with all kernels that this machine can run."""
    return Shared.folder("tinyi", compile_interpreter) / "tinyi.so"


@pytest.fixture
def build_library() -> Callable[[Path], ctypes.CDLL]:
    """A folder of generated sources → the library that this machine's compiler makes of them, warnings allowed."""

    def build(sources: Path) -> ctypes.CDLL:
        library = sources / "rebuilt.so"
        # TVM is loaded in this process: the library is to call its own functions, not those of the same names there
        flags = ["-std=c11", "-O1", "-shared", "-fPIC", "-Wl,-Bsymbolic", f"-I{HEADERS}", "-o", str(library)]
        subprocess.run([*compiler(), *flags, *sorted(str(file) for file in sources.glob("*.c"))], check=True)
        return ctypes.CDLL(str(library))

    return build


@pytest.fixture
def generate(tmp_path: Path) -> Callable[..., HostModel]:
    """Bytes of a `.tflite` and options of the backend → the model as a library of this machine, set up."""

    def build(content: bytes, **options: Any) -> HostModel:
        folder = Path(tmp_path / f"model_{len(list(tmp_path.iterdir()))}")
        sources, model, plan = folder / "sources", folder / "model.tflite", folder / "plan.json"
        sources.mkdir(parents=True)
        model.write_bytes(content)
        graph = read(model)
        tuning = {name: options.pop(name) for name in ("tuning", "records") if name in options}
        backend.check(graph, "tested", options)
        backend.generate(model, graph, "tested", {"isa": "host", **options}, sources, plan, **tuning)
        return _built(sources, plan)

    return build


@pytest.fixture
def generate_graph(tmp_path: Path) -> Callable[..., HostModel]:
    """Bytes of a `.tflite`, a backend that takes a lowered graph (static or executor) and its options → the same."""

    def build(content: bytes, backend: str, lowering: Mapping[str, Any] | None = None, **options: Any) -> HostModel:
        folder = Path(tmp_path / f"model_{len(list(tmp_path.iterdir()))}")
        lowered, sources, model = folder / "lowered", folder / "sources", folder / "model.tflite"
        lowered.mkdir(parents=True)
        sources.mkdir()
        model.write_bytes(content)
        implementation = import_module(f"tinyflow.backends.tvm.graph.{backend}")
        implementation.check(read(model), "tested", options)
        lower(model, read(model), {"isa": "host", **(lowering or {})}, lowered)
        implementation.generate(lowered, read(model), "tested", options, sources, folder / "plan.json")
        return _built(sources, folder / "plan.json", RUNTIMES / "tvmrt")

    return build


def _built(sources: Path, plan: Path, *runtimes: Path) -> HostModel:
    """Generated sources as a library of this machine, set up."""
    library = sources.parent / "model.so"
    folders = (sources, *(runtime / "src" for runtime in runtimes))
    files = [str(file) for folder in folders for file in sorted(folder.glob("*.[co]"))]
    flags = ["-std=c11", "-O1", "-Wall", "-Wextra", "-Werror", "-Wno-unused-parameter", "-shared", "-fPIC"]
    includes = [f"-I{folder}" for folder in (HEADERS, *(runtime / "include" for runtime in runtimes))]
    subprocess.run([*compiler(), *flags, *includes, "-o", str(library), *files], check=True, cwd=sources.parent)
    built = HostModel(sources, json.loads(plan.read_text()), ctypes.CDLL(str(library)))
    assert built.library.model_setup() == 0
    return built


@pytest.fixture(scope="session")
def trained() -> Callable[[str], Path]:
    """Name → the published model's file; skips the test where no mirror folder has it."""
    named = os.environ.get("TINYFLOW_MIRRORS", "").split(":")
    folders = [Path(folder) for folder in named if folder] + [Path(__file__).parents[3] / "shared" / "models"]

    def find(name: str) -> Path:
        for folder in folders:
            if (folder / name / f"{name}.tflite").is_file():
                return folder / name / f"{name}.tflite"
        pytest.skip("no mirror has the published models")

    return find
