"""From bench names to actions: which stages a bench needs, with which inputs, parameters and tools. It runs nothing.

Work is shared by naming it: two benches that need the same action get the same object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from tinyflow.core.action import JSON, Action, Input, Output, SourceFile, Tool, in_order
from tinyflow.core.errors import RecipeError
from tinyflow.core.store import Store
from tinyflow.flow.builds import Builds, target_facts
from tinyflow.recipes.bench import Bench
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.mirrors import Mirrors, find_model, find_samples, model_urls
from tinyflow.recipes.resolve import ResolvedBench, resolve
from tinyflow.recipes.schema import Backend, Model, Target
from tinyflow.recipes.suite import expand
from tinyflow.recipes.tuning import file_name

# What reads models and makes references. TFLM has no wheel on some machines; then LiteRT is the reference.
_READER_TOOLS = (Tool("package", "numpy"), Tool("package", "tflite"))
_REFERENCE_TOOLS = (Tool("package", "ai-edge-litert"), Tool("optional package", "tflite-micro"))
_ONNX_TOOLS = (
    Tool("package", "onnx", "pip install 'tinyflow[onnx]'"),
    Tool("optional package", "onnxruntime"),
)


@dataclass(frozen=True)
class BenchPlan:
    """The actions of one bench, in an order in which they can run; the last one makes its row."""

    name: str
    bench: Bench
    final: Action
    actions: tuple[Action, ...]


class Planner:
    """Plans benches of one catalogue; equal actions of several benches become one."""

    def __init__(self, catalogue: Catalogue, mirrors: Mirrors, store: Store, timeout_s: float | None = None) -> None:
        """`store` is only asked whether it has a model's file already; `timeout_s` goes before those of all recipes."""
        self._timeout_s = timeout_s
        self._catalogue = catalogue
        self._mirrors = mirrors
        self._store = store
        self._known: dict[str, Action] = {}
        self._builds = Builds(catalogue, self._add)

    def plan_suite(self, name: str) -> tuple[BenchPlan, ...]:
        """All benches of a suite. Raises UsageError and RecipeError."""
        return tuple(self.plan_bench(bench) for bench in expand(self._catalogue, name))

    def plan_bench(self, bench: Bench, last_layer: int | None = None) -> BenchPlan:
        """One bench, or only its layers up to `last_layer`. Raises UsageError and RecipeError."""
        resolved = resolve(bench, self._catalogue)
        fetched = self.fetch(resolved.model, resolved.model_folder)
        whole = [fetched]
        if resolved.layer is not None:
            whole.append(self._cut(resolved, fetched.output("model.tflite"), resolved.layer, resolved.layer))
        elif last_layer is not None:
            whole.append(self._cut(resolved, fetched.output("model.tflite"), 0, last_layer))
        converted = self._convert(resolved, whole[-1].output("model.tflite"))
        transforms = self._transforms(resolved, whole[-1].output("model.tflite"))
        model = (*whole, *transforms)[-1].output("model.tflite")
        tuned, records = self._tune(resolved, model)
        lowered = self._lower(resolved, model, records)
        generated = self._generate(resolved, model, lowered, records)
        made = [*whole, converted, *transforms, *tuned, *lowered, generated]
        program = model
        if resolved.backend.machine is None:
            made.append(self._builds.link(resolved, self._builds.compile_tree(resolved, generated.output("sources/"))))
            program = made[-1].output("firmware.elf")
        made.append(self._run(resolved, converted, generated, program))
        final = self._report(resolved, made)
        return BenchPlan(bench.name, bench, final, tuple(in_order([final]).values()))

    def _add(self, action: Action) -> Action:
        if self._timeout_s is not None:
            action = replace(action, timeout_s=self._timeout_s)
        return self._known.setdefault(action.id, action)

    # Stages

    def fetch(self, model: Model, folder: Path) -> Action:
        """The action that brings a model's file about."""
        local = find_model(model, folder, self._mirrors)
        inputs: dict[str, Input] = {}
        if local is not None:
            inputs[local.source] = SourceFile(local.path, f"{model.name}.tflite")
        elif model.sha256 is not None and self._store.has(model.sha256):
            inputs["mirror"] = SourceFile(self._store.blob_path(model.sha256), f"{model.name}.tflite")
        sources: dict[str, JSON] = {}
        if not inputs:
            synthesize = None if model.synthesize is None else asdict(model.synthesize)
            sources = {"urls": list(model_urls(model, self._mirrors)), "synthesize": synthesize}
        action = Action(
            stage="fetch",
            title=f"fetch {model.name}",
            function="tinyflow.stages.fetch:fetch",
            outputs=("model.tflite", "origin.json"),
            parameters={"name": model.name, "sha256": model.sha256, **sources},
            inputs=inputs,
            tools=_READER_TOOLS,
            timeout_s=model.timeout_s,
            isolated=True,
        )
        return self._add(_imported(action, model) if (model.file or "").endswith(".onnx") else action)

    def _cut(self, resolved: ResolvedBench, model: Output, first: int, last: int) -> Action:
        """Some layers of the model as a model."""
        layers = f"layer {first}" if first == last else f"layers {first} to {last}"
        return self._add(
            Action(
                stage="cut",
                title=f"cut {layers} of {resolved.model.name}",
                function="tinyflow.stages.cut:cut",
                outputs=("model.tflite",),
                parameters={"first": first, "last": last},
                inputs={"model.tflite": model},
                tools=_READER_TOOLS,
                timeout_s=resolved.model.timeout_s,
                isolated=True,
            )
        )

    def _convert(self, resolved: ResolvedBench, model: Output) -> Action:
        """The graph, inputs for it, and what it must give; a part of a model gets random inputs alone."""
        samples = resolved.model.samples
        files = find_samples(resolved.model, resolved.model_folder, self._mirrors) if resolved.layer is None else ()
        real = {f"samples/{index}.bin": SourceFile(path, f"{index}.bin") for index, path in enumerate(files)}
        return self._add(
            Action(
                stage="convert",
                title=f"convert {resolved.part_name}",
                function="tinyflow.stages.convert:convert",
                outputs=("graph.json", "inputs.bin", "reference.bin", "reference.json"),
                parameters={"samples": samples.count, "seed": samples.seed, "input_format": samples.format},
                inputs={"model.tflite": model, **real},
                tools=_READER_TOOLS + _REFERENCE_TOOLS,
                timeout_s=resolved.model.timeout_s,
                isolated=True,
            )
        )

    def _transforms(self, resolved: ResolvedBench, model: Output) -> list[Action]:
        """The stages that change the model for the backend, in order; the reference is the model as it came."""
        made: list[Action] = []
        for name in resolved.transforms:
            made.append(self.transform(name, resolved.model.name, model))
            model = made[-1].output("model.tflite")
        return made

    def transform(self, name: str, title: str, model: Output) -> Action:
        """One stage from `model.tflite` to `model.tflite`, which says in a JSON file what it did."""
        return self._add(
            Action(
                stage=name,
                title=f"{name} {title}",
                function=f"tinyflow.stages.{name}:{name}",
                outputs=("model.tflite", f"{name}.json"),
                inputs={"model.tflite": model},
                tools=_READER_TOOLS + _REFERENCE_TOOLS,
                isolated=True,
            )
        )

    def _lower(self, resolved: ResolvedBench, model: Output, records: Mapping[str, Input]) -> tuple[Action, ...]:
        """What the backend generates from instead of the model, if it does; its name is in nothing of it."""
        lowering = resolved.backend.lowering
        if lowering is None:
            return ()
        parameters: dict[str, JSON] = {
            "implementation": lowering.implementation,
            "options": dict(resolved.lowering_options),
        }
        if resolved.tuning is not None:
            parameters["tuning"] = dict(resolved.tuning_place)
        title = _spelled(f"lower {resolved.model.name}", resolved.lowering_options, lowering.options)
        action = Action(
            stage="lower",
            title=title,
            function="tinyflow.stages.lower:lower",
            outputs=("lowered/",),
            parameters=parameters,
            inputs={"model.tflite": model, **records},
            tools=(*_READER_TOOLS, *(Tool("package", name) for name in lowering.tools)),
            implementation=(lowering.implementation,),
            timeout_s=resolved.backend.timeout_s,
            isolated=True,
        )
        return (self._add(action),)

    def _tune(self, resolved: ResolvedBench, model: Output) -> tuple[tuple[Action, ...], dict[str, Input]]:
        """The search for the best kernels, if the bench asks for one, and the records that generating goes by."""
        if resolved.tuning is None:
            return (), {}
        records = self._records(resolved)
        if resolved.tuning == "records":
            return (), records
        backend, target = resolved.backend, resolved.target
        machine = import_module(target.implementation)
        inputs: dict[str, Input] = {"model.tflite": model, **records}
        inputs |= {name: self._add(made.action).output(made.name) for name, made in machine.inputs().items()}
        packages = (backend.lowering or backend).tools
        tools = (*_READER_TOOLS, *(Tool("package", name) for name in packages), *machine.tools())
        action = self._builds.tune(resolved, int(resolved.tuning), inputs, tools)
        return (action,), {"tuning/records.jsonl": action.output("records.jsonl")}

    def _records(self, resolved: ResolvedBench) -> dict[str, Input]:
        """The records of all recipe folders for a processor and toolchain, the first folder's first."""
        name = file_name(resolved.target.cpu, resolved.tuning_place["toolchain"])
        paths = [folder / name for folder in self._catalogue.folders]
        return {
            f"tuning/{index}.jsonl": SourceFile(path, f"{index}/{name}")
            for index, path in enumerate(path for path in paths if path.is_file())
        }

    def _generate(
        self, resolved: ResolvedBench, model: Output, lowered: tuple[Action, ...], records: Mapping[str, Input]
    ) -> Action:
        """The backend's own code, or the command that its recipe names, makes sources of the model."""
        backend = resolved.backend
        parameters: dict[str, JSON] = {"backend": backend.name, "options": dict(resolved.options)}
        inputs: dict[str, Input] = {"model.tflite": model}
        inputs |= {name: action.output(name) for action in lowered for name in action.outputs}
        if resolved.tuning is not None and not lowered:
            parameters["tuning"] = dict(resolved.tuning_place)
            inputs |= records
        tools = [*_READER_TOOLS, *(Tool("package", name) for name in backend.tools)]
        function = "generate:generate"
        if backend.implementation is not None:
            parameters["implementation"] = backend.implementation
        else:
            function = "external:generate"
            parameters["command"] = list(backend.command)
            inputs |= self._command_files(backend)
            tools.append(Tool("binary", backend.command[0], f"it is the command of backend {backend.name}"))
        return self._add(
            Action(
                stage="generate",
                title=f"generate {resolved.part_name} {_spelled(backend.name, resolved.options, backend.options)}",
                function=f"tinyflow.stages.{function}",
                outputs=("sources/", "plan.json"),
                parameters=parameters,
                inputs=inputs,
                tools=tuple(tools),
                implementation=tuple(filter(None, [backend.implementation])),
                timeout_s=backend.timeout_s,
                isolated=True,
            )
        )

    def _command_files(self, backend: Backend) -> dict[str, Input]:
        """The files and folders that a backend's command needs. Raises RecipeError for one that isn't there."""
        folder = self._catalogue.path(Backend, backend.name).parent
        for index, name in enumerate(backend.files):
            if not ((folder / name).is_dir() if name.endswith("/") else (folder / name).is_file()):
                where = self._catalogue.where(Backend, backend.name, "files", index)
                raise RecipeError(f'there is no "{name}" beside the recipe', where=where, hint="a folder ends in /")
        return {f"files/{name}": SourceFile(folder / name, f"{backend.name}/{name}") for name in backend.files}

    def _run(self, resolved: ResolvedBench, converted: Action, generated: Action, program: Output) -> Action:
        """Run `program`: the firmware, or the model where the backend brings a machine for it."""
        target = resolved.target
        module = resolved.backend.machine or target.implementation
        implementation = import_module(module)
        more: Mapping[str, Output] = implementation.inputs()
        if resolved.guard is not None:
            if not hasattr(implementation, "guard_inputs"):
                what = f"nothing sees what is written on {target.name}"
                resolved.bench.refuse(
                    what, at="+guard", hint="take a target on the built-in simulator, such as stm32f7"
                )
            more = {**more, **implementation.guard_inputs()}
        return self._add(
            Action(
                stage="run",
                title=f"run {resolved.bench.name}",
                function="tinyflow.stages.run:run",
                outputs=("run.json", "timing.json"),
                parameters={
                    "target": {**target_facts(resolved), "implementation": module},
                    "tolerance": resolved.backend.tolerance,
                    "limit_instructions": target.limit_instructions,
                    **({} if resolved.guard is None else {"guard": resolved.guard}),
                },
                inputs={
                    program.name: program,
                    "plan.json": generated.output("plan.json"),
                    **{name: converted.output(name) for name in ("inputs.bin", "reference.bin", "reference.json")},
                    **{name: self._add(made.action).output(made.name) for name, made in more.items()},
                },
                tools=implementation.tools(),
                implementation=(module,),
                timeout_s=target.timeout_s,
                isolated=True,
            )
        )

    def profile(self, plan: BenchPlan) -> Action:
        """What the instructions of a planned bench go into. UsageError where its target isn't simulated here."""
        run = next(action for action in plan.actions if action.stage == "run")
        if run.parameters["target"]["implementation"] != "tinyflow.targets.unicorn":
            plan.bench.refuse(
                f"only the built-in simulator sees every instruction; {plan.bench.target} isn't run by it",
                at="target",
                hint="profile the bench on a simulated target, such as stm32f7",
            )
        model = self._catalogue.get(Target, plan.bench.target).cycle_model
        more = {} if model is None else import_module("tinyflow.targets.unicorn").cycle_inputs()
        return self._add(
            replace(
                run,
                stage="profile",
                title=f"profile {plan.name}",
                function="tinyflow.stages.profile:profile",
                outputs=("profile.json",),
                parameters={
                    **{name: run.parameters[name] for name in ("target", "limit_instructions")},
                    **({} if model is None else {"cycle_model": asdict(model)}),
                },
                inputs={
                    **run.inputs,
                    **{name: self._add(made.action).output(made.name) for name, made in more.items()},
                },
                tools=(*run.tools, Tool("package", "capstone")),
            )
        )

    def _report(self, resolved: ResolvedBench, made: Iterable[Action]) -> Action:
        bench = resolved.bench
        wanted = ("origin.json", "graph.json", "shrink.json", "plan.json", "sizes.json", "run.json", "timing.json")
        return self._add(
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
                },
                inputs={name: action.output(name) for action in made for name in wanted if name in action.outputs},
            )
        )


def _imported(action: Action, model: Model) -> Action:
    """The same for an ONNX file, of which a `.tflite` is made."""
    return replace(
        action,
        function="tinyflow.stages.from_onnx:fetch",
        outputs=("model.tflite", "model.onnx", "origin.json"),
        parameters={**action.parameters, "tolerance": model.tolerance},
        tools=(*action.tools, *_REFERENCE_TOOLS, *_ONNX_TOOLS),
    )


def _spelled(backend: str, options: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """A name with the options that features set: `tvmaotplus dsp=True`."""
    changed = [
        f"{name}={value}"
        for name, value in sorted(options.items())
        if str(defaults.get(name))[:1] != "$" and value != defaults.get(name)
    ]
    return " ".join([backend, *changed])
