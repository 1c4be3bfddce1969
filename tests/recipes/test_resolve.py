"""Names to recipes, with features applied; what doesn't go together is refused with its reason."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tinyflow.core.errors import RecipeError, UsageError
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.resolve import ResolvedBench, resolve
from tinyflow.recipes.schema import Model

Write = Callable[[str, str], Path]
BUILT_IN = data_folder() / "recipes"


def _resolve(name: str, catalogue: Catalogue) -> ResolvedBench:
    return resolve(parse(name), catalogue)


def _refusal(name: str, catalogue: Catalogue) -> list[str]:
    with pytest.raises(UsageError) as refusal:
        _resolve(name, catalogue)
    return str(refusal.value).splitlines()


def test_a_bench_is_all_of_its_recipes(catalogue: Catalogue) -> None:
    """Model, backend, runtimes, target, toolchain and the toolchain's words for the processor."""
    found = _resolve("vww-tvmaot-stm32f7", catalogue)
    assert (found.model.name, found.backend.name, found.target.name) == ("vww", "tvmaot", "stm32f7")
    assert [runtime.name for runtime in found.runtimes] == ["support"]
    assert (found.toolchain.name, found.cpu.isa, found.optimise) == ("zig", "thumb", "O3")
    assert found.options["toolchain"] == "zig"
    assert found.options["isa"] == "thumb"
    assert found.features == {}


def test_features_change_what_they_say_and_nothing_else(catalogue: Catalogue) -> None:
    """Options are merged, toolchain and level replaced; the toolchain's name reaches the backend's options."""
    plain = _resolve("vww-tvmaotplus-stm32f7", catalogue)
    found = _resolve("vww-tvmaotplus-stm32f7+opt.O2+toolchain.gcc+dsp", catalogue)
    assert (found.toolchain.name, found.optimise) == ("gcc", "O2")
    assert found.options == {**plain.options, "dsp": True, "toolchain": "gcc"}
    assert found.features == {"dsp": True, "opt": "O2", "toolchain": "gcc"}
    assert found.target == plain.target


def test_a_feature_adds_runtimes_before_what_they_use(catalogue: Catalogue) -> None:
    """Those that the backend doesn't link anyway."""
    for backend in ("tvmaotplus", "tinyc"):
        found = _resolve(f"vww-{backend}-stm32f7+winograd", catalogue)
        assert [runtime.name for runtime in found.runtimes] == ["tinynn", "support"]


def test_a_runtime_that_another_uses_must_be_linked(catalogue: Catalogue, write: Write) -> None:
    """Told when a bench is planned, be it the backend's list that lacks it or a feature's; by way of others, too."""
    write("runtimes/own/runtime.yaml", "description: d\ninclude: [.]\ndepends: [middle]\n")
    write("runtimes/middle/runtime.yaml", "description: d\ninclude: [.]\ndepends: [tinynn]\n")
    write("features/own.yaml", "description: d\nsets: {links: [own, middle]}\n")
    told = _refusal("vww-tvmaot-stm32f7+own", catalogue)
    assert told[0].endswith('runtime own uses "tinynn", which is not linked')
    assert "to `links` of a feature" in told[-1]
    assert [one.name for one in _resolve("vww-tinyc-stm32f7+own", catalogue).runtimes[:2]] == ["own", "middle"]


def test_what_a_backend_generates_depends_on_the_instruction_set_not_on_the_chip(catalogue: Catalogue) -> None:
    """So two Cortex-M share the generated code."""
    first, second = (_resolve(f"vww-tvmaot-{chip}", catalogue) for chip in ("stm32f7", "stm32f4"))
    assert first.options == second.options
    assert first.options != _resolve("vww-tvmaot-esp32c3", catalogue).options


