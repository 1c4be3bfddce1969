"""From an operator to a kernel: its Relax function, legalised and fused by TVM into one TIR function, and scheduled.

What stays in memory between the stages of a function lies in its scratch.
"""

from __future__ import annotations

import math
from collections.abc import Container
from itertools import accumulate
from typing import Any

import numpy as np
import tvm
from tvm import relax, s_tir, tirx
from tvm.s_tir import SBlock, SBlockRealize
from tvm.tirx.analysis import undefined_vars

from tinyflow.backends.tvm.kernels.kernel import Kernel, Parameter, Role
from tinyflow.backends.tvm.kernels.portable import recurrent
from tinyflow.backends.tvm.legalised import rules
from tinyflow.backends.tvm.legalised.rules import LegalisedSpec
from tinyflow.backends.tvm.legalised.scope import Scope
from tinyflow.backends.tvm.legalised.tables import KEPT
from tinyflow.core.errors import ModelError
from tinyflow.model.memory.arena import aligned
from tinyflow.model.operators import describe

# of each part of a scratch: whatever is in it
_ALIGNMENT = 8


def build(spec: LegalisedSpec) -> Kernel:
    """The kernel of one output of an operator; its constants are its own. Raises ModelError where TVM can't."""
    operator = spec.operator
    if describe(operator.name).state:
        return recurrent.build(spec.graph, operator)
    try:
        scope, function = _function(spec)
        return _kernel(scope, *_scheduled(function))
    except (tvm.error.InternalError, s_tir.ScheduleError, TypeError, ValueError) as error:
        (line, *_) = str(error).strip().splitlines()[-1:] or [type(error).__name__]
        where = f"operator {operator.index} {operator.name}"
        raise ModelError(f"TVM can't compile it: {line}", where=where, hint="take backend tinyc or tinyi") from error


def _function(spec: LegalisedSpec) -> tuple[Scope, Any]:
    """The TIR function of a layer: inputs, constants, output."""
    builder = relax.BlockBuilder()
    scope = Scope(builder, spec.graph, spec.operator, spec.output)
    rule = rules.choose(spec.graph, spec.operator).build
    with builder.function("layer", attrs={"Primitive": 1}, private=True):
        with builder.dataflow():
            # the output is the only block whose name is known, and is never the same variable as an input
            made = scope.elementwise(lambda value: value, scope.reshaped(rule(scope)))
            result = builder.emit_output(made)
        parameters = [*scope.inputs, *(variable for variable, _ in scope.constants)]
        layer = builder.emit_func_output(result, parameters)
    arguments = [relax.Var(one.name, one.ty) for one in parameters]
    with builder.function("main", arguments):
        with builder.dataflow():
            called = builder.emit_output(relax.Call(layer, arguments))
        builder.emit_func_output(called)
    passes = [relax.transform.LegalizeOps(), relax.transform.FuseTIR()]
    module = tvm.ir.transform.Sequential(passes)(builder.get())
    (function,) = (one for one in module.functions.values() if isinstance(one, tirx.PrimFunc))
    return scope, function


def _scheduled(function: Any) -> tuple[Any, set[str]]:
    """Stages that only pass values on are made part of those that read them; sums are made where they are needed.

    With the names of the buffers of which only one element is there at a time.
    """
    single = set()
    schedule = s_tir.Schedule(function)
    root = schedule.get_sblock("root")
    *stages, _ = schedule.get_child_blocks(root)
    for stage in stages:
        if schedule.get(stage).name_hint != KEPT:
            _attempt(schedule.compute_inline, stage)
    *stages, _ = schedule.get_child_blocks(root)
    for stage in reversed(stages):
        loop = _loop_for(schedule, stage)
        if loop is not None and _attempt(schedule.compute_at, stage, loop, True):
            single.add(_written(schedule, stage).name)
    for stage in schedule.get_child_blocks(root):
        loops = schedule.get_loops(stage)
        kinds = [variable.iter_type for variable in schedule.get(stage).iter_vars]
        # there are fewer where some are of one step
        own = loops[-len(kinds) :] if len(loops) >= len(kinds) else []
        reduced = [loop for loop, kind in zip(own, kinds, strict=False) if kind == _REDUCED]
        if reduced:
            _attempt(schedule.decompose_reduction, stage, reduced[0])
    return schedule.mod["main"], single


