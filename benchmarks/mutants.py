"""Whether a mistake in the code would be noticed: mutants drawn by a seed, each tried against the tests that reach it.

`python benchmarks/mutants.py [--seed 1] [--number 100] [core/digest.py …]` draws a kind of mutation, then a place of
that kind, until there are so many. A mutant lives in a copy of the checkout below `build/mutants`, so that programs
which tests start see it too; its fast tests run, those of the mirrored module first. What was found is kept there: the
next run goes on. With `--slow` the slow tests that reach it run, too.

mutmut and cosmic-ray draw by no seed, drop neither elements nor calls, change the texts of messages as well, and choose
tests by imports, through which all of `flow` is reached; so this is a program of our own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import defaultdict
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from queue import SimpleQueue

from mutations import KINDS, Mutant, draw

CHECKOUT = Path(__file__).parents[1]
PLACE = CHECKOUT / "build" / "mutants"
PACKAGES = ("core", "stages", "flow", "report", "recipes", "targets")
_COPIES = 2
_PATIENCE_S = 60.0  # more than three times what the tests took without a fault
# In every Python of a copy: notes which of our functions run, in the test that is named in a file.
_TRACER = """\
import sys, threading, os
_here = os.path.dirname(os.path.abspath(__file__))
_seen, _test = set(), None
def begin(test):
    global _test
    _test = test
    _seen.clear()
    open(_here + "/.test", "w").write(test)
