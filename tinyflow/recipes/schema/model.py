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
class Accuracy(Part):
    """Labelled samples, and what is computed of them where a bench asks for it: `+accuracy`, `doit accuracy:<bench>`.

    They are apart from `samples`, on which every bench runs: no bench waits for thousands of them unasked.
    """

    data: RelativePath
    """Below the recipe's folder or a mirror folder: a folder, .csv, .npz, .bin, or an archive: .tar.gz, .zip."""
    urls: tuple[Url, ...] = ()
    """Of one file, tried in order where `data` isn't there; need `sha256`."""
    sha256: Digest | None = None
    """Of the file; what any source must give."""
    member: RelativePath | None = None
    """What of an archive is meant: a folder, or a file."""
    task: Literal["classification", "anomaly"] = "classification"
    """`anomaly`: label 1 is odd, and a sample's score is how far the network's output is from its input."""
    format: Literal["float32", "uint8", "int8"] | None = None
    """What `.bin` files hold: real values, pixels, or the model's own int8 values."""
    divide: float = 1.0
    """A real value or pixel in a file by this is what the network's input means: 255 for pixels from 0 to 1."""
    channels: Literal["first", "last"] = "last"
    """How images lie in the files; networks take theirs with the channels last."""
    classes: tuple[str, ...] = ()
    """Names of the classes, from 0."""
    count: Natural = 1000
    """How many samples, at most; of recordings cut into windows, how many recordings."""
    target: float | None = None
    """The least top-1 share, or AUC where the task is anomaly, that is called reached."""

    def __post_init__(self) -> None:
        if self.urls and self.sha256 is None:
            raise ValueError('"urls" need "sha256": a download that nothing pins can change')
        if self.divide <= 0 or not self.count:
            raise ValueError('"divide" and "count" are more than 0')
        if self.target is not None and not 0 <= self.target <= 1:
            raise ValueError('a "target" is a share from 0 to 1: 0.9 for 90 %')
        if len(set(self.classes)) != len(self.classes):
            raise ValueError('"classes" have each name once')


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
    accuracy: Accuracy | None = None
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
