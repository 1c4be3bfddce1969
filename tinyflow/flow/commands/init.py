"""`doit init`: a folder of one's own, ready for the first bench. Runs nothing."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from tinyflow.core.errors import TinyflowError, UsageError
from tinyflow.flow import new_project
from tinyflow.flow.command_list import PLUGINS
from tinyflow.flow.commands.command import OwnCommand, option
from tinyflow.flow.planning.models import FRONTEND
from tinyflow.recipes.own_model import file_of
from tinyflow.recipes.schema import Frontend


class _Given(NamedTuple):
    """A file, and which backends take it on which targets: nothing where that isn't known yet."""

    path: Path
    content: bytes
    frontend: Frontend | None
    suitable: list[tuple[str, str]]


class Init(OwnCommand):
    """Writes a project, or adds models to the one that is there."""

    doc_purpose = "make a project of your own, or add models to it"
    doc_usage = "[FOLDER]"
    doc_description = """\
Without FOLDER in the working directory. No file is replaced; the suite `first` gets a model that its backends take.
Example: tinyflow init my_project --model my_net.tflite"""
    cmd_options = (
        option("model", "a file to begin with, copied beside its recipe; may be given several times", [], short="m"),
    )

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Write the files, and tell what to type next."""
        if len(args) > 1:
            raise UsageError(f'init takes one folder, not "{args[1]}" as well', hint=f"{self.bin_name} init {args[0]}")
        folder = Path(args[0] if args else ".")
        given: dict[str, _Given] = {}
        for path in map(Path, map(file_of, params["model"])):
            name = new_project.recipe_name(path)
            if name in given:
                raise UsageError(f"two models are called {name}", hint="rename one of the files")
            given[name] = self._given(path)
        files: dict[str, bytes] = {}
        for name, each in given.items():
            files.update(new_project.model_files(name, each.content, each.path.name))
        models = list(given) or [new_project.BUILT_IN_MODEL]
        suited = new_project.BACKENDS, new_project.TARGETS[0]
        benches: tuple[Sequence[str], str] | None = suited
        if given:
            first, *others = given.values()
            common = [pair for pair in first.suitable if all(pair in each.suitable for each in others)]
            benches = new_project.first_benches(common)
        changed: dict[str, bytes] = {}
        if not new_project.is_project(folder):
            files.update(new_project.project_files(folder.resolve().name, models, PLUGINS, *(benches or suited)))
        elif not given:
            raise UsageError(f"{folder / 'recipes'} is there already", hint="--model FILE.tflite adds a model")
        else:
            changed = new_project.with_models(folder, {name: each.suitable for name, each in given.items()})
        new_project.write(folder, files, changed)
        frontends = dict.fromkeys(f"{FRONTEND}{each.frontend.name}" for each in given.values() if each.frontend)
        following = [f"fetch {' '.join(frontends)}"] if frontends else []
        if benches is None:
            following.append(f"check {' '.join(models)}")
        else:
            following += [f"bench:{model}-{benches[0][0]}-{benches[1]}" for model in models]
        self._tell(folder, files, changed, following)
        return 0

    def _given(self, path: Path) -> _Given:
        """What `check` would say of a file; of one that is still to be converted, nothing."""
        from tinyflow.flow.planning.suitability import assess, tidied

        frontend = new_project.frontend_of(self.loader.catalogue, path)
        content = new_project.read_model(path, frontend)
        if frontend is not None or path.suffix.lower() == ".onnx":
            return _Given(path, content, frontend, [])
        try:
            _, graph, size_bytes = tidied(content, path.name)
            found = assess(self.loader.catalogue, str(path), graph, size_bytes)
        except TinyflowError:
            found = []
        return _Given(path, content, None, [(each.backend, each.target) for each in found if each.is_suitable])

    def _tell(self, folder: Path, files: Collection[str], changed: Collection[str], following: Sequence[str]) -> None:
        shown = [path for path in sorted(files) if "/schemas/" not in path]
        more = len(files) - len(shown)
        for path in shown:
            print(f"wrote {folder / path}")
        for path in changed:
            print(f"added to {folder / path}")
        if more:
            print(f"wrote {folder / 'recipes' / 'schemas'}: {more} JSON schemas for editors")
        print("next:")
        if folder.resolve() != Path.cwd():
            print(f"  cd {shlex.quote(str(folder))}")
        for words in following:
            print(f"  {self.bin_name} {words}")
