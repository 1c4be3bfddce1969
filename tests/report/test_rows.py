"""Rows: metrics from the stages' files, and the contract of `report.json`."""

from __future__ import annotations

import pytest

from tinyflow.report import rows, tables
from tinyflow.report.frame import flatten, frame_of
from tinyflow.report.metrics import METRICS

GRAPH = {"macs": 200}
PLAN = {"arena": {"bytes": 64}, "weights_bytes": 32}
SIZES = {"rom_bytes": 60, "rom_code": 20, "rom_rodata": 32, "rom_data": 8, "ram_data": 8, "ram_bss": 70, "symbols": []}
RUN = {"setup_instructions": 3, "invoke_instructions": [500, 502, 500], "stack_peak_bytes": 16, "heap_peak_bytes": 5}
TIMING = {"wall_s": 0.5, "simulated_mips": 400.0}
NAMING = {"bench": "net-tool-chip+dsp", "model": "net", "backend": "tool", "target": "chip", "features": {"dsp": True}}


def test_metrics_follow_their_definitions() -> None:
    """ROM, RAM, the worst sample and the ratio are what the definitions say."""
    assert rows.metrics_of(GRAPH, PLAN, SIZES, RUN, TIMING) == {
        **{"setup_instructions": 3, "invoke_instructions": 502, "invoke_instructions_min": 500},
        **{"rom_bytes": 60, "rom_code": 20, "rom_rodata": 32, "rom_data": 8, "ram_data": 8, "ram_bss": 70},
        **{"ram_bytes": 8 + 70 + 16 + 5, "stack_peak_bytes": 16, "heap_peak_bytes": 5, "arena_bytes": 64},
        **{"weights_bytes": 32, "macs": 200, "instructions_per_mac": 2.51, "simulated_mips": 400.0, "wall_s": 0.5},
    }
    plan = {"arena": None, "weights_bytes": 0, "tuning": {"tuned": 4}}
    few = rows.metrics_of({"macs": 0}, plan, {}, {}, {})
    assert few == {"weights_bytes": 0, "macs": 0, "tuned_kernels": 4}
    assert rows.metrics_of({"macs": 700}, PLAN, SIZES, RUN, TIMING)["instructions_per_mac"] == 0.7171


def test_metrics_stand_in_one_order() -> None:
    """Keys come in the order of METRICS, whatever order the files have."""
    metrics = rows.metrics_of(GRAPH, PLAN, dict(reversed(SIZES.items())), RUN, TIMING)
    assert list(metrics) == [metric.name for metric in METRICS if metric.name in metrics]


def test_what_was_not_measured_is_left_out() -> None:
    """A host run has no instruction counts and no stack: no such metric, and no sum that needs one."""
    run = {"setup_instructions": None, "invoke_instructions": [None, None], "stack_peak_bytes": None}
    metrics = rows.metrics_of(GRAPH, PLAN, SIZES, run, {"wall_s": 0.1, "invoke_s": [0.02, 0.01]})
    assert {"setup_instructions", "invoke_instructions", "ram_bytes", "instructions_per_mac"}.isdisjoint(metrics)
    assert metrics["invoke_s"] == 0.01
    assert metrics["ram_bss"] == 70


def test_report_has_the_keys_of_the_contract_in_every_state() -> None:
    """Good and failed rows have the same keys in the same order, those that other tools read."""
    validation = {"reference": "tflm", "samples": 8, "result": "exact", "max_abs_error": 0}
    good = rows.bench_row(NAMING, weights="trained", metrics={"macs": 200}, validation=validation)
    bad = rows.bench_row(NAMING, status="timeout", reason="run: more than 1000 instructions")
    provenance = {"stages": {}, "tools": {}, "artifacts": {}}
    contract = (
        "schema bench model backend target features status reason weights metrics validation "
        "stages tools made_by artifacts"
    )
    for row in (good, bad):
        assert list(rows.with_provenance(row, **provenance)) == contract.split()
    assert (good["status"], good["reason"]) == ("ok", None)
    assert (bad["metrics"], bad["validation"]) == ({}, None)


GCC = "sha256:85cbf58eb3ee58048b9d58be arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1"
LD = "sha256:9e1ba75543784cf3013830b0 GNU ld 2.40"


