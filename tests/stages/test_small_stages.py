"""Stages of a few lines, with the modules that they call, and files that are read byte by byte."""

from __future__ import annotations

import json
import sys
from hashlib import sha256
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from small_firmware import workspace

from tinyflow.core.errors import ModelError, RecipeError
from tinyflow.model import interpreters, oracle, tflite_reader
from tinyflow.model.builder import GraphBuilder
from tinyflow.model.plan_document import PlanDocument
from tinyflow.model.summary import macs, summarise
from tinyflow.model.tflite_writer import write
from tinyflow.model.zoo import synthesize
from tinyflow.stages import (
    chain,
    command_words,
    convert,
    cut,
    external,
    from_onnx,
    generate,
    library,
    lower,
    prebuilt,
    report,
)
from tinyflow.targets import write_limits

MODEL = synthesize({"graph": "toycar", "features": 8, "hidden": 4, "bottleneck": 2, "depth": 1})


@pytest.fixture
def model(tmp_path: Path) -> Path:
    """A model's file."""
    (tmp_path / "model.tflite").write_bytes(MODEL)
    return tmp_path / "model.tflite"


GENERATED = ["sources/", "plan.json", "network.json"]


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    """What a module `asked` was asked, which says yes to all."""
    calls: list[Any] = []
    module = ModuleType("asked")
    for name in ("check", "lower", "generate"):
        setattr(module, name, lambda *words, name=name, **named: calls.append((name, words, named)))
    monkeypatch.setitem(sys.modules, "asked", module)
    return calls


def test_weights_of_a_chain_are_as_those_of_its_parts_that_have_any(tmp_path: Path) -> None:
    """One part from code makes it synthetic, a user's one the user's; framers have no weights that could be."""
    frames = synthesize({"graph": "sound_frames", "frame": 10, "step": 8})
    (tmp_path / "frames").write_bytes(frames)
    names = {"0/model.tflite": tmp_path / "frames"}
    net = GraphBuilder()
    source = net.add_input("x", (10,), None, "int16")
    net.layer("ADD", (source, net.constant("one", 1, "int16")), "y", None, (10,), "int16")
    (tmp_path / "net").write_bytes(write(net.graph((2,), "net")))
    names |= {f"{number}/model.tflite": tmp_path / "net" for number in (1, 2)}
    for said, expected in (
        (("synthetic", "trained", "trained"), "trained"),
        (("synthetic", "trained", "user"), "user"),
        (("trained", "user", "synthetic"), "synthetic"),
    ):
        for number, weights in enumerate(said):
            names[f"{number}/origin.json"] = tmp_path / f"origin{number}"
            names[f"{number}/origin.json"].write_text(json.dumps({"weights": weights}))
        given = {"name": "whole", "parts": ["frames", "one", "two"]}
        made = workspace(tmp_path, names, ["model.tflite", "origin.json"], given)
        chain.chain(made)
        assert json.loads(made.outputs["origin.json"].read_bytes()) == {"source": "chain", "weights": expected}
    assert len(tflite_reader.read(made.outputs["model.tflite"]).operators) == 5
    names["1/model.tflite"] = tmp_path / "frames"
    with pytest.raises(ModelError) as caught:
        chain.chain(workspace(tmp_path, names, ["model.tflite", "origin.json"], given))
    assert caught.value.where == "whole, part 1"


