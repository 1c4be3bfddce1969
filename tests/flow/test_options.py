"""Options of all backends, those of a user's too: what doesn't exist or fit is refused where it is written."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tinyflow.core.errors import RecipeError
from tinyflow.core.store import Store
from tinyflow.flow.planning.plan import Planner
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.mirrors import Mirrors
from tinyflow.recipes.schema import Backend, Target

BUILT_IN = Catalogue([data_folder() / "recipes"])
COMMAND = 'command: [python3, "{out}"]\noptions: {unroll: 4, fast: false, scale: 0.5, style: plain, extra: null}\n'
Plan = Callable[..., "dict[str, object]"]


@pytest.fixture
def options(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Plan:
    """(bench, **files) -> the options that its generate action has, or its lowering's; files are recipes."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))

    def plan(bench: str, **files: str) -> dict[str, object]:
        for name, text in files.items():
            path = tmp_path / "recipes" / f"{name.replace('__', '/')}.yaml"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text if "description:" in text else f"description: x\n{text}")
        catalogue = Catalogue([tmp_path / "recipes", *BUILT_IN.folders])
        actions = Planner(catalogue, Mirrors(), Store(tmp_path / "cache")).plan_bench(parse(bench)).actions
        return {
            name: value
            for a in actions
            if a.stage in ("lower", "generate")
            for name, value in a.parameters["options"].items()
        }

    return plan


def refusal(caught: pytest.ExceptionInfo[RecipeError]) -> str:
    """Place, what and hint as one text."""
    return f"{caught.value.where}: {caught.value.what}\n{caught.value.hint}"


def bench_of(backend: str) -> str:
    """A bench with a backend."""
    targets = BUILT_IN.get(Backend, backend).targets or ("stm32f7",)
    return f"sine-{backend}-{targets[0]}"


@pytest.mark.parametrize("backend", BUILT_IN.names(Backend))
def test_an_option_that_no_backend_has_is_refused(backend: str, options: Plan) -> None:
    """Of a feature, of a backend's recipe (its lowering's too), of a target: place, and the nearest name."""
    made = options(bench_of(backend))
    for known in made:
        wrong = known[:-1] + known[-1] * 2
        with pytest.raises(RecipeError) as caught:
            options(f"{bench_of(backend)}+f", features__f=f"sets: {{options: {{{wrong}: 1}}}}\n")
        told = refusal(caught)
        assert told.startswith(f"recipes/features/f.yaml:2:18: backend {backend} has no option {wrong}\n"), told
        assert f'did you mean "{known}"?' in told
        text = BUILT_IN.path(Backend, backend).read_text()
        place = re.search(rf"\b{known}:", text[text.index("options:") :])
        assert place is not None
        start = text.index("options:") + place.start()
        with pytest.raises(RecipeError) as caught:
            options(bench_of(backend), **{f"backends__{backend}": f"{text[:start]}x{text[start:]}"})
        line, column = text[:start].count("\n") + 1, start - text.rfind("\n", 0, start)
        where = f"recipes/backends/{backend}.yaml:{line}:{column}: "
        assert refusal(caught).startswith(f"{where}backend {backend} has no option x{known}\n")
        Path("recipes/backends", f"{backend}.yaml").unlink()
    if bench_of(backend).endswith("stm32f7"):
        text = BUILT_IN.path(Target, "stm32f7").read_text().partition("backend_options:")[0]
        text += f"backend_options:\n  {backend}: {{usmpp: exact}}\n"
        with pytest.raises(RecipeError) as caught:
            options(f"sine-{backend}-stm32f7+target_optimized", targets__stm32f7=text)
        where = f"recipes/targets/stm32f7.yaml:{text.count(chr(10))}:{len(backend) + 6}: "
        assert refusal(caught).startswith(f"{where}backend {backend} has no option usmpp\n")


