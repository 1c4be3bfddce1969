"""`export:`, `import` and `verify` of real benches, as a user types them, and what somebody may have done to a file."""

from __future__ import annotations

import contextlib
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from archived import member, resealed, tar_of
from trust_places import CHECKOUT

from tinyflow.archive.container import unpack
from tinyflow.archive.contents import ACTIONS
from tinyflow.core.digest import of_bytes
from tinyflow.model.zoo import synthesize

pytestmark = pytest.mark.slow

BENCH, CHIP = "small-tflm-host", "small-tinyc-stm32f4"
NETWORK = {"graph": "toycar", "features": 33, "hidden": 10, "bottleneck": 3, "depth": 1}
PROGRAM = "import sys; from tinyflow.flow.cli import main; sys.exit(main())"
OTHERWISE = {"TZ": "Asia/Kathmandu", "LANG": "tr_TR.UTF-8", "PYTHONHASHSEED": "7", "umask": "077"}
PATH = f"{Path(sys.executable).parent}:/usr/bin:/bin"


class Place:
    """A project with a model file, a suite of two benches, and a cache of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for kind in ("models", "suites"):
            (folder / "recipes" / kind).mkdir(parents=True)
        models = folder / "recipes" / "models"
        (models / "small.yaml").write_text("description: for tests\nfile: nets/small.tflite\nsamples: {count: 2}\n")
        (models / "nets").mkdir()
        (models / "nets" / "small.tflite").write_bytes(synthesize(NETWORK))
        (folder / "recipes" / "suites" / "two.yaml").write_text(f"description: two\ninclude: [{BENCH}, {CHIP}]\n")

    def run(self, *words: str, umask: str = "022", **environment: str) -> subprocess.CompletedProcess[str]:
        """Run `tinyflow` with a short environment."""
        variables = {"PYTHONPATH": str(CHECKOUT), "HOME": str(self.folder), "PATH": PATH} | environment
        command = [sys.executable, "-c", PROGRAM, *words]
        return subprocess.run(
            command, cwd=self.folder, env=variables, umask=int(umask, 8), capture_output=True, text=True, timeout=300
        )

    def told(self, *words: str, **environment: str) -> str:
        """What it printed when all was well."""
        done = self.run(*words, **environment)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def export(self, name: str, **environment: str) -> Path:
        """Export and find the file."""
        path = re.search(r"^archive: (\S+) \(", self.told(f"export:{name}", **environment), re.MULTILINE)
        assert path is not None
        return self.folder / path[1]


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> tuple[Place, Path]:
    """A place where the quick bench was exported, and the archive."""
    place = Place(tmp_path_factory.mktemp("first"))
    return place, place.export(BENCH)


def test_two_checkouts_write_the_same_archive(first: tuple[Place, Path], tmp_path: Path) -> None:
    """Built again, from nothing: another folder, home, time zone, language, umask, hash seed.

    Guards what may vary: times, paths of this machine, order, modes.
    """
    other = Place(tmp_path / "a longer name, with spaces" / "other")
    path = other.export(BENCH, **OTHERWISE, HOME=str(tmp_path))
    assert path.read_bytes() == first[1].read_bytes()
    assert str(first[0].folder) not in path.read_bytes().decode(errors="replace")


def test_a_suite_with_firmware_is_rebuilt(tmp_path: Path) -> None:
    """One archive of two benches, one with a runtime of the project's own; rebuilt elsewhere, otherwise."""
    place = Place(tmp_path)
    runtime = place.folder / "recipes" / "runtimes" / "tinynn"
    shutil.copytree(CHECKOUT / "recipes" / "runtimes" / "tinynn", runtime)
    for path in (runtime / "src").glob("*/*.*"):
        if path.stem not in ("fully_connected", "clamp", "matrix1", "matrix3"):
            path.unlink()
    with (runtime / "src" / "c" / "fully_connected.c").open("a") as source:
        source.write("/* our own */\n")
    archive = place.export("two")
    files, _ = unpack(archive.read_bytes())
    assert {
        f"artifacts/link/{CHIP}/firmware.elf",
        "recipes/suites/two.yaml",
        "recipes/targets/host.yaml",
    } <= files.keys()
    assert "recipes/runtimes/tinynn/src/c/fully_connected.c" in files
    assert [name for name in files if name.endswith("small.tflite")] == ["recipes/models/nets/small.tflite"]
    elsewhere = Place(tmp_path / "elsewhere")
    done = elsewhere.run("verify", str(archive))
    assert (
        done.returncode == 2 and "that are not tinyflow's, such as recipes/runtimes/tinynn/src/c/fully" in done.stderr
    )
    assert elsewhere.told("verify", "--trust", str(archive), **OTHERWISE).endswith(" outputs equal, 0 different\n")


