"""What several test modules need and no fixture can give."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import kept
import pytest
from hypothesis import HealthCheck, settings

from tinyflow.core import digest
from tinyflow.model import interpreters, oracle
from tinyflow.model.graph import Graph
from tinyflow.model.interpreters import Sample


def thinned(cases: Iterable[Any], every: int) -> list[Any]:
    """Cases of a parametrised test, of which one in so many is in the quick set."""
    return [
        pytest.param(*(case if isinstance(case, tuple) else (case,)), marks=() if i % every == 0 else pytest.mark.slow)
        for i, case in enumerate(cases)
    ]


class _ForgetfulTable:
    """Keeps no memo."""

    def get_memo(self, path: str) -> digest.Known | None:
        """Nothing."""
        return None

    def put_memo(self, path: str, known: digest.Known) -> None:
        """Nowhere."""


NO_MEMO = digest.Memo(_ForgetfulTable())


CHECKOUT = Path(__file__).parents[1]
PATIENCE_S = 240.0  # with what must happen, before a test fails


class Later:
    """A module that is imported when something of it is asked for: every worker reads all tests, few run these."""

    def __init__(self, name: str) -> None:
        self._name = name

    def __getattr__(self, name: str) -> Any:
        if name.startswith(("_", "pytest")) and self._name not in sys.modules:  # what pytest looks for everywhere
            raise AttributeError(name)
        return getattr(import_module(self._name), name)


def doit(place: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Plain doit as a user runs it in the folder `place`: a short environment, no mirror.

    What other tests and runs have built is a hit, unless the test names a cache of its own.
    """
    if not (place / "pyproject.toml").exists():
        shutil.copy(CHECKOUT / "pyproject.toml", place)
    fixed = {"PYTHONPATH": str(CHECKOUT), "HOME": str(place), "PATH": "/usr/bin:/bin"}
    fixed |= {"TINYFLOW_CACHE": str(kept.folder())}
    return subprocess.run(
        [sys.executable, "-m", "doit", *words],
        cwd=place,
        env=fixed | environment,
        capture_output=True,
        text=True,
        timeout=900,
    )


def wait_until(is_so: Callable[[], object]) -> None:
    """Wait for what is to happen, however busy the machine is; AssertionError where it doesn't within minutes."""
    end = time.monotonic() + PATIENCE_S
    while not is_so():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.01)


def is_running(pid: int) -> bool:
    """Whether there is such a process that has not ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in ("Z", "X")
    except (FileNotFoundError, ProcessLookupError):
        return False


def write_models(place: Path, models: Mapping[str, bytes]) -> None:
    """Recipes for these `.tflite` in the folder of a user."""
    folder = place / "recipes" / "models"
    folder.mkdir(parents=True)
    for name, content in models.items():
        (folder / f"{name}.yaml").write_text(f"description: for tests\nfile: {name}.tflite\n")
        (folder / f"{name}.tflite").write_bytes(content)


def exact_reports(place: Path, benches: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Bench → what its `report.json` holds, after a run of them all in which every output was TFLM's."""
    done = doit(place, *(f"bench:{bench}" for bench in benches))
    assert done.returncode == 0, done.stdout + done.stderr
    paths = {bench: place / "build" / bench / "report.json" for bench in benches}
    found = {bench: json.loads(path.read_text(encoding="utf-8")) for bench, path in paths.items()}
    assert {bench: row["validation"]["result"] for bench, row in found.items()} == dict.fromkeys(benches, "exact")
    return found


def examples(count: int, *unhealthy: HealthCheck) -> settings:
    """So many examples of a property, the same ones each time; with `--hypothesis-profile many` others, and more.

    `unhealthy` is what hypothesis needn't mind.
    """
    times = 20 if settings.get_current_profile_name() == "many" else 1
    return settings(max_examples=count * times, suppress_health_check={HealthCheck.too_slow, *unhealthy})


def tflm(model: bytes, graph: Graph, samples: Sequence[Sample]) -> list[Sample]:
    """What TFLM computes, in this very process: for networks that are known not to end it, of which there are many."""
    interpreter = interpreters.tflm(model, graph)
    return [interpreter(sample) for sample in samples]


def run_tflm(model: bytes, graph: Graph, samples: Sequence[Sample]) -> list[Sample]:
    """Outputs of TFLM's reference kernels."""
    return oracle.run_apart(oracle.TFLM, model, graph, samples)


def litert(model: bytes, graph: Graph, samples: Sequence[Sample]) -> list[Sample]:
    """The same of LiteRT's reference kernels."""
    interpreter = interpreters.litert(model, graph, kernels="reference")
    return [interpreter(sample) for sample in samples]


def run_litert(model: bytes, graph: Graph, samples: Sequence[Sample]) -> list[Sample]:
    """Outputs of LiteRT's reference kernels."""
    return oracle.run_apart(oracle.LITERT, model, graph, samples)
