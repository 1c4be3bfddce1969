"""Choices of kernels and records of them: whatever is chosen, the bytes are the same."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from kernel_firmware import Sample, run
from test_tvm_generate import SMALL, assert_exact
from test_tvm_kernels import CHIPS, SPECS, sample
from tests_support import Later, examples

from tinyflow.backends.tvm.kernels.kernel import Kernel, Machine
from tinyflow.core.errors import RecipeError
from tinyflow.model.tflite_reader import read
from tinyflow.model.zoo import synthesize
from tinyflow.recipes import tuning as records

choices, styles = (Later(f"tinyflow.backends.tvm.kernels.{name}") for name in ("choices", "styles"))
wide = Later("tinyflow.backends.tvm.kernels.portable.wide")
search = Later("tinyflow.backends.tvm.tuning.search")
codegen = Later("tinyflow.backends.tvm.emit.codegen")
EXACT = examples(1, *HealthCheck)
RECIPES = Path(__file__).parents[2] / "recipes"
STYLES = [("m7", "plain"), ("m7", "aotplus"), ("m7", "dsp"), ("m4-llvm", "smlad"), ("rv32", "aotplus")]
PLACE = {"cpu": "host", "toolchain": "zig", "optimise": "O3", "objective": "instructions"}


@pytest.mark.slow
@pytest.mark.parametrize("operator", ["conv", "depthwise", "dense", "add"])
@pytest.mark.parametrize(("chip", "style"), STYLES)
@EXACT
@given(data=st.data())
def test_every_choice_is_exact(data: st.DataObject, operator: str, chip: str, style: Any) -> None:
    """Kernels of any choice give the definition's outputs, or say that they don't fit."""
    machine = Machine(CHIPS[chip].isa, CHIPS[chip].toolchain)
    samples, expected = [], []
    for spec in (_any_layout(data, one) for one in data.draw(st.lists(SPECS[operator], min_size=4, max_size=4))):
        made, output = sample(spec, style, CHIPS[chip], data.draw(st.integers(0, 1000)))
        weights = made.weights if made.weights.values.size else None
        special = styles.specialise(spec, weights, style)
        space = choices.space(special, style, machine)
        for choice in data.draw(st.lists(st.sampled_from(space), max_size=3, unique_by=str)) if space else []:
            kernel = styles.build_choice(choice, special, machine, 1024)
            try:
                if kernel is not None and (weights is None or kernel.pack(weights) is not None):
                    samples.append(Sample(kernel, made.weights, made.inputs))
                    expected.append((choice, spec, output))
            except ValueError:  # the contract: then another kernel is taken
                continue
    for (choice, spec, output), outcome in zip(expected, run(samples, CHIPS[chip]) if samples else [], strict=True):
        assert output.tolist() == outcome.output.tolist(), (choice, spec)


def _fitting(choice: Any, spec: Any, chip: Any) -> tuple[Sample, Any, Kernel]:
    """The kernel of a choice with weights that it is exact for."""
    for seed in range(20):
        made, output = sample(spec, "dsp", chip, seed)
        special = styles.specialise(spec, made.weights, "dsp")
        assert choice in choices.space(special, "dsp", chip.machine)
        kernel = styles.build_choice(choice, special, chip.machine, 4096)
        assert kernel is not None, spec
        with suppress(ValueError):
            kernel.pack(made.weights)
            return made, output, kernel
    raise AssertionError(spec)


@pytest.mark.slow
@pytest.mark.parametrize("chip", ["m7", "m4-gcc"])
def test_two_pixels_at_once_are_exact(chip: str) -> None:
    """Each distance of pixels, in one segment and several, odd widths, a last group that isn't whole, a clamp, patches.

    Where rows are too long for scratch, or a pixel further away than any routine has it, there is no such kernel.
    """
    from test_tvm_kernels import large

    from tinyflow.backends.tvm.kernels.specs import Requantisation

    specs = [large(5, 7, depth, 8, size=1) for depth in (8, 8, 16, 32, 64, 64, 128, 256)]
    specs += [large(4, 6, 16, 8), large(5, 5, 8, 6), large(3, 9, 32, 4, stride=2), large(2, 3, 8, 4), large(4, 5, 7, 9)]
    specs += [replace(specs[8], requantisation=Requantisation(5, -20, 30)), large(1, 2, 16, 4)]
    specs += [large(5, 5, depth, 4, size=1) for depth in (13, 20, 36, 100, 133)] + [large(3, 4, 12, 4)]
    samples, expected = [], []
    for number, spec in enumerate(specs):
        choice = {"kernel": "dsp", "part": 16, "grouped": number % 2}
        made, output, kernel = _fitting(choice, spec, CHIPS[chip])
        assert "tf_conv8_" in text_of(kernel), spec
        samples.append(Sample(kernel, made.weights, made.inputs))
        expected.append(output)
    for spec, output, outcome in zip(specs, expected, run(samples, CHIPS[chip]), strict=True):
        assert output.tolist() == outcome.output.tolist(), spec
    for spec in (large(5, 7, 512, 4, size=1), large(3, 3, 36, 4), large(3, 1, 16, 4)):
        assert styles.build_choice(choice, spec, CHIPS[chip].machine, 4096) is None


def _any_layout(data: st.DataObject, spec: Any) -> Any:
    """The spec with its input and output in any order of axes."""
    if not hasattr(spec, "kernel"):
        return spec
    maps = {name: getattr(spec, name) for name in ("input", "output")}
    layouts = st.sampled_from(["NHWC", "NCHW"])
    return replace(spec, **{name: replace(one, layout=data.draw(layouts)) for name, one in maps.items()})


def record_of(subject: Any, choice: Any, after: int = 90) -> dict[str, Any]:
    """A record as a search writes it."""
    counts = {"before": 100, "after": after}
    by = {"optimise": "O3", "objective": "instructions"}
    return {"schema": 1, **subject.document, **by, "choice": choice, "instructions": counts}


@pytest.mark.slow
def test_records_change_the_code_and_nothing_else(tmp_path: Path, generate: Callable[..., Any]) -> None:
    """What a record chooses is generated, the plan tells for how many kernels, and outputs stay TFLM's."""
    content = synthesize(SMALL["aww"])
    (tmp_path / "model.tflite").write_bytes(content)
    options = {"variant": "aotplus", "isa": "host", "toolchain": "zig"}
    subjects = search.subjects(tmp_path / "model.tflite", read(content), options, "host")
    chosen = [record_of(subject, subject.space[0]) for subject in subjects]
    assert chosen
    records.write(tmp_path / "found.jsonl", chosen)
    plain = generate(content, **options)
    assert "tuning" not in plain.plan
    made = generate(content, **options, tuning=PLACE, records=[tmp_path / "found.jsonl"])
    tuned = {"tuned": len(chosen), "changed": len(chosen), "missing": 0}
    assert {name: made.plan["tuning"][name] for name in tuned} == tuned
    assert made.plan["tuning"]["kernels"] > len(chosen)  # pooling and softmax have nothing to choose
    assert {file.read_text() for file in made.sources.glob("kernels*.c")} != {
        file.read_text() for file in plain.sources.glob("kernels*.c")
    }
    assert_exact(content, made)


