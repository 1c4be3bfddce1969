from __future__ import annotations

import pytest

from tinyflow.model.zoo import synthesize

NAMES = ("aww", "vww", "resnet", "toycar")
MORE = ("person_detection", "micro_speech", "streaming_wake_word", "mobilenet_v2", "convolutional_autoencoder")


@pytest.fixture(scope="session")
def zoo() -> dict[str, bytes]:
    """The graphs from code: name → bytes of a `.tflite`."""
    return {name: synthesize({"graph": name, "seed": 1}) for name in (*NAMES, *MORE)}
