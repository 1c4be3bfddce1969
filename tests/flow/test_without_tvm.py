"""A plain installation, which has no TVM: all else works, and what needs it says the one command that brings it."""

from __future__ import annotations

import importlib.metadata
import json
import re
import subprocess
import venv
from pathlib import Path

import kept
import pytest
from tests_support import CHECKOUT, write_models

from tinyflow.core import identity
from tinyflow.core.errors import ToolError
from tinyflow.flow.planning.available import lacking, refuse_what_cant_run
from tinyflow.flow.planning.plan import Planner
from tinyflow.model.zoo import synthesize
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.mirrors import Mirrors
from tinyflow.recipes.schema import Backend

CATALOGUE = Catalogue([data_folder() / "recipes"])
COMMAND = f"pip install -e '{CHECKOUT}[tvm]'"
OF_TVM = ["tvmaot", "tvmaotplus", "tvmcg", "tvmllvm", "tvmrt"]


@pytest.fixture
def without_tvm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As if TVM's distributions had never been installed."""
    real = identity.installed_version
    monkeypatch.setattr(identity, "installed_version", lambda name: None if "tvm" in name else real(name))
    monkeypatch.chdir(tmp_path)


@pytest.mark.usefixtures("without_tvm")
def test_backends_that_wait_for_a_package_are_known_with_the_command() -> None:
    """Of all that need it, whether it generates or lowers, and of no other."""
    compiling = [name for name in CATALOGUE.names(Backend) if CATALOGUE.get(Backend, name).machine is None]
    assert lacking(CATALOGUE, compiling) == {COMMAND: OF_TVM}


@pytest.mark.usefixtures("without_tvm")
@pytest.mark.parametrize("backend", OF_TVM)
def test_nothing_is_begun_for_benches_that_cant_end(backend: str, tmp_path: Path) -> None:
    """The refusal comes before a model is fetched; beside a bench that can run, it is a row's."""
    planner = Planner(CATALOGUE, Mirrors(()), kept.Session(tmp_path / "cache", tmp_path / "state").store)
    refused, other = (planner.plan_bench(parse(f"vww-{name}-stm32f7")).actions for name in (backend, "tinyc"))
    with pytest.raises(ToolError) as caught:
        refuse_what_cant_run([refused])
    told = (caught.value.what, caught.value.hint, caught.value.exit_status)
    assert told == ("the Python package apache-tvm is not installed", COMMAND, 3)
    refuse_what_cant_run([refused, other])
    refuse_what_cant_run([])


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The `python` of an environment with all that this one has but TVM."""
    place = tmp_path_factory.mktemp("plain")
    venv.create(place, with_pip=False)
    site = next(place.glob("lib/python*/site-packages"))
    lent = {Path(str(importlib.metadata.distribution(name).locate_file(""))) for name in ("doit", "numpy", "ziglang")}
    entries = {entry.name: entry for folder in lent for entry in folder.iterdir()}
    for name, entry in entries.items():
        if not re.match(r"tvm|apache_tvm|__editable__|_?tinyflow|.*\.pth$", name):
            (site / name).symlink_to(entry)
    return place / "bin" / "python"


@pytest.mark.slow
def test_the_rest_works_and_its_benches_are_exact(program: Path, tmp_path: Path) -> None:
    """tinyc and tinyi are exact beside a bench that fails in its own row; every command that looks at all goes on."""

    def doit(*words: str) -> subprocess.CompletedProcess[str]:
        environment = {"HOME": str(tmp_path), "PATH": "/usr/bin:/bin", "PYTHONPATH": str(CHECKOUT)}
        environment["TINYFLOW_CACHE"] = str(kept.folder())
        command = [str(program), "-m", "doit", *words]
        return subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=900)

    gone = [str(program), "-c", "import doit, numpy, ziglang; import tvm"]
    assert "No module named 'tvm'" in subprocess.run(gone, capture_output=True, text=True).stderr
    (tmp_path / "pyproject.toml").write_bytes((CHECKOUT / "pyproject.toml").read_bytes())
    write_models(tmp_path, {"net": synthesize({"graph": "toycar", "features": 37, "hidden": 18, "depth": 2})})
    done = doit(*(f"bench:net-{name}-stm32f7" for name in ("tinyc", "tinyi", "tvmaot")))
    assert done.returncode == 3, done.stdout + done.stderr
    assert f"the Python package apache-tvm is not installed\n  {COMMAND}\n" in done.stdout
    rows = {
        name: json.loads((tmp_path / "build" / f"net-{name}-stm32f7" / "report.json").read_text())
        for name in ("tinyc", "tinyi", "tvmaot")
    }
    assert [row["status"] for row in rows.values()] == ["ok", "ok", "failed"]
    assert [rows[name]["validation"]["result"] for name in ("tinyc", "tinyi")] == ["exact", "exact"]
    alone = doit("bench:net-tvmaotplus-stm32f7")
    assert (alone.returncode, alone.stdout) == (3, "")
    assert alone.stderr == f"the Python package apache-tvm is not installed\n  {COMMAND}\n"
    checked = doit("check", "net")
    assert checked.returncode == 0 and f"not installed: {', '.join(OF_TVM)}: {COMMAND}\n" in checked.stdout
    fitted = doit("fit", "net", "--latency", "1s", "-t", "stm32f7")
    assert fitted.returncode == 0 and f"left out: not installed: {', '.join(OF_TVM)}: {COMMAND}\n" in fitted.stdout
    doctor = doit("doctor")
    missing = rf"apache-tvm +missing \(optional\).*\n +{re.escape(COMMAND)}\n"
    assert doctor.returncode == 0 and re.search(missing, doctor.stdout)
