"""What is remembered of a recipe is right or not used."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tinyflow.core import digest
from tinyflow.recipes import memo as memos
from tinyflow.recipes.catalogue import KINDS, Catalogue, data_folder
from tinyflow.recipes.memo import Memo, Stamp, take_stamp
from tinyflow.recipes.record_types import revive
from tinyflow.recipes.schema import Model, Recipe
from tinyflow.recipes.validate import validate

_MODEL = Model(name="net", description="A network", file="net.tflite")


@pytest.fixture(autouse=True)
def _everything_is_settled(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Files count as settled at once; waiting for it would take two seconds in each test."""
    monkeypatch.setattr(digest, "_RACY_NS", -(10**18))
    validators = memos._validators
    validators.cache_clear()
    yield
    validators.cache_clear()


@pytest.fixture
def recipe_file(tmp_path: Path) -> Path:
    """The file that `_MODEL` was validated from."""
    path = tmp_path / "net.yaml"
    path.write_text("description: A network\nfile: net.tflite\n")
    return path


def test_what_was_stored_is_loaded(tmp_path: Path, recipe_file: Path) -> None:
    """An unchanged file gives the equal recipe."""
    memo = Memo(tmp_path / "memo")
    assert memo.load(Model, recipe_file) is None
    memo.store(recipe_file, take_stamp(recipe_file), _MODEL)
    assert memo.load(Model, recipe_file) == _MODEL
    [entry] = [path for path in memo.folder.rglob("*") if path.is_file()]
    entry.unlink()
    os.mkfifo(entry)
    assert memo.load(Model, recipe_file) is None


def test_a_recipe_whose_path_is_no_text_is_remembered(tmp_path: Path) -> None:
    """Folders may have names that are not UTF-8: entries and drafts work there as anywhere."""
    path = tmp_path / os.fsdecode(b"a\xff") / "net.yaml"
    path.parent.mkdir()
    path.write_text("description: A network\nfile: net.tflite\n")
    memo = Memo(path.parent / "memo")
    memo.store(path, take_stamp(path), _MODEL)
    assert memo.load(Model, path) == _MODEL
    assert len(list(memo.folder.iterdir())) == 1


def _edit(path: Path) -> None:
    path.write_text("description: A netwolk\nfile: net.tflite\n")


def _edit_and_turn_back_the_clock(path: Path) -> None:
    status = path.stat()
    _edit(path)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def _replace(path: Path) -> None:
    other = path.with_suffix(".other")
    other.write_bytes(path.read_bytes())
    other.replace(path)


@pytest.mark.parametrize("change", [_edit, _edit_and_turn_back_the_clock, _replace, Path.unlink])
def test_a_file_that_was_touched_in_any_way_is_read_again(
    tmp_path: Path, recipe_file: Path, change: Callable[[Path], None]
) -> None:
    """Equal size and equal time of modification don't hide an edit."""
    memo = Memo(tmp_path / "memo")
    memo.store(recipe_file, take_stamp(recipe_file), _MODEL)
    time.sleep(0.02)  # more than a tick of the kernel's clock
    change(recipe_file)
    assert memo.load(Model, recipe_file) is None


