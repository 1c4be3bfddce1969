"""What words of `compare` name, over reports that are written down: pairs by feature and part, files, revisions."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any, cast

import pytest

from tinyflow.core.errors import UsageError
from tinyflow.flow.project import Project
from tinyflow.flow.publishing import comparison
from tinyflow.flow.publishing.comparison import find_comparison, find_results, read_results
from tinyflow.report import history
from tinyflow.report.documents import BenchDocuments
from tinyflow.report.rows import SCHEMA


def report(name: str, size: int = 1, **more: Any) -> dict[str, Any]:
    """As much of a report as comparing needs."""
    first, *features = name.split("+")
    model, backend, target = first.split("-")
    parts = (feature.partition(".") for feature in features)
    return {
        "schema": SCHEMA,
        **{"bench": name, "model": model, "backend": backend, "target": target},
        "features": {feature: value or True for feature, _, value in parts},
        **{"status": "ok", "weights": "trained", "metrics": {"rom_bytes": size}, **more},
    }


NAMES = [
    *("net-a-chip", "net-b-chip", "net-a-host", "two-a-chip", "two-b-chip", "net-a-chip+dsp", "two-a-chip+dsp+opt.O2"),
    *("two-a-chip+opt.O2", "net-b-chip+opt.O3"),
]


class Shown:
    """Views of these benches."""

    def __init__(self, root: Path) -> None:
        self.project = Project(root, root / "cache")
        self.checked: list[Path] = []

    def all(self) -> list[str]:
        """Their names."""
        return NAMES

    def reports(self, names: Iterable[str]) -> list[dict[str, Any]]:
        """Their reports."""
        return [report(name, NAMES.index(name)) for name in names if name in NAMES]

    def documents(self, name: str) -> BenchDocuments | None:
        """With times."""
        timing = {"invoke_s": [1.0, 2.0], "setup_s": ["odd"], "other": [1.0]}
        return BenchDocuments(report(name, NAMES.index(name)), timing=timing) if name in NAMES else None

    def check(self, path: Path) -> None:
        """Note it."""
        self.checked.append(path)


class Recipes:
    """A catalogue with one suite, and what benches are of."""

    def has(self, kind: type, name: str) -> bool:
        """Whether there is one."""
        return name in {"Model": ("net", "two"), "Backend": ("a", "b", "c"), "Target": ("chip",)}.get(kind.__name__, ())


@pytest.fixture
def views(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Seen from the project's folder."""
    monkeypatch.chdir(tmp_path)
    return Shown(tmp_path)


def paired(views: Any, old: str, new: str) -> dict[str, tuple[int, int]]:
    """Name of a pair → which benches it is of."""
    before, after = find_comparison(old, new, views, cast(Any, Recipes()))
    assert before.keys() == after.keys()
    return {
        name: (before[name].report["metrics"]["rom_bytes"], after[name].report["metrics"]["rom_bytes"])
        for name in before
    }


def test_words_pair_benches(views: Any) -> None:
    """By a feature, with and without or by its values; by a model, backend or target; two benches as they are."""
    assert paired(views, "+", "+dsp") == {"net-a-chip": (0, 5), "two-a-chip+opt.O2": (7, 6)}
    assert paired(views, "+dsp", "+") == {"net-a-chip": (5, 0), "two-a-chip+opt.O2": (6, 7)}
    assert paired(views, "a", "b") == {"net-*-chip": (0, 1), "two-*-chip": (3, 4)}
    assert paired(views, "chip", "host") == {"net-a-*": (0, 2)}
    assert paired(views, "net", "two") == {"*-a-chip": (0, 3), "*-b-chip": (1, 4)}
    assert paired(views, "net-a-chip", "bench:two-a-chip+opt.O2+dsp") == {"net-a-chip -> two-a-chip+dsp+opt.O2": (0, 6)}
    before, _ = find_comparison("net-a-chip", "net-b-chip", views, cast(Any, Recipes()))
    assert dict(before["net-a-chip -> net-b-chip"].samples) == {"invoke_s": [1.0, 2.0]}
    for old, new, what in (
        *(("dsp", "+", '"dsp" is not a feature'), ("+", "dsp", '"dsp" is not a feature')),
        *(("+dsp", "+none", "have no bench in common"), ("host", "a", '"host" names nothing to compare')),
    ):
        with pytest.raises(UsageError, match=what):
            find_comparison(old, new, views, cast(Any, Recipes()))


