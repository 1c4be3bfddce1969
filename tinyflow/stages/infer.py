"""Infer: what a bench's firmware computes of inputs that somebody gives; nothing is compared or counted."""

from __future__ import annotations

from tinyflow.core.action import Workspace
from tinyflow.model.plan_document import PlanDocument
from tinyflow.stages.run import call, rows_of, split, write_inputs
from tinyflow.targets.protocol import open_machine


def infer(workspace: Workspace) -> None:
    """Make `outputs.bin` of `firmware.elf`, or of `model.tflite` where an interpreter runs that, and `given.bin`.

    Both files hold all tensors of every sample, one behind the other. To a model with state all are one sequence.
    Parameters: `target`, `limit_instructions` (of one call). Raises RunError and Timeout.
    """
    plan = PlanDocument.read(workspace.inputs["plan.json"])
    limit, content = workspace.parameters["limit_instructions"], workspace.inputs["given.bin"].read_bytes()
    count = len(content) // sum(port.bytes for port in plan.inputs)
    given = split(content, [{"bytes": port.bytes} for port in plan.inputs], count)
    if not given:
        workspace.outputs["outputs.bin"].touch()
        return
    machine = open_machine(workspace.parameters["target"], workspace.inputs)
    try:
        machine.load(workspace.inputs.get("firmware.elf") or workspace.inputs["model.tflite"])
        for symbol in filter(None, (plan.setup, plan.reset)):
            call(machine, symbol, limit)
        with workspace.outputs["outputs.bin"].open("wb") as outputs:
            for sample in given:
                write_inputs(machine, plan, sample)
                for function, row in rows_of(plan, sample):
                    call(machine, function, limit, row)
                call(machine, plan.invoke, limit)
                outputs.writelines(machine.read(port.symbol, port.bytes) for port in plan.outputs)
    finally:
        machine.close()
