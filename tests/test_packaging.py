"""What pip installs: whole, the same from a checkout and from an sdist, typed, and at work in an empty folder."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest

import tinyflow
from tinyflow.core.distribution import NAME
from tinyflow.model.zoo import synthesize

pytestmark = pytest.mark.slow
CHECKOUT = Path(__file__).parents[1]
NETWORK = {"graph": "toycar", "features": 33, "hidden": 10, "bottleneck": 3, "depth": 1}


def build(source: Path, place: Path, kind: str) -> Path:
    """A wheel or sdist of a source tree, without a network."""
    pytest.importorskip("hatchling", reason="hatchling is not installed: pip install -e '.[test]'")
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(place), "-t", kind]
    subprocess.run(command, cwd=source, check=True, capture_output=True)
    (made,) = place.glob("*.whl" if kind == "wheel" else "*.tar.gz")
    return made


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel of this checkout."""
    return build(CHECKOUT, tmp_path_factory.mktemp("wheel"), "wheel")


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The programs of an environment that has the wheel; what it depends on is lent by this one."""
    place = tmp_path_factory.mktemp("environment")
    venv.create(place, with_pip=False)
    python = place / "bin" / "python"
    pip = [sys.executable, "-m", "pip", "--quiet", "--disable-pip-version-check", "--python", str(python)]
    subprocess.run([*pip, "install", "--no-deps", "--no-index", str(wheel)], check=True)
    site = place / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    lent = {str(importlib.metadata.distribution(name).locate_file("")) for name in ("doit", "apache-tvm", "numpy")}
    (site / "lent.pth").write_text("\n".join(sorted(lent)) + "\n")
    return place / "bin"


def run(place: Path, *command: str) -> subprocess.CompletedProcess[str]:
    """A program as a new user's shell would start it."""
    environment = {"HOME": str(place), "PATH": "/usr/bin:/bin"}
    return subprocess.run(command, cwd=place, env=environment, capture_output=True, text=True, timeout=300)


def test_everything_travels_inside(wheel: Path) -> None:
    """Every file of the package, every recipe and template, the types' marker; and nothing else."""
    tracked = subprocess.run(
        ["git", "ls-files", "-co", "--exclude-standard"], cwd=CHECKOUT, capture_output=True, text=True
    )
    if tracked.returncode:
        pytest.skip("this is not a git checkout")
    files = [file for file in tracked.stdout.splitlines() if (CHECKOUT / file).is_file()]
    wanted = {file for file in files if file.startswith("tinyflow/")}
    wanted |= {f"tinyflow/_data/{file}" for file in files if file.startswith(("recipes/", "templates/"))}
    found = {
        name for name in zipfile.ZipFile(wheel).namelist() if ".dist-info/" not in name and "/schemas/" not in name
    }
    assert found == wanted | {"tinyflow/_data/provenance.json", "tinyflow/_data/LICENSE"}
    assert "tinyflow/py.typed" in found


def test_an_sdist_gives_the_same_wheel(wheel: Path, tmp_path: Path) -> None:
    """Byte for byte, so the sdist is complete and no date or path gets in."""
    sdist = build(CHECKOUT, tmp_path / "sdist", "sdist")
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    again = build(tmp_path / sdist.name.removesuffix(".tar.gz"), tmp_path / "wheel", "wheel")
    assert again.read_bytes() == wheel.read_bytes()


def test_the_version_tells_its_commit(installed: Path, tmp_path: Path) -> None:
    """Of the sources that were built, far from any checkout."""
    first, place, tools = run(tmp_path, str(installed / "tinyflow"), "--version").stdout.splitlines()
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=CHECKOUT, capture_output=True, text=True)
    assert first.startswith(f"tinyflow {tinyflow.__version__} (")
    assert head.returncode != 0 or f"commit {head.stdout.strip()}" in first
    assert str(installed.parent) in place
    assert "apache-tvm " in tools


def test_the_distribution_has_a_name_of_its_own(installed: Path, wheel: Path, tmp_path: Path) -> None:
    """Import, command and folder are `tinyflow`; what adds an extra is the file that was installed."""
    assert wheel.name.startswith(f"{NAME.replace('-', '_')}-{tinyflow.__version__}-")
    code = (
        "from importlib.metadata import metadata; from tinyflow.core.distribution import NAME, pip_install;"
        "print(metadata(NAME)['Name'], pip_install('onnx'))"
    )
    done = run(tmp_path, str(installed / "python"), "-c", code)
    assert done.stdout == f"{NAME} pip install '{wheel}[onnx]'\n", done.stderr
    assert (installed / "tinyflow").is_file()


def test_a_first_project_and_its_bench(installed: Path, tmp_path: Path) -> None:
    """In an empty folder, by what is installed alone: `tinyflow init`, then the bench that it names, and plain doit."""
    (tmp_path / "my_net.tflite").write_bytes(synthesize(NETWORK))
    made = run(tmp_path, str(installed / "tinyflow"), "init", "mine", "--model", "my_net.tflite")
    assert made.returncode == 0, made.stderr
    name = "my_net-tinyc-stm32f4"
    assert made.stdout.splitlines()[-1].split() == ["tinyflow", f"bench:{name}"]
    project = tmp_path / "mine"
    done = run(project, str(installed / "python"), "-m", "doit", f"bench:{name}")
    assert done.returncode == 0, done.stdout + done.stderr
    report = json.loads((project / "build" / name / "report.json").read_text())
    assert (report["status"], report["validation"]["result"]) == ("ok", "exact")
    again = run(project, str(installed / "tinyflow"), f"bench:{name}")
    assert "built" not in again.stdout and "up to date" in again.stdout


def test_types_reach_users(installed: Path, tmp_path: Path) -> None:
    """A strict type check of a user's script knows what `tinyflow.results` takes and gives."""
    script = tmp_path / "mine.py"
    script.write_text(
        "import tinyflow\n"
        "rows: int = tinyflow.results(suite='mlperf_tiny', where=3)\n"
        "for row in tinyflow.results(model='vww'):\n"
        "    print(row['bench'].upper())\n"
        "one: int = tinyflow.Project('.').bench('x')\n"
    )
    python = f"--python-executable={installed / 'python'}"
    mypy = [sys.executable, "-m", "mypy", "--strict", python, "--cache-dir", str(tmp_path / "cache"), str(script)]
    done = subprocess.run(mypy, cwd=tmp_path, capture_output=True, text=True)
    told = [line.partition(" error: ")[2] for line in done.stdout.splitlines() if line.startswith("mine.py:2")]
    assert any(line.startswith("Incompatible types in assignment") for line in told), done.stdout
    assert any('"where"' in line for line in told), done.stdout
    assert re.search(r"(?m)^mine.py:5.*expression has type .Row.", done.stdout), done.stdout
    assert not any(line.startswith(("mine.py:1", "mine.py:3", "mine.py:4")) for line in done.stdout.splitlines())
