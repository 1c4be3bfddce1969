"""Archives out and in, and rebuilt, over synthetic benches: what is kept, what is told, and what is not the same."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import Any

import pytest
from archived import resealed
from synthetic_benches import SyntheticPlanner, synthetic_loader

from tinyflow.archive import contents
from tinyflow.archive.contents import ACTIONS, Archive
from tinyflow.core import digest
from tinyflow.core.action import Action
from tinyflow.core.errors import ArchiveError, CacheError
from tinyflow.core.execute import Session
from tinyflow.core.store import Store
from tinyflow.flow import cli
from tinyflow.flow.archives import export, rebuild_archive, restore
from tinyflow.flow.archives.export import NO_TIMES, Exporter
from tinyflow.flow.archives.rebuild import Rebuild, recorded_in
from tinyflow.flow.loader import Loader
from tinyflow.flow.planning.plan import BenchPlan
from tinyflow.flow.planning.selection import Selection
from tinyflow.flow.project import Project
from tinyflow.flow.session.ledger import Ledger
from tinyflow.recipes.bench import Bench, parse
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.mirrors import Mirrors
from tinyflow.recipes.resolve import resolve

RECIPES = {
    "models/net.yaml": "description: a\nfile: net.tflite\n",
    "models/net.tflite": "TFL3",
    "backends/good.yaml": "description: b\nimplementation: a.b\nruntimes: [mine]\n",
    "targets/chip.yaml": "description: c\nimplementation: a.b\ncpu: cortex-m4\n",
    "runtimes/mine/runtime.yaml": "description: d\nsources: {all: [a.c]}\n",
    "runtimes/mine/a.c": "",
    "suites/all.yaml": "description: e\ninclude: [net-good-chip]\n",
}


class ResolvingPlanner(SyntheticPlanner):
    """Reads the recipes of a bench as the real one does."""

    def plan_bench(self, bench: Bench) -> BenchPlan:
        """A chain of stages, of recipes that exist."""
        resolve(bench, self._catalogue)
        return super().plan_bench(bench)


class Place:
    """A project with recipes, where one synthetic bench was built."""

    def __init__(self, folder: Path) -> None:
        for name, text in RECIPES.items():
            (folder / "recipes" / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / "recipes" / name).write_text(text)
        self.folder = folder
        self.session = Session(folder / "cache", folder / "state")
        self.catalogue = Catalogue([folder / "recipes", data_folder() / "recipes"])
        self.planner: Any = ResolvingPlanner(self.catalogue)
        self.ledger = Ledger()

    def plan(self) -> BenchPlan:
        """Of the bench."""
        found: BenchPlan = self.planner.plan_bench(parse("net-good-chip"))
        return found

    def build(self) -> None:
        """Run it."""
        for action in self.plan().actions:
            self.ledger.end(action, self.session.execute(action).outcome)

    def exporter(self) -> Exporter:
        """What writes its archives."""
        return Exporter(self.session, self.catalogue, Mirrors(), Project(self.folder, self.folder / "cache"))

    def export(self, name: str = "net-good-chip") -> Archive:
        """Build and pack it."""
        self.build()
        return contents.parse(self.exporter().pack(name, [self.plan()]))


Make = Callable[[str], Place]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Make]:
    """Places by name; whoever plans, plans synthetic benches."""
    for module in (export, rebuild_archive):
        monkeypatch.setattr(module, "Planner", lambda catalogue, mirrors, store: ResolvingPlanner(catalogue))
    monkeypatch.chdir(tmp_path)
    made: dict[str, Place] = {}

    def place(name: str) -> Place:
        if name not in made:
            made[name] = Place(tmp_path / name)
        return made[name]

    yield place
    for one in made.values():
        one.session.close()


def test_an_archive_has_recipes_results_and_no_times(make: Make) -> None:
    """The same bytes from two places; a suite brings its recipe; measured times are left out, also of rows."""
    one, two = make("one").export(), make("two").export()
    assert one.files == two.files and one.digest == two.digest
    names = {action.stage for action in one.actions}
    assert names == {"fetch", "convert", "generate", "link", "run", "report"}
    [run] = [action for action in one.actions if action.stage == "run"]
    assert run.outputs["timing.json"] == digest.of_bytes(NO_TIMES) and one.read(run.outputs["timing.json"]) == NO_TIMES
    [row] = [
        json.loads(one.read(action.outputs["row.json"]) or b"") for action in one.actions if action.stage == "report"
    ]
    assert "wall_s" not in row["metrics"] and row["metrics"]["rom_bytes"] == 96
    sources = {name for name in one.files if name.startswith(("recipes/", "models/"))}
    assert {"recipes/backends/good.yaml", "recipes/models/net.yaml", "recipes/targets/chip.yaml"} <= sources
    assert "recipes/suites/all.yaml" not in one.files
    assert make("one").export("all").files["recipes/suites/all.yaml"].decode() == RECIPES["suites/all.yaml"]
    [generate] = [action for action in one.actions if action.stage == "generate"]
    listing = one.read(generate.outputs["sources/"]) or b""
    assert [one.read(blob) for _, blob in digest.parse_listing(listing)] == [b"int model_invoke(void);\n"]


def test_archives_are_written_where_all_is_done(make: Make) -> None:
    """A line for each: where it lies and what it holds, or why there is none."""
    place = make("one")
    selection = Selection(benches={"net-good-chip": place.plan()}, exports={"mine": ["net-good-chip"]})
    [(nothing, told)] = place.exporter().write(selection, place.ledger)
    assert nothing is None and told == "export:mine: no archive, since net-good-chip has no result"
    place.build()
    path = place.folder / "build" / "archives" / "mine.tar.gz"
    [(written, told)] = place.exporter().write(selection, place.ledger)
    assert written == path
    archive = contents.load(path)
    assert told.startswith("archive: one/build/archives/mine.tar.gz (")
    assert told.endswith(f" files, content {archive.digest})") and f", {len(archive.files)} files" in told
    blob = place.session.output_path(place.plan().actions[-2], "run.json")
    blob.chmod(0o600)
    blob.write_bytes(b"x")
    with pytest.raises(CacheError, match="was damaged or is gone"):
        place.exporter().pack("mine", [place.plan()])
    place.build()
    assert contents.parse(place.exporter().pack("mine", [place.plan()])).digest == archive.digest


def test_an_import_brings_what_is_new_and_keeps_what_is_there(make: Make) -> None:
    """Once new, then known; a cache that has other outputs for a key keeps them, and says so."""
    archive, place = make("one").export(), make("two")
    store = place.session.store
    count = len(archive.actions)
    assert restore.store(archive, store) == restore.Stored(count, 0, ())
    assert restore.store(archive, store) == restore.Stored(0, count, ())
    for action in archive.actions:
        result = store.look_up(action.key)
        assert result is not None and result.outputs == action.outputs and result.duration_s == 0
    assert restore.adopt(archive, "net-good-chip", place.planner, place.session) == []
    assert place.session.stale(place.plan().actions) == []
    assert restore.adopt(archive, "net-good-chip", place.planner, place.session) == []
    other = Store(place.folder / "other")
    [link] = [action for action in archive.actions if action.stage == "link"]
    blob = other.add_bytes(b"otherwise")
    other.add_bytes(b"")
    other.keep(
        replace(link.result, outputs={**link.outputs, "firmware.elf": blob, "sizes.json": blob, "firmware.map": blob})
    )
    stored = restore.store(archive, other)
    assert stored == restore.Stored(count - 1, 1, (link.title,))


def test_results_that_hang_on_more_than_the_key_stay_with_the_checkout(make: Make) -> None:
    """They are recorded where they are adopted, and no cache hands them to others."""
    archive, place = make("one").export(), make("two")
    local = replace(
        archive,
        benches={
            name: tuple(replace(action, is_local=action.stage == "fetch") for action in plan)
            for name, plan in archive.benches.items()
        },
    )
    stored = restore.store(local, place.session.store)
    assert stored.new == len(archive.actions) - 1
    [fetch] = [action for action in local.actions if action.stage == "fetch"]
    assert place.session.store.look_up(fetch.key) is None
    assert restore.adopt(local, "net-good-chip", place.planner, place.session) == []
    assert place.session.stale(place.plan().actions) == []


def test_what_is_not_the_same_here_is_told_with_its_reason(make: Make, tmp_path: Path) -> None:
    """The first action that would run, against the archive's; what comes before it is taken."""
    archive, place = make("one").export(), make("two")
    restore.store(archive, place.session.store)
    (tmp_path / "good.c").write_text("int changed;\n")
    reasons = restore.adopt(archive, "net-good-chip", place.planner, place.session)
    assert reasons[0] == "generate net good would run:"
    assert [line.partition(":")[0] for line in reasons[1:]] == ["input source.c"]
    assert [action.stage for action in place.session.stale(place.plan().actions)] == [
        "generate",
        "link",
        "run",
        "report",
    ]


