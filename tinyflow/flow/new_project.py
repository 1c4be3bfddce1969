"""A user's own project: the files of `doit init`, made from `templates/init`. Never replaces a file."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection, Iterable, Mapping, Sequence
from functools import cache
from hashlib import sha256
from itertools import product
from pathlib import Path
from string import Template
from types import MappingProxyType

from tinyflow.core.errors import ModelError, UsageError
from tinyflow.recipes.catalogue import KINDS, Catalogue, data_folder
from tinyflow.recipes.own_model import suffixes
from tinyflow.recipes.schema import Frontend, Suite

_TEMPLATES = "templates/init"
_MAGIC = b"TFL3"  # at byte 4 of every .tflite: the schema's file_identifier
BUILT_IN_MODEL = "vww"  # what a project without one of its own begins with
# what is tried first where a model lets it: the least instructions and RAM first, as README's tables have them
BACKENDS, TARGETS = ("tinyc", "tvmaotplus", "tvmaot"), ("stm32f4", "stm32f7")
_SUITE = "recipes/suites/first.yaml"
_SUITE_MODELS = re.compile(r"^  models: \[[a-z0-9_, ]+(?=\]$)", re.MULTILINE)  # as `init` writes them
_PROJECT_FILES = {"README.md": "README.md", ".gitignore": "gitignore", "dodo.py": "dodo.py"}


def is_project(folder: Path) -> bool:
    """Whether the folder has recipes, so that only a model can be added to it."""
    return (folder / "recipes").is_dir()


def first_benches(suitable: Iterable[tuple[str, str]]) -> tuple[list[str], str] | None:
    """Backends and a target to begin with, of the pairs that a model suits; None where it suits none."""
    by_target: dict[str, list[str]] = {}
    for backend, target in suitable:
        by_target.setdefault(target, []).append(backend)
    for target in (*TARGETS, *by_target):
        if takers := by_target.get(target):
            return [name for name in BACKENDS if name in takers] or takers[:1], target
    return None


def project_files(
    name: str, models: Sequence[str], plugins: Mapping[str, Mapping[str, str]], backends: Sequence[str], target: str
) -> dict[str, bytes]:
    """Path → content of all that a new project has but for its models; its suite has these backends and target."""
    words = {
        "project": name,
        "model": models[0],
        "models": ", ".join(models),
        "backend": backends[0],
        "backends": ", ".join(backends),
        "bench": f"{models[0]}-{backends[0]}-{target}",
        "target": target,
    }
    files = {path: _fill(template, words) for path, template in _PROJECT_FILES.items()}
    files["pyproject.toml"] = _doit_settings(plugins).encode()
    files[_SUITE] = _fill("suite.yaml", words)
    files.update((f"recipes/schemas/{file}", text.encode()) for file, text in schema_files().items())
    return files


def with_models(folder: Path, suitable: Mapping[str, Collection[tuple[str, str]]]) -> dict[str, bytes]:
    """Path → content of the first suite of a project with those models besides that all its backends take.

    `suitable`: model → backends and targets. Nothing where that leaves the suite as it is, or `init` didn't write it.
    """
    path = folder / _SUITE
    text = path.read_text(encoding="utf-8") if path.is_file() else ""
    if not _SUITE_MODELS.search(text):
        return {}
    matrix = Catalogue([folder / "recipes"]).get(Suite, path.stem).matrix
    benches = set() if matrix is None else set(product(matrix.backends, matrix.targets))
    taken = [model for model, pairs in suitable.items() if benches <= set(pairs)]
    made = _SUITE_MODELS.sub(lambda found: ", ".join((found[0], *taken)), text)
    return {_SUITE: made.encode()} if made != text else {}


@cache  # pydantic takes a while for them
def schema_files() -> Mapping[str, str]:
    """File name (`model.json`) → JSON schema of a kind of recipe, by which editors complete and underline."""
    from tinyflow.recipes.validate import json_schema  # takes a while: it imports pydantic

    schemas = {kind.noun: json_schema(shape) for shape, kind in KINDS.items()}
    return {f"{noun}.json": json.dumps(each, indent=1, ensure_ascii=False) + "\n" for noun, each in schemas.items()}


def model_files(name: str, content: bytes, source: str) -> dict[str, bytes]:
    """Path → content of a model and its recipe."""
    words = {
        "name": name,
        "file": f"{name}{Path(source).suffix.lower()}",
        "sha256": sha256(content).hexdigest(),
        "description": f"The network of {source}",
    }
    return {f"recipes/models/{name}.yaml": _fill("model.yaml", words), f"recipes/models/{words['file']}": content}


def frontend_of(catalogue: Catalogue, path: Path) -> Frontend | None:
    """What converts such a file, where it is of another framework."""
    name = path.suffix.lower()[1:]
    return catalogue.get(Frontend, name) if catalogue.has(Frontend, name) else None


def read_model(path: Path, frontend: Frontend | None) -> bytes:
    """A user's file. UsageError where there is none, or more to it; ModelError where it is no model's."""
    try:
        content = path.read_bytes()
    except OSError as error:
        raise UsageError(
            f"{path} can't be read: {error.strerror}", hint=f"--model takes the path of a file: {', '.join(suffixes())}"
        ) from error
    if frontend is not None and frontend.beside:
        hint = f"leave it where it is, and name it by its path: check {path}"
        raise UsageError(f"{path} is not all of its model, which has files beside it", hint=hint)
    if frontend is None and path.suffix.lower() != ".onnx" and content[4:8] != _MAGIC:
        what = "this is no .tflite file" if content else "this file is empty"
        hint = f"a .tflite has TFL3 behind its first four bytes; others end with {', '.join(suffixes()[1:])}"
        raise ModelError(what, where=str(path), hint=hint)
    return content


def recipe_name(path: Path) -> str:
    """What a bench name may call a file: `my_net` of `My-Nét.tflite`. UsageError where nothing is left."""
    letters = re.sub(r"[\u0300-\u036f]", "", unicodedata.normalize("NFKD", path.stem.casefold()))  # without accents
    name = re.sub(r"[^a-z0-9]+", "_", letters).strip("_")
    if not name:
        raise UsageError(f'"{path.stem}" gives no name for a recipe', hint="rename the file: a-z, 0-9 and _")
    return name


def write(folder: Path, files: Mapping[str, bytes], changed: Mapping[str, bytes] = MappingProxyType({})) -> None:
    """Write the files. UsageError, and nothing is written, where one of them is there already and says other things.

    `changed` are those that are replaced.
    """
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder} is not a folder", hint="nothing was written; choose another name")
    for path, content in files.items():
        place = folder / path
        if place.exists() and not (place.is_file() and place.read_bytes() == content):
            raise UsageError(f"{place} is there already", hint="nothing was written; choose another folder or name")
    try:
        for path, content in (*files.items(), *changed.items()):
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_bytes(content)
    except OSError as error:
        what = f"{error.filename} can't be written: {error.strerror}"
        raise UsageError(what, hint="choose another folder") from error


def _fill(template: str, words: Mapping[str, str]) -> bytes:
    text = (data_folder() / _TEMPLATES / template).read_text(encoding="utf-8")
    return Template(text).substitute(words).encode()


def _doit_settings(plugins: Mapping[str, Mapping[str, str]]) -> str:
    """What plain `doit` needs to find us, which reads only the pyproject.toml of its working directory."""
    lines = [
        "# So that plain `doit` is tinyflow in this folder; `tinyflow` is so in any.",
        "[tool.doit]",
        'loader = "tinyflow"',
        'backend = "memory"',
        "",
        "[tool.doit.plugins.loader]",
        'tinyflow = "tinyflow.__main__:PluginLoader"',
    ]
    for kind, members in plugins.items():
        lines += ["", f"[tool.doit.plugins.{kind.lower()}]", *(f'{name} = "{at}"' for name, at in members.items())]
    return "\n".join(lines) + "\n"
