"""`doit fetch`: get the real files of models into the cache, so that benches need no network and no stand-ins."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from tinyflow.core.errors import TinyflowError
from tinyflow.core.units import format_seconds
from tinyflow.flow.commands.command import OwnCommand, refuse
from tinyflow.recipes.schema import Model


class Fetch(OwnCommand):
    """Runs the fetch stage without its last resort, the synthesised stand-in."""

    doc_purpose = "get the real files of models: from mirrors, else from their URLs"
    doc_usage = "[MODEL...]"
    doc_description = "Example: TINYFLOW_MIRRORS=/data/models doit fetch vww"

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Fetch the named models, or all; one that can't be had is said, and the others follow."""
        del params
        loader = self.loader
        status = 0
        for name in args or loader.catalogue.names(Model):
            model = loader.catalogue.get(Model, name)
            if model.file is None and not model.urls:
                print(f"{name}: made from code only, nothing to fetch")
                continue
            folder = loader.catalogue.path(Model, name).parent
            action = loader.planner.models.fetch(replace(model, synthesize=None), folder)
            try:
                outcome = loader.session.execute(action)
            except TinyflowError as error:
                status = max(status, refuse(error))
                continue
            digest = loader.session.output_digest(action, "model.tflite")
            print(f"{name}: {outcome.outcome} in {format_seconds(outcome.seconds)}, {digest}")
        return status
