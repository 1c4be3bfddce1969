"""Archives rebuilt from nothing but what is in them (`verify`): recipes, sources and model, no mirror, no network."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

from tinyflow.archive.contents import Archive, ArchivedAction
from tinyflow.core.action import Action, SourceFile, in_order
from tinyflow.core.errors import ArchiveError, TinyflowError, ToolError
from tinyflow.core.store import Store
from tinyflow.flow.archives.export import NO_TIMES
from tinyflow.flow.archives.rebuild import VOLATILE, Difference, Rebuild, Recorded
from tinyflow.flow.archives.sources import PACKAGE
from tinyflow.flow.planning.plan import BenchPlan, Planner
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.mirrors import Mirrors

_MAKERS = ("implementation ", "environment ", "tool ")  # sections of a key
# What rebuilding follows: commands, flags, sources, templates. Models and suites are data.
_CODE, _DATA = ("recipes/", "templates/"), ("recipes/models/", "recipes/suites/")


class Rebuilt(NamedTuple):
    """What came of it: how many actions were made again, outputs equal and different; or with what it was not tried."""

    actions: int
    equal: int
    differing: tuple[Difference, ...]
    other_tools: tuple[str, ...]


def own_code(archive: Archive) -> list[str]:
    """Files of the archive that say what is run when it is rebuilt, and are not this tinyflow's own."""
    ours = data_folder()
    return [
        name
        for name, content in archive.files.items()
        if name.startswith(_CODE) and not name.startswith(_DATA)
        if not ((ours / name).is_file() and (ours / name).read_bytes() == content)
    ]


def rebuild(archive: Archive, folder: Path, ignores_tool_versions: bool) -> Rebuilt:
    """Rebuild all benches of an archive below an empty folder, from its files alone.

    Where tools or our code are others than the archive's, nothing is rebuilt unless `ignores_tool_versions`.
    Raises ArchiveError, and what building raises.
    """
    for name, content in archive.files.items():
        path = folder / "archive" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    no_times = folder / VOLATILE
    no_times.write_bytes(NO_TIMES)
    known: dict[str, ArchivedAction] = {}  # by the ids of the actions that are planned here
    other_tools: tuple[str, ...] = ()
    recorded = Recorded(
        lambda action: known[action.id].outputs,
        lambda action: no_times,
        archive.read,
        lambda action: None if other_tools else known[action.id].key_text,  # keys tell of tools, too
    )
    again = Rebuild(recorded, folder, _offline)
    try:
        plans = _plan(archive, folder)
        for plan in plans:
            known.update(_matched(plan, archive))
        actions = in_order(plan.final for plan in plans).values()
        other_tools = tuple(_other_tools(actions, known, again))
        if other_tools and not ignores_tool_versions:
            return Rebuilt(0, 0, (), other_tools)
        differing: list[Difference] = []
        for action in actions:
            differing += again.compare(action)
        return Rebuilt(len(actions), again.equal, tuple(differing), other_tools)
    finally:
        again.session.close()


def _matched(plan: BenchPlan, archive: Archive) -> dict[str, ArchivedAction]:
    """The archive's actions for those of a bench, by their places in the plan. Raises ArchiveError."""
    old = archive.benches[plan.name]
    if [action.stage for action in plan.actions] != [action.stage for action in old]:
        raise ArchiveError("this tinyflow plans it otherwise", where=plan.name, hint="take the archive's tinyflow")
    return {action.id: before for action, before in zip(plan.actions, old, strict=True)}


def _plan(archive: Archive, folder: Path) -> list[BenchPlan]:
    """The archive's benches planned from its own recipes. Raises ArchiveError where they need what it does not have."""
    root = folder / "archive"
    models = (root / "models",) if (root / "models").is_dir() else ()
    try:
        planner = Planner(Catalogue((root / "recipes",)), Mirrors(folders=models), Store(folder / "nothing"))
        plans = [planner.plan_bench(parse(name)) for name in archive.benches]
    except TinyflowError as error:
        raise ArchiveError(f"can't be planned from its recipes: {error}", where=archive.name) from error
    for source in (source for plan in plans for action in plan.actions for source in action.inputs.values()):
        if isinstance(source, SourceFile) and not _is_there(source.path, root):
            raise ArchiveError(f"lacks {source.name}", where=archive.name, hint="it can't be rebuilt from it alone")
    return plans


def _is_there(path: Path, root: Path) -> bool:
    """Whether a file is the archive's, or our own code, which is a tool."""
    is_code = path.is_relative_to(PACKAGE) and not path.is_relative_to(data_folder() / "templates")
    return path.is_relative_to(root) or is_code


def _offline(action: Action) -> Action:
    """A model that was made from code, since no server had it, is made from code again; none is asked."""
    return replace(action, parameters={**action.parameters, "urls": []}) if action.parameters.get("urls") else action


def _other_tools(actions: Iterable[Action], known: Mapping[str, ArchivedAction], again: Rebuild) -> Iterator[str]:
    """What the actions were made with and would not be made with here, a line each."""
    told: set[str] = set()
    for action in actions:
        there = [line for line in known[action.id].key_text.split("\n") if line.startswith(_MAKERS)]
        try:
            lines = list(_compare(there, again.session.toolset_text(action).split("\n"), action))
        except ToolError as error:
            lines = [error.what]
        yield from (line for line in lines if line not in told)
        told.update(lines)


def _compare(there: Iterable[str], here: Iterable[str], action: Action) -> Iterator[str]:
    old, new = (dict(map(_split, lines)) for lines in (there, here))
    for fact in sorted(old.keys() | new.keys()):
        if old.get(fact) != new.get(fact):
            if fact == "implementation modules":
                yield f"tinyflow's own code of stage {action.stage} is another"
            else:
                spelled = [json.loads(value) if value else "none" for value in (old.get(fact), new.get(fact))]
                yield f"{fact.partition(' ')[2]}: {spelled[0]} there, {spelled[1]} here"


def _split(line: str) -> tuple[str, str]:
    section, name, value = line.split(" ", 2)
    return f"{section} {name}", value
