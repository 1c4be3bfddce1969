"""The whole plan of a bench whose recipes say something else at every place: each stage gets what is its own."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tinyflow.core.action import Action, SourceFile
from tinyflow.core.store import Store
from tinyflow.flow.planning.plan import BenchPlan, Planner
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.mirrors import Mirrors

RECIPES = {
    "models/net.yaml": "description: a\nfile: net.tflite\ntimeout: 1min\n"
    "samples: {folder: in, format: int8, count: 5, seed: 7}\n",
    "models/net.tflite": "",
    "models/in/0.bin": "",
    "models/in/1.bin": "",
    "models/far.yaml": f"description: a\nfile: gone.onnx\nurls: ['https://example.org/x']\nsha256: {'a' * 64}\n"
    "tolerance: 9\ntimeout: 6min\nsynthesize: {graph: sine, seed: 3}\n",
    "backends/gen.yaml": "description: b\nimplementation: tinyflow.backends.tinyc\n"
    "options: {cpu: $cpu, alignment: 16}\n"
    "tolerance: 3\nheap: 4KiB\nruntimes: [upper, support]\ntools: [numpy]\ntimeout: 2min\n",
    "backends/words.yaml": "description: b\ncommand: [python3, '{files}/g.py', '{out}']\nfiles: [g.py, more/]\n"
    "runtimes: []\n",
    "backends/named.yaml": "description: b\ncommand: [python3, '{name}', '{out}']\nruntimes: []\n",
    "backends/g.py": "",
    "backends/more/x": "",
    "backends/low.yaml": "description: b\nimplementation: tinyflow.backends.tinyc\ntools: [jinja2]\n"
    "lowering: {implementation: tinyflow.backends.tinyi, options: {cpu: $cpu, arena_bytes: 2}, tools: [rich]}\n"
    "timeout: 7min\ntuning: tinyflow.backends.tvm.tuning.search\n",
    "targets/chip.yaml": "description: c\nimplementation: tinyflow.targets.unicorn\ncpu: cortex-m0plus\nclock: 48MHz\n"
    "memory:\n  - {name: rom, kind: flash, origin: 0x1000, length: 64KiB}\n"
    "  - {name: sram, kind: ram, origin: 0x20000000, length: 32KiB}\n"
    "stack: 2KiB\nheap: 1KiB\noptimise: O1\ntoolchain: tools\nlimit: 77Minstr\ntimeout: 3min\n",
    "targets/roomy.yaml": "description: c\nimplementation: tinyflow.targets.unicorn\ncpu: cortex-m0plus\n"
    "memory:\n  - {name: rom, kind: flash, origin: 0x1000, length: 64KiB}\n"
    "  - {name: sram, kind: ram, origin: 0x20000000, length: 32KiB}\nstack: 3KiB\nheap: 8KiB\n",
    "toolchains/tools.yaml": "description: d\nimplementation: tinyflow.toolchains.zig\ntimeout: 4min\n"
    "cpus: {cortex-m0plus: {flags: [-mx], headers: arm, builtins: {cpu: c, target: t}}}\n",
    "runtimes/upper/runtime.yaml": "description: e\nextends: lower\ndepends: [support]\nflags: [-fupper]\n"
    "defines: {LEVEL: 2, OWN: 1}\ninclude: [api]\noverrides: {b.c: own.c}\n",
    "runtimes/upper/own.c": '#include "secret.h"\n#include <upper.h>\n',
    "runtimes/upper/api/upper.h": "",
    "runtimes/upper/secret.h": "",
    "runtimes/lower/runtime.yaml": "description: e\nsources: {all: [a.c, b.c], riscv: [c.c]}\ninclude: [api]\n"
    "flags: [-flower]\ndefines: {LEVEL: 1}\n"
    f"prebuilt: {{thumb: {{ready.a: {'b' * 64}}}, host: {{no.o: {'c' * 64}}}}}\n",
    "runtimes/lower/a.c": '#include "lower.h"\n',
    **{f"runtimes/lower/{name}": "" for name in ("b.c", "c.c", "ready.a", "no.o", "api/lower.h", "secret.h")},
    "features/search.yaml": "description: f\nsets: {tuning: $value}\nvalue: integer\n",
    "features/fast.yaml": "description: f\n"
    "sets: {flags: [-fgenerated], all_flags: [-fall], options: {alignment: 32}}\n",
}
CPU = {
    **{"isa": "thumb", "flags": ("-mx",), "headers": "arm", "libraries": (), "features": (), "link_flags": ()},
    "builtins": {"cpu": "c", "target": "t", "flags": ()},
}
TOOLCHAIN = {"name": "tools", "implementation": "tinyflow.toolchains.zig", "cpu": CPU}
FACTS = {
    **{"name": "chip", "cpu": "cortex-m0plus", "isa": "thumb", "clock_hz": 48_000_000},
    "memory": [
        {"name": "rom", "kind": "flash", "origin": 0x1000, "length_bytes": 65536},
        {"name": "sram", "kind": "ram", "origin": 0x20000000, "length_bytes": 32768},
    ],
    **{"stack_bytes": 2048, "heap_bytes": 4096},
}
WORDS = {"model": "UC_CPU_ARM_CORTEX_M0", "cpuid": 0x410CC601}
READER = ["package numpy", "package tflite"]
REFERENCE = [*READER, "package ai-edge-litert", "optional package tflite-micro"]


@pytest.fixture
def planner(tmp_path: Path) -> Planner:
    """Over these recipes and the built-in ones."""
    for name, text in RECIPES.items():
        (tmp_path / "recipes" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "recipes" / name).write_text(text)
    catalogue = Catalogue([tmp_path / "recipes", data_folder() / "recipes"])
    return Planner(catalogue, Mirrors(), Store(tmp_path / "cache"))


def told(action: Action) -> dict[str, Any]:
    """All of an action; an input by the name of its file, or as `stage:output`."""
    sources = {
        name: source.name if isinstance(source, SourceFile) else f"{source.action.stage}:{source.name}"
        for name, source in action.inputs.items()
    }
    return {
        **{"title": action.title, "function": action.function.removeprefix("tinyflow.stages.")},
        **{"outputs": action.outputs, "parameters": action.parameters, "inputs": sources},
        "tools": [f"{tool.kind} {tool.name}" for tool in action.tools],
        **{"implementation": action.implementation, "timeout_s": action.timeout_s, "isolated": action.isolated},
    }


def whole(title: str, function: str, outputs: tuple[str, ...], **rest: Any) -> dict[str, Any]:
    """What `told` should say."""
    defaults: dict[str, Any] = {"parameters": {}, "inputs": {}, "tools": READER, "implementation": ()}
    named = {"title": title, "function": function, "outputs": outputs}
    return {**named, **defaults, "timeout_s": 600, "isolated": True, **rest}


TIDIED = whole("tidy net", "tidy:tidy", ("model.tflite", "tidy.json"), inputs={"model.tflite": "fetch:model.tflite"})


def built(title: str, function: str, outputs: tuple[str, ...], parameters: Mapping[str, Any], **rest: Any) -> Any:
    """The same for what the toolchain makes."""
    usual = {"tools": ["package ziglang"], "implementation": ("tinyflow.toolchains.zig",), "timeout_s": 240}
    parameters = {"toolchain": TOOLCHAIN, **parameters}
    return whole(title, function, outputs, parameters=parameters, isolated=False, **{**usual, **rest})


def by_title(plan: BenchPlan) -> dict[str, dict[str, Any]]:
    """Title without the processor's words → all of it."""
    return {action.title.replace(" for cortex-m0plus tools O1", ""): told(action) for action in plan.actions}


