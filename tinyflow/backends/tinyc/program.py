"""From a network to one program: subgraphs where they are called, variables as tensors that stay."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from tinyflow.backends.programs.steps import ASIDE, REMEMBERED, Mark, MarkKind, Operand, Program, Step
from tinyflow.backends.refusals import Unsupported
from tinyflow.backends.tinyc.own_kernels import OwnKernel, lower_with
from tinyflow.backends.tinynn.choice import plain
from tinyflow.model import variables
from tinyflow.model.graph import Graph, Operator, Tensor, unused_name
from tinyflow.model.operators import describe
from tinyflow.model.transforms.tidy.padding import fold_any_padding

# each has tensors and code of its own, and a file can ask for billions
_MOST_CALLS = 1 << 8


def lower(graph: Graph, variant: str, own: Sequence[OwnKernel] = ()) -> Program:
    """The program of a network whose operators all have a lowering; `own`: a user's kernels, asked first.

    Raises Unsupported for hundreds of calls.
    """
    return _Lowering(graph, variant, own).program()


class _Lowering:
    """A network on its way. What a subgraph has gets a number of its own for each call, behind the network's own."""

    def __init__(self, graph: Graph, variant: str, own: Sequence[OwnKernel]) -> None:
        self._graph, self._variant, self._own = graph, variant, own
        self._tensors = list(graph.tensors)
        self._names = {tensor.name for tensor in graph.tensors}
        self._steps: list[Step | Mark] = []
        self._calls = 0
        self._caller: int | None = None  # of the network itself
        # variables, by subgraph and tensor, and resource variables → their tensors → what each byte is at first
        self._variables: dict[object, int] = {}
        self._initial: dict[int, int] = {}
        for tensor in graph.tensors:
            if tensor.is_variable:
                self._keep((0, tensor.index), tensor.index)
        for key, tensor in graph.resources.items():
            self._keep(key, self._add(replace(tensor, name=key[1], data=None, is_variable=True)))
        self._shares = {index: self._variables[key] for index, key in variables.in_place(graph).items()}

    def program(self) -> Program:
        """All of it."""
        self._body(self._graph, {tensor.index: tensor.index for tensor in self._graph.tensors})
        steps, self._steps = self._steps, []
        for operator in self._graph.operators:
            if operator.name == "CALL_ONCE":
                self._caller = operator.index
                self._call(operator.calls[0], [])
        return Program(self._graph, tuple(steps), self._shares, tuple(self._tensors), tuple(self._steps), self._initial)

    def _add(self, tensor: Tensor) -> int:
        name = unused_name(tensor.name, self._names)
        self._names.add(name)
        self._tensors.append(replace(tensor, index=len(self._tensors), name=name))
        return len(self._tensors) - 1

    def _keep(self, key: object, index: int) -> None:
        self._variables[key] = index
        self._initial[index] = variables.initial_byte(self._tensors[index])

    def _owner(self, tensor: int) -> int:
        return self._shares.get(tensor, tensor)

    def _body(self, part: Graph, new: Mapping[int, int]) -> None:
        """The steps of one graph; `new`: its tensors → those of the program."""
        for operator in fold_any_padding(part).operators:
            if operator.name in ("READ_VARIABLE", "ASSIGN_VARIABLE"):
                variable = self._variables[part.handles[operator.inputs[0]]]
                other = new[(*operator.inputs[1:], *operator.outputs)[0]]
                pair = (variable, other) if operator.name == "READ_VARIABLE" else (other, variable)
                self._copy(operator, *pair)
            elif operator.name == "IF":
                self._if(operator, new)
            elif operator.name == "WHILE":
                self._while(operator, new)
            elif describe(operator.name).is_view and not self._must_copy(operator, new):
                self._shares[new[operator.outputs[0]]] = self._owner(new[operator.inputs[0]])
            else:
                for step in lower_with(self._own, part, operator, self._variant):
                    if step.remembered_bytes:
                        new = {**new, REMEMBERED: self._remembered(part, operator, step.remembered_bytes)}
                    if step.output.tensor == ASIDE:
                        name = f"{part.tensors[operator.outputs[0]].name} aside"
                        new = {**new, ASIDE: self._add(Tensor(0, name, (step.aside_bytes,), "uint8"))}
                    inputs = tuple(replace(operand, tensor=new[operand.tensor]) for operand in step.inputs)
                    output = replace(step.output, tensor=new[step.output.tensor])
                    self._steps.append(replace(step, operator=self._place(operator), inputs=inputs, output=output))

    def _remembered(self, part: Graph, operator: Operator, size_bytes: int) -> int:
        """The variable that an operator has for itself, one for all its calls."""
        key, name = (id(part), operator.index), f"{part.tensors[operator.outputs[0]].name} remembered"
        if key not in self._variables:
            self._keep(key, self._add(Tensor(0, name, (size_bytes,), "uint8", is_variable=True)))
        return self._variables[key]

    def _place(self, operator: Operator) -> int:
        """The operator of the network that a step belongs to."""
        return operator.index if self._caller is None else self._caller

    def _must_copy(self, operator: Operator, new: Mapping[int, int]) -> bool:
        """Whether a constant becomes an output of the network, which must lie in RAM."""
        source = self._tensors[self._owner(new[operator.inputs[0]])]
        return source.is_constant and new[operator.outputs[0]] in self._graph.outputs

    def _copy(self, operator: Operator, source: int, target: int) -> None:
        """A step, where both don't lie in the same place anyway."""
        if self._owner(source) != self._owner(target):
            call = plain(self._variant, "copy", {"bytes": self._tensors[target].size_bytes})
            self._steps.append(Step(self._place(operator), call, (Operand(source),), Operand(target)))

    def _mark(self, operator: Operator, kind: MarkKind, reads: Sequence[int] = ()) -> None:
        self._steps.append(Mark(self._place(operator), kind, tuple(map(Operand, reads))))

    def _call(self, number: int, given: Sequence[int]) -> list[int]:
        """The steps of a subgraph; what it is given are tensors of the program, as is what it gives."""
        self._calls += 1
        if self._calls > _MOST_CALLS:
            raise Unsupported(f"more than {_MOST_CALLS} calls of subgraphs are not supported", "call fewer subgraphs")
        part = self._graph.graphs[number]
        new = dict(zip(part.inputs, given, strict=True))
        for tensor in part.tensors:
            key = (number, tensor.index)
            if tensor.is_variable and key not in self._variables:
                self._keep(key, self._add(tensor))
            if tensor.index not in new:
                new[tensor.index] = self._variables[key] if tensor.is_variable else self._add(tensor)
        self._body(part, new)
        return [new[index] for index in part.outputs]

    def _if(self, operator: Operator, new: Mapping[int, int]) -> None:
        condition, *given = (new[index] for index in operator.inputs)
        is_outermost, self._caller = self._caller is None, self._place(operator)
        for number, is_first in zip(operator.calls, (True, False), strict=True):
            self._mark(operator, *(("if", [condition]) if is_first else ("else",)))
            for result, output in zip(self._call(number, given), operator.outputs, strict=True):
                self._copy(operator, result, new[output])
        self._mark(operator, "end")
        self._caller = None if is_outermost else self._caller

    def _while(self, operator: Operator, new: Mapping[int, int]) -> None:
        """Its outputs are what the loop reads and writes."""
        turning = [new[index] for index in operator.outputs]
        is_outermost, self._caller = self._caller is None, self._place(operator)
        condition, body = operator.calls
        for source, target in zip(operator.inputs, turning, strict=True):
            self._copy(operator, new[source], target)
        self._mark(operator, "loop")
        self._mark(operator, "leave", self._call(condition, turning))
        results = self._call(body, turning)
        for position, result in enumerate(results):
            # what only changes places is put aside, before others overwrite it
            if self._owner(result) in turning and self._owner(result) != turning[position]:
                results[position] = self._add(self._tensors[turning[position]])
                self._copy(operator, result, results[position])
        for result, target in zip(results, turning, strict=True):
            self._copy(operator, result, target)
        self._mark(operator, "end", turning)
        self._caller = None if is_outermost else self._caller
