"""Plans: which actions a bench needs, and which of them several benches share. Nothing runs."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

import pytest

from tinyflow.core.action import Action
from tinyflow.core.errors import UsageError
from tinyflow.core.store import Store
from tinyflow.flow.planning.plan import BenchPlan, Planner
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.mirrors import Mirrors

MODELS, BACKENDS, TARGETS = ("aww", "vww"), ("tvmaot", "tvmaotplus"), ("stm32f4", "stm32f7")


def planner(folder: Path, *overlays: Path, mirrors: Mirrors | None = None) -> Planner:
    """A planner over the built-in recipes, with an empty cache."""
    catalogue = Catalogue([*overlays, data_folder() / "recipes"])
    return Planner(catalogue, mirrors or Mirrors(), Store(folder / "cache"))


def plan(folder: Path, names: Iterable[str]) -> list[BenchPlan]:
    """These benches by one planner."""
    one = planner(folder)
    return [one.plan_bench(parse(name)) for name in names]


def matrix() -> list[str]:
    """The eight benches whose shared work is counted below."""
    return [f"{model}-{backend}-{target}" for model in MODELS for backend in BACKENDS for target in TARGETS]


def distinct(plans: Iterable[BenchPlan]) -> dict[str, Action]:
    """All their actions, each once."""
    return {action.id: action for one in plans for action in one.actions}


def test_equal_work_is_one_action(tmp_path: Path) -> None:
    """Two models, two backends, two chips: what does not differ is planned once, by name and by object."""
    actions = distinct(plan(tmp_path, matrix()))
    stages = Counter(action.stage for action in actions.values())
    assert stages["fetch"] == stages["convert"] == 2
    assert stages["generate"] == 4  # Cortex-M4 and M7 run the same code: options name the instruction set, not the chip
    assert stages["link"] == stages["run"] == stages["report"] == 8
    archives = Counter(action.title.split()[1] for action in actions.values() if action.stage == "archive")
    assert archives == {"support": 2, "builtins": 8}  # for two processors; whether any is needed, each link tells
    assert len({id(action) for action in actions.values()}) == len(actions)


def test_libraries_are_built_once_for_each_processor(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four models on three chips share three libraries of each runtime, and of these every object.

    To plan them, each folder of headers is searched once.
    """
    searched: list[Path] = []
    rglob = Path.rglob
    monkeypatch.setattr(Path, "rglob", lambda path, pattern: (searched.append(path), rglob(path, pattern))[1])
    models, chips = ("aww", "vww", "resnet", "toycar"), ("stm32f4", "stm32f7", "esp32c3")
    actions = distinct(plan(tmp_path, [f"{model}-tinyc-{chip}" for model in models for chip in chips])).values()
    libraries = Counter(action.title.split()[1] for action in actions if action.stage == "archive")
    assert libraries == {"tinynn": 3, "support": 3, "builtins": 12}
    objects = Counter(action.title for action in actions if action.stage == "compile" and "source" in action.parameters)
    assert len(objects) > 50 and set(objects.values()) == {1}
    assert Counter(action.stage for action in actions)["link"] == 12
    assert {path.parent.name: number for path, number in Counter(searched).items()} == {"tinynn": 1, "support": 1}


def test_actions_come_behind_those_that_they_wait_for(tmp_path: Path) -> None:
    """A plan can be executed from left to right, and ends with the row."""
    for one in plan(tmp_path, matrix()):
        seen: set[str] = set()
        for action in one.actions:
            assert seen >= {before.id for before in action.dependencies}
            seen.add(action.id)
        assert one.actions[-1] is one.final
        assert one.final.stage == "report"


def test_ids_hang_on_no_place(tmp_path: Path) -> None:
    """Another cache, another place of the mirror: the same ids."""
    found = set()
    for name in ("one", "two"):
        mirror = tmp_path / name / "mirror"
        (mirror / "aww").mkdir(parents=True)
        (mirror / "aww" / "aww.tflite").write_bytes(b"as good as any")
        one = planner(tmp_path / name, mirrors=Mirrors((mirror,)))
        found.add(tuple(action.id for action in one.plan_bench(parse("aww-tvmaot-stm32f7")).actions))
    assert len(found) == 1


