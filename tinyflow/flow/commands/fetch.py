"""`doit fetch`: get the real files of models into the cache, so that benches need no network and no stand-ins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from tinyflow.core import environments
from tinyflow.core.errors import TinyflowError, UsageError
from tinyflow.core.units import format_seconds
from tinyflow.flow.commands.command import OwnCommand, refuse
from tinyflow.flow.loader import Loader
from tinyflow.flow.messages import shown
from tinyflow.flow.planning import checkouts
from tinyflow.flow.planning.models import ENGINE, FRONTEND
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.runtime_files import FETCHED
from tinyflow.recipes.schema import Backend, Frontend, Model

# What is fetched besides models.
_OTHERS = (FRONTEND, ENGINE, FETCHED)


class Fetch(OwnCommand):
    """Runs the fetch stage without its last resort, the synthesised stand-in."""

    doc_purpose = "get the real files of models: from mirrors, else from their URLs"
    doc_usage = "[MODEL...] [frontend:NAME...] [engine:BACKEND...] [runtime:NAME...]"
    doc_description = """\
frontend:NAME makes the Python environment in which files of that name are converted, engine:BACKEND that of an engine,
anew where it is there. runtime:NAME gets the files of a runtime with `git`.
Example: TINYFLOW_MIRRORS=/data/models doit fetch vww"""

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Fetch the named models, or all; one that can't be had is said, and the others follow."""
        del params
        loader = self.loader
        status = 0
        for name in _each(loader, args or loader.catalogue.names(Model)):
            if name.startswith(_OTHERS):
                try:
                    if name.startswith(FETCHED):
                        place = checkouts.fetch(loader.catalogue, loader.session, name.removeprefix(FETCHED))
                        print(f"{name}: {shown(place)}")
                    else:
                        print(_environment(name, *_requirements(loader.catalogue, name)))
                except TinyflowError as error:
                    status = max(status, refuse(error))
                continue
            model = loader.catalogue.get(Model, name)
            if model.file is None and not model.urls:
                print(f"{name}: made from code only, nothing to fetch")
                continue
            folder = loader.catalogue.path(Model, name).parent
            action = loader.planner.models.fetch(replace(model, synthesize=None), folder)
            try:
                outcome = loader.session.bring_about(action)
            except TinyflowError as error:
                status = max(status, refuse(error))
                continue
            digest = loader.session.output_digest(action, "model.tflite")
            print(f"{name}: {outcome.outcome} in {format_seconds(outcome.seconds)}, {digest}")
        return status


def _each(loader: Loader, names: Iterable[str]) -> Iterator[str]:
    """Once each, the parts of a chain in place of it."""
    seen: set[str] = set()
    for name in names:
        parts = () if name.startswith(_OTHERS) else loader.catalogue.get(Model, name).chain
        for one in parts or (name,):
            if one not in seen:
                seen.add(one)
                yield one


def _requirements(catalogue: Catalogue, name: str) -> tuple[Sequence[str], str]:
    """What is to be in an environment, and of which Python. Raises UsageError for an engine that has none."""
    if name.startswith(FRONTEND):
        return catalogue.get(Frontend, name.removeprefix(FRONTEND)).packages, ""
    backend = catalogue.get(Backend, name.removeprefix(ENGINE))
    if backend.engine is None or backend.engine.environment is None:
        hint = f"type {' && '.join(backend.engine.install)}" if backend.engine is not None else "it needs none"
        raise UsageError(f"backend {backend.name} has no Python environment of its own", hint=hint)
    return backend.engine.environment.packages, backend.engine.environment.python or ""


def _environment(name: str, requirements: Sequence[str], python: str) -> str:
    """Make an environment; a line that tells so."""
    made = environments.make(requirements, python)
    count = len((environments.contents(made) or "").splitlines()) - 1
    place = shown(environments.folder_of(made))
    lock = f", as a lock in its {environments.LOCKED}" if count else ""
    return f"{name}: {count} packages in {place}{lock}"