def test_every_stage_gets_what_recipes_say_of_it(planner: Planner) -> None:
    """Inputs, parameters, tools, limits and outputs of all; own flags behind the base's, a bench's behind all."""
    name = "net-gen-chip+fast"
    found = by_title(planner.plan_bench(parse(name)))
    support = {title for title in found if "support" in title}
    for title in support:
        assert "-fall" in found.pop(title)["parameters"].get("flags", ["-fall"])
    cpu = " for cortex-m0plus tools O1"
    target = {**FACTS, "implementation": "tinyflow.targets.unicorn", "machine": WORDS}
    search = [f"runtime/{folder}/" for folder in ("upper/api", "lower/api", "support/include")]
    headers = {f"runtime/{name}": name for name in ("upper/api/upper.h", "lower/api/lower.h")}
    support_folder = data_folder() / "recipes" / "runtimes"
    support_headers = {
        f"runtime/{name}": name
        for path in sorted((support_folder / "support" / "include").rglob("*.h"))
        for name in [path.relative_to(support_folder).as_posix()]
    }
    linked = {"target": FACTS, "pinned": {"prebuilt/lower/ready.a": "b" * 64}}
    link_inputs = {
        "objects/": "compile:objects/",
        **{f"lib/{name}.a": "archive:library.a" for name in ("upper", "support")},
        "prebuilt/lower/ready.a": "lower/ready.a",
        "link.ld.j2": "templates/link/firmware.ld.j2",
    }

    def compiled(source: str, include: list[str], flags: list[str], defines: list[str], *headers: str) -> Any:
        return built(
            f"compile {source}{cpu}",
            "build:compile_source",
            ("object.o",),
            {
                **{"source": f"runtime/{source}", "include": include},
                **{"flags": ["-O1", "-std=gnu17", *flags, "-fall"], "defines": defines},
            },
            inputs={f"runtime/{name}": name for name in (source, *headers)},
        )

    assert found == {
        "fetch net": whole(
            "fetch net",
            "fetch:fetch",
            ("model.tflite", "origin.json"),
            parameters={"name": "net", "sha256": None},
            inputs={"file": "net.tflite"},
            timeout_s=60,
        ),
        "convert net": whole(
            "convert net",
            "convert:convert",
            ("graph.json", "inputs.bin", "reference.bin", "reference.json"),
            parameters={"samples": 5, "seed": 7, "input_format": "int8"},
            inputs={"model.tflite": "fetch:model.tflite", "samples/0.bin": "0.bin", "samples/1.bin": "1.bin"},
            tools=REFERENCE,
            timeout_s=60,
        ),
        "tidy net": TIDIED,
        "intermediates net": whole(
            "intermediates net",
            "intermediates:intermediates",
            ("intermediates.bin", "intermediates.json"),
            inputs={
                "model.tflite": "tidy:model.tflite",
                **{file: f"convert:{file}" for file in ("inputs.bin", "reference.json")},
            },
            tools=REFERENCE,
            timeout_s=60,
        ),
        "generate net gen alignment=32": whole(
            "generate net gen alignment=32",
            "generate:generate",
            ("sources/", "plan.json", "network.json"),
            parameters={
                "backend": "gen",
                "options": {"cpu": "cortex-m0plus", "alignment": 32},
                "implementation": "tinyflow.backends.tinyc",
            },
            inputs={"model.tflite": "tidy:model.tflite"},
            tools=[*READER, "package numpy"],
            implementation=("tinyflow.backends.tinyc",),
            timeout_s=120,
        ),
        "compile net gen": built(
            f"compile net gen{cpu}",
            "build:compile_tree",
            ("objects/",),
            {"include": search, "flags": ["-O1", "-fgenerated", "-fall"], "defines": []},
            inputs={"sources/": "generate:sources/", **headers, **support_headers},
        ),
        "compile lower/a.c": compiled("lower/a.c", search[1:2], ["-flower"], ["LEVEL=1"], "lower/api/lower.h"),
        "compile upper/own.c": compiled(
            "upper/own.c", search, ["-flower", "-fupper"], ["LEVEL=2", "OWN=1"], "upper/api/upper.h", "upper/secret.h"
        ),
        "archive upper": built(
            f"archive upper{cpu}",
            "build:archive",
            ("library.a",),
            {},
            inputs={"objects/own.c.o": "compile:object.o", "objects/lower/a.c.o": "compile:object.o"},
        ),
        f"archive builtins for cortex-m0plus tools in {name}": built(
            f"archive builtins for cortex-m0plus tools in {name}",
            "build:builtins",
            ("library.a",),
            {},
            inputs={"needed.txt": "resolve:needed.txt"},
        ),
        f"resolve symbols of {name}": built(
            f"resolve symbols of {name}",
            "link:resolve",
            ("needed.txt",),
            linked,
            inputs=link_inputs,
            tools=["package ziglang", "package jinja2", "package pyelftools"],
        ),
        f"link {name}": built(
            f"link {name}",
            "link:link",
            ("firmware.elf", "firmware.map", "sizes.json"),
            linked,
            inputs={**link_inputs, "lib/builtins.a": "archive:library.a"},
            tools=["package ziglang", "package jinja2", "package pyelftools"],
        ),
        "compile the simulator's block counter": found["compile the simulator's block counter"],
        f"run {name}": whole(
            f"run {name}",
            "run:run",
            ("run.json", "timing.json"),
            parameters={"target": target, "tolerance": 3, "limit_instructions": 77_000_000},
            inputs={
                "firmware.elf": "link:firmware.elf",
                "plan.json": "generate:plan.json",
                **{file: f"convert:{file}" for file in ("inputs.bin", "reference.bin", "reference.json")},
                **{file: f"intermediates:{file}" for file in ("intermediates.bin", "intermediates.json")},
                "block_table.so": "compile:block_table.so",
            },
            tools=["package unicorn", "package pyelftools"],
            implementation=("tinyflow.targets.unicorn",),
            timeout_s=180,
        ),
        f"report {name}": whole(
            f"report {name}",
            "report:report",
            ("row.json",),
            parameters={
                **{"bench": name, "model": "net", "backend": "gen", "target": "chip"},
                "features": {"fast": True},
                "no_cycles": 'chip doesn\'t say how it waits for its flash: "flash_timing" in its recipe',
            },
            inputs={
                **{
                    "origin.json": "fetch:origin.json",
                    "graph.json": "convert:graph.json",
                    "tidy.json": "tidy:tidy.json",
                },
                **{"plan.json": "generate:plan.json", "sizes.json": "link:sizes.json"},
                **{"run.json": "run:run.json", "timing.json": "run:timing.json"},
            },
            tools=[],
            isolated=False,
        ),
    }
    assert {title.split("/")[0] for title in support} == {"compile support", "archive support"}