def test_a_word_stands_for_a_side(views: Any, tmp_path: Path) -> None:
    """A bench, a file or a folder; files below `build/` are held against their record; what could run is told."""
    assert list(find_results("net-a-host", views, cast(Any, Recipes()))) == ["net-a-host"]
    for name in ("net-b-chip", "net-a-chip"):
        (tmp_path / "old" / name).mkdir(parents=True)
        (tmp_path / "old" / name / "report.json").write_text(json.dumps(report(name, 7)))
    assert list(find_results("old", views, cast(Any, Recipes()))) == ["net-a-chip", "net-b-chip"]
    assert list(find_results("old/net-a-chip", views, cast(Any, Recipes()))) == ["net-a-chip"]
    assert list(find_results("old/net-a-chip/report.json", views, cast(Any, Recipes()))) == ["net-a-chip"]
    assert views.checked[-1] == Path("old/net-a-chip/report.json")
    (tmp_path / "empty").mkdir()
    with pytest.raises(UsageError, match=r"empty holds no report\.json"):
        find_results("empty", views, cast(Any, Recipes()))
    for word, hint in (("net-c-chip", "it has not run here: doit bench:net-c-chip"), ("net-x-chip", "name a suite")):
        with pytest.raises(UsageError, match="names nothing to compare") as caught:
            find_results(word, views, cast(Any, Recipes()))
        assert caught.value.hint.startswith(hint)


def test_files_of_results_are_read_or_refused(tmp_path: Path) -> None:
    """A bench's, a suite's, a baseline's with its commit and times; every other one is not a report."""
    path = tmp_path / "x.json"
    samples = {"net-a-chip": {"invoke_s": [1, 2.5], "setup_s": "no", "odd": [1]}}
    document = {
        "benches": [report("net-a-chip"), report("net-b-chip")],
        "samples": samples,
        "commit": "c",
        "is_dirty": 1,
    }
    path.write_text(json.dumps(document))
    found = read_results(path)
    assert {name: (one.commit, dict(one.samples)) for name, one in found.items()} == {
        **{"net-a-chip": ("c+", {"invoke_s": [1, 2.5]}), "net-b-chip": ("c+", {})},
    }
    path.write_text(json.dumps({**report("net-a-chip"), "commit": "c"}))
    assert read_results(path)["net-a-chip"].commit == "c"
    path.write_text(json.dumps(report("net-a-chip", commit=None)))
    assert read_results(path)["net-a-chip"].commit is None
    wrong = [report("net-a-chip", schema=SCHEMA + 1), report("net-a-chip", metrics={"a": "1"}), {}, [], 3]
    for text in (*map(json.dumps, wrong), "[" * 100_000, "{", "\x00"):
        path.write_text(text)
        with pytest.raises(UsageError, match=r"x\.json is not a report"):
            read_results(path)


def test_what_a_revision_has_is_only_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was measured with changed files, or before, is pointed at; where there is nothing at all, it is refused."""
    monkeypatch.setattr(comparison, "ancestors", lambda root, commit: frozenset({"b" * 40}))
    project = Project(tmp_path, tmp_path / "cache")
    for name, commit, is_dirty in (
        *(
            ("net-a-chip", "a", False),
            ("net-b-chip", "a", True),
            ("two-a-chip", "b", False),
            ("two-b-chip", "c", False),
        ),
    ):
        written = project.history / f"{name}.jsonl"
        history.add(written, report(name), commit=commit * 40, is_dirty=is_dirty, date="2025-01-31T12:00:00Z")
    side = comparison._at_revision("a" * 40, "HEAD", project)
    assert {name: (one.is_missing, one.report["status"], one.commit) for name, one in side.items()} == {
        "net-a-chip": (False, "ok", "a" * 40),
        "net-b-chip": (True, "not measured (but with changed files)", None),
        "two-a-chip": (True, "not measured (before it at bbbbbbbbbb)", None),
        "two-b-chip": (True, "not measured", None),
    }
    with pytest.raises(UsageError, match="no result of revision HEAD is on record: dddddddddd; not measured") as caught:
        comparison._at_revision("d" * 40, "HEAD", project)
    assert caught.value.hint
