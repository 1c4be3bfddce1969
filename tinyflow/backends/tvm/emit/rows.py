"""Chains in C: a table of calls for each, and the kernels of rows that they call."""

from __future__ import annotations

from tinyflow.backends.programs import tables
from tinyflow.backends.programs.steps import Chain, Part
from tinyflow.backends.programs.tables import Table
from tinyflow.backends.tvm.program.streamed import Chains, RowKernel
from tinyflow.model.element_types import ELEMENT_TYPES


def texts(chains: Chains) -> list[str]:
    """What is defined before `model_invoke`."""

    def call(part: Part, table: Table) -> str:
        *others, last = (_call(kernel, part, table) for kernel in chains.kernels[part.operator])
        if not others:
            return last
        cases = "".join(f"          case {i}:\n            {one}\n            break;\n" for i, one in enumerate(others))
        return f"switch ({table.variant}) {{\n{cases}          default:\n            {last}\n        }}"

    return [
        tables.text(number, step, chains.program, chains.placed, call)
        for number, step in enumerate(chains.program.steps)
        if isinstance(step, Chain)
    ]


def _call(kernel: RowKernel, part: Part, table: Table) -> str:
    *inputs, output = table.operands(part)
    given = iter(inputs)
    arguments = []
    for parameter in kernel.kernel.parameters:
        if parameter.role == "constant":
            arguments.append(kernel.constants[parameter.name])
        elif parameter.role == "scratch":
            arguments.append(f"({ELEMENT_TYPES[parameter.dtype].in_c}*)(void*)({table.scratch(part)})")
        else:
            arguments.append(next(given) if parameter.role == "input" else output)
    return f"{kernel.function}({', '.join(arguments)});"
