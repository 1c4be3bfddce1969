"""`doit fetch`: get the real files of models into the cache, so that benches need no network and no stand-ins."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Any

from tinyflow.core import environments
from tinyflow.core.errors import TinyflowError
from tinyflow.core.units import format_seconds
from tinyflow.flow.commands.command import OwnCommand, refuse
from tinyflow.flow.loader import Loader
from tinyflow.flow.messages import shown
from tinyflow.flow.planning.models import FRONTEND
from tinyflow.recipes.schema import Frontend, Model


class Fetch(OwnCommand):
    """Runs the fetch stage without its last resort, the synthesised stand-in."""

    doc_purpose = "get the real files of models: from mirrors, else from their URLs"
    doc_usage = "[MODEL...] [frontend:NAME...]"
    doc_description = """\
frontend:NAME makes the Python environment in which files of that name are converted, anew where it is there.
Example: TINYFLOW_MIRRORS=/data/models doit fetch vww"""

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Fetch the named models, or all; one that can't be had is said, and the others follow."""
        del params
        loader = self.loader
        status = 0
        for name in _each(loader, args or loader.catalogue.names(Model)):
            if name.startswith(FRONTEND):
                try:
                    print(_environment(loader.catalogue.get(Frontend, name.removeprefix(FRONTEND))))
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
        parts = () if name.startswith(FRONTEND) else loader.catalogue.get(Model, name).chain
        for one in parts or (name,):
            if one not in seen:
                seen.add(one)
                yield one


def _environment(frontend: Frontend) -> str:
    """Make a frontend's environment; a line that tells so."""
    found = environments.contents(environments.make(frontend.packages)) or ""
    count = len(found.splitlines()) - 1
    place = shown(environments.folder_of(environments.name_of(frontend.packages)))
    return f"{FRONTEND}{frontend.name}: {count} packages in {place}"
