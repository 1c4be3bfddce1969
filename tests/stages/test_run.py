"""The run stage, with real firmware on the simulator and on the host."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
from small_firmware import Bench, workspace

from tinyflow.core.errors import ModelError, RunError, Timeout, ValidationError
from tinyflow.stages.run import run

# out[i] = in[i] * 2 + bias, and the input is spoilt, as an arena that reuses it would.
MODEL = """
#include <stdint.h>
int8_t model_arena[64];
volatile int32_t model_bias = 1;
__attribute__((noinline)) static void layer(const int8_t *in, int16_t *out) {
  for (int i = 0; i < 4; ++i) {
    out[i] = (int16_t)(in[i] * 2 + model_bias);
  }
}
int model_setup(void) { return SETUP; }
int model_invoke(void) {
  layer(model_arena, (int16_t *)(void *)(model_arena + 16));
  for (int i = 0; i < 4; ++i) {
    model_arena[i] = 77;
  }
  return INVOKE;
}
"""
SAMPLES = [[1, 2, 3, 4], [-5, 6, -7, 8], [0, 127, -128, 1]]
EXPECTED = [[value * 2 + 1 for value in sample] for sample in SAMPLES]

Run = Callable[..., Mapping[str, Any]]


@pytest.fixture(scope="session")
def firmware_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., tuple[Bench, Path]]:
    """(cpu, setup="0", invoke="0") -> the bench and its firmware, kept."""
    made: dict[object, tuple[Bench, Path]] = {}

    def build(cpu: str, setup: str = "0", invoke: str = "0") -> tuple[Bench, Path]:
        if (cpu, setup, invoke) not in made:
            bench = Bench(tmp_path_factory.mktemp("run"), cpu=cpu)
            source = MODEL.replace("SETUP", setup).replace("INVOKE", invoke)
            made[cpu, setup, invoke] = (bench, bench.link({"model.c": source})["firmware.elf"])
        return made[cpu, setup, invoke]

    return build


@pytest.fixture
def run_model(tmp_path: Path, firmware_of: Callable[..., tuple[Bench, Path]]) -> Run:
    """(cpu, expected=EXPECTED, …, **of the firmware) -> run.json and timing.json as parsed, and run.json's bytes."""

    def run_one(
        cpu: str = "cortex-m7",
        expected: list[list[int]] = EXPECTED,
        tolerance: float = 0,
        input_bytes: int = 4,
        limit_instructions: int = 100_000,
        evidence: Mapping[str, Any] = MappingProxyType({}),
        **source: str,
    ) -> Mapping[str, Any]:
        bench, firmware = firmware_of(cpu, **source)
        folder = tmp_path / f"run{len(list(tmp_path.iterdir()))}"
        inputs = _write_inputs(folder / "files", expected, input_bytes, evidence) | {"firmware.elf": firmware}
        inputs |= bench.machine_files if cpu != "host" else {}
        target = bench.machine_target if cpu != "host" else {"name": "host", "implementation": "tinyflow.targets.host"}
        parameters = {"target": target, "tolerance": tolerance, "limit_instructions": limit_instructions}
        made = workspace(folder, inputs, ["run.json", "timing.json"], parameters)
        try:
            run(made)
        finally:
            is_good = made.outputs["run.json"].exists()
            assert made.outputs["timing.json"].exists() == is_good
        files = {name: json.loads(path.read_bytes()) for name, path in made.outputs.items()}
        return {**files, "bytes": made.outputs["run.json"].read_bytes()}

    return run_one


def _write_inputs(
    folder: Path, expected: list[list[int]], input_bytes: int, evidence: Mapping[str, Any]
) -> dict[str, Path]:
    """What convert and generate would have written."""
    folder.mkdir(parents=True)
    plan = {
        "backend": "by_hand",
        "setup": "model_setup",
        "invoke": "model_invoke",
        "inputs": [{"name": "in", "symbol": "model_arena+0", "bytes": input_bytes, "dtype": "int8"}],
        "outputs": [{"name": "out", "symbol": "model_arena+16", "bytes": 8, "dtype": "int16"}],
    }
    reference = {
        "reference": "tflm",
        "samples": len(SAMPLES),
        "inputs": [{"dtype": "int8", "bytes": 4}],
        "outputs": [{"dtype": "int16", "bytes": 8}],
        **evidence,
    }
    (folder / "plan.json").write_text(json.dumps(plan))
    (folder / "reference.json").write_text(json.dumps(reference))
    (folder / "inputs.bin").write_bytes(b"".join(struct.pack("<4b", *sample) for sample in SAMPLES))
    (folder / "reference.bin").write_bytes(b"".join(struct.pack("<4h", *sample) for sample in expected))
    return {path.name: path for path in folder.iterdir()}


