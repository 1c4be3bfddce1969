"""Labelled samples of a user's: folders, `.npz`, csv, records; what they hold as a network takes it. Loads no pickles.

Every refusal names the file, and the line or the sample.
"""

from __future__ import annotations

import csv
import io
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, NoReturn

import numpy as np

from tinyflow.core.errors import ModelError
from tinyflow.model.graph import Tensor
from tinyflow.model.interpreters import Array
from tinyflow.model.reference import numpy_dtype, quantise

_ENDINGS = (".bin", ".npy")
_HEADINGS = ("file", "filename", "name", "path", "image")
_FORMS = {2: (0, 1), 3: (0, 2), 5: (0, 2)}  # columns of a csv: where file and label are; with three or five MLPerf's
_CSV_HINT = "lines are file,label or, as MLPerf Tiny has them, file,classes,label and file,classes,label,window,stride"
_NPY = b"\x93NUMPY"
_BROKEN = (ValueError, OSError, EOFError, KeyError, zipfile.BadZipFile, zlib.error, NotImplementedError)


@dataclass(frozen=True)
class Form:
    """How the values in files are meant."""

    format: str | None  # of `.bin`: float32, uint8 or int8
    divide: float  # what a value in a file is divided by to be a real one
    channels: str  # `first`: a sample lies there as channels, rows, columns
    classes: Sequence[str]  # names of the labels 0, 1, …


@dataclass(frozen=True)
class Item:
    """One labelled thing: one sample, or several windows of one recording."""

    name: str
    label: int
    where: str  # for refusals
    read: Callable[[], Array]  # flat values, of one sample or more
    window: int = 0  # bytes of one sample within it, and from one to the next
    stride: int = 0


@dataclass(frozen=True)
class Labelled:
    """All that there is, not read yet."""

    items: Sequence[Item]
    classes: Sequence[str]  # may be empty: labels are numbers then

    def chosen(self, count: int) -> list[Item]:
        """At most `count`, in an order that depends on nothing but how many there are: more begin with the fewer."""
        order = sorted(range(len(self.items)), key=lambda index: sha256(str(index).encode()).digest())
        return [self.items[index] for index in order[:count]]


def read(path: Path, name: str, form: Form) -> Labelled:
    """What lies at a path, which people know by `name`. Raises ModelError."""
    found = _any(path, name, form)
    if not found.items:
        raise ModelError("there are no samples", where=name, hint="a folder for each class, or a csv, an .npz")
    return found


def _any(path: Path, name: str, form: Form) -> Labelled:
    if path.is_dir():
        tables = sorted(path.glob("*.csv"))
        if len(tables) > 1:
            names = ", ".join(table.name for table in tables)
            raise ModelError(f"there are several csv: {names}", where=name, hint="name one of them in `data`")
        return _of_csv(tables[0], f"{name}/{tables[0].name}", form) if tables else _of_folders(path, name, form)
    readers = {".csv": _of_csv, ".npz": _of_npz, ".bin": _of_records}
    if Path(name).suffix not in readers:
        raise ModelError("is no labelled data", where=name, hint="a folder, .csv, .npz, .bin, .tar.gz or .zip")
    return readers[Path(name).suffix](path, name, form)


def _of_folders(folder: Path, name: str, form: Form) -> Labelled:
    """A sub-folder for each class."""
    found = sorted((path.name for path in folder.iterdir() if path.is_dir()), key=lambda each: (len(each), each))
    if all(each.isdecimal() for each in found) and not form.classes:
        labels = {each: int(each) for each in found}
    else:
        classes = form.classes or sorted(found)
        labels = {each: _label(each, classes, f"{name}/{each}") for each in found}
        form = Form(form.format, form.divide, form.channels, classes)
    paths = [(each, path) for each in found for path in sorted((folder / each).iterdir())]
    items = [
        _file(path, f"{each}/{path.name}", labels[each], f"{name}/{each}/{path.name}", form) for each, path in paths
    ]
    return Labelled(items, form.classes)


