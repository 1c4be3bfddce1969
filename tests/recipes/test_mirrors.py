"""Where a model's file and samples lie."""

from __future__ import annotations

from pathlib import Path

import pytest

from tinyflow.core.errors import UsageError
from tinyflow.recipes.mirrors import LocalFile, Mirrors, find_model, find_samples, model_urls
from tinyflow.recipes.schema import Model, Samples

_DIGEST = "0" * 64
_NET = Model(
    name="net",
    description="A network",
    file="net/v1.tflite",
    urls=("https://example.org/v1.tflite",),
    sha256=_DIGEST,
    samples=Samples(folder="net/input", format="float32", count=2),
)


def _touch(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    return path


def test_folders_and_urls_are_told_apart(tmp_path: Path) -> None:
    """A colon separates entries, but not within a URL's port and scheme."""
    text = f"{tmp_path}:https://mirror.example.org:8080/models/::http://localhost"
    assert Mirrors.discover({"TINYFLOW_MIRRORS": text}) == Mirrors(
        (tmp_path,), ("https://mirror.example.org:8080/models", "http://localhost")
    )
    assert Mirrors.discover({}) == Mirrors()


def test_a_mirror_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """Else a mistyped mirror would quietly mean synthetic weights."""
    with pytest.raises(UsageError, match="which is not a folder"):
        Mirrors.discover({"TINYFLOW_MIRRORS": str(tmp_path / "gone")})


def test_the_file_beside_the_recipe_comes_first_then_mirrors_in_order(tmp_path: Path) -> None:
    """In a mirror, the recipe's path is tried first, then the customary ones."""
    own, first, second = (tmp_path / name for name in ("own", "first", "second"))
    mirrors = Mirrors((first, second))
    assert find_model(_NET, own, mirrors) is None
    for path in (second / "net.tflite", second / "net/net.tflite", second / "net/v1.tflite", first / "net.tflite"):
        _touch(path)
        assert find_model(_NET, own, mirrors) == LocalFile(path, "mirror")
    assert find_model(_NET, own, mirrors) == LocalFile(first / "net.tflite", "mirror")
    _touch(own / "net/v1.tflite")
    assert find_model(_NET, own, mirrors) == LocalFile(own / "net/v1.tflite", "file")


def test_a_file_that_nothing_pins_is_the_user_s_own(tmp_path: Path) -> None:
    """Wherever it was found."""
    path = _touch(tmp_path / "mine.tflite")
    mine = Model(name="mine", description="Mine", file="mine.tflite")
    assert find_model(mine, tmp_path / "recipes", Mirrors((tmp_path,))) == LocalFile(path, "file")


def test_url_mirrors_come_before_the_recipe_s_urls() -> None:
    """They have the layout of mirror folders."""
    mirrors = Mirrors(urls=("https://mirror.example.org",))
    assert model_urls(_NET, mirrors) == (
        "https://mirror.example.org/net/v1.tflite",
        "https://example.org/v1.tflite",
    )


def test_nothing_is_downloaded_that_no_digest_pins() -> None:
    """A user's own file without a digest is never looked for on a server."""
    mine = Model(name="mine", description="Mine", file="mine.tflite")
    assert model_urls(mine, Mirrors(urls=("https://mirror.example.org",))) == ()


def test_samples_are_taken_from_one_folder_in_order_without_gaps(tmp_path: Path) -> None:
    """At most as many as asked for; samples of two folders are never mixed."""
    first, second = tmp_path / "first", tmp_path / "second"
    mirrors = Mirrors((first, second))
    assert find_samples(_NET, tmp_path, mirrors) == ()
    found = [_touch(second / f"net/input/{index}.bin") for index in (0, 1, 2)]
    assert find_samples(_NET, tmp_path, mirrors) == tuple(found[:2])
    gap = [_touch(first / f"net/input/{index}.bin") for index in (0, 2)]
    assert find_samples(_NET, tmp_path, mirrors) == (gap[0],)
