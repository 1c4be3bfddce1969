"""Documents of benches as stages write them, for any number of models, backends and targets."""

from __future__ import annotations

from itertools import product
from typing import Any

from tinyflow.recipes.schema import Suite
from tinyflow.report import rows
from tinyflow.report.documents import BenchDocuments

LAYERS = 30
EXACT = {"reference": "tflm", "samples": 8, "result": "exact", "max_abs_error": 0, "tolerance": 0}


def good(model: str, backend: str, target: str, *, size: int = 1000, weights: str = "trained") -> BenchDocuments:
    """A bench that ran; its numbers grow with `size`."""
    metrics = {
        "invoke_instructions": 1003 * size,
        "setup_instructions": 2,
        "rom_bytes": 61 * size,
        "ram_bytes": 17 * size,
        "arena_bytes": 16 * size,
        "macs": 600 * size,
        "wall_s": 0.5,
    }
    row = rows.bench_row(naming(model, backend, target), weights=weights, metrics=metrics, validation=EXACT)
    provenance = {
        "stages": {},
        "tools": {"ziglang": "0.17.0"},
        "artifacts": {"firmware.elf": "sha256:" + f"{size:064x}"},
    }
    facts = ['parameter ["flags",0] "-O3"', 'parameter ["toolchain","name"] "zig"', 'input "x" sha256:00']
    return BenchDocuments(
        rows.with_provenance(row, **provenance),
        plan=plan(size),
        sizes=sizes(size),
        run=run(size),
        graph=graph(),
        network=graph(),
        provenance={"actions": [{"stage": "compile", "key": "sha256:11", "facts": facts}]},
    )


def failed(model: str, backend: str, target: str, reason: str = "run: hard fault in <conv_3>") -> BenchDocuments:
    """A bench that did not run to its end."""
    row = rows.bench_row(naming(model, backend, target), status="failed", reason=reason)
    return BenchDocuments(rows.with_provenance(row, stages={}, tools={}, artifacts={}))


def suite(name: str, **more: Any) -> Suite:
    """A suite's recipe."""
    return Suite(name=name, description="for tests", include=("a-b-c",), **more)


def naming(model: str, backend: str, target: str) -> dict[str, Any]:
    """The naming of one bench."""
    return {
        "bench": f"{model}-{backend}-{target}",
        "model": model,
        "backend": backend,
        "target": target,
        "features": {},
    }


def many(count: int) -> list[BenchDocuments]:
    """A suite of so many benches, each with maps and a profile of its own."""
    points = product(
        [f"net{index}" for index in range(-(-count // 10))], ["one", "two"], [f"chip{i}" for i in range(5)]
    )
    return [good(*point, size=1000 + 7 * index) for index, point in zip(range(count), points, strict=False)]


def plan(size: int) -> dict[str, Any]:
    """Tensors that take turns at the two ends of the arena; every third layer shares its function with the next."""
    tensors = [
        {"name": f"t{i}", "offset": (i % 2) * 8 * size, "bytes": 8 * size, "first": i, "last": i + 1}
        for i in range(LAYERS)
    ]
    layers = [
        {"index": i, "operator": "CONV_2D", "functions": [f"conv_{i - i % 3 // 2}"], "macs": 20 * size}
        for i in range(LAYERS)
    ]
    return {"arena": {"bytes": 16 * size, "tensors": tensors}, "layers": layers}


def graph() -> dict[str, Any]:
    """The layers of `plan`, each of which reads the one before, every third also the one before that."""
    tensors: list[dict[str, Any]] = []

    def tensor(*shape: int, constant: bool = False) -> int:
        facts = {"name": f"tensor_{len(tensors)}", "shape": list(shape), "dtype": "int8", "bytes": 8000}
        tensors.append({"index": len(tensors), **facts, "constant": constant})
        return len(tensors) - 1

    made = [tensor(1, 96, 96, 3)]
    operators, names = [], ("CONV_2D", "DEPTHWISE_CONV_2D_OF_A_LONG_NAME")
    for index in range(LAYERS):
        inputs = [*made[-2 if index and index % 3 == 0 else -1 :], tensor(8, 3, 3, 8, constant=True)]
        made.append(tensor(1, 96 >> index // 10, 96 >> index // 10, 8))
        operators.append(
            {"index": index, "name": names[index % 2], "inputs": inputs, "outputs": made[-1:], "options": {}}
        )
    return {"inputs": made[:1], "outputs": made[-1:], "operators": operators, "tensors": tensors}


def sizes(size: int) -> dict[str, Any]:
    """Flash with weights and code, RAM with an arena and room for the stack."""
    symbols = [{"name": f"weights_{i}", "bytes": 2 * size, "section": ".rodata"} for i in range(LAYERS)]
    symbols += [{"name": "model_arena", "bytes": 16 * size, "section": ".bss"}]
    symbols += [{"name": f"conv_{i}", "bytes": 10, "section": ".text"} for i in range(LAYERS)]
    regions = {"flash": {"used": 61 * size, "size": 2048 * size}, "ram": {"used": 17 * size, "size": 512 * size}}
    return {"regions": regions, "symbols": symbols}


def run(size: int) -> dict[str, Any]:
    """Functions, most first, and one of no layer."""
    names = [f"conv_{i}" for i in range(LAYERS) if i % 3 != 2] + ["model_invoke"]
    return {"functions": [{"name": name, "instructions": 50 * size - i, "calls": 1} for i, name in enumerate(names)]}
