"""What a tool refuses is told with the user's own file, or with the line of the recipe that is to blame."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

import kept
import pytest
from flow_support import CHECKOUT

from tinyflow.core.action import in_order
from tinyflow.core.errors import TinyflowError
from tinyflow.flow.loader import Loader
from tinyflow.recipes.bench import parse

EXAMPLES = CHECKOUT / "tests" / "examples"
BENCH = "toycar-tinyc-stm32f7+fastnn"
RUNTIME = Path("recipes/runtimes/fastnn/runtime.yaml")
KERNEL = Path("recipes/runtimes/fastnn/fully_connected.c")

Fail = Callable[[str, str], TinyflowError]


@pytest.fixture
def failing(project: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Fail]:
    """(bench, words of a title) -> the error of that action of the bench, in a project with all examples."""
    monkeypatch.setenv("TINYFLOW_CACHE", str(kept.folder()))
    for example in ("own_kernels", "own_generator"):
        shutil.copytree(EXAMPLES / example / "recipes", project / "recipes", dirs_exist_ok=True)
    loaders: list[Loader] = []

    def run(bench: str, title: str) -> TinyflowError:
        loaders.append(Loader())
        plan = loaders[-1].planner.plan_bench(parse(bench))
        (last,) = [action for action in plan.actions if action.title.startswith(title)]
        for action in in_order([last]).values():
            if action is not last:
                loaders[-1].session.execute(action)
        with pytest.raises(TinyflowError) as caught:
            loaders[-1].session.execute(last)
        return caught.value

    yield run
    for loader in loaders:
        loader.session.close()


def edit(path: Path, old: str, new: str) -> None:
    """Change a recipe."""
    text = path.read_text(encoding="utf-8")
    assert old in text
    path.write_text(text.replace(old, new), encoding="utf-8")


@pytest.mark.parametrize(
    ("flag", "message"),
    [
        ("-mno-such-thing", "unknown argument: '-mno-such-thing'"),
        ("-Wno-such-warning", "unknown warning option '-Wno-such-warning'"),
        ("-mcpu=foo", "unsupported argument 'foo' to option '-mcpu='"),
        ("-std=c99x", "invalid value 'c99x'"),
        ("-include nothing.h", "'nothing.h' file not found"),
        ("-mcpu=foo+toolchain.gcc", "unrecognized -mcpu target: foo"),
        ("-mno-such-thing+toolchain.gcc", "unrecognized command-line option"),
    ],
)
@pytest.mark.every(3)
def test_a_refused_flag_has_its_place(failing: Fail, flag: str, message: str) -> None:
    """The line of the flag, what to do, and the compiler's own words."""
    flag, _, feature = flag.partition("+")
    if feature and shutil.which("arm-none-eabi-gcc") is None:
        pytest.skip("arm-none-eabi-gcc is not installed")
    *before, last = ["-g", *flag.split()]
    edit(RUNTIME, "-fno-unroll-loops", ", ".join([*before, last]))
    error = failing(f"{BENCH}+{feature}" if feature else BENCH, "compile fastnn/")
    assert error.where == f"{RUNTIME}:6:{9 + sum(len(word) + 2 for word in before)}"
    assert f"the compiler refuses {last}; leave it out" in error.what
    assert message in error.hint


def test_a_refused_flag_for_the_sources_of_a_base_has_its_place(failing: Fail) -> None:
    """In the recipe that stands for the base, which alone has it."""
    RUNTIME.write_text("description: x\nextends: tinynn\nflags: [-mno-such-thing]\n")
    error = failing(BENCH, "compile tinynn/src/c/add.c")
    assert error.where == f"{RUNTIME}:3:9"
    assert "the compiler refuses -mno-such-thing; leave it out" in error.what


@pytest.mark.parametrize(("text", "place"), [("int x\n  y;\n", "2:3"), ('#include "nothere.h"\n', "1:10")])
def test_a_source_is_named_by_its_own_path(failing: Fail, text: str, place: str) -> None:
    """Not by that of the folder in which the compiler ran."""
    KERNEL.write_text(text)
    error = failing(BENCH, "compile fastnn/")
    assert error.where.startswith(f"{KERNEL}:") and f"{KERNEL}:" in error.hint
    assert error.where.endswith(place) or place == "2:3"
    assert "in/" not in error.hint


@pytest.mark.slow
def test_symbols_lead_to_the_recipes_line(failing: Fail) -> None:
    """One that is there twice, one that is missing, and a kernel that its replacement doesn't define."""
    recipe, kernel = RUNTIME.read_text(), KERNEL.read_text()
    KERNEL.with_name("more.c").write_text(kernel)
    RUNTIME.write_text(recipe + "sources: {all: [more.c]}\n")
    twice = failing(BENCH, "archive fastnn")
    assert "defined twice: tinynn_fully_connected_c, in fully_connected.c, more.c" in twice.what
    assert twice.where.startswith(f"{RUNTIME}:4:")

    RUNTIME.write_text(recipe)
    KERNEL.write_text("void nowhere(void);\nvoid tinynn_fully_connected_c(void) { nowhere(); }\n")
    missing = failing(BENCH, "link")
    assert missing.what == "undefined: nowhere, wanted by fully_connected.c of fastnn"
    assert missing.where.startswith(f"{RUNTIME}:4:") and "sources" in missing.hint

    KERNEL.write_text("void another_one(void) {}\n")
    replaced = failing(BENCH, "link")
    assert replaced.what == "undefined: tinynn_fully_connected_c, wanted by model.c"
    assert replaced.where.startswith(f"{RUNTIME}:4:")
    assert replaced.hint == "fully_connected.c is in place of a source that defines it: it must, too"

    KERNEL.write_text(kernel)
    KERNEL.with_name("libfast.a").write_bytes(b"!<arch>\n")
    RUNTIME.write_text(recipe + f"prebuilt:\n  all:\n    libfast.a: {'a' * 64}\n")
    assert failing(BENCH, "link").where == f"{RUNTIME}:9:16"


@pytest.mark.slow
def test_a_generator_that_fails_has_its_command_named(failing: Fail) -> None:
    """It says why, dies without a word, hangs, leaves nothing, writes elsewhere, or leaves what doesn't compile."""
    program = Path("recipes/backends/fcgen/generate.py")
    place = "recipes/backends/fcgen.yaml:2:10"
    edit(Path("recipes/backends/fcgen.yaml"), "options:", "timeout: 2s\noptions:")
    good = program.read_text()
    for text, what, hint in (
        ("import sys\nsys.exit('no such thing')\n", "python3 ended with status 1", "no such thing"),
        ("import os\nos.kill(os.getpid(), 11)\n", "python3 was killed by SIGSEGV", "it printed nothing"),
        ("import time\ntime.sleep(60)\n", "didn't end within 2 s", "timeout"),
        ("", "fcgen left no source in {out}", "what is compiled ends in"),
        ("open('model.c', 'w')\n", "fcgen left no source in {out}", "it wrote model.c: write into the folder"),
    ):
        program.write_text(text)
        error = failing("toycar-fcgen-host", "generate")
        assert (error.where, error.what) == (place, what)
        assert hint in error.hint
    program.write_text(good + "\nopen(sys.argv[3] + '/model.c', 'w').write('int x')\n")
    error = failing("toycar-fcgen-host", "compile toycar")
    assert (error.where, error.what) == (place, "model.c does not compile")
    assert "{out}/model.c:1:6: error" in error.hint
