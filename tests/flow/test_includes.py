"""Which files a source can include, and that a compiler needs no others."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tinyflow.core.identity import package_folder
from tinyflow.core.store import Store
from tinyflow.flow.planning.includes import Includes
from tinyflow.flow.planning.plan import Planner
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.mirrors import Mirrors

FILES = {
    "own/a.c": '#include "beside.h"\n#  include <shared.h>\n#include "sub/../sub/b.inc"\n',
    "own/beside.h": '#if 0\n#include \\\n "deep.h"\n#endif\n',
    "own/deep.h": '__has_include("maybe.h")\n// #include "missing.h"\n',
    "own/maybe.h": "",
    "own/shared.h": "never: it is looked for in the folders of the search alone",
    "own/sub/b.inc": '.incbin "data.bin"\n#include "../../other/private.h"\n',
    "own/sub/data.bin": "\0",
    "own/api/shared.h": "#include_next <shared.h>\n",
    "own/stray.h": "",
    "other/api/shared.h": '#pragma once\n#include "twin.h"\n',
    "other/api/twin.h": '#include "shared.h"\n#include "../private.h"\n',
    "other/private.h": "",
}
SEARCH = ("own/api/", "other/api/")


@pytest.fixture
def includes(tmp_path: Path) -> Includes:
    """Over `FILES`, of which stray.h is left out."""
    for name, text in FILES.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text)
    return Includes(lambda name: tmp_path / name, lambda name: {tmp_path / name / "stray.h"})


def test_all_that_an_include_may_mean_is_found(includes: Includes) -> None:
    """Beside a file and in the folders of the search, each of a name; nothing of another runtime's by `..`."""
    found = includes.reached(["own/a.c"], SEARCH)
    assert sorted(found) == sorted(FILES.keys() - {"own/shared.h", "own/stray.h"})
    assert includes.reached(["own/sub/b.inc"], ()).keys() == {"own/sub/b.inc", "own/sub/data.bin"}


def test_flags_include_too(includes: Includes) -> None:
    """What `-include` names is found as the compiler finds it."""
    found = includes.reached(["own/maybe.h"], SEARCH, ["-O1", "-include", "twin.h", "-imacros", "gone.h"])
    assert "other/api/twin.h" in found and "other/private.h" in found and "own/a.c" not in found


def test_where_a_macro_names_a_header_all_may_be_meant(includes: Includes, tmp_path: Path) -> None:
    """But for what the recipe excludes; a name in quotes is that file, and a macro that nobody defines is none."""
    (tmp_path / "own" / "maybe.h").write_text("#ifdef CONFIG\n#include CONFIG\n#endif\n")
    assert includes.reached(["own/maybe.h"], ["own/"]).keys() == {"own/maybe.h"}
    for flags, defines in (([], {"CONFIG": '"deep.h"'}), (["-DCONFIG=<deep.h>"], {})):
        assert includes.reached(["own/maybe.h"], ["own/"], flags, defines).keys() == {"own/maybe.h", "own/deep.h"}
    (tmp_path / "own" / "stray.h").write_text('#include "maybe.h"\n#define CONFIG "beside.h" // ours\n')
    assert "own/beside.h" in includes.reached(["own/stray.h"], [])
    (tmp_path / "own" / "late.h").write_text("#define CONFIG NAME(x)\n#include <maybe.h>\n")
    assert includes.reached(["own/late.h"], ["own/"]).keys() == {
        "own/late.h",
        *(name for name in FILES if name.startswith("own/") and name.endswith((".h", ".inc"))),
        "own/sub/data.bin",
    } - {"own/stray.h"}


Plan = Callable[[], dict[str, str]]


@pytest.fixture
def objects(tmp_path: Path) -> Plan:
    """Plan a bench with a runtime of three sources; source -> the id of its object, with all that is in it."""
    folder = tmp_path / "runtimes" / "mine"
    files = {"a.c": '#include "a.h"\n', "b.c": "#include <a.h>\n", "c.c": "", "api/a.h": "", "api/c.h": ""}
    for name, text in {**files, "runtime.yaml": "description: d\nsources: {all: ['*.c']}\ninclude: [api]\n"}.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text)
    (tmp_path / "features").mkdir()
    (tmp_path / "features" / "mine.yaml").write_text("description: d\nsets: {links: [mine]}\n")

    def plan() -> dict[str, str]:
        planner = Planner(Catalogue([tmp_path, data_folder() / "recipes"]), Mirrors(), Store(tmp_path / "cache"))
        made = planner.plan_bench(parse("sine-tinyc-host+mine")).actions
        mine = [one for one in made if str(one.parameters.get("source")).startswith("runtime/mine/")]
        return {str(one.parameters["source"]): one.id + "".join(_contents(one.inputs)) for one in mine}

    return plan


def _contents(inputs: object) -> list[str]:
    assert isinstance(inputs, dict)
    return [source.path.read_text() for _, source in sorted(inputs.items())]


def test_a_header_concerns_the_objects_that_include_it(objects: Plan, tmp_path: Path) -> None:
    """One that is new, none; one that is edited, those that include it; one that stands before another, too."""
    api, before = tmp_path / "runtimes" / "mine" / "api", objects()
    (api / "new.h").write_text("")
    assert objects() == before
    (api / "a.h").write_text("int a;\n")
    edited = objects()
    assert {name for name in before if edited[name] != before[name]} == {"runtime/mine/a.c", "runtime/mine/b.c"}
    (api.parent / "a.h").write_text("")
    shadowed = objects()
    assert {name for name in before if shadowed[name] != edited[name]} == {"runtime/mine/a.c"}


@pytest.mark.slow
@pytest.mark.parametrize("bench", ["aww-tinyi-stm32f7", "aww-tvmrt-esp32c3"])
def test_a_compiler_reads_no_other_files(tmp_path: Path, bench: str) -> None:
    """Of each source of the built-in runtimes: what clang says that it read was found."""
    catalogue = Catalogue([data_folder() / "recipes"])
    made = Planner(catalogue, Mirrors(), Store(tmp_path / "cache")).plan_bench(parse(bench)).actions
    compiled = [one for one in made if "source" in one.parameters]
    assert len(compiled) > 5
    for action in compiled:
        root = data_folder() / "recipes" / "runtimes"
        flags = [*action.parameters["toolchain"]["cpu"]["flags"], *action.parameters["flags"]]
        words = [f"-I{root / name.removeprefix('runtime/')}" for name in action.parameters["include"]]
        zig = package_folder("ziglang")
        musl = [f"-isystem{zig}/lib/libc/include/{name}" for name in ("riscv32-linux-musl", "generic-musl")]
        source = root / str(action.parameters["source"]).removeprefix("runtime/")
        command = [zig / "zig", "clang", "-MM", *flags, "-nostdlibinc", *musl, *words, source]
        told = subprocess.run(command, check=True, capture_output=True, text=True).stdout.replace("\\\n", " ")
        read = {Path(name).resolve() for name in told.partition(":")[2].split()}
        found = {put.path.resolve() for put in action.inputs.values()}  # type: ignore[union-attr]
        assert read <= found, action.title