@pytest.mark.parametrize(
    ("name", "what", "underlined", "hint"),
    [
        ("vwx-tvmaot-stm32f7", 'unknown model "vwx"', "vwx", 'did you mean "vww"?'),
        ("vww-tvmoat-stm32f7", 'unknown backend "tvmoat"', "tvmoat", 'did you mean "tvmaot"? backends: '),
        ("vww-tvmaot-stm32", 'unknown target "stm32"', "stm32", 'did you mean "stm32f'),
        ("vww-tvmaot-stm32f7+dps", 'unknown feature "dps"', "dps", 'did you mean "dsp"?'),
        ("vww-tvmaot-stm32f7+dsp", "doesn't go with backend tvmaot", "dsp", "backends that have it: tvmaotplus"),
        ("vww-tvmaotplus-esp32c3+dsp", "needs a processor with dsp", "dsp", "its features: none"),
        ("vww-tvmaot-stm32f7+opt", 'feature "opt" needs a value', "opt", "choose one of +opt.O2, +opt.O3"),
        ("vww-tvmaot-stm32f7+opt.O9", 'has no value "O9"', "opt.O9", "choose one of +opt.O2, +opt.O3"),
        ("vww-tvmaotplus-stm32f7+dsp.on", 'feature "dsp" takes no value', "dsp.on", "write +dsp"),
        (
            "vww-tvmaot-esp32c3+schedule.cortexm",
            '"schedule.cortexm" needs a processor with dsp',
            "schedule.cortexm",
            "SMLAD",
        ),
        ("vww-tvmaot-stm32f4+layout.NCHW+schedule.cortexm", "exclude each other", "schedule.cortexm", "neighbouring"),
        ("vww-tvmaotplus-stm32f7+dsp+layout.NCHW", '"dsp" and "layout.NCHW" exclude', "dsp", "neighbouring"),
        ("vww-tinyc-stm32f7+layout.NHWC", "doesn't go with backend tinyc", "layout.NHWC", "backends that have it: tvm"),
        ("vww-tinyc-stm32f7+ram", 'feature "ram" needs a size', "ram", "for example +ram.512KiB"),
        ("vww-tinyc-stm32f7+ram.lots", "needs a size up to 256.0 MiB", "ram.lots", "for example +ram.512KiB"),
        ("vww-tinyc-stm32f7+flash.1GiB", "needs a size", "flash.1GiB", "for example +flash.512KiB"),
        ("vww-tinyc-host+ram.1MiB", "host has no limits", "ram.1MiB", "leave +ram out"),
        ("vww-tinyc-stm32f7+ram.4KiB", "stack and heap leave nothing", "ram.4KiB", "stack and heap lie there"),
        ("vww-tinyc-esp32c3+ram.64MiB", "ends at 0x43c80000, above 0x42000000", "ram.64MiB", "at most 35.5 MiB"),
        ("./gone/net.tflite-tvmaot-stm32f7", "there is no file", "./gone/net.tflite", "paths start at"),
    ],
)
def test_what_can_t_be_is_refused_with_the_reason(
    name: str, what: str, underlined: str, hint: str, catalogue: Catalogue
) -> None:
    """Carets are under the fault; the last line says what to type instead."""
    lines = _refusal(name, catalogue)
    assert what in lines[0]
    start = lines[2].index("^")
    assert lines[1][start : start + lines[2].count("^")] == underlined
    assert hint in lines[3]


def test_memory_is_set_for_a_try(catalogue: Catalogue) -> None:
    """In the one region of each kind, or the lowest of several; the recipe's target stays as it is."""
    plain, tried = (_resolve(f"vww-tinyc-stm32f7{more}", catalogue) for more in ("", "+flash.8MiB+ram.64KiB"))
    assert [(each.kind, each.length_bytes) for each in tried.target.memory] == [("flash", 8 << 20), ("ram", 64 << 10)]
    assert [each.origin for each in tried.target.memory] == [each.origin for each in plain.target.memory]
    assert _resolve("vww-tinyc-stm32f7", catalogue).target == plain.target != tried.target


def test_a_feature_may_have_a_default_and_sizes_beside_its_values(catalogue: Catalogue) -> None:
    """`+stream` is its default, and takes its values or any size; what is neither is refused with both."""
    named = {value: _resolve(f"vww-tinyc-stm32f7+stream{value}", catalogue) for value in ("", ".least", ".64KiB")}
    goals = [one.options["stream"] for one in named.values()]
    assert goals == ["balanced", "least", "64KiB"]
    for patches in ("2", "3_5"):
        assert _resolve(f"vww-tinyi-stm32f7+patch.{patches}", catalogue).settings.patch == patches
    assert "one or two whole numbers from 1" in _refusal("vww-tinyc-stm32f7+patch.2_0", catalogue)[0]
    refused = _refusal("vww-tinyc-stm32f7+stream.most", catalogue)
    assert "needs a size" in refused[0] and "balanced, least" in refused[0]


def test_features_that_exclude_each_other_are_refused(write: Write, catalogue: Catalogue) -> None:
    """Whichever of the two declares it."""
    write("features/fast.yaml", "description: x\nsets: {optimise: O3}\nconflicts: [dsp]\n")
    (first, *_) = _refusal("vww-tvmaotplus-stm32f7+dsp+fast", catalogue)
    assert 'features "fast" and "dsp" exclude each other' in first


