"""Labelled samples as people keep them: the same whichever way they lie there; what doesn't fit is named."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tinyflow.core.errors import ModelError
from tinyflow.model import labelled
from tinyflow.model.graph import Quantisation, Tensor

X = np.random.default_rng(3).integers(0, 256, (6, 2, 2, 3), np.uint8)
Y = [0, 1, 2, 0, 1, 2]
NAMES = ("cat", "dog", "owl")
FORM = labelled.Form("uint8", 255.0, "last", NAMES)
TENSOR = Tensor(index=0, name="x", shape=(1, 2, 2, 3), dtype="int8", quantisation=Quantisation((1 / 255,), (-128,)))


def _folders(place: Path) -> Path:
    for number, (x, y) in enumerate(zip(X, Y, strict=True)):
        folder = place / "set" / NAMES[y]
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.bin").write_bytes(x.tobytes())
    return place / "set"


def _csv(place: Path, line: Callable[[int], str] = lambda number: f"{number}.npy,{NAMES[Y[number]]}") -> Path:
    (place / "set").mkdir()
    for number, x in enumerate(X):
        np.save(place / "set" / f"{number}.npy", x)
        (place / "set" / f"{number}.bin").write_bytes(x.tobytes())
    (place / "set" / "y.csv").write_text("file,label\n" + "".join(f"{line(number)}\n" for number in range(6)))
    return place / "set"


def _mlperf(place: Path) -> Path:
    return _csv(place, lambda number: f"{number}.bin, 3, {Y[number]}")


def _npz(place: Path) -> Path:
    np.savez(place / "set.npz", x=X, y=np.array([NAMES[y] for y in Y]))
    return place / "set.npz"


def _records(place: Path) -> Path:
    content = b"".join(bytes([y]) + x.tobytes() for x, y in zip(X, Y, strict=True))
    (place / "set.bin").write_bytes(content)
    return place / "set.bin"


def _found(path: Path, form: labelled.Form = FORM) -> dict[bytes, int]:
    """Bytes of the network's input → label."""
    read = labelled.read(path, path.name, form)
    if path.suffix == ".bin":
        read = labelled.records(read.items[0], 12, form)
    taker = labelled.Taker(TENSOR, form)
    return {own.tobytes(): item.label for item in read.items for own, _ in taker.windows(item)}


@pytest.mark.parametrize("make", [_folders, _csv, _mlperf, _npz, _records])
def test_every_form_gives_the_same(make: Callable[[Path], Path], tmp_path: Path) -> None:
    """Pixels from 0 to 1 in int8 are the pixels less 128, as MLPerf Tiny's reference submission has them."""
    wanted = {(x.astype(np.int16) - 128).astype(np.int8).tobytes(): y for x, y in zip(X, Y, strict=True)}
    assert _found(make(tmp_path)) == wanted


def test_channels_that_come_first_go_last(tmp_path: Path) -> None:
    """As CIFAR-10 has them: all reds of an image, then all greens."""
    np.savez(tmp_path / "set.npz", x=X.transpose(0, 3, 1, 2), y=Y)
    assert _found(tmp_path / "set.npz", labelled.Form(None, 255.0, "first", ())) == _found(_npz(tmp_path))


def test_channels_come_first_in_pictures_alone(tmp_path: Path) -> None:
    """A row of numbers has none."""
    np.savez(tmp_path / "set.npz", x=X, y=Y)
    form = labelled.Form(None, 255.0, "first", ())
    row = replace(TENSOR, shape=(1, TENSOR.elements))
    (item, *_) = labelled.read(tmp_path / "set.npz", "set.npz", form).items
    with pytest.raises(ModelError, match="is of pictures, and the network takes 1 x 12"):
        next(labelled.Taker(row, form).windows(item))


def test_whole_numbers_are_labels_where_classes_are_called_by_numbers(tmp_path: Path) -> None:
    """The first class may be called 1: label 1 of an array is the second."""
    path = _saved(tmp_path, x=np.zeros((4, 1), np.float32), y=np.arange(4))
    read = labelled.read(path, "set.npz", labelled.Form(None, 1.0, "last", ("1", "2", "3", "4")))
    assert [item.label for item in read.items] == [0, 1, 2, 3]


def test_more_samples_begin_with_the_fewer(tmp_path: Path) -> None:
    """So that what was computed of them is kept; they are spread over all that there are."""
    read = labelled.read(_npz(tmp_path), "set.npz", FORM)
    few, many = ([item.name for item in read.chosen(count)] for count in (3, 100))
    assert many[:3] == few and sorted(many) == [str(number) for number in range(6)] and many != sorted(many)


