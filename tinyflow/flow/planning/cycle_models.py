"""Which recipes a target's cycles are estimated by, or why they aren't; so whether kernels are chosen by them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from tinyflow.core.action import JSON, Output, Tool
from tinyflow.core.errors import UsageError
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import ResolvedBench, processor_of, whole_core
from tinyflow.recipes.schema import Core, Target
from tinyflow.targets.protocol import Capabilities, capabilities

PROFILE_TOOLS = (Tool("package", "capstone"),)


def cycle_model(catalogue: Catalogue, target: Target) -> Mapping[str, JSON] | None:
    """`core` and `flash_timing` as parameters of the stage `profile`, or None: see `no_cycles`."""
    if no_cycles(catalogue, target):
        return None
    core = whole_core(catalogue, catalogue.get(Core, target.cpu))
    rules = {name: value for name, value in asdict(core).items() if name not in ("description", "source", "extends")}
    if core.cycles_per_instruction is not None:
        return {"core": rules}
    assert target.flash_timing is not None
    rules |= {"error_percent": error_percent(catalogue, target)}
    if target.flash_timing.error_percent is not None:
        rules |= {"evidence": "none"}
    timing = {
        name: value for name, value in asdict(target.flash_timing).items() if name not in ("source", "error_percent")
    }
    return {"core": rules, "flash_timing": timing}


def error_percent(catalogue: Catalogue, target: Target) -> float:
    """By how much the cycles of a target may be off: the flash's word, else the core's."""
    own = target.flash_timing.error_percent if target.flash_timing is not None else None
    return catalogue.get(Core, target.cpu).error_percent if own is None else own


def capabilities_of(catalogue: Catalogue, target: Target) -> Capabilities:
    """What runs a target can do. RecipeError, at its line, where that can't run its processor."""
    try:
        return capabilities(target.seen(processor_of(catalogue, target)))
    except UsageError as error:
        catalogue.refuse(Target, target.name, ["cpu"], error.what, error.hint)


def no_cycles(catalogue: Catalogue, target: Target) -> str:
    """Why no cycles are estimated for a target; empty where they are."""
    module = target.implementation
    if target.gdb is not None or target.ssh is not None or target.monitor is not None:
        return f"{target.name} is a board: what its own counter says is under `cycles`, if it has one"
    if target.memory and module and capabilities_of(catalogue, target).trace is None:
        return f"{target.name} isn't run by the built-in simulator"
    if not catalogue.has(Core, target.cpu):
        return f"there is no model of {target.cpu}'s cycles: recipes/cores/{target.cpu}.yaml would be one"
    if catalogue.get(Core, target.cpu).cycles_per_instruction is None and target.flash_timing is None:
        return f'{target.name} doesn\'t say how it waits for its flash: "flash_timing" in its recipe'
    return ""


def trace_inputs(machine: Mapping[str, Any], model: Mapping[str, JSON]) -> Mapping[str, Output]:
    """What following a call for its cycles needs besides the firmware."""
    return (capabilities(machine).trace or {}) if model.get("flash_timing") is not None else {}


def objective_of(catalogue: Catalogue, resolved: ResolvedBench) -> str:
    """What kernels are chosen by: `+goal`; else cycles where they are estimated, instructions where not.

    UsageError for a goal that can't be measured, or that nothing would be chosen by.
    """
    goal, target, why = resolved.settings.goal, resolved.target, no_cycles(catalogue, resolved.target)
    if goal is None:
        return "instructions" if why else "cycles"
    if goal == "cycles" and why:
        known = [name for name in catalogue.names(Target) if not no_cycles(catalogue, catalogue.get(Target, name))]
        hint = f"+goal.instructions, or a target whose cycles are estimated: {', '.join(sorted(known))}"
        resolved.bench.refuse(f"{target.name} has no cycles to choose kernels by: {why}", at="+goal", hint=hint)
    if resolved.backend.tuning is not None and resolved.settings.tuning is None and goal != "cycles":
        what = f"{resolved.backend.name} chooses kernels by {goal} where it is tuned"
        resolved.bench.refuse(what, at="+goal", hint="add +tuned or +tune.16")
    return goal


def power_of(target: Target) -> dict[str, JSON]:
    """`power` as a parameter of the stage `report`, where the target has it."""
    power = target.power
    return {} if power is None else {"power": {"current_a": power.current_a, "supply_v": power.supply_v}}
