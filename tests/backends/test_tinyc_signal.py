"""TFLM's operators for features of sound, one by one: tinyc and tinyi give what TFLM's kernels compute."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests_support import examples, tflm
from tinyc_host import build
from tinyi_chip import chip
from tinyi_host import ARENA_TOO_SMALL, DAMAGED, OK, UNSUPPORTED, Interpreter, outputs_of

from tinyflow.backends import tinyc, tinyi
from tinyflow.backends.tinyi.calls import requests
from tinyflow.backends.tinyi.planner import plan
from tinyflow.core.errors import ModelError
from tinyflow.model.builder import GraphBuilder
from tinyflow.model.chain import chained
from tinyflow.model.graph import CUSTOM, Graph
from tinyflow.model.operators import has_state
from tinyflow.model.tflite_reader import read
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import sound
from tinyflow.model.zoo.tinyml import micro_speech

_RANDOM = np.random.default_rng(1)
_SUBTRACTION = {
    "alternate_one_minus_smoothing": 15401,
    "alternate_smoothing": 983,
    "min_signal_remaining": 819,
    "num_channels": 41,
    "one_minus_smoothing": 15975,
    "smoothing": 409,
    "smoothing_bits": 10,
    "spectral_subtraction_bits": 14,
}


def _int16(*shape: int, bits: int = 15) -> Any:
    return _RANDOM.integers(-(1 << bits), 1 << bits, shape).astype(np.int16)


def _of_any_size(dtype: type, *shape: int) -> Any:
    """Unsigned numbers of all lengths."""
    bits = np.iinfo(dtype).bits
    numbers = _RANDOM.integers(0, 2**bits, shape, dtype=np.uint64)
    return (numbers >> _RANDOM.integers(0, bits, shape).astype(np.uint64)).astype(dtype)


def _network(
    name: str, options: Mapping[str, Any], inputs: Sequence[Any], constants: int, outputs: Sequence[Any]
) -> Graph:
    """One operator: the last inputs are constants; outputs are arrays of their types and shapes."""
    builder = GraphBuilder()
    indices = []
    for number, array in enumerate(inputs):
        if number < len(inputs) - constants:
            indices.append(builder.tensor(f"in{number}", array.shape, None, array.dtype.name))
            builder.inputs.append(indices[-1])
        else:
            indices.append(builder.constant(f"c{number}", array, array.dtype.name))
    made = [builder.tensor(f"out{i}", array.shape, None, array.dtype.name) for i, array in enumerate(outputs)]
    builder.custom(CUSTOM + name, indices, *made, **options)
    return read(write(builder.graph(made, name)))


def _channels() -> tuple[Any, ...]:
    """Weights, unweights, starts of places and of weights, widths of 41 filters."""
    widths, starts = _RANDOM.integers(1, 6, 41), np.cumsum(_RANDOM.integers(0, 5, 41))
    begins = np.cumsum(widths) - widths
    weights = widths.sum()
    return _int16(weights), _int16(weights), *(array.astype(np.int16) for array in (starts, begins, widths))


def _extremes(length: int) -> list[tuple[Any, ...]]:
    """What makes a transform's sums as large as they become."""
    signs = np.where(np.arange(length) % 2, 32767, -32768)
    return [(np.broadcast_to(values, length).astype(np.int16),) for values in (-32768, 32767, 0, signs)]


