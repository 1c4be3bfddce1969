"""Custom operators of the runtime tinyi: what they are called, what they keep, tables of numbers that no file has."""

from __future__ import annotations

import textwrap
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass

import numpy as np

from tinyflow.backends.tinyi.memory_request import MemoryRequest, Unsupported
from tinyflow.backends.tinynn.sound import SOUNDS
from tinyflow.model.arithmetic import signal
from tinyflow.model.custom_options import numbers
from tinyflow.model.graph import CUSTOM, Graph, Operator
from tinyflow.model.operators.forms import form_of

_LARGEST_KEPT = 1 << 20  # values, LARGEST_KEPT of src/sound.c
_COLUMNS = 120


@dataclass(frozen=True)
class Custom:
    """An operator: its function, what tells how much it keeps, the name of its tables and what they are."""

    function: str
    kept: str = "NULL"
    tables: str = "NULL"
    table_lines: Callable[[Iterable[Operator]], Sequence[str]] = lambda operators: ()


def request(graph: Graph, operator: Operator, variant: str) -> MemoryRequest:  # noqa: ARG001
    """What it keeps from call to call. Raises ValueError for what the kernels don't compute."""
    sound = SOUNDS[form_of(graph, operator)][operator.name]
    kept = sound.state_bytes(graph, operator, sound.fields_of(graph, operator))
    if kept > _LARGEST_KEPT:
        raise Unsupported(f"it keeps {kept} bytes")
    return MemoryRequest(kept=kept)


def source(operators: Collection[Operator]) -> str:
    """C that defines `customs`, all that these operators need."""
    names = list(dict.fromkeys(operator.name for operator in operators))
    lines = ["#include <stddef.h>", "", '#include "tinyi/custom.h"', '#include "tinyi/sound.h"', ""]
    for name in names:
        lines += CUSTOMS[name].table_lines([operator for operator in operators if operator.name == name])
    lines.append("static const struct tinyi_custom customs[] = {")
    for name in names:
        one = CUSTOMS[name]
        lines.append(f'  {{"{name.removeprefix(CUSTOM)}", {one.function}, {one.kept}, {one.tables}}},')
    lines += ["  {NULL, NULL, NULL, NULL},", "};"]
    return "\n".join(lines) + "\n"


def _array(kind: str, name: str, values: np.ndarray) -> list[str]:
    text = textwrap.fill(", ".join(map(str, values.reshape(-1).tolist())), _COLUMNS - 4)
    return [f"static const {kind} {name}[] = {{", *(f"  {line}" for line in text.splitlines()), "};"]


def _turns(operators: Iterable[Operator]) -> list[str]:
    lengths = sorted({numbers(operator, "fft_length")["fft_length"] for operator in operators})
    lines = []
    for length in lengths:
        for name, values in zip(("turns", "half_turns"), signal.turns(length), strict=True):
            lines += _array("int16_t", f"{name}_{length}", values)
    rows = [f"{{{length}, turns_{length}, half_turns_{length}}}" for length in lengths]
    return [*lines, f"static const struct tinyi_turns turns[] = {{{', '.join([*rows, '{0, NULL, NULL}'])}}};"]


def _corrections(operators: Iterable[Operator]) -> list[str]:  # noqa: ARG001
    return _array("uint16_t", "corrections", signal.logarithm_corrections())


CUSTOMS = {
    f"{CUSTOM}SignalWindow": Custom("tinyi_signal_window"),
    f"{CUSTOM}SignalFftAutoScale": Custom("tinyi_signal_auto_scale"),
    f"{CUSTOM}SignalRfft": Custom("tinyi_signal_rfft", tables="turns", table_lines=_turns),
    f"{CUSTOM}SignalEnergy": Custom("tinyi_signal_energy"),
    f"{CUSTOM}SignalFilterBank": Custom("tinyi_signal_filter_bank"),
    f"{CUSTOM}SignalFilterBankSquareRoot": Custom("tinyi_signal_square_root"),
    f"{CUSTOM}SignalFilterBankSpectralSubtraction": Custom("tinyi_signal_subtraction", "tinyi_kept_noise"),
    f"{CUSTOM}SignalPCAN": Custom("tinyi_signal_gain"),
    f"{CUSTOM}SignalFilterBankLog": Custom("tinyi_signal_logarithm", tables="corrections", table_lines=_corrections),
    f"{CUSTOM}SignalFramer": Custom("tinyi_signal_framer", "tinyi_kept_framer"),
    f"{CUSTOM}SignalStacker": Custom("tinyi_signal_stacker", "tinyi_kept_stacker"),
    f"{CUSTOM}SignalDelay": Custom("tinyi_signal_delay", "tinyi_kept_delay"),
    f"{CUSTOM}SignalOverlapAdd": Custom("tinyi_signal_overlap", "tinyi_kept_overlap"),
}
