"""A model's recipe: where its file comes from, and the samples that outputs are compared on."""

from __future__ import annotations

from dataclasses import field
from typing import Literal

from tinyflow.recipes.fields import Digest, Duration, Name, Natural, RelativePath, Url
from tinyflow.recipes.schema.part import Part, Recipe, part


@part
class Samples(Part):
    """Inputs that outputs are compared on: real ones from a folder as far as they reach, then made-up ones."""

    folder: RelativePath | None = None
    """Folder of `0.bin`, `1.bin`, … below a mirror folder (or beside the recipe)."""
    format: Literal["float32", "uint8", "int8"] | None = None
    """What those files hold: real values, pixels (real value = pixel), or the model's own int8 values."""
    count: Natural = 8
    """How many samples in all."""
    seed: int = 1
    """Of the made-up samples."""

    def __post_init__(self) -> None:
        if self.folder is not None and self.format is None:
            raise ValueError('samples of a folder need a "format": float32, uint8 or int8')


@part
class Synthesize(Part):
    """The same graph built from code with seeded weights, for machines where no source can be had."""

    graph: Name
    """A graph of the zoo (`tinyflow.model.zoo`)."""
    seed: int = 1


@part
class Model(Recipe):
    """A network and where its file comes from: a mirror or the recipe's own folder, then URLs, then the zoo.

    Or it is several others.
    """

    file: RelativePath | None = None
    """Path below the recipe's folder or a mirror folder."""
    urls: tuple[Url, ...] = ()
    """Tried in order; need `sha256`."""
    sha256: Digest | None = None
    """Of the file; what any source but the zoo must give."""
    chain: tuple[Name, ...] = ()
    """Models, each of which reads what the one before it gives: it is all of them as one network."""
    tolerance: Natural = 16
    """For an ONNX file: the largest difference from ONNX Runtime, in steps of the quantised output."""
    samples: Samples = field(default_factory=Samples)
    synthesize: Synthesize | None = None
    timeout_s: Duration = 600.0
    """For fetching it, and for converting it with its samples."""

    def __post_init__(self) -> None:
        if self.urls and self.sha256 is None:
            raise ValueError('"urls" need "sha256": a download that nothing pins can change')
        if self.chain and (self.file is not None or self.urls or self.synthesize is not None):
            raise ValueError('a "chain" is its parts, so it has no "file", "urls" or "synthesize"')
        if not self.chain and self.file is None and not self.urls and self.synthesize is None:
            raise ValueError('no source; give "file", "urls", "synthesize" or "chain"')