def test_records_of_another_level_or_processor_are_not_taken(tmp_path: Path) -> None:
    """A record is for what it was measured on."""
    from tinyflow.backends.tvm.tuning.records import Known

    content = synthesize(SMALL["toycar"])
    (tmp_path / "model.tflite").write_bytes(content)
    subject = search.subjects(tmp_path / "model.tflite", read(content), {"variant": "aotplus", "isa": "host"}, "host")[
        0
    ]
    records.write(tmp_path / "found.jsonl", [record_of(subject, subject.space[0])])
    for place in ({**PLACE, "optimise": "O2"}, {**PLACE, "cpu": "cortex-m4"}, {**PLACE, "toolchain": "gcc"}):
        assert Known.read([tmp_path / "found.jsonl"], place).choose(subject.question) is None
    assert Known.read([tmp_path / "found.jsonl"], PLACE).choose(subject.question) == subject.space[0]


def test_a_record_of_the_objective_is_preferred(tmp_path: Path) -> None:
    """Of another one that is about speed, too, it does, where it isn't known to be slower; of memory only its own."""
    from tinyflow.backends.tvm.tuning.records import Known

    content = synthesize(SMALL["toycar"])
    (tmp_path / "model.tflite").write_bytes(content)
    options = {"variant": "aotplus", "isa": "host"}
    subject = search.subjects(tmp_path / "model.tflite", read(content), options, "host")[0]

    def choice(objective: str, *found: dict[str, Any]) -> Any:
        records.write(tmp_path / "found.jsonl", found)
        return Known.read([tmp_path / "found.jsonl"], {**PLACE, "objective": objective}).choose(subject.question)

    few, quick = record_of(subject, subject.space[0]), record_of(subject, subject.space[1], after=99)
    quick |= {"objective": "cycles", "cycles_estimate": {"before": 300, "after": 200}}
    assert [choice(name, few, quick) for name in ("cycles", "instructions")] == [subject.space[1], subject.space[0]]
    assert choice("cycles", few) == subject.space[0] and choice("instructions", quick) == subject.space[1]
    assert choice("instructions", quick | {"instructions": {"before": 100, "after": 101}}) is None
    assert choice("cycles", few | {"cycles_estimate": {"before": 300, "after": 301}}) is None
    assert [choice(name, few, quick) for name in ("ram", "flash")] == [None, None]
    small = few | {"objective": "ram", "scratch_bytes": {"before": 9, "after": 0}}
    assert choice("ram", quick, small) == subject.space[0]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["vww", "resnet"])