_REDUCED = tirx.IterVar.CommReduce


def _attempt(change: Any, *arguments: Any) -> bool:
    """A change of a schedule, where TVM finds it possible; whether it did."""
    try:
        change(*arguments)
    except s_tir.ScheduleError:
        return False
    return True


def _written(schedule: Any, stage: Any) -> Any:
    (region,) = schedule.get(stage).writes
    return region.source


def _loop_for(schedule: Any, stage: Any) -> Any:
    """The loop of the only reader in which one element is needed and never again; None where there is no such one."""
    readers = schedule.get_consumers(stage)
    if len(readers) != 1:
        return None
    written, reader, loops = _written(schedule, stage), schedule.get(readers[0]), schedule.get_loops(readers[0])
    regions = [region.region for region in reader.reads if region.source.same_as(written)]
    if len(regions) != 1 or len(loops) != len(reader.iter_vars) or any(int(one.extent) != 1 for one in regions[0]):
        return None
    used = [variable for one in regions[0] for variable in undefined_vars(one.min)]
    # loops of one step don't matter; of the others the outer ones choose the element, the inner ones don't
    steps = [(loop, one.var) for loop, one in zip(loops, reader.iter_vars, strict=True) if int(one.dom.extent) > 1]
    choosing = [any(variable.same_as(other) for other in used) for _, variable in steps]
    count = sum(choosing)
    return steps[count - 1][0] if count and all(choosing[:count]) else None


def _kernel(scope: Scope, function: Any, single: Container[str]) -> Kernel:
    """With an output of that name, and all that is in memory from stage to stage as a part of the scratch."""
    *parameters, written = function.params
    root = function.body.block
    output = tirx.decl_buffer(list(written.ty.shape), written.dtype, "output")
    kept = [buffer for buffer in root.alloc_buffers if buffer.name not in single]
    *places, total_bytes = accumulate((aligned(_bytes(buffer), _ALIGNMENT) for buffer in kept), initial=0)
    scratch = tirx.decl_buffer((total_bytes,), "int8", "scratch")
    # views of both, by the names that the body has
    declared = [tirx.DeclBuffer(written, data=output.data)]
    for buffer, offset in zip(kept, places, strict=True):
        declared.append(tirx.DeclBuffer(buffer, data=tirx.handle_add_byte_offset(scratch.data, offset)))
    local = [buffer for buffer in root.alloc_buffers if buffer.name in single]
    block = SBlock([], [], [], "root", tirx.SeqStmt([*declared, root.body]), None, local)
    parameters += [output, scratch] if kept else [output]
    whole = tirx.PrimFunc(parameters, SBlockRealize([], True, block), attrs=function.attrs)
    counted: list[tuple[Role, int]] = [("input", len(scope.inputs)), ("constant", len(scope.constants))]
    roles: list[Role] = [*(role for role, count in counted for _ in range(count)), "output", "scratch"]
    described = tuple(_parameter(*pair) for pair in zip(parameters, roles, strict=False))
    constants = {variable.name: array for variable, array in scope.constants}
    return Kernel(whole, described, lambda weights: constants, ("math.h",))


def _parameter(buffer: Any, role: Role) -> Parameter:
    dtype = str(buffer.dtype)
    alignment = _ALIGNMENT if role == "scratch" else np.dtype(dtype).itemsize
    return Parameter(buffer.name, role, dtype, tuple(map(int, buffer.ty.shape)), alignment)


def _bytes(buffer: Any) -> int:
    return math.prod(map(int, buffer.ty.shape)) * np.dtype(str(buffer.dtype)).itemsize
