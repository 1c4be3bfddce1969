"""What a bench was made from, file by file, with its place in an archive: recipes, runtimes, templates, model, samples.

Places are such that the archive's folder can be used as a project's: `recipes/` as recipes, `models/` as a mirror.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path, PurePath

import tinyflow
from tinyflow.core.action import Action, SourceFile
from tinyflow.core.digest import tree_files
from tinyflow.core.errors import ArchiveError
from tinyflow.flow.planning.builds import RUNTIMES
from tinyflow.flow.planning.plan import BenchPlan
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import ResolvedBench, resolve
from tinyflow.recipes.runtime_files import ROOTS, folder_of
from tinyflow.recipes.schema import Model
from tinyflow.stages.prebuilt import PREBUILT

# Our own code's folder: it is not a part of an archive, but a tool with a version.
PACKAGE = Path(tinyflow.__file__).parent


def sources_of(plans: Iterable[BenchPlan], catalogue: Catalogue) -> dict[str, bytes]:
    """Path in the archive → content. `catalogue` was used for these plans alone: what was read is what they need.

    Raises ArchiveError where two files want one place.
    """
    found = {f"recipes/{_below(path, catalogue.folders)}": path.read_bytes() for path in catalogue.used}
    for plan in plans:
        for place, content in _of_bench(plan, resolve(plan.bench, catalogue), catalogue):
            if found.setdefault(place, content) != content:
                what = "two files of different content would have this name"
                raise ArchiveError(what, where=place, hint="rename a model's file, or export the benches one by one")
    return found


def _of_bench(plan: BenchPlan, resolved: ResolvedBench, catalogue: Catalogue) -> Iterator[tuple[str, bytes]]:
    for name, path in _replaceable(resolved, catalogue):
        yield _of_runtime(name, path, catalogue), path.read_bytes()
    if plan.bench.is_file:
        file = _file_by_path(resolved)
        text = f"description: {resolved.model.description}\nfile: {file}\n"
        yield f"recipes/models/{plan.bench.model_name}.yaml", text.encode()
    for action in plan.actions:
        for name, source in action.inputs.items():
            if isinstance(source, SourceFile):
                place = _place(action, name, source, resolved, catalogue)
                if source.path.is_dir():
                    yield from ((f"{place}/{below}", path.read_bytes()) for below, path in tree_files(source.path))
                else:
                    yield place, source.path.read_bytes()


def _replaceable(resolved: ResolvedBench, catalogue: Catalogue) -> Iterator[tuple[str, Path]]:
    """All sources of runtimes that others stand on: planning looks whether what they replace is there."""
    for runtime in resolved.runtimes:
        for base in catalogue.chain(runtime)[1:]:
            folder = folder_of(catalogue, base)
            patterns = (pattern for group in base.sources.values() for pattern in group)
            for path in (path for pattern in patterns for path in sorted(folder.glob(pattern))):
                yield f"{base.name}/{path.relative_to(folder).as_posix()}", path


def _of_runtime(name: str, path: Path, catalogue: Catalogue) -> str:
    """Where a runtime's file lies, `name` from the runtime's on: in its recipe's folder, if it lay there."""
    below = _below(path, catalogue.folders)
    return f"recipes/{ROOTS}/{name}" if below is None else f"recipes/{below}"


def _place(action: Action, name: str, source: SourceFile, resolved: ResolvedBench, catalogue: Catalogue) -> str:
    """Where a file that no action makes lies in the archive, so that planning from there finds it again."""
    if name.startswith("source/"):  # what lies beside a file for a frontend
        return f"recipes/models/{PurePath(_file_by_path(resolved)).parent / name.removeprefix('source/')}"
    if action.stage in ("fetch", "source"):
        if resolved.bench.is_file:
            return f"recipes/models/{_file_by_path(resolved)}"
        model = catalogue.get(Model, action.parameters["name"])
        is_beside = model.file is not None and source.path == catalogue.path(Model, model.name).parent / model.file
        return f"recipes/models/{model.file}" if is_beside else f"models/{model.name}.tflite"
    if action.stage == "convert":
        return f"models/{resolved.model.samples.folder}/{source.path.name}"
    if name in ("link.ld.j2", "templates/"):
        return source.name.rstrip("/")
    if name.startswith((RUNTIMES, PREBUILT)):
        return _of_runtime(source.name, source.path, catalogue)
    below = _below(source.path, catalogue.folders)
    if below is not None:
        return f"recipes/{below}"
    return f"sources/tinyflow/{_below(source.path, [PACKAGE]) or source.name}"


def _file_by_path(resolved: ResolvedBench) -> str:
    """Where the file of a model lies, beside its recipe; what a frontend takes keeps its name, in a folder."""
    file = PurePath(resolved.model.file or "")
    if not resolved.bench.is_file:
        return str(file)
    name = resolved.bench.model_name
    return f"{name}{file.suffix}" if file.suffix in (".tflite", ".onnx") else f"{name}/{file}"


def _below(path: Path, folders: Iterable[Path]) -> str | None:
    """The path relative to the first of the folders that it lies in."""
    return next((path.relative_to(folder).as_posix() for folder in folders if path.is_relative_to(folder)), None)