def test_feature_changes_only_what_it_decides(tmp_path: Path) -> None:
    """An optimisation level is nothing to the generator; another toolchain is."""
    [plain, level, gcc] = plan(
        tmp_path, ["aww-tvmaot-stm32f7", "aww-tvmaot-stm32f7+opt.Os", "aww-tvmaotplus-stm32f7+toolchain.gcc"]
    )

    def named(one: BenchPlan) -> dict[str, str]:
        return {action.stage: action.id for action in one.actions}

    same = {stage for stage in named(plain) if named(plain)[stage] == named(level)[stage]}
    assert {"fetch", "convert", "generate"} <= same
    assert not {"link", "run", "report"} & same
    assert named(plain)["convert"] == named(gcc)["convert"]


def test_backends_share_what_they_generate_from(tmp_path: Path) -> None:
    """One lowering for both backends of TVM's graph, whatever the form of the graph and the chip; +dsp is another."""
    names = ["aww-tvmrt-stm32f7", "aww-tvmrt-stm32f7+graph.binary", "aww-tvmcg-stm32f4", "aww-tvmcg-stm32f7+dsp"]
    lowered = [action for one in plan(tmp_path, names) for action in one.actions if action.stage == "lower"]
    assert [action is lowered[0] for action in lowered] == [True, True, True, False]


def test_a_search_comes_before_what_is_lowered_by_it(tmp_path: Path) -> None:
    """Its records are the lowering's; what generates from that knows nothing of them."""
    [one] = plan(tmp_path, ["aww-tvmrt-stm32f7+tune.4"])
    stages = {action.stage: action for action in one.actions}
    assert stages["tune"] in stages["lower"].dependencies
    assert stages["tune"].parameters["options"] == stages["lower"].parameters["options"]
    assert set(stages["generate"].inputs) == {"model.tflite", "lowered/"}
    assert stages["lower"].outputs == ("lowered/", "relax.json")  # the second is for people
    assert "tuning" not in stages["generate"].parameters


def test_a_search_knows_what_it_minimises(tmp_path: Path) -> None:
    """Cycles where the target has a model of them, which is in the key then; `+goal` says something else."""
    names = ("stm32f4+tune.4", "stm32f4+tune.4+goal.cycles", "stm32f4+tune.4+goal.instructions", "riscv_qemu+tune.4")
    plans = plan(tmp_path, [f"aww-tvmaotplus-{name}" for name in names])
    by, same, few, other = ({action.stage: action for action in one.actions} for one in plans)
    assert by["tune"] is same["tune"] and by["tune"].parameters["objective"] == "cycles"
    profile = by["profile"]
    for name in ("core", "flash_timing"):
        assert by["tune"].parameters[name] == profile.parameters[name] and name not in few["tune"].parameters
    assert "flash_model.so" in by["tune"].inputs and profile.tools[-1] in by["tune"].tools
    assert [one["tune"].parameters["objective"] for one in (few, other)] == ["instructions"] * 2
    assert [one["generate"].parameters["tuning"]["objective"] for one in (by, few)] == ["cycles", "instructions"]
    others = ("aww-tvmaotplus-stm32f4+goal.cycles", "aww-tvmaotplus-stm32f4", "aww-tinyc-stm32f4+goal.cycles")
    plans = plan(tmp_path, others)
    alone, without, static = ({action.stage: action.parameters for action in one.actions}["generate"] for one in plans)
    assert alone["tuning"] == by["generate"].parameters["tuning"]
    assert "tuning" not in without and "tuning" not in static


@pytest.mark.parametrize(
    ("bench", "what", "hint"),
    [
        ("aww-tinyc-host+goal.cycles", "host has no cycles", "goal.instructions, or a target .*, stm32f4"),
        ("aww-tvmaotplus-stm32f7+goal.ram", "where it is tuned", "add .tuned or .tune.16"),
        ("aww-tinyi-stm32f7+goal.ram", "backend tinyi", "not chosen here"),
        ("aww-tinyc-stm32f7+goal.speed", 'no value "speed"', "goal.cycles, .goal.instructions, .goal.ram, .goal.flash"),
        ("aww-tinyc-stm32f7+goal.ram+winograd.all", "exclude each other", "leave one out"),
    ],
)
def test_a_goal_that_nothing_is_chosen_by_is_refused(tmp_path: Path, bench: str, what: str, hint: str) -> None:
    """With what there is to choose from."""
    with pytest.raises(UsageError, match=what) as caught:
        plan(tmp_path, [bench])
    assert re.search(hint, str(caught.value.hint))


