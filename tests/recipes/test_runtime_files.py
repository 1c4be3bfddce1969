"""What a runtime is made of, with a base and overrides."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyflow.core.errors import RecipeError
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.runtime_files import headers_of, prebuilt_of, sources_of, used_by
from tinyflow.recipes.schema import Processor, Runtime

BASE = "description: theirs\nsources: {all: ['src/*.c'], thumb: [fast.S]}\n"
OURS = "description: ours\nextends: theirs\n"


def catalogue_of(tmp_path: Path, ours: str, files: tuple[str, ...] = ("conv.c",)) -> Catalogue:
    """Two runtimes, `theirs` with src/conv.c, src/add.c, fast.S, and `ours`."""
    for name, text, sources in (("theirs", BASE, ("src/conv.c", "src/add.c", "fast.S")), ("ours", ours, files)):
        folder = tmp_path / "runtimes" / name
        for source in sources:
            (folder / source).parent.mkdir(parents=True, exist_ok=True)
            (folder / source).write_text("")
        (folder / "runtime.yaml").write_text(text)
    return Catalogue([tmp_path])


def sources(catalogue: Catalogue, isa: str) -> list[str]:
    """Names with their owners."""
    return [f"{file.owner.name}/{file.name}" for file in sources_of(catalogue, catalogue.get(Runtime, "ours"), [isa])]


def test_a_replaced_source_is_left_out(tmp_path: Path) -> None:
    """Ours first, then what is left of the base."""
    catalogue = catalogue_of(tmp_path, OURS + "overrides: {src/conv.c: conv.c}\n")
    assert sources(catalogue, "thumb") == ["ours/conv.c", "theirs/fast.S", "theirs/src/add.c"]
    assert sources(catalogue, "riscv") == ["ours/conv.c", "theirs/src/add.c"]


def test_what_replaces_another_instruction_sets_source_is_left_out_with_it(tmp_path: Path) -> None:
    """An override of thumb assembly means nothing for RISC-V."""
    catalogue = catalogue_of(tmp_path, OURS + "overrides: {fast.S: conv.c}\n")
    assert sources(catalogue, "thumb") == ["ours/conv.c", "theirs/src/add.c", "theirs/src/conv.c"]
    assert sources(catalogue, "riscv") == ["theirs/src/add.c", "theirs/src/conv.c"]


@pytest.mark.parametrize(
    ("recipe", "told"),
    [
        (OURS + "overrides: {src/cnov.c: conv.c}\n", r'3:25: theirs has no source "src/cnov.c"\n.*did you mean'),
        (OURS + "overrides: {src/conv.c: missing.c}\n", r'3:25: no file matches "missing.c"'),
        ("description: ours\nsources: {riscv: [conv.c], all: [gone.c]}\n", r'2:34: no file matches "gone.c"'),
        ("description: ours\nsources: {dps: [conv.c]}\n", '2:16: no processor is "dps"'),
        ("description: ours\nextends: their\n", r'2:10: unknown runtime "their"\n.*did you mean "theirs"'),
        ("description: ours\nextends: ours\n", r"2:10: a runtime can't extend itself"),
        ("description: ours\noverrides: {a: b}\nsources: {all: [conv.c]}\n", '"overrides" need "extends"'),
        ("description: ours\n", "nothing to build"),
        ("description: ours\nsources: {all: [conv.c, '*.yaml']}\n", r"2:25: runtime.yaml is not a source that can be"),
        (f"description: ours\nprebuilt: {{all: {{fast.so: {'a' * 64}}}}}\n", "fast.so is neither an object"),
    ],
)
def test_what_is_wrong_is_told_with_its_place(tmp_path: Path, recipe: str, told: str) -> None:
    """File, line and column, and what to type instead."""
    with pytest.raises(RecipeError, match=told):
        sources(catalogue_of(tmp_path, recipe), "thumb")


def test_a_processor_gets_the_sources_for_what_it_has() -> None:
    """No vector or DSP kernels for a core without; each core has its own."""
    catalogue = Catalogue([data_folder() / "recipes"])
    runtime = catalogue.get(Runtime, "tinynn")

    def folders(cpu: str) -> set[str]:
        found = sources_of(catalogue, runtime, catalogue.get(Processor, cpu).kinds)
        return {Path(file.name).parent.name for file in found} - {"ref", "c"}

    assert folders("cortex-m0plus").isdisjoint({"dsp", "mve", "rv32", "rvv"})
    assert folders("cortex-m55") == {"dsp", "mve"} and "mve" not in folders("cortex-m7")
    assert "rvv" not in folders("rv32imc") and "rv32" in folders("rv32imc")


def test_a_missing_prebuilt_file_is_told_with_its_place(tmp_path: Path) -> None:
    """One for another instruction set isn't asked for."""
    recipe = f"description: ours\nprebuilt: {{thumb: {{libfast.a: {'a' * 64}}}}}\n"
    catalogue = catalogue_of(tmp_path, recipe)
    runtime = catalogue.get(Runtime, "ours")
    assert prebuilt_of(catalogue, runtime, ["riscv"]) == []
    with pytest.raises(RecipeError, match=r'2:31: there is no file "libfast.a"'):
        prebuilt_of(catalogue, runtime, ["thumb"])


