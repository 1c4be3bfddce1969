"""doit's way to our tasks: what was listed is remembered, groups stand for what is stale, recipes are read anew."""

from __future__ import annotations

import gc
import io
import os
import sys
import threading
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from synthetic_benches import synthetic_loader

from tinyflow.core.remote import Remote
from tinyflow.flow import cli
from tinyflow.flow import loader as module
from tinyflow.flow.loader import Loader
from tinyflow.flow.planning.plan import task_name


@pytest.fixture
def loader(project: Path) -> Loader:
    """A loader over synthetic benches, which says nothing by itself."""
    del project
    made = synthetic_loader()
    made.print_lines = lambda line: pytest.fail(line)
    return made


def test_words_are_remembered(loader: Loader) -> None:
    """The newest first, each once, without single actions, so many; the folder is made; damage is nothing known.

    A model or suite that is called as ids may begin is not an action.
    """
    own = loader.project.root / "recipes" / "suites" / "fade.yaml"
    own.write_text("description: d\ninclude: [net-good-chip]\n")
    loader.remember(["suite:fade", "compile:0123456789ab", "suite:good"])
    assert loader._remembered() == ["suite:fade", "suite:good"]
    again = synthetic_loader()
    again.remember(["suite:mixed", "suite:fade"])
    assert again._remembered() == ["suite:mixed", "suite:fade", "suite:good"]
    again.remember(map(str, range(200)))
    assert again._remembered() == [str(number) for number in range(100)]
    listed = loader.project.state / "listed.json"
    assert [path.name for path in listed.parent.iterdir() if path.name.startswith(".listed")] == []
    for text, known in (('[1, "a"]', ["a"]), ("{}", []), ("[", []), ('"ab"', [])):
        listed.write_text(text)
        assert loader._remembered() == known
    listed.write_bytes(b"\xff")
    assert loader._remembered() == []
    listed.unlink()
    assert loader._remembered() == []
    os.mkfifo(listed)
    assert loader._remembered() == []


def test_places_of_model_files_are_remembered(loader: Loader, tmp_path: Path) -> None:
    """As whole paths, once; other benches are not."""
    from tinyflow.recipes.bench import parse

    benches = {name: SimpleNamespace(bench=parse(name)) for name in ("net-good-chip", "./own.tflite-good-chip")}
    loader.selection.benches.update(cast(Any, benches))
    loader._remember_files()
    assert loader._remembered() == [f"bench:{tmp_path}/own.tflite-good-chip"]
    kept = (loader.project.state / "listed.json").stat().st_mtime_ns
    loader._remember_files()
    assert (loader.project.state / "listed.json").stat().st_mtime_ns == kept


def test_a_selection_remembers_its_files(loader: Loader, monkeypatch: pytest.MonkeyPatch) -> None:
    """Before any task runs."""
    seen: list[list[str]] = []
    monkeypatch.setattr(loader, "_remember_files", lambda: seen.append(list(loader.selection.benches)))
    loader.load_tasks(cast(Any, None), ["bench:net-good-chip"])
    assert seen == [["net-good-chip"]]
    loader.session.close()


def test_groups_stand_for_what_is_stale(loader: Loader) -> None:
    """A bench waits for its last action, a suite for those of its benches; early actions come first among the words."""
    words = ["suite:good", "bench:net-good-chip"]
    tasks = {task.name: task for task in loader.load_tasks(cast(Any, None), words)}
    finals = {name: task_name(plan.final) for name, plan in loader.selection.benches.items()}
    assert sorted(finals) == ["net-good-chip", "net-good-host", "tiny-good-chip"]
    assert tasks["bench:net-good-chip"].task_dep == [finals["net-good-chip"]]
    assert sorted(tasks["suite:good"].task_dep) == sorted(finals.values())
    assert words[-2:] == ["suite:good", "bench:net-good-chip"]
    assert words[:-2] and all(
        word.partition(":")[0] in ("fetch", "convert", "lower", "generate") for word in words[:-2]
    )
    for plan in loader.selection.benches.values():
        for action in plan.actions:
            loader.session.execute(action)
    later = synthetic_loader()
    words = ["suite:good"]
    assert [(task.name, task.task_dep) for task in later.load_tasks(cast(Any, None), words)] == [("suite:good", [])]
    assert words == ["suite:good"]
    loader.session.close()
    later.session.close()


def test_without_words_all_is_listed(loader: Loader) -> None:
    """Suites with their sizes, their reports, and benches; nothing is planned."""
    listed = {task.name: task.doc for task in loader.load_tasks(cast(Any, None), [])}
    assert (listed["suite:good"], listed["report:mixed"]) == ("3 benches", "what is known of them; runs nothing")
    assert listed["bench:net-good-chip"] == ""
    assert loader.planner.planned == []  # type: ignore[attr-defined]
    assert loader.load_doit_config() == {}


def test_what_was_read_is_read_anew(project: Path) -> None:
    """Recipes and all that depends on them; where the project lies only for one that has just become one."""
    loader = Loader()
    names = ("catalogue", "planner", "mirrors", "selector", "project", "session")
    first = {name: getattr(loader, name) for name in names}
    assert loader.project.root == project
    loader.forget_recipes()
    loader.forget_recipes()  # nothing is known any more
    assert [name for name in names if getattr(loader, name) is first[name]] == ["project", "session"]
    loader.reopen()
    assert "project" not in vars(loader) and "selector" not in vars(loader) and "session" in vars(loader)
    assert gc.get_threshold()[0] == 50_000
    first["session"].close()


def test_the_remote_cache_is_what_the_environment_names(capsys: pytest.CaptureFixture[str]) -> None:
    """None without; its token opens it."""
    assert module._remote({}, print) is None
    assert module._remote({"TINYFLOW_REMOTE_CACHE": "", "TINYFLOW_REMOTE_TOKEN": "t"}, print) is None
    variables = {"TINYFLOW_REMOTE_CACHE": "http://127.0.0.1:9/x", "TINYFLOW_REMOTE_TOKEN": "t0k"}
    remote = module._remote(variables, print)
    assert isinstance(remote, Remote)
    remote.close()
    loader = Loader()
    loader.tell("a line")
    assert capsys.readouterr().err == "a line\n"


def test_leaving_waits_for_threads_and_says_all(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those that are not daemons; then what is to be done at an end, then the streams, whatever became of them."""
    seen: list[object] = []
    is_over = threading.Event()

    class Gone(io.StringIO):
        def flush(self) -> None:
            seen.append("flushed")
            raise BrokenPipeError

    monkeypatch.setattr(cli.atexit, "_run_exitfuncs", lambda: seen.append("ended"))
    monkeypatch.setattr(cli.os, "_exit", seen.append)
    monkeypatch.setattr(sys, "stdout", Gone())
    monkeypatch.setattr(sys, "stderr", Gone())
    working = threading.Thread(target=lambda: (is_over.wait(0.05), seen.append("worked")))
    waiting = threading.Thread(target=is_over.wait, daemon=True)
    for thread in (working, waiting):
        thread.start()
    cli.leave(3)
    monkeypatch.undo()
    is_over.set()
    assert seen == ["worked", "ended", "flushed", "flushed", 3]