def test_a_target_s_heap_is_set_aside_where_it_is_the_larger(planner: Planner) -> None:
    """And a limit that somebody gives takes precedence over those of all recipes."""
    plan = planner.plan_bench(parse("net-gen-roomy"))
    for stage in ("link", "run"):
        [action] = [action for action in plan.actions if action.stage == stage]
        assert action.parameters["target"]["heap_bytes"] == 8192
    quick = Planner(planner._catalogue, Mirrors(), planner.models._store, timeout_s=5)
    assert {action.timeout_s for action in quick.plan_bench(parse("net-gen-roomy")).actions} == {5}


def test_a_command_gets_its_files_and_a_host_s_model_runs_itself(planner: Planner) -> None:
    """A backend of somebody's: its words, its files beside the recipe; an interpreter's bench has no firmware."""
    found = by_title(planner.plan_bench(parse("net-words-host")))
    assert found["generate net words"] == whole(
        "generate net words",
        "external:generate",
        ("sources/", "plan.json"),
        parameters={"backend": "words", "options": {}, "command": ["python3", "{files}/g.py", "{out}"]},
        inputs={"model.tflite": "tidy:model.tflite", "files/g.py": "words/g.py", "files/more/": "words/more/"},
        tools=[*READER, "binary python3"],
    )
    named = by_title(planner.plan_bench(parse("net-named-host+layer.4")))
    assert named["generate net layer 4 named"]["parameters"]["name"] == "net_layer_4"
    interpreted = planner.plan_bench(parse("net-tflm-host"))
    assert [action.stage for action in interpreted.actions] == ["fetch", "convert", "generate", "run", "report"]
    [run] = [told(action) for action in interpreted.actions if action.stage == "run"]
    assert run["inputs"]["model.tflite"] == "fetch:model.tflite"
    assert run["parameters"]["target"]["implementation"] == run["implementation"][0] == "tinyflow.targets.interpreter"


