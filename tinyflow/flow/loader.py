"""doit's way to our tasks: it hands over the words of the command line, we plan what they select and nothing else."""

from __future__ import annotations

import contextlib
import gc
import json
import os
import sys
import threading
import time
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

from doit.cmd_base import Command, DodoTaskLoader, TaskLoader2
from doit.task import Task

from tinyflow.core.action import Action, Output
from tinyflow.core.errors import TinyflowError, UsageError
from tinyflow.core.execute import Session
from tinyflow.core.regular_files import small_text
from tinyflow.core.scratch import clear, fresh_file
from tinyflow.core.store import Store
from tinyflow.flow.planning.alternatives import name_another
from tinyflow.flow.planning.error_locations import locate
from tinyflow.flow.planning.firmware import Wanted
from tinyflow.flow.planning.matching import Matching
from tinyflow.flow.planning.plan import Planner, task_name
from tinyflow.flow.planning.selection import Selection, Selector
from tinyflow.flow.project import Project, find_project
from tinyflow.flow.publishing.revision import Checkout
from tinyflow.flow.publishing.views import Views
from tinyflow.flow.session.cluster import open_cluster
from tinyflow.flow.session.cluster.address import VARIABLE as CLUSTER
from tinyflow.flow.session.cluster.address import parse as parse_cluster
from tinyflow.flow.session.ledger import Ledger
from tinyflow.flow.session.needed_actions import Demand
from tinyflow.flow.session.preimports import copied_workers
from tinyflow.flow.session.tasks import action_tasks, early_tasks, group_task
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue, recipe_folders
from tinyflow.recipes.mirrors import Mirrors
from tinyflow.recipes.own_model import file_of, is_path, suffixes
from tinyflow.recipes.resolve import model_of_file
from tinyflow.recipes.schema import Model

if TYPE_CHECKING:
    from tinyflow.core.remote import Remote
    from tinyflow.flow.session.cluster.cluster import Cluster

_DRAFT = ".listed-"
_MOST_REMEMBERED = 100
_OBJECTS_PER_COLLECTION = 50_000  # CPython's own 700 to 2,000 cost a tenth of an empty run


