"""Where what a tool complains of is in a recipe or source of the user's, for errors that are made up."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from test_plan_whole import RECIPES

from tinyflow.core.action import Action
from tinyflow.core.errors import ModelError, RunError, TinyflowError, ToolError
from tinyflow.core.store import Store
from tinyflow.flow.planning.error_locations import locate
from tinyflow.flow.planning.plan import Planner
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.mirrors import Mirrors

Tell = Callable[..., TinyflowError]


@pytest.fixture
def recipes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The recipes of the whole plan, below the working directory, with the text that a symbol is looked for in."""
    for name, text in RECIPES.items():
        (tmp_path / "recipes" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "recipes" / name).write_text(text)
    (tmp_path / "recipes" / "runtimes" / "lower" / "b.c").write_text("int kernel_b(void) { return 0; }\n")
    monkeypatch.chdir(tmp_path)
    return tmp_path / "recipes"


@pytest.fixture
def tell(recipes: Path, tmp_path: Path) -> Tell:
    """(bench, beginning of a title, error) -> the error, told its place."""
    catalogue = Catalogue([recipes, data_folder() / "recipes"])
    planner = Planner(catalogue, Mirrors(), Store(tmp_path / "cache"))

    def run(bench: str, title: str, error: TinyflowError) -> TinyflowError:
        [action] = [one for one in planner.plan_bench(parse(bench)).actions if one.title.startswith(title)]
        if error.where == "ITS TITLE":
            error.where = action.title
        locate(action, error, lambda: catalogue)
        return error

    return run


def place(recipes: Path, name: str, text: str) -> str:
    """Line and column of some text in a recipe, as an error spells it."""
    content = (recipes / name).read_text()
    at = content.index(text)
    line = content.count("\n", 0, at) + 1
    return f"recipes/{name}:{line}:{at - content.rfind(chr(10), 0, at)}"


BENCH = "net-gen-chip+fast"


def tool(
    *, about: tuple[str, ...] = (), refused: tuple[str, ...] = (), undefined: tuple[str, ...] = (), hint: str = ""
) -> ToolError:
    """What a stage makes of a tool's complaint."""
    error = ToolError("complains", where="ITS TITLE", hint=hint)
    error.about, error.refused, error.undefined = about, refused, undefined
    return error


@pytest.mark.parametrize(
    ("title", "refused", "recipe", "text", "flag"),
    [
        ("compile upper/own.c", ("-fupper",), "runtimes/upper/runtime.yaml", "-fupper", "-fupper"),
        ("compile upper/own.c", ("-flower",), "runtimes/lower/runtime.yaml", "-flower", "-flower"),
        ("compile lower/a.c", ("-flower", "other"), "runtimes/lower/runtime.yaml", "-flower", "-flower"),
        ("compile net gen", ("-fgenerated",), "features/fast.yaml", "-fgenerated", "-fgenerated"),
        ("compile net gen", ("-mx",), "toolchains/tools.yaml", "-mx", "-mx"),
        ("compile upper/own.c", ("-mx=1",), "toolchains/tools.yaml", "-mx", "-mx"),
    ],
)
def test_a_refused_flag_has_its_line(
    tell: Tell, recipes: Path, title: str, refused: tuple[str, ...], recipe: str, text: str, flag: str
) -> None:
    """Of a runtime, its base, a feature or the toolchain; whole words take precedence over parts of words."""
    error = tell(BENCH, title, tool(refused=refused))
    assert error.where == place(recipes, recipe, text)
    assert error.what == f"complains: the compiler refuses {flag}; leave it out or take another toolchain"


def test_what_nobody_wrote_has_no_line(tell: Tell) -> None:
    """A flag of our own, an error that has a place already, one of a stage that takes nothing of the user's."""
    error = tell(BENCH, "compile upper/own.c", tool(refused=("-never",)))
    assert error.where.startswith("compile upper/own.c") and error.what == "complains"
    known = ToolError("complains", where="known:1:2")
    assert tell(BENCH, "link", known).where == "known:1:2"
    assert tell(BENCH, "convert", ModelError("bad")).where == ""