def test_windows_go_over_a_recording(tmp_path: Path) -> None:
    """In bytes of the file, as MLPerf Tiny's csv has them; what is left at the end is no window."""
    (tmp_path / "a.bin").write_bytes(np.arange(11, dtype=np.float32).tobytes())
    (tmp_path / "y.csv").write_text("a.bin,2,1,16,8\n")
    form = labelled.Form("float32", 1.0, "last", ())
    (item,) = labelled.read(tmp_path, "set", form).items
    tensor = Tensor(index=0, name="x", shape=(1, 4), dtype="float32", quantisation=None)
    found = [real.tolist() for _, real in labelled.Taker(tensor, form).windows(item)]
    assert found == [[begin, begin + 1, begin + 2, begin + 3] for begin in (0, 2, 4, 6)]


class _Spy:
    """What leaves a trace where it is loaded."""

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, ("loaded",)


def _saved(place: Path, **arrays: object) -> Path:
    np.savez(place / "set.npz", **arrays)  # type: ignore[arg-type]
    return place / "set.npz"


def _cut(place: Path) -> Path:
    path = _npz(place)
    path.write_bytes(path.read_bytes()[:-40])
    return path


def _with(place: Path, name: str, content: bytes) -> Path:
    (place / name).parent.mkdir(parents=True, exist_ok=True)
    (place / name).write_bytes(content)
    return place / name.partition("/")[0]


@pytest.mark.parametrize(
    ("make", "where", "what"),
    [
        (lambda place: _saved(place, x=X, y=Y[:5]), "set.npz", "5 labels for 6 samples"),
        (lambda place: _saved(place, x=X, z=Y), "set.npz", "has the arrays x, z"),
        (lambda place: _saved(place, x=X, y=np.array(Y) / 2), "set.npz", "labels y are float64"),
        (lambda place: _saved(place, x=X, y=np.array([0, -1] * 3)), "set.npz, sample 1", 'unknown class "-1"'),
        (lambda place: _saved(place, x=X, y=np.array([0, 9] * 3)), "set.npz, sample 1", "label 9 has no name"),
        (lambda place: _saved(place, x=X[:, :1], y=Y), "set.npz, sample 0", "has 6 values"),
        (lambda place: _saved(place, x=X.astype(np.int32), y=Y), "set.npz, sample 0", "holds int32"),
        (lambda place: _saved(place, x=np.full(X.shape, np.nan), y=Y), "set.npz, sample 0", "not finite"),
        (lambda place: _saved(place, x=np.array([_Spy()] * 6), y=Y), "set.npz", "holds Python objects"),
        (_cut, "set.npz", "is no .npz that can be read"),
        (lambda place: _with(place, "set.npz", b"no zip"), "set.npz", "is no .npz that can be read"),
        (lambda place: _csv(place, lambda number: f"{number}.npy,fox"), "set/y.csv:2", 'unknown class "fox"'),
        (lambda place: _csv(place, lambda number: f"{number}.x,1"), "set/y.csv:2", 'there is no file "0.x"'),
        (lambda place: _csv(place, lambda number: "../set/0.npy,1"), "set/y.csv:2", "there is no file"),
        (lambda place: _csv(place, lambda number: "0.npy"), "set/y.csv:2", "has 1 columns"),
        (lambda place: _csv(place, lambda number: "0.bin,2,1,0,4"), "set/y.csv:2", "is no window and stride"),
        (lambda place: _csv(place, lambda number: "0.bin,2,1,8,4"), "set/y.csv:2", "windows of 8 bytes"),
        (lambda place: _with(place, "set/fox/0.bin", b""), "set/fox", 'unknown class "fox"'),
        (lambda place: _with(place, "set/cat/0.png", b""), "set/cat/0.png", '"0.png" is no sample'),
        (lambda place: _with(place, "set/cat/0.npy", b"text"), "set/cat/0.npy", "is no .npy that can be read"),
        (lambda place: _with(place, "set/cat/0.npy", b"\x93NUMPY"), "set/cat/0.npy", "is no .npy that can be read"),
        (lambda place: _with(place, "set.bin", bytes(25)), "set.bin", "has 25 bytes, which are no records of 1 + 12"),
        (lambda place: _with(place, "set.txt", b""), "set.txt", "is no labelled data"),
    ],
)
def test_what_does_not_fit_is_told_with_its_place(
    make: Callable[[Path], Path], where: str, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In one line; pickles are never loaded."""
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ModelError) as raised:
        _found(make(tmp_path))
    assert raised.value.where == where and what in raised.value.what and "\n" not in raised.value.what
    assert not (tmp_path / "loaded").exists()
