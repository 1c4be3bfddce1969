"""`doit check`: a verdict for each backend and target, with all reasons at once, before anything is built."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from flow_support import Run
from small_networks import Net
from stateful_networks import ring

from tinyflow.backends.refusals import Refusal, check_none
from tinyflow.core.errors import ModelError
from tinyflow.flow import new_project
from tinyflow.flow.commands import check
from tinyflow.flow.planning.suitability import assess, reasons, tidied
from tinyflow.model.graph import Graph, Quantisation
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize
from tinyflow.recipes.catalogue import Catalogue, data_folder


@pytest.fixture
def folder(real: Run, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A working directory with networks."""
    place = tmp_path_factory.mktemp("check")
    monkeypatch.chdir(place)
    once = Net(1, 8, 8, 3)
    cast = Net(1, 8, 8, 3)
    made = cast.operator("CAST", cast.input)
    cast.tensors[made] = replace(cast.tensors[made], dtype="float16", quantisation=None)
    files = {
        "cast": write(cast.graph(made)),
        "one": write(once.graph(once.operator("RELU", once.input))),
    }
    files |= {
        "good": synthesize({"graph": "toycar", "features": 64, "hidden": 32}),
        "odd": write(odd()),
        "large": write(large()),
    }
    for name, content in files.items():
        (place / f"{name}.tflite").write_bytes(content)
    (place / "bad.tflite").write_bytes(files["good"][:500])
    return place


def odd() -> Graph:
    """Two kinds of operators that nobody computes, one of them twice, around one that all do."""
    net = Net(1, 4, 4, 4)
    first = net.operator("SIGN", net.input, shape=(1, 4, 4, 4))
    second = net.operator("SIGN", net.operator("RELU", first), shape=(1, 4, 4, 4))
    return net.graph(net.operator("ATAN2", second, second, shape=(1, 4, 4, 4)))


def large() -> Graph:
    """Activations of 1.5 MB: for QEMU's boards and this machine alone."""
    net = Net(1, 500, 500, 3)
    one, other = net.operator("RELU", net.input), net.operator("RELU6", net.input)
    return net.graph(net.operator("ADD", one, other, q=Quantisation((0.05,), (3,)), activation="NONE"))


def verdicts(graph: Graph, tmp_path: Path, **asked: list[str]) -> list[object]:
    """Of the built-in recipes."""
    path = tmp_path / "net.tflite"
    path.write_bytes(write(graph))
    _, changed, size_bytes = tidied(write(graph), "net")
    return assess(Catalogue([data_folder() / "recipes"]), str(path), changed, size_bytes, **asked)  # type: ignore[arg-type,return-value]


def test_a_good_network_is_taken_everywhere(real: Run, folder: Path) -> None:
    """Status 0, each target with its memory, arenas as they are planned."""
    done = real("check", "good.tflite")
    assert (done.returncode, done.stderr) == (0, "")
    header, names, *rows = done.stdout.splitlines()
    assert header.startswith("good.tflite: 10 operators, 10.75 k MACs, weights ")
    backends = ["tinyc", "tinyi", "tvmaot", "tvmaotplus", "tvmcg", "tvmllvm", "tvmrt"]
    assert names.split() == ["target", "flash", "RAM", *backends]
    by_target = {row.split()[0]: row.split()[1:] for row in rows if row}
    assert by_target["stm32f7"][:4] == ["2.0", "MiB", "512.0", "KiB"] and by_target["host"][:2] == ["any", "any"]
    alone = real("check", "good.tflite", "--target", "stm32f4").stdout.splitlines()
    assert alone[2].split()[:7] == ["stm32f4", "1.5", "MiB", "320.0", "KiB", "96", "B"]
    assert alone[3].startswith("arena")


