"""`watch` over synthetic benches, told of saves by the test: what is run again, and what is said."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

import pytest
from synthetic_benches import SyntheticPlanner

from tinyflow.core import worker
from tinyflow.flow import cli
from tinyflow.flow.commands import watch
from tinyflow.flow.loader import Loader

watchfiles = pytest.importorskip("watchfiles")
Step = Callable[[], "set[Path] | None"]


class SyntheticLoader(Loader):
    """The real loader; whenever it plans, it plans synthetic benches."""

    @cached_property
    def planner(self) -> Any:  # type: ignore[override]
        """Anew for each catalogue."""
        return SyntheticPlanner(self.catalogue)


class NoServer:
    """Nothing is isolated here."""

    opened: ClassVar[list[Any]] = []
    call = worker.call_isolated

    def __init__(self, modules: Any, folder: Path) -> None:
        self.modules, self.is_closed = list(modules), False
        NoServer.opened.append(self)

    def close(self) -> None:
        """Note it."""
        self.is_closed = True


@pytest.fixture
def session(project: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Callable[..., str]:
    """(words, steps) -> what is said until the steps are over and Ctrl-C comes; a step returns what was saved."""
    monkeypatch.setenv("TINYFLOW_CACHE", "cache")
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    monkeypatch.setattr(watch, "ForkServer", NoServer)

    def run(words: str, *steps: Step) -> str:
        left = list(steps)

        def saves(*roots: Path, **options: Any) -> Iterator[set[tuple[int, str]]]:
            print(f"(told of {len(roots)})")
            while left:
                saved = left.pop(0)()
                yield {(2, str(path)) for path in saved or ()}
            raise KeyboardInterrupt

        monkeypatch.setattr(watchfiles, "watch", saves)
        status = cli.run(["watch", *words.split()], SyntheticLoader())
        assert status == 130 and NoServer.opened[-1].is_closed
        said = capsys.readouterr()
        assert said.err == ""
        return re.sub(r"\d+\.\d\d s", "T s", said.out)

    return run


def write(path: Path, text: str) -> set[Path]:
    """Save a file."""
    path.write_text(text)
    return {path.resolve()}


FIRST = "net-good-chip: invoke instructions 5,002, set-up instructions 7, ROM bytes 96, RAM bytes 748; exact, T s\n"
AGAIN = "net-good-chip: all as before; exact, T s\n"


def test_a_save_runs_what_hangs_on_it(project: Path, session: Callable[..., str]) -> None:
    """Once at the beginning; then when a source is saved, and never for a file that is nobody's."""
    source = project / "good.c"
    source.write_text("int one;\n")
    said = session(
        "net-good-chip",
        lambda: None,
        lambda: write(source, "int two;\n"),
        lambda: write(project / "other.c", "int other;\n"),
        lambda: write(source, "int two;\n"),
    )
    assert said == (f"{FIRST}watching 1 file in 2 folders\n(told of 3)\nsaved: good.c\n{AGAIN}saved: good.c\n{AGAIN}")
    assert (project / "build" / "net-good-chip" / "report.html").is_file()


def test_without_pages_and_with_every_action(project: Path, session: Callable[..., str]) -> None:
    """A line for each action; `build/` is left as it is. What was saved before anybody listened is found."""
    source = project / "good.c"
    source.write_text("int one;\n")
    said = session("--no-pages -v bench:net-good-chip", lambda: write(source, "int two;\n") and None)
    shown = [line.split("  ") for line in said.splitlines() if line.startswith("  ")]
    told = [[state, title.partition(" ")[0]] for _, state, title, _ in shown]
    told[1:3] = sorted(told[1:3])  # two at once, in either order
    assert told == [
        *(["built", name] for name in ("fetch", "convert", "generate", "link", "run", "report")),
        *(["built", "generate"], ["up to date", "link"], ["up to date", "run"], ["up to date", "report"]),
    ]
    assert said.endswith(AGAIN) and "saved" not in said
    assert not (project / "build" / "net-good-chip").exists()


def test_recipes_are_read_again(project: Path, session: Callable[..., str]) -> None:
    """A suite that gets a bench runs it; one half written is told, and the next save is waited for."""
    suite = project / "recipes" / "suites" / "mine.yaml"
    suite.write_text("description: x\ninclude: [net-good-chip]\n")
    said = session(
        "suite:mine",
        lambda: None,
        lambda: write(suite, "description: x\ninclude: [net-good-\n"),
        lambda: write(suite, "description: x\ninclude: [net-good-chip, tiny-good-chip]\n"),
        lambda: write(project / "good.c", "int new;\n"),
    )
    lines = said.splitlines()
    assert lines[0] + "\n" == FIRST and lines.count("saved: recipes/suites/mine.yaml") == 2
    assert any("recipes/suites/mine.yaml:" in line and "not YAML" in line for line in lines)
    assert FIRST.strip().replace("net-", "tiny-") in lines
    assert lines.count("(told of 3)") == 1


def test_what_fails_is_said_once_and_tried_again(project: Path, session: Callable[..., str]) -> None:
    """With its hint; other benches go on. A fault that no layer is known of is looked into."""
    asked: list[str] = []

    def look(loader: Any, bench: str, say: Callable[[str], None]) -> list[str]:
        say("layers 0 to 1: wrong")
        asked.append(bench)
        return ["layer 3 ADD", "  more"]

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(watch, "find_wrong_layer", look)
        said = session("--no-pages net-faults-chip net-good-chip net-overflows-chip")
    assert FIRST in said and asked == ["net-faults-chip"]
    assert said.count("run net-faults-chip: hard fault in conv_3 at 0x08001234\n  look at the last block\n") == 1
    assert "net-faults-chip: layer 3 ADD\nnet-faults-chip:   more\n" in said
    assert "needs 412 KiB of RAM" in said and "net-overflows-chip: layer" not in said


def test_our_own_code_is_begun_again(
    project: Path, session: Callable[..., str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the same process, with the same words; not for a file of another kind."""
    begun: list[list[str]] = []

    def execute(program: str, words: list[str]) -> None:
        begun.append(words)
        raise KeyboardInterrupt

    monkeypatch.setattr(watch.os, "execv", execute)
    monkeypatch.setattr(watch.sys, "orig_argv", ["python", "-m", "doit", "watch"])
    package = Path(watch.__file__).parents[2]
    said = session("net-good-chip", lambda: {package / "notes.txt"}, lambda: {package / "core" / "key.py"})
    assert said.endswith("tinyflow's own code changed: starting again\n")
    assert begun == [[watch.sys.executable, "-m", "doit", "watch"]]