def test_after_an_import_nothing_runs(first: tuple[Place, Path], tmp_path: Path) -> None:
    """In the checkout all is up to date, in another one on the same cache all are hits; the next export is the same."""
    place = Place(tmp_path / "place")
    assert place.told("import", str(first[1])).splitlines()[1] == f"{BENCH}: up to date, nothing to run"
    assert place.told(f"bench:{BENCH}").startswith("5 up to date in")
    beside = Place(tmp_path / "beside")
    assert "\n5 hits in " in beside.told(f"bench:{BENCH}", TINYFLOW_CACHE=str(place.folder / "cache"))
    assert place.export(BENCH).read_bytes() == first[1].read_bytes()
    assert place.told("import", str(first[1])).startswith(f"{BENCH}: 0 results restored, 5 were here")
    row = json.loads((place.folder / "build" / BENCH / "report.json").read_text())
    assert row["status"] == "ok" and not {"wall_s", "invoke_s"} & row["metrics"].keys()


def test_somebody_s_own_model_comes_along(tmp_path: Path) -> None:
    """Into an empty folder: the bench runs nothing and is rebuilt equal; one by path, one with samples, a suite.

    A model of that name that is here stays; what is run (a target of one's own) is not written.
    """
    place = Place(tmp_path / "made")
    models = place.folder / "recipes" / "models"
    (models / "small.yaml").write_text(
        "description: x\nfile: nets/small.tflite\nsamples: {folder: inputs/two, format: int8, count: 2}\n"
    )
    for index in range(2):
        (models / "inputs" / "two" / f"{index}.bin").parent.mkdir(parents=True, exist_ok=True)
        (models / "inputs" / "two" / f"{index}.bin").write_bytes(bytes(range(index, 33 + index)))
    (place.folder / "recipes" / "suites" / "two.yaml").write_text(f"description: x\ninclude: [{BENCH}]\n")
    (place.folder / "own.tflite").write_bytes(synthesize({**NETWORK, "hidden": 12}))
    archives = [place.export("two"), place.export("./own.tflite-tflm-host")]
    empty = Place(tmp_path / "empty")
    shutil.rmtree(empty.folder)
    empty.folder.mkdir()
    for archive, bench in zip(archives, (BENCH, "own-tflm-host"), strict=True):
        assert f"{bench}: up to date, nothing to run" in empty.told("import", str(archive))
        assert empty.told(f"bench:{bench}").startswith("5 up to date in")
        assert empty.told("verify", f"bench:{bench}").endswith(" outputs equal, 0 different\n")
        assert empty.told("verify", str(archive)).endswith(" outputs equal, 0 different\n")
    assert empty.told("suite:two").startswith("5 up to date in")
    wrote = {path.relative_to(empty.folder).as_posix() for path in (empty.folder / "recipes").rglob("*.*")}
    assert {path.partition("/")[2].partition("/")[0] for path in wrote} == {"models", "suites"}
    other = Place(tmp_path / "other")
    (other.folder / "recipes" / "models" / "own.yaml").write_text("description: x\nfile: nets/small.tflite\n")
    told = other.told("import", str(archives[1]))
    assert "own-tflm-host: not up to date here" in told and "wrote" not in told
    assert other.told("import", str(archives[1])) == told.replace(
        "5 results restored, 0 were", "0 results restored, 5 were"
    )


def test_a_model_that_no_server_had_stays_with_its_checkout(tmp_path: Path) -> None:
    """Made from code since a download failed: rebuilt without asking again, imported for one checkout alone."""
    server = socket.create_server(("127.0.0.1", 0))
    callers = []

    def hang_up() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, caller = server.accept()
                connection.close()
                callers.append(caller)

    threading.Thread(target=hang_up, daemon=True).start()
    recipe = (
        f"description: for tests\nurls: [https://127.0.0.1:{server.getsockname()[1]}/net.tflite]\n"
        f"sha256: {'a' * 64}\nsamples: {{count: 1}}\nsynthesize: {{graph: toycar}}\n"
    )
    places = [Place(tmp_path / name) for name in ("first", "second", "third")]
    for place in places:
        (place.folder / "recipes" / "models" / "made.yaml").write_text(recipe)
    archive = str(places[0].export("made-tflm-host"))
    asked = len(callers)
    assert places[0].told("verify", archive).endswith("11 outputs equal, 0 different\n")
    assert len(callers) == asked > 0
    assert "4 results restored" in places[1].told("import", archive)
    assert places[1].told("bench:made-tflm-host").startswith("5 up to date in")
    said = places[2].told("bench:made-tflm-host", TINYFLOW_CACHE=str(places[1].folder / "cache"))
    assert re.search("^1 built, 4 hits in", said, re.MULTILINE)
    server.close()


