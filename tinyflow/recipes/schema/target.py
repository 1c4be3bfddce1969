"""A target's recipe: processor, memory map, and how firmware is run on it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import asdict, field, fields, replace
from itertools import pairwise
from types import MappingProxyType
from typing import Annotated, Any, Literal

from tinyflow.recipes.fields import (
    Address,
    Check,
    Current,
    Duration,
    Instructions,
    Module,
    Name,
    Natural,
    Rate,
    RelativePath,
    Size,
    Voltage,
)
from tinyflow.recipes.schema.monitor import FIRMWARES_OWN, Monitor
from tinyflow.recipes.schema.part import Part, Recipe, part
from tinyflow.recipes.schema.processor import Processor

_FOR_CHIPS = "templates/link/firmware.ld.j2"
# Twice what the generated code of any backend was seen to take.
_STACK_BYTES = 4096
_LAST_PORT = 0xFFFF
_MOST_LINES = 4096  # many more than a buffer of flash has, twice a cache of 16 KiB with lines of 8 bytes

Optimise = Literal["O0", "O1", "O2", "O3", "Os"]


@part
class Memory(Part):
    """One region of a chip's address space."""

    name: Name
    kind: Literal["flash", "ram"]
    origin: Address
    """First address, best written in hexadecimal."""
    length_bytes: Size

    @property
    def end(self) -> int:
        """The first address behind the region."""
        return self.origin + self.length_bytes


@part
class Cache(Part):
    """Lines of flash that are at hand; the line that was used longest ago makes room."""

    lines: Natural
    ways: Natural | None = None
    """Lines that compete for one place; by default all of them."""

    def __post_init__(self) -> None:
        if not 1 <= self.lines <= _MOST_LINES or self.lines % (self.ways or 1):
            raise ValueError(f"a cache has 1 to {_MOST_LINES} lines, a multiple of its ways")


@part
class FlashTiming(Part):
    """What waiting for flash costs, for the estimate of cycles (`recipes/cores/`)."""

    wait_cycles: Natural
    """For a line that no cache holds."""
    line_bytes: Size
    instructions: Cache
    data: Cache | None = None
    """None where `instructions` holds both."""
    prefetch: bool = True
    """Whether the line behind the one that runs is fetched ahead, so that straight code never waits."""
    source: str
    """Where this is from."""
    error_percent: Natural | None = None
    """By how much estimates may be off, where no board with this flash was measured; else the core's."""

    def __post_init__(self) -> None:
        if not self.line_bytes or self.line_bytes & self.line_bytes - 1:
            raise ValueError(f"a line of {self.line_bytes} bytes is no power of two")


@part
class Power(Part):
    """What the chip draws while it computes, for `energy_uj`."""

    current_a: Current
    supply_v: Voltage
    source: str
    """Datasheet with table, or what was measured how."""

    def __post_init__(self) -> None:
        if not (self.current_a > 0 and self.supply_v > 0):
            raise ValueError("current and supply are more than 0; leave `power` out where they aren't known")


@part
class Qemu(Part):
    """What runs on QEMU that its processor's recipe doesn't say, or says otherwise (`simulators: {qemu: …}`)."""

    user: bool = False
    """Whether it is a program for Linux that runs, by `qemu-arm` and its like, and not a board."""
    program: str | None = None
    """QEMU's, such as qemu-system-arm; by default that for the instruction set."""
    package: str | None = None
    """What Debian calls the package with it."""
    machine: str | None = None
    """For `-M`."""
    cpu: str | None = None
    """For `-cpu`."""
    options: tuple[str, ...] = ()
    """More of its command line."""
    has_probe_ram: bool | None = None
    """Armv8.1-M: whether there is RAM at 0x20000000 for what the probe sets up, so that faults are named."""
    memory: Mapping[Name, Address] = field(default_factory=dict)
    """Region of `memory` → where that board has as much of it. Firmware is linked for there."""


@part
class Gdb(Part):
    """A board, or anything else, behind a GDB server."""

    connect: str | None = None
    """Where a server listens: `host:port`."""
    server: tuple[str, ...] = ()
    """Or the command that starts one; `{port}` stands for a free port."""
    start_s: Duration = 10.0
    """How long it may take until it listens."""
    probe: str | None = None
    """What may not be used twice at a time, such as a probe's serial number; by default what is above."""
    reset: str = "reset halt"
    """The command of the server's console that resets and halts; empty for none."""
    loader: tuple[str, ...] = ()
    """The command that puts `{elf}` into flash, where the server can't."""
    identification: Mapping[str, Address] = field(default_factory=dict)
    """Address → the word that the chip has there, such as DBGMCU_IDCODE; read before anything is written."""
    identification_mask: Address = 0xFFFFFFFF
    call_s: Duration = 60.0
    """How long one call may take."""
    repetitions: Natural = 5
    """How often each sample is measured."""

    def __post_init__(self) -> None:
        if bool(self.connect) == bool(self.server):
            which = "not both" if self.connect else "one of them"
            raise ValueError(f'give "connect", where a server runs, or "server", the command that starts one: {which}')
        if self.connect is not None:
            host, _, port = self.connect.rpartition(":")
            if not host or not port.isdecimal() or not 0 < int(port) <= _LAST_PORT:
                raise ValueError(f'"{self.connect}" is no host:port, such as localhost:3333')
        if self.server and not any("{port}" in word for word in self.server):
            raise ValueError('no word of "server" has {port}, where it is to listen')
        if not self.repetitions:
            raise ValueError("repetitions begin at 1")


