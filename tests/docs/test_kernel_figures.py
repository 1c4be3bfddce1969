"""kernel-figures.md has what the benchmark measures for every processor and compiler; kernel-table.md all kernels."""

from __future__ import annotations

import re
from pathlib import Path

import kernel_table
import numpy as np
from kernel_shapes import OPERATORS
from tinynn_calls import RUNTIME, HostKernels

from tinyflow.backends.tinynn.kernels import KERNELS

DOCUMENT = Path(__file__).parents[2] / "docs" / "kernel-figures.md"


def test_every_layer_of_the_table_is_there() -> None:
    """In the order of benchmarks/kernel_shapes.py, none that it has no more."""
    wanted = [make(np.random.default_rng(1)).name for make in OPERATORS]
    sections = re.split(r"^## ", DOCUMENT.read_text(encoding="utf-8"), flags=re.M)[1:]
    measured = [section for section in sections if "Not measured" not in section]
    assert len(measured) >= 2
    for section in measured:
        assert re.findall(r"^\| (?!layer|---)(.+?) \| ", section, flags=re.M) == wanted, section.splitlines()[0]


def test_the_table_of_kernels_is_what_backends_ask() -> None:
    """Word by word."""
    assert kernel_table.document() == DOCUMENT.with_name("kernel-table.md").read_text(encoding="utf-8")


def test_every_kernel_of_the_table_is_there_and_every_variant_can_be_chosen() -> None:
    """What the runtime has beyond them are parts of kernels, and some that tinyi alone calls."""
    texts = [path.read_text(encoding="utf-8") for path in RUNTIME.glob("src/*/*.c")]
    found = {
        name
        for text in texts
        for name in re.findall(r"^(?:void |KERNEL\(|SVDF\(|TINYNN_INT4_\w+\()(tinynn_\w+)[(,]", text, re.M)
    }
    broadcast = [pair for text in texts for pair in re.findall(r"^TINYNN_BROADCAST_ROWS\((\w+), (\w+),", text, re.M)]
    found |= {f"tinynn_{operator}_broadcast_{variant}" for operator, variant in broadcast}
    found |= set(HostKernels().functions)
    ones = [name for text in texts for name in re.findall(r"^(?:UNARY|BINARY)\((\w+),", text, re.M)]
    found |= {f"tinynn_{name}_float32_ref" for name in ones}
    named = {kernel.function for kernel in KERNELS}
    assert named <= found
    parts = r"conv2d_(rows_mve|wide_dsp)|clamp_\w+|pieces_c|plane3x3_\w+|rows?\d?_\w+|matrix\w+|sum_rows8\w+|tile4x4\w+"
    parts += r"|add_blocks_dsp|convolve_(lines_)?dsp|windows3_dsp|winograd_(\w+_)?dsp|fields6x2_rv32|lstm_rows_int8_dsp"
    parts += r"|(outputs|row3x3|taps9|tile)_\w+"
    assert [name for name in found - named if not re.fullmatch(f"tinynn_({parts})", name)] == []
