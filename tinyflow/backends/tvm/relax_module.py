"""A program as a Relax module of calls to its TIR functions, for TVM's own storage plan."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tvm
from tvm import relax

from tinyflow.backends.tvm.expressions import Value
from tinyflow.backends.tvm.program import Operand, Program, Step


def build(program: Program) -> Any:
    """The IRModule: `main` takes and gives whole buffers as the kernels have them."""
    builder = relax.BlockBuilder()
    known: dict[Value, Any] = {}
    for value in program.inputs:
        known[value] = relax.Var(value.name, relax.TensorType((value.elements,), "int8"))
    with builder.function("main", [known[value] for value in program.inputs]):
        with builder.dataflow():
            functions = {n: builder.add_func(kernel.function, n) for n, kernel in program.functions.items()}
            for step in program.steps:
                known[step.output] = _call(builder, functions[step.function], step, known, program.constants)
            results = [builder.emit_output(known[value]) for value in program.outputs]
        builder.emit_func_output(results[0] if len(results) == 1 else results)
    return builder.get()


def _call(builder: Any, function: Any, step: Step, known: Mapping[Value, Any], constants: Mapping[str, Any]) -> Any:
    """One call_tir; operands take the shapes of the function's buffers."""
    shapes = [tuple(int(extent) for extent in buffer.ty.shape) for buffer in step.kernel.function.params]
    inputs = iter(step.inputs)
    operands, results = [], []
    for parameter, shape in zip(step.kernel.parameters, shapes, strict=True):
        if parameter.role == "input":
            operands.append(builder.emit(relax.op.reshape(known[next(inputs)], shape)))
        elif parameter.role == "constant":
            operands.append(relax.const(constants[step.constants[parameter.name]].reshape(shape)))
        else:
            results.append(relax.TensorType(shape, parameter.dtype))
    called = builder.emit(relax.call_tir(function, operands, out_ty=results[0] if len(results) == 1 else results))
    return called if len(results) == 1 else builder.emit(relax.TupleGetItem(called, 0))


def plan_storage(program: Program) -> tuple[dict[Operand, int], list[int]]:
    """TVM's own storage plan, which reuses whole blocks: the block of each operand, and the bytes of every block.

    TVM leaves out the outputs: a caller owns them, as it owns the inputs.
    """
    passes = [
        relax.transform.ToNonDataflow(),
        relax.transform.CallTIRRewrite(),
        relax.transform.StaticPlanBlockMemory(),
    ]
    main = tvm.ir.transform.Sequential(passes)(build(program))["main"]
    index: dict[Any, int] = {}
    sizes: list[int] = []
    block_of: dict[Any, int] = {}
    calls: list[Any] = []
    for binding in (binding for block in main.body.blocks for binding in block.bindings):
        operator = getattr(binding.value, "op", None)
        arguments: Any = getattr(binding.value, "args", ())
        if isinstance(operator, tvm.ir.GlobalVar):
            calls.append(arguments)
        elif getattr(operator, "name", "") == "relax.memory.alloc_storage":
            index[binding.var] = len(sizes)
            sizes.append(int(arguments[0].values[0]))
        elif getattr(operator, "name", "") == "relax.memory.alloc_tensor":
            block_of[binding.var] = index[arguments[0]]
    return _blocks_of_operands(program, calls, block_of), sizes


def _blocks_of_operands(program: Program, calls: list[Any], block_of: Mapping[Any, int]) -> dict[Operand, int]:
    """The blocks that the program's calls were given to write to."""
    found: dict[Operand, int] = {}
    for i, (step, arguments) in enumerate(zip(program.steps, calls, strict=True)):
        for parameter, argument in zip(step.kernel.parameters, arguments, strict=True):
            if parameter.role in ("output", "scratch") and argument in block_of:
                found[step.output if parameter.role == "output" else i] = block_of[argument]
    return found
