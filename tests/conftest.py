"""What all tests share."""

from __future__ import annotations

import gc
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import hypothesis
import kept
import pytest
from cpu_seconds import CpuSeconds
from hypothesis.internal.conjecture import providers

from tinyflow.core.execute import Session
from tinyflow.recipes.catalogue import Catalogue, data_folder

# Very many tests start programs of ours; without bytecode each would compile all its modules again.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

# A shell's background jobs ignore Ctrl-C, and hand that on to the programs that are to be stopped by it.
if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

# How long an example takes is the machine's business; a busy one must not fail a test.
# Every run takes the same examples, but for `--hypothesis-profile many`, for the night; see also `examples`.
_SLOW = [hypothesis.HealthCheck.too_slow]
hypothesis.settings.register_profile(
    "tinyflow", deadline=None, max_examples=20, derandomize=True, suppress_health_check=_SLOW
)
hypothesis.settings.register_profile("many", deadline=None, max_examples=400, suppress_health_check=_SLOW)
hypothesis.settings.load_profile("tinyflow")


# What collecting makes stays to the end: it is neither searched for garbage nor copied where a process is.
gc.disable()
# Objects made before the youngest are searched: modules and caches that stay are searched with them in the end.
_YOUNGEST = 20_000


def pytest_configure(config: pytest.Config) -> None:
    """What is built of C outlives this run, where pytest keeps something at all."""
    if hypothesis.settings.get_current_profile_name() != "many":
        # Else it draws from the numbers in all modules that happen to be imported: others with each order of tests.
        providers._get_local_constants = providers.Constants
    if config.pluginmanager.has_plugin("cacheprovider"):
        kept.place = config.cache.mkdir("built")
    config.pluginmanager.register(CpuSeconds())


def pytest_sessionfinish(session: pytest.Session) -> None:
    """Its cache doesn't grow for ever."""
    if not hasattr(session.config, "workerinput"):
        kept.drop_oldest()


@pytest.hookimpl(tryfirst=True)  # before any is left out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Of a test that is marked `every(n)` all cases are slow but each n-th, from the first or the given one on."""
    seen: Counter[str] = Counter()
    for item in items:
        if (mark := item.get_closest_marker("every")) is not None:
            name = item.nodeid.partition("[")[0]
            every, start = (*mark.args, 0)[:2]
            if seen[name] % every != start:
                item.add_marker(pytest.mark.slow)
            seen[name] += 1


def pytest_collection_finish() -> None:
    """From here on there is garbage."""
    gc.freeze()
    gc.set_threshold(_YOUNGEST)
    gc.enable()


@pytest.fixture(scope="session", autouse=True)
def _built_in_recipes_are_read_once() -> Iterator[None]:
    """A process has many catalogues here, and the recipes beside its code don't change."""
    load, built_in, known = Catalogue._load, data_folder() / "recipes", {}

    def once(catalogue: Catalogue, kind: Any, name: str) -> Any:
        path = catalogue.path(kind, name)
        if not path.is_relative_to(built_in):
            return load(catalogue, kind, name)
        if (kind, path) not in known:
            known[kind, path] = load(catalogue, kind, name)
        return known[kind, path]

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Catalogue, "_load", once)
        yield


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    """A session with an empty cache and no past."""
    session = Session(tmp_path / "cache", tmp_path / "state")
    yield session
    session.close()


@pytest.fixture(scope="session")
def trained() -> Callable[[str], Path]:
    """Name → the published model's file; skips the test where no mirror folder has it."""
    named = os.environ.get("TINYFLOW_MIRRORS", "").split(":")
    folders = [Path(folder) for folder in named if folder] + [Path(__file__).parents[2] / "shared" / "models"]

    def find(name: str) -> Path:
        for folder in folders:
            if (folder / name / f"{name}.tflite").is_file():
                return folder / name / f"{name}.tflite"
        pytest.skip("no mirror has the published models")

    return find
