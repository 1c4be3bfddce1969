"""Text to recipes: every fault has its place, its words and what to type instead."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tinyflow.core.errors import RecipeError
from tinyflow.recipes.catalogue import KINDS
from tinyflow.recipes.schema import (
    Feature,
    Memory,
    Model,
    Processor,
    Recipe,
    Runtime,
    Samples,
    Suite,
    Target,
    Toolchain,
)
from tinyflow.recipes.validate import json_schema, validate

_TARGET = """\
description: A chip
implementation: tinyflow.targets.unicorn
cpu: cortex-m7
clock: 216MHz
memory:
  - {name: flash, kind: flash, origin: 0x08000000, length: 2MiB}
  - {name: ram, kind: ram, origin: 0x20000000, length: 512KiB}
stack: 8KiB
"""
_SSH = "description: x\nimplementation: tinyflow.targets.ssh\ncpu: cortex-a9\nssh: "
_MONITOR = "description: x\nimplementation: tinyflow.targets.monitor\ncpu: cortex-m4\nmonitor: "
_UART = _MONITOR + "{port: x, uart: {receive: 0x0, send: 0x0, sent: {at: 0x4, none: 1}, received: "
_EXTERNAL = "external: {command: [spike, '{elf}'], "


def _refusal(kind: type[Recipe], text: str) -> list[str]:
    with pytest.raises(RecipeError) as refusal:
        validate(kind, "x", text.encode(), "x.yaml")
    assert refusal.value.exit_status == 2
    return str(refusal.value).splitlines()


def test_a_recipe_is_read_with_its_units() -> None:
    """Values come in the units of their fields, names from the file, the rest from defaults."""
    target = validate(Target, "x", _TARGET.encode(), "x.yaml")
    assert target.name == "x"
    assert target.clock_hz == 216_000_000
    assert target.memory[1] == Memory(name="ram", kind="ram", origin=0x20000000, length_bytes=524_288)
    assert target.stack_bytes == 8192
    assert target.toolchain == "zig"
    assert target.limit_instructions == 2_000_000_000


@pytest.mark.parametrize(("ram", "stack_bytes"), [("512KiB", 4096), ("16KiB", 4096), ("6KiB", 1536), ("2KiB", 512)])
def test_a_chip_without_a_stack_of_its_own_has_one(ram: str, stack_bytes: int) -> None:
    """A small chip a smaller one, so that something is left for data."""
    text = _TARGET.replace("512KiB", ram).replace("stack: 8KiB\n", "")
    assert validate(Target, "x", text.encode(), "x.yaml").reserved_stack_bytes == stack_bytes


def test_five_lines_make_a_model() -> None:
    """A user's own network needs no more than a description and a file."""
    model = validate(Model, "mine", b"description: My network\nfile: net.tflite\n", "mine.yaml")
    assert model == Model(name="mine", description="My network", file="net.tflite", samples=Samples())


@pytest.mark.parametrize(
    ("before", "after", "fault"),
    [
        ("length: 512KiB", "lenght: 512KiB", '7:48: unknown key "lenght" in memory[1]; did you mean "length"?'),
        ("clock: 216MHz", "clok: 216MHz", '4:1: unknown key "clok"; did you mean "clock"?'),
        ("stack: 8KiB", "stack: 8192", "8:8: stack: a size needs a number with a unit such as 512KiB, not 8192"),
        ("kind: ram", "kind: rom", '7:23: memory[1].kind: expected flash or ram, not "rom"'),
        ("cpu: cortex-m7\n", "", '1:1: "cpu" is missing'),
        ("stack: 8KiB", "stack: 8KiB\nname: y", '9:1: unknown key "name"; the file\'s name is it: "x"'),
        ("stack: 8KiB", "backend_options: dsp", '8:18: backend_options: expected a mapping, not "dsp"'),
        ("0x20000000", "1.5", "7:36: memory[1].origin: expected a whole number, not 1.5"),
        ("0x20000000", "0x08000000", "6:3: memory: "),
        ("name: ram", "name: flash", "6:3: memory: two regions have one name"),
        ("kind: ram", "kind: flash", "6:3: memory: a chip needs a region of kind flash and one of kind ram"),
        ("stack: 8KiB", "stack: 1MiB", "1:1: stack and heap leave nothing of 524288 bytes of RAM"),
        ("stack: 8KiB", "stack: 512KiB", "1:1: stack and heap leave nothing of 524288 bytes of RAM"),
        ("stack: 8KiB", "stack: 8KiB\nheap: 504KiB", "1:1: stack and heap leave nothing of 524288 bytes of RAM"),
        ("stack: 8KiB", "stack: 0B", "1:1: without a stack nothing runs; leave `stack` out for the default"),
        ("length: 512KiB", "length: 0B", "6:3: memory: ram is empty"),
        ("stack: 8KiB", "optimise: O9", '8:11: optimise: expected O0, O1, O2, O3 or Os, not "O9"'),
    ],
)
def test_a_fault_is_named_with_its_place(before: str, after: str, fault: str) -> None:
    """The column points at the key where that is wrong, else at the value."""
    assert before in _TARGET
    lines = _refusal(Target, _TARGET.replace(before, after))
    assert any(line.startswith(f"x.yaml:{fault}") for line in lines), lines