def test_generating_and_lowering_hand_on_what_they_got(tmp_path: Path, model: Path, called: list[Any]) -> None:
    """The check first; what was lowered in the model's place; tuning with its records, in the order of their names."""
    (tmp_path / "tree").mkdir()
    (tmp_path / "r").touch()
    options, place = {"a": 1}, {"cpu": "m4"}
    common = {"implementation": "asked", "options": options}
    records = {"tuning/1.jsonl": tmp_path / "r", "tuning/0.jsonl": tmp_path / "r"}

    made = workspace(tmp_path / "a", {"model.tflite": model}, GENERATED, {**common, "backend": "b"})
    generate.generate(made)
    (check, (graph, *rest), _), (again, words, named) = called
    assert (check, rest, again, named) == ("check", ["b", options], "generate", {})
    source, _, *others = words
    assert source == made.inputs["model.tflite"] and macs(graph) > 0
    assert others == ["b", options, made.outputs["sources/"], made.outputs["plan.json"]]
    assert json.loads(made.outputs["network.json"].read_bytes())["macs"] == macs(graph)
    called.clear()

    inputs = {"model.tflite": model, "lowered/": tmp_path / "tree", **records}
    parameters = {**common, "backend": "b", "tuning": place}
    made = workspace(tmp_path / "b", inputs, [*GENERATED, "more.json"], parameters)
    generate.generate(made)
    assert called[1][1][0] == made.inputs["lowered/"]
    files = [made.inputs["tuning/0.jsonl"], made.inputs["tuning/1.jsonl"]]
    assert called[1][2] == {"tuning": place, "records": files, "more": made.outputs["more.json"]}
    called.clear()

    outputs = ["lowered/", "more.json"]
    for number, more in enumerate(({}, {"tuning": place})):
        made = workspace(tmp_path / f"l{number}", {"model.tflite": model, **records}, outputs, {**common, **more})
        lower.lower(made)
        files = [made.inputs["tuning/0.jsonl"], made.inputs["tuning/1.jsonl"]]
        (check, (graph, *rest), _), (again, words, named) = called
        assert named == {"more": made.outputs["more.json"]}
        assert (check, rest, again) == ("check", [options], "lower")
        assert words[0] == made.inputs["model.tflite"]
        assert words[2:] == (options, made.outputs["lowered/"], more.get("tuning"), files)
        called.clear()


def test_a_cut_has_the_layers_that_were_asked_for(tmp_path: Path, model: Path) -> None:
    """Both ends included."""
    whole = tflite_reader.read(MODEL)
    made = workspace(tmp_path / "a", {"model.tflite": model}, ["model.tflite"], {"first": 1, "last": 2})
    cut.cut(made)
    part = tflite_reader.read(made.outputs["model.tflite"])
    assert [one.name for one in part.operators] == [one.name for one in whole.operators[1:3]]