def test_what_one_value_needs_is_not_asked_of_the_others(write: Write, catalogue: Catalogue) -> None:
    """A case belongs to its value; a recipe that has one for no value of its own is wrong."""
    assert _resolve("vww-tvmaot-esp32c3+schedule.default", catalogue).options["schedule"] == "default"
    assert _resolve("vww-tvmaot-stm32f7+layout.NHWC+schedule.cortexm", catalogue).options["layout"] == "NHWC"
    write("features/odd.yaml", "description: x\nsets: {}\nvalues: [a]\ncases: {b: {conflicts: [dsp]}}\n")
    with pytest.raises(RecipeError, match='a case for "b", which is none of the values a'):
        _resolve("vww-tvmaot-stm32f7+odd.a", catalogue)


def test_asking_for_what_is_there_anyway_changes_nothing(catalogue: Catalogue) -> None:
    """So that a suite may spell every choice, and still share its work with other benches."""
    plain = _resolve("vww-tvmaot-stm32f7", catalogue)
    assert _resolve("vww-tvmaot-stm32f7+layout.NHWC+schedule.arm", catalogue).options == plain.options


def test_features_that_set_one_thing_differently_are_refused(write: Write, catalogue: Catalogue) -> None:
    """No order decides between them; setting it to the same is fine."""
    write("features/fast.yaml", "description: x\nsets: {optimise: O3}\n")
    (first, *_) = _refusal("vww-tvmaot-stm32f7+fast+opt.Os", catalogue)
    assert 'features "fast" and "opt" both set optimise' in first
    assert _resolve("vww-tvmaot-stm32f7+fast+opt.O3", catalogue).optimise == "O3"


def test_features_may_ask_for_targets_and_toolchains(write: Write, catalogue: Catalogue) -> None:
    """The toolchain is the one that the whole bench ends up with."""
    write("features/picky.yaml", "description: x\nsets: {}\nrequires: {toolchains: [gcc], targets: [stm32f7]}\n")
    assert "toolchain zig" in _refusal("vww-tvmaot-stm32f7+picky", catalogue)[0]
    assert "target stm32f4" in _refusal("vww-tvmaot-stm32f4+picky+toolchain.gcc", catalogue)[0]
    assert _resolve("vww-tvmaot-stm32f7+picky+toolchain.gcc", catalogue).features["picky"] is True


def test_a_backend_may_serve_some_targets_only(write: Write, catalogue: Catalogue) -> None:
    """And says which."""
    write("backends/narrow.yaml", "description: x\nimplementation: a.b\ntargets: [host]\n")
    assert _refusal("vww-narrow-stm32f7", catalogue)[3] == "  its targets: host"
    assert _resolve("vww-narrow-host", catalogue).backend.name == "narrow"


def test_a_toolchain_that_can_t_is_the_user_s_fault_only_if_they_chose_it(write: Write, catalogue: Catalogue) -> None:
    """Else the target's recipe is wrong, and the error has its place."""
    write("processors/z80.yaml", "description: x\nisa: thumb\n")
    path = write("targets/old.yaml", "description: x\nimplementation: a.b\ncpu: z80\n")
    with pytest.raises(RecipeError, match=f'{path}:3:6: toolchain zig doesn\'t know the processor "z80"'):
        _resolve("vww-tvmaot-old", catalogue)
    assert "gcc doesn't know" in _refusal("vww-tvmaot-old+toolchain.gcc", catalogue)[0]


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("targets/bad.yaml", "implementation: a.b\ncpu: host\ntoolchain: zigg\n", ':4:12: unknown toolchain "zigg"'),
        ("backends/bad.yaml", "implementation: a.b\noptions: {x: $is}\n", ':3:14: nothing is called "$is"'),
    ],
)
def test_recipes_that_name_what_isn_t_there_are_refused_at_their_place(
    file: str, text: str, fault: str, write: Write, catalogue: Catalogue
) -> None:
    """The fault shows when they meet others, and still has file, line and column."""
    path = write(file, f"description: x\n{text}")
    with pytest.raises(RecipeError) as refusal:
        _resolve("vww-bad-host" if "backends" in file else "vww-tvmaot-bad", catalogue)
    assert str(refusal.value).startswith(f"{path}{fault}")