def _of_csv(path: Path, name: str, form: Form) -> Labelled:
    """A line for each file, which lies in the csv's folder."""
    items = []
    try:
        lines = list(csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"))))
    except (UnicodeDecodeError, csv.Error) as error:
        raise ModelError(f"can't be read: {error}", where=name, hint=_CSV_HINT) from None
    for number, cells in enumerate(lines, 1):
        where = f"{name}:{number}"
        cells = [cell.strip() for cell in cells]
        if not any(cells) or (number == 1 and cells[0].lower() in _HEADINGS):
            continue
        if len(cells) not in _FORMS:
            raise ModelError(f"has {len(cells)} columns", where=where, hint=_CSV_HINT)
        file, text = (cells[column] for column in _FORMS[len(cells)])
        target = path.parent / file
        if Path(file).is_absolute() or ".." in Path(file).parts or not target.is_file():
            raise ModelError(f'there is no file "{file}"', where=where, hint="files lie beside the csv, or below it")
        window, stride = _windows(cells, where) if len(cells) == 5 else (0, 0)
        items.append(_file(target, file, _label(text, form.classes, where), where, form, window, stride))
    return Labelled(items, form.classes)


def _windows(cells: Sequence[str], where: str) -> tuple[int, int]:
    if not all(cell.isdecimal() and int(cell) for cell in cells[3:]):
        raise ModelError(f'"{cells[3]}, {cells[4]}" is no window and stride', where=where, hint="both in bytes, from 1")
    return int(cells[3]), int(cells[4])


def _of_npz(path: Path, name: str, form: Form) -> Labelled:
    """Arrays x, samples first, and y, their labels."""
    if not zipfile.is_zipfile(path):  # what is neither numpy takes for a pickle
        raise ModelError("is no .npz that can be read", where=name, hint="np.savez(file, x=…, y=…) makes one")
    try:
        with np.load(path, allow_pickle=False) as arrays:
            if not {"x", "y"} <= set(arrays.files):
                what = f"has the arrays {', '.join(sorted(arrays.files)) or 'none'}"
                raise ModelError(what, where=name, hint="x holds samples, y their labels: np.savez(file, x=…, y=…)")
            x, y = arrays["x"], arrays["y"]
    except _BROKEN as error:
        _refuse_array(error, name, ".npz")
    if y.ndim != 1 or y.dtype.kind not in "iuU":
        what = f"labels y are {y.dtype} of shape {y.shape}"
        raise ModelError(what, where=name, hint="one whole number, or one class's name, for each sample")
    if not x.ndim or len(x) != len(y):
        what = f"{len(y)} labels for {len(x) if x.ndim else 'no'} samples"
        raise ModelError(what, where=name, hint="x and y have the same first dimension")
    items = []
    for index, label in enumerate(y.tolist()):
        where = f"{name}, sample {index}"
        items.append(Item(str(index), _label(label, form.classes, where), where, _row(x, index)))
    return Labelled(items, form.classes)


def _row(x: Array, index: int) -> Callable[[], Array]:
    return lambda: x[index].ravel()


def _of_records(path: Path, name: str, form: Form) -> Labelled:
    """One file: a byte with the label, then a sample, again and again; how long one is the network knows."""
    content = np.frombuffer(path.read_bytes(), np.uint8)
    return Labelled([Item("", -1, name, lambda: content)], form.classes)


def records(item: Item, bytes_each: int, form: Form) -> Labelled:
    """The items of such a file, now that it is known how long each is. Raises ModelError."""
    content = item.read()
    if not len(content) or len(content) % (1 + bytes_each):
        what = f"has {len(content)} bytes, which are no records of 1 + {bytes_each}"
        raise ModelError(what, where=item.where, hint="a byte with the label, then a sample, as `format` says")
    table = content.reshape(-1, 1 + bytes_each)
    dtype = _dtype(form, item.where)
    items = []
    for index, label in enumerate(table[:, 0].tolist()):
        where = f"{item.where}, record {index}"
        items.append(Item(str(index), _label(label, form.classes, where), where, _record(table, index, dtype)))
    return Labelled(items, form.classes)


def _record(table: Array, index: int, dtype: np.dtype[Any]) -> Callable[[], Array]:
    return lambda: np.frombuffer(table[index, 1:].tobytes(), dtype)


def _label(given: str | int, classes: Sequence[str], where: str) -> int:
    """The number of a class, by number or name. An integer is never a name; digits as text are, if a class has it."""
    if given in classes:
        return classes.index(str(given))
    text = str(given)
    if not text.isdecimal():
        known = f"classes: {', '.join(classes)}" if classes else "give a number from 0, or name `classes` in the recipe"
        raise ModelError(f'unknown class "{text}"', where=where, hint=known)
    label = int(text)
    if classes and label >= len(classes):
        what = f"label {label} has no name"
        raise ModelError(what, where=where, hint=f"classes, from 0: {', '.join(classes)}")
    return label


def _file(path: Path, name: str, label: int, where: str, form: Form, window: int = 0, stride: int = 0) -> Item:
    if path.suffix not in _ENDINGS or not path.is_file():
        hint = "samples are .bin, whose values `format` tells, or .npy"
        raise ModelError(f'"{path.name}" is no sample', where=where, hint=hint)

    def load() -> Array:
        if path.suffix == ".npy":
            with path.open("rb") as file:
                if file.read(len(_NPY)) != _NPY:
                    raise ModelError("is no .npy that can be read", where=where)
            try:
                array: Array = np.load(path, allow_pickle=False)
            except _BROKEN as error:
                _refuse_array(error, where, ".npy")
            return array.ravel()
        content, dtype = path.read_bytes(), _dtype(form, where)
        if len(content) % dtype.itemsize:
            raise ModelError(f"has {len(content)} bytes, which are no {dtype.name}", where=where)
        return np.frombuffer(content, dtype)

    return Item(name, label, where, load, window, stride)


def _dtype(form: Form, where: str) -> np.dtype[Any]:
    if form.format is None:
        raise ModelError("a .bin needs a format", where=where, hint="`accuracy.format`: float32, uint8 or int8")
    dtype: np.dtype[Any] = np.dtype(form.format).newbyteorder("<")
    return dtype


def _refuse_array(error: Exception, where: str, ending: str) -> NoReturn:
    if "pickle" in str(error):
        hint = "save an array of numbers; objects would be pickles, which can run anything"
        raise ModelError("holds Python objects, which are never loaded", where=where, hint=hint) from None
    told = str(error).partition("\n")[0]
    raise ModelError(f"is no {ending} that can be read: {told}", where=where) from None


@dataclass(frozen=True)
class Taker:
    """A network's input, of which labelled samples are made."""

    tensor: Tensor
    form: Form

    def check(self, label: int, classes: int, where: str) -> None:
        """Raises ModelError for a label that the network has no class for."""
        if label >= classes:
            raise ModelError(f"label {label}", where=where, hint=f"the network has classes 0 to {classes - 1}")

    def windows(self, item: Item) -> Iterator[tuple[Array, Array]]:
        """Every sample of an item: the tensor's own values, and the real ones. Raises ModelError."""
        values, size = item.read(), self.tensor.elements
        each, step = (item.window or size * values.itemsize), (item.stride or size * values.itemsize)
        if each != size * values.itemsize or step % values.itemsize:
            what = f"windows of {each} bytes, {step} apart"
            hint = f"the network takes {size} values; of {values.dtype} they are {size * values.itemsize} bytes"
            raise ModelError(what, where=item.where, hint=hint)
        if len(values) < size or (not item.window and len(values) != size):
            shape = " x ".join(map(str, self.tensor.shape))
            raise ModelError(f"has {len(values)} values", where=item.where, hint=f"the network takes {size}: {shape}")
        for begin in range(0, len(values) - size + 1, step // values.itemsize):
            yield self._taken(values[begin : begin + size], item.where)

    def _taken(self, values: Array, where: str) -> tuple[Array, Array]:
        tensor, kind = self.tensor, values.dtype.kind
        if self.form.channels == "first":
            if len(tensor.shape) != 4:
                shape = " x ".join(map(str, tensor.shape))
                raise ModelError(f"`channels: first` is of pictures, and the network takes {shape}", where=where)
            *_, height, width, channels = tensor.shape
            values = values.reshape(channels, height, width).transpose(1, 2, 0).ravel()
        own = numpy_dtype(tensor)
        if kind == "f" or (values.dtype == np.uint8 and own != np.uint8):
            real = values.astype(np.float64) / self.form.divide
            if not np.isfinite(real).all():
                raise ModelError("has values that are not finite", where=where)
            return quantise(real.astype(np.float32), tensor), real
        scheme = tensor.quantisation
        if values.dtype != own:
            hint = f"the network takes {tensor.dtype}; real values are float32, pixels uint8"
            raise ModelError(f"holds {values.dtype}", where=where, hint=hint)
        scale, zero = (1.0, 0) if scheme is None or scheme.is_per_channel else (scheme.scale, scheme.zero_point)
        return values, (values.astype(np.float64) - zero) * scale


def of_mapping(parameters: Mapping[str, Any]) -> Form:
    """From an action's parameters."""
    return Form(*(parameters[name] for name in ("format", "divide", "channels", "classes")))
