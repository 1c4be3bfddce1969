"""A runtime whose sources lie elsewhere: in somebody's checkout, which nothing is copied from."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from tests_support import CHECKOUT, doit

BENCH = "bench:toycar-fcgen-host"
RECIPE = """\
description: The kernel that fcgen's code calls, as it lies in its own folder
root: ROOT
sources: {all: ["**/*.cc"]}
exclude: ["**/*_test.cc"]
include: [include]
std: [c++20]
"""


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """The project of the generator, beside the checkout `theirs` with its library and a test that can't be compiled."""
    place, theirs = tmp_path / "project", tmp_path / "theirs"
    shutil.copytree(CHECKOUT / "tests" / "examples" / "own_generator", place)
    library = place / "recipes" / "runtimes" / "fclib"
    theirs.mkdir()
    shutil.move(library / "include", theirs / "include")
    (theirs / "kernels").mkdir()
    shutil.move(library / "src" / "fclib.cpp", theirs / "kernels" / "fclib.cc")
    (theirs / "kernels" / "fclib_test.cc").write_text("#include <gtest/gtest.h>\n")
    (library / "runtime.yaml").write_text(RECIPE.replace("ROOT", "${FC_DIR}/theirs"))
    return place


@pytest.mark.slow
def test_sources_are_taken_from_where_they_lie(place: Path, tmp_path: Path) -> None:
    """By a variable or a path: equal work; an edit there is seen, an archive has what it was made of."""
    variables = {"FC_DIR": str(tmp_path), "TINYFLOW_CACHE": "cache"}
    refused = doit(place, BENCH)
    assert refused.returncode == 2 and "runtime.yaml:2:7: FC_DIR is not set" in refused.stderr
    assert "fclib_test" not in doit(place, "plan", BENCH, **variables).stdout

    done = doit(place, f"export:{BENCH.removeprefix('bench:')}", **variables)
    assert done.returncode == 0, done.stdout + done.stderr
    archive = re.search(r"^archive: (\S+) \(", done.stdout, re.MULTILINE)
    assert archive is not None
    verified = doit(place, "verify", "--trust", archive[1], TINYFLOW_CACHE="other")
    assert verified.returncode == 0 and ", 0 different" in verified.stdout, verified.stdout + verified.stderr

    recipe = place / "recipes" / "runtimes" / "fclib" / "runtime.yaml"
    recipe.write_text(RECIPE.replace("ROOT", "../../../../theirs"))
    assert "built" not in doit(place, BENCH, TINYFLOW_CACHE="cache").stdout

    header = tmp_path / "theirs" / "include" / "fclib.h"
    header.write_text(header.read_text() + "\nnonsense;\n")
    broken = doit(place, BENCH, TINYFLOW_CACHE="cache")
    assert broken.returncode == 1
    assert re.search(r"theirs/include/fclib.h:\d+:1: error", broken.stdout + broken.stderr)


def _git(folder: Path, *words: str) -> str:
    command = ["git", "-c", "user.name=a", "-c", "user.email=b@c", "-C", str(folder), *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


@pytest.mark.slow
def test_a_state_of_a_repository_is_fetched_once(place: Path, tmp_path: Path) -> None:
    """When the user says so; its digest must be the recipe's. From then on the repository isn't asked any more."""
    theirs, recipe = tmp_path / "theirs", place / "recipes" / "runtimes" / "fclib" / "runtime.yaml"
    (theirs / "elsewhere").symlink_to("/etc/passwd")
    _git(theirs, "init", "--quiet")
    _git(theirs, "add", ".")
    _git(theirs, "commit", "--quiet", "-m", "one")
    rev = _git(theirs, "rev-parse", "HEAD")
    shutil.rmtree(theirs / "kernels")
    _git(theirs, "commit", "--quiet", "-a", "-m", "two")
    git = f"git: {{url: 'file://{theirs}', rev: '{rev}', sha256: {'a' * 64}}}\n"
    recipe.write_text(RECIPE.replace("root: ROOT\n", git))

    refused = doit(place, BENCH, TINYFLOW_CACHE="cache")
    assert refused.returncode == 2 and "`doit fetch runtime:fclib` gets them" in refused.stderr
    other = doit(place, "fetch", "runtime:fclib", TINYFLOW_CACHE="cache")
    told = re.search(r"runtime.yaml:2:\d+: .* another digest: ([0-9a-f]{64})", other.stderr)
    assert other.returncode == 2 and told is not None, other.stdout + other.stderr
    recipe.write_text(recipe.read_text().replace("a" * 64, f'"{told[1]}"'))
    fetched = doit(place, "fetch", "runtime:fclib", TINYFLOW_CACHE="cache")
    found = re.search(r"^runtime:fclib: (\S+)$", fetched.stdout, re.MULTILINE)
    assert found is not None, fetched.stdout + fetched.stderr
    folder = place / found[1]
    assert (folder / "elsewhere").read_text() == "/etc/passwd" and not (folder / "elsewhere").is_symlink()

    shutil.rmtree(theirs)
    assert doit(place, "fetch", "runtime:fclib", TINYFLOW_CACHE="cache").returncode == 0
    done = doit(place, BENCH, TINYFLOW_CACHE="cache")
    assert done.returncode == 0 and "compile fclib/kernels/fclib.cc" in done.stdout, done.stdout + done.stderr
    assert doit(place, "fetch", "runtime:support").returncode == 2


@pytest.mark.slow
def test_headers_that_a_program_writes(place: Path, tmp_path: Path) -> None:
    """For its sources and for generated code; what they become decides whether anything is compiled anew."""
    theirs, library = tmp_path / "theirs", place / "recipes" / "runtimes" / "fclib"
    shutil.move(theirs / "include" / "fclib.h", theirs / "include" / "fclib_plain.h")
    generator = 'import sys; open(sys.argv[1] + "/fclib.h", "w").write("#include <fclib_plain.h>\\n")\n'
    (library / "write.py").write_text(generator)
    generated = 'generated: {command: [python3, "{files}/write.py", "{out}"], files: [write.py]}\n'
    (library / "runtime.yaml").write_text(RECIPE.replace("ROOT", "../../../../theirs") + generated)
    done = doit(place, BENCH, TINYFLOW_CACHE="cache")
    assert done.returncode == 0 and "built   headers of fclib" in done.stdout, done.stdout + done.stderr
    (library / "write.py").write_text(f"# a comment\n{generator}")
    again = doit(place, BENCH, TINYFLOW_CACHE="cache")
    assert re.findall(r"built   (\w+) ", again.stdout) == ["headers"]
    (library / "write.py").write_text(generator.replace("_plain.h>", "_plain.h> // x"))
    edited = doit(place, BENCH, TINYFLOW_CACHE="cache")
    assert {"headers", "compile"} <= set(re.findall(r"built   (\w+) ", edited.stdout))
    (library / "write.py").write_text("")
    assert "`generated` left no file in {out}" in doit(place, BENCH, TINYFLOW_CACHE="cache").stdout