def test_what_is_not_the_same_here_is_said(first: tuple[Place, Path], tmp_path: Path) -> None:
    """Another model file, no recipe: which action would run, and which fact is another."""
    place = Place(tmp_path)
    model = place.folder / "recipes" / "models" / "nets" / "small.tflite"
    model.write_bytes(synthesize({**NETWORK, "seed": 2}))
    said = place.told("import", str(first[1]))
    assert f"{BENCH}: not up to date here\n  fetch small would run:\n  input file: sha256:" in said
    (place.folder / "recipes" / "models" / "small.yaml").unlink()
    assert 'can\'t be planned here: small-tflm-host: unknown model "small"' in place.told("import", str(first[1]))


def test_it_is_rebuilt_from_itself_alone(first: tuple[Place, Path], tmp_path: Path) -> None:
    """In an empty folder, with no mirror, recipe, cache: nothing is there before or after."""
    folder = tmp_path / "empty"
    folder.mkdir()
    (tmp_path / "scratch").mkdir()
    variables = {"PYTHONPATH": str(CHECKOUT), "HOME": str(folder), "PATH": PATH, "TMPDIR": str(tmp_path / "scratch")}
    command = [sys.executable, "-c", PROGRAM, "verify", str(first[1])]
    done = subprocess.run(command, cwd=folder, env=variables, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert done.stdout.splitlines()[1] == "5 actions rebuilt from it alone: 11 outputs equal, 0 different"
    assert list(folder.iterdir()) == list((tmp_path / "scratch").iterdir()) == []


def test_its_readme_can_be_followed(first: tuple[Place, Path], tmp_path: Path) -> None:
    """Unpacked with tar, checked with sha256sum, built with the command that is there."""
    subprocess.run(["tar", "xzf", first[1]], cwd=tmp_path, check=True)
    subprocess.run(["sha256sum", "--quiet", "-c", "manifest.sha256"], cwd=tmp_path, check=True)
    commands = re.findall(r"^    (.*tinyflow bench:.*)$", (tmp_path / "README.md").read_text(), re.MULTILINE)
    (tmp_path / "tinyflow").write_text(f'#!/bin/sh\nexec {sys.executable} -c "{PROGRAM}" "$@"\n')
    (tmp_path / "tinyflow").chmod(0o755)
    variables = {"PYTHONPATH": str(CHECKOUT), "HOME": str(tmp_path), "PATH": f"{tmp_path}:{PATH}"}
    done = subprocess.run(commands[0], shell=True, cwd=tmp_path, env=variables, capture_output=True, text=True)
    assert (done.returncode, len(commands)) == (0, 1) and "\n5 built in" in done.stdout, done.stdout + done.stderr


def rekeyed(files: dict[str, bytes], before: str, after: str) -> None:
    """Replace text in the documents, and make keys that match."""
    assert before in files[ACTIONS].decode()
    files["provenance.json"] = files["provenance.json"].replace(before[7:].encode(), after[7:].encode())
    document = json.loads(files[ACTIONS].decode().replace(before, after))
    for action in document["actions"]:
        key = of_bytes(("\n".join(action["facts"]) + "\n").encode())
        for keys in document["benches"].values():
            keys[:] = [key if known == action["key"] else known for known in keys]
        action["key"] = key
    files[ACTIONS] = json.dumps(document).encode()


def test_other_tools_are_named(first: tuple[Place, Path], tmp_path: Path) -> None:
    """Digests are checked, nothing is rebuilt unless asked for; equal outputs are said to be equal."""
    data = first[1].read_bytes()
    version = next(
        fact.split('"')[1]
        for action in json.loads(unpack(data)[0][ACTIONS])["actions"]
        for fact in action["facts"]
        if fact.startswith("tool tflite ")
    )
    old, new = (rf"tool tflite \"{text}\"" for text in (version, "1.0"))
    archive = tmp_path / "old.tar.gz"
    archive.write_bytes(resealed(data, lambda files: rekeyed(files, old, new)))
    place = Place(tmp_path / "place")
    done = place.run("verify", str(archive))
    assert done.returncode == 3
    assert done.stdout.splitlines()[1:] == [f"  tflite: 1.0 there, {version} here"]
    assert "its digests are right; it was not rebuilt, since it was made with other tools" in done.stderr
    last = place.told("verify", "--ignore-tool-versions", str(archive)).splitlines()[-1]
    assert last == "5 actions rebuilt from it alone: 11 outputs equal, 0 different"


def test_what_is_not_made_so_is_found_by_rebuilding(first: tuple[Place, Path], tmp_path: Path) -> None:
    """Archives that are right in themselves: a result that its sources don't give, recipes that give other keys."""

    def with_result(files: dict[str, bytes]) -> None:
        name = f"artifacts/run/{BENCH}/run.json"
        better = files[name].replace(b'"samples": 2', b'"samples": 9')
        rekeyed(files, of_bytes(files[name]), of_bytes(better))
        files[name] = better

    def with_recipe(files: dict[str, bytes]) -> None:
        recipe = files["recipes/models/small.yaml"]
        files["recipes/models/small.yaml"] = recipe.replace(b"count: 2", b"count: 2, seed: 3")
        old, new = of_bytes(recipe), of_bytes(files["recipes/models/small.yaml"])
        files["provenance.json"] = files["provenance.json"].replace(old[7:].encode(), new[7:].encode())

    place, archive = Place(tmp_path / "place"), tmp_path / "wrong.tar.gz"
    archive.write_bytes(resealed(first[1].read_bytes(), with_result))
    done = place.run("verify", str(archive))
    assert done.returncode == 1
    assert f"run {BENCH}: run.json: differs from byte" in done.stdout
    assert done.stdout.endswith("10 outputs equal, 1 different\n")
    assert place.run("verify", "--no-rebuild", str(archive)).returncode == 0
    archive.write_bytes(resealed(first[1].read_bytes(), with_recipe))
    done = place.run("verify", str(archive))
    assert done.returncode == 1
    assert "convert small: key\n  parameter seed: 1 → 3\n" in done.stdout


@pytest.mark.parametrize("command", ["import", "verify"])
def test_a_bad_archive_touches_nothing(first: tuple[Place, Path], tmp_path: Path, command: str) -> None:
    """Refused in two lines with the entry's name, status 1; no cache, no file anywhere."""
    place = Place(tmp_path / "place")
    data = first[1].read_bytes()
    archive = tmp_path / "bad.tar.gz"
    before = sorted(os.walk(tmp_path))
    evil = {
        "../../escape: leads out of the archive": tar_of(member("../../escape", b"x")),
        "link: is a symbolic link": tar_of(member("link", kind=b"2", link=b"/etc/passwd")),
        "artifacts/report/": data[: data.index(b'"validation": {')],
        "recipes/backends/tflm.yaml: its digest is": data.replace(b"interpreter: tflm", b"interpreter: evil"),
    }
    for complaint, content in evil.items():
        archive.write_bytes(content)
        done = place.run(command, str(archive))
        assert done.returncode == 1 and done.stdout == ""
        assert complaint in done.stderr.splitlines()[0] and len(done.stderr.splitlines()) <= 2
        archive.unlink()
    assert sorted(os.walk(tmp_path)) == before


def test_wrong_use_is_told_in_a_line(tmp_path: Path) -> None:
    """What to type instead; no archive of a bench that failed."""
    place = Place(tmp_path)
    for words, complaint in (
        (["export:smal-tflm-host"], 'unknown model "smal"'),
        (["export:"], "export what?"),
        (["export:nothing"], 'unknown suite "nothing"'),
        (["export:x-*"], 'no export matches "x-*"'),
        (["import"], "import what?"),
        (["import", "missing.tar.gz"], "missing.tar.gz: can't be read: No such file or directory"),
        (["verify", "missing.tar.gz"], "missing.tar.gz: can't be read"),
    ):
        done = place.run(*words)
        assert (done.returncode, done.stdout) == (2, ""), done.stdout + done.stderr
        assert complaint in done.stderr
    (place.folder / "recipes" / "models" / "nets" / "small.tflite").write_bytes(b"no model")
    done = place.run(f"export:{BENCH}")
    assert done.returncode == 1
    assert done.stdout.splitlines()[-1] == f"export:{BENCH}: no archive, since {BENCH} has no result"
