"""All recipes at once; and the built-in ones in particular."""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import pytest

from tinyflow.core.errors import RecipeError
from tinyflow.recipes import yaml
from tinyflow.recipes.catalogue import KINDS, Catalogue, data_folder
from tinyflow.recipes.check import check_all
from tinyflow.recipes.fields import yaml_key
from tinyflow.recipes.record_types import fields_of
from tinyflow.recipes.schema import Backend, Processor, Recipe, Target, Toolchain

Write = Callable[[str, str], Path]
TARGET = """\
description: x
implementation: tinyflow.targets.unicorn
cpu: {cpu}
memory:
  - {{name: rom, kind: flash, origin: 0x0, length: 1MiB}}
  - {{name: ram, kind: ram, origin: 0x20000000, length: 1MiB}}
{more}
"""
CORE = "description: x\nsource: x\nerror_percent: 5\nevidence: none\n"
_BUILT_IN = Catalogue([data_folder() / "recipes"])
_ALL = [(kind, name) for kind in KINDS for name in _BUILT_IN.names(kind)]


def test_the_built_in_recipes_are_right() -> None:
    """Every file, every name in one of another, every suite."""
    check_all(_BUILT_IN)


@pytest.mark.parametrize(("kind", "name"), _ALL)
def test_keys_stand_in_the_order_of_the_schema(kind: type[Recipe], name: str) -> None:
    """So that two recipes can be read side by side."""
    value = yaml.parse(_BUILT_IN.path(kind, name).read_bytes()).value
    _check_order(kind, value)


def _check_order(shape: Any, value: Any) -> None:
    if fields := fields_of(shape):
        keys = [yaml_key(field) for field in fields if yaml_key(field) in value]
        assert list(value) == keys
        for field, inner in fields.items():
            if yaml_key(field) in value:
                _check_order(inner, value[yaml_key(field)])
    elif isinstance(value, list) and get_args(shape):
        for item in value:
            _check_order(get_args(shape)[0], item)
    elif isinstance(value, dict) and get_args(shape):
        for item in value.values():
            _check_order(get_args(shape)[1], item)


@pytest.mark.parametrize("kind", [Backend, Target, Toolchain])
def test_implementations_are_there(kind: type[Backend | Target | Toolchain]) -> None:
    """A recipe names a module of ours that exists; nothing is imported to see that."""
    for name in _BUILT_IN.names(kind):
        recipe = _BUILT_IN.get(kind, name)
        assert importlib.util.find_spec(recipe.implementation or recipe.machine) is not None


def test_every_target_s_script_and_processor_are_there() -> None:
    """The default toolchain knows the processor, and the linker's script can be found."""
    for name in _BUILT_IN.names(Target):
        target = _BUILT_IN.get(Target, name)
        assert _BUILT_IN.data_file(target.linker_script).is_file()
        assert target.toolchain in _BUILT_IN.get(Processor, target.cpu).toolchains


