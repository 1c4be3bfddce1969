"""Archives into the cache (`import`): what is in them need not run here."""

from __future__ import annotations

from typing import NamedTuple

from tinyflow.archive.contents import Archive, blobs_of
from tinyflow.core.execute import Session
from tinyflow.core.key import differences
from tinyflow.core.states import HIT, UP_TO_DATE
from tinyflow.core.store import Store
from tinyflow.flow.archives.rebuild import VOLATILE
from tinyflow.flow.planning.plan import Planner
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Model, Suite
from tinyflow.recipes.validate import validate


class Stored(NamedTuple):
    """What an import brought: results that are new, that were here, and that are here with other outputs (kept)."""

    new: int
    known: int
    other: tuple[str, ...]  # titles


def store(archive: Archive, cache: Store) -> Stored:
    """Put an archive's blobs and results into a cache; what is there already stays."""
    new, known = 0, 0
    other: list[str] = []
    for action in archive.actions:
        before = cache.look_up(action.key, action.outputs)
        if before is not None:
            known += 1
            if any(before.outputs.get(name) != blob for name, blob in action.outputs.items() if name != VOLATILE):
                other.append(action.title)
            continue
        for _, blob in blobs_of(action.outputs, archive.read):
            cache.add_bytes(archive.read(blob) or b"")
        cache.add_bytes(b"")  # the log
        if not action.is_local:
            cache.keep(action.result)
            new += 1
    return Stored(new, known, tuple(other))


def own_models(archive: Archive, catalogue: Catalogue) -> dict[str, bytes]:
    """Files below a project's folder, by which benches of an archive can be planned there.

    Recipes and files of models, and recipes of suites, whose names no recipe here has: data, nothing that is ever run.
    Raises RecipeError.
    """
    found: dict[str, bytes] = {}
    for path, content in archive.files.items():
        folder, _, file = path.rpartition("/")
        name, is_recipe = file.removesuffix(".yaml"), file.endswith(".yaml")
        if is_recipe and folder == "recipes/suites" and not catalogue.has(Suite, name):
            found[path] = content
        elif is_recipe and folder == "recipes/models" and not catalogue.has(Model, name):
            found[path] = content
            found |= _files_of(archive, validate(Model, name, content, path))
    return found


def _files_of(archive: Archive, model: Model) -> dict[str, bytes]:
    """A model's file and samples, beside where its recipe will be."""
    found = {}
    for path in (f"models/{model.name}.tflite", f"recipes/models/{model.file}"):
        if model.file is not None and path in archive.files:
            found[f"recipes/models/{model.file}"] = archive.files[path]
    folder, is_in_folder, _ = (model.file or "").rpartition("/")
    if is_in_folder:  # what lies beside it may belong to it
        beside = f"recipes/models/{folder}/"
        found |= {path: content for path, content in archive.files.items() if path.startswith(beside)}
    if model.samples.folder is not None:
        samples = [path for path in archive.files if path.startswith(f"models/{model.samples.folder}/")]
        found |= {f"recipes/{path}": archive.files[path] for path in samples}
    return found


def adopt(archive: Archive, name: str, planner: Planner, session: Session) -> list[str]:
    """Record a stored bench's actions as this checkout's, as far as their keys are the same here.

    Returns why the first other one is another (empty: there is none). Raises UsageError and RecipeError.
    """
    known = {action.key_text: action for action in archive.actions}
    for action in planner.plan_bench(parse(name)).actions:
        verdict = session.check(action)
        if verdict.state == UP_TO_DATE:
            continue
        text = session.key_text(action) or ""
        if verdict.state == HIT:
            session.execute(action)
        elif text in known:
            session.adopt(action, known[text].result)
        else:
            like = (old for old in archive.benches[name] if (old.stage, old.title) == (action.stage, action.title))
            before = next(like, None)
            return [f"{action.title} would run:", *(differences(before.key_text, text) if before else verdict.reasons)]
    return []
