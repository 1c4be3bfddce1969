"""What commands say, word for word, over synthetic benches: sessions as a user would have them."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest
from golden_texts import check
from synthetic_benches import synthetic_loader

from tinyflow.core.digest import tree_files
from tinyflow.flow import cli
from tinyflow.flow.command_list import PLUGINS

Say = Callable[[str], str]
SUITE = """\
description: for tests
include: [net-good-chip, tiny-good-chip]
max_regression: {rom_bytes: 1%, ram_bytes: 0}
views:
- {name: small, description: Sizes, steps: [{choose: [bench, rom_bytes]}, {scale: {rom_bytes: KiB}}]}
"""
_CHANGING = (
    (r"\d+(\.\d+)? (ms|s)\b", "T s"),
    (r"\d+ min \d\d s", "T s"),
    (r"\b\d{4}-\d\d-\d\dT[\d:]+Z", "DATE"),
    (r"\d+(\.\d+)? [KMG]?i?B\b", "N B"),
    (r"\b(suites|models|metrics|benches): [a-z_]+(, [a-z_0-9]+)+", r"\1: and so on"),  # the built-in recipes' affair
)
_DIGEST = re.compile(
    r"(?<=sha256:)[0-9a-f]{6,64}\b|\b[0-9a-f]{64}\b|\b[0-9a-f]{40}\b|(?<=[a-z]:)[0-9a-f]{12}\b|\b[0-9a-f]{10}\b"
)


def steady(text: str, folder: Path) -> str:
    """Without what is another each time: places, times, sizes; digests by the order in which they come."""
    text = text.replace(str(folder), "HERE").replace(str(Path(sys.executable)), "PYTHON")
    for pattern, word in _CHANGING:
        text = re.sub(pattern, word, text)
    text = re.sub(r'(! )?  File ".*\n((! )?    .*\n)+', "", text)
    seen: dict[str, str] = {}
    return _DIGEST.sub(lambda match: seen.setdefault(match[0], f"D{len(seen)}"), text)


@pytest.fixture
def say(project: Path, monkeypatch: pytest.MonkeyPatch) -> Say:
    """Run one command line in this process; what it printed, with its status."""
    monkeypatch.setenv("TINYFLOW_CACHE", "cache")
    monkeypatch.setenv("COLUMNS", "100")
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    (project / "recipes" / "suites" / "mine.yaml").write_text(SUITE)

    def run(line: str) -> str:
        words = line.split()
        # doit took this process's output, which is pytest's, as its own when it was imported.
        runs = line.startswith("-n") or ":" in words[0]
        file = project / "said"
        file.write_text("")
        monkeypatch.setattr(sys, "argv", ["tinyflow", *words])
        out, errors = io.StringIO(), io.StringIO()
        with redirect_stdout(out), redirect_stderr(errors):
            status = cli.run([*(["-o", str(file)] if runs else []), *words], synthetic_loader())
        told = "".join(f"! {line}\n" for line in errors.getvalue().splitlines())
        return steady(f"$ tinyflow {line}\n{file.read_text()}{out.getvalue()}{told}= {status}\n\n", project)

    return run


def git(folder: Path, *words: str) -> None:
    """With an author and dates of its own."""
    who = {f"GIT_{who}_{what}": "x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    dates = {f"GIT_{who}_DATE": "2025-01-31T12:00:00Z" for who in ("AUTHOR", "COMMITTER")}
    environment = os.environ | who | dates | {"GIT_CONFIG_GLOBAL": "/dev/null"}
    subprocess.run(["git", *words], cwd=folder, env=environment, check=True, capture_output=True)


def test_from_nothing_to_reports(project: Path, say: Say) -> None:
    """What is there, what would run, what ran and how it ended, and why."""
    lines = [
        *("help", "plan suite:good", "plan bench:net-good-chip bench:net-faults-chip", "explain bench:net-good-chip"),
        *("-n 1 --plain suite:mixed", "-n 1 -v 2 --plain suite:mixed", "-n 1 --plain suite:good", "-n 1 -q suite:good"),
        *("report:mixed", "explain bench:net-good-chip", "plan suite:mixed", "-n 1 --plain bench:net-buggy-chip"),
        *(
            "graph bench:net-good-chip --format mermaid",
            "graph suite:mixed",
            "graph net-good-chip tiny-good-chip --all",
        ),
        *(
            "results",
            "results --model net --columns bench,rom_* --format csv",
            "results --where rom_bytes<1KiB --sort -bench",
        ),
        *("results --suite good --format md", "results --format xlsx", "results extra", "results --columns nothing"),
    ]
    found = "".join(map(say, lines))
    build = project / "build"
    files = [name for name, _ in tree_files(build) if not name.startswith((".state/", "."))]
    shown = [build / "net-good-chip" / "report.json", build / "net-faults-chip" / "report.json"]
    shown += [build / "net-faults-chip" / "provenance.json", build / "suites" / "good" / "report.csv"]
    texts = [f"{path.relative_to(build)}:\n{path.read_text()}" for path in shown]
    parts = re.sub(r'("seconds": |"cpus?": |0\.25,|400\.0,)[\d.e-]*', r"\1", "\n".join([*files, *texts]))
    check("session_runs.txt", found + steady(parts, project))


def test_holding_results_against_each_other(project: Path, say: Say) -> None:
    """Two sides, baselines and history, at commits and with edits."""
    git(project, "init", "-q", "-b", "main")
    (project / ".gitignore").write_text("cache\nbuild\nhistory\nbaselines\nsaid\n")
    git(project, "add", ".")
    git(project, "commit", "-q", "-m", "one")
    found = [say("compare good mixed"), say("-n 1 --plain -q suite:mine"), say("-n 1 --plain -q suite:mixed")]
    lines = [
        *("compare mine mixed", "compare mixed mine --all", "compare net-good-chip tiny-good-chip --format json"),
        *("compare mine mine --max-regression rom_bytes:0,ram_bytes:1%", "compare mine mine --max-regression rom:0"),
        *(
            "compare mine",
            "compare mine HEAD",
            "compare HEAD HEAD",
            "compare HEAD nowhere",
            "compare net-good-chip +dsp",
        ),
        *("baseline check mine", "baseline save mine", "baseline check mine", "baseline save mixed --name all"),
        *("-n 1 --plain -q suite:good", "baseline save good", "baseline check mine --name good"),
        *("baseline check mixed --name all", "baseline save", "baseline check mixed --name mine --format md"),
        *("history net-good-chip", "history net-good-chip tiny-good-chip --metrics rom_bytes,macs --format csv"),
        *("history net-faults-chip --format md", "history other", "history", "history net-good-chip --metrics x"),
    ]
    found += map(say, lines)
    (project / "recipes" / "suites" / "mine.yaml").write_text(SUITE + "# edited\n")
    found += map(say, ("-n 1 --plain -q suite:mine", "compare HEAD mine", "history net-good-chip"))
    check("session_compares.txt", "".join(found))
    check("session_baseline.json", steady((project / "baselines" / "mine.json").read_text(), project))


def test_keeping_the_cache_and_archives(project: Path, say: Say) -> None:
    """What is kept, what may go, what was made of what; what is not there."""
    found = [say("-n 1 --plain -q suite:mine"), say("cache"), say("cache verify"), say("cache info"), say("cache gc")]
    lines = [
        *(
            "cache gc --keep 1GiB",
            "cache gc --keep 0B --dry-run",
            "cache gc --keep x",
            "cache uses",
            "cache uses 12",
            "cache stats",
            "cache gc --keep 0B --force",
            "cache stats",
        ),
        *(
            "cache uses sha256:0000",
            "-n 1 --plain -q suite:mine",
            "verify bench:net-good-chip",
            "verify",
            "verify bench:net-faults-chip",
        ),
        *("-n 1 --plain export:net-good-chip", "import"),
        *("import gone.tar.gz", "tuning export", "tuning export net-good-chip", "tuning import gone", "tuning x"),
        *("models net", "fetch nothing", "schema", "init", "clean", "forget", "info x", "dumpdb"),
        *(
            "nothing",
            "bench:net-good",
            "suite:goood",
            "bench:net-good-chip --plian",
            "list --wrong",
            "--timeout 5 suite:good",
        ),
        *(
            "bisect-layer",
            "bisect-layer a b",
            "bisect-layer net-good-chip+layer.1",
            "debug",
            "debug:a b",
            "debug net-good-chip --port x",
            "trace:net-good-chip --cache 16KiB",
            "trace:net-good-chip --cache 16KiB,3,32",
            "explain",
            "plan",
            "graph",
            "watch",
        ),
    ]
    found += map(say, lines)
    name = next(path for path in (project / "cache" / "cas").glob("*/*") if b"model_invoke" in path.read_bytes())
    found.append(say(f"cache uses {name.parent.name}{name.name}").replace(name.name, "D"))
    check("session_cache.txt", "".join(found))


def test_help_of_every_command(say: Say) -> None:
    """Options with their names, defaults and words."""
    names = [name for name in PLUGINS["COMMAND"] if name != "help"]
    check("session_help.txt", "".join(say(f"help {name}") for name in names))
