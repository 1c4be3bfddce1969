"""Networks from code: real graphs with seeded weights, for machines where no trained file can be had.

They run like trained ones of the same shape, take about as many instructions and bytes, and predict nothing; what
depends on weights and scales themselves, as shrinking does, says nothing of trained ones.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from typing import Any

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Graph


def graphs() -> Mapping[str, Callable[..., Graph]]:
    """Name → function that builds the graph from a seed and, optionally, its own parameters."""
    from tinyflow.model.zoo import mlperf_tiny, sound, tinyml
    from tinyflow.model.zoo.sine import sine
    from tinyflow.model.zoo.trials import TRIALS

    return {
        "aww": mlperf_tiny.keyword_spotting,
        "vww": mlperf_tiny.visual_wake_words,
        "resnet": mlperf_tiny.image_classification,
        "toycar": mlperf_tiny.anomaly_detection,
        "sine": sine,
        "person_detection": tinyml.person_detection,
        "micro_speech": tinyml.micro_speech,
        "streaming_wake_word": tinyml.streaming_wake_word,
        "mobilenet_v2": tinyml.mobilenet_v2,
        "mobilenet_v2_144": tinyml.mobilenet_v2_144,
        "convolutional_autoencoder": tinyml.convolutional_autoencoder,
        "sound_frames": sound.sound_frames,
        "sound_features": sound.sound_features,
        "latest_features": sound.latest_features,
        **TRIALS,
    }


def synthesize(spec: Mapping[str, Any]) -> bytes:
    """The `.tflite` of a spec such as `{"graph": "vww", "seed": 1}`, with more keys for the graph's parameters.

    The same spec gives the same bytes on every machine. Raises ModelError for a graph or parameter that doesn't exist.
    """
    from tinyflow.model.tflite_writer import write

    parameters = {key: value for key, value in spec.items() if key != "graph"}
    name = spec.get("graph")
    build = graphs().get(str(name))
    if build is None:
        raise ModelError(
            f"no graph {name} in the zoo", where="synthesize", hint=_did_you_mean(str(name), list(graphs()))
        )
    known = list(inspect.signature(build).parameters)
    for key in parameters:
        if key not in known:
            raise ModelError(f"graph {name} has no parameter {key}", where="synthesize", hint=_did_you_mean(key, known))
    return write(build(**{"seed": 0, **parameters}))


def _did_you_mean(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, 1)
    return f"did you mean {close[0]}?" if close else f"there are {', '.join(known)}"
