"""From bench names to actions: which stages a bench needs, with which inputs, parameters and tools. It runs nothing.

Work is shared by naming it: two benches that need the same action get the same object.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

from tinyflow.core.action import HOME, JSON, Action, Input, Output, SourceFile, in_order
from tinyflow.core.store import Store
from tinyflow.flow.planning.builds import Builds, place_of, target_facts
from tinyflow.flow.planning.cycle_models import PROFILE_TOOLS, cycle_model, no_cycles, power_of, trace_inputs
from tinyflow.flow.planning.generation import Generation, adapter_file, deployment, engine_tools
from tinyflow.flow.planning.models import READER_TOOLS, Known, Models
from tinyflow.flow.planning.options import check_options
from tinyflow.recipes.bench import Bench
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.mirrors import Mirrors
from tinyflow.recipes.resolve import ResolvedBench, resolve
from tinyflow.recipes.schema import Target
from tinyflow.recipes.suite import expand
from tinyflow.targets.protocol import capabilities

# what a run is given and held against
_COMPARED = ("inputs.bin", "reference.bin", "reference.json", "original.bin")
# of labelled samples in one action; of anomalies they are recordings, of MLPerf Tiny's 196 windows each
_PART = {"classification": 250, "anomaly": 10}
_SHORT_ID = 12  # of 50,000 tasks two have one name with a chance of 4 in a million


def task_name(action: Action) -> str:
    """What people and doit call an action: `<stage>:<short id>`."""
    return f"{action.stage}:{action.id[:_SHORT_ID]}"


class BenchPlan(NamedTuple):
    """The actions of one bench, in an order in which they can run; the last one makes its row."""

    name: str
    bench: Bench
    final: Action
    actions: tuple[Action, ...]


class Planner:
    """Plans benches of one catalogue; equal actions of several benches become one."""

    def __init__(self, catalogue: Catalogue, mirrors: Mirrors, store: Store, timeout_s: float | None = None) -> None:
        """`store` is only asked whether it has a model's file; `timeout_s` overrides those of all recipes."""
        self._catalogue = catalogue
        self._known = Known(timeout_s)
        self.models = Models(catalogue, mirrors, store, self._known)
        self._builds = Builds(catalogue, self._known)
        self._generation = Generation(catalogue, self._builds, self._known)

    def is_outdated_by(self, saved: Iterable[Path]) -> bool:
        """Whether one of these files includes others now than what was planned with."""
        return self._builds.includes.are_others(saved)

    def plan_suite(self, name: str) -> tuple[BenchPlan, ...]:
        """All benches of a suite. Raises UsageError and RecipeError."""
        return tuple(self.plan_bench(bench) for bench in expand(self._catalogue, name))

    def plan_bench(self, bench: Bench, last_layer: int | None = None) -> BenchPlan:
        """One bench, or only its layers up to `last_layer`. Raises UsageError and RecipeError."""
        resolved = check_options(resolve(bench, self._catalogue), self._catalogue)
        fetched = self.models.fetch(resolved.model, resolved.model_folder)
        whole = [fetched]
        if resolved.settings.quantised:
            source = fetched.output("model.tflite")
            whole.append(self.models.quantise(resolved.model, resolved.model_folder, source))
        if resolved.layer is not None or last_layer is not None:
            first, last = (0, last_layer) if resolved.layer is None else (resolved.layer, resolved.layer)
            assert last is not None
            whole.append(self.models.cut(resolved, whole[-1].output("model.tflite"), first, last))
        model = whole[-1].output("model.tflite")
        part_name = resolved.part_name if resolved.layer is not None else ""
        is_interpreted = resolved.backend.machine is not None
        converted = self.models.convert(
            resolved.model, resolved.model_folder, model, part_name, is_interpreted=is_interpreted
        )
        original = converted
        if resolved.backend.engine is not None and resolved.backend.engine.takes == "dequantised":
            converted = self._real_reference(resolved, model, part_name, original)
        transforms = self.models.transforms(resolved, model)
        model = (*whole, *transforms)[-1].output("model.tflite")
        tuned, records = self._generation.tune(resolved, model)
        lowered = self._generation.lower(resolved, model, records)
        generated = self._generation.generate(resolved, model, lowered, records)
        given = {name: converted.output(name) for name in ("inputs.bin", "reference.bin", "reference.json")}
        *found, generated = self._generation.measured(resolved, generated, given)
        made = [*whole, converted, original, *transforms, *tuned, *lowered, *found, generated]
        program = model
        layers: dict[str, Output] = {}
        if not is_interpreted:
            made.append(self.models.intermediates(resolved, converted, model))
            layers = {name: made[-1].output(name) for name in made[-1].outputs}
            made.append(self._builds.link(resolved, self._builds.compile_tree(resolved, generated.output("sources/"))))
            program = made[-1].output("firmware.elf")
        if original is not converted:
            given["original.bin"] = original.output("reference.bin")
        made.append(self._run(resolved, given, generated, program, layers))
        run = made[-1]
        made += self._estimate(resolved, run)
        if resolved.settings.accuracy is not None:
            made += self._accuracy(resolved, run, converted, fetched)
        if resolved.backend.is_deployed and not resolved.target.memory and not resolved.target.is_linux:
            made.append(self._known.add(deployment(resolved.backend, resolved.bench.name, generated, self._catalogue)))
        final = self._report(resolved, made)
        return BenchPlan(bench.name, bench, final, tuple(in_order([final]).values()))

    # Stages

    def _real_reference(self, resolved: ResolvedBench, model: Output, part_name: str, original: Action) -> Action:
        """What the dequantised model gives for the inputs of the model as it is."""
        inputs = {"model.tflite": model}
        title = f"dequantise {resolved.part_name}"
        real = self._known.isolated("dequantise", title, ("model.tflite",), inputs, tools=READER_TOOLS)
        given = {"inputs.bin": original.output("inputs.bin")}
        source = real.output("model.tflite")
        return self.models.convert(resolved.model, resolved.model_folder, source, part_name, given=given)

    def _run(
        self,
        resolved: ResolvedBench,
        given: Mapping[str, Output],
        generated: Action,
        program: Output,
        layers: Mapping[str, Output],
    ) -> Action:
        """Run `program`: the firmware, or the model where the backend brings a machine for it.

        `given` are its inputs and what it must give, `layers` is what its layers must compute.
        """
        target = resolved.target
        module = resolved.backend.machine or target.implementation
        seen = resolved.processor.seen_by(module) if resolved.backend.machine else target.seen(resolved.processor)
        machine = capabilities(seen)
        more, tools = machine.inputs, machine.tools
        used: dict[str, Input] = {}
        if resolved.backend.engine is not None:
            seen["limit_s"] = target.timeout_s / 2
            tools = (*tools, *engine_tools(resolved.backend))
            used = {name: generated.output(name) for name in ("sources/", "engine.json")}
            used["adapter.py"] = adapter_file(self._catalogue, resolved.backend)
        if resolved.settings.guard is not None:
            if machine.guard is None:
                what = f"nothing sees what is written on {target.name}"
                resolved.bench.refuse(
                    what, at="+guard", hint="take a target on the built-in simulator, such as stm32f7"
                )
            more = {**more, **machine.guard}
        return self._known.isolated(
            "run",
            f"run {resolved.bench.name}",
            ("run.json", "timing.json"),
            {
                program.name: program,
                "plan.json": generated.output("plan.json"),
                **given,
                **used,
                **layers,
                **self._made(more),
            },
            parameters={
                "target": {**target_facts(resolved), **seen},
                "tolerance": resolved.backend.tolerance,
                "limit_instructions": target.limit_instructions,
                **({} if resolved.settings.guard is None else {"guard": resolved.settings.guard}),
            },
            tools=tools,
            implementation=(module,),
            timeout_s=target.timeout_s,
            place=HOME if resolved.backend.engine is not None else "" if resolved.backend.machine else place_of(target),
        )

    def profile(self, plan: BenchPlan) -> Action:
        """What the instructions of a planned bench go into. UsageError where nothing counts them."""
        for action in plan.actions:
            if action.stage == "profile":
                return action
        run = run_of(plan)
        can = capabilities(run.parameters["target"])
        if can.trace is None and not can.counts_calls:
            plan.bench.refuse(
                f"nothing counts what single layers cost on {plan.bench.target}",
                at="target",
                hint="profile the bench on a simulated target, such as stm32f7, or on a board",
            )
        target = self._catalogue.get(Target, plan.bench.target)
        return self._profile(plan.name, run, {"no_cycles": no_cycles(self._catalogue, target)})

    def trace(self, plan: BenchPlan, cache: Mapping[str, JSON] | None) -> Action:
        """What a planned bench's first inference reads and writes, and how a cache would do."""
        run = run_of(plan)
        more = capabilities(run.parameters["target"]).accesses
        if more is None:
            plan.bench.refuse(
                f"only the built-in simulator sees every access; {plan.bench.target} isn't run by it",
                at="target",
                hint="trace the bench on a simulated target, such as stm32f7",
            )
        given = {name: run.parameters[name] for name in ("target", "limit_instructions")}
        return self._known.add(
            replace(
                run,
                stage="trace",
                title=f"trace {plan.name}",
                function="tinyflow.stages.trace:trace",
                outputs=("trace.json",),
                parameters={**given, **({} if cache is None else {"cache": cache})},
                inputs=_looked_at(run, self._made(more)),
            )
        )

    def infer(self, plan: BenchPlan, given: Path, count: int) -> Action:
        """What the firmware of a planned bench computes of a file's samples; the file's name tells its content."""
        return self._infer(run_of(plan), plan.name, SourceFile(given, given.name), count)

    def _infer(self, run: Action, name: str, given: Input, count: int) -> Action:
        return self._known.add(
            replace(
                run,
                stage="infer",
                title=f"infer {name}",
                function="tinyflow.stages.infer:infer",
                outputs=("outputs.bin",),
                parameters={each: run.parameters[each] for each in ("target", "limit_instructions")},
                inputs={
                    **{each: put for each, put in _looked_at(run, {}).items() if each not in _COMPARED},
                    "given.bin": given,
                },
                timeout_s=run.timeout_s * count,
            )
        )

    def _accuracy(self, resolved: ResolvedBench, run: Action, converted: Action, fetched: Action) -> Iterator[Action]:
        """How right a bench's firmware is; the last one tells it. Parts of the samples are actions of their own.

        A part is named by its content: what was computed of it is kept when the rest is stopped, or more is asked.
        """
        asked, count = resolved.model.accuracy, str(resolved.settings.accuracy)
        if asked is None or count == "0":
            where = "name them in the model's recipe: `accuracy: {data: …}` (docs/accuracy.md)"
            what = f"{resolved.model.name} has no labelled samples" if asked is None else "no samples are asked for"
            resolved.bench.refuse(what, at="+accuracy", hint=where)
        number = asked.count if count == "recipe" else int(count)
        part = _PART[asked.task]
        sources = {"reference": converted.inputs["model.tflite"]}
        if resolved.settings.quantised:
            sources["float"] = fetched.output("model.tflite")
        inputs: dict[str, Input] = {
            "reference.json": converted.output("reference.json"),
            "plan.json": run.inputs["plan.json"],
        }
        for side, source in sources.items():
            assert isinstance(source, Output), "models are made"
            given = self.models.labelled(resolved.model, resolved.model_folder, source, number, part)
            parts = [name for name in given.outputs if name not in ("labels.json", "real.bin")]
            for index, name in enumerate(parts, 1):
                which = f"part {index} of {len(parts)}"
                title = f"{resolved.model.name}, {side}, {which}"
                answered = self.models.answers(title, source, given.output(name), run.timeout_s * part)
                inputs[f"{side}/{name}"] = answered.output("outputs.bin")
                if side == "reference":
                    inferred = self._infer(run, f"{resolved.bench.name}, {which}", given.output(name), part)
                    inputs[f"firmware/{name}"] = inferred.output("outputs.bin")
            if side == "reference":
                inputs |= {name: given.output(name) for name in ("labels.json", "real.bin") if name in given.outputs}
        yield self._known.isolated(
            "accuracy",
            f"accuracy {resolved.bench.name}",
            ("accuracy.json",),
            inputs,
            parameters={"task": asked.task, "target": asked.target, "tolerance": resolved.backend.tolerance},
            tools=READER_TOOLS,
            timeout_s=resolved.model.timeout_s,
        )

    def choices(self, plan: BenchPlan, *, is_one: bool = False) -> Action:
        """What the backend of a planned bench can trade for memory, by its estimate; `is_one`: only what it has now."""
        generate = next(action for action in plan.actions if action.stage == "generate")
        parameters = {name: generate.parameters.get(name) for name in ("backend", "implementation", "options")}
        implementation = parameters["implementation"]
        if not isinstance(implementation, str) or not hasattr(import_module(implementation), "choices"):
            what = f"backend {plan.bench.backend} can't tell what memory it could do with"
            plan.bench.refuse(what, at="backend", hint="tinyc can")
        return self._known.isolated(
            "choices",
            f"choices {generate.title.partition(' ')[2]}",
            ("choices.json",),
            {"model.tflite": generate.inputs["model.tflite"]},
            parameters={**parameters, **({"is_one": True} if is_one else {})},
            tools=generate.tools,
            implementation=generate.implementation,
            timeout_s=generate.timeout_s,
        )

    def _estimate(self, resolved: ResolvedBench, run: Action) -> list[Action]:
        """The profile that a bench's cycles are from, where there is a model of its chip."""
        model = cycle_model(self._catalogue, resolved.target)
        if model is None or capabilities(run.parameters["target"]).trace is None:
            return []
        return [self._profile(resolved.bench.name, run, model)]

    def _profile(self, bench: str, run: Action, model: Mapping[str, JSON]) -> Action:
        more = trace_inputs(run.parameters["target"], model)
        return self._known.add(
            replace(
                run,
                stage="profile",
                title=f"profile {bench}",
                function="tinyflow.stages.profile:profile",
                outputs=("profile.json",),
                parameters={**{name: run.parameters[name] for name in ("target", "limit_instructions")}, **model},
                inputs=_looked_at(run, self._made(more)),
                tools=(*run.tools, *PROFILE_TOOLS),
            )
        )

    def _made(self, outputs: Mapping[str, Output]) -> dict[str, Output]:
        """The same, of actions that other benches share."""
        return {name: self._known.add(made.action).output(made.name) for name, made in outputs.items()}

    def _report(self, resolved: ResolvedBench, made: Iterable[Action]) -> Action:
        bench = resolved.bench
        is_chip = resolved.backend.machine is None and resolved.target.memory
        why = no_cycles(self._catalogue, resolved.target) if is_chip else ""
        documents = (
            "origin",
            "graph",
            "quantise",
            "tidy",
            "shrink",
            "patch",
            "plan",
            "sizes",
            "run",
            "timing",
            "profile",
            "accuracy",
            "deployment",
        )
        wanted = tuple(f"{name}.json" for name in documents)
        return self._known.add(
            Action(
                stage="report",
                title=f"report {bench.name}",
                function="tinyflow.stages.report:report",
                outputs=("row.json",),
                parameters={
                    "bench": bench.name,
                    "model": bench.model_name,
                    "backend": bench.backend,
                    "target": bench.target,
                    "features": dict(resolved.features),
                    # Only where there are some: no other bench's key is to know of them.
                    **({"target_options": dict(resolved.target_options)} if resolved.target_options else {}),
                    **power_of(resolved.target),
                    **({"no_cycles": why} if why else {}),
                },
                inputs={name: action.output(name) for action in made for name in wanted if name in action.outputs},
            )
        )


def run_of(plan: BenchPlan) -> Action:
    """The action that runs a bench's firmware."""
    return next(action for action in plan.actions if action.stage == "run")


def _looked_at(run: Action, more: Mapping[str, Output]) -> dict[str, Input]:
    """Inputs of what looks on while a bench's first sample is invoked."""
    return {**{name: put for name, put in run.inputs.items() if not name.startswith("intermediates.")}, **more}