@part
class External(Part):
    """A simulator that runs a program to its end; what both have to say, it prints: docs/simulators.md."""

    command: tuple[str, ...]
    """`{elf}` stands for the firmware."""
    exit: Literal["semihosting", "tohost", "address"]
    """How the program prints and ends: by Arm's and RISC-V's semihosting, by HTIF (Spike), by writing to addresses."""
    console: Address = 0
    """`address`: where a byte is printed."""
    done: Address = 0
    """`address`: where a word ends the simulation."""
    success: Address = 1
    """That word, where all is well."""
    failure: Address = 3
    """And where the program trapped."""
    status: Natural = 0
    """With which the simulator ends when all is well."""
    counts: Mapping[Literal["instructions", "cycles"], str] = field(default_factory=dict)
    """Regular expression, whose group is the number that it prints for a whole run. `minstret` alone: RISC-V's own
    counter, which the program reads."""
    call_s: Duration = 60.0
    """How long one run may take: a few for each sample."""

    def __post_init__(self) -> None:
        if not any("{elf}" in word for word in self.command):
            raise ValueError('no word of "command" has {elf}, the firmware')
        if (self.exit == "address") != bool(self.console and self.done):
            raise ValueError('"console" and "done" are the addresses of "exit: address"')
        for kind, pattern in self.counts.items():
            try:
                groups = re.compile(pattern).groups
            except re.error as error:
                raise ValueError(f'counts: "{pattern}" is no regular expression: {error}') from None
            if groups != 1 and (kind, pattern) != ("instructions", MINSTRET):
                raise ValueError(f'counts: "{pattern}" needs one group, the number')


@part
class Ssh(Part):
    """A machine with Linux that is reached by ssh: docs/boards.md."""

    host: str
    """`user@name`, or what ~/.ssh/config calls it."""
    port: Natural | None = None
    options: tuple[str, ...] = ()
    """More of ssh's command line: `[-i, key, -J, gateway]`."""
    folder: str = "/tmp"
    """Where the program lies while it runs."""
    run: tuple[str, ...] = ()
    """The command there, where `{program}` alone isn't it: `[taskset, -c, "3", "{program}"]`."""
    uname: str | None = None
    """What `uname -m` says there, as a shell's pattern; by default that of the instruction set, with `run` any."""
    connect_s: Duration = 10.0
    """How long it may take to connect."""
    call_s: Duration = 60.0
    """How long one run may take: a sample, `repetitions` times and once to get warm."""
    repetitions: Natural = 10
    """How often each sample is measured."""

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[^\s-]\S*", self.host):
            raise ValueError(f'"{self.host}" is no host, such as user@name')
        if self.run and not any("{program}" in word for word in self.run):
            raise ValueError('no word of "run" has {program}')
        if self.uname is not None and not re.fullmatch(r"[\w*?|.-]+", self.uname):
            raise ValueError(f'"{self.uname}" is no pattern, such as armv7*|armv8l')
        if not self.repetitions:
            raise ValueError("repetitions begin at 1")


MINSTRET = "minstret"  # of `counts`


_LINUX_MEMORY = (
    Memory(name="flash", kind="flash", origin=0x00400000, length_bytes=60 << 20),
    Memory(name="ram", kind="ram", origin=0x04000000, length_bytes=64 << 20),
)
_LINUX_STACK_BYTES = 64 << 10


def _check_map(memory: tuple[Memory, ...]) -> None:
    regions = sorted(memory, key=lambda region: region.origin)
    for lower, upper in pairwise(regions):
        if lower.end > upper.origin:
            raise ValueError(f"{lower.name} ends at {lower.end:#x}, behind the start of {upper.name}")
    for region in memory:
        if not region.length_bytes:
            raise ValueError(f"{region.name} is empty")
    if len({region.name for region in regions}) < len(regions):
        raise ValueError("two regions have one name")
    if regions and {region.kind for region in regions} != {"flash", "ram"}:
        raise ValueError("a chip needs a region of kind flash and one of kind ram")