def test_a_narrow_terminal_has_records(real: Run, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A target below the other, with the same cells."""
    monkeypatch.setattr(check, "width_of", lambda stream: 40)
    lines = real("check", "one.tflite", "--target", "stm32f7").stdout.splitlines()
    assert lines[1:3] == ["stm32f7", "  flash 2.0 MiB  RAM 512.0 KiB"] and "  tinyc 192 B  tinyi 204 B" in lines


def test_all_reasons_are_told_at_once(real: Run, folder: Path) -> None:
    """Equal ones together, with all places; nothing takes it, so the status is 1."""
    done = real("check", "odd.tflite", "--target", "stm32f7")
    assert done.returncode == 1 and "what takes it: nothing that compiles" in done.stdout
    assert "doit check" not in done.stdout
    assert "tinyc, tinyi, tvmaot, tvmaotplus, tvmcg, tvmllvm, tvmrt:" in done.stdout
    places = "operators 0, 2 SIGN int8 (tensor 'a1'); operator 3 ATAN2 int8 (tensor 'a4')"
    assert f"  {places}: this operator is not supported" in done.stdout


def test_what_is_told_of_one_operator(real: Run, folder: Path) -> None:
    """In the singular, without a blank for types that it hasn't; then what nobody can tell by a file."""
    lines = real("check", "one.tflite", "--target", "stm32f7").stdout.splitlines()
    assert lines[0].startswith("one.tflite: 1 operator, 0 MACs") and lines[0].endswith(" 384 B at once")
    # RELU's result lies in place of its input
    assert " ".join(lines[2].split()).startswith("stm32f7 2.0 MiB 512.0 KiB 192 B 204 B ≥ 192 B")
    assert lines[-1].startswith("not asked: litert, tflm, coreml, ")
    assert lines[-1].endswith(", which only a bench asks: doit bench:./one.tflite-litert-host")
    once, refused = ring().operators[0], Refusal("unheard of", "")
    assert check._where([replace(refused, operator=once)]) == "operator 0 CALL_ONCE"


def test_no_backend_is_advised_that_does_not_take_it(real: Run, folder: Path) -> None:
    """Of a cast to float16 tinyi says that tinyc may know it, which it doesn't."""
    done = real("check", "cast.tflite", "--target", "stm32f7")
    assert "from int8 to float16 is not supported" in done.stdout and "use backend tinyc" not in done.stdout


def test_shortage_of_memory_is_told(real: Run, folder: Path) -> None:
    """By target, in bytes; the others take it."""
    done = real("check", "large.tflite", "--target", "stm32f7")
    assert done.returncode == 1 and done.stdout.count(" short") >= 2
    assert "RAM 960.8 KiB short" in done.stdout
    assert real("check", "large.tflite", "--target", "host").returncode == 0


def test_what_is_no_model_is_one_line(real: Run, folder: Path) -> None:
    """A damaged file, a name, a target; those behind it are checked."""
    done = real("check", "bad.tflite", "good.tflite", "--target", "stm32f7")
    assert done.returncode == 1 and "damaged" in done.stderr and "good.tflite: 10" in done.stdout
    assert '"nobody" is neither a model nor a file' in real("check", "nobody").stderr
    assert "goes by its name: aww\n" in real("check", "aww.tflite").stderr
    assert "there is no file none.tflite" in real("check", "none.tflite").stderr
    assert 'unknown target "moon"' in real("check", "good.tflite", "--target", "moon").stderr
    assert real("check").returncode == 2


@pytest.mark.slow
def test_neither_tvm_nor_an_interpreter_is_imported(folder: Path) -> None:
    """So that the answer comes at once."""
    heavy = ("tvm", "tflite_micro", "ai_edge_litert", "unicorn")
    script = (
        "import sys\nfrom tinyflow.flow.cli import main\nsys.argv = ['tinyflow', 'check', 'good.tflite']\n"
        f"try:\n    main()\nexcept SystemExit:\n    pass\nprint([name for name in {heavy} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", script], cwd=folder, capture_output=True, text=True)
    assert done.stdout.splitlines()[-1] == "[]", done.stderr


def test_arenas_are_those_of_plans(tmp_path: Path) -> None:
    """Of the backends that plan without a build; the others' are what they are at least."""
    net = Net(1, 8, 8, 3)
    weights = np.random.default_rng(1).integers(-128, 128, (4, 3, 3, 3))
    graph = net.graph(net.convolution(net.operator("RELU", net.input), weights, np.zeros(4)))
    found = {each.backend: each for each in verdicts(graph, tmp_path, targets=["stm32f7"])}  # type: ignore[attr-defined]
    assert not found["tinyc"].is_least and not found["tinyi"].is_least and found["tvmaot"].is_least
    assert found["tinyi"].arena_bytes > found["tinyc"].arena_bytes >= found["tvmaot"].arena_bytes >= 256
    assert all(each.is_suitable for each in found.values())


def test_equal_reasons_of_several_backends_are_one(tmp_path: Path) -> None:
    """With each place once, whatever the number of targets."""
    told = reasons(verdicts(odd(), tmp_path))  # type: ignore[arg-type]
    places = [[(who, refusal.operator.index) for who, refusal in at if refusal.operator] for at in told.values()]
    assert next(at for at in places if ("tinyc", 0) in at).count(("tinyc", 2)) == 1


@pytest.mark.parametrize(
    ("suitable", "first"),
    [
        ([("tinyc", "stm32f7"), ("tvmaot", "stm32f4"), ("tinyc", "stm32f4")], (["tinyc", "tvmaot"], "stm32f4")),
        ([("tinyi", "host"), ("tvmrt", "host"), ("tinyi", "esp32c3")], (["tinyi"], "host")),
        ([], None),
    ],
)
def test_what_is_suggested_runs(suitable: list[tuple[str, str]], first: object) -> None:
    """The usual backends on the usual target as far as the model suits them."""
    assert new_project.first_benches(suitable) == first


@pytest.mark.slow
def test_a_new_project_begins_with_what_runs(real: Run, folder: Path) -> None:
    """Or with the question what does."""
    assert real("init", "a", "--model", "large.tflite").stdout.splitlines()[-1].endswith("-alif_e3")
    assert real("init", "b", "--model", "odd.tflite").stdout.splitlines()[-1] == "  tinyflow check odd"
    assert (folder / "b" / "recipes" / "suites" / "first.yaml").is_file()


def test_whole_refusals_have_no_place() -> None:
    """What speaks against all of a model is no operator's."""
    with pytest.raises(ModelError, match=r"^too large \(backend x\)"):
        check_none([Refusal("too large", "smaller")], "x")
