"""A refused bench stops what it alone needs: nothing is compiled for it, and all that others need is."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests_support import doit

from tinyflow.core.action import Action
from tinyflow.flow.session.needed_actions import Demand
from tinyflow.model.graph import Graph, Operator, Tensor
from tinyflow.model.tflite_writer import write


def action(title: str) -> Action:
    """An action that is only named."""
    return Action(stage="compile", title=title, function="m:f", outputs=("x",), parameters={"title": title})


def test_an_action_is_lost_with_the_last_that_needs_it() -> None:
    """Not with the first one, and not by a failure elsewhere."""
    one, two, shared, only = map(action, ("one", "two", "shared", "only"))
    demand = Demand(lambda: [(one, shared, only), (two, shared)])
    assert not demand.is_lost(shared)
    demand.lose(one)
    assert [demand.is_lost(part) for part in (only, shared, two)] == [True, False, False]
    demand.lose(one)  # twice
    demand.lose(only)
    assert not demand.is_lost(shared)
    demand.lose(two)
    assert demand.is_lost(shared)


def unsupported(operator: str) -> bytes:
    """A network of one operator that LiteRT computes, and no backend that makes C."""
    tensors = tuple(Tensor(i, f"t{i}", (1, 4), "float32") for i in range(2))
    return write(Graph(tensors, (Operator(0, operator, 1, (0,), (1,)),), (0,), (1,)))


@pytest.mark.slow
def test_nothing_is_compiled_for_refused_benches(tmp_path: Path) -> None:
    """Though each needs all of a runtime; what is said of one is not said again of the next."""
    names = ["sign_0", "sign_1", "gelu_0", "gelu_1"]
    for name in names:
        (tmp_path / f"{name}.tflite").write_bytes(unsupported(name[:-2].upper()))
    benches = [f"bench:./{name}.tflite-{backend}-stm32f7" for name in names for backend in ("tinyc", "tvmaot")]
    done = doit(tmp_path, "-n", "2", *benches, TINYFLOW_CACHE="cache")
    assert done.returncode == 1
    assert done.stdout.count("compile tinynn") + done.stdout.count("compile support") <= 2  # while the last was refused
    assert done.stdout.count("failed  generate") == len(benches)
    assert "for the same reason as generate " in done.stdout
    assert done.stdout.count("another backend may have it: `doit check`") == 1
    for name in names:
        assert "this operator is not supported" in (
            (tmp_path / "build" / f"{name}-tvmaot-stm32f7" / "report.json").read_text()
        )
