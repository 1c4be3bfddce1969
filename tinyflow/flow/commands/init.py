"""`doit init`: a folder of one's own, ready for the first bench. Runs nothing."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tinyflow.core.errors import TinyflowError, UsageError
from tinyflow.flow import new_project
from tinyflow.flow.command_list import PLUGINS
from tinyflow.flow.commands.command import OwnCommand, option


class Init(OwnCommand):
    """Writes a project, or adds a model to the one that is there."""

    doc_purpose = "make a project of your own, or add a model to it"
    doc_usage = "[FOLDER]"
    doc_description = """\
Without FOLDER in the working directory. No file is ever replaced.
Example: tinyflow init my_project --model my_net.tflite"""
    cmd_options = (option("model", "a .tflite or .onnx file to begin with; it is copied beside its recipe", short="m"),)

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Write the files, and tell what to type next."""
        if len(args) > 1:
            raise UsageError(f'init takes one folder, not "{args[1]}" as well', hint=f"{self.bin_name} init {args[0]}")
        folder = Path(args[0] if args else ".")
        given = Path(params["model"]) if params["model"] else None
        model = new_project.recipe_name(given) if given is not None else new_project.BUILT_IN_MODEL
        files = {}
        benches = new_project.BACKENDS, new_project.TARGETS[0]
        suited: tuple[Sequence[str], str] | None = benches
        if given is not None:
            content = new_project.read_model(given)
            files.update(new_project.model_files(model, content, given.name))
            suited = self._suited(given, content)
        if not new_project.is_project(folder):
            files.update(new_project.project_files(folder.resolve().name, model, PLUGINS, *(suited or benches)))
        elif given is None:
            raise UsageError(f"{folder / 'recipes'} is there already", hint="--model FILE.tflite adds a model")
        new_project.write(folder, files)
        first = f"check {model}" if suited is None else f"bench:{model}-{suited[0][0]}-{suited[1]}"
        self._tell(folder, sorted(files), first)
        return 0

    def _suited(self, path: Path, content: bytes) -> tuple[Sequence[str], str] | None:
        """What runs a model; None where that is nothing, or `check` has to find out."""
        from tinyflow.flow.planning.suitability import assess, tidied

        if path.suffix.lower() == ".onnx":
            return None
        try:
            _, graph, size_bytes = tidied(content, path.name)
            found = assess(self.loader.catalogue, str(path), graph, size_bytes)
        except TinyflowError:
            return None
        return new_project.first_benches((each.backend, each.target) for each in found if each.is_suitable)

    def _tell(self, folder: Path, files: list[str], first: str) -> None:
        shown = [path for path in files if "/schemas/" not in path]
        more = len(files) - len(shown)
        for path in shown:
            print(f"wrote {folder / path}")
        if more:
            print(f"wrote {folder / 'recipes' / 'schemas'}: {more} JSON schemas for editors")
        print("next:")
        if folder.resolve() != Path.cwd():
            print(f"  cd {folder}")
        print(f"  {self.bin_name} {first}")
