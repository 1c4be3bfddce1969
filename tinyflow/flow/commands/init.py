"""`doit init`: a folder of one's own, ready for the first bench. Runs nothing."""

from __future__ import annotations

import shlex
from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from tinyflow.core.errors import TinyflowError, UsageError
from tinyflow.core.units import format_size
from tinyflow.flow import new_project
from tinyflow.flow.command_list import PLUGINS
from tinyflow.flow.commands.command import OwnCommand, option
from tinyflow.flow.planning.available import lacking
from tinyflow.flow.planning.models import FRONTEND
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.own_model import file_of
from tinyflow.recipes.schema import Backend, Frontend, Target

if TYPE_CHECKING:
    from tinyflow.flow.planning.suitability import Suitability


_SIMULATOR = "tinyflow.targets.unicorn"  # the one that every installation has
_CHIPS = 3
_MEMORY = {"ram": "RAM", "flash": "flash"}


class _Given(NamedTuple):
    """A file, and which backends take it on which targets: nothing where that isn't known yet."""

    path: Path
    content: bytes
    frontend: Frontend | None
    found: list[Suitability]

    @property
    def suitable(self) -> list[tuple[str, str]]:
        """Backends and targets."""
        return [(each.backend, each.target) for each in self.found]


def _installed(catalogue: Catalogue, backends: Collection[str]) -> Sequence[str]:
    """Those of these backends that are installed; all where none is."""
    absent = {name for waiting in lacking(catalogue, backends).values() for name in waiting}
    return [name for name in backends if name not in absent] or [*backends]


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
        suited = _installed(Catalogue([data_folder() / "recipes"]), new_project.BACKENDS), new_project.TARGETS[0]
        benches: tuple[Sequence[str], str] | None = suited
        if given:
            first, *others = given.values()
            common = [pair for pair in first.suitable if all(pair in each.suitable for each in others)]
            here = _installed(self.loader.catalogue, dict.fromkeys(backend for backend, _ in common))
            benches = new_project.first_benches(pair for pair in common if pair[0] in here)
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
            following += [f"bench:{model}-{benches[0][0]}-{benches[1]}{self._feature(*benches)}" for model in models]
        chips = [] if benches is None else [*self._chips(given, benches[0][0])]
        self._tell(folder, files, changed, chips, following)
        return 0

    def _feature(self, backends: Sequence[str], target: str) -> str:
        """`+dsp` where a backend writes such instructions only if it is asked to."""
        backend = self.loader.catalogue.get(Backend, backends[0])
        is_off = backend.options.get("dsp") is False
        return "+dsp" if is_off and target in self.loader.matching.takers("dsp").get(backend.name, ()) else ""

    def _chips(self, given: Mapping[str, _Given], backend: str) -> Iterator[str]:
        """Benches of the first model on the smallest simulated chips that it fits, each of another core."""
        cores: set[str] = set()
        name, first = next(iter(given.items()), ("", None))
        suitable = [each for each in (first.found if first else ()) if each.backend == backend and each.has]
        for each in sorted(suitable, key=lambda each: [each.has[kind] for kind in _MEMORY]):
            target = self.loader.catalogue.get(Target, each.target)
            if target.implementation != _SIMULATOR or target.cpu in cores or len(cores) == _CHIPS:
                continue
            cores.add(target.cpu)
            sizes = {word: (each.needs[kind], each.has[kind]) for kind, word in _MEMORY.items()}
            needed = ", ".join(f"{format_size(n)} of {format_size(has)} {word}" for word, (n, has) in sizes.items())
            yield f"bench:{name}-{backend}-{each.target}  {target.cpu}, {'≥ ' * each.is_least}{needed}"

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
        return _Given(path, content, None, [each for each in found if each.is_suitable])

    def _tell(
        self,
        folder: Path,
        files: Collection[str],
        changed: Collection[str],
        chips: Sequence[str],
        following: Sequence[str],
    ) -> None:
        shown = [path for path in sorted(files) if "/schemas/" not in path]
        more = len(files) - len(shown)
        for path in shown:
            print(f"wrote {folder / path}")
        for path in changed:
            print(f"added to {folder / path}")
        if more:
            print(f"wrote {folder / 'recipes' / 'schemas'}: {more} JSON schemas for editors")
        if chips:
            print("chips that it fits, the smallest first:")
        for words in chips:
            print(f"  {self.bin_name} {words}")
        print("next:")
        if folder.resolve() != Path.cwd():
            print(f"  cd {shlex.quote(str(folder))}")
        for words in following:
            print(f"  {self.bin_name} {words}")
