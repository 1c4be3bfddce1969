"""Where things lie: found from anywhere in a project, moved by one variable."""

from __future__ import annotations

from pathlib import Path

from tinyflow.flow.project import find_project


def test_a_project_is_found_from_its_subfolders(project: Path) -> None:
    """The nearest folder upwards with recipes of its own."""
    below = project / "src" / "deep"
    below.mkdir(parents=True)
    found = find_project(below, {})
    assert (found.root, found.cache) == (project, project / "cache")
    assert found.build == project / "build"


def test_kernels_alone_make_a_project(tmp_path: Path, project: Path) -> None:
    """A folder with nothing but runtimes and features, as docs/kernels.md has it, even within another project."""
    inner = project / "kernels"
    for kind in ("runtimes", "features"):
        for place in (inner, tmp_path / kind):
            (place / "recipes" / kind).mkdir(parents=True)
    assert find_project(inner, {}).root == inner
    assert all(find_project(tmp_path / kind, {}).root == tmp_path / kind for kind in ("runtimes", "features"))
    assert find_project(tmp_path / "features", {}).cache == tmp_path / "features" / "cache"


def test_elsewhere_builds_here_and_shares_the_cache(tmp_path: Path) -> None:
    """Without a project the working directory gets `build/`, and the cache is the user's."""
    found = find_project(tmp_path, {"XDG_CACHE_HOME": str(tmp_path / "user")})
    assert (found.root, found.cache) == (tmp_path, tmp_path / "user" / "tinyflow")


def test_the_cache_can_be_moved(project: Path) -> None:
    """TINYFLOW_CACHE wins; a relative one counts from the working directory."""
    assert find_project(project, {"TINYFLOW_CACHE": "../shared"}).cache == project / "../shared"
