"""`doit cache` and `doit verify`: what they say is so, and what they remove is made again."""

from __future__ import annotations

import os
import re
import shutil
from pathlib import Path

import pytest
from trust_places import Run

from tinyflow.core import digest


def age(project: Path) -> None:
    """Make everything in the cache look unused for three hours."""
    for path in (project / "cache").rglob("*"):
        if path.is_file():
            os.utime(path, (path.stat().st_atime, path.stat().st_mtime - 10_000))


def firmware(project: Path, bench: str = "net-good-chip") -> str:
    """The digest of a bench's firmware."""
    return digest.of_file(project / "build" / bench / "firmware.elf")


def damage(project: Path, name: str) -> None:
    """Flip a bit of a blob."""
    path = project / "cache" / "cas" / name[7:9] / name[9:]
    path.chmod(0o644)
    path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:])


def expect(count: str, tinyflow: Run, name: str) -> None:
    """Run it and see how many actions were what; where it is other ones, say of each how it came to be so."""
    done = tinyflow(name)
    if count not in done.output:
        pytest.fail(f"expected {count}:\n{done.output}{done.errors}{tinyflow('explain', name).output}")


def test_stats_count_hits(tinyflow: Run, project: Path) -> None:
    """Six actions built, then all six taken from the cache by a checkout that has forgotten them.

    Guards the counters: without them the rate is that of nothing.
    """
    assert "has asked it for nothing yet" in tinyflow("cache", "stats").output
    tinyflow("bench:net-good-chip")
    assert "0 hits of 6 (0 %)" in tinyflow("cache", "stats").output
    shutil.rmtree(project / "build")
    tinyflow("bench:net-good-chip")
    first, second = tinyflow("cache", "stats").output.splitlines()
    assert first.startswith(f"{project / 'cache'}: ")
    assert ", 6 results of actions, " in first
    assert "6 hits of 6 (100 %), which saved " in second


def test_verify_quarantines_and_the_next_run_mends(tinyflow: Run, project: Path) -> None:
    """A flipped bit is found, told and moved aside; the second time all is well, and the artifact is made again.

    Guards against damage that nobody reads: a no-op looks only whether a blob is there.
    """
    tinyflow("bench:net-good-chip")
    whole = firmware(project)
    assert tinyflow("cache", "verify").status == 0
    damage(project, whole)
    found = tinyflow("cache", "verify")
    assert found.status == 1
    assert "1 damaged, 1 results incomplete" in found.output
    assert whole in found.output
    shutil.rmtree(project / "build" / "net-good-chip")
    assert "1 built" in tinyflow("bench:net-good-chip").output
    assert firmware(project) == whole
    assert tinyflow("cache", "verify").status == 0


def test_gc_keeps_what_the_suites_need(tinyflow: Run, project: Path) -> None:
    """With room for nothing, only what no suite needs goes; a dry run removes nothing; `--force` removes all.

    Guards against an eviction that costs the next run of a suite anything.
    """
    first = tinyflow("suite:good", "bench:other-good-chip")
    assert "18 built" in first.output, first
    age(project)
    dry = tinyflow("cache", "gc", "--keep", "1B", "--dry-run")
    assert dry.output.startswith("would remove 6 results"), dry
    done = tinyflow("cache", "gc", "--keep", "1B")
    assert done.output == dry.output.replace("would remove", "removed"), done
    expect("12 up to date", tinyflow, "suite:good")
    shutil.rmtree(project / "build")
    expect("6 built", tinyflow, "bench:other-good-chip")
    age(project)
    done = tinyflow("cache", "gc", "--force", "--keep", "1B")
    left = [path for path in (project / "cache").rglob("*") if path.is_file()]
    assert done.output.endswith("; 0 B left\n"), (done, left)
    expect("12 built", tinyflow, "suite:good")


def test_why_names_maker_and_user(tinyflow: Run, project: Path) -> None:
    """A firmware's digest leads to the link that made it and the run that used it, by their titles."""
    tinyflow("bench:net-good-chip")
    told = tinyflow("cache", "uses", firmware(project)).output
    assert told == "made by link net-good-chip, as firmware.elf\n"
    assert tinyflow("cache", "uses", "sha256:" + "0" * 64).status == 1


@pytest.mark.parametrize(
    "words",
    [[], ["clean"], ["gc"], ["gc", "--keep", "5"], ["uses"], ["uses", "../.."], ["uses", "abc"], ["stats", "x"]],
)
def test_wrong_words_end_with_2(tinyflow: Run, words: list[str]) -> None:
    """One line of what and one of what to type; nothing is removed by mistake."""
    done = tinyflow("cache", *words)
    assert done.status == 2
    assert len(done.errors.splitlines()) == 2


def test_verify_of_a_bench_compares_every_output(tinyflow: Run, project: Path) -> None:
    """Built once more from nothing, every output but timing.json is the same, and nothing of the checkout changed."""
    tinyflow("bench:net-good-chip")
    before = sorted(path for path in (project / "cache").rglob("*"))
    done = tinyflow("verify", "bench:net-good-chip")
    assert (done.status, done.output) == (0, "6 actions rebuilt: 10 outputs equal, 0 different\n")
    assert before == sorted(path for path in (project / "cache").rglob("*"))
    assert not list((project / "build" / ".state").glob("verify-*"))


def test_verify_of_a_bench_names_what_differs(tinyflow: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """A stage that writes something else the second time is named with its output and the first byte; status 1.

    This is the protection taken out: a stage that is not a function of its inputs.
    """
    import synthetic_stages

    tinyflow("bench:net-good-chip")
    graph = {**synthetic_stages.CONTENT["graph.json"], "macs": 1001}
    monkeypatch.setitem(synthetic_stages.CONTENT, "graph.json", graph)
    done = tinyflow("verify", "bench:net-good-chip")
    assert done.status == 1
    first, second, counts = done.output.splitlines()
    assert re.search(r"convert net: graph.json: differs from byte 12 on \((\d+) bytes recorded, \1 now\)", first)
    assert second.endswith("report net-good-chip: row.json (follows from the above)")
    assert counts == "6 actions rebuilt: 8 outputs equal, 2 different"


def test_verify_needs_something_to_compare_with(tinyflow: Run) -> None:
    """A bench that was not built is refused, with what to type first."""
    done = tinyflow("verify", "bench:net-good-chip")
    assert done.status == 2
    assert "first tinyflow bench:net-good-chip" in done.errors
