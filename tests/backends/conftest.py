from __future__ import annotations

import ctypes
import inspect
from collections.abc import Callable, Iterator, Mapping
from importlib import import_module
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import kept
import pytest
from host_model import RUNTIMES, STRICT, HostModel, load

from tinyflow.backends import tvm as backend
from tinyflow.backends.tvm.graph.lowering import lower
from tinyflow.model.tflite_reader import read

_FLAGS = (*STRICT, "-Wno-unused-parameter")
_SUPPORT: dict[str, kept.Source] = {"support/": RUNTIMES / "support" / "include"}


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


@pytest.fixture
def build_library() -> Callable[[Path], ctypes.CDLL]:
    """A folder of generated sources → the library that this machine's compiler makes of them, warnings allowed."""

    def build(sources: Path) -> ctypes.CDLL:
        # TVM is loaded in this process: the library is to call its own functions, not those of the same names there
        flags = ["-std=c11", "-O1", "-shared", "-fPIC", "-Wl,-Bsymbolic"]
        made = kept.made_here({"sources/": sources, **_SUPPORT}, flags, [*_SUPPORT])
        return ctypes.CDLL(str(kept.copy(made, sources / "rebuilt.so")))

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
        return load(sources, plan, _SUPPORT, [*_SUPPORT], _FLAGS)

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
        runtime = {"tvmrt/include/": RUNTIMES / "tvmrt" / "include", **_SUPPORT}
        inputs = {**runtime, "tvmrt/src/": RUNTIMES / "tvmrt" / "src"}
        return load(sources, folder / "plan.json", inputs, [*runtime], _FLAGS)

    return build