def test_all_faults_of_a_file_are_said_at_once() -> None:
    """Faults of the text and faults of its meaning are in one list, in the order of the file."""
    text = _TARGET.replace("512KiB", "512").replace("clock", "clok").replace("cpu: cortex-m7", "cpu: no")
    lines = _refusal(Target, text + "stack: 9KiB\n")
    assert [line.split(": ")[0] for line in lines] == ["x.yaml:3:6", "x.yaml:4:1", "x.yaml:7:56", "x.yaml:9:1"]


@pytest.mark.parametrize("text", ["", "- a\n", "just text\n", "~\n"])
def test_what_is_no_mapping_is_no_recipe(text: str) -> None:
    """An empty file is one of these."""
    assert _refusal(Model, text) == ["x.yaml:1:1: a recipe is a mapping: `key: value` lines"]


@pytest.mark.parametrize(
    ("kind", "text", "complaint"),
    [
        (Model, "urls: [https://example.org/x]", 'need "sha256"'),
        (Model, "samples: {count: 2}", "no source"),
        (Model, "file: a\nsamples: {folder: in}", 'need a "format"'),
        (Model, "file: a\nsamples: {count: -1}", "expected 0 or more"),
        (Model, "file: a\naccuracy: {data: x, urls: [https://example.org/x]}", 'need "sha256"'),
        (Model, "file: a\naccuracy: {data: x, target: 90}", "0.9 for 90 %"),
        (Model, "file: a\naccuracy: {data: x, classes: [a, a]}", "each name once"),
        (Model, "file: a\naccuracy: {data: x, divide: 0}", "are more than 0"),
        (Feature, "sets: {optimise: O9}", '"O9" is not a level'),
        (Feature, "sets: {optimise: $value}\nvalues: [O2, fast]", '"fast" is not a level'),
        (Feature, "sets: {toolchain: $value}", 'needs "values"'),
        (Suite, "include: []", "no benches"),
        (Suite, "matrix: {models: [], backends: [a], targets: [b]}", "empty matrix"),
        (Target, _TARGET + "gdb: {connect: lab:3333}\n", '"gdb" and "implementation: tinyflow.targets.gdb" need each'),
        (Target, _TARGET + "gdb: {connect: lab}\n", '"lab" is no host:port'),
        (Target, _TARGET + "gdb: {connect: 'lab:65536'}\n", '"lab:65536" is no host:port'),
        (Target, _TARGET + "gdb: {connect: ':3333'}\n", '":3333" is no host:port'),
        (Target, _TARGET + "gdb: {reset: x}\n", "the command that starts one: one of them"),
        (Target, _TARGET + "gdb: {connect: 'a:1', server: [b, '{port}']}\n", "the command that starts one: not both"),
        (Target, _TARGET + "gdb: {server: [openocd]}\n", 'no word of "server" has {port}'),
        (Target, _TARGET + "external: {command: [spike], exit: tohost}\n", 'no word of "command" has {elf}'),
        (
            Target,
            _TARGET + _EXTERNAL + "exit: tohost}\n",
            '"external" and "implementation: tinyflow.targets.external" need',
        ),
        (Target, _TARGET + _EXTERNAL + "exit: address}\n", '"console" and "done" are the addresses'),
        (Target, _TARGET + _EXTERNAL + "exit: tohost, counts: {cycles: '('}}\n", '"(" is no regular expression'),
        (Target, _TARGET + _EXTERNAL + "exit: tohost, counts: {cycles: minstret}}\n", "needs one group, the number"),
        (Target, _TARGET + "ssh: {host: pi}\n", '"ssh" and "implementation: tinyflow.targets.ssh" need'),
        (Target, _SSH + "{host: -oProxyCommand=x}\n", '"-oProxyCommand=x" is no host'),
        (Target, _SSH + "{host: pi, run: [qemu-arm]}\n", 'no word of "run" has {program}'),
        (Target, _SSH + "{host: pi, uname: 'x;y'}\n", '"x;y" is no pattern'),
        (Target, _SSH + "{host: pi, repetitions: 0}\n", "repetitions begin at 1"),
        (
            Target,
            _TARGET + "monitor: {port: /dev/ttyUSB0}\n",
            '"monitor" and "implementation: tinyflow.targets.monitor"',
        ),
        (Target, _MONITOR + '{port: ""}\n', '"port" is empty'),
        (Target, _MONITOR + "{port: x, baud: 0}\n", "baud begins at 1"),
        (Target, _MONITOR + "{port: x, repetitions: 0}\n", "repetitions begin at 1"),
        (Target, _MONITOR + "{port: x, server: [a, '{port}']}\n", '"server" and "port" both have {port}, or neither'),
        (Target, _UART + "{at: 0x4, any: 1, none: 2}}}\n", 'give "any" or "none", bits of the register'),
        (Target, _UART + "{at: 0x4, any: 1}, setup: [{write: 1}]}}\n", 'give "at" or "csr", which register'),
        (Target, _UART + "{at: 0x4, any: 1}, setup: [{at: 8}]}}\n", 'give "write", or "clear" and "set", or'),
        (Target, _UART + "{at: 0x4, any: 1}, setup: [{at: 8, any: 1, write: 1}]}}\n", 'give "write", or "clear" and'),
        (Target, _UART + "{at: 0x4, any: 1}, setup: [{csr: 1, any: 1}]}}\n", 'a "csr" is only written'),
        (Target, _UART + "{at: 0x4, any: 1}, setup: [{csr: 4096, write: 1}]}}\n", "a csr's number is below 4096"),
        (Target, _TARGET + "qemu: {cpu: max}\n", '"qemu" needs "implementation: tinyflow.targets.qemu"'),
        (
            Target,
            _TARGET.replace("targets.unicorn", "targets.qemu") + "qemu: {memory: {rom: 0x80000000}}\n",
            'qemu: "memory" has no region "rom"',
        ),
        (
            Toolchain,
            "implementation: a.b\nisas: {mips: {}}",
            'isas: expected thumb, riscv, xtensa, arm, aarch64, x86_64 or host, not "mips"',
        ),
        (Toolchain, "implementation: a.b\ncpus: {m7: {flag: []}}", 'did you mean "flags"'),
    ],
)
def test_what_makes_no_sense_together_is_refused(kind: type[Recipe], text: str, complaint: str) -> None:
    """Rules between fields are part of the schema."""
    assert complaint in "\n".join(_refusal(kind, f"description: x\n{text}\n"))