@pytest.mark.parametrize("text", ["description: Renamed", "description: Renamed\n# and commented"])
def test_what_no_stage_reads_is_in_no_id(tmp_path: Path, text: str) -> None:
    """A target's description can be changed without building anything."""
    overlay = tmp_path / "recipes"
    (overlay / "targets").mkdir(parents=True)
    recipe = (data_folder() / "recipes" / "targets" / "stm32f7.yaml").read_text()
    lines = [text if line.startswith("description:") else line for line in recipe.splitlines()]
    (overlay / "targets" / "stm32f7.yaml").write_text("\n".join(lines) + "\n")
    [before] = plan(tmp_path, ["aww-tvmaot-stm32f7"])
    after = planner(tmp_path, overlay).plan_bench(parse("aww-tvmaot-stm32f7"))
    assert [action.id for action in after.actions] == [action.id for action in before.actions]


def test_model_in_the_cache_needs_no_source(tmp_path: Path) -> None:
    """Once fetched, the real file is found by its digest, and the plan is that of a mirror; damaged, it is none."""
    (tmp_path / "models").mkdir()
    name = Store(tmp_path / "cache").add_bytes(b"a model")
    recipe = f"description: x\nfile: x.tflite\nurls: [https://example.org/x]\nsha256: {name[7:]}\n"
    (tmp_path / "models" / "mine.yaml").write_text(recipe)
    found = planner(tmp_path, tmp_path).plan_bench(parse("mine-tvmaot-stm32f7")).actions[0]
    assert set(found.inputs) == {"mirror"}
    assert "urls" not in found.parameters
    blob = Store(tmp_path / "cache").blob_path(name)
    blob.unlink()
    blob.write_bytes(b"another")
    found = planner(tmp_path, tmp_path).plan_bench(parse("mine-tvmaot-stm32f7")).actions[0]
    assert not found.inputs
    assert "urls" in found.parameters


def test_a_chain_is_made_of_what_its_parts_benches_fetch(tmp_path: Path) -> None:
    """One action joins them, in their order; what a part's own bench fetches is the same action."""
    chain, part = plan(tmp_path, ["micro_speech_words-tinyc-stm32f7", "micro_speech-tinyc-stm32f7"])
    (joined,) = (one for one in chain.actions if one.title == "chain micro_speech_words")
    names = ["micro_speech_frames", "micro_speech_features", "micro_speech_latest", "micro_speech"]
    assert joined.parameters["parts"] == names
    fetched = {one.id: one.title for one in chain.actions if one.stage == "fetch" and one is not joined}
    made = [joined.inputs[f"{number}/model.tflite"].action.id for number in range(4)]  # type: ignore[union-attr]
    assert [fetched[action_id] for action_id in made] == [f"fetch {name}" for name in names]
    assert made[-1] == part.actions[0].id


def own_runtime(folder: Path, name: str, recipe: str, **files: str) -> None:
    """A runtime of a user's, and a feature of the same name that links it instead of tvmrt."""
    for path, text in {"runtime.yaml": f"description: ours\n{recipe}", **files}.items():
        place = folder / "runtimes" / name / path.replace("__", "/")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)
    (folder / "features").mkdir(exist_ok=True)
    (folder / "features" / f"{name}.yaml").write_text(
        f"description: link {name}\nsets: {{runtimes: {{tvmrt: {name}}}}}\n"
    )


def compiled(folder: Path, bench: str) -> dict[str, Action]:
    """The sources of tvmrt, or of what stands for it, as they are compiled for a bench."""
    (made,) = [planner(folder, folder).plan_bench(parse(bench))]
    (library,) = [a for a in made.actions if a.stage == "archive" and a.title.split()[1] in ("tvmrt", "mine", "top")]
    return {a.parameters["source"].split("/", 2)[2]: a for a in library.dependencies}