def test_made_up_weights_are_what_the_spec_says(name: str, tmp_path: Path) -> None:
    """Counts are those of the kernel that the model gets: the form of requantisation and narrow sums are kept."""
    content = synthesize(SMALL[name])
    (tmp_path / "model.tflite").write_bytes(content)
    options = {"variant": "aotplus", "isa": "thumb", "toolchain": "zig"}
    for subject in search.subjects(tmp_path / "model.tflite", read(content), options, "cortex-m7"):
        spec = subject.question.spec
        weights, _, expected = search._sample(spec, 5)
        if weights is not None:
            assert styles.build(spec, "aotplus", subject.machine, 1024).pack(weights)
            assert not getattr(spec, "is_narrow", False) or wide.is_narrow(spec, weights)
            assert len(np.unique(np.frombuffer(expected, np.int8))) > 1


def test_the_better_of_two_records_is_kept() -> None:
    """Merging keeps each kernel once, by instructions, whatever comes first."""
    place = {"kernel": {"operator": "add"}, "style": "dsp", "cpu": "cortex-m7", "toolchain": "zig", "optimise": "O3"}
    place["objective"] = "instructions"
    good, bad = ({**place, "instructions": {"before": 9, "after": after}} for after in (7, 8))
    assert records.merge([good], [bad]) == records.merge([bad], [good]) == [good]
    other = {**good, "style": "aotplus"}
    assert records.merge([good], [other]) == [good, other]


@pytest.mark.parametrize(
    "change",
    [
        lambda one: one.pop("kernel"),
        lambda one: one.update(schema=2),
        lambda one: one.update(choice={"pixels": 2}),
        lambda one: one.update(cpu="../../etc"),
        lambda one: one["instructions"].update(after=101),
    ],
)
def test_what_is_no_record_is_refused(tmp_path: Path, change: Callable[[dict[str, Any]], Any]) -> None:
    """With file and line."""
    place = {"kernel": {"operator": "add"}, "style": "dsp", "cpu": "cortex-m7", "toolchain": "zig", "optimise": "O3"}
    right = {"schema": 1, **place, "choice": None, "instructions": {"before": 100, "after": 90}}
    wrong = json.loads(json.dumps(right))
    change(wrong)
    (tmp_path / "found.jsonl").write_text(f"{json.dumps(right)}\n{json.dumps(wrong)}\n")
    with pytest.raises(RecipeError, match="not a tuning record") as caught:
        records.read(tmp_path / "found.jsonl")
    assert caught.value.where == "found.jsonl:2"


