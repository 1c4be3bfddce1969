"""Recipes behave as frozen dataclasses do, though their methods are shared."""

from __future__ import annotations

import copy
import pickle
from dataclasses import FrozenInstanceError, asdict, replace

import pytest

from tinyflow.recipes.schema import Memory, Model, Samples

SAMPLES = Samples(folder="pictures", format="int8")


def test_what_is_not_given_has_its_default() -> None:
    """Of its own where it is a list or a mapping."""
    model = Model(name="net", description="x", file="net.tflite")
    assert (model.urls, model.samples, model.timeout_s) == ((), Samples(), 600.0)
    assert model.samples is not Model(name="net", description="x", file="net.tflite").samples


def test_wrong_words_are_refused() -> None:
    """A field that is missing, one that there isn't, values that don't go together."""
    with pytest.raises(TypeError, match="Model needs description"):
        Model(name="net", file="net.tflite")  # type: ignore[call-arg]
    with pytest.raises(TypeError, match="Samples has no counts"):
        Samples(counts=3)  # type: ignore[call-arg]
    with pytest.raises(ValueError, match='need a "format"'):
        Samples(folder="pictures")


def test_nothing_of_them_changes() -> None:
    """Neither by assignment nor by deletion; `replace` makes another, and checks it again."""
    with pytest.raises(FrozenInstanceError):
        SAMPLES.count = 3  # type: ignore[misc]
    with pytest.raises(FrozenInstanceError):
        del SAMPLES.count
    assert replace(SAMPLES, count=3) == Samples(folder="pictures", format="int8", count=3) != SAMPLES
    with pytest.raises(ValueError, match='need a "format"'):
        replace(SAMPLES, format=None)


def test_equal_ones_are_equal() -> None:
    """Whichever way they came to be, by hash as well; parts of another kind are others."""
    for same in (Samples(**asdict(SAMPLES)), copy.deepcopy(SAMPLES), pickle.loads(pickle.dumps(SAMPLES))):
        assert same == SAMPLES and hash(same) == hash(SAMPLES) and repr(same) == repr(SAMPLES)
    assert Memory(name="a", kind="ram", origin=0, length_bytes=1) != SAMPLES