def test_lowering_and_search_get_what_is_theirs(planner: Planner) -> None:
    """What is generated from instead of the model; the search's records, place and seed; a layer of a model."""
    found = by_title(planner.plan_bench(parse("net-low-roomy+layer.4+search.8")))
    by_stage = {entry["function"].partition(":")[0]: entry for entry in found.values()}
    lowering = {"implementation": "tinyflow.backends.tinyi", "options": {"cpu": "cortex-m0plus", "arena_bytes": 2}}
    place = {"cpu": "cortex-m0plus", "toolchain": "zig", "optimise": "O3", "objective": "instructions"}
    assert by_stage["cut"] == whole(
        "cut layer 4 of net",
        "cut:cut",
        ("model.tflite",),
        parameters={"first": 4, "last": 4},
        inputs={"model.tflite": "fetch:model.tflite"},
        timeout_s=60,
    )
    assert by_stage["convert"]["inputs"] == {"model.tflite": "cut:model.tflite"}
    assert by_stage["convert"]["title"] == "convert net layer 4"
    assert by_stage["lower"] == whole(
        "lower net",
        "lower:lower",
        ("lowered/",),
        parameters={**lowering, "tuning": place},
        inputs={"model.tflite": "tidy:model.tflite", "tuning/records.jsonl": "tune:records.jsonl"},
        tools=[*READER, "package rich"],
        implementation=("tinyflow.backends.tinyi",),
        timeout_s=420,
    )
    assert by_stage["generate"]["inputs"] == {"model.tflite": "tidy:model.tflite", "lowered/": "lower:lowered/"}
    assert by_stage["generate"]["parameters"] == {
        **{"backend": "low", "options": {}, "implementation": "tinyflow.backends.tinyc"}
    }
    tune = by_stage["tune"]
    assert tune["title"] == "tune net layer 4 low for cortex-m0plus zig O3, 8 trials"
    assert (tune["outputs"], tune["timeout_s"], tune["isolated"]) == (("records.jsonl",), 24 * 3600, True)
    assert tune["implementation"] == (
        *("tinyflow.toolchains.zig", "tinyflow.backends.tvm.tuning.search", "tinyflow.targets.unicorn"),
    )
    assert tune["tools"] == [
        *("package ziglang", "package jinja2", "package pyelftools", *READER),
        *("package rich", "package unicorn", "package pyelftools"),
    ]
    headers = {name for name in tune["inputs"] if name.startswith("runtime/support/include/")}
    assert tune["parameters"]["include"] == ["runtime/support/include/"] and len(headers) > 3
    assert tune["inputs"].keys() - headers == {
        *("model.tflite", "block_table.so", "lib/support.a", "lib/builtins.a", "link.ld.j2")
    }
    assert {
        name: tune["parameters"][name] for name in sorted(tune["parameters"].keys() - {"toolchain", "include"})
    } == {
        "defines": [],
        "flags": ["-O3"],
        "implementation": "tinyflow.backends.tvm.tuning.search",
        "limit_instructions": 2_000_000_000,
        "objective": "instructions",
        "optimise": "O3",
        "options": {"cpu": "cortex-m0plus", "arena_bytes": 2},
        "seed": 1,
        "target": {
            **FACTS,
            **{"name": "roomy", "clock_hz": None, "stack_bytes": 3072, "heap_bytes": 8192},
            "implementation": "tinyflow.targets.unicorn",
            "machine": WORDS,
        },
        "trials": 8,
    }