def _cases() -> dict[str, tuple[str, dict[str, Any], list[Any], list[Any], list[tuple[Any, ...]]]]:
    """Title → operator, options, constants, outputs, samples."""
    empty = {dtype: np.zeros(40, dtype) for dtype in ("uint32", "uint64", "int16")}
    noise = np.zeros(41, np.uint32)
    bank = _channels()
    roots = np.array([2**64 - 1, 0, 1, 2, 3, 2**32 - 1, 2**32, 2**32 + 1, *(2**k for k in range(32))], np.uint64)
    cases = {
        "window": (
            "SignalWindow",
            {"shift": 12},
            [_int16(24)],
            [_int16(2, 24)],
            [(_int16(2, 24),) for _ in range(4)],
        ),
        "headroom": (
            "SignalFftAutoScale",
            {},
            [],
            [_int16(64), np.zeros((), np.int32)],
            [(_int16(64, bits=bits),) for bits in range(16)] + _extremes(64),
        ),
        "energy": (
            "SignalEnergy",
            {"start_index": 0, "end_index": 33},
            [],
            [np.zeros(33, np.uint32)],
            [(_int16(66),) for _ in range(4)] + _extremes(66),
        ),
        "filters": (
            "SignalFilterBank",
            {"num_channels": 40},
            list(bank),
            [empty["uint64"]],
            [(_of_any_size(np.uint32, bank[2][-1] + bank[4][-1]),) for _ in range(8)],
        ),
        "roots": (
            "SignalFilterBankSquareRoot",
            {},
            [],
            [empty["uint32"]],
            [(_of_any_size(np.uint64, 40), np.array(k, np.int32)) for k in range(8)] + [(roots, np.array(0, np.int32))],
        ),
        "gain": (
            "SignalPCAN",
            {"snr_shift": 6},
            [_int16(125)],
            [empty["uint32"]],
            [(_of_any_size(np.uint32, 40), _of_any_size(np.uint32, 40)) for _ in range(8)]
            + [(_of_any_size(np.uint32, 40), np.arange(40, dtype=np.uint32))],
        ),
    }
    for length in (4, 8, 64, 512):
        for inputs in (length, length // 2 + 1):
            samples = [(_int16(inputs),) for _ in range(3)] + _extremes(inputs)
            options = {"T": 7, "fft_length": length}
            cases[f"transform of {inputs}/{length}"] = ("SignalRfft", options, [], [_int16(length + 2)], samples)
    for is_clamped in (False, True):
        samples = [(_of_any_size(np.uint32, 41),) for _ in range(12)]
        options = {**_SUBTRACTION, "clamping": is_clamped}
        name = "SignalFilterBankSpectralSubtraction"
        cases[f"noise{', clamped' * is_clamped}"] = (name, options, [], [noise, noise], samples)
    for scale, places in ((64, 3), (1600, 0)):
        options = {"input_correction_bits": places, "output_scale": scale}
        samples = [(_of_any_size(np.uint32, 40),) for _ in range(20)]
        cases[f"logarithm times {scale}"] = ("SignalFilterBankLog", options, [], [empty["int16"]], samples)
    frame, truth = {"frame_size": 24, "frame_step": 8}, np.zeros((), bool)
    for is_filled in (False, True):
        cases[f"frames{', prefilled' * is_filled}"] = (
            *("SignalFramer", {**frame, "prefill": is_filled}, [], [np.zeros((2, 2, 24), np.int16), truth]),
            [(_int16(2, 16),) for _ in range(5)],
        )
        cases[f"frames that aren't whole steps{', prefilled' * is_filled}"] = (
            *("SignalFramer", {"frame_size": 13, "frame_step": 5, "prefill": is_filled}),
            *([], [np.zeros((1, 1, 13), np.int16), truth]),
            [(_int16(1, 5),) for _ in range(7)],
        )
    cases["frames with gaps"] = (
        *("SignalFramer", {"frame_size": 3, "frame_step": 5, "prefill": False}),
        *([], [np.zeros((4, 3), np.int16), truth]),
        [(_int16(20),) for _ in range(3)],
    )
    for left, right, step in ((2, 0, 1), (0, 2, 1), (2, 1, 2), (0, 0, 1), (1, 1, 3), (0, 3, 1)):
        words = ("num_channels", "stacker_left_context", "stacker_right_context", "stacker_step")
        cases[f"stack from {left} before to {right} behind, every {step}"] = (
            *("SignalStacker", dict(zip(words, (4, left, right, step), strict=True)), []),
            [np.zeros((left + 1 + right) * 4, np.int16), truth],
            [(_int16(4),) for _ in range(12)],
        )
    for length in (0, 3, 40):
        cases[f"delay of {length}"] = (
            *("SignalDelay", {"delay_length": length}, [], [_int16(2, 16)]),
            [(_int16(2, 16),) for _ in range(6)],
        )
    for tensor_type, dtype in ((7, np.int16), (0, np.float32)):
        samples = [(_int16(2, 3, 12).astype(dtype),) for _ in range(4)]
        options = {"T": tensor_type, "frame_step": 5}
        cases[f"overlap of {np.dtype(dtype).name}"] = ("SignalOverlapAdd", options, [], [_part(samples)], samples)
    return cases


def _part(samples: Sequence[tuple[Any, ...]]) -> Any:
    """Five values of each frame."""
    (first,) = samples[0]
    return first[..., :5].reshape(2, 15)


CASES = _cases()


@pytest.mark.parametrize("title", CASES)
@pytest.mark.every(3)
def test_an_operator_gives_what_tflm_computes(title: str, tmp_path: Path) -> None:
    """Bit for bit, at the ends of the types, too; what it remembers goes on from sample to sample until it is reset.

    Of windows that aren't valid, which TFLM leaves as they were, only that they aren't.
    """
    name, options, constants, outputs, samples = CASES[title]
    graph = _network(name, options, [*samples[0], *constants], len(constants), outputs)
    content = write(graph)
    built = build(content, tmp_path / "model")
    expected = tflm(content, graph, samples)
    for _ in range(2):
        built.reset()
        _assert_same([built.invoke(sample) for sample in samples], expected)
    _assert_same(outputs_of(content, Interpreter.load("c"), "c", samples, expected), expected)


@pytest.mark.slow
@pytest.mark.parametrize("title", ["transform of 64/64", "noise", "roots", "frames"])
def test_tinyi_computes_them_on_chips(title: str) -> None:
    """Words of 32 bits; what an operator keeps is kept."""
    name, options, constants, outputs, samples = CASES[title]
    graph = _network(name, options, [*samples[0], *constants], len(constants), outputs)
    content = write(graph)
    expected = tflm(content, graph, samples)
    found = outputs_of(content, chip("cortex-m7", ("ref", "dsp"), "dsp"), "dsp", samples, expected)  # type: ignore[arg-type]
    _assert_same(found, expected)


def _assert_same(found: Sequence[Any], expected: Sequence[Any]) -> None:
    for made, wanted in zip(found, expected, strict=True):
        is_valid = wanted[-1].dtype != bool or wanted[-1]
        pairs = list(zip(made, wanted, strict=True))
        assert all(np.array_equal(one, other) for one, other in pairs[not is_valid :])


def test_what_an_operator_remembers_is_state() -> None:
    """Though no tensor is a variable: an interpreter of it is reset between sequences."""
    for title, expected in (("noise", True), ("delay of 3", True), ("frames", True), ("window", False)):
        name, options, constants, outputs, samples = CASES[title]
        assert has_state(_network(name, options, [*samples[0], *constants], len(constants), outputs)) is expected


def test_micro_speech_runs_from_samples_to_words(tmp_path: Path) -> None:
    """One network of framer, features, stacker and micro_speech: what TFLM says to the frames of one sound in a row.

    Between them stands numpy, as it says: frames of 480 samples every 320, features of the latest 49 frames.
    """
    features, words = sound.sound_features(1), micro_speech(1)
    content = write(chained([sound.sound_frames(1), features, sound.latest_features(1), words], "words"))
    pieces = 40
    phase = np.cumsum(np.linspace(0.02, 1.2, pieces * 320))
    heard = (9000 * np.sin(phase) + _RANDOM.normal(0, 900, phase.size)).astype(np.int16)
    padded = np.concatenate([np.zeros(160, np.int16), heard])
    frames = [(padded[None, 320 * i : 320 * i + 480],) for i in range(pieces)]
    made = [row for (row,) in tflm(write(features), features, frames)]
    rows = [[made[max(0, i + 1 - 49 + j)] for j in range(49)] for i in range(pieces)]
    expected = tflm(write(words), words, [(np.concatenate(one)[None],) for one in rows])
    built = build(content, tmp_path / "model")
    for _ in range(2):
        built.reset()
        said = [built.invoke((piece[None],))[0] for piece in np.split(heard, pieces)]
        assert np.array_equal(said, [one for (one,) in expected])
    samples = [(piece[None],) for piece in np.split(heard, pieces)]
    found = outputs_of(content, Interpreter.load("c"), "c", samples, expected)
    assert np.array_equal(found, expected)
    assert len({one.tobytes() for one in said}) > 4 and len({one.tobytes() for one in made}) == pieces


@pytest.mark.parametrize(
    ("title", "options", "message"),
    [
        ("window", {}, "it lacks the option shift"),
        ("window", {"shift": 32}, "it shifts by 32"),
        ("energy", {"start_index": 3, "end_index": 34}, "it takes places 3 to 34 for 33"),
        ("transform of 64/64", {"fft_length": 60}, "it transforms 60 values, not a power of two from 4 to 16384"),
        ("transform of 64/64", {"fft_length": 32}, "it transforms 1 times 64 values to 66, of 32 each"),
        ("filters", {"num_channels": 41}, "it has 41 channels for 40 outputs"),
        ("noise", {**_SUBTRACTION, "num_channels": 40, "clamping": False}, "it has 40 channels for 41 outputs"),
        ("gain", {"snr_shift": -1}, "it shifts by -1"),
        ("logarithm times 64", {"output_scale": 64}, "it lacks the option input_correction_bits"),
        ("frames", {"frame_size": 24, "frame_step": 7, "prefill": True}, "frames of 24 every 7 don't fit 16 values"),
        ("frames", {"frame_size": 4, "frame_step": 8, "prefill": True}, "frames of 4 every 8 don't fit 16 values"),
        ("frames", {"frame_size": 24, "frame_step": 16, "prefill": True}, "out0 is [2, 2, 24], not [2, 1, 24]"),
        ("delay of 3", {"delay_length": -1}, "it delays by -1"),
        ("overlap of int16", {"frame_step": 13}, "its frames of 12 don't fit every 13"),
    ],
)
def test_options_that_do_not_fit_are_refused(title: str, options: dict[str, Any], message: str) -> None:
    """One line that says which."""
    name, _, constants, outputs, samples = CASES[title]
    graph = _network(name, options, [*samples[0], *constants], len(constants), outputs)
    for backend in (tinyc, tinyi):
        with pytest.raises(ModelError) as caught:
            backend.check(graph, "x", {"kernels": "ref"})
        assert message in caught.value.what
    session = Interpreter.load("c").model(write(graph), 1 << 16, 16, has_kept=True, has_state=True)
    assert session.status == UNSUPPORTED


@examples(50)
@given(title=st.sampled_from(sorted(CASES)), words=st.binary(max_size=80))
def test_damaged_options_are_refused_or_taken(title: str, words: bytes) -> None:
    """Whatever lies in place of the flexbuffer: an error of ours, or none."""
    name, options, constants, outputs, samples = CASES[title]
    graph = _network(name, options, [*samples[0], *constants], len(constants), outputs)
    damaged = replace(graph, operators=tuple(replace(one, custom_options=words) for one in graph.operators))
    content, interpreter = write(damaged), Interpreter.load("c")
    try:
        tinyc.check(damaged, "tinyc", {"kernels": "ref"})
        tinyi.check(damaged, "tinyi", {"kernels": "c"})
    except ModelError as error:
        assert error.what
        session = interpreter.model(content, 1 << 16, 16, has_kept=True, has_state=True)
        assert OK <= session.status <= ARENA_TOO_SMALL
        return
    made = plan(damaged, requests(damaged, "c"))
    session = interpreter.model(content, made.total_bytes, made.unit, has_kept=True, has_state=True)
    assert session.status == OK


@pytest.mark.slow
@examples(300)
@given(data=st.data())
def test_damaged_files_are_refused_or_harmless(data: st.DataObject) -> None:
    """Changed anywhere, a file gets a status from tinyi, and nothing is read or written outside."""
    name, options, constants, outputs, samples = CASES[data.draw(st.sampled_from(sorted(CASES)))]
    content = bytearray(write(_network(name, options, [*samples[0], *constants], len(constants), outputs)))
    for _ in range(data.draw(st.integers(1, 4))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    keeps = data.draw(st.booleans())
    session = Interpreter.load("c").model(bytes(content), 1 << 15, 16, has_kept=keeps, has_state=keeps)
    assert OK <= session.status <= ARENA_TOO_SMALL
    if session.status == OK:
        assert session.invoke() in (OK, DAMAGED, UNSUPPORTED)
