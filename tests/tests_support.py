"""What several test modules need and no fixture can give."""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from hypothesis import HealthCheck, settings

from tinyflow.core import digest
from tinyflow.model.graph import Graph
from tinyflow.model.interpreters import Sample, Tflm


class _ForgetfulTable:
    """Keeps no memo."""

    def get_memo(self, path: str) -> digest.Known | None:
        """Nothing."""
        return None

    def put_memo(self, path: str, known: digest.Known) -> None:
        """Nowhere."""


NO_MEMO = digest.Memo(_ForgetfulTable())


CHECKOUT = Path(__file__).parents[1]


def doit(place: Path, *words: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Plain doit as a user runs it in the folder `place`: a short environment, a cache of its own, no mirror."""
    if not (place / "pyproject.toml").exists():
        shutil.copy(CHECKOUT / "pyproject.toml", place)
    fixed = {"PYTHONPATH": str(CHECKOUT), "HOME": str(place), "PATH": "/usr/bin:/bin", "TINYFLOW_CACHE": "cache"}
    return subprocess.run(
        [sys.executable, "-m", "doit", *words],
        cwd=place,
        env=fixed | environment,
        capture_output=True,
        text=True,
        timeout=600,
    )


def examples(count: int, *unhealthy: HealthCheck) -> settings:
    """So many examples of a property, the same ones each time; with `--hypothesis-profile many` others, and more.

    `unhealthy` is what hypothesis needn't mind.
    """
    times = 20 if settings.get_current_profile_name() == "many" else 1
    return settings(max_examples=count * times, suppress_health_check={HealthCheck.too_slow, *unhealthy})


def tflm(model: bytes, graph: Graph, samples: Sequence[Sample]) -> list[Sample]:
    """What TFLM computes, in this very process: for networks that are known not to end it, of which there are many."""
    interpreter = Tflm(model, graph)
    return [interpreter.invoke(sample) for sample in samples]
