from __future__ import annotations

import pytest

from tinyflow.model.zoo import synthesize

NAMES = ("aww", "vww", "resnet", "toycar")


@pytest.fixture(scope="session")
def zoo() -> dict[str, bytes]:
    """The four graphs from code: name → bytes of a `.tflite`."""
    return {name: synthesize({"graph": name, "seed": 1}) for name in NAMES}
