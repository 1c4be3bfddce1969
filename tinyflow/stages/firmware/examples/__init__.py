"""Examples of what surrounds a network in a product: which networks they are for, their files, their numbers.

An example is a folder of templates: `body.c.j2` has `run_once`, which `main.c.j2` calls; others become files beside it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from tinyflow.core.errors import ModelError
from tinyflow.stages.firmware.examples import camera, keywords, sine
from tinyflow.toolchains import script

Description = Mapping[str, Any]
BARE = "bare"


@dataclass(frozen=True)
class Example:
    """`why_not`: what of a network it can't be for, or nothing; `values`: what its templates read as `example`."""

    about: str
    why_not: Callable[[Description], str] = lambda _: ""
    values: Callable[[Description], Mapping[str, Any]] = lambda _: {}
    parts: Sequence[str] = ()  # a template each, whose files begin with the prefix
    wants: str = ""


EXAMPLES: Mapping[str, Example] = MappingProxyType(
    {
        BARE: Example(
            "The network with inputs from nowhere: write your sensor's values instead of zeros, and use what comes out."
        ),
        "keywords": Example(
            "Words in a stream of sound: here a recording, in your product what a microphone brings.",
            keywords.why_not,
            keywords.values,
            ("keywords.c", "keywords.h", "mfcc.c", "mfcc.h", "recording.c", "recording.h"),
            "one int8 input of frames x features, such as [1, 49, 10, 1], and one int8 or uint8 output of words",
        ),
        "camera": Example(
            "Pictures line by line: here of a recording, in your product from a camera's DMA.",
            camera.why_not,
            camera.values,
            ("camera.c", "camera.h", "recording.c", "recording.h"),
            "one int8 or uint8 input of a picture, such as [1, 96, 96, 3], grey or of three colours",
        ),
        "sine": Example(
            "A function of one number, swept over a period: y by the network for each x.",
            sine.why_not,
            sine.values,
            wants="one input and one output of a single number",
        ),
    }
)


def check(name: str, description: Description) -> None:
    """ModelError for a network that an example isn't for."""
    example = EXAMPLES[name]
    why = example.why_not(description)
    if why:
        raise ModelError(f"example {name} isn't for {description['bench']}: {why}", hint=f"it takes {example.wants}")


def files_of(name: str, description: Description, templates: Path) -> tuple[dict[str, str], dict[str, Any]]:
    """The files beside an example's `main`, and what `main.c.j2` reads as `example`."""
    example, prefix = EXAMPLES[name], description["prefix"]
    folder = templates / "examples" / name
    values = {**description, **_ports(description), "example": example.values(description)}
    files = {f"{prefix}_{part}": script.fill(folder / f"{part}.j2", values) for part in example.parts}
    headers = sorted(one for one in files if one.endswith(".h")) if example.parts else []
    body = script.fill(folder / "body.c.j2", values)
    return files, {"name": name, "about": f" * {example.about}", "headers": [f"{prefix}.h", *headers], "body": body}


def _ports(description: Description) -> dict[str, Any]:
    """The first input and output, by which examples of single ones call them."""
    return {kind: next(port for port in description["ports"] if port["kind"] == kind) for kind in ("input", "output")}