def test_what_is_known_of_all_layers_needs_no_record() -> None:
    """By cycles, of SMLAD's convolutions; before a record of instructions, behind one of cycles."""
    from test_tvm_kernels import large

    from tinyflow.backends.tvm.program.operations import Question
    from tinyflow.backends.tvm.tuning.records import Known, question_document

    question = Question(large(4, 4, 8, 8), "dsp", 2048)
    place = {"cpu": "cortex-m7", "toolchain": "zig", "optimise": "O3"}
    found = {**question_document(question), **place, "choice": None, "objective": "instructions"}
    known = {records.key_of({**found, "objective": name}): {**found, "choice": name} for name in ("instructions",)}

    def chosen(objective: str, cpu: str = "cortex-m7", **more: Any) -> Any:
        return Known({**known, **more}, {**place, "cpu": cpu, "objective": objective}).choose(question)

    assert [chosen("cycles", cpu)["grouped"] for cpu in ("cortex-m7", "cortex-m4")] == [0, 1]
    assert chosen("instructions") == "instructions" and chosen("ram") is None
    by_cycles = {records.key_of({**found, "objective": "cycles"}): found}
    assert chosen("cycles", **by_cycles) is None
    assert Known(known, {**place, "objective": "cycles"}).choose(question._replace(style="aotplus")) is None


def text_of(kernel: Kernel) -> str:
    """The kernel in C."""
    return codegen.unpacked({"kernel": kernel.function})["kernel"]


@pytest.mark.slow
def test_a_choice_of_another_operator_is_no_kernel() -> None:
    """A record that was edited by hand gives the default kernel."""
    from test_tvm_kernels import large

    spec = replace(large(8, 8, 4, 8), is_narrow=True)
    default = text_of(styles.build(spec, "aotplus", Machine()))
    for choice in ({"kernel": "wide", "pairs": 1, "group": 3, "unrolled": 1}, {"kernel": "nonsense"}):
        made = styles.build(spec, "aotplus", Machine(), choice=choice)
        assert text_of(made) == default
    made = styles.build(spec, "aotplus", Machine(), choice={"kernel": "wide", "pairs": 1, "group": 1, "unrolled": 1})
    assert text_of(made) != default


@pytest.mark.slow
@pytest.mark.parametrize("name", SMALL)
@pytest.mark.parametrize(
    ("cpu", "isa", "more", "objective"),
    [
        ("cortex-m7", "thumb", {"dsp": True}, "instructions"),
        ("rv32imc", "riscv", {}, "instructions"),
        ("cortex-m7", "thumb", {"dsp": True}, "cycles"),
        ("cortex-m4", "thumb", {"dsp": True}, "cycles"),
        ("rv32imc", "riscv", {"layout": "NCHW"}, "cycles"),
        ("cortex-m7", "thumb", {"schedule": "default"}, "cycles"),
    ],
)
def test_the_shipped_records_are_of_the_four_networks(
    name: str, cpu: str, isa: str, more: dict[str, Any], objective: str, trained: Callable[[str], Path]
) -> None:
    """Every kernel of theirs that has something to choose has a record, and each choice is still one."""
    if (name, more.get("layout")) == ("toycar", "NCHW"):
        pytest.skip("it has nothing that a layout could change")
    options = {"variant": "aotplus", "isa": isa, "toolchain": "zig", **more}
    path = trained(name)
    shipped = {records.key_of(one): one for one in records.read(RECIPES / records.file_name(cpu, "zig"))}
    subjects = search.subjects(path, read(path.read_bytes()), options, cpu)
    assert subjects
    for subject in subjects:
        record = shipped[records.key_of({**subject.document, "optimise": "O3", "objective": objective})]
        assert record["choice"] is None or record["choice"] in subject.space