@pytest.mark.parametrize(
    ("compile_", "run", "compiler", "simulator"),
    [
        ({"ziglang": "0.17.1"}, {"pyelftools": "0.33", "unicorn": "2.1.4"}, "ziglang 0.17.1", "unicorn 2.1.4"),
        ({"arm-none-eabi-gcc": GCC, "arm-none-eabi-ld": LD}, {}, "arm-none-eabi-gcc (15:12.2.rel1-1) 12.2.1", None),
        (
            *({"clang-22": "sha256:00 Debian clang version 22.1", "ziglang": "0.17.1"}, {"mine": f"sha256:{'7' * 64}"}),
            *("clang-22 Debian clang version 22.1", "mine sha256:777777777777"),
        ),
        ({}, {}, None, None),
    ],
)
def test_rows_tell_what_compiled_and_what_counted(
    compile_: dict[str, str], run: dict[str, str], compiler: str | None, simulator: str | None
) -> None:
    """By the keys of these stages: a toolchain's other programs and readers of files are with the tools."""
    told = {"stages": {}, "tools": {**compile_, **run}, "artifacts": {}, "made_by": {"compile": compile_, "run": run}}
    row = rows.with_provenance(rows.bench_row(NAMING), **told)
    flat = flatten(row)
    assert (flat.get("compiler"), flat.get("simulator")) == (compiler, simulator)
    assert flat.get("tools", "").count(", ") == max(len(told["tools"]) - 1, 0)
    columns = frame_of([row]).columns
    assert {"compiler", "simulator"} & set(columns) == {n for n in ("compiler", "simulator") if flat.get(n)}


def test_unknown_status_is_a_mistake_of_ours() -> None:
    """Only the statuses of the contract can be written."""
    with pytest.raises(ValueError, match="is not a status"):
        rows.bench_row(NAMING, status="broken", reason="x")


def test_every_metric_is_defined_once() -> None:
    """Names are unique, and each has a unit and a definition."""
    assert len({metric.name for metric in METRICS}) == len(METRICS)
    assert all(metric.unit and metric.definition for metric in METRICS)


def test_shares_of_paths_are_told_in_layers_and_macs() -> None:
    """Of a plan whose layers name their path; other backends' plans name none."""
    layers = [{"path": "kernel", "macs": 900}, {"path": "legalised", "macs": 100}, {"macs": 0}]
    paths = rows.paths_of({"layers": [*layers, {"path": "kernel", "macs": 0}, {"path": "dequantised", "macs": 0}]})
    assert paths["kernel"] == {"layers": 2, "macs": 900}
    told = "kernel 2 layers, 90 % of the MACs; legalised 1 layer, 10 % of the MACs; dequantised 1 layer"
    assert rows.spell_paths(paths) == told
    assert rows.paths_of({"layers": layers[2:]}) == rows.paths_of({}) == {}


def test_layers_on_reference_kernels_are_told_with_the_reasons() -> None:
    """Of a plan and of a profile, the layers of one reason together; below tables and in a profile's text."""
    slow = [(0, "", "CONV_2D"), (4, "a scale", "CONV_2D"), (5, "its sums", "ADD"), (6, "a scale", "CONV_2D")]
    found = rows.reference_layers(
        {
            "layers": [
                {"index": index, "operator": name, **({"reference": why} if why else {})} for index, why, name in slow
            ]
        }
    )
    assert [one["layer"] for one in found] == [4, 5, 6]
    told = "3 layers on reference kernels: 4 CONV_2D, 6 CONV_2D (a scale), 5 ADD (its sums)"
    assert rows.spell_reference_layers(found) == told
    assert rows.spell_reference_layers(found[:1]) == "1 layer on reference kernels: 4 CONV_2D (a scale)"
    many = rows.spell_reference_layers([{**found[0], "layer": number} for number in range(9)])
    assert many == "9 layers on reference kernels: 0 CONV_2D, 1 CONV_2D, 2 CONV_2D, 3 CONV_2D and 5 more (a scale)"
    row = {**rows.bench_row(NAMING), "reference_layers": found}
    assert tables.notes([row]) == [f"{row['bench']}: {told}"]


@pytest.mark.parametrize(("form", "is_told"), [("dequantised", True), ("float32", False)])
def test_what_a_dequantised_network_is_worth_is_told(form: str, is_told: bool) -> None:
    """How far it agrees with the integer one, in two numbers; one that was float is no other network."""
    agreeing = {"equal_share": 0.5, "mean_abs_error": 2.25, "cosine": 0.9, "top1_agreement": 0.75}
    row = {"engine": {"form": form, "name": "fake", "version": "1.2"}, "validation": {"of_integers": agreeing}}
    text = "dequantised; against the integer network mean difference 2.25, top-1 agrees in 75 %"
    assert rows.spell_engine(row) == (text if is_told else "")
    assert rows.spell_engine({"validation": None}) == ""


def test_top_1_of_an_engine_is_held_against_the_integer_network() -> None:
    """Of a dequantised network that is another than its reference; of equal outputs it is all."""
    naming = {"bench": "a-b-host", "model": "a", "backend": "b", "target": "host", "features": {}}
    row = {**rows.bench_row(naming), "engine": {"form": "int8", "name": "fake", "version": "1.2"}}

    def share(**validation: object) -> object:
        return flatten({**row, "validation": validation}).get("top1_of_integers")

    assert share(result="exact") == 1.0 and share(result="within 8 steps", top1_agreement=0.5) == 0.5
    assert share(result="exact", of_integers={"top1_agreement": 0.75}) == 0.75
    assert share(result="exact", of_integers={"cosine": 0.9}) is None
