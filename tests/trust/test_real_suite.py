"""A real suite, {aww, vww} on {tvmaot, tvmaotplus} on {stm32f4, stm32f7}: what runs is counted, by stage.

The models are made from code, so that no network and no mirror is needed.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import nginx_cache
import pytest
from trust_places import CHECKOUT

pytestmark = pytest.mark.slow

MODELS, BENCHES = ("aww", "vww"), 8
# Six of each model, seven of each bench; support's eleven sources and library for two processors; the simulator's
# counter and its model of flash.
ACTIONS = 6 * len(MODELS) + 7 * BENCHES + 12 * 2 + 2
PATH = f"{Path(sys.executable).parent}:/usr/bin:/bin"


class Place:
    """A folder with doit's configuration and recipes of its own: the models, the suite, a copy of the runtime."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        recipes = folder / "recipes"
        (recipes / "models").mkdir(parents=True)
        (recipes / "suites").mkdir()
        shutil.copy(CHECKOUT / "pyproject.toml", folder)
        shutil.copytree(CHECKOUT / "recipes" / "runtimes" / "support", recipes / "runtimes" / "support")
        for model in MODELS:
            (recipes / "models" / f"{model}.yaml").write_text(
                f"description: {model}, made from code\nsamples: {{count: 2}}\nsynthesize: {{graph: {model}}}\n"
            )
        (recipes / "suites" / "eight.yaml").write_text(
            "description: for tests\nmatrix:\n  models: [aww, vww]\n  backends: [tvmaot, tvmaotplus]\n"
            "  targets: [stm32f4, stm32f7]\n"
        )

    def doit(self, *words: str, umask: int = 0o022, **environment: str) -> str:
        """Run plain doit with a short environment; what it printed."""
        fixed = {"PYTHONPATH": str(CHECKOUT), "HOME": str(self.folder), "PATH": PATH, "TINYFLOW_CACHE": "cache"}
        done = subprocess.run(
            [sys.executable, "-m", "doit", *words],
            cwd=self.folder,
            env=fixed | environment,
            umask=umask,
            capture_output=True,
            text=True,
            timeout=400,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    def start(self, *words: str, **environment: str) -> subprocess.Popen[str]:
        """Start plain doit with a short environment."""
        fixed = {"PYTHONPATH": str(CHECKOUT), "HOME": str(self.folder), "PATH": PATH, "TINYFLOW_CACHE": "cache"}
        command = [sys.executable, "-m", "doit", *words]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=self.folder, env=fixed | environment, stdout=pipe, stderr=pipe, text=True)

    def artifacts(self, bench: str) -> dict[str, dict[str, str]]:
        """Title of every action of a bench → its outputs' digests, but for what depends on the time that it took."""
        document = json.loads((self.folder / "build" / bench / "provenance.json").read_text())
        return {
            action["title"]: {name: digest for name, digest in action["outputs"].items() if name != "timing.json"}
            for action in document["actions"]
            if action["stage"] != "report"
        }

    def edit_runtime(self, before: str, after: str) -> None:
        """Replace text in the runtime's memory.c."""
        path = self.folder / "recipes" / "runtimes" / "support" / "src" / "memory.c"
        assert before in path.read_text()
        path.write_text(path.read_text().replace(before, after, 1))


def ran(output: str, state: str = "built") -> Counter[str]:
    """Stage → how many of its actions came to this state."""
    return Counter(re.findall(rf"^{state} +(\w+) ", output, re.MULTILINE))


