"""Backends tvmaot, tvmaotplus, tvmllvm: TVM's operators, passes and code generators; integer kernels exact as TFLite's.

This module says what they can compile without importing TVM; `generate` imports it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinyflow.backends.options import CHASE, Options, alignments
from tinyflow.backends.tvm.program.planner import USMP
from tinyflow.core.errors import RecipeError

if TYPE_CHECKING:
    from tinyflow.backends.refusals import Refusal
    from tinyflow.model.graph import Graph

OPTIONS: Options = {
    "variant": ("aot", "aotplus", "llvm"),
    "dsp": (False, True),
    "schedule": ("arm", "default", "cortexm"),
    "layout": ("NHWC", "NCHW"),
    "toolchain": ("zig", "gcc", "llvm"),
    "debug": (False, True),
    "api": ("default", "unpacked"),
    "usmp": USMP,
    "isa": ("thumb", "riscv", "xtensa", "arm", "aarch64", "x86_64", "host"),
    "vectors": ("none", "mve", "rvv"),
    "llvm": dict,
    "rounding": ("double", "single"),
    "alignment": alignments(16),
    "chase": (*CHASE, "least"),
    "winograd": ("none", "bounded", "all"),
    "stream": None,
}
# what `generate` writes besides, each by a parameter of its name
DOCUMENTS = ("relax.json",)


def check(graph: Graph, backend: str, options: Mapping[str, Any]) -> None:
    """Raise ModelError for the first operator that can't be compiled: its name, version, a tensor, `backend`.

    Raises RecipeError for options that don't go together.
    """
    from tinyflow.backends.refusals import check_none

    if options.get("layout") == "NCHW" and (options.get("dsp") or options.get("schedule") == "cortexm"):
        what = f"backend {backend}: the Cortex-M kernels multiply neighbouring channels, which layout NCHW keeps apart"
        raise RecipeError(what, hint="layout NHWC, or schedule arm")
    if options.get("winograd", "none") != "none" and not options.get("dsp"):
        what = f"backend {backend}: Winograd's kernel is one of those for the DSP extension"
        raise RecipeError(what, hint="add +dsp, or leave +winograd out")
    check_none(refusals(graph, options), backend)


def forms() -> Mapping[str, Collection[str]]:
    """Type of the main input → the operators that are compiled in it, one way or another."""
    from tinyflow.backends.tvm.frontend import supported

    return supported.forms()


def refusals(graph: Graph, options: Mapping[str, Any]) -> Iterator[Refusal]:  # noqa: ARG001 (every backend's)
    """All that speaks against a model."""
    from tinyflow.backends.refusals import refused_operators
    from tinyflow.backends.tvm.frontend.supported import forms, path_of

    return refused_operators(graph, forms(), path_of)


def generate(
    model: Path,  # noqa: ARG001 (the protocol's)
    graph: Graph,
    backend: str,
    options: Mapping[str, Any],
    out: Path,
    plan: Path,
    tuning: Mapping[str, Any] | None = None,
    records: Sequence[Path] = (),
    relax: Path | None = None,
) -> None:
    """Write C sources of `model` into the folder `out` and its memory plan to the file `plan`.

    `graph` is the same model, read and checked. Options: variant aot|aotplus|llvm; toolchain, isa, vectors (those that
    the processor has: none|mve|rvv), llvm (words for its processor), alignment; schedule default|arm|cortexm (dsp is
    another word for cortexm); layout NHWC|NCHW;
    debug (assertions, guards behind what lies in the arena);
    chase on or off; least: kernels with so little scratch that the arena is the smallest;
    stream: chains of layers run row by row, for a goal as of tinyc's (variant aotplus);
    winograd: none, bounded or all, as tinyc's (needs dsp, and variant aotplus);
    api and usmp (calling convention and planner of memory): default, which is what the variant has, or another;
    rounding of fully connected layers: double as TFLM does, single as LiteRT does.

    With `tuning` (cpu, toolchain, optimise), kernels that have a record for these in one of the files `records` are
    made as it says; of two records, the first file's counts. `relax`: where to write what TVM's passes make of it.
    """
    from tinyflow.backends.tvm.backend import write_sources
    from tinyflow.backends.tvm.tuning.records import Known

    known = None if tuning is None else Known.read(records, tuning)
    write_sources(graph, backend, options, out, plan, known, relax)
