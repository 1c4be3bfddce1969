"""The actions from a model to C sources: tuning, lowering, and the backend's own code or command."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from importlib import import_module
from pathlib import Path
from typing import Any

import tinyflow
from tinyflow.core import environments, identity
from tinyflow.core.action import HOME, JSON, Action, Input, Output, SourceFile, Tool
from tinyflow.core.distribution import NAME, pip_install
from tinyflow.flow.planning.builds import Builds
from tinyflow.flow.planning.cycle_models import PROFILE_TOOLS, cycle_model, objective_of, trace_inputs
from tinyflow.flow.planning.models import ENGINE, READER_TOOLS, Known, onnx_tools
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.resolve import ResolvedBench
from tinyflow.recipes.runtime_files import adapter_of, files_of
from tinyflow.recipes.schema import Backend, Feature
from tinyflow.recipes.schema.backend import Environment
from tinyflow.recipes.schema.part import Recipe
from tinyflow.recipes.tuning import file_name
from tinyflow.targets.protocol import capabilities

TEMPLATES = "templates/firmware"


class Generation:
    """Plans what backends do."""

    def __init__(self, catalogue: Catalogue, builds: Builds, known: Known) -> None:
        self._catalogue = catalogue
        self._builds = builds
        self._known = known

    def tune(self, resolved: ResolvedBench, model: Output) -> tuple[tuple[Action, ...], dict[str, Input]]:
        """The search for the best kernels, if the bench asks for one, and the records that generating goes by.

        Raises UsageError for a goal that they can't be chosen by.
        """
        objective = objective_of(self._catalogue, resolved)
        if resolved.settings.tuning is None:
            return (), {}
        records = self._records(resolved)
        if resolved.settings.tuning == "records":
            return (), records
        backend, target = resolved.backend, resolved.target
        seen = target.seen(resolved.processor)
        machine = capabilities(seen)
        # where instructions alone decide, cycles needn't be estimated, which takes as long as counting
        model_of = None if objective == "instructions" else cycle_model(self._catalogue, target)
        needed = {**machine.inputs, **({} if model_of is None else trace_inputs(seen, model_of))}
        inputs: dict[str, Input] = {"model.tflite": model, **records}
        inputs |= {name: self._known.add(made.action).output(made.name) for name, made in needed.items()}
        tools = (*READER_TOOLS, *package_tools(backend, (backend.lowering or backend).tools), *machine.tools)
        tools += () if model_of is None else PROFILE_TOOLS
        wanted = {"trials": int(resolved.settings.tuning), "objective": objective, **(model_of or {})}
        action = self._builds.tune(resolved, wanted, inputs, tools)
        return (action,), {"tuning/records.jsonl": action.output("records.jsonl")}

    def _records(self, resolved: ResolvedBench) -> dict[str, Input]:
        """The records of all recipe folders for a processor and toolchain, the first folder's first."""
        name = file_name(resolved.target.cpu, resolved.tuning_place["toolchain"])
        paths = [folder / name for folder in self._catalogue.folders]
        return {
            f"tuning/{index}.jsonl": SourceFile(path, f"{index}/{name}")
            for index, path in enumerate(path for path in paths if path.is_file())
        }

    def _tuning(self, resolved: ResolvedBench) -> dict[str, JSON]:
        """`tuning` as a parameter where kernels are chosen: what records are found by, but for the kernel."""
        if resolved.settings.tuning is None and (resolved.backend.tuning is None or resolved.settings.goal is None):
            return {}
        return {"tuning": {**resolved.tuning_place, "objective": objective_of(self._catalogue, resolved)}}

    def lower(self, resolved: ResolvedBench, model: Output, records: Mapping[str, Input]) -> tuple[Action, ...]:
        """What the backend generates from instead of the model, if it does; its name is in nothing of it."""
        lowering = resolved.backend.lowering
        if lowering is None:
            return ()
        parameters: dict[str, JSON] = {
            "implementation": lowering.implementation,
            "options": dict(resolved.lowering_options),
            **self._tuning(resolved),
        }
        action = self._known.isolated(
            "lower",
            _spelled(f"lower {resolved.model.name}", resolved.lowering_options, lowering.options),
            ("lowered/", *_documents(lowering.implementation)),
            {"model.tflite": model, **records},
            parameters=parameters,
            tools=(*READER_TOOLS, *package_tools(resolved.backend, lowering.tools)),
            implementation=(lowering.implementation,),
            timeout_s=resolved.backend.timeout_s,
        )
        return (action,)

    def _memplan(self, resolved: ResolvedBench) -> dict[str, Input]:
        """The placement that option memplan names, beside the recipe that does. RecipeError where it isn't there."""
        name = resolved.options.get("memplan")
        if name is None:
            return {}
        kind: type[Recipe] = Backend
        owner, place = resolved.backend.name, ["options", "memplan"]
        for feature in resolved.features:
            if "memplan" in self._catalogue.get(Feature, feature).sets.options:
                kind, owner, place = Feature, feature, ["sets", "options", "memplan"]
        path = self._catalogue.path(kind, owner).parent / name
        if not path.is_file():
            self._catalogue.refuse(kind, owner, place, f'there is no file "{name}" beside this recipe')
        return {"memplan.json": SourceFile(path, name)}

    def measured(self, resolved: ResolvedBench, generate: Action, given: Mapping[str, Input]) -> tuple[Action, ...]:
        """What finds the size of an interpreter's arena, or of own kernels' scratch, if a recipe asks for that, and
        what generates with it instead.

        `given`: the samples that an interpreter is run on.
        """
        own = resolved.options.get("own_kernels", ())
        if resolved.backend.arena is not None:
            stage = "arena"
        elif any(isinstance(kernel.get("scratch"), Mapping) for kernel in own):
            stage, given = "scratch", {}
        else:
            return (generate,)
        machine = capabilities(resolved.target.seen(resolved.processor))
        inputs = {**given, **{name: self._known.add(made.action).output(name) for name, made in machine.inputs.items()}}
        found = self._builds.measured(resolved, stage, generate, inputs, machine.tools)
        name = f"{stage}.json"
        title, sized = f"{generate.title} for {resolved.target.name}", {name: found.output(name)}
        return found, self._known.add(replace(generate, title=title, inputs={**generate.inputs, **sized}))

    def generate(
        self, resolved: ResolvedBench, model: Output, lowered: tuple[Action, ...], records: Mapping[str, Input]
    ) -> Action:
        """The backend's own code, or the command that its recipe names, makes sources of the model."""
        backend = resolved.backend
        tuning = {} if lowered else self._tuning(resolved)
        parameters: dict[str, JSON] = {"backend": backend.name, "options": dict(resolved.options), **tuning}
        inputs: dict[str, Input] = {"model.tflite": model}
        for action in lowered:
            inputs["lowered/"] = action.output("lowered/")
        inputs |= records if tuning else {}
        inputs |= self._memplan(resolved)
        tools = [*READER_TOOLS, *package_tools(backend, backend.tools)]
        function, implementation = "generate:generate", backend.implementation
        outputs: tuple[str, ...] = ("sources/", "plan.json")
        if backend.engine is not None:
            function, implementation = "engine:generate", "tinyflow.targets.engine"
            outputs = (*outputs, "engine.json", "sizes.json")
            parameters["engine"] = engine_settings(backend)
            inputs["adapter.py"] = adapter_file(self._catalogue, backend)
            tools += [*(onnx_tools() if backend.engine.takes != "file" else ()), *engine_tools(backend)]
        elif backend.implementation is not None:
            parameters["implementation"] = backend.implementation
            outputs = (*outputs, "network.json", *_documents(backend.implementation))
        else:
            function = "external:generate"
            parameters["command"] = list(backend.command)
            if any("{name}" in word for word in backend.command):  # else equal models share what is generated
                parameters["name"] = resolved.part_name.replace(" ", "_")
            parameters |= {} if backend.arena is None else {"arena": backend.arena}
            for name, path in files_of(self._catalogue, backend).items():
                inputs[f"files/{name}"] = SourceFile(path, f"{backend.name}/{name}")
            tools.append(Tool("binary", backend.command[0], f"it is the command of backend {backend.name}"))
        return self._known.add(
            Action(
                stage="generate",
                title=f"generate {resolved.part_name} {_spelled(backend.name, resolved.options, backend.options)}",
                function=f"tinyflow.stages.{function}",
                outputs=outputs,
                parameters=parameters,
                inputs=inputs,
                tools=tuple(tools),
                implementation=tuple(filter(None, [implementation])),
                timeout_s=backend.timeout_s,
                isolated=True,
                place=HOME if backend.engine is not None else "",  # it may compile for this very processor
            )
        )