@pytest.mark.parametrize("kind", KINDS)
def test_editors_get_a_schema(kind: type[Recipe]) -> None:
    """The JSON schema has the keys of the YAML, forbids others, and doesn't ask for the file's name."""
    schema = json_schema(kind)
    assert json.loads(json.dumps(schema)) == schema
    assert schema["additionalProperties"] is False
    assert "description" in schema["properties"]
    assert "name" not in schema["properties"]
    assert not any(key.endswith(("_bytes", "_hz", "_s", "_instructions")) for key in schema["properties"])


@given(kind=st.sampled_from(list(KINDS)), text=st.text(alphabet='abx:-[]{}"\n 01\u00e4\\ud8', max_size=80))
def test_any_text_is_a_recipe_or_refused(kind: type[Recipe], text: str) -> None:
    """Nonsense gives a RecipeError that names the file, and no other error."""
    try:
        validate(kind, "x", text.encode(), "x.yaml")
    except RecipeError as refusal:
        assert str(refusal).startswith("x.yaml:")


@pytest.mark.parametrize(
    ("kind", "text", "wanted"),
    [
        (Model, "description: [x]\nfile: a", "description: expected text, not"),
        (Model, "description: null\nfile: a", 'expected text, not nothing; in quotes it is a word: "null"'),
        (Model, "description: x\nfile: a\nsamples: {seed: many}", "expected a whole number, not"),
        (Model, "description: x\nfile: a\nsamples: {seed: 1.5}", "expected a whole number, not 1.5"),
        (Target, _TARGET.replace("memory:", "memory: 3\nx:"), "memory: expected a list, not 3"),
        (Model, "description: x\nfile: a\nsamples: 3", "samples: expected a mapping, not 3"),
        (Runtime, "description: x\nsources: 3", "sources: expected a mapping, not 3"),
    ],
)
def test_what_was_wanted_is_said_in_words_of_recipes(kind: type[Recipe], text: str, wanted: str) -> None:
    """Text, a whole number, a list, a mapping: never the names of Python's types."""
    assert any(wanted in line for line in _refusal(kind, text)), _refusal(kind, text)


