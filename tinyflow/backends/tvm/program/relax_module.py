"""A program as a Relax module of calls to its TIR functions, for TVM's own storage plan."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
import tvm
from tvm import relax, tirx

from tinyflow.backends.tvm.frontend.layers import Value
from tinyflow.backends.tvm.kernels.kernel import WRITTEN_ROLES, Kernel
from tinyflow.backends.tvm.program.operations import Operand, Program, Step


def build(program: Program, *, has_scratch: bool = True) -> Any:
    """The IRModule: `main` takes and gives whole buffers as the kernels have them, state among them.

    Scratch is one more result of a call; without `has_scratch` one more input of `main`: nothing is planned for it.
    """
    builder = relax.BlockBuilder()
    known: dict[Value, Any] = {}
    for value in (*program.inputs, *program.initial):
        known[value] = relax.Var(value.name, relax.TensorType((value.elements,), value.dtype))
    aside = {} if has_scratch else _scratch(program)
    with builder.function("main", [*known.values(), *aside.values()]):
        with builder.dataflow():
            functions = {n: builder.add_func(_function(k, has_scratch), n) for n, k in program.functions.items()}
            for step in program.steps:
                known[step.output] = _call(builder, functions[step.function], step, program.constants, known, aside)
            changed = [value for value in program.initial if any(step.output is value for step in program.steps)]
            results = [builder.emit_output(known[value]) for value in (*program.outputs, *changed)]
        builder.emit_func_output(results[0] if len(results) == 1 else results)
    return builder.get()


def _function(kernel: Kernel, has_scratch: bool) -> Any:
    """The kernel's function; without `has_scratch`, scratch comes before the output, as inputs do in Relax."""
    function = kernel.function
    if has_scratch or kernel.parameters[-1].role != "scratch":
        return function
    *others, output, scratch = function.params
    return tirx.PrimFunc([*others, scratch, output], function.body, attrs=function.attrs)


def _scratch(program: Program) -> dict[str, Any]:
    """A variable for the scratch of each function that has some."""
    return {
        name: relax.Var(f"{name}_scratch", relax.TensorType(parameter.shape, parameter.dtype))
        for name, kernel in program.functions.items()
        for parameter in kernel.parameters
        if parameter.role == "scratch"
    }


def _call(
    builder: Any,
    function: Any,
    step: Step,
    constants: Mapping[str, Any],
    known: Mapping[Value, Any],
    aside: Mapping[str, Any],
) -> Any:
    """One call_tir; operands take the shapes of the function's buffers."""
    inputs = iter(step.inputs)
    operands, results = [], []
    for parameter in step.kernel.parameters:
        if parameter.role in ("input", "state"):
            operands.append(builder.emit(relax.op.reshape(known[next(inputs)], parameter.shape)))
        elif parameter.role == "constant":
            array = constants[step.constants[parameter.name]].reshape(parameter.shape)
            operands.append(relax.const(array, parameter.dtype))
        elif parameter.role == "scratch" and aside:
            operands.append(aside[step.function])
        else:
            results.append(relax.TensorType(parameter.shape, parameter.dtype))
    called = builder.emit(relax.call_tir(function, operands, out_ty=results[0] if len(results) == 1 else results))
    return called if len(results) == 1 else builder.emit(relax.TupleGetItem(called, 0))


def plan_storage(program: Program, *, has_scratch: bool = True) -> tuple[dict[Operand, int], list[int]]:
    """TVM's own storage plan, which reuses whole blocks: the block of each operand, and the bytes of every block.

    TVM leaves out the outputs: a caller owns them, as it owns the inputs. Without `has_scratch`, scratch has no block.
    """
    main = _planned(program, has_scratch)
    index: dict[Any, int] = {}
    sizes: list[int] = []
    block_of: dict[Any, int] = {}
    calls: list[Any] = []
    for binding in _bindings(main):
        operator = getattr(binding.value, "op", None)
        arguments: Any = getattr(binding.value, "args", ())
        if isinstance(operator, tvm.ir.GlobalVar):
            calls.append(arguments)
        elif getattr(operator, "name", "") == "relax.memory.alloc_storage":
            index[binding.var] = len(sizes)
            sizes.append(int(arguments[0].values[0]))
        elif getattr(operator, "name", "") == "relax.memory.alloc_tensor":
            block_of[binding.var] = index[arguments[0]]
    return _blocks_of_operands(program, calls, block_of, has_scratch), sizes