def package_tools(backend: Backend, names: Iterable[str]) -> Iterator[Tool]:
    """Distributions that a backend works with, and the one command that brings those that are missing."""
    for name in names:
        is_missing = backend.extra is not None and identity.installed_version(name) is None
        yield Tool("package", name, pip_install(str(backend.extra)) if is_missing else "")


def _documents(implementation: str) -> tuple[str, ...]:
    """What a module writes besides for people to look at."""
    return tuple(getattr(import_module(implementation), "DOCUMENTS", ()))


def program(bench: str, generate: Action, example: str, templates: Path) -> Action:
    """An example around a bench's network, by the bench's own names, and what is true of that network."""
    return Action(
        stage="example",
        title=f"example {example} for {bench}",
        function="tinyflow.stages.firmware.program:example",
        outputs=("sources/", "network.json"),
        inputs={
            "templates/": SourceFile(templates, f"{TEMPLATES}/"),
            "model.tflite": generate.inputs["model.tflite"],
            "plan.json": generate.output("plan.json"),
        },
        parameters={
            "bench": bench,
            "example": example,
            "prefix": "model",  # which all names of a backend begin with
            "version": tinyflow.__version__,
            "implementation": generate.parameters.get("implementation"),
        },
        tools=(Tool("package", "jinja2"),),
    )