def test_a_file_that_may_still_change_unseen_is_not_remembered(
    tmp_path: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two writes within one tick of the clock leave equal stamps, so young files are not kept."""
    monkeypatch.setattr(digest, "_RACY_NS", 2_000_000_000)
    memo = Memo(tmp_path / "memo")
    memo.store(recipe_file, take_stamp(recipe_file), _MODEL)
    assert memo.load(Model, recipe_file) is None


def test_other_code_remembers_nothing(tmp_path: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A recipe that another schema validated is validated again."""
    memo = Memo(tmp_path / "memo")
    memo.store(recipe_file, take_stamp(recipe_file), _MODEL)
    monkeypatch.setattr(memos, "_validators", lambda: (Stamp(("schema.py", 1, 2, 3, 4), True),))
    assert memo.load(Model, recipe_file) is None


def test_code_that_is_being_edited_remembers_nothing(
    tmp_path: Path, recipe_file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What runs may be older than the file that it was read from."""
    monkeypatch.setattr(memos, "_validators", lambda: (Stamp(("schema.py", 1, 2, 3, 4), False),))
    memo = Memo(tmp_path / "memo")
    memo.store(recipe_file, take_stamp(recipe_file), _MODEL)
    assert memo.load(Model, recipe_file) is None


@pytest.mark.parametrize("where", [0, 70, -3])
def test_a_flipped_bit_makes_no_entry(tmp_path: Path, recipe_file: Path, where: int) -> None:
    """In the digest, in the stamp or in the recipe: a damaged entry is not an entry."""
    memo = Memo(tmp_path / "memo")
    memo.store(recipe_file, take_stamp(recipe_file), _MODEL)
    (entry,) = (tmp_path / "memo").iterdir()
    content = bytearray(entry.read_bytes())
    content[where] ^= 1
    entry.write_bytes(content)
    assert memo.load(Model, recipe_file) is None


@pytest.mark.parametrize("length", [0, 10, 64, 65, 100])
def test_a_torn_entry_is_no_entry(tmp_path: Path, recipe_file: Path, length: int) -> None:
    """Whatever a crash leaves behind."""
    memo = Memo(tmp_path / "memo")
    memo.store(recipe_file, take_stamp(recipe_file), _MODEL)
    (entry,) = (tmp_path / "memo").iterdir()
    entry.write_bytes(entry.read_bytes()[:length])
    assert memo.load(Model, recipe_file) is None


def test_a_folder_that_can_t_be_made_costs_only_time(tmp_path: Path, recipe_file: Path) -> None:
    """Nothing is stored, nothing fails."""
    (tmp_path / "memo").write_text("a file")
    memo = Memo(tmp_path / "memo")
    memo.store(recipe_file, take_stamp(recipe_file), _MODEL)
    assert memo.load(Model, recipe_file) is None


@pytest.mark.parametrize("kind", KINDS)
def test_every_built_in_recipe_survives_json(kind: type[Recipe], tmp_path: Path) -> None:
    """A recipe from the memo equals the validated one, with all nested parts and types."""
    catalogue = Catalogue([data_folder() / "recipes"])
    memo = Memo(tmp_path / "memo")
    for name in catalogue.names(kind):
        path = catalogue.path(kind, name)
        recipe = validate(kind, name, path.read_bytes(), str(path))
        memo.store(path, take_stamp(path), recipe)
        assert memo.load(kind, path) == recipe
        assert repr(memo.load(kind, path)) == repr(recipe)


def test_data_of_another_shape_is_refused() -> None:
    """A field that is gone makes a TypeError or KeyError, never half a recipe."""
    with pytest.raises((TypeError, KeyError)):
        revive(Model, {"name": "x", "description": "x", "gone": 1})


_NO_OP = """
import sys
from pathlib import Path
from tinyflow.core import digest
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.resolve import resolve
from tinyflow.recipes.suite import expand

digest._RACY_NS = -(10**18)
catalogue = Catalogue([data_folder() / "recipes"], Path(sys.argv[1]))
for bench in expand(catalogue, "mlperf_tiny"):
    resolve(bench, catalogue)
print(sorted({"yaml", "pydantic", "numpy", "tvm", "jinja2", "rich", "doit"} & set(sys.modules)))
"""


def test_unchanged_recipes_import_neither_parser_nor_schema(tmp_path: Path) -> None:
    """A second process resolves a whole suite from the memo alone; numpy and tvm are never imported."""
    command = [sys.executable, "-c", _NO_OP, str(tmp_path)]
    runs = [subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip() for _ in range(2)]
    assert runs == ["['pydantic', 'yaml']", "[]"]
