"""What an archive says: the same words for the same content, and nothing that is not so."""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path

import archived
import pytest
from archived import FIRMWARE, GENERATE, LINKS, LISTING, SOURCE, resealed, small
from hypothesis import given
from hypothesis import strategies as st
from tests_support import examples

from tinyflow.archive.container import unpack
from tinyflow.archive.contents import ACTIONS, MANIFEST, PROVENANCE, load, parse
from tinyflow.core.digest import of_bytes
from tinyflow.core.errors import ArchiveError, UsageError

GOOD = small()
HERE = Path(__file__).parent.parent


def test_it_is_read_as_it_was_written() -> None:
    """Benches, actions with their keys, blobs; the result that a cache gets has no time and no log."""
    archive = parse(GOOD)
    assert (archive.name, archive.tinyflow) == ("both", "0.1.0")
    assert archive.benches == {"net-good-chip": (GENERATE, LINKS[0]), "net-good-host": (GENERATE, LINKS[1])}
    assert [archive.read(of_bytes(blob)) for blob in (LISTING, SOURCE, FIRMWARE)] == [LISTING, SOURCE, FIRMWARE]
    result = LINKS[0].result
    assert (result.key_text, result.outputs, result.duration_s) == (LINKS[0].key_text, LINKS[0].outputs, 0.0)
    assert archive.digest == of_bytes(archive.files[MANIFEST])


def test_what_benches_share_is_there_once() -> None:
    """An action of both, and equal bytes of two actions; README says where each bench's files are."""
    files, _ = unpack(GOOD)
    assert [name for name, content in files.items() if content == FIRMWARE] == [
        "artifacts/link/net-good-chip/firmware.elf"
    ]
    assert [name for name in files if name.endswith("main.c")] == ["artifacts/generate/net-good/sources/main.c"]
    rows = [line for line in files["README.md"].decode().splitlines() if line.startswith("- `net")]
    assert len(rows) == 2 and all("artifacts/link/net-good-chip/firmware.elf" in row for row in rows)


def test_the_provenance_is_a_slsa_statement() -> None:
    """Of every artifact, from every source and tool, and with no date. Field names: slsa.dev/spec/v1.0/provenance."""
    files, _ = unpack(GOOD)
    statement = json.loads(files[PROVENANCE])
    assert statement["_type"] == "https://in-toto.io/Statement/v1"
    assert statement["predicateType"] == "https://slsa.dev/provenance/v1"
    digests = {name: sha256(content).hexdigest() for name, content in files.items()}
    subjects = {subject["name"]: subject["digest"]["sha256"] for subject in statement["subject"]}
    assert subjects == {name: digest for name, digest in digests.items() if name.startswith("artifacts/")}
    definition, details = statement["predicate"]["buildDefinition"], statement["predicate"]["runDetails"]
    assert definition["externalParameters"] == {"export": "both", "benches": ["net-good-chip", "net-good-host"]}
    *sources, tool = definition["resolvedDependencies"]
    assert {source["name"]: source["digest"]["sha256"] for source in sources} == {
        name: digests[name] for name in ("models/net.tflite", "recipes/models/net.yaml")
    }
    assert tool == {"name": "zig", "uri": "pkg:pypi/zig@0.17"}
    assert re.match(r"\w+:", definition["buildType"]) and re.match(r"\w+:", details["builder"]["id"])
    assert "metadata" not in details


def test_sha256sum_can_check_it(tmp_path: Path) -> None:
    """Without tinyflow: tar and sha256sum."""
    (tmp_path / "a.tar.gz").write_bytes(GOOD)
    subprocess.run(["tar", "xzf", "a.tar.gz"], cwd=tmp_path, check=True)
    done = subprocess.run(["sha256sum", "--check", "--strict", MANIFEST], cwd=tmp_path, capture_output=True, text=True)
    assert done.returncode == 0 and done.stdout.count(": OK\n") == len(unpack(GOOD)[0]) - 1


def _other_pythons() -> list[str]:
    """Other interpreters that tinyflow is for, on PATH or kept by pyenv."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {}
    for minor in range(10, 14):
        kept = sorted(pyenv.glob(f"3.{minor}.*/bin/python"))
        path = str(kept[-1]) if kept else shutil.which(f"python3.{minor}")
        if minor != sys.version_info.minor and path is not None:
            found[minor] = path
    return list(found.values())


@pytest.mark.slow
@pytest.mark.parametrize("python", _other_pythons() or [pytest.param("", marks=pytest.mark.skip("no other Python"))])
def test_every_python_writes_the_same_bytes(python: str, tmp_path: Path) -> None:
    """Another version, hash seed, home, language, time zone and umask."""
    program = "import sys, archived; sys.stdout.buffer.write(archived.small())"
    paths = os.pathsep.join([str(HERE), str(HERE.parent)])
    variables = {
        "PYTHONPATH": paths,
        "HOME": str(tmp_path),
        "TZ": "Asia/Kathmandu",
        "LC_ALL": "C",
        "PYTHONHASHSEED": "7",
    }
    done = subprocess.run([python, "-B", "-c", program], env=variables, cwd=tmp_path, umask=0o077, capture_output=True)
    assert done.stdout == GOOD, done.stderr.decode()


def test_any_flipped_byte_is_refused() -> None:
    """Those of gzip's head and tail, and some of the rest."""
    draw = random.Random(1)
    for place in (*range(16), *range(len(GOOD) - 16, len(GOOD)), *draw.sample(range(len(GOOD)), 400)):
        data = bytearray(GOOD)
        data[place] ^= 1 << draw.randrange(8)
        with pytest.raises(ArchiveError):
            parse(bytes(data))