@pytest.fixture(scope="module")
def remote(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A remote cache; none where there is no nginx."""
    if nginx_cache.NGINX is None:
        yield ""
        return
    with nginx_cache.serve(tmp_path_factory.mktemp("remote") / "nginx") as url:
        yield url


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, remote: str) -> tuple[Place, str]:
    """The suite, built from nothing, four actions at once; what doit said."""
    place = Place(tmp_path_factory.mktemp("first"))
    return place, place.doit("-n", "4", "suite:eight", **({"TINYFLOW_REMOTE_CACHE": f"{remote}:rw"} if remote else {}))


@pytest.fixture
def first(told: tuple[Place, str]) -> Place:
    """The place where the suite was built."""
    return told[0]


def test_each_action_runs_once(told: tuple[Place, str]) -> None:
    """Two fetches, converts and the like, a generate per model and backend, a library per flag set, eight links, runs.

    Guards ids: an id that named the target where it does not matter would make eight generates.
    """
    titles = re.findall(r"^built +(.*?)  ", told[1], re.MULTILINE)
    assert len(set(titles)) == len(titles)
    counts = ran(told[1])
    flag_sets = 2  # of a cortex-m4 and a cortex-m7
    sources = len([title for title in titles if title.startswith("compile support/")])
    assert sources % flag_sets == 0
    assert counts == {
        **dict.fromkeys(("fetch", "convert", "tidy", "intermediates"), len(MODELS)),
        "generate": 2 * len(MODELS),
        "compile": BENCHES + sources + 2,  # and the simulator's counter and model of flash
        "archive": 2 * flag_sets,  # the runtime and the compiler's builtins, of which none are needed
        **{"resolve": BENCHES, "link": BENCHES, "run": BENCHES, "profile": BENCHES, "report": BENCHES},
    }


def test_the_second_time_nothing_runs(first: Place) -> None:
    """All is up to date, and nothing is restored either."""
    output = first.doit("suite:eight")
    assert ran(output) == ran(output, "hit") == {}


def test_another_checkout_executes_nothing(first: Place, tmp_path: Path) -> None:
    """In another folder, over the same cache: all are hits, and the artifacts are the same."""
    other = Place(tmp_path / "other")
    output = other.doit("suite:eight", TINYFLOW_CACHE=str(first.folder / "cache"))
    assert ran(output) == {}
    assert ran(output, "hit").total() == ACTIONS
    for bench in ("aww-tvmaot-stm32f4", "vww-tvmaotplus-stm32f7"):
        assert other.artifacts(bench) == first.artifacts(bench)


def test_a_remote_cache_is_enough(first: Place, remote: str, tmp_path: Path) -> None:
    """Another checkout with an empty cache takes everything from nginx without executing one action."""
    if not remote:
        pytest.skip("nginx is not installed (Debian: nginx-light)")
    other = Place(tmp_path / "other")
    output = other.doit("-n", "4", "suite:eight", TINYFLOW_REMOTE_CACHE=f"{remote}:ro")
    assert ran(output) == {}
    assert ran(output, "hit").total() == ACTIONS
    assert other.artifacts("vww-tvmaot-stm32f7") == first.artifacts("vww-tvmaot-stm32f7")


def test_edits_run_what_they_reach(first: Place) -> None:
    """Touch: nothing. A description: nothing. A comment in C: its compiles. Other code: up to the runs. Back: nothing.

    Guards early cutoff, and that keys hold content and only what a stage reads.
    """
    for path in (first.folder / "recipes").rglob("*"):
        os.utime(path)
    assert ran(first.doit("suite:eight")) == {}
    model = first.folder / "recipes" / "models" / "aww.yaml"
    model.write_text(model.read_text().replace("made from code", "synthesised"))
    assert ran(first.doit("suite:eight")) == {}
    begin = "#include <"
    first.edit_runtime(begin, f"/* explained */\n{begin}")
    assert ran(first.doit("suite:eight")) == {"compile": 2}
    path = first.folder / "recipes" / "runtimes" / "support" / "src" / "start_arm.c"
    before = path.read_text()
    path.write_text(before.replace("  tf_start();", '  __asm volatile("nop");\n  tf_start();'))
    everything = {"compile": 2, "archive": 2, **dict.fromkeys(("resolve", "link", "run", "profile", "report"), BENCHES)}
    assert ran(first.doit("suite:eight")) == everything
    path.write_text(before)
    assert ran(first.doit("suite:eight")) == {}


def test_the_same_bytes_anywhere(first: Place, tmp_path: Path) -> None:
    """Another folder, home, time zone, language, umask, hash seed, and one action at a time: every output is equal.

    Guards `clean_environment`, `-ffile-prefix-map` and sorted iteration.
    """
    other = Place(tmp_path / "a longer name, with spaces" / "other")
    (tmp_path / "home").mkdir()
    environment = {"HOME": str(tmp_path / "home"), "TZ": "Asia/Kathmandu", "LANG": "tr_TR.UTF-8", "PYTHONHASHSEED": "7"}
    other.doit("-n", "1", "bench:aww-tvmaotplus-stm32f7", umask=0o077, **environment)
    assert other.artifacts("aww-tvmaotplus-stm32f7") == first.artifacts("aww-tvmaotplus-stm32f7")


@pytest.mark.parametrize("checkouts", [1, 8])
def test_eight_at_once_run_each_action_once(tmp_path: Path, checkouts: int) -> None:
    """Eight `doit` processes, on one checkout or on eight over one cache: every action is executed by one of them.

    Guards the lock per key, and that records, views and reports bear several writers.
    """
    places = [Place(tmp_path / f"checkout{number}") for number in range(checkouts)]
    cache = str(tmp_path / "cache")
    running = [
        places[number % checkouts].start("-n", "2", "bench:aww-tinyc-stm32f4", TINYFLOW_CACHE=cache)
        for number in range(8)
    ]
    ended = [process.communicate(timeout=300) for process in running]
    assert [process.returncode for process in running] == [0] * 8, ended
    assert {errors for _, errors in ended} == {""}
    built = [title for output, _ in ended for title in re.findall(r"^built +(.*?)  ", output, re.MULTILINE)]
    assert sorted(set(built)) == sorted(built)
    told = {json.dumps(place.artifacts("aww-tinyc-stm32f4"), sort_keys=True) for place in places}
    assert len(told) == 1
    assert sorted(json.loads(told.pop())) == sorted(title for title in built if not title.startswith("report "))
    assert ran(places[0].doit("bench:aww-tinyc-stm32f4", TINYFLOW_CACHE=cache)) == {}