def _planned(program: Program, has_scratch: bool) -> Any:
    """`main` after TVM's passes: calls that write to tensors in storages which they share."""
    passes = [
        relax.transform.ToNonDataflow(),
        relax.transform.CallTIRRewrite(),
        relax.transform.StaticPlanBlockMemory(),
    ]
    return tvm.ir.transform.Sequential(passes)(build(program, has_scratch=has_scratch))["main"]


def _bindings(main: Any) -> Iterator[Any]:
    return (binding for block in main.body.blocks for binding in block.bindings)


def document(program: Program) -> dict[str, Any]:
    """`main` after TVM's passes as a graph, in the form of `model.summary`: a call of a function is an operator.

    `layer` is the model's operator that it computes, `scratch_bytes` what it has besides, `storage` of a tensor the
    block that TVM's plan puts it into, which others share; none where a caller has it.
    """
    main = _planned(program, has_scratch=False)
    tensors, operators = list[dict[str, Any]](), list[dict[str, Any]]()
    known: dict[Any, int] = {}  # by variables, those that are another's shape or name as well
    storages: dict[Any, int] = {}

    def add(name: str, shape: Sequence[Any], dtype: Any, *, constant: bool = False, **more: Any) -> int:
        sizes = [int(size) for size in shape]
        facts = {"index": len(tensors), "name": name, "shape": sizes, "dtype": str(dtype), "constant": constant}
        tensors.append({**facts, "bytes": math.prod(sizes) * np.dtype(str(dtype)).itemsize, **more})
        return len(tensors) - 1

    own = main.params[: len(program.inputs) + len(program.initial)]  # behind them is scratch
    known.update((one, add(one.name, one.ty.shape, one.ty.dtype)) for one in own)
    steps = iter(program.steps)
    for binding in _bindings(main):
        value, variable = binding.value, binding.var
        operator: Any = getattr(value, "op", None)
        arguments: Any = getattr(value, "args", ())
        name = getattr(operator, "name", "")
        if isinstance(operator, tvm.ir.GlobalVar):
            step, read, made = next(steps), arguments[:-1], arguments[-1]
            inputs = [
                known[one] if one in known else add("", one.ty.shape, one.ty.dtype, constant=True)
                for one in read
                if one in known or not isinstance(one, relax.Var)
            ]
            scratch = sum(one.size_bytes for one in step.kernel.parameters if one.role == "scratch")
            facts = {"index": len(operators), "name": step.function, "inputs": inputs, "outputs": [known[made]]}
            operators.append({**facts, "layer": step.operator, **({"scratch_bytes": scratch} if scratch else {})})
        elif name == "relax.memory.alloc_storage":
            storages[variable] = len(storages)
        elif name == "relax.memory.alloc_tensor":
            known[variable] = add("", variable.ty.shape, variable.ty.dtype, storage=storages[arguments[0]])
        elif name == "relax.builtin.alloc_tensor":
            known[variable] = add("", variable.ty.shape, variable.ty.dtype)
        elif (source := arguments[0] if name == "relax.reshape" else value) in known:
            known[variable] = known[source]
    results = getattr(main.body.body, "fields", None) or [main.body.body]
    outputs = [known[one] for one in results[: len(program.outputs)]]
    inputs = [known[one] for one in main.params[: len(program.inputs)]]
    return {"inputs": inputs, "outputs": outputs, "operators": operators, "tensors": tensors}


def _blocks_of_operands(
    program: Program, calls: list[Any], block_of: Mapping[Any, int], has_scratch: bool
) -> dict[Operand, int]:
    """The blocks that the program's calls were given to write to."""
    found: dict[Operand, int] = {}
    for i, (step, arguments) in enumerate(zip(program.steps, calls, strict=True)):
        # results come last, in the order of the parameters; scratch is one of them, or an input that has no block
        written = [operand for operand, parameter in step.operands(i) if parameter.role in WRITTEN_ROLES]
        results = written if has_scratch else written[:1]
        for operand, argument in zip(results, arguments[-len(results) :], strict=True):
            if argument in block_of and operand not in program.initial:
                found[operand] = block_of[argument]
    return found