def test_a_conversion_says_what_goes_in_and_must_come_out(
    tmp_path: Path, model: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Real samples in the order of their numbers, then random ones; sizes, scales, tools; a second opinion may fail."""
    files = {}
    for number in (10, 2, 0):
        files[f"samples/{number}.bin"] = tmp_path / str(number)
        files[f"samples/{number}.bin"].write_bytes(bytes([number]) * 8)
    parameters = {"samples": 5, "seed": 3, "input_format": "int8"}
    outputs = ["graph.json", "inputs.bin", "reference.bin", "reference.json"]
    seen: list[Any] = []

    def outputs_of(value: int, samples: Any) -> Any:
        return [(np.full((1, 8), value + 20 * index, np.int8),) for index in range(len(samples))]

    def run(who: Any, refusal: str) -> Any:
        def one(content: bytes, graph: Any, samples: Any) -> Any:
            seen.append((who.name, content == MODEL, len(samples)))
            return who, oracle.Answers(outputs_of(1, samples), False), refusal

        return one

    def second(value: int | None) -> Any:
        def one(who: Any, content: bytes, graph: Any, samples: Any) -> Any:
            seen.append((f"second {who.name}", content == MODEL, len(samples)))
            if value is None:
                raise ModelError("litert does not take it")
            return outputs_of(value, samples)

        return one

    monkeypatch.setattr(interpreters, "interpreter_versions", lambda: {"tool": "1"})
    told = {}
    for case, who, has_litert, opinion, refusal in (
        *(("both", oracle.TFLM, True, 3, ""), ("alone", oracle.TFLM, False, 3, "")),
        *(("failed", oracle.TFLM, True, None, ""), ("other", oracle.LITERT, True, 3, "TFLM refuses it")),
    ):
        monkeypatch.setattr(interpreters, "is_importable", lambda _, has=has_litert: has)
        monkeypatch.setattr(oracle, "run", run(who, refusal))
        monkeypatch.setattr(oracle, "run_apart", second(opinion))
        made = workspace(tmp_path / case, {"model.tflite": model, **files}, outputs, parameters)
        convert.convert(made)
        told[case] = json.loads(made.outputs["reference.json"].read_bytes())
        expected = b"".join(bytes([1 + 20 * index]) * 8 for index in range(5))
        assert made.outputs["reference.bin"].read_bytes() == expected
        content = made.outputs["inputs.bin"].read_bytes()
        assert content[:24] == bytes(8) + b"\2" * 8 + b"\x0a" * 8 and len(content) == 40
        summary = summarise(tflite_reader.read(MODEL))
        assert json.loads(made.outputs["graph.json"].read_bytes()) == json.loads(json.dumps(summary))
        assert ("litert does not take it" in made.log_path.read_text()) == (case == "failed")
        assert any("TFLM refuses it: outputs are held against" in one for one in told[case]["warnings"]) == bool(
            refusal
        )
    assert [name for name, *_ in seen] == ["tflm", "second litert", "tflm", "tflm", "second litert", "litert"]
    assert all(is_model and count == 5 for _, is_model, count in seen)
    both = told["both"]
    assert (both["reference"], both["samples"], both["tools"]) == ("tflm", 5, {"tool": "1"})
    assert told["other"]["reference"] == "litert" and both["litert_max_abs_error"] == 2
    assert [told[case].get("litert_max_abs_error") for case in ("alone", "failed", "other")] == [None] * 3
    [port] = both["inputs"]
    tensor = tflite_reader.read(MODEL).tensors[tflite_reader.read(MODEL).inputs[0]]
    assert tensor.quantisation is not None
    assert port == {
        **{"dtype": "int8", "shape": [1, 8], "bytes": 8},
        **{"scale": tensor.quantisation.scale, "zero_point": tensor.quantisation.zero_point},
    }


def test_an_onnx_file_is_held_against_onnx_runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The difference is kept; one above the tolerance is refused with both; without ONNX Runtime it is unknown."""
    from tinyflow.model import onnx as reader
    from tinyflow.model import tflite_writer
    from tinyflow.model.onnx import compare
    from tinyflow.model.onnx.layout import Layout

    graph = tflite_reader.read(MODEL)
    imported = reader.Imported(graph, (Layout.stored((1, 2, 2, 3), (0, 2, 3, 1)),), (Layout.plain((1, 4)),))
    monkeypatch.setattr(
        from_onnx,
        "fetch_file",
        lambda space: [
            space.outputs["model.tflite"].write_bytes(b"onnx"),
            space.outputs["origin.json"].write_text('{"weights": "w"}'),
        ],
    )
    monkeypatch.setattr(reader, "read_onnx", lambda content: imported if content == b"onnx" else None)
    answers = oracle.Answers([(np.int8([5]),)] * 8, False)
    run = lambda model, graph, samples: (oracle.TFLM, answers, "")  # noqa: E731
    monkeypatch.setattr(oracle, "run", run)
    for number, theirs in enumerate((7, 9, None)):
        run = None if theirs is None else [(np.int8([theirs]),) for _ in range(8)]
        monkeypatch.setattr(compare, "run_onnx", lambda content, graph, samples, run=run: run)
        outputs = ["model.onnx", "model.tflite", "origin.json"]
        made = workspace(tmp_path / str(number), {}, outputs, {"name": "net", "tolerance": 3})
        if theirs == 9:
            with pytest.raises(
                ModelError, match=r"net: ONNX Runtime's outputs differ by 4 steps; the .* tolerance is 3"
            ):
                from_onnx.fetch(made)
            assert not made.outputs["model.tflite"].exists()
            continue
        from_onnx.fetch(made)
        difference = None if theirs is None else 2
        origin = json.loads(made.outputs["origin.json"].read_bytes())
        assert origin == {
            **{"weights": "w", "format": "onnx", "onnxruntime_max_abs_error": difference},
            "inputs": [{"shape": [1, 3, 2, 2], "order": [0, 2, 3, 1]}],
            "outputs": [{"shape": [1, 4], "order": [0, 1]}],
        }
        assert made.outputs["model.onnx"].read_bytes() == b"onnx"
        assert made.outputs["model.tflite"].read_bytes() == tflite_writer.write(graph)


def test_a_row_has_all_that_the_stages_said(tmp_path: Path) -> None:
    """Metrics and verdict; options, tuning and what was removed where there is some."""
    validation = {"reference": "tflm", "samples": 1, "result": "exact", "max_abs_error": 0}
    files = {
        "graph.json": {"macs": 10},
        "plan.json": {"arena": {"bytes": 5}, "weights_bytes": 7, "tuning": {"tuned": 1}},
        "run.json": {"setup_instructions": 3, "invoke_instructions": [20], "validation": validation},
        "timing.json": {"wall_s": 0.5},
        "origin.json": {"weights": "trained"},
        "sizes.json": {"rom_bytes": 9},
        "shrink.json": {"schema": 1},
    }
    naming = {"bench": "a-b-c", "model": "a", "backend": "b", "target": "c", "features": {"dsp": True}}
    for left_out in ((), ("sizes.json", "shrink.json")):
        folder = tmp_path / str(len(left_out))
        folder.mkdir()
        inputs = {name: folder / name for name in files if name not in left_out}
        for name, path in inputs.items():
            path.write_text(json.dumps(files[name]))
        parameters = naming if left_out else {**naming, "target_options": {"x": 1}}
        made = workspace(folder / "w", inputs, ["row.json"], parameters)
        report.report(made)
        row = json.loads(made.outputs["row.json"].read_bytes())
        assert row.items() >= {**naming, "status": "ok", "weights": "trained", "tuning": {"tuned": 1}}.items()
        metrics = {"macs": 10, "arena_bytes": 5, "weights_bytes": 7, "tuned_kernels": 1, "setup_instructions": 3}
        metrics |= {"invoke_instructions": 20, "invoke_instructions_min": 20, "instructions_per_mac": 2, "wall_s": 0.5}
        assert row["metrics"] == ({} if left_out else {"rom_bytes": 9}) | metrics
        more = {name: row.get(name) for name in ("target_options", "removed")}
        assert more == (
            {"target_options": None, "removed": None}
            if left_out
            else {"target_options": {"x": 1}, "removed": {"schema": 1}}
        )


def test_cycles_of_another_execution_are_no_ones(tmp_path: Path) -> None:
    """A profile that followed other instructions than those of the first sample's run tells nothing of the bench."""
    validation = {"reference": "tflm", "samples": 1, "result": "exact", "max_abs_error": 0}
    model = {"name": "m", "error_percent": 5, "evidence": "boards", "clock_hz": 1000}
    files = {
        **{"graph.json": {"macs": 1}, "plan.json": {"arena": None, "weights_bytes": 1}, "timing.json": {}},
        "run.json": {"invoke_instructions": [20, 30], "validation": validation},
        "origin.json": {"weights": "trained"},
    }
    naming = {"bench": "a-b-c", "model": "a", "backend": "b", "target": "c", "features": {}}
    for followed, cycles in ((20, 44), (30, None)):
        total = {"instructions": followed, "cycles_estimate": 44}
        folder = tmp_path / str(followed)
        folder.mkdir()
        inputs = {}
        for name, content in {**files, "profile.json": {"total": total, "cycle_model": model}}.items():
            inputs[name] = folder / name
            inputs[name].write_text(json.dumps(content))
        made = workspace(folder / "w", inputs, ["row.json"], naming)
        report.report(made)
        row = json.loads(made.outputs["row.json"].read_bytes())
        assert row["metrics"].get("cycles_estimate") == cycles and ("cycle_model" in row) == (cycles is not None)


# A memory plan for the guard

PLAN: dict[str, Any] = {
    "backend": "b",
    "invoke": "go",
    "inputs": [{"name": "in", "symbol": "arena+0", "bytes": 8}],
    "arena": {
        "symbol": "arena",
        "bytes": 64,
        "tensors": [
            {"name": "in", "offset": 0, "bytes": 8, "first": 0, "last": 0},
            {"name": "mid", "offset": 8, "bytes": 16, "first": 0, "last": 2},
            {"name": "scratch", "offset": 24, "bytes": 4, "first": 2, "last": 2},
        ],
    },
    "layers": [
        {"index": index, "operator": "ADD", "functions": functions, "macs": 0, "outputs_bytes": 8}
        for index, functions in enumerate((["one"], [], ["two", "three"]))
    ],
}


def test_each_call_may_write_what_begins_with_its_layer() -> None:
    """Outputs and scratch; inputs and what lives on are others'; the scope is what was asked for."""
    made = write_limits.guarded(PlanDocument.of(PLAN), "arena")
    assert (made.symbol, made.dispatcher, made.is_arena_only) == ("go", "go", True)
    assert (made.arena.name, made.arena.symbol, made.arena.size_bytes) == ("the arena", "arena+0", 64)
    calls = [(one.function, [p.name for p in one.writable], [p.name for p in one.alive]) for one in made.calls]
    assert calls == [
        *(("one", ["mid"], ["in"]), ("two", ["scratch"], ["mid"]), ("three", ["scratch"], ["mid"])),
    ]
    assert [(p.symbol, p.size_bytes) for p in made.calls[0].writable] == [("arena+8", 16)]
    other = write_limits.guarded(PlanDocument.of({**PLAN, "dispatcher": "loop"}), "ram")
    assert (other.dispatcher, other.is_arena_only) == ("loop", False)
    for lacking in (
        {"layers": []},
        {"arena": None},
        {"arena": {**PLAN["arena"], "tensors": []}},
        {"arena": {**PLAN["arena"], "tensors": [{"name": "in", "offset": 0, "bytes": 8}]}},
        {"arena": {**PLAN["arena"], "symbol": None}},
        {"layers": PLAN["layers"][1:2]},
    ):
        with pytest.raises(ModelError, match="b doesn't say what lies where in memory"):
            write_limits.guarded(PlanDocument.of({**PLAN, **lacking}), "ram")


# Objects and libraries


def elf(width: int = 1, order: int = 1, machine: int = 40) -> bytes:
    """The beginning of an object."""
    return b"\x7fELF" + bytes([width, order]) + bytes(12) + machine.to_bytes(2, "little" if order == 1 else "big")


def ar(*members: tuple[str, bytes]) -> bytes:
    """A static library, written down once more from the manual of `ar`."""
    text = b"!<arch>\n"
    for name, data in members:
        text += (
            f"{name:<16}{0:<12}{0:<6}{0:<6}{'100644':<8}{len(data):<10}`\n".encode() + data + b"\n" * (len(data) % 2)
        )
    return text


def table(*names: str, width: int = 4) -> bytes:
    """A symbol table as GNU and LLVM write it."""
    return (
        len(names).to_bytes(width, "big") + bytes(width) * len(names) + "".join(f"{name}\0" for name in names).encode()
    )


def test_objects_are_told_apart_by_their_header() -> None:
    """Width, order of bytes and processor; what is shorter or something else is none."""
    assert library.kind_of(elf()) == library.Kind(1, 1, 40)
    assert library.kind_of(elf(2, 2, 0x1234)) == library.Kind(2, 2, 0x1234)
    assert (
        library.kind_of(elf()[:19]) is None and library.kind_of(b"x" + elf()) is None and library.kind_of(b"") is None
    )


@given(st.lists(st.tuples(st.sampled_from(["a.o/", "b.o/", "/7"]), st.binary(max_size=9)), max_size=5))
def test_the_members_of_a_library_come_back(members: list[tuple[str, bytes]]) -> None:
    """In order, whatever their sizes; tables of symbols and names are none; nothing behind damage."""
    whole = ar(("/", table("x")), ("//", b"long names"), *members)
    assert library.is_library(whole) and not library.is_library(whole[1:])
    assert list(library.objects(whole)) == [data for _, data in members]
    assert list(library.objects(whole.replace(b"100644", b"100644", 1)[:70])) == []
    damaged = bytearray(ar(*members, ("end.o/", b"end")))
    place = len(ar(*members)) + 48
    damaged[place : place + 10] = b"x         "
    assert list(library.objects(bytes(damaged))) == [data for _, data in members]


def test_symbols_that_are_there_twice_are_found() -> None:
    """In tables of both widths, in the table's order, each once; without a table nothing is known."""
    for name, width in (("/", 4), ("/SYM64/", 8)):
        twice = ar((name, table("b", "a", "c", "a", "b", "a", width=width)), ("x.o/", b""))
        assert library.symbols_twice(twice) == ["b", "a"]
        assert library.symbols_twice(ar((name, table("a", "b", width=width)))) == []
    assert library.symbols_twice(ar(("x.o/", table("a", "a")))) == [] and library.symbols_twice(b"") == []


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("a.o", elf(), None),
        ("a.a", ar(("x.o/", elf()), ("y.o/", elf())), None),
        ("a.a", ar(), None),
        ("a.a", elf(), "is not a static library"),
        ("a.o", b"text", "holds what is not an ELF object"),
        ("a.a", ar(("x.o/", elf()), ("y.o/", b"BC")), "holds what is not an ELF object"),
        ("a.o", elf(machine=243), "is for another processor"),
        ("a.a", ar(("x.o/", elf()), ("y.o/", elf(2))), "is for another processor"),
    ],
)
def test_what_is_prebuilt_goes_with_what_is_compiled(
    tmp_path: Path, name: str, content: bytes, told: str | None
) -> None:
    """The first one that does not is refused; without compiled objects any processor does."""
    (tmp_path / "objects").mkdir()
    (tmp_path / "objects" / "m.o").write_bytes(elf())
    (tmp_path / name).write_bytes(content)
    pinned = {f"prebuilt/r/{name}": sha256(content).hexdigest()}
    inputs = {f"prebuilt/r/{name}": tmp_path / name, "objects/": tmp_path / "objects"}
    made = workspace(tmp_path / "w", inputs, [], {"pinned": pinned})
    if told is None:
        prebuilt.check_prebuilt(made)
    else:
        with pytest.raises(RecipeError, match=f"the prebuilt r/{name} {told}") as caught:
            prebuilt.check_prebuilt(made)
        assert caught.value.about == (f"prebuilt/r/{name}",)
    alone = SimpleNamespace(inputs={f"prebuilt/r/{name}": tmp_path / name}, parameters={"pinned": pinned})
    if told in (None, "is for another processor"):
        prebuilt.check_prebuilt(alone)  # type: ignore[arg-type]
    prebuilt.check_prebuilt(SimpleNamespace(inputs={}, parameters={}))  # type: ignore[arg-type]