def deployment(backend: Backend, bench: str, generate: Action, catalogue: Catalogue) -> Action:
    """What it takes to have a backend's code in a program of one's own: to install, to type, to write."""
    example = program(bench, generate, "bare", catalogue.data_file(f"{TEMPLATES}/main.c.j2").parent)
    commands = [f"pip install {NAME}" + (f"[{backend.extra}]" if backend.extra else ""), f"doit firmware:{bench}"]
    return replace(
        example,
        stage="deployment",
        title=f"deployment of {bench}",
        function="tinyflow.stages.firmware.deployment:deployment",
        outputs=("deployment.json",),
        parameters={**example.parameters, "commands": commands, "requires": [NAME, *backend.tools]},
        tools=(*example.tools, *package_tools(backend, backend.tools)),
    )


def engine_settings(backend: Backend) -> dict[str, JSON]:
    """What `targets.engine.process` is told of an engine."""
    engine = backend.engine
    assert engine is not None
    return {
        **{"name": backend.name, "takes": engine.takes, "requires": list(engine.requires)},
        **{"install": list(engine.install)},
        "environment": environment_of(engine.environment) if engine.environment is not None else "",
    }


def engine_tools(backend: Backend) -> list[Tool]:
    """What decides an engine's outputs and times."""
    engine = backend.engine
    assert engine is not None
    if engine.environment is not None:
        hint = f"`doit fetch {ENGINE}{backend.name}` makes it: {', '.join(engine.environment.packages)}"
        return [Tool("environment", environment_of(engine.environment), hint)]
    hint = " && ".join(engine.install)
    return [Tool("package", text.partition(">=")[0], hint) for text in engine.requires]


def environment_of(environment: Environment) -> str:
    """What an engine's environment is called."""
    return environments.name_of(environment.packages, environment.python or "")


def adapter_file(catalogue: Catalogue, backend: Backend) -> SourceFile:
    """The file that an engine is called by."""
    return SourceFile(adapter_of(catalogue, backend), f"{backend.name}/adapter.py")


def _spelled(backend: str, options: Mapping[str, Any], defaults: Mapping[str, Any]) -> str:
    """A name with the options that features set: `tvmaotplus dsp=True`."""
    changed = [
        f"{name}={value}"
        for name, value in sorted(options.items())
        if str(defaults.get(name))[:1] != "$" and value != defaults.get(name)
    ]
    return " ".join([backend, *changed])