@pytest.mark.parametrize("cpu", ["cortex-m0plus", "cortex-m7", "rv32imc"])
def test_every_sample_is_compared_and_counted(cpu: str, run_model: Run) -> None:
    """Equal outputs are exact; inputs are written anew for every invoke; every sample has its count."""
    files = run_model(cpu)
    result = files["run.json"]
    assert result["status"] == "ok"
    assert result["validation"] == {
        "reference": "tflm",
        "samples": 3,
        "result": "exact",
        "max_abs_error": 0,
        "tolerance": 0,
    }
    assert len(result["invoke_instructions"]) == 3
    assert len(set(result["invoke_instructions"])) == 1
    assert result["setup_instructions"] == 2
    assert result["startup_instructions"] > 0
    assert result["heap_peak_bytes"] == 0
    assert 0 < result["stack_peak_bytes"] < 64
    assert {entry["name"]: entry["calls"] for entry in result["functions"]} == {"layer": 1, "model_invoke": 1}
    assert sum(entry["instructions"] for entry in result["functions"]) == result["invoke_instructions"][0]
    assert set(files["timing.json"]) == {"wall_s", "simulated_mips"}


def test_result_is_the_same_in_every_run(run_model: Run) -> None:
    """run.json has nothing volatile: two runs write the same bytes."""
    assert run_model()["bytes"] == run_model()["bytes"]


def test_what_a_verdict_rests_on_goes_with_it(run_model: Run) -> None:
    """What convert says of the samples and of the other reference is beside the result."""
    known = {"distinct_outputs": 1, "litert_max_abs_error": 125, "warnings": ["the output is the same"]}
    told = run_model(evidence=known)["run.json"]["validation"]
    assert (told["distinct_outputs"], told["references_differ_by"]) == (1, 125)
    assert told["warnings"] == known["warnings"]


def test_difference_within_tolerance(run_model: Run) -> None:
    """The largest difference is stated where the tolerance allows it."""
    near = [EXPECTED[0], [EXPECTED[1][0] + 2, *EXPECTED[1][1:]], EXPECTED[2]]
    validation = run_model(expected=near, tolerance=2)["run.json"]["validation"]
    assert (validation["result"], validation["max_abs_error"]) == ("within 2 steps", 2)


def test_wrong_output_names_its_place(run_model: Run) -> None:
    """The error tells sample, output, element, both values, and how many samples are wrong."""
    wrong = [EXPECTED[0], [EXPECTED[1][0] + 2, *EXPECTED[1][1:]], [*EXPECTED[2][:3], -7]]
    with pytest.raises(ValidationError) as caught:
        run_model(expected=wrong, tolerance=1)
    assert str(caught.value) == (
        "sample 2, output 0[3]: expected -7, got 3: 2 of 3 samples differ from tflm by up to 10\n"
        "  the backend's tolerance is 1; samples [1, 2] are wrong; bisect-layer finds the layer; "
        "83.33 % of the values equal, mean difference 1, cosine 0.999603, top-1 agrees in 100 %"
    )
    documents = caught.value.documents
    assert (documents["run.json"]["status"], documents["run.json"]["validation"]["result"]) == ("mismatch", "wrong")
    assert len(documents["run.json"]["invoke_instructions"]) == 3 and documents["timing.json"]["wall_s"] > 0


def test_a_mismatch_says_what_is_to_be_said_of_its_reference(run_model: Run) -> None:
    """Where the references disagree it may be the reference that is not what was wanted."""
    with pytest.raises(ValidationError) as caught:
        run_model(expected=[[0, 0, 0, 0]] * 3, evidence={"warnings": ["TFLM and LiteRT differ"]})
    assert caught.value.hint is not None and caught.value.hint.endswith("; TFLM and LiteRT differ")


def test_status_is_checked(run_model: Run) -> None:
    """A function that returns an error fails the run, by name."""
    with pytest.raises(RunError, match="model_setup: returned -3, not 0"):
        run_model(setup="-3")
    with pytest.raises(RunError, match="model_invoke: returned 5, not 0"):
        run_model(invoke="5")


def test_fault_and_timeout_come_through(run_model: Run) -> None:
    """What the machine says about a fault is what the user reads."""
    with pytest.raises(RunError, match=r"model_invoke\+0x[0-9a-f]+ .*where there is no memory"):
        run_model(invoke="*(volatile int *)0x40")
    with pytest.raises(Timeout, match="model_invoke didn't return within 20 instructions"):
        run_model(limit_instructions=20)


def test_plan_must_fit_the_model(run_model: Run) -> None:
    """A backend whose buffers have other sizes than the model's tensors is refused before anything runs."""
    with pytest.raises(ModelError, match=r"by_hand made inputs of \[3\] bytes; the model's have \[4\]"):
        run_model(input_bytes=3)


@pytest.mark.slow
def test_host_has_wall_time_and_counts_by_valgrind(run_model: Run) -> None:
    """Real times are repeated and volatile; a count is exact, of the first sample, and only where valgrind is."""
    files = run_model("host")
    assert files["run.json"]["validation"]["result"] == "exact"
    assert len(files["timing.json"]["invoke_s"]) == 15
    assert all(seconds > 0 for seconds in files["timing.json"]["invoke_s"])
    first, *others = files["run.json"]["invoke_instructions"]
    assert others == [None, None]
    if shutil.which("valgrind") is None:
        assert first is None
        pytest.skip("valgrind is not installed")
    assert 10 < first < 200
    assert files["bytes"] == run_model("host")["bytes"]


def test_host_checks_outputs_too(run_model: Run) -> None:
    """A mismatch on the host is a mismatch."""
    with pytest.raises(ValidationError, match="3 of 3 samples differ"):
        run_model("host", expected=[[9, 9, 9, 9]] * 3)
