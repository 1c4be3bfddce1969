"""Stages that a feature puts between fetch and generate: who gets the changed model, and who the original."""

from __future__ import annotations

from pathlib import Path

from tinyflow.core.action import Action, Output
from tinyflow.core.store import Store
from tinyflow.flow.planning.plan import Planner
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.mirrors import Mirrors


def _stages(folder: Path, *names: str) -> list[dict[str, Action]]:
    """Stage → action of each bench, by one planner."""
    planner = Planner(Catalogue([data_folder() / "recipes"]), Mirrors(), Store(folder / "cache"))
    return [{action.stage: action for action in planner.plan_bench(parse(name)).actions} for name in names]


def _model_from(action: Action) -> str:
    source = action.inputs["model.tflite"]
    assert isinstance(source, Output)
    return source.action.stage


def test_the_backend_gets_the_shrunk_model_and_the_reference_stays_the_original(tmp_path: Path) -> None:
    """With +shrink generate reads its output; convert reads the fetched file, shared with benches without."""
    for backend in ("tvmaot", "tinyc"):
        plain, shrunk = _stages(tmp_path, f"vww-{backend}-stm32f7", f"vww-{backend}-stm32f7+shrink")
        stages = ("convert", "tidy", "shrink", "generate")
        assert [_model_from(shrunk[stage]) for stage in stages] == ["fetch", "fetch", "tidy", "shrink"]
        assert plain["convert"] is shrunk["convert"]
        assert "shrink" not in plain and plain["generate"] is not shrunk["generate"]


def test_every_backend_gets_the_tidied_model_and_interpreters_the_plain_one(tmp_path: Path) -> None:
    """Unless a bench says +tidy.off; a layer is tidied by itself."""
    names = ("vww-tinyi-esp32c3", "vww-tflm-host", "vww-tinyi-esp32c3+tidy.off", "vww-tinyi-esp32c3+layer.1")
    tidied, interpreted, plain, layer = _stages(tmp_path, *names)
    assert _model_from(tidied["generate"]) == "tidy" and "tidy.json" in tidied["report"].inputs
    for bench in (interpreted, plain):
        assert _model_from(bench["generate"]) == "fetch"
        assert "tidy" not in bench and "tidy.json" not in bench["report"].inputs
    assert [_model_from(layer[stage]) for stage in ("convert", "tidy", "generate")] == ["cut", "cut", "tidy"]


def test_a_quantised_model_is_what_everything_else_is_about(tmp_path: Path) -> None:
    """The reference's too, and a layer's; `doit quantise:` is the very same action."""
    names = ("kws_float32-tinyc-stm32f7+quantised", "kws_float32-tinyc-stm32f7+layer.1+quantised")
    whole, layer = _stages(tmp_path, *names)
    stages = ("quantise", "convert", "tidy")
    assert [_model_from(whole[stage]) for stage in stages] == ["fetch", "quantise", "quantise"]
    assert [_model_from(layer[stage]) for stage in ("cut", "convert")] == ["quantise", "cut"]
    assert whole["quantise"].id == layer["quantise"].id


def test_patches_are_made_of_what_all_others_left(tmp_path: Path) -> None:
    """For interpreters, too; number and layers are in the key."""
    names = ("vww-tinyc-stm32f7+shrink+patch.2", "vww-tflm-host+patch.2", "vww-tflm-host+patch.2_5")
    shrunk, interpreted, chosen = _stages(tmp_path, *names)
    stages = ("convert", "shrink", "patch", "generate")
    assert [_model_from(shrunk[stage]) for stage in stages] == ["fetch", "tidy", "shrink", "patch"]
    assert _model_from(interpreted["patch"]) == "fetch" and "patch.json" in interpreted["report"].inputs
    assert [each["patch"].parameters for each in (interpreted, chosen)] == [{"grid": "2"}, {"grid": "2_5"}]


def test_two_backends_share_one_reduction(tmp_path: Path) -> None:
    """What is removed depends on the model alone."""
    one, other = _stages(tmp_path, "vww-tvmaot-stm32f7+shrink", "vww-tinyc-esp32c3+shrink")
    assert one["shrink"] is other["shrink"]


def test_the_report_gets_what_was_removed(tmp_path: Path) -> None:
    """Only where something transforms."""
    plain, shrunk = _stages(tmp_path, "vww-tinyc-stm32f7", "vww-tinyc-stm32f7+shrink")
    assert "shrink.json" in shrunk["report"].inputs and "shrink.json" not in plain["report"].inputs
