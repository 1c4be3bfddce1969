"""What the doctor finds, on this machine and on worse ones."""

from __future__ import annotations

import importlib.metadata
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tinyflow.core import environments
from tinyflow.core.distribution import pip_install
from tinyflow.flow import doctor
from tinyflow.flow.doctor import Finding, Requirement, inspect
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.schema import Frontend


@pytest.fixture(autouse=True)
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The only folder on the search path: what this machine has is not asked for its version each time."""
    folder = tmp_path / "programs"
    folder.mkdir()
    monkeypatch.setenv("PATH", str(folder))
    return folder


PINNED = Requirement("apache-tvm-ffi==0.1.14.post1", "tvm")
CATALOGUE = Catalogue([data_folder() / "recipes"])


def _finding(name: str) -> Finding:
    return next(finding for finding in inspect(CATALOGUE) if finding.name == name)


def test_an_installed_package_is_found_with_its_version() -> None:
    """The version is the one of the installed metadata."""
    found = _finding("doit")
    assert (found.state, found.version) == ("ok", importlib.metadata.version("doit"))
    assert not found.is_fault


def test_every_finding_says_who_needs_it_and_what_to_do() -> None:
    """No column of the table is ever empty where it matters."""
    for found in inspect(CATALOGUE):
        assert found.needed_by
        known = ("doit fetch ", "pip install ", "apt install ", "apt-get install ", "put the folder of xtensa-")
        assert found.remedy.startswith(known)
        assert (found.version is None) or found.state != "missing"


def test_programs_are_looked_up_on_the_search_path(programs: Path) -> None:
    """Found with the version that it prints; none of them is required."""
    program = programs / "valgrind"
    program.write_text("#!/bin/sh\necho valgrind-3.99.1 >&2\n")
    program.chmod(0o755)
    found = _finding("valgrind")
    assert (found.state, found.version) == ("ok", "3.99.1")
    missing = _finding("qemu-system-arm")
    assert (missing.state, missing.version, missing.is_fault) == ("missing", None, False)
    assert missing.remedy.startswith("apt install qemu-system-arm")


def test_environments_of_frontends_are_looked_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With what makes one that isn't there; no bench of a `.tflite` needs them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    missing = _finding("frontend:keras")
    assert (missing.state, missing.is_fault, missing.needed_by) == ("missing", False, "models in .keras")
    assert missing.remedy.startswith("doit fetch frontend:keras: tensorflow-cpu==")
    packages = CATALOGUE.get(Frontend, "keras").packages
    folder = environments.folder_of(environments.name_of(packages))
    folder.mkdir(parents=True)
    (folder / "contents.txt").write_text("python 3.11.7\ntensorflow-cpu==2.21.0\n")
    assert (_finding("frontend:keras").state, _finding("frontend:keras").version) == ("ok", "3.11.7")


@pytest.mark.parametrize("script", ["exec /bin/sleep 60", "echo none", "exit 3", "printf '\\377\\377'"])
def test_a_program_that_tells_no_version_is_found_all_the_same(
    script: str, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whether it hangs, fails or talks nonsense; the doctor never waits for long."""
    program = programs / "valgrind"
    program.write_text(f"#!/bin/sh\n{script}\n")
    program.chmod(0o755)
    monkeypatch.setattr(doctor.identity, "VERSION_TIMEOUT_S", 0.3)
    start = time.monotonic()
    found = _finding("valgrind")
    assert (found.state, found.version) == ("ok", None)
    assert time.monotonic() - start < 30


def test_a_missing_package_is_a_fault_and_has_its_pin_as_remedy(monkeypatch: pytest.MonkeyPatch) -> None:
    """What to type installs the version that is tested."""
    monkeypatch.setattr(doctor.identity, "installed_version", lambda name: None)
    monkeypatch.setattr(doctor, "_own_requirements", lambda: {"unicorn": Requirement("unicorn<2.2,>=2.1.4")})
    found = _finding("unicorn")
    assert (found.state, found.is_fault) == ("missing", True)
    assert found.remedy == "pip install 'unicorn<2.2,>=2.1.4'"


