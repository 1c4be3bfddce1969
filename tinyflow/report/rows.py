"""Rows: what the stages' files say about one bench, as the flat metrics and the `report.json` that other tools read.

Pure functions over parsed JSON. Nothing is measured or estimated here: a number that a file lacks is left out.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

from tinyflow.report.metrics import BY_NAME

SCHEMA = 1
# As for TFLM and LiteRT: more than a sixteenth of what an int8 output can be.
_FAR_STEPS = 16
# of a network that was quantised after training
MADE_UP = "the samples are made up: name real ones in the recipe (`samples:`), and ranges are those that occur"
# Of a toolchain's programs that which compiles, where one is called so; others are assemblers, linkers and the like.
_DRIVER = re.compile(r"(gcc|g\+\+|clang|clang\+\+|cc)(-[\d.]+)?$")
_READERS = ("numpy", "pyelftools", "pyserial")  # packages by which targets read files and lines, and run nothing
_SHORT_DIGEST = len("sha256:") + 12
# layers of one reason that are told by number and operator
_MOST_SPELLED = 4
# How much of the outputs agrees with the reference where they aren't equal, see `stages.agreement`.
AGREEMENT = {
    "equal_share": ("{:.4g} % of the values equal", 100),
    "mean_abs_error": ("mean difference {:.3g}", 1),
    "cosine": ("cosine {:.6g}", 1),
    "top1_agreement": ("top-1 agrees in {:.4g} %", 100),
    "top5_agreement": ("top-5 in {:.4g} %", 100),
}
# stopped before its end; refused by recipes, where a suite wants that told; for a reason that a suite expects
NOT_RUN = ("cancelled", "unsupported", "refused")
STATUSES = ("ok", "failed", "mismatch", "does_not_fit", "timeout", *NOT_RUN)

# what a row has of accuracy.json; all of it is in the bench's folder
OF_ACCURACY = ("task", "data", "samples", "of", "inferences", "sides", "target")

Document = Mapping[str, Any]  # one parsed JSON file
Naming = Mapping[str, Any]  # bench, model, backend, target: str; features: {name: value, or True where it takes none}


def metrics_of(
    graph: Document,
    plan: Document,
    sizes: Document,
    run: Document,
    timing: Document,
    profile: Document = MappingProxyType({}),
    power: Document | None = None,
    accuracy: Document = MappingProxyType({}),
) -> dict[str, float]:
    """All metrics that these files hold, in the order of METRICS: by their names, but for those that are made here.

    `power`: current_a and supply_v; `accuracy`: accuracy.json.
    """
    counts = [count for count in run.get("invoke_instructions") or () if count is not None]
    found: dict[str, float | None] = {
        **{name: document[name] for document in (sizes, run, timing) for name in BY_NAME if name in document},
        "invoke_instructions": max(counts, default=None),
        "invoke_instructions_min": min(counts, default=None),
        "arena_bytes": (plan["arena"] or {}).get("bytes"),
        "weights_bytes": plan["weights_bytes"],
        "macs": graph["macs"],
        "tuned_kernels": plan.get("tuning", {}).get("tuned"),
        **_repeated(timing),
        **_estimates(profile, power),
        **_right(accuracy),
    }
    if "ram_bytes" not in sizes:  # as it is of what doesn't fit and never ran
        found["ram_bytes"] = _sum(found, "ram_data", "ram_bss", "stack_peak_bytes", "heap_peak_bytes")
    found["instructions_per_mac"] = _ratio(found["invoke_instructions"], found["macs"])
    return {name: value for name in BY_NAME if (value := found.get(name)) is not None}


def _repeated(timing: Document) -> dict[str, float | None]:
    """Of what isn't the same each time, so that every sample is repeated: the fewest, the median and the spread."""
    repetitions, times = timing.get("repetitions", 1), timing.get("invoke_s") or ()
    of_host = [times[begin : begin + repetitions] for begin in range(0, len(times), repetitions)]
    found: dict[str, float | None] = {}
    for name, samples in (("invoke_s", of_host), ("cycles", timing.get("cycles") or ())):
        known = [[value for value in values if value is not None] for values in samples]
        every = sorted(value for values in known for value in values)
        if every:
            spread = max(max(values) - min(values) for values in known if values)
            found |= {name: every[0], f"{name}_median": every[len(every) // 2], f"{name}_spread": spread}
            found["repetitions"] = repetitions
            if name == "invoke_s":
                found["invoke_s_p95"] = every[math.ceil(0.95 * len(every)) - 1]
    seconds = _quotient(found.get("cycles"), timing.get("clock_hz"))
    return {**found, "board_ms": None if seconds is None else seconds * 1e3}


def _estimates(profile: Document, power: Document | None) -> dict[str, float | None]:
    """Cycles, and what follows from them where the clock, and what the chip draws, are known."""
    cycles = profile.get("total", {}).get("cycles_estimate")
    clock_hz = profile.get("cycle_model", {}).get("clock_hz")
    seconds = _quotient(cycles, clock_hz)
    watts = None if power is None else power["current_a"] * power["supply_v"]
    return {
        "cycles_estimate": cycles,
        "latency_ms": None if seconds is None else round(seconds * 1e3, 6),
        "energy_uj": None if seconds is None or watts is None else round(seconds * watts * 1e6, 3),
    }


def _right(accuracy: Document) -> dict[str, float | None]:
    """The firmware's figures by their names, those of the others by theirs: `top1_reference`."""
    sides: Mapping[str, Document] = accuracy.get("sides", {})
    return {
        name if side == "firmware" else f"{name}_{side}": value
        for side, found in sides.items()
        for name, value in found.items()
    }


def spell_accuracy(row: Document) -> str:
    """`top-1 91.2 % of 1,000 samples (reference 91.3 %, float 91.8 %); target 90 %: reached`; empty without one."""
    found = row.get("accuracy")
    if not found:
        return ""
    name = "auc" if found["task"] == "anomaly" else "top1"
    metric = BY_NAME[name]
    sides = {side: metric.format(figures[name]) for side, figures in found["sides"].items() if name in figures}
    others = ", ".join(f"{side} {sides[side]}" for side in ("reference", "float") if side in sides)
    told = f"{metric.heading} {sides.get('firmware', 'unknown, for want of one kind of labels')}"
    told += f" of {found['samples']:,} samples" + (f" ({others})" if others else "")
    if target := found.get("target"):
        told += f"; target {metric.format(target['value'])}: {'reached' if target['is_reached'] else 'missed'}"
    return told


def _sum(found: Mapping[str, float | None], *names: str) -> float | None:
    """The sum, or None where a part is unknown: half a sum would be a wrong number."""
    parts = [found.get(name) for name in names]
    return None if None in parts else sum(part for part in parts if part is not None)


def _ratio(numerator: float | None, denominator: float | None) -> float | None:
    quotient = _quotient(numerator, denominator)
    return None if quotient is None else round(quotient, 4)


def _quotient(numerator: float | None, denominator: float | None) -> float | None:
    return numerator / denominator if numerator is not None and denominator else None


def cycle_model_of(row: Document) -> Document:
    """By what a row's cycles were estimated: name, error_percent, evidence; empty where they weren't."""
    return row.get("cycle_model") or {}


def is_cycle_model(value: Any) -> bool:
    """Whether what came from a file says by what cycles were estimated."""
    wanted = {"name": str, "error_percent": int, "evidence": str}
    return isinstance(value, Mapping) and all(type(value.get(name)) is kind for name, kind in wanted.items())


def spell_cycle_model(model: Document) -> str:
    """`cortex-m4 ±12 %`, and that no board has confirmed it, where none has."""
    unconfirmed = "" if model["evidence"] == "boards" else ", not confirmed by a board"
    return f"{model['name']} ±{model['error_percent']} %{unconfirmed}"


def with_import(validation: Document, origin: Document) -> Document:
    """The verdict on a model that was made of an ONNX file, with how far ONNX Runtime's outputs are; else as it is."""
    if "onnxruntime_max_abs_error" not in origin:
        return validation
    apart = origin["onnxruntime_max_abs_error"]
    if apart is None:
        why = origin.get("onnxruntime_refusal", "ONNX Runtime is not installed")
        more = [f"nothing held the import of the ONNX file against another's: {why}"]
    else:
        far = f"ONNX Runtime's outputs for the ONNX file are up to {apart:g} steps from those of the model made of it"
        more = [far] if apart > _FAR_STEPS else []
    return {**validation, "onnxruntime_differs_by": apart, "warnings": [*validation.get("warnings", ()), *more]}


def with_quantising(validation: Document, record: Document | None) -> Document:
    """The verdict on a model that was quantised after training, with what its samples say of it; else as it is."""
    if record is None or record["samples"] == "recipe":
        return validation
    return {**validation, "warnings": [*validation.get("warnings", ()), f"quantised after training: {MADE_UP}"]}


def paths_of(plan: Document) -> dict[str, dict[str, int]]:
    """How many layers and MACs took which path, where the backend has several and the plan says it."""
    found: dict[str, dict[str, int]] = {}
    for layer in plan.get("layers", ()):
        if layer.get("path"):
            share = found.setdefault(layer["path"], {"layers": 0, "macs": 0})
            share["layers"] += 1
            share["macs"] += layer["macs"]
    return found


def reference_layers(document: Document) -> list[dict[str, Any]]:
    """Layers of a plan or a profile that reference kernels compute although the processor has better ones, and why."""
    return [
        {"layer": layer["index"], "operator": layer["operator"], "why": layer["reference"]}
        for layer in document.get("layers", ())
        if layer.get("reference")
    ]


def spell_reference_layers(found: Sequence[Document]) -> str:
    """`3 layers on reference kernels: 4 CONV_2D, 7 CONV_2D (a scale of 1/2 or more), …`, some of each reason."""
    by_reason: dict[str, list[str]] = {}
    for one in found:
        by_reason.setdefault(one["why"], []).append(f"{one['layer']} {one['operator']}")
    reasons = (
        f"{', '.join(layers[:_MOST_SPELLED])}{_and_more(len(layers) - _MOST_SPELLED)} ({why})"
        for why, layers in by_reason.items()
    )
    return f"{len(found)} layer{'s' * (len(found) != 1)} on reference kernels: {', '.join(reasons)}"


def _and_more(count: int) -> str:
    return f" and {count} more" if count > 0 else ""


def spell_paths(paths: Mapping[str, Mapping[str, int]]) -> str:
    """`kernel 12 layers, 98 % of the MACs; legalised 3 layers`."""
    macs = sum(share["macs"] for share in paths.values())
    return "; ".join(
        f"{path} {share['layers']} layer{'s' * (share['layers'] != 1)}"
        + (f", {100 * share['macs'] / macs:.3g} % of the MACs" if share["macs"] else "")
        for path, share in paths.items()
    )


def spell_agreement(validation: Document) -> str:
    """`97.5 % of the values equal, mean difference 0.03, cosine 0.9998, top-1 100 %`; empty where all are equal."""
    known = ((*AGREEMENT[name], validation[name]) for name in AGREEMENT if name in validation)
    return ", ".join(text.format(value * factor) for text, factor, value in known)


def spell_engine(row: Document) -> str:
    """Of a dequantised network, that it is one, and how far it agrees with the integer one."""
    agreeing = (row.get("validation") or {}).get("of_integers")
    if not agreeing or row["engine"]["form"] != "dequantised":
        return ""
    told = {name: agreeing[name] for name in ("mean_abs_error", "top1_agreement") if name in agreeing}
    return f"dequantised; against the integer network {spell_agreement(told)}"


def warnings_of(row: Document) -> list[str]:
    """Why the verdict on a bench's outputs says less than it seems to: a sentence each."""
    return list((row.get("validation") or {}).get("warnings", ()))


def unseen_layers(row: Document) -> list[str]:
    """Layers whose intermediate tensors nobody compared with the reference's, and why: a sentence for each reason."""
    by_reason: dict[str, list[str]] = {}
    for layer in ((row.get("validation") or {}).get("layers") or {}).get("unseen", ()):
        by_reason.setdefault(layer["why"], []).append(f"{layer['layer']} {layer['operator']}")
    return [f"not compared: {', '.join(layers)}, for {why}" for why, layers in by_reason.items()]


def bench_row(
    naming: Naming,
    *,
    status: str = "ok",
    reason: str | None = None,
    weights: str | None = None,
    metrics: Mapping[str, float] = MappingProxyType({}),
    validation: Document | None = None,
) -> dict[str, Any]:
    """The part of `report.json` that is known when the run was good; with the same keys, of a bench without result."""
    if status not in STATUSES:
        raise ValueError(f"{status!r} is not a status: {STATUSES}")
    return {
        "schema": SCHEMA,
        **{name: naming[name] for name in ("bench", "model", "backend", "target")},
        "features": dict(sorted(naming["features"].items())),
        "status": status,
        "reason": reason,
        "weights": weights,
        "metrics": dict(metrics),
        "validation": None if validation is None else dict(validation),
    }


def with_provenance(
    row: Document, *, stages: Document, tools: Document, artifacts: Document, made_by: Document = MappingProxyType({})
) -> dict[str, Any]:
    """The whole `report.json`: the row, how it came about, with which tools, and the digests of what was made.

    `made_by` has the tools of single stages.
    """
    found = {stage: dict(names) for stage, names in made_by.items() if names}
    return {**row, "stages": dict(stages), "tools": dict(tools), "made_by": found, "artifacts": dict(artifacts)}


def spell_tools(tools: Document) -> str:
    """`unicorn 2.1.4, ziglang 0.17.1`; of programs what they say of themselves, and else their digest's beginning."""
    return ", ".join(_spell_tool(name, version) for name, version in tools.items())


def _spell_tool(name: str, version: str) -> str:
    if not version.startswith("sha256:"):
        return f"{name} {version}"
    digest, _, told = version.partition(" ")
    return told if told.startswith(name) else f"{name} {told or digest[:_SHORT_DIGEST]}"


def compiler_of(row: Document) -> str:
    """What compiled a bench's own code, by the key of that; empty where nothing did."""
    tools = (row.get("made_by") or {}).get("compile", {})
    drivers = {name: version for name, version in tools.items() if _DRIVER.search(name)}
    return spell_tools(drivers or tools)


def simulator_of(row: Document) -> str:
    """What ran a bench and counted, by the key of the run; empty where no tool did."""
    tools = (row.get("made_by") or {}).get("run", {})
    return spell_tools({name: version for name, version in tools.items() if name not in _READERS})
