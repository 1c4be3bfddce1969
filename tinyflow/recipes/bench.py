"""Names of benches: `model-backend-target[+feature[.value]]…`, parsed, spelled, and pointed into where they are wrong.

A model is a recipe's name or the path of a file (`./my/net.tflite-tvmaot-stm32f7`). Features in any order name the same
bench; they are written sorted. Whether the names exist is not known here; `resolve` asks the catalogue.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cached_property
from typing import NoReturn

from tinyflow.core.errors import UsageError
from tinyflow.recipes.own_model import file_of, is_path, name_of, suffixes

GRAMMAR = "model-backend-target[+feature[.value]]…, such as vww-tvmaotplus-stm32f7+dsp"
_NAME = re.compile(r"[a-z0-9_]+")
_VALUE = re.compile(r"[A-Za-z0-9_]+")


@dataclass(frozen=True)
class Bench:
    """One point. `features` is sorted by name; a feature without a value has None."""

    model: str
    backend: str
    target: str
    features: tuple[tuple[str, str | None], ...] = ()

    def __str__(self) -> str:
        return f"{self.model}-{self.backend}-{self.target}{self._suffix}"

    @property
    def is_file(self) -> bool:
        """Whether the model is given by the path of its file."""
        return is_path(self.model)

    @cached_property
    def model_name(self) -> str:
        """The model's name in reports and paths, in the letters of a recipe name; of no two files the same."""
        return name_of(self.model) if self.is_file else self.model

    @property
    def name(self) -> str:
        """The name of its folder and of its row: `str(bench)` without the path of the model."""
        return f"{self.model_name}-{self.backend}-{self.target}{self._suffix}"

    @property
    def _suffix(self) -> str:
        return "".join(f"+{spell_feature(feature, value)}" for feature, value in self.features)

    def refuse(self, what: str, *, at: str, hint: str) -> NoReturn:
        """Raise UsageError with carets under a part: `model`, `backend`, `target` or `+<feature>`."""
        words = {"model": self.model, "backend": self.backend, "target": self.target}
        words |= {f"+{feature}": spell_feature(feature, value) for feature, value in self.features}
        before = list(words)[: list(words).index(at)]
        start = sum(len(words[part]) + 1 for part in before)  # one more for the separator
        _refuse(str(self), start, len(words[at]), what, hint)


def spell_feature(feature: str, value: str | None) -> str:
    """`layout.NCHW`, or `dsp` where the feature takes no value."""
    return feature if value is None else f"{feature}.{value}"


def parse(text: str) -> Bench:
    """The bench that a text names. UsageError points at what is wrong."""
    model, rest = _split_model(text)
    head, *features = rest.split("+")
    parts = head.split("-")
    folder = head.rpartition("-")[0].rpartition("-")[0]
    if model is None and "/" in folder and (file := file_of(folder)) != folder:
        return parse(file + text[len(folder) :])
    if model is None and len(parts) == 3:
        model, *parts = parts
        _expect(text, 0, model, _NAME, "model")
    if model is None or len(parts) != 2:
        _refuse(text, 0, len(text), "not the name of a bench", _advice(text, len(parts)))
    start = len(model) + 1
    for part, noun in zip(parts, ("backend", "target"), strict=True):
        _expect(text, start, part, _NAME, noun)
        start += len(part) + 1
    return Bench(model, parts[0], parts[1], _parse_features(text, start, features))


def _split_model(text: str) -> tuple[str | None, str]:
    """The path of a model's file, which may contain anything, and what follows it."""
    for suffix in suffixes() if "/" in text or "." in text.partition("+")[0] else ():
        model, found, rest = text.rpartition(f"{suffix}-")
        if found:
            return model + suffix, rest
    return None, text


def _parse_features(text: str, start: int, words: list[str]) -> tuple[tuple[str, str | None], ...]:
    """Sorted features; `start` is where the first word stands."""
    found: dict[str, str | None] = {}
    for word in words:
        feature, dot, value = word.partition(".")
        _expect(text, start, feature, _NAME, "feature")
        if dot:
            _expect(text, start + len(feature) + 1, value, _VALUE, "value")
        if feature in found:
            _refuse(text, start, len(word), f'feature "{feature}" a second time', "give it once")
        found[feature] = value if dot else None
        start += len(word) + 1
    return tuple(sorted(found.items()))


def _expect(text: str, start: int, part: str, pattern: re.Pattern[str], noun: str) -> None:
    if pattern.fullmatch(part):
        return
    letters = "letters, digits and _" if pattern is _VALUE else "a-z, 0-9 and _"
    what = f'"{part}" can\'t be the name of a {noun}' if part else f"the {noun} is missing"
    _refuse(text, start, max(len(part), 1), what, f"names are made of {letters}; a bench is {GRAMMAR}")


def _advice(text: str, parts: int) -> str:
    if parts > 3:
        return f"it has {parts} parts, and no name may contain '-'; a bench is {GRAMMAR}"
    if "/" in text or any(suffix in text for suffix in suffixes()):
        return "a model's file is followed by the rest: ./my/net.tflite-tvmaot-stm32f7"
    return f"a bench is {GRAMMAR}"


def _refuse(text: str, start: int, length: int, what: str, hint: str) -> NoReturn:
    raise UsageError(what, where=text, hint=f"{text}\n{' ' * start}{'^' * length}\n{hint}")