def test_what_an_extra_brings_may_be_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    """No fault, and what to type is the extra, whose pins are ours; extras' other packages are none of the doctor's."""
    texts = ["numpy>=1", "tomli>=2; python_version < '3.11'", "apache-tvm==0.27.0; extra == 'tvm'", "x>1; extra == 't'"]
    monkeypatch.setattr(importlib.metadata, "requires", lambda name: texts)
    monkeypatch.setattr(doctor.identity, "installed_version", lambda name: None)
    findings = {found.name: found for found in inspect(CATALOGUE)}
    assert findings["apache-tvm"][2:4] == (False, "missing") and not findings["apache-tvm"].is_fault
    assert findings["apache-tvm"].remedy == pip_install("tvm") and findings["numpy"].is_fault
    assert not {"tomli", "x"} & findings.keys()


def test_another_version_than_the_pinned_one_is_a_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    """A later apache-tvm-ffi crashes with this TVM, so being there is not enough."""
    monkeypatch.setattr(doctor.identity, "installed_version", lambda name: "0.1.15.post2")
    monkeypatch.setattr(doctor, "_own_requirements", lambda: {"apache-tvm-ffi": PINNED})
    found = _finding("apache-tvm-ffi")
    assert (found.state, found.version, found.is_fault) == ("wrong version", "0.1.15.post2", True)


def test_a_machine_without_tflm_has_a_second_choice(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its wheel doesn't exist everywhere: missing, but no fault."""
    monkeypatch.setattr(doctor.identity, "installed_version", lambda name: None)
    found = _finding("tflite-micro")
    assert (found.state, found.is_fault) == ("missing", False)
    assert "LiteRT" in found.remedy


def test_nothing_that_is_inspected_is_imported() -> None:
    """The doctor works where an import would crash, and in a fraction of a second."""
    code = (
        "import sys; from tinyflow.flow.doctor import inspect; from tinyflow.recipes.catalogue import Catalogue as All,"
        "data_folder; inspect(All([data_folder() / 'recipes']));"
        "print({'tvm', 'numpy', 'unicorn', 'capstone', 'ziglang', 'elftools', 'tflite'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"


def test_what_code_and_recipes_need_is_looked_at(tmp_path: Path) -> None:
    """Once each, with who needs it; what our distribution doesn't bring, or what has a substitute, is not a fault.

    A recipe that is wrong, or somebody's broken module, hides nothing else.
    """
    known = {found.name: found for found in inspect(CATALOGUE)}
    assert len(known) == len(inspect(CATALOGUE))
    required = {name for name, found in known.items() if found.is_required}
    assert {"doit", "numpy", "tflite", "ai-edge-litert", "ziglang", "unicorn", "capstone"} <= required
    optional = {name for name, found in known.items() if not found.is_required and found.kind != "environment"}
    assert optional - {"apache-tvm", "apache-tvm-ffi"} == {
        *("tflite-micro", "onnx", "onnxruntime", "arm-none-eabi-gcc", "riscv64-unknown-elf-gcc", "valgrind"),
        *("qemu-system-arm", "qemu-system-xtensa", "qemu-riscv64", "clang-22", "openocd", "pyocd"),
        *("stm32flash", "pyserial"),
        *("xtensa-esp32-elf-gcc", "xtensa-esp32s3-elf-gcc"),
        *("ncnn", "pnnx", "mnn", "iree-base-compiler", "iree-base-runtime"),
    }
    assert known["unicorn"].needed_by.startswith("target esp32c3, target esp32c6, target nrf52840")
    (tmp_path / "targets").mkdir()
    (tmp_path / "targets" / "mine.yaml").write_text("description: x\nimplementation: no.such\ncpu: m\n")
    (tmp_path / "targets" / "wrong.yaml").write_text("description: [\n")
    own = inspect(Catalogue([tmp_path, data_folder() / "recipes"]))
    assert [found.name for found in own] == list(known)
