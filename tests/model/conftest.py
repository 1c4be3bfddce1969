from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tinyflow.model.zoo import synthesize

NAMES = ("aww", "vww", "resnet", "toycar")
_BESIDE_THE_CHECKOUT = Path(__file__).parents[3] / "shared" / "models"


@pytest.fixture(scope="session")
def zoo() -> dict[str, bytes]:
    """The four graphs from code: name → bytes of a `.tflite`."""
    return {name: synthesize({"graph": name, "seed": 1}) for name in NAMES}


@pytest.fixture(scope="session")
def trained() -> Callable[[str], Path]:
    """Name → the published model's file; skips the test where no mirror folder has it."""
    folders = [Path(folder) for folder in os.environ.get("TINYFLOW_MIRRORS", "").split(":") if folder]

    def find(name: str) -> Path:
        for folder in [*folders, _BESIDE_THE_CHECKOUT]:
            if (folder / name / f"{name}.tflite").is_file():
                return folder / name / f"{name}.tflite"
        pytest.skip("no mirror has the published models")

    return find