def test_an_archive_is_rebuilt_from_itself(make: Make, tmp_path: Path) -> None:
    """All outputs but the times; with tools that differ nothing, unless asked; a changed output is found and named."""
    archive = make("one").export()
    (tmp_path / "a").mkdir()
    done = rebuild_archive.rebuild(archive, tmp_path / "a", False)
    assert (done.actions, done.equal, done.differing, done.other_tools) == (6, 10, (), ())
    assert rebuild_archive.own_code(archive) == [
        name
        for name in sorted(archive.files)
        if name.startswith("recipes/") and not any(word in name for word in ("/models/", "zig", "/processors/"))
    ]

    def change(files: dict[str, bytes]) -> None:
        document = json.loads(files[ACTIONS])
        for entry in document["actions"]:
            text = "\n".join(entry["facts"]) + "\n"
            if entry["stage"] == "run":
                text = text.replace("implementation core 1", "implementation core 0")
            if entry["stage"] == "link":
                text = text.replace("\nparameter", '\ntool zig "0.9"\nparameter', 1)
            new = digest.of_bytes(text.encode())
            for keys in document["benches"].values():
                keys[:] = [new if key == entry["key"] else key for key in keys]
            entry["key"], entry["facts"] = new, text.splitlines()
        files[ACTIONS] = json.dumps(document).encode()

    data = make("one").exporter().pack("net-good-chip", [make("one").plan()])
    other = contents.parse(resealed(data, change))
    (tmp_path / "b").mkdir()
    told = rebuild_archive.rebuild(other, tmp_path / "b", False)
    assert told == rebuild_archive.Rebuilt(0, 0, (), ("zig: 0.9 there, none here", "core: 0 there, 1 here"))
    shutil.rmtree(tmp_path / "b")
    (tmp_path / "b").mkdir()
    anyway = rebuild_archive.rebuild(other, tmp_path / "b", True)
    assert (anyway.actions, anyway.equal, anyway.differing) == (6, 10, ()) and anyway.other_tools == told.other_tools


