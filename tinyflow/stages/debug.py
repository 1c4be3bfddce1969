"""A bench's firmware as in stage `run`, up to where its first sample would be invoked. No action: nothing is made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from tinyflow.model.plan_document import PlanDocument
from tinyflow.stages.run import begin, read_samples
from tinyflow.targets.gdb_port import Stub
from tinyflow.targets.protocol import open_machine


@contextmanager
def stopped(parameters: Mapping[str, Any], inputs: Mapping[str, Path]) -> Iterator[tuple[str, Stub]]:
    """`parameters` and `inputs` of an action of stage `run`; the function that is about to run, and who answers for it.

    Raises RunError for firmware that doesn't get so far, and UsageError where its machine has no debugger.
    """
    plan = PlanDocument.read(inputs["plan.json"])
    sample = read_samples(inputs, plan).inputs[0]
    machine = open_machine(parameters["target"], inputs)
    try:
        machine.load(inputs["firmware.elf"])
        begin(machine, plan, sample, parameters["limit_instructions"])
        yield plan.invoke, machine.stopped_at(plan.invoke)
    finally:
        machine.close()