@pytest.mark.parametrize(
    ("backend", "option", "told"),
    [
        ("tinyc", "kernels: dps", "kernels can't be 'dps'\ndid you mean \"dsp\"? one of best, ref, c, dsp"),
        ("tinyc", "alignment: 3", "alignment can't be 3\none of 1, 2, 4, 8, 16"),
        ("tinyc", "dsp: 1", "dsp can't be 1\none of false, true"),
        ("tinyi", "arena_bytes: -1", "arena_bytes can't be -1\na whole number from 0 to"),
        ("tinyi", "arena_bytes: 4KiB", "arena_bytes can't be '4KiB'\na whole number"),
        ("tvmaot", "usmp: exakt", "usmp can't be 'exakt'\ndid you mean \"exact\"?"),
        ("tvmaotplus", "variant: aot_plus", "variant can't be 'aot_plus'\ndid you mean \"aotplus\"?"),
        ("tvmllvm", "alignment: 0", "alignment can't be 0"),
        ("tvmcg", "schedule: cortex", "schedule can't be 'cortex'\ndid you mean \"cortexm\"?"),
        ("tvmcg", "alignment: sixteen", "alignment can't be 'sixteen'"),
        ("tvmrt", "graph: jsn", "graph can't be 'jsn'\ndid you mean \"json\"?"),
        ("tflm", "interpreter: tflmm", "interpreter can't be 'tflmm'\ndid you mean \"tflm\"?"),
        ("cmd", "unroll: fast", "unroll can't be 'fast'\na whole number"),
        ("cmd", "fast: 1", "fast can't be 1\ntrue or false"),
        ("cmd", "scale: wide", "scale can't be 'wide'\na number"),
        ("cmd", "style: [a]", "style can't be ['a']\ntext"),
        ("mine", "prefix: 3", "prefix can't be 3\ntext"),
        ("mine", "prefx: a", 'has no option prefx\ndid you mean "prefix"?'),
    ],
)
def test_a_value_that_an_option_can_t_have_is_refused(backend: str, option: str, told: str, options: Plan) -> None:
    """At its place, with those that it can have; a recipe's default tells the type where no module tells more."""
    files = {"backends__cmd": COMMAND, "backends__mine": "implementation: my_generators.first\noptions: {prefix: a}\n"}
    bench = bench_of(backend) if BUILT_IN.has(Backend, backend) else f"sine-{backend}-stm32f7"
    (Path("my_generators") / "first.py").parent.mkdir(exist_ok=True)
    (Path("my_generators") / "first.py").write_text("")
    with pytest.raises(RecipeError) as caught:
        options(f"{bench}+f", features__f=f"sets: {{options: {{{option}}}}}\n", **files)
    assert refusal(caught).startswith("recipes/features/f.yaml:2:")
    assert f": backend {backend}" in refusal(caught) and told in refusal(caught)


def test_values_of_features_have_the_type_of_the_option(options: Plan) -> None:
    """A bench's name is text; a generator gets a number where its recipe has one, and a refusal where it is none."""
    files = {"backends__cmd": COMMAND}
    for option, spelled, value in (
        ("unroll", "8", 8),
        ("fast", "true", True),
        ("style", "8", "8"),
        ("extra", "8", "8"),
    ):
        feature = f"sets: {{options: {{{option}: $value}}}}\nvalues: ['{spelled}', other]\n"
        made = options(f"sine-cmd-stm32f7+f.{spelled}", features__f=feature, **files)
        assert made[option] == value and type(made[option]) is type(value)
    feature = "sets: {options: {alignment: $value}}\nvalue: integer\n"
    assert options("sine-tvmcg-stm32f7+f.64", features__f=feature)["alignment"] == 64
    with pytest.raises(RecipeError, match="alignment can't be '65'"):
        options("sine-tvmcg-stm32f7+f.65", features__f=feature)


def test_a_module_that_is_not_there_is_told_with_its_place(options: Plan) -> None:
    """Before anything is fetched or built."""
    with pytest.raises(RecipeError, match=r"the module no\.such can't be imported") as caught:
        options("sine-mine-stm32f7", backends__mine="implementation: no.such\n")
    assert caught.value.where == "recipes/backends/mine.yaml:2:17"
