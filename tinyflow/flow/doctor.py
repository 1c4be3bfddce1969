"""What this machine has of the tools that benches need: found or not, version, who needs it, what to do if missing.

Nothing is imported and nothing is changed: packages are looked up by their metadata, programs say their version.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Literal

from tinyflow.core.distribution import NAME, pip_install
from tinyflow.core.process import with_parent

_VERSION_TIMEOUT_S = 5.0


@dataclass(frozen=True)
class Finding:
    """One tool. `state` is `wrong version` where another version than the pinned one is installed."""

    name: str
    kind: Literal["package", "program"]
    is_required: bool
    state: Literal["ok", "missing", "wrong version"]
    version: str | None
    needed_by: str
    remedy: str  # what to type, or what goes without it

    @property
    def is_fault(self) -> bool:
        """Whether benches fail because of it."""
        return self.is_required and self.state != "ok"


@dataclass(frozen=True)
class _Package:
    """A Python distribution, installed with tinyflow itself."""

    name: str
    needed_by: str
    without: str = ""  # what goes on without it; empty where nothing does
    extra: str = ""  # of our own distribution, that brings it


@dataclass(frozen=True)
class _Program:
    """A program on PATH; none is required."""

    name: str
    needed_by: str
    debian: str  # the Debian package
    version_flag: str = "--version"


_PACKAGES = (
    _Package("doit", "every command"),
    _Package("apache-tvm", "backends tvmaot, tvmaotplus"),
    _Package("apache-tvm-ffi", "backends tvmaot, tvmaotplus"),
    _Package("numpy", "models, references, backends"),
    _Package("tflite", "reading models"),
    _Package("tflite-micro", "reference outputs", without="LiteRT's reference kernels take its place"),
    _Package("ai-edge-litert", "reference outputs, second opinion"),
    _Package("ziglang", "toolchain zig, the simulator's counter"),
    _Package("pyelftools", "sizes, running firmware"),
    _Package("unicorn", "targets stm32f7, stm32f4, esp32c3"),
    _Package("onnx", "models in ONNX", without="`.tflite` only", extra="onnx"),
    _Package("capstone", "profiles by instruction"),
)

_PROGRAMS = (
    _Program("arm-none-eabi-gcc", "+toolchain.gcc on Cortex-M", "gcc-arm-none-eabi"),
    _Program("riscv64-unknown-elf-gcc", "+toolchain.gcc on RISC-V", "gcc-riscv64-unknown-elf"),
    _Program("qemu-system-arm", "target corstone300", "qemu-system-arm"),
    _Program("qemu-system-riscv32", "target riscv_qemu", "qemu-system-misc"),
    _Program("qemu-system-riscv64", "target riscv64_qemu", "qemu-system-misc"),
    _Program("valgrind", "instruction counts on target host", "valgrind"),
    _Program("perf", "instruction counts on target host", "linux-perf"),
    _Program("strace", "tests: what a command reads", "strace", version_flag="-V"),
    _Program("nginx", "tests: remote cache", "nginx-light", version_flag="-v"),
)


def inspect() -> list[Finding]:
    """All tools, required ones first. Programs that don't say their version within 5 s are found all the same."""
    requirements = _own_requirements()
    packages = [_inspect_package(package, requirements.get(package.name, package.name)) for package in _PACKAGES]
    with ThreadPoolExecutor() as pool:
        return packages + list(pool.map(_inspect_program, _PROGRAMS))


def _own_requirements() -> Mapping[str, str]:
    """Distribution name → what our own metadata asks of it; empty where we are not installed."""
    from importlib.metadata import PackageNotFoundError, requires

    try:
        texts = requires(NAME) or []
    except PackageNotFoundError:
        return {}
    plain = [text.partition(";")[0].strip() for text in texts if "extra ==" not in text]
    return {re.split(r"[^A-Za-z0-9._-]", text)[0]: text for text in plain}


def _inspect_package(package: _Package, requirement: str) -> Finding:
    version = _installed_version(package.name)
    pin = requirement.partition("==")[2]
    state: Literal["ok", "missing", "wrong version"] = "ok"
    if version is None:
        state = "missing"
    elif pin and version != pin:
        state = "wrong version"
    remedy = pip_install(package.extra) if package.extra else f"pip install '{requirement}'"
    if package.without:
        remedy += f"; without it {package.without}"
    return Finding(package.name, "package", not package.without, state, version, package.needed_by, remedy)


def _installed_version(distribution: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(distribution)
    except PackageNotFoundError:
        return None


def _inspect_program(program: _Program) -> Finding:
    path = shutil.which(program.name)
    version = _program_version(path, program.version_flag) if path is not None else None
    state: Literal["ok", "missing"] = "missing" if path is None else "ok"
    remedy = f"apt install {program.debian}"
    return Finding(program.name, "program", False, state, version, program.needed_by, remedy)


def _program_version(path: str, flag: str) -> str | None:
    """The first number with a dot that the program prints when asked for its version."""
    try:
        done = subprocess.run(
            [path, flag],
            capture_output=True,
            text=True,
            timeout=_VERSION_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
            preexec_fn=with_parent(),
        )
    except (OSError, subprocess.TimeoutExpired, UnicodeDecodeError):
        return None
    found = re.search(r"\d+(\.\d+)+", done.stdout + done.stderr)
    return found.group() if found else None