def test_a_model_is_given_by_path(catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its name is made of the file's; nothing is pinned and nothing synthesised."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "My-Net.tflite").write_bytes(b"")
    found = _resolve(f"{tmp_path}/My-Net.tflite-tvmaot-host", catalogue)
    assert found.model_folder == tmp_path
    assert (found.model.name, found.model.file) == ("my_net", "My-Net.tflite")
    assert (found.model.sha256, found.model.synthesize, found.model.urls) == (None, None, ())
    assert found.bench.name == "my_net-tvmaot-host"


def test_whoever_forgets_the_suffix_of_their_file_is_told(
    catalogue: Catalogue, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Only where there is such a file, and no recipe of the name."""
    monkeypatch.chdir(tmp_path)
    Path("net.tflite").write_bytes(b"")
    assert _refusal("net-tvmaot-host+opt.O2", catalogue)[3].endswith("net.tflite-tvmaot-host+opt.O2")
    Path("vww.tflite").write_bytes(b"")
    assert _resolve("vww-tvmaot-host", catalogue).model == catalogue.get(Model, "vww")


def test_the_heap_is_the_larger_wish(write: Write, catalogue: Catalogue) -> None:
    """A backend's need and a target's grant meet in one number."""
    write("backends/greedy.yaml", "description: x\nimplementation: a.b\nheap: 4KiB\n")
    assert _resolve("vww-greedy-stm32f7", catalogue).heap_bytes == 4096
    assert _resolve("vww-tvmaot-stm32f7", catalogue).heap_bytes == 0
    chip = (BUILT_IN / "targets" / "stm32f7.yaml").read_text()
    write("targets/roomy.yaml", chip.replace("stack:", "heap: 8KiB\nstack:"))
    assert _resolve("vww-greedy-roomy", catalogue).heap_bytes == 8192
    assert _resolve("vww-tvmaot-roomy", catalogue).heap_bytes == 8192


def test_a_target_s_options_are_taken_when_asked_for(write: Write, catalogue: Catalogue) -> None:
    """Off by default; the rest of the options stays, and a target that has none is refused."""
    plain = _resolve("vww-tvmaotplus-stm32f7", catalogue)
    found = _resolve("vww-tvmaotplus-stm32f7+target_optimized", catalogue)
    assert plain.target_options == {} and plain.options["schedule"] == "arm"
    assert found.target_options == {"schedule": "cortexm"}
    assert found.options == {**plain.options, "schedule": "cortexm"}
    assert _resolve("vww-tvmcg-stm32f7+target_optimized", catalogue).lowering_options["schedule"] == "cortexm"
    refusal = _refusal("vww-tvmaotplus-esp32c3+target_optimized", catalogue)
    assert "esp32c3's recipe has no options for tvmaotplus" in refusal[0]


def test_debugging_adds_flags_for_generated_code_only(catalogue: Catalogue) -> None:
    """Libraries are shared with benches that have no such feature."""
    assert _resolve("vww-tvmaot-stm32f7+debug", catalogue).settings.flags == ("-g",)
    assert _resolve("vww-tvmaot-stm32f7", catalogue).settings.flags == ()


def test_a_processor_of_one_s_own_needs_one_recipe(write: Write, catalogue: Catalogue) -> None:
    """All that toolchains, backends and simulators call it is there; what an instruction set shares is not repeated."""
    flags = "[--target=thumbv7em-none-eabi, -mcpu=mine]"
    write(
        "processors/mine-1.yaml",
        "description: x\nisa: thumb\nfeatures: [dsp]\nkernel_variants: [dsp]\n"
        f"toolchains: {{zig: {{flags: {flags}}}}}\nsimulators: {{unicorn: {{model: M}}}}\n",
    )
    memory = (
        "memory: [{name: a, kind: flash, origin: 0, length: 1MiB}, {name: b, kind: ram, origin: %s, length: 1MiB}]\n"
    )
    target = "description: x\nimplementation: tinyflow.targets.unicorn\ncpu: mine-1\n"
    path = write("targets/own.yaml", target + memory % "0x20000000")
    resolved = _resolve("vww-tinyc-own+dsp", catalogue)
    assert (resolved.cpu.isa, resolved.cpu.headers, resolved.cpu.flags[1]) == ("thumb", "arm", "-mcpu=mine")
    assert (resolved.options["cpu"], resolved.options["processor_kernels"]) == ("mine-1", ["dsp"])
    assert resolved.processor.seen_by(resolved.target.implementation)["machine"] == {"model": "M"}
    what, _, carets, *hint = _refusal("vww-tvmllvm-own", catalogue)
    assert "tvmllvm can't compile for own: nothing says what LLVM calls its processor mine-1" in what
    assert carets.strip() == "^^^^^^^" and "say in the recipe of mine-1 what LLVM calls it: `tvm_llvm" in " ".join(hint)
    path.write_text(target + memory % "0xFFF80000")
    with pytest.raises(RecipeError, match=f"{path}:4:59: b ends at 0x100080000, behind the last address of 32 bits"):
        _resolve("vww-tinyc-own", catalogue.afresh())