@pytest.mark.parametrize(
    ("file", "text", "fault"),
    [
        ("models/bad.yaml", "description: [", "not YAML"),
        ("models/my-net.yaml", "description: x\n", "so that bench names can spell it"),
        ("models/net.yml", "description: x\n", "a recipe's file ends in .yaml"),
        ("model/net.yaml", "description: x\n", 'no recipes are looked for in "model"; did you mean "models"?'),
        (
            "features/f.yaml",
            "description: x\nsets: {}\nrequires: {backends: [tvmaotpls]}\n",
            ':3:23: unknown backend "tvmaotpls"; did you mean "tvmaotplus"?',
        ),
        ("features/f.yaml", "description: x\nsets: {}\nconflicts: [dps]\n", ':3:13: unknown feature "dps"'),
        ("backends/b.yaml", "description: x\nimplementation: a.b\nruntimes: [s]\n", ':3:12: unknown runtime "s"'),
        (
            "suites/s.yaml",
            "description: x\nmatrix: {models: [vww], backends: [tvmaot], targets: [host], features: [[opt.O2, ops]]}\n",
            ':2:82: unknown feature "ops"',
        ),
        *(
            (
                f"{plural}/s.yaml".replace("runtimes/s", "runtimes/s/runtime"),
                f"description: x\n{text}\n",
                f':{place}: unknown {noun} "{named}"',
            )
            for plural, text, place, noun, named in (
                ("suites", "matrix: {models: [vwx], backends: [tvmaot], targets: [host]}", "2:19", "model", "vwx"),
                ("suites", "matrix: {models: [vww], backends: [tvm], targets: [host]}", "2:36", "backend", "tvm"),
                ("suites", "matrix: {models: [vww], backends: [tvmaot], targets: [hos]}", "2:55", "target", "hos"),
                ("suites", "include: [vww-tvmaot-host]\npublished: [{figures: f}]", "3:23", "figures", "f"),
                ("backends", "implementation: a.b\ntargets: [hos]", "3:11", "target", "hos"),
                ("targets", "implementation: a.b\ncpu: x\ntoolchain: zigg", "4:12", "toolchain", "zigg"),
                ("targets", "implementation: a.b\ncpu: x\nbackend_options: {bb: {a: 1}}", "4:23", "backend", "bb"),
                ("runtimes", "extends: nope", "2:10", "runtime", "nope"),
                ("runtimes", "sources: {all: [s.yaml]}\ndepends: [tinynn, nope]", "3:19", "runtime", "nope"),
                ("features", "sets: {runtimes: {tinynn: nope}}", "2:27", "runtime", "nope"),
                ("features", "sets: {}\nrequires: {targets: [hos]}", "3:22", "target", "hos"),
                ("features", "sets: {}\nrequires: {toolchains: [zig, zigg]}", "3:30", "toolchain", "zigg"),
                (
                    *("features", "sets: {}\nvalues: [a]\ncases: {a: {requires: {backends: [bb]}}}", "4:35"),
                    *("backend", "bb"),
                ),
                ("features", "sets: {}\nvalues: [a]\ncases: {a: {conflicts: [f.x]}}", "4:25", "feature", "f"),
            )
        ),
        ("suites/s.yaml", "description: x\ninclude: [vww]\n", ':2:11: "vww": not the name of a bench'),
        (
            "suites/s.yaml",
            "description: x\ninclude: [vww-tinyc-stm32f7+ops]\n",
            ":2:11: vww-tinyc-stm32f7+ops: unknown feat",
        ),
        (
            "suites/s.yaml",
            "description: x\nmatrix: {models: [vww], backends: [tinyc], targets: [esp32c3], features: [[dsp]]}\n",
            ':2:9: vww-tinyc-esp32c3+dsp: feature "dsp" needs a processor with dsp',
        ),
        ("runtimes/r/runtime.yaml", "description: x\nsources: {all: ['*.c']}\n", ':2:17: no file matches "*.c"'),
        ("runtimes/r/runtime.yaml", "description: x\nsources: {riscv: [a.S]}\n", ':2:19: no file matches "a.S"'),
        (
            "runtimes/r/runtime.yaml",
            "description: x\nextends: tinynn\noverrides: {b.c: c.c}\n",
            'tinynn has no source "b.c"',
        ),
        (
            "runtimes/r/runtime.yaml",
            "description: x\nextends: tinynn\ninclude: [inc]\n",
            ':3:11: there is no folder "inc"',
        ),
        ("runtimes/r/runtime.yaml", "description: x\nextends: r\n", ":2:10: a runtime can't extend itself"),
        ("cores/c.yaml", f"{CORE}extends: c\n", ":5:10: a core can't extend itself"),
        ("cores/c.yaml", f"{CORE}extends: cortex-m5\n", ':5:10: unknown core "cortex-m5"'),
        ("cores/c.yaml", f"{CORE}extends: cortex-m4\npairs: [[alu, alu]]\n", '"pairs" needs "issue_width: 2"'),
        (
            "runtimes/r/runtime.yaml",
            f"description: x\nprebuilt: {{host: {{a.o: {'a' * 64}}}}}\n",
            ':2:24: there is no file "a.o"',
        ),
        (
            "backends/b.yaml",
            'description: x\ncommand: [a, "{out}"]\nfiles: [a.py]\n',
            ':3:9: there is no "a.py" beside',
        ),
        (
            "backends/b.yaml",
            "description: x\nimplementation: a.b\nruntimes: [support, tinyi]\n",
            ':3:21: runtime tinyi uses "tinynn", which is not linked',
        ),
        ("models/m.yaml", "description: x\nfile: m.tflite\n", ':2:7: there is no file "m.tflite"'),
        (
            "targets/t.yaml",
            TARGET.format(cpu="cortex-m85", more=""),
            ':3:6: unknown processor "cortex-m85"; did',
        ),
        ("targets/t.yaml", TARGET.format(cpu="rv32gcv", more="toolchain: gcc"), ":3:6: toolchain gcc doesn't know"),
        ("processors/Z80.yaml", "description: x\nisa: thumb\n", "a recipe's name is made of"),
        ("targets/t.yaml", TARGET.format(cpu="cortex-m4", more="toolchain: gcd"), ':7:12: unknown toolchain "gcd"'),
        (
            "targets/t.yaml",
            TARGET.format(cpu="cortex-m4", more="linker_script: a.j2"),
            ':7:16: there is no file "a.j2"',
        ),
        ("features/f.yaml", "description: x\nsets: {toolchain: icc}\n", ':2:19: unknown toolchain "icc"'),
        (
            "features/f.yaml",
            "description: x\nsets: {toolchain: $value}\nvalues: [zig, icc]\n",
            ':3:15: unknown toolchain "i',
        ),
        ("features/f.yaml", "description: x\nsets: {runtimes: {tinyn: tvmrt}}\n", ':2:26: unknown runtime "tinyn"'),
        (
            "features/f.yaml",
            "description: x\nsets: {}\nrequires: {cpu_features: [dps]}\n",
            ':3:27: no processor has "dps"',
        ),
        (
            "features/f.yaml",
            "description: x\nsets: {}\nconflicts: [layout.NHCW]\n",
            ':3:13: layout has no value "NHCW"',
        ),
    ],
)
@pytest.mark.every(4)
def test_a_fault_anywhere_is_found(file: str, text: str, fault: str, write: Write, catalogue: Catalogue) -> None:
    """Files that nobody asked for yet, and files that nobody ever would."""
    path = write(file, text)
    with pytest.raises(RecipeError) as refusal:
        check_all(catalogue)
    assert str(path) in str(refusal.value)
    assert fault in str(refusal.value)


def test_faults_of_several_files_are_said_at_once(write: Write, catalogue: Catalogue) -> None:
    """Each with its file."""
    paths = [write(f"models/{name}.yaml", "file: a\n") for name in ("a", "b")]
    with pytest.raises(RecipeError) as refusal:
        check_all(catalogue)
    assert [f'{path}:1:1: "description" is missing' for path in paths] == str(refusal.value).splitlines()