def test_plans_of_another_tinyflow_are_refused(make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """And what the archive lacks; nothing is guessed."""
    archive = make("one").export()
    short = replace(archive, benches={name: plan[1:] for name, plan in archive.benches.items()})
    (tmp_path / "a").mkdir()
    with pytest.raises(ArchiveError, match="net-good-chip: this tinyflow plans it otherwise"):
        rebuild_archive.rebuild(short, tmp_path / "a", False)
    (tmp_path / "good.c").write_text("int outside;\n")
    (tmp_path / "b").mkdir()
    with pytest.raises(ArchiveError, match=r"net-good-chip: lacks good\.c"):
        rebuild_archive.rebuild(archive, tmp_path / "b", False)
    monkeypatch.setattr(rebuild_archive, "Planner", None)
    bad = replace(archive, benches={"net": archive.benches["net-good-chip"]})
    monkeypatch.setattr(rebuild_archive, "Planner", lambda *words: ResolvingPlanner(words[0]))
    (tmp_path / "c").mkdir()
    with pytest.raises(ArchiveError, match="can't be planned from its recipes: net: not the name of a bench"):
        rebuild_archive.rebuild(bad, tmp_path / "c", False)


def test_a_difference_is_told_by_its_first_byte(make: Make, tmp_path: Path) -> None:
    """In a file and in a tree; what follows from it is said to; equal outputs are counted."""
    place = make("one")
    place.build()

    recorded = recorded_in(place.session)

    def outputs_of(action: Action) -> dict[str, str]:
        """A past in which the generated source was another, with a file more."""
        found = dict(recorded.outputs_of(action))
        store = place.session.store
        if action.stage == "generate":
            entries = [("model.c", store.add_bytes(b"int model_invoke(int);\n")), ("gone.c", store.add_bytes(b"x"))]
            found["sources/"] = store.add_bytes(digest.tree_listing(entries))
            found["plan.json"] = store.add_bytes(b"")
        if action.stage == "link":
            found["firmware.map"] = store.add_bytes(b"short")
        return found

    rebuild = Rebuild(recorded._replace(outputs_of=outputs_of), tmp_path / "again")
    found = [each for action in place.plan().actions for each in rebuild.compare(action)]
    rebuild.session.close()
    assert [(each.action.stage, each.output) for each in found] == [
        *(("generate", "sources/"), ("generate", "plan.json"), ("link", "firmware.map"))
    ]
    assert found[0].detail == ("\n  gone.c is gone\n  model.c: differs from byte 17 on (23 bytes recorded, 24 now)")
    assert found[1].detail.startswith(": differs from byte 0 on (0 bytes recorded, ")
    assert found[2].detail == " (follows from the above)"
    assert rebuild.equal == 10 - 3


def test_what_is_lost_while_it_is_packed_is_said(make: Make) -> None:
    """A blob that nobody can make again."""
    place = make("one")
    place.build()
    with pytest.raises(CacheError, match="was damaged or is gone"):
        place.exporter()._blobs({"x": replace(_archived(place), outputs={"a": digest.of_bytes(b"never kept")})})


def _archived(place: Place) -> contents.ArchivedAction:
    return contents.ArchivedAction("s", "t", digest.of_bytes(b""), "", {}, False)


def test_commands_take_archives_in_and_hold_them_against_what_is_here(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """`verify` checks, rebuilds and tells; `import` says what is up to date; each with its exit status."""
    make("one").build()
    data = make("one").exporter().pack("net-good-chip", [make("one").plan()])
    path = tmp_path / "mine.tar.gz"
    path.write_bytes(data)
    archive = contents.parse(data)
    home = tmp_path / "home"
    shutil.copytree(tmp_path / "one" / "recipes", home / "recipes")
    monkeypatch.chdir(home)
    monkeypatch.setenv("TINYFLOW_CACHE", "cache")

    def run(*words: str) -> tuple[int, list[str], list[str]]:
        loader = synthetic_loader()
        loader.planner = ResolvingPlanner(loader.catalogue)
        status = cli.run(list(words), loader)
        said = capsys.readouterr()
        return status, said.out.splitlines(), said.err.splitlines()

    first = f"../mine.tar.gz: {len(archive.files)} files, every digest is right; content {archive.digest}"
    assert run("verify", "--no-rebuild", "../mine.tar.gz") == (0, [first], [])
    status, said, errors = run("verify", "../mine.tar.gz")
    assert (status, said) == (2, [first])
    assert "rebuilding would follow 3 recipes or sources that are not tinyflow's, such as recipes/backends" in errors[0]
    assert "verify --trust ../mine.tar.gz" in errors[1]
    rebuilt = "6 actions rebuilt from it alone: 10 outputs equal, 0 different"
    assert run("verify", "--trust", "../mine.tar.gz") == (0, [first, rebuilt], [])
    stored = f"net-good-chip: 6 results restored, 0 were here; content {archive.digest}"
    up_to_date = "net-good-chip: up to date, nothing to run"
    assert run("import", "../mine.tar.gz") == (0, [stored, up_to_date], [])
    again = stored.replace("6 results restored, 0 were", "0 results restored, 6 were")
    assert run("import", "../mine.tar.gz") == (0, [again, up_to_date], [])
    (home / "good.c").write_text("int changed;\n")
    status, said, _ = run("import", "../mine.tar.gz")
    assert (status, said[1:3]) == (0, ["net-good-chip: not up to date here", "  generate net good would run:"])
    assert said[3].startswith("  input source.c: new") and "TINYFLOW_MIRRORS, TINYFLOW_RECIPES" in said[-1]
    (home / "recipes" / "backends" / "good.yaml").unlink()
    (home / "good.c").unlink()
    status, said, _ = run("import", "../mine.tar.gz")
    assert status == 0 and said[2].startswith("  can't be planned here: ") and 'unknown backend "good"' in "".join(said)

    def other_tool(files: dict[str, bytes]) -> None:
        document = json.loads(files[ACTIONS])
        for entry in document["actions"]:
            if entry["stage"] == "link":
                entry["facts"].insert(2, 'tool zig "0.9"')
                new = digest.of_bytes("".join(f"{fact}\n" for fact in entry["facts"]).encode())
                for keys in document["benches"].values():
                    keys[:] = [new if key == entry["key"] else key for key in keys]
                entry["key"] = new
        files[ACTIONS] = json.dumps(document).encode()

    path.write_bytes(resealed(data, other_tool))
    status, said, errors = run("verify", "--trust", "../mine.tar.gz")
    assert status == 3 and said[1] == "  zig: 0.9 there, none here"
    assert (
        "its digests are right; it was not rebuilt" in errors[0]
        and "verify --ignore-tool-versions ../mine.tar.gz" in errors[1]
    )
    status, said, _ = run("verify", "--trust", "--ignore-tool-versions", "../mine.tar.gz")
    assert status == 0 and said[1:] == ["  zig: 0.9 there, none here", rebuilt]


class SyntheticLoader(Loader):
    """The real loader; whenever it plans, it plans synthetic benches of the recipes that are there."""

    @cached_property
    def planner(self) -> Any:  # type: ignore[override]
        """Anew for each catalogue."""
        return ResolvingPlanner(self.catalogue)


def test_an_import_brings_its_models_to_where_nobody_knows_them(
    make: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Into an empty folder, which becomes a project; recipes are read again, so the model is known at once."""
    make("one").build()
    (tmp_path / "mine.tar.gz").write_bytes(make("one").exporter().pack("net-good-chip", [make("one").plan()]))
    (tmp_path / "empty").mkdir()
    monkeypatch.chdir(tmp_path / "empty")
    for variable in ("TINYFLOW_CACHE", "TINYFLOW_RECIPES", "TINYFLOW_MIRRORS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "user"))
    assert cli.run(["import", "../mine.tar.gz"], SyntheticLoader()) == 0
    said = capsys.readouterr().out
    folder = tmp_path / "empty" / "recipes" / "models"
    found = {path.name: path.read_text() for path in folder.iterdir()}
    assert found == {"net.yaml": RECIPES["models/net.yaml"]}  # synthetic benches fetch no file
    assert "net-good-chip: wrote recipes/models/net.yaml\n" in said
    assert 'unknown backend "good"' in said and "unknown model" not in said
    assert "6 results restored, 0 were here" in said