# A program of the user's


def test_the_plan_of_a_program_that_says_nothing_is_whole() -> None:
    """Every key, with the model's ports."""
    graph = tflite_reader.read(MODEL)
    ports = {"bytes": 8, "dtype": "int8", "shape": [1, 8]}
    names = [graph.tensors[index].name for index in (*graph.inputs, *graph.outputs)]
    assert json.loads(json.dumps(external._default_plan(graph, "mine"))) == {
        **{"schema": 1, "backend": "mine", "setup": "model_setup", "invoke": "model_invoke"},
        "inputs": [{"name": names[0], "symbol": "model_input_0", **ports}],
        "outputs": [{"name": names[1], "symbol": "model_output_0", **ports}],
        **{"arena": None, "weights_bytes": None, "macs": macs(graph), "layers": [], "removed": []},
    }
    good: dict[str, Any] = {
        **{"inputs": [{"symbol": "i", "bytes": 8}], "arena": {"bytes": 1}},
        "layers": [{"index": 0, "operator": "A", "functions": [], "macs": 0, "outputs_bytes": 1}],
    }
    assert external._fault_of(good, graph) == "" and external._fault_of({}, graph) == ""
    for change in (
        {"inputs": {}},
        {"inputs": [5]},
        {"outputs": []},
        {"arena": 5},
        {"arena": {}},
        {"layers": {}},
        {"layers": [5]},
    ):
        assert external._fault_of({**good, **change}, graph) != ""
    for lacking in good["layers"][0]:
        layer = {key: value for key, value in good["layers"][0].items() if key != lacking}
        assert "each of" in external._fault_of({"layers": [layer]}, graph)


def test_words_are_filled_in_relative_to_the_folder(tmp_path: Path) -> None:
    """Each placeholder, also within a word; the folder of the program's own files is where they begin."""
    places = {"out": tmp_path / "out", "model": tmp_path / "in" / "m"}
    assert command_words.filled("--x={out}/{model}!", places, tmp_path) == "--x=out/in/m!"
    for name, path in (
        ("files/a.py", "in/files/a.py"),
        ("files/deep/b/", "in/files/deep/b"),
        ("files/x/y.py", "in/files/x/y.py"),
    ):
        made = SimpleNamespace(inputs={"model": tmp_path, name: tmp_path / path}, folder=tmp_path)
        assert command_words.files_folder(made) == tmp_path / "in" / "files"  # type: ignore[arg-type]
    assert command_words.files_folder(SimpleNamespace(inputs={}, folder=tmp_path)) == tmp_path  # type: ignore[arg-type]
