"""A program of the user's as generator: what it gets, and what is refused of what it leaves."""

from __future__ import annotations

import base64
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ModelError, ToolError
from tinyflow.model import tflite_reader
from tinyflow.model.zoo import synthesize
from tinyflow.stages.external import generate, placed

MODEL = synthesize({"graph": "toycar", "features": 8, "hidden": 4, "depth": 1})


def generated(folder: Path, program: str, words: Sequence[str] = ("{out}",)) -> Workspace:
    """What is left when `program` (Python) was run with these words."""
    (folder / "inputs" / "files").mkdir(parents=True)
    (folder / "sources").mkdir()
    (folder / "inputs" / "model.tflite").write_bytes(MODEL)
    (folder / "inputs" / "files" / "program.py").write_text(program)
    workspace = Workspace(
        folder=folder,
        parameters={
            "backend": "mine",
            "name": "my_net",
            "command": [sys.executable, "{files}/program.py", *words],
            "options": {"unroll": 4},
        },
        inputs={
            "model.tflite": folder / "inputs" / "model.tflite",
            "files/program.py": folder / "inputs" / "files" / "program.py",
        },
        outputs={"sources/": folder / "sources", "plan.json": folder / "plan.json"},
        log_path=folder / "log",
        timeout_s=60,
    )
    generate(workspace)
    return workspace


WRITE = "import pathlib, sys\nout = pathlib.Path(sys.argv[1])\n(out / 'model.c').write_text('int x;')\n"


def test_the_program_is_told_what_the_model_is_called(tmp_path: Path) -> None:
    """Where its recipe asks for it, as a word."""
    program = WRITE + "(out / 'name.h').write_text(sys.argv[2])\n"
    made = generated(tmp_path, program, ("{out}", "x_{name}")).outputs["sources/"]
    assert (made / "name.h").read_text() == "x_my_net"


def test_the_program_gets_model_graph_and_options(tmp_path: Path) -> None:
    """All three are readable, and the graph as JSON holds every constant."""
    program = WRITE + "for i, path in enumerate(sys.argv[2:]): (out / f'{i}.h').write_bytes(open(path, 'rb').read())\n"
    made = generated(tmp_path, program, ("{out}", "{model}", "{graph}", "{options}")).outputs["sources/"]
    assert (made / "0.h").read_bytes() == MODEL
    told = json.loads((made / "1.h").read_bytes())
    graph = tflite_reader.read(MODEL)
    for tensor, shown in zip(graph.tensors, told["tensors"], strict=True):
        assert (tensor.data is None) == (shown["data"] is None)
        assert base64.b64decode(shown["data"] or "") == (tensor.data or b"")
        assert shown["scales"] == list(tensor.quantisation.scales if tensor.quantisation else ())
    assert json.loads((made / "2.h").read_bytes()) == {"unroll": 4}


def test_without_a_plan_the_documented_symbols_hold(tmp_path: Path) -> None:
    """The ports are the model's; nothing is claimed of memory."""
    plan = json.loads(generated(tmp_path, WRITE).outputs["plan.json"].read_bytes())
    assert [port["symbol"] for port in plan["inputs"] + plan["outputs"]] == ["model_input_0", "model_output_0"]
    assert (plan["inputs"][0]["bytes"], plan["arena"], plan["backend"]) == (8, None, "mine")


def test_a_plan_of_its_own_is_taken_and_is_no_source(tmp_path: Path) -> None:
    """What it says counts, what it leaves out is the default."""
    plan = {"arena": {"bytes": 12}, "invoke": "mine_invoke"}
    made = generated(tmp_path, WRITE + f"(out / 'plan.json').write_text('''{json.dumps(plan)}''')\n")
    told = json.loads(made.outputs["plan.json"].read_bytes())
    assert (told["arena"], told["invoke"], told["setup"]) == ({"bytes": 12}, "mine_invoke", "model_setup")
    assert [path.name for path in made.outputs["sources/"].iterdir()] == ["model.c"]


def test_an_interpreter_tells_functions_and_the_graph_the_rest(tmp_path: Path) -> None:
    """Layers by index, who calls them, and what set-up's statuses mean; ports are where the arena has them."""
    plan = {
        **{"dispatcher": "run", "statuses": {"1": "too small"}},
        "layers": [{"index": index, "functions": ["dense"]} for index in range(4)],
        "arena": {"symbol": "a", "bytes": 64, "places": "p", "used": "u"},
    }
    made = generated(tmp_path, WRITE + f"(out / 'plan.json').write_text({json.dumps(plan)!r})\n")
    graph = tflite_reader.read(MODEL)
    document = json.loads(made.outputs["plan.json"].read_bytes())
    assert (document["dispatcher"], document["statuses"]) == ("run", {"1": "too small"})
    assert [layer["outputs"] for layer in document["layers"]] == [list(one.outputs) for one in graph.operators]
    assert [layer["functions"] for layer in document["layers"]] == [["dense"]] * 4
    assert document["layers"][0]["macs"] == 32 and document["inputs"][0]["symbol"] == ""

    chain = [graph.inputs[0], *(one.outputs[0] for one in graph.operators)]
    laid_out = placed(document, graph, {str(index): 16 * at for at, index in enumerate(chain)})
    assert [port["symbol"] for port in (*laid_out["inputs"], *laid_out["outputs"])] == ["a+0", "a+64"]
    lives = [(one["offset"], one["first"], one["last"], one["tensors"]) for one in laid_out["arena"]["tensors"]]
    spans = [(0, 0), (0, 1), (1, 2), (2, 3), (3, 3)]
    assert lives == [(16 * at, *spans[at], [index]) for at, index in enumerate(chain)]
    assert [one["bytes"] for one in laid_out["arena"]["tensors"]] == [graph.tensors[one].size_bytes for one in chain]


@pytest.mark.parametrize(
    ("plan", "told"),
    [
        ("[]", "not a mapping"),
        ("{", "not JSON"),
        ({"arenas": {}}, 'unknown key "arenas"; known: .*arena'),
        ({"inputs": []}, '"inputs" must have 1 entries'),
        ({"inputs": [{"symbol": "x"}]}, 'each of "inputs" needs symbol and bytes'),
        ({"arena": {"bytes": "12"}}, '"arena" needs bytes'),
        ({"arena": {"bytes": 12, "places": "p"}}, '"arena" with places needs symbol'),
        ({"statuses": {"1": 2}}, '"statuses" must be a mapping'),
        ({"layers": [{"index": 0}]}, 'each of "layers" needs index, operator'),
    ],
)
def test_a_plan_that_is_none_is_refused(tmp_path: Path, plan: Any, told: str) -> None:
    """With what is wrong in it."""
    text = plan if isinstance(plan, str) else json.dumps(plan)
    with pytest.raises(ModelError, match=told):
        generated(tmp_path, WRITE + f"(out / 'plan.json').write_text('''{text}''')\n")


@pytest.mark.parametrize(
    ("program", "told"),
    [
        ("pass", r"mine left no source in \{out\}"),
        (WRITE + "(out / 'away.c').symlink_to('/etc/passwd')", "mine left away.c, which is not a plain file"),
    ],
)
def test_what_is_left_must_be_sources(tmp_path: Path, program: str, told: str) -> None:
    """Plain files, at least one to compile."""
    with pytest.raises(ModelError, match=told):
        generated(tmp_path, program)


def test_its_own_words_come_through(tmp_path: Path) -> None:
    """What it printed is the error."""
    with pytest.raises(ToolError, match="error: only the best networks"):
        generated(tmp_path, "import sys; sys.exit('error: only the best networks')")