@part
class Target(Recipe):
    """A chip (or this machine) and the way firmware is run on it."""

    renamed = MappingProxyType(
        {
            "cpu_features": "features, in recipes/processors/<cpu>.yaml",
            "cycle_model": "flash_timing, and the core's rules in recipes/cores/<cpu>.yaml",
        }
    )

    implementation: Module
    """Module with `open_machine`."""
    cpu: str
    """Its processor: a recipe in `recipes/processors/`."""
    clock_hz: Rate | None = None
    flash_timing: FlashTiming | None = None
    """For the estimate of cycles; without it there is none."""
    power: Power | None = None
    """At `clock`; without it no energy is estimated."""
    memory: Annotated[tuple[Memory, ...], Check(_check_map)] = ()
    """Empty where the machine has no memory map of its own (host); on Linux the addresses of a program, which need not
    be said."""
    qemu: Qemu = field(default_factory=Qemu)
    """For chips that run there; leave out what is right as the processor's recipe has it."""
    gdb: Gdb | None = None
    """For boards."""
    external: External | None = None
    """For other simulators."""
    ssh: Ssh | None = None
    """For machines with Linux."""
    monitor: Monitor | None = None
    """For boards without a debug probe."""
    stack_bytes: Size | None = None
    """What is set aside for it; by default 4 KiB, on a chip with less than 16 KiB of RAM a quarter of that, on Linux
    64 KiB."""
    heap_bytes: Size = 0
    """The same for a heap; more where a backend needs more."""
    toolchain: Name = "zig"
    """The default; `+toolchain.gcc` chooses another."""
    linker_script: RelativePath = _FOR_CHIPS
    """Template beside a recipe folder or among the built-in ones; by default another one for Linux."""
    optimise: Optimise = "O3"
    limit_instructions: Instructions = 2_000_000_000
    """A call that takes more never ends, as far as we care."""
    timeout_s: Duration = 600.0
    """For all samples of one bench."""
    backend_options: Mapping[Name, Mapping[str, Any]] = field(default_factory=dict)
    """Backend → options that suit this target; taken where a feature says so (`+target_optimized`)."""

    def __post_init__(self) -> None:
        if self.is_linux:
            self._choose_linux()
        if self.qemu != Qemu() and not self.implementation.endswith(".qemu"):
            raise ValueError('"qemu" needs "implementation: tinyflow.targets.qemu"')
        named = {"gdb": self.gdb, "external": self.external, "ssh": self.ssh, "monitor": self.monitor}
        for kind, words in named.items():
            if (words is not None) != self.implementation.endswith(f".{kind}"):
                raise ValueError(f'"{kind}" and "implementation: tinyflow.targets.{kind}" need each other')
        for name in self.qemu.memory:
            if name not in {region.name for region in self.memory}:
                raise ValueError(f'qemu: "memory" has no region "{name}"')
        _check_map(self.simulated_memory)
        if self.memory and not self.reserved_stack_bytes:
            raise ValueError("without a stack nothing runs; leave `stack` out for the default")
        if self.memory and self.reserved_stack_bytes + self.heap_bytes >= self._ram_bytes:
            raise ValueError(f"stack and heap leave nothing of {self._ram_bytes} bytes of RAM")

    @property
    def is_linux(self) -> bool:
        """Whether its firmware is a program for Linux."""
        return self.qemu.user or self.ssh is not None

    @property
    def is_board(self) -> bool:
        """Whether it is reached from some machines only."""
        return any(words is not None for words in (self.gdb, self.ssh, self.monitor))

    def _choose_linux(self) -> None:
        """What a program for Linux has where nothing is said."""
        chosen = {"memory": _LINUX_MEMORY, "stack_bytes": _LINUX_STACK_BYTES}
        for name, value in chosen.items():
            object.__setattr__(self, name, getattr(self, name) or value)
        if self.linker_script == _FOR_CHIPS:
            object.__setattr__(self, "linker_script", "templates/link/linux.ld.j2")

    @property
    def simulated_memory(self) -> tuple[Memory, ...]:
        """Where what runs the firmware has the regions of `memory`."""
        places = {region.name: region.origin for region in self.memory} | dict(self.qemu.memory)
        return tuple(replace(region, origin=places[region.name]) for region in self.memory)

    def seen(self, processor: Processor) -> dict[str, Any]:
        """What the module that runs it is told of it, its processor's words and its own."""
        seen = processor.seen_by(self.implementation)
        words = self.gdb or self.external or self.ssh or self.monitor or self.qemu
        unsaid: dict[str, tuple[Any, ...]] = {one.name: (one.default, {}) for one in fields(words)}
        own = {name: value for name, value in asdict(words).items() if value or value not in unsaid[name]}
        own = {name: value for name, value in own.items() if name not in ("memory", *FIRMWARES_OWN)}
        return {**seen, "machine": {**seen.get("machine", {}), **own}} if own else seen

    @property
    def _ram_bytes(self) -> int:
        """All of it."""
        return sum(region.length_bytes for region in self.memory if region.kind == "ram")

    @property
    def reserved_stack_bytes(self) -> int:
        """The stack that the recipe asks for, or the default; it lies in the first region of RAM."""
        if self.stack_bytes is not None:
            return self.stack_bytes
        first = next((region.length_bytes for region in self.memory if region.kind == "ram"), 0)
        return min(_STACK_BYTES, first // 4)
