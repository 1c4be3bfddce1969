"""Somebody's own kernels in place of tinynn's, for the layers that their recipe says they compute.

An own kernel gets the struct of the tinynn function whose place it takes, with weights packed as that one wants them:
there is one description of every layout. A runtime's recipe says which (`Runtime.kernels`).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tinyflow.backends.arrays import Constant
from tinyflow.backends.programs.steps import Program, Step
from tinyflow.backends.tinyc.lowering import lower_operator
from tinyflow.backends.tinynn.calls import Call, Field
from tinyflow.backends.tinynn.kernels import KERNELS
from tinyflow.core.errors import RecipeError, UsageError
from tinyflow.model.graph import Graph, Operator
from tinyflow.model.operators.forms import activations
from tinyflow.model.weighted import Weighted, symmetric
from tinyflow.recipes.suggest import hint_for
from tinyflow.report import expressions

_APART = ("conv2d", "depthwise", "fully_connected")
_PACKED = "packed."


@dataclass(frozen=True)
class OwnKernel:
    """One entry of a runtime's `kernels`, see there."""

    operator: str
    function: str
    weights: str = "as_is"
    channels: str = "records"
    scratch: str | Mapping[str, str] | None = None
    when: str = "True"
    walk: str = "all"

    @property
    def replaced(self) -> str:
        """The function of tinynn whose constants it gets."""
        is_as_it_is = self.weights == "as_is"
        return f"tinynn_{f'{self.operator}_ref' if is_as_it_is else self.weights.removeprefix(_PACKED)}"

    @property
    def sized_by(self) -> str:
        """The function that tells its scratch, if one does."""
        return self.scratch["function"] if isinstance(self.scratch, Mapping) else ""

    def complaint(self, header: str) -> tuple[str, str, str] | None:
        """The key that is wrong, why, and a hint. `header` is the text of tinynn.h."""
        functions = {kernel.function: kernel for kernel in KERNELS}
        operators = {kernel.function.removesuffix("_ref") for kernel in KERNELS if kernel.variant == "ref"}
        names = sorted(name.removeprefix("tinynn_") for name in operators)
        if self.operator not in names:
            return "operator", f'no operator "{self.operator}"', hint_for(self.operator, names, "operators")
        kernel = functions.get(self.replaced)
        if kernel is None or (kernel.function != f"tinynn_{self.operator}_ref" and kernel.operator != self.operator):
            packed = sorted(k.function.removeprefix("tinynn_") for k in KERNELS if k.operator == self.operator)
            hint = f"as_is, or one of {', '.join(f'{_PACKED}{name}' for name in packed)}"
            return "weights", f'nothing packs weights of {self.operator} as "{self.weights}"', hint
        if self.channels == "apart" and (self.operator not in _APART or self.weights != "as_is"):
            return "channels", "channels are apart beside weights as_is only", f"operators: {', '.join(_APART)}"
        numbers = sorted(_members(header, f"tinynn_{kernel.struct}"))
        for key in ("when", *(() if self.sized_by else ("scratch",))):
            try:
                expressions.parse(str(getattr(self, key) or 0), numbers)
            except UsageError as error:
                return key, error.what, error.hint
        return None


def own_kernels(options: Mapping[str, Any]) -> tuple[OwnKernel, ...]:
    """Those of option `own_kernels` that option `own` lets in: `all`, or of one operator."""
    every = tuple(OwnKernel(**one) for one in options.get("own_kernels", ()))
    wanted = options.get("own", "all")
    found = tuple(one for one in every if wanted in ("all", one.operator))
    if not found and (every or wanted != "all"):
        hint = f"own kernels that are linked: {', '.join(sorted({one.operator for one in every})) or 'none'}"
        raise RecipeError(f'no own kernel for "{wanted}"', hint=hint)
    return found


def calls_to_size(program: Program) -> dict[str, Step]:
    """The steps whose scratch a function tells, by their numbers in the program."""
    numbered = enumerate((*program.steps, *program.once))
    return {str(number): step for number, step in numbered if isinstance(step, Step) and step.call.sized_by}


def with_scratch(program: Program, sizes: Mapping[str, int]) -> Program:
    """The program with the bytes that functions have told of its steps, by their numbers."""
    new = {
        id(step): replace(step, call=replace(step.call, scratch_bytes=sizes[number]))
        for number, step in calls_to_size(program).items()
    }
    steps = tuple(new.get(id(step), step) for step in program.steps)
    return replace(program, steps=steps, once=tuple(new.get(id(step), step) for step in program.once))