class Loader(TaskLoader2):  # type: ignore[misc]  # doit has no types
    """One session: where things lie, what was selected, and what happened. Everything is made when first asked for."""

    # Where doit looks for a dodo.py: understood, since ours hands over to us, but we find the project ourselves.
    cmd_options = DodoTaskLoader.cmd_options

    def __init__(self, start: Path | None = None) -> None:
        """`start` is a folder of the project, for programs of users; by itself it is where a command is typed."""
        super().__init__()
        self._start = start
        if start is None:
            # A plan is very many objects that stay: looking through them again and again would find nothing to free.
            gc.set_threshold(_OBJECTS_PER_COLLECTION)
        self.started_s = time.monotonic()  # planning and checking are a part of what a run takes
        self.timeout_s: float | None = None  # of every action, where the user says so
        self.cluster_address = os.environ.get(CLUSTER, "")  # where actions run, if not here
        self.wanted = Wanted()  # of firmware
        self.selection = Selection()
        self.ledger = Ledger()
        self.warn = _complain
        self._cluster: Cluster | None = None
        self._connecting = threading.Lock()

    @cached_property
    def project(self) -> Project:
        """Where things lie, seen from the working directory."""
        return find_project(self._start or Path.cwd())

    @cached_property
    def catalogue(self) -> Catalogue:
        """The recipes."""
        return Catalogue(recipe_folders(os.environ, self.project.root), self.project.state / "recipes")

    @cached_property
    def planner(self) -> Planner:
        """Benches to actions."""
        return Planner(self.catalogue, self.mirrors, self.session.store, self.timeout_s)

    @cached_property
    def matching(self) -> Matching:
        """What goes with what of the recipes."""
        return Matching(self.catalogue)

    @cached_property
    def mirrors(self) -> Mirrors:
        """Where models are looked for."""
        return Mirrors.discover()

    @cached_property
    def selector(self) -> Selector:
        """What words can select."""
        return Selector(self.catalogue, lambda: self.planner, self._read, self._remembered, self.wanted)

    def remember(self, words: Iterable[str]) -> None:
        """Keep words whose actions are listed, so that these can be selected by what is listed."""
        kept = [word for word in words if not self.selector.is_action(word)]
        kept = list(dict.fromkeys([*kept, *self._remembered()]))[:_MOST_REMEMBERED]
        with contextlib.suppress(OSError):  # a read-only checkout lists all the same
            self._listed.parent.mkdir(parents=True, exist_ok=True)
            clear(self._listed.parent, _DRAFT)
            with fresh_file(self._listed.parent, _DRAFT) as (_, draft):
                draft.write_text(json.dumps(kept), encoding="utf-8")
                draft.replace(self._listed)

    def _remember_files(self) -> None:
        """Keep where models of files lie, since what is printed of their benches has no path."""
        benches = [plan.bench for plan in self.selection.benches.values() if plan.bench.is_file]
        words = [f"bench:{replace(bench, model=str(Path(bench.model).expanduser().absolute()))}" for bench in benches]
        if set(words) - set(self._remembered()):
            self.remember(words)

    def _remembered(self) -> list[str]:
        try:
            found = json.loads(small_text(self._listed))
        except (OSError, ValueError):
            return []
        return [word for word in found if isinstance(word, str)] if isinstance(found, list) else []

    @property
    def _listed(self) -> Path:
        return self.project.state / "listed.json"

    def _read(self, action: Action, name: str) -> Any:
        """A JSON of an action, which is brought about if need be."""
        self.session.bring_about(action)
        return self.session.read_json(action, name)

    @cached_property
    def session(self) -> Session:
        """The cache and the records. Makes the state folder."""
        if self.project.elsewhere is not None:
            self.tell(f"{self.project.build} can't be written; state is kept in {self.project.elsewhere}")
        session = Session(self.project.cache, self.project.state, self.tell, _remote(os.environ, self.tell))
        if self.cluster_address:
            parse_cluster(self.cluster_address)  # refused before anything runs
            session.perform = lambda *what: self.cluster.perform(session, *what)
        session.on_failure = self._explain
        return session

    def _explain(self, action: Action, error: TinyflowError) -> None:
        """Say more of a failed action: where in the user's files it began, which bench would do."""
        locate(action, error, lambda: self.catalogue)
        got = action.inputs.get("model.tflite")
        if isinstance(got, Output):
            plans = self.selection.benches.values()
            name_another(action, error, plans, lambda: self._content(got), self.catalogue, self.matching)

    def _content(self, output: Output) -> bytes:
        return self.session.output_path(output.action, output.name).read_bytes()

    @property
    def cluster(self) -> Cluster:
        """The cluster, connected to when something is to run. Raises UsageError and ToolError."""
        with self._connecting:
            if self._cluster is None:
                self._cluster = open_cluster(parse_cluster(self.cluster_address), self.project.state, self.tell)
            return self._cluster

    @property
    def slots(self) -> int | None:
        """How many actions may run at once, where a cluster decides that. Raises as `cluster` does."""
        return self.cluster.slots if self.cluster_address else None

    @contextlib.contextmanager
    def workers(self, actions: Collection[Action]) -> Iterator[int | None]:
        """Within, these actions may run, and find what runs them; how many at once, where a cluster decides that."""
        if self.cluster_address and actions:
            self.cluster.expect(actions)
            yield self.slots
        else:
            with copied_workers(self.session, actions, self.project.state):
                yield None

    def model_content(self, name: str) -> bytes:
        """The bytes of a model or file as `.tflite`, fetched as a bench would. Raises UsageError and ModelError."""
        if name.endswith(".tflite"):
            if not (path := Path(name).expanduser()).exists() and self.catalogue.has(Model, path.stem):
                raise UsageError(f"there is no file {name}", hint=f"a model of a recipe goes by its name: {path.stem}")
            model_of_file(name)  # refuses one that isn't there
            return path.read_bytes()
        if is_path(name := file_of(name)):
            model, folder = model_of_file(name)
        elif self.catalogue.has(Model, name):
            model, folder = self.catalogue.get(Model, name), self.catalogue.path(Model, name).parent
        else:
            hint = f"a file's name ends with {', '.join(suffixes())}"
            raise UsageError(f'"{name}" is neither a model nor a file', hint=hint)
        fetched = self.planner.models.fetch(model, folder)
        self.session.bring_about(fetched)
        return self.session.output_path(fetched, "model.tflite").read_bytes()

    def close(self) -> None:
        """Close the session, if there is one."""
        if "session" in vars(self):
            self.session.close()
        if self._cluster is not None:
            self._cluster.close()

    def forget_recipes(self) -> None:
        """Read the recipes and plan anew when next asked."""
        for name in ("catalogue", "planner", "matching", "mirrors", "selector"):
            self.__dict__.pop(name, None)

    def reopen(self) -> None:
        """The same where this folder has just become a project, with a cache of its own."""
        self.forget_recipes()
        self.__dict__.pop("project", None)

    @cached_property
    def views(self) -> Views:
        """What is in `build/`, for who only looks."""
        return Views(self.project, Store(self.project.cache, self.tell, self.project.state / "cache"), self.tell)

    @cached_property
    def checkout(self) -> Checkout:
        """What is checked out as the session begins."""
        return Checkout(self.project.root)

    def tell(self, line: str) -> None:
        """To whoever listens when there is something to tell."""
        self.warn(line)

    def load_doit_config(self) -> dict[str, Any]:
        """Nothing: options have their defaults in our commands."""
        return {}

    def load_tasks(self, cmd: Command, pos_args: list[str]) -> list[Task]:
        """Tasks for a selection; without one, names of all that a person would type."""
        del cmd
        if not pos_args:
            return self._listing()
        _ = self.checkout  # before anything is read
        self.selection = self.selector.select(pos_args)
        self._remember_files()
        tasks = self._tasks()
        pos_args[:] = [*early_tasks(tasks), *self.selection.tasks]  # patterns and other spellings end here
        return tasks

    def _listing(self) -> list[Task]:
        suites = self.selector.suites
        return [
            *(group_task(f"suite:{name}", doc=f"{len(members)} benches") for name, members in suites.items()),
            *(group_task(f"report:{name}", doc="what is known of them; runs nothing") for name in suites),
            *(group_task(f"bench:{name}", doc=self._describe(name)) for name in self.selector.benches),
        ]

    def _describe(self, bench: str) -> str:
        model = parse(bench).model
        return self.catalogue.get(Model, model).description if self.catalogue.has(Model, model) else ""

    def _tasks(self) -> list[Task]:
        chosen = self.selection
        tasks = action_tasks(chosen.all_actions, self.session, self.ledger, Demand(chosen.wholes))
        made = {task.name for task in tasks}
        groups = {
            name: [task for task in map(task_name, finals) if task in made]
            for name, finals in chosen.tasks.items()
            if name not in made
        }
        return [*tasks, *(group_task(name, members) for name, members in groups.items())]


def _remote(environment: Mapping[str, str], warn: Callable[[str], None]) -> Remote | None:
    """The remote cache that `TINYFLOW_REMOTE_CACHE` names; `TINYFLOW_REMOTE_TOKEN` opens it."""
    address = environment.get("TINYFLOW_REMOTE_CACHE")
    if not address:
        return None
    from tinyflow.core.remote import Remote, parse_address

    return Remote(parse_address(address, environment.get("TINYFLOW_REMOTE_TOKEN")), warn)


def _complain(line: str) -> None:
    print(line, file=sys.stderr)