def test_a_source_is_called_by_its_own_path(tell: Tell, recipes: Path) -> None:
    """In the words of a compiler, for a file and for one in a folder of headers; the first error is the place."""
    hint = "in/U/secret.h:1:1: note: x\nin/U/own.c:3:4: error: bad\nin/U/api/upper.h:7:1: fatal error: more"
    hint = (hint + "\nxin/U/own.c").replace("U", "runtime/upper")
    error = tell(BENCH, "compile upper/own.c", tool(hint=hint))
    upper = "recipes/runtimes/upper"
    assert error.where == f"{upper}/own.c:3:4"
    assert error.hint.splitlines() == [
        f"{upper}/secret.h:1:1: note: x",
        f"{upper}/own.c:3:4: error: bad",
        f"{upper}/api/upper.h:7:1: fatal error: more",
        "xin/runtime/upper/own.c",
    ]


def test_a_line_of_a_fault_is_one_of_the_user_s_source(tell: Tell) -> None:
    """Of a runtime's source or header; what is not a source stays as it is."""
    for told, spelled in (
        ("in/runtime/upper/own.c:5:1", "recipes/runtimes/upper/own.c:5:1"),
        ("in/runtime/lower/api/lower.h:2:3", "recipes/runtimes/lower/api/lower.h:2:3"),
        ("in/sources/model.c:2:3", "sources/model.c:2:3"),
    ):
        error = tell(BENCH, "run", RunError(f"overflows; {told}", where="f+0x4 (0x10)"))
        assert error.what == f"overflows; {spelled}" and error.where == "f+0x4 (0x10)"


@pytest.mark.parametrize(
    ("about", "undefined", "recipe", "text", "hint"),
    [
        (("lib/upper.a(own.c.o)",), (), "runtimes/upper/runtime.yaml", "own.c", ""),
        (("lib/upper.a(a.c.o)",), (), "runtimes/lower/runtime.yaml", "a.c", ""),
        (("prebuilt/lower/ready.a(x.o)",), (), "runtimes/lower/runtime.yaml", "b" * 64, ""),
        (("prebuilt/lower/ready.a",), (), "runtimes/lower/runtime.yaml", "b" * 64, ""),
        (
            *(("objects/model.c.o",), ("kernel_b(int)",), "runtimes/upper/runtime.yaml", "own.c"),
            "own.c is in place of a source that defines it: it must, too",
        ),
        (("lib/upper.a(a.c.o)",), ("kernel",), "runtimes/lower/runtime.yaml", "a.c", ""),
    ],
)
def test_a_linker_s_complaint_leads_to_the_line_that_brought_it(
    tell: Tell, recipes: Path, about: tuple[str, ...], undefined: tuple[str, ...], recipe: str, text: str, hint: str
) -> None:
    """A source, an override, a prebuilt file; a replacement that lacks what it stands for is blamed first."""
    error = tell(BENCH, "link", tool(about=about, undefined=undefined))
    assert error.where == place(recipes, recipe, text)
    assert error.hint == hint


def test_what_nobody_brought_stays_where_it_was(tell: Tell) -> None:
    """Generated objects, the compiler's library, members that are not there."""
    for about in (("objects/model.c.o",), ("lib/builtins.a(x.o)",), ("lib/upper.a(z.c.o)",), ("lib/gone.a(a.o)",)):
        assert tell(BENCH, "link", tool(about=about)).where == f"link {BENCH}"


@pytest.mark.parametrize("title", ["generate net words", "compile net words", "link net-words-host"])
def test_a_command_is_to_blame_for_what_it_generated(tell: Tell, recipes: Path, title: str) -> None:
    """Where it failed, and where its sources don't compile or link; these are said to lie where it put them."""
    error = tell("net-words-host", title, tool(hint="in/sources/model.c:1:2: note: x"))
    assert re.sub(r":\d+$", "", error.where) == re.sub(r":\d+$", "", place(recipes, "backends/words.yaml", "[python3"))
    assert error.hint == "{out}/model.c:1:2: note: x"
    assert (
        tell(BENCH, title.replace("net words", "net gen").replace("words-host", "gen-chip"), tool()).where
        != error.where
    )


def test_only_errors_of_users_are_told(recipes: Path) -> None:
    """A bug of ours has its traceback."""
    action = Action("link", "link", "m:f", ("o",))
    locate(action, KeyError("x"), lambda: pytest.fail("asked"))