def lower_with(own: Sequence[OwnKernel], graph: Graph, operator: Operator, variant: str) -> list[Step]:
    """The calls for one operator: of the first own kernel that computes it, with notes on why others don't."""
    notes: list[str] = []
    for kernel in own:
        step = _step(kernel, graph, operator, notes)
        if step is not None:
            return [step]
    steps = lower_operator(graph, operator, variant)
    noted = replace(steps[0].call, notes=(*notes, *steps[0].call.notes)) if steps and notes else None
    return steps if noted is None else [replace(steps[0], call=noted), *steps[1:]]


def _step(kernel: OwnKernel, graph: Graph, operator: Operator, notes: list[str]) -> Step | None:
    """Its call, or None; then a note, where it is a kernel for such operators."""
    of_replaced = next(one for one in KERNELS if one.function == kernel.replaced)
    steps = lower_operator(graph, operator, of_replaced.variant)
    if len(steps) != 1 or any(tensor.dtype != "int8" for tensor in activations(graph, operator)):
        return None
    offered = [steps[0].call, *steps[0].call.faster]
    call = next((one for one in offered if one.function == kernel.replaced), None)
    if call is None:
        if steps[0].call.struct == f"tinynn_{of_replaced.struct}":
            notes.append(f"not {kernel.function}: its constants are not those of {kernel.replaced}")
        return None
    numbers = dict(_numbers(call.fields))
    if not _value(kernel, "when", numbers):
        notes.append(f"not {kernel.function}: {kernel.when} is false")
        return None
    size = 0 if kernel.scratch is None or kernel.sized_by else int(_value(kernel, "scratch", numbers))
    fields, struct = call.fields, call.struct
    if kernel.channels == "apart":
        fields, struct = _apart(kernel.operator, call, symmetric(graph, operator)), f"{struct}_apart"
    shape = replace(of_replaced, walk=kernel.walk, in_place=())  # type: ignore[arg-type]
    called = Call(
        kernel.function,
        struct,
        fields,
        takes_scratch=kernel.scratch is not None,
        scratch_bytes=max(0, size),
        overlaps=shape.overlaps(numbers) if kernel.walk != "all" else {},
        notes=tuple(notes),
        is_own=True,
        sized_by=kernel.sized_by,
    )
    return replace(steps[0], call=called)


def _members(header: str, struct: str) -> Iterator[str]:
    """The names of a struct's numbers, also of those in structs within it."""
    found = re.search(rf"^struct {struct} {{\n(.*?)^}};", header, re.MULTILINE | re.DOTALL)
    for kind, inner, names in (
        re.findall(r"^ +(?:(u?int\d+_t|float)|struct (\w+)) ([\w, ]+);", found[1], re.MULTILINE) if found else ()
    ):
        yield from names.split(", ") if kind else _members(header, inner)


def _numbers(fields: Mapping[str, Field]) -> Iterator[tuple[str, Any]]:
    for name, value in fields.items():
        if isinstance(value, Mapping):
            yield from _numbers(value)
        elif isinstance(value, (int, float)):
            yield name, value


def _value(kernel: OwnKernel, key: str, numbers: Mapping[str, Any]) -> Any:
    """Of an expression over the struct's numbers. Raises RecipeError for what is none."""
    try:
        return expressions.parse(str(getattr(kernel, key)), numbers).value(numbers)
    except UsageError as error:
        raise RecipeError(f"own kernel {kernel.function}: {key}: {error.what}", hint=error.hint) from error


def _apart(operator: str, call: Call, layer: Weighted) -> Mapping[str, Field]:
    """Biases, multipliers and shifts as arrays, as the model has them, as are the weights."""
    weights = np.ascontiguousarray(layer.weights.astype(np.int8))
    parts = (layer.bias, layer.rescaling.multipliers, layer.rescaling.shifts)
    arrays = {
        name: Constant(part.astype(np.int32).reshape(-1))
        for name, part in zip(("biases", "multipliers", "shifts"), parts, strict=True)
    }
    fields = {name: value for name, value in call.fields.items() if name != "channels"}
    zero_point = {} if "input_zero_point" in fields else {"input_zero_point": layer.input_zero_point}
    return {operator: {**fields, "weights": Constant(weights)}, **arrays, **zero_point}
