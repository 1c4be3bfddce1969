"""TVM's MetaSchedule over the plain TIR of one convolution, beside the hand-written kernels: instructions a MAC.

Its builder is the bench's compiler and its runner the simulator. `python benchmarks/metaschedule.py [trials]`
"""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1]))

import numpy as np
import tvm
from kernel_firmware import Chip, Sample, run
from tvm.s_tir import meta_schedule

from tinyflow.backends.tvm.kernels import styles
from tinyflow.backends.tvm.kernels.kernel import Machine, Weights
from tinyflow.backends.tvm.kernels.portable import plain
from tinyflow.backends.tvm.kernels.specs import Border, ConvSpec, FeatureMap, Requantisation

SPEC = ConvSpec(
    FeatureMap(12, 12, 32), FeatureMap(12, 12, 64), (1, 1), (1, 1), Border(), -128, Requantisation(-128, -128, 127)
)
_MACS = SPEC.output.elements * SPEC.reduction


def sample_of(kernel: Any) -> Sample:
    """The kernel with the same weights and input each time."""
    generator = np.random.default_rng(0)
    channels = SPEC.output.channels
    weights = Weights(
        generator.integers(-30, 31, (channels, 1, 1, SPEC.input.channels)).astype(np.int8),
        generator.integers(-1000, 1000, channels).astype(np.int32),
        generator.integers(1 << 30, 1 << 31, channels).astype(np.int32),
        np.full(channels, -8, np.int32),
    )
    data = generator.integers(-128, 128, SPEC.input.elements).astype(np.int8)
    return Sample(kernel if kernel is not None else plain.build(SPEC), weights, (data,))


def space(schedule: Any) -> None:
    """Tiles of pixels and channels whose accumulators are finished together, and products in one round."""
    accumulate, requantise = schedule.get_sblock("accumulate"), schedule.get_sblock("requantise")
    rows, columns, channels = schedule.get_loops(requantise)
    pixels = schedule.fuse(rows, columns)
    tiles = [schedule.sample_perfect_tile(loop, n=2, max_innermost_factor=4) for loop in (pixels, channels)]
    (p0, p1), (c0, c1) = schedule.split(pixels, tiles[0]), schedule.split(channels, tiles[1])
    schedule.reorder(p0, c0, p1, c1)
    schedule.compute_at(accumulate, c0, preserve_unit_loops=True)
    *spatial, i, j, k = schedule.get_loops(accumulate)[2:]
    k0, k1 = schedule.split(k, schedule.sample_perfect_tile(k, n=2, max_innermost_factor=8))
    schedule.reorder(i, j, k0, k1, *spatial)
    for loop in (p1, c1, k1, *spatial):
        schedule.unroll(loop)
    schedule.decompose_reduction(accumulate, i)


def definition() -> Any:
    """The plain convolution before its own schedule."""
    found = []
    kept = plain.one_at_a_time
    plain.one_at_a_time = lambda function, *order: (found.append(function), kept(function, *order))[1]
    try:
        plain.build(SPEC)
    finally:
        plain.one_at_a_time = kept
    return found[0].with_attr("global_symbol", "main")


def search(trials: int) -> list[float]:
    """Instructions a MAC of each trial; MetaSchedule's own sampling."""
    generator = meta_schedule.space_generator.ScheduleFn(space, sch_rules=[], postprocs=[], mutator_probs={})
    context = meta_schedule.TuneContext(
        tvm.IRModule({"main": definition()}),
        target=tvm.target.Target("c"),
        space_generator=generator,
        search_strategy="replay-func",
        task_name="conv2d",
        rand_state=7,
        num_threads=1,
    )
    context.pre_tuning(max_trials=trials, num_trials_per_iter=4, design_spaces=context.generate_design_space())
    costs: list[float] = []
    while candidates := context.generate_measure_candidates():
        results = []
        for candidate in candidates:
            kernel = replace(plain.build(SPEC), function=candidate.sch.mod["main"])
            (outcome,) = run([sample_of(kernel)], Chip())
            costs.append((outcome.counters.instructions or 0) / _MACS)
            results.append(meta_schedule.runner.RunnerResult([costs[-1]], None))
        context.notify_runner_results(candidates, results)
    return costs


def main() -> None:
    """Print the hand-written kernels, then every trial."""
    weights = sample_of(None).weights
    for style in ("plain", "aot", "aotplus", "dsp"):
        kernel = styles.build(styles.specialise(SPEC, weights, style), style, Machine("thumb", "zig"), 4096)
        (outcome,) = run([sample_of(kernel)], Chip())
        print(f"{style:16}{(outcome.counters.instructions or 0) / _MACS:.2f}")
    costs = search(int(sys.argv[1]) if len(sys.argv) > 1 else 12)
    print("MetaSchedule    " + " ".join(f"{cost:.2f}" for cost in costs) + f"; best {min(costs):.2f}")


if __name__ == "__main__":
    main()
