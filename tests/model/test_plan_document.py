"""plan.json, read and written."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tinyflow.core.errors import ModelError
from tinyflow.model.plan_document import PlanDocument

TENSOR = {"name": "in", "offset": 0, "bytes": 8, "first": 0, "last": 0, "tensors": []}
WHOLE: dict[str, Any] = {
    **{"schema": 1, "backend": "b", "setup": "s", "invoke": "i", "statuses": {"1": "no"}, "dispatcher": "d"},
    "inputs": [{"name": "in", "symbol": "arena+0", "bytes": 8, "dtype": "int8", "shape": [1, 8]}],
    "outputs": [],
    "arena": {"symbol": "arena", "bytes": 16, "alignment": 4, "tensors": [TENSOR]},
    **{"weights_bytes": 3, "macs": 5},
    "layers": [
        {
            **{"index": 0, "operator": "ADD", "functions": ["f", "g"], "macs": 5},
            **{"outputs_bytes": 8, "outputs": [], "notes": ["n"]},
        }
    ],
    "removed": [],
}


def test_what_was_read_is_written_as_it_was(tmp_path: Path) -> None:
    """Every key in its place; more keys come last."""
    plan = PlanDocument.of(WHOLE)
    plan.write(tmp_path / "plan.json", tuning={"tuned": 1})
    written = (tmp_path / "plan.json").read_text()
    assert written == json.dumps({**WHOLE, "tuning": {"tuned": 1}}, indent=1) + "\n"
    assert PlanDocument.read(tmp_path / "plan.json") == plan


def test_what_is_unknown_or_left_out_does_no_harm() -> None:
    """Plans of users say more, and less; tensors without lifetimes are none."""
    arena = {"bytes": 16, "tensors": [{"name": "in", "offset": 0}]}
    plan = PlanDocument.of({"backend": "b", "tuning": {}, "arena": arena})
    assert plan.arena is not None and (plan.arena.bytes, list(plan.arena.tensors)) == (16, [])
    assert (plan.caller, plan.calls, plan.document().get("dispatcher")) == ("model_invoke", [], None)


def test_calls_are_in_order_and_inputs_known_by_place_and_name() -> None:
    """What has an input's place but another name is none."""
    plan = PlanDocument.of(WHOLE)
    assert [(layer.index, function) for layer, function in plan.calls] == [(0, "f"), (0, "g")]
    assert plan.arena is not None and plan.is_input(plan.arena, plan.arena.tensors[0])
    other = PlanDocument.of({**WHOLE, "arena": {**WHOLE["arena"], "tensors": [{**TENSOR, "name": "other"}]}})
    assert other.arena is not None and not other.is_input(other.arena, other.arena.tensors[0])


@pytest.mark.parametrize("broken", [{"inputs": [{"symbol": "x"}]}, {"layers": [{"index": 0}]}])
def test_a_plan_that_lacks_what_must_be_there_is_refused(broken: dict[str, Any]) -> None:
    """By name: a user's own backend may write anything."""
    with pytest.raises(ModelError, match=r"plan.json lacks .(bytes|operator)."):
        PlanDocument.of({**WHOLE, **broken})