def test_a_model_from_elsewhere_is_fetched_as_its_recipe_says(planner: Planner) -> None:
    """Sources in order, the digest, and for ONNX what makes a `.tflite` of it and how close that must come."""
    action = planner.models.fetch(*_model(planner, "far"))
    found = told(action)
    assert found == whole(
        "fetch far",
        "from_onnx:fetch",
        ("model.tflite", "model.onnx", "origin.json"),
        parameters={
            **{"name": "far", "sha256": "a" * 64, "urls": ["https://example.org/x"], "tolerance": 9},
            "synthesize": {"graph": "sine", "seed": 3},
        },
        tools=[*READER, *REFERENCE[2:], "package onnx", "optional package onnxruntime"],
        timeout_s=360,
    )
    shrunk = told(planner.models.transform("shrink", "far", action.output("model.tflite")))
    assert shrunk == whole(
        "shrink far",
        "shrink:shrink",
        ("model.tflite", "shrink.json"),
        inputs={"model.tflite": "fetch:model.tflite"},
    )


def test_a_file_that_is_nowhere_is_told_to_the_action(planner: Planner, tmp_path: Path) -> None:
    """So that its refusal names the file; with nothing else to try, no network is waited for."""
    (tmp_path / "recipes" / "models" / "lost.yaml").write_text("description: a\nfile: lost.tflite\n")
    action = planner.models.fetch(*_model(planner, "lost"))
    assert dict(action.parameters) == {"name": "lost", "sha256": None, "file": "lost.tflite"}


def _model(planner: Planner, name: str) -> tuple[Any, Path]:
    from tinyflow.recipes.schema import Model

    return planner._catalogue.get(Model, name), planner._catalogue.path(Model, name).parent
