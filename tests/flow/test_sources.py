"""What an archive has of a bench's sources is enough to plan the same bench from them alone."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import pytest
from flow_support import CHECKOUT

from tinyflow.core.action import SourceFile
from tinyflow.core.digest import Memo
from tinyflow.core.records import Records
from tinyflow.core.store import Store
from tinyflow.flow.archives.sources import PACKAGE, sources_of
from tinyflow.flow.planning.plan import BenchPlan, Planner
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.mirrors import Mirrors
from tinyflow.recipes.schema import Suite
from tinyflow.recipes.suite import expand

EXAMPLES = [CHECKOUT / "tests" / "examples" / name / "recipes" for name in ("own_kernels", "own_generator")]
BUILT_IN = data_folder() / "recipes"


def again(plans: list[BenchPlan], catalogue: Catalogue, folder: Path) -> list[BenchPlan]:
    """The same benches, planned from nothing but their sources as an archive has them."""
    for place, content in sources_of(plans, catalogue).items():
        path = folder / place
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    mirrors = Mirrors(folders=(folder / "models",) if (folder / "models").is_dir() else ())
    planner = Planner(Catalogue([folder / "recipes"]), mirrors, Store(folder / "nothing"))
    return [planner.plan_bench(parse(plan.name)) for plan in plans]


def contents(plans: list[BenchPlan], root: Path, folder: Path) -> dict[tuple[str, str], str]:
    """(Action, input) → digest, of all files that no action makes; each lies below `root` or is our own code."""
    records = Records(folder / "state.sqlite3")
    memo = Memo(records)
    found = {}
    for action in (action for plan in plans for action in plan.actions):
        for name, source in action.inputs.items():
            if isinstance(source, SourceFile):
                assert source.path.is_relative_to(root) or source.path.is_relative_to(PACKAGE)
                found[action.id, name] = memo.digest(source.path)
    records.close()
    return found


def check(names: list[str], folders: list[Path], mirrors: Mirrors, folder: Path) -> None:
    """The plans are the same actions with the same files."""
    catalogue = Catalogue(folders)
    planner = Planner(catalogue, mirrors, Store(folder / "nothing"))
    plans = [planner.plan_bench(parse(name)) for name in names]
    replanned = again(plans, catalogue, folder / "archive")
    assert [[action.id for action in plan.actions] for plan in replanned] == [
        [action.id for action in plan.actions] for plan in plans
    ]
    assert contents(replanned, folder / "archive", folder) == contents(plans, Path("/"), folder)


@pytest.mark.slow
@pytest.mark.parametrize("suite", Catalogue([BUILT_IN]).names(Suite))
def test_built_in_benches_are_planned_again(suite: str, tmp_path: Path) -> None:
    """Every suite's, of large ones each fifth, with models and samples of a mirror."""
    mirror = tmp_path / "mirror"
    for model in ("aww", "vww", "resnet", "toycar"):
        (mirror / model / "input").mkdir(parents=True)
        (mirror / model / f"{model}.tflite").write_bytes(model.encode())
        (mirror / model / "input" / "0.bin").write_bytes(b"sample")
    benches = list(expand(Catalogue([BUILT_IN]), suite))
    some = benches[:: 5 if len(benches) > 90 else 1]
    for part in ("model", "backend", "target"):
        assert {getattr(bench, part) for bench in some} == {getattr(bench, part) for bench in benches}
    check([str(bench) for bench in some], [BUILT_IN], Mirrors(folders=(mirror,)), tmp_path)


@pytest.mark.slow
def test_recipes_of_ones_own_are_planned_again(tmp_path: Path) -> None:
    """A runtime that is built on another one, a generator with its files, a model of the project, one given by path."""
    (tmp_path / "own" / "models").mkdir(parents=True)
    (tmp_path / "own" / "models" / "mine.yaml").write_text(
        f"description: mine\nfile: deep/mine.tflite\nsha256: {sha256(b'mine').hexdigest()}\n"
    )
    (tmp_path / "own" / "models" / "deep").mkdir()
    (tmp_path / "own" / "models" / "deep" / "mine.tflite").write_bytes(b"mine")
    (tmp_path / "My Net.tflite").write_bytes(b"by path")
    names = ["mine-tinyc-stm32f4+fastnn", "mine-fcgen-stm32f7", f"{tmp_path}/My Net.tflite-tvmaot-host"]
    check(names, [tmp_path / "own", *EXAMPLES, BUILT_IN], Mirrors(), tmp_path)


def test_a_model_by_path_has_a_recipe_in_the_archive(tmp_path: Path) -> None:
    """Named as the bench names it, with the file's own ending, so that planning from there finds it."""
    (tmp_path / "Net.tflite").write_bytes(b"TFL3")
    catalogue = Catalogue([BUILT_IN])
    plan = Planner(catalogue, Mirrors(), Store(tmp_path / "nothing")).plan_bench(
        parse(f"{tmp_path}/Net.tflite-tinyc-host")
    )
    found = sources_of([plan], catalogue)
    name = plan.bench.model_name
    assert found[f"recipes/models/{name}.tflite"] == b"TFL3"
    assert found[f"recipes/models/{name}.yaml"].decode().endswith(f"\nfile: {name}.tflite\n")