@pytest.mark.parametrize(
    ("flags", "is_refused"),
    [
        *((word, True) for word in ("rv32imcp", "rv32imc_p0p15", "rv64gc_zicsr_p", "rv32imacp_zicsr", "rv32imc_zpn")),
        *((word, False) for word in ("rv32imc", "rv32imc_zicsr", "rv32gcv", "rv32imac_zba_zbb_zcmp", "rv64gc_svpbmt")),
    ],
)
def test_packed_simd_is_refused_in_a_line(flags: str, is_refused: bool) -> None:
    """With its reason; extensions that only have the letter in their names are not."""
    text = f"description: x\nisa: riscv\ntoolchains:\n  zig: {{flags: [-march={flags}, -mabi=ilp32]}}\n"
    if not is_refused:
        assert validate(Processor, "x", text.encode(), "x.yaml").toolchains["zig"].flags
        return
    (line,) = _refusal(Processor, text)
    assert line.startswith("x.yaml:4:") and f'"{flags}" asks for RISC-V P' in line


@pytest.mark.parametrize(
    ("kind", "old", "now"),
    [
        (
            Target,
            "implementation: a.b\ncpu: c\ncpu_features: [fpu]",
            '4:1: "cpu_features" is now called "features, in recipes/processors/<cpu>.yaml"',
        ),
        (
            Toolchain,
            "implementation: a.b\ncpus: {m7: {isa: thumb}}",
            '3:13: "isa" is now called "isa, in recipes/processors/<cpu>.yaml" in cpus.m7',
        ),
        (Runtime, "base: tinynn", '2:1: "base" is now called "extends"'),
        (Runtime, "sources: {all: [a.c]}\nuses: [tinynn]", '3:1: "uses" is now called "depends"'),
        (Feature, "sets: {layer: $value}\ntakes_number: true", '3:1: "takes_number" is now called "value: integer"'),
    ],
)
def test_a_key_of_an_earlier_version_is_refused_with_its_new_name(kind: type[Recipe], old: str, now: str) -> None:
    """What somebody has to type instead is in the message, at the key's place."""
    assert f"x.yaml:{now}" in "\n".join(_refusal(kind, f"description: d\n{old}\n"))


@pytest.mark.parametrize(
    ("module", "words", "seen"),
    [
        ("gdb", "gdb: {connect: 'lab:1', reset: ''}", {"connect": "lab:1", "reset": ""}),
        ("qemu", "qemu: {has_probe_ram: false}", {"machine": "m", "has_probe_ram": False}),
        ("qemu", "qemu: {}", {"machine": "m", "has_probe_ram": True}),
    ],
)
def test_what_runs_a_target_is_told_of_what_is_off(module: str, words: str, seen: dict[str, object]) -> None:
    """An empty word of a recipe isn't one that it leaves out."""
    processor = "description: x\nisa: thumb\nsimulators: {qemu: {machine: m, has_probe_ram: true}}\n"
    text = _TARGET.replace("unicorn", module) + words
    target = validate(Target, "x", text.encode(), "x.yaml")
    told = target.seen(validate(Processor, "x", processor.encode(), "x.yaml"))["machine"]
    assert {name: told[name] for name in seen} == seen
    assert "memory" not in told and "identification" not in told


def test_a_program_for_linux_needs_no_memory_map() -> None:
    """It has one, a stack and another linker script; what a recipe says holds."""
    target = validate(Target, "x", (_SSH + "{host: pi}\n").encode(), "x.yaml")
    assert target.is_linux and {region.kind for region in target.memory} == {"flash", "ram"}
    assert (target.reserved_stack_bytes, target.linker_script) == (64 << 10, "templates/link/linux.ld.j2")
    own = (_TARGET + "qemu: {user: true}\n").replace("targets.unicorn", "targets.qemu")
    chosen = validate(Target, "x", own.encode(), "x.yaml")
    assert chosen.memory[0].origin == 0x08000000 and chosen.reserved_stack_bytes == 8 << 10
    assert chosen.linker_script == "templates/link/linux.ld.j2"