def test_what_a_runtime_says_holds_for_the_sources_of_its_base(tmp_path: Path) -> None:
    """Flags, defines and headers of one that replaces no source, itself below another one as well."""
    own_runtime(tmp_path, "mine", "extends: tvmrt\ninclude: [inc]\nflags: [-O1]\ndefines: {N: 1, M: 1}\n", inc__a="")
    own_runtime(tmp_path, "top", "extends: mine\nflags: [-Os]\ndefines: {N: 2}\n")
    plain, mine, top = (compiled(tmp_path, f"aww-tvmrt-stm32f4{feature}") for feature in ("", "+mine", "+top"))
    assert plain.keys() == mine.keys() == top.keys()
    for source, before in plain.items():
        after = mine[source].parameters
        assert after["flags"] == [*before.parameters["flags"], "-O1"]
        assert after["defines"] == ["M=1", "N=1"]
        assert after["include"] == ["runtime/mine/inc/", *before.parameters["include"]]
        assert top[source].parameters["flags"] == [*after["flags"], "-Os"]
        assert top[source].parameters["defines"] == ["M=1", "N=2"]


def test_a_runtime_that_replaces_sources_shares_the_rest(tmp_path: Path) -> None:
    """Its flags are for its own files; so are those of what it stands for."""
    name = sorted(compiled(tmp_path, "aww-tvmrt-stm32f4"))[0]
    own_runtime(tmp_path, "mine", f"extends: tvmrt\noverrides: {{{name}: a.c}}\nflags: [-O1]\n", **{"a.c": ""})
    plain, mine = (compiled(tmp_path, f"aww-tvmrt-stm32f4{feature}") for feature in ("", "+mine"))
    assert mine["a.c"].parameters["flags"] == [*plain[name].parameters["flags"], "-O1"]
    assert {a.id for a in plain.values()} - {a.id for a in mine.values()} == {plain[name].id}


def test_a_runtime_that_excludes_sources_shares_the_rest(tmp_path: Path) -> None:
    """As one that replaces them: flags are for its own files, and nothing else is compiled anew."""
    names = sorted(compiled(tmp_path, "aww-tvmrt-stm32f4"))
    recipe = f"sources: {{all: [a.c]}}\nexclude: [{names[0]}]\nextends: tvmrt\nflags: [-O1]\n"
    own_runtime(tmp_path, "mine", recipe, **{"a.c": ""})
    plain, mine = (compiled(tmp_path, f"aww-tvmrt-stm32f4{feature}") for feature in ("", "+mine"))
    assert sorted(mine) == sorted(["a.c", *names[1:]]) and "-O1" in mine["a.c"].parameters["flags"]
    assert {plain[name].id for name in names[1:]} == {mine[name].id for name in names[1:]}


def test_whose_memory_functions_are_linked_is_a_choice(tmp_path: Path) -> None:
    """Support without its own, and all else of it as it is."""
    plain, chosen = plan(tmp_path, [f"aww-tinyc-stm32f4+{name}toolchain.gcc" for name in ("", "memcpy.libc+")])
    compiled = [
        {action.title.split()[1]: action.id for action in one.actions if action.title.startswith("compile support/")}
        for one in (plain, chosen)
    ]
    gone = {"support/src/memory.c", "support/src/memcpy_thumb.S"}
    assert compiled[1] == {name: made for name, made in compiled[0].items() if name not in gone}
    assert gone < compiled[0].keys()


def test_headers_are_searched_in_the_order_of_the_recipes(tmp_path: Path) -> None:
    """Of the folders of one runtime, and of runtimes in link order; another order is another action."""
    files = {"z__a.h": "", "b__a.h": "", "m__a.h": "", "a.c": ""}
    made = []
    for folders in ("z, b, m", "m, b, z"):
        own_runtime(tmp_path, "mine", f"sources: {{all: [a.c]}}\ninclude: [{folders}]\ndepends: [support]\n", **files)
        actions = planner(tmp_path, tmp_path).plan_bench(parse("aww-tvmrt-stm32f4+mine")).actions
        made.append({a.title.split()[1]: a for a in actions if a.stage == "compile"})
        mine = [f"runtime/mine/{folder}/" for folder in folders.split(", ")]
        assert made[-1]["mine/a.c"].parameters["include"] == [*mine, "runtime/support/include/"]
        assert made[-1]["aww"].parameters["include"] == [*mine, "runtime/support/include/"]
    assert all(made[0][name].id != made[1][name].id for name in ("mine/a.c", "aww"))