@given(st.integers(0, len(GOOD) - 1))
@examples(150)
def test_a_cut_archive_is_refused(size: int) -> None:
    """Wherever it ends."""
    with pytest.raises(ArchiveError):
        parse(GOOD[:size])


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.binary(max_size=9), st.integers(0, 600)), min_size=1))
@examples(100)
def test_no_garbage_is_more_than_refused(edits: list[tuple[int, bytes, int]]) -> None:
    """Pieces put in, taken out and replaced: an ArchiveError, or by chance the same archive; nothing else."""
    data = GOOD
    for place, new, length in edits:
        data = data[:place] + new + data[place + length :]
    with contextlib.suppress(ArchiveError):
        assert parse(data) == parse(GOOD)


def test_damage_is_named(tmp_path: Path) -> None:
    """The file and the entry: a content that was changed, one that is cut."""
    path = tmp_path / "net.tar.gz"
    place = GOOD.index(FIRMWARE)
    path.write_bytes(GOOD[:place] + b"?" + GOOD[place + 1 :])
    with pytest.raises(ArchiveError, match="its digest is") as caught:
        load(path)
    assert caught.value.where == f"{path}: artifacts/link/net-good-chip/firmware.elf"
    path.write_bytes(GOOD[: place + 12])
    with pytest.raises(ArchiveError, match="cut at byte") as caught:
        load(path)
    assert caught.value.where == f"{path}: artifacts/link/net-good-chip/firmware.elf"


def test_what_is_no_file_is_wrong_use(tmp_path: Path) -> None:
    """Status 2, not 1."""
    for path in (tmp_path / "missing.tar.gz", tmp_path):
        with pytest.raises(UsageError, match="can't be read"):
            load(path)


Change = Callable[[dict[str, bytes]], object]


def _in_actions(before: str, after: str) -> Change:
    def change(files: dict[str, bytes]) -> None:
        assert before in files[ACTIONS].decode()
        files[ACTIONS] = files[ACTIONS].replace(before.encode(), after.encode())

    return change


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (lambda files: files.pop(ACTIONS), f"has no {ACTIONS}"),
        (lambda files: files.update({ACTIONS: b"[" * 100_000}), "is not what it should be"),
        (lambda files: files.update({ACTIONS: b"\xff"}), "is not what it should be"),
        (lambda files: files.update({ACTIONS: b"[]"}), "is not what it should be"),
        (_in_actions('"schema": 1', '"schema": 2'), "schema 2, and this tinyflow reads 1"),
        (_in_actions("stage link", "stage lunk"), "is not that of its facts"),
        (_in_actions('"firmware.elf": ', '"firmware.ELF": '), "are not those of its key"),
        (
            _in_actions(of_bytes(FIRMWARE), of_bytes(b"evil")),
            f"lacks firmware.elf of link net-good-chip, {of_bytes(b'evil')}",
        ),
        (_in_actions(of_bytes(FIRMWARE), "sha256:../../../x"), "are not those of its key"),
        (_in_actions('"net-good-chip": [', '"net\\u001b[2J": ['), "is not text"),
        (_in_actions(LINKS[0].key, LINKS[1].key), "is not that of its facts"),
        (
            lambda files: files.pop("artifacts/generate/net-good/sources/main.c"),
            "lacks sources/main.c of generate net good",
        ),
        (
            lambda files: files.update({"artifacts/link/net-good-chip/firmware.elf": b"evil"}),
            "lacks firmware.elf of link net-good-chip",
        ),
        (
            lambda files: files.update({PROVENANCE: files[PROVENANCE].replace(b"net-good-chip/f", b"x/f")}),
            "speaks of another artifacts/link/x/firmware.elf",
        ),
    ],
)
def test_an_archive_that_contradicts_itself_is_refused(change: Change, complaint: str) -> None:
    """Though its manifest is right: whoever made it knew how."""
    with pytest.raises(ArchiveError, match=re.escape(complaint)):
        parse(resealed(GOOD, change))  # type: ignore[arg-type]


def test_the_manifest_names_all_and_nothing_else() -> None:
    """More, less, or what is not a line."""

    def with_manifest(change: Callable[[bytes], bytes]) -> bytes:
        files, _ = unpack(GOOD)
        return archived.container.pack({**files, MANIFEST: change(files[MANIFEST])})

    assert parse(with_manifest(lambda text: text)) == parse(GOOD)
    with pytest.raises(ArchiveError, match="is not in the manifest") as caught:
        parse(with_manifest(lambda text: text[text.index(b"\n") + 1 :]))
    assert caught.value.where == "LICENSES.md"
    with pytest.raises(ArchiveError, match="is missing, though") as caught:
        parse(with_manifest(lambda text: text + b"0" * 64 + b"  z\n"))
    assert caught.value.where == "z"
    with pytest.raises(ArchiveError, match="not a line of a manifest"):
        parse(with_manifest(lambda text: b"hello\n" + text))