def _call(frame, event, argument):
    code = frame.f_code
    place = code.co_filename
    if place.startswith(_here + "/tinyflow/") and (place, code.co_name) not in _seen:
        _seen.add((place, code.co_name))
        line = f"{_test}\\t{place[len(_here) + 10:]}\\t{code.co_name}\\n"
        log = os.open(_here + "/.calls", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
        os.write(log, line.encode())
        os.close(log)
def _look():
    global _test
    _test = open(_here + "/.test").read()
    _seen.clear()
if os.path.exists(_here + "/.test"):
    _look()
    os.register_at_fork(after_in_child=_look)
    sys.settrace(_call)
    threading.settrace(_call)
"""
_PLUGIN = """\
import json, sitecustomize
def pytest_runtest_setup(item): sitecustomize.begin(item.location[0])
def pytest_runtest_call(item): sitecustomize.begin(item.nodeid)
def pytest_runtest_teardown(item): sitecustomize.begin(item.nodeid)
def pytest_runtest_logreport(report):
    with open(".outcomes", "a") as log: print(json.dumps([report.nodeid, report.outcome, report.duration]), file=log)
"""


def sources(wanted: list[str]) -> dict[str, str]:
    """Modules of PACKAGES by their paths below tinyflow/, those that begin as asked for."""
    root = CHECKOUT / "tinyflow"
    files = [file for package in PACKAGES for file in sorted((root / package).rglob("*.py"))]
    texts = {file.relative_to(root).as_posix(): file.read_text(encoding="utf-8") for file in files}
    return {path: text for path, text in texts.items() if not wanted or path.startswith(tuple(wanted))}


class Trees:
    """Copies of the checkout in which tests run."""

    def __init__(self) -> None:
        listed = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(listed, cwd=CHECKOUT, capture_output=True, check=True, text=True).stdout.split("\0")
        self.free: SimpleQueue[Path] = SimpleQueue()
        self._edits = 0
        for number in range(_COPIES):
            tree = PLACE / f"tree{number}"
            shutil.rmtree(tree, ignore_errors=True)
            for name in filter(None, names):
                if (CHECKOUT / name).is_file():
                    (tree / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(CHECKOUT / name, tree / name)
            self.free.put(tree)

    def pytest(self, tree: Path, words: list[str], patience_s: float | None) -> tuple[int | None, str]:
        """Run it in a copy: its status, None where it took too long, and what it printed."""
        run = subprocess.Popen(
            [sys.executable, "-m", "pytest", "-q", "-n", "0", "-p", "no:cacheprovider", "--tb=no", *words],
            cwd=tree,
            env=os.environ | {"PYTHONPATH": str(tree)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        try:
            text, _ = run.communicate(timeout=patience_s)
            return run.returncode, text
        except subprocess.TimeoutExpired:
            os.killpg(run.pid, signal.SIGKILL)
            run.communicate()
            return None, ""

    def edit(self, path: Path, text: str) -> None:
        """Write a module under a time that no bytecode was compiled for, not even within the same second."""
        self._edits += 1
        path.write_text(text, encoding="utf-8")
        os.utime(path, (1_000_000_000 + self._edits, 1_000_000_000 + self._edits))


class Reach:
    """Which tests run which functions, and how long each takes; found by one traced run of every changed test file."""

    def __init__(self, trees: Trees, marks: str) -> None:
        self._kept = PLACE / f"reach-{hashlib.sha256(marks.encode()).hexdigest()[:8]}.json"
        known = json.loads(self._kept.read_text()) if self._kept.exists() else {}
        files = {path.relative_to(CHECKOUT).as_posix(): _digest(path) for path in CHECKOUT.glob("tests/**/test_*.py")}
        self._files = {
            name: known[name] for name, digest in files.items() if known.get(name, {}).get("digest") == digest
        }
        waiting = SimpleQueue[str]()
        for name in sorted(files.keys() - self._files.keys()):
            waiting.put(name)

        def trace(tree: Path) -> None:
            (tree / "sitecustomize.py").write_text(_TRACER)
            (tree / "mutants_plugin.py").write_text(_PLUGIN)
            while not waiting.empty():
                name = waiting.get()
                for log in (".calls", ".outcomes"):
                    (tree / log).unlink(missing_ok=True)
                (tree / ".test").write_text(name)
                trees.pytest(tree, ["-p", "mutants_plugin", "-m", marks, name], None)
                self._files[name] = {"digest": files[name], **_read_logs(tree)}
            for rest in ("sitecustomize.py", "mutants_plugin.py", ".test"):
                (tree / rest).unlink()

        _in_all(trees, trace, waiting.qsize())
        self._kept.write_text(json.dumps(self._files))

    def tests(self, mutant: Mutant) -> list[tuple[str, list[str], float]]:
        """(file, tests that reach the mutant, their seconds), the mirrored file first, then the quick ones."""
        found = []
        package, *_, module = mutant.path.removesuffix(".py").split("/")
        for name, known in self._files.items():
            called = known["calls"].get(mutant.path, {})
            reaching = set(
                called.get(mutant.function, ())
                if mutant.function
                else [at for tests in called.values() for at in tests]
            )
            passed = known["passed"]
            if not called and name.startswith(f"tests/{package}/test_{module.partition('_')[0]}"):
                reaching = set(passed)  # a program that is started in a way that can't be traced
            chosen = sorted(passed if name in reaching else reaching & passed.keys())
            if chosen:
                rank = 0 if module in name else 1 if name.startswith(f"tests/{package}/") else 2
                found.append((rank, sum(passed[test] for test in chosen), name, chosen))
        return [(name, chosen, seconds) for _, seconds, name, chosen in sorted(found)]


def _read_logs(tree: Path) -> dict[str, dict[str, object]]:
    calls: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    if (tree / ".calls").exists():
        for line in (tree / ".calls").read_text().splitlines():
            test, path, function = line.split("\t")
            calls[path][function].add(test)
    passed: dict[str, float] = {}
    failed = set()
    for line in (tree / ".outcomes").read_text().splitlines() if (tree / ".outcomes").exists() else ():
        test, outcome, seconds = json.loads(line)
        passed[test] = passed.get(test, 0.0) + seconds
        failed |= {test} if outcome != "passed" else set()
    kept = {path: {name: sorted(tests) for name, tests in each.items()} for path, each in calls.items()}
    return {"calls": kept, "passed": {test: seconds for test, seconds in passed.items() if test not in failed}}


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _in_all(trees: Trees, work, number: int) -> None:  # type: ignore[no-untyped-def]
    """Do some work in all copies at once."""
    copies = [trees.free.get() for _ in range(min(_COPIES, number))]
    with ThreadPoolExecutor(_COPIES) as threads:
        list(threads.map(work, copies))
    for tree in copies:
        trees.free.put(tree)


def attempt(mutant: Mutant, trees: Trees, reach: Reach) -> tuple[str, str]:
    """`killed` and by which test, `timed out`, or `survived` and how many tests."""
    tree = trees.free.get()
    path = tree / "tinyflow" / mutant.path
    original = path.read_text(encoding="utf-8")
    chosen = reach.tests(mutant)
    patience_s = _PATIENCE_S + 3 * sum(seconds for *_, seconds in chosen)
    words = [test for _, tests, _ in chosen for test in tests]
    try:
        while words:
            trees.edit(path, mutant.text)
            status, text = trees.pytest(tree, ["-x", *words], patience_s)
            if status in (None, 0):
                return ("survived", f"{len(words)} tests") if status == 0 else ("timed out", "")
            failed = [line.partition(" ")[2].split(" - ")[0] for line in text.splitlines() if line.startswith("FAILED")]
            trees.edit(path, original)
            if not failed or trees.pytest(tree, failed[:1], patience_s)[0] == 0:
                return "killed", failed[0] if failed else f"status {status}"
            words = [word for word in words if word != failed[0]]  # it fails without the fault, too
        return "survived", "no test reaches it"
    finally:
        trees.edit(path, original)
        trees.free.put(tree)


def main() -> None:
    """Draw, try, and tell."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--number", type=int, default=100)
    parser.add_argument("--slow", action="store_true", help="the slow tests too")
    parser.add_argument("paths", nargs="*", help="below tinyflow/: packages or modules; all without")
    wanted = parser.parse_args()
    PLACE.mkdir(parents=True, exist_ok=True)
    mutants = draw(wanted.seed, wanted.number, sources(wanted.paths))
    trees = Trees()
    reach = Reach(trees, "slow or not slow" if wanted.slow else "not slow")
    results_path = PLACE / "results.json"
    results = json.loads(results_path.read_text()) if results_path.exists() else {}
    tests = hashlib.sha256(
        "".join(sorted(_digest(path) for path in CHECKOUT.glob("tests/**/*.py"))).encode()
    ).hexdigest()

    def found(mutant: Mutant) -> tuple[str, str]:
        known = results.get(mutant.name)
        if known and (known[0] != "survived" or known[2] == [tests, wanted.slow]):
            return known[0], known[1]
        outcome, by = attempt(mutant, trees, reach)
        results[mutant.name] = (outcome, by, [tests, wanted.slow])
        print(
            f"{outcome:10} {mutant.kind:10} {mutant.path}:{mutant.line} {mutant.function}: {mutant.change}  [{by}]",
            flush=True,
        )
        results_path.write_text(json.dumps(results))
        return outcome, by

    with ThreadPoolExecutor(_COPIES) as threads:
        outcomes = list(threads.map(found, mutants))
    print()
    for kind in KINDS:
        of_kind = [outcome for mutant, (outcome, _) in zip(mutants, outcomes, strict=True) if mutant.kind == kind]
        print(f"{kind:12}{len(of_kind) - of_kind.count('survived'):4} of {len(of_kind)}")
    for mutant, (outcome, by) in zip(mutants, outcomes, strict=True):
        if outcome != "killed":
            print(f"{outcome}: {mutant.path}:{mutant.line} {mutant.function}, {mutant.kind}: {mutant.change}  [{by}]")
    noticed = sum(outcome != "survived" for outcome, _ in outcomes)
    print(f"{noticed} of {len(mutants)} noticed: {100 * noticed / max(1, len(mutants)):.0f} % (seed {wanted.seed})")


if __name__ == "__main__":
    main()