def test_files_may_lie_anywhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """From a path or a variable on; without those that are excluded. What isn't there is told."""
    vendor = tmp_path / "vendor"
    for name in ("lib/a.cc", "lib/a_test.cc", "lib/b.s", "tests/t.cc"):
        (vendor / name).parent.mkdir(parents=True, exist_ok=True)
        (vendor / name).touch()
    rest = "sources: {all: ['**/*.cc'], thumb: ['lib/*.s']}\nexclude: ['**/*_test.cc', 'tests/*']\n"
    for root in ("${VENDOR}/..//vendor", "../../vendor"):
        recipe = f"description: ours\nroot: {root}\n{rest}"
        monkeypatch.delenv("VENDOR", raising=False)
        catalogue = catalogue_of(tmp_path, recipe)
        if "$" in root:
            with pytest.raises(RecipeError, match=r"(?s)2:7: VENDOR is not set.*export VENDOR="):
                sources(catalogue, "thumb")
        monkeypatch.setenv("VENDOR", str(vendor))
        assert sources(catalogue, "thumb") == ["ours/lib/a.cc", "ours/lib/b.s"]
        found = sources_of(catalogue, catalogue.get(Runtime, "ours"), ["thumb"])
        assert found[0].path == vendor / "lib" / "a.cc"
    with pytest.raises(RecipeError, match=r'2:7: there is no folder "../gone"'):
        sources(catalogue_of(tmp_path, f"description: ours\nroot: ../gone\n{rest}"), "thumb")


def test_what_is_for_one_processor_is_so_of_sources_and_prebuilt_ones(tmp_path: Path) -> None:
    """By the processor's own name, beside instruction sets."""
    recipe = (
        f"description: ours\nsources: {{cortex-m55: [conv.c]}}\nprebuilt: {{cortex-m7: {{m7.a: {'a' * 64}}}, "
        f"thumb: {{t.a: {'b' * 64}}}}}\n"
    )
    catalogue = catalogue_of(tmp_path, recipe, ("conv.c", "m7.a", "t.a"))
    ours, shipped = catalogue.get(Runtime, "ours"), Catalogue([data_folder() / "recipes"])
    kinds = {name: shipped.get(Processor, name).kinds for name in ("cortex-m7", "cortex-m55")}
    catalogue = Catalogue([tmp_path, data_folder() / "recipes"])
    assert [file.name for file in prebuilt_of(catalogue, ours, kinds["cortex-m7"])] == ["m7.a", "t.a"]
    assert [file.name for file in prebuilt_of(catalogue, ours, kinds["cortex-m55"])] == ["t.a"]
    assert [file.name for file in sources_of(catalogue, ours, kinds["cortex-m55"])] == ["conv.c"]
    assert sources_of(catalogue, ours, kinds["cortex-m7"]) == []


def test_headers_and_used_runtimes_must_exist(tmp_path: Path) -> None:
    """A folder that isn't there, and a runtime that nobody has, are told at their places."""
    catalogue = catalogue_of(
        tmp_path, "description: ours\nsources: {all: [conv.c]}\ninclude: [., inc]\ndepends: [thiers]\n"
    )
    runtime = catalogue.get(Runtime, "ours")
    with pytest.raises(RecipeError, match=r'3:14: there is no folder "inc"'):
        headers_of(catalogue, runtime)
    with pytest.raises(RecipeError, match=r'(?s)4:11: unknown runtime "thiers".*did you mean "theirs"'):
        used_by(catalogue, [runtime])
