"""Where a backend refuses a network, the bench of one that takes it is named, and only then."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import kept
import numpy as np
import pytest
from small_networks import Net
from tests_support import doit

from tinyflow.backends.refusals import ELSEWHERE
from tinyflow.core.errors import ModelError, TinyflowError, ToolError
from tinyflow.flow.planning import alternatives
from tinyflow.flow.planning.matching import Matching
from tinyflow.flow.planning.plan import BenchPlan, Planner
from tinyflow.model.tflite_writer import write
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.mirrors import Mirrors

CATALOGUE = Catalogue([data_folder() / "recipes"])
MATCHING = Matching(CATALOGUE)


def network(operator: str) -> bytes:
    """One operator of int8: of these CUMSUM is tinyc's alone, NEG the TVM backends', ATAN2 nobody's."""
    net = Net(1, 4, 4, 4)
    more = {"CUMSUM": [net.constant(np.array(2), "int32")], "ATAN2": [net.input]}.get(operator, [])
    options = {"exclusive": False, "reverse": False} if operator == "CUMSUM" else {}
    return write(net.graph(net.operator(operator, net.input, *more, shape=(1, 4, 4, 4), **options)))


@pytest.fixture
def refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """What is told beside an error of the first of some benches."""
    monkeypatch.chdir(tmp_path)
    planner = Planner(CATALOGUE, Mirrors(()), kept.Session(tmp_path / "cache", tmp_path / "state").store)

    def tell(content: bytes, error: TinyflowError, *benches: str) -> str:
        Path("net.tflite").write_bytes(content)
        plans: list[BenchPlan] = [planner.plan_bench(parse(f"./net.tflite-{bench}")) for bench in benches]
        stage = "lower" if benches[0].startswith("tvmrt") else "generate"
        (action,) = (action for action in plans[0].actions if action.stage == stage)
        alternatives.name_another(action, error, plans, lambda: content, CATALOGUE, MATCHING)
        return error.hint

    return tell


def test_the_bench_to_type_is_named(refused: Callable[..., str]) -> None:
    """Of the first backend that takes it, with the features that it knows; in place of advice that leads nowhere."""
    wrong = ModelError("no", hint=ELSEWHERE)
    told = "tinyc takes it: doit bench:./net.tflite-tinyc-stm32f7"
    assert refused(network("CUMSUM"), wrong, "tvmaot-stm32f7") == told
    named = refused(network("CUMSUM"), ModelError("no", hint="convert it"), "tvmrt-stm32f7+graph.binary+dsp")
    assert named == f"convert it; {told}+dsp"
    named = refused(network("NEG"), ModelError("no"), "tinyc-stm32f7+rows.2+opt.Os")
    assert named == "tvmaotplus takes it: doit bench:./net.tflite-tvmaotplus-stm32f7+opt.Os"


def test_nothing_is_named_that_helps_nobody(refused: Callable[..., str], monkeypatch: pytest.MonkeyPatch) -> None:
    """No backend that refuses it, too, isn't installed, or whose bench runs beside; nor for errors of another kind."""
    wanted = network("CUMSUM"), ModelError("no", hint="x")
    assert refused(network("ATAN2"), ModelError("no", hint=ELSEWHERE), "tvmaot-stm32f7") == ELSEWHERE
    assert refused(*wanted, "tvmaot-stm32f7", "tinyc-stm32f7") == "x"
    assert refused(network("CUMSUM")[:300], ModelError("cut", hint="x"), "tvmaot-stm32f7") == "x"
    assert refused(network("CUMSUM"), ToolError("no", hint="x"), "tvmaot-stm32f7") == "x"
    monkeypatch.setattr(alternatives, "lacking", lambda catalogue, names: {"pip install": ["tvmaot", "tvmaotplus"]})
    assert refused(network("NEG"), ModelError("no", hint="x"), "tinyc-stm32f7") == "x"


@pytest.mark.slow
def test_a_bench_that_is_named_runs(tmp_path: Path) -> None:
    """A session tells it, and it is right."""
    (tmp_path / "net.tflite").write_bytes(network("CUMSUM"))
    done = doit(tmp_path, "bench:./net.tflite-tvmaotplus-stm32f7")
    named = re.search(r"tinyc takes it: doit (\S+)$", done.stdout, re.MULTILINE)
    assert done.returncode == 1 and named is not None, done.stdout + done.stderr
    done = doit(tmp_path, named[1])
    assert done.returncode == 0 and " exact" in done.stdout, done.stdout + done.stderr
