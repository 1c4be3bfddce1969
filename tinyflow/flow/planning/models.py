"""The actions that bring a model about: fetched, cut, transformed, converted with its inputs and reference outputs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, replace
from glob import escape
from pathlib import Path, PurePath
from types import MappingProxyType
from typing import Any

from tinyflow.core import environments
from tinyflow.core.action import HOME, JSON, Action, Input, Output, SourceFile, Tool
from tinyflow.core.distribution import pip_install
from tinyflow.core.store import Store
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.mirrors import Mirrors, find_data, find_model, find_samples, model_urls
from tinyflow.recipes.resolve import ResolvedBench, parts_of
from tinyflow.recipes.runtime_files import files_of
from tinyflow.recipes.schema import Frontend, Model

# before what `doit fetch` calls an environment
FRONTEND = "frontend:"
ENGINE = "engine:"
# What reads models and makes references. TFLM has no wheel on some machines; then LiteRT is the reference.
READER_TOOLS = (Tool("package", "numpy"), Tool("package", "tflite"))
# Its wheel doesn't exist everywhere.
_TFLM = Tool("optional package", "tflite-micro", "without it LiteRT's reference kernels take its place")
REFERENCE_TOOLS = (Tool("package", "ai-edge-litert"), _TFLM)
# for bringing labelled samples about, which may be a whole data set
_DATA_S = 3600.0


class Known:
    """The actions of all benches that are planned: one for all equal ones."""

    def __init__(self, timeout_s: float | None) -> None:
        """`timeout_s` overrides those of all recipes."""
        self._timeout_s = timeout_s
        self._actions: dict[str, Action] = {}

    def add(self, action: Action) -> Action:
        """The action that stands for all that equal this one."""
        if self._timeout_s is not None:
            action = replace(action, timeout_s=self._timeout_s)
        return self._actions.setdefault(action.id, action)

    def isolated(
        self, stage: str, title: str, outputs: tuple[str, ...], inputs: Mapping[str, Input], **more: Any
    ) -> Action:
        """An action of `tinyflow.stages.<stage>:<stage>` in a process of its own; `more` are further fields."""
        function = f"tinyflow.stages.{stage}:{stage}"
        return self.add(Action(stage, title, function, outputs, inputs=inputs, isolated=True, **more))


class Models:
    """Plans what happens to models."""

    def __init__(self, catalogue: Catalogue, mirrors: Mirrors, store: Store, known: Known) -> None:
        """`store` is only asked whether it has a model's file already, undamaged."""
        self._catalogue = catalogue
        self._mirrors = mirrors
        self._store = store
        self._known = known

    def fetch(self, model: Model, folder: Path) -> Action:
        """The action that brings a model's file about."""
        if model.chain:
            return self._chained(model)
        local = find_model(model, folder, self._mirrors)
        inputs: dict[str, Input] = {}
        if local is not None:
            inputs[local.source] = SourceFile(local.path, f"{model.name}.tflite")
        elif model.sha256 is not None and (path := self._store.sound_path(f"sha256:{model.sha256}")) is not None:
            inputs["mirror"] = SourceFile(path, f"{model.name}.tflite")
        sources: dict[str, JSON] = {}
        if not inputs:
            synthesize = None if model.synthesize is None else asdict(model.synthesize)
            urls = list(model_urls(model, self._mirrors))
            # What is left is to be put in its place by the user; no other model's key is to know of its file's name.
            is_elsewhere = urls or synthesize or model.file is None
            sources = {"urls": urls, "synthesize": synthesize} if is_elsewhere else {"file": model.file}
        action = Action(
            stage="fetch",
            title=f"fetch {model.name}",
            function="tinyflow.stages.fetch:fetch",
            outputs=("model.tflite", "origin.json"),
            parameters={"name": model.name, "sha256": model.sha256, **sources},
            inputs=inputs,
            tools=READER_TOOLS,
            timeout_s=model.timeout_s,
            isolated=True,
            place=HOME,  # mirrors and their passwords
        )
        end = PurePath(model.file or "").suffix[1:]
        if self._catalogue.has(Frontend, end):
            frontend = self._catalogue.get(Frontend, end)
            made = self._made(frontend, action, model, local.path if local is not None else None)
            parameters = {"name": model.name, "sha256": None}
            action = replace(action, parameters=parameters, inputs={"file": made}, tools=READER_TOOLS, place="")
            end = frontend.makes
        return self._known.add(_imported(action, model) if end == "onnx" else action)

    def _chained(self, model: Model) -> Action:
        """The action that makes one model of several."""
        inputs: dict[str, Input] = {}
        for number, part in enumerate(parts_of(self._catalogue, model)):
            fetched = self.fetch(part, self._catalogue.path(Model, part.name).parent)
            inputs |= {f"{number}/{name}": fetched.output(name) for name in ("model.tflite", "origin.json")}
        action = Action(
            stage="fetch",
            title=f"chain {model.name}",
            function="tinyflow.stages.chain:chain",
            outputs=("model.tflite", "origin.json"),
            parameters={"name": model.name, "parts": list(model.chain)},
            inputs=inputs,
            tools=READER_TOOLS,
            timeout_s=model.timeout_s,
            isolated=True,
        )
        return self._known.add(action)

    def _made(self, frontend: Frontend, fetched: Action, model: Model, path: Path | None) -> Output:
        """What a frontend makes of a fetched file, and of what lies beside it at `path`."""
        assert model.file is not None
        file = PurePath(model.file).name
        source = self._known.add(replace(fetched, stage="source", title=f"source of {model.name}"))
        inputs: dict[str, Input] = {f"source/{file}": source.output("model.tflite")}
        if path is not None:
            for pattern in frontend.beside:
                for found in sorted(path.parent.glob(pattern.replace("{stem}", escape(path.stem)))):
                    if found.is_file():
                        name = f"source/{found.relative_to(path.parent).as_posix()}"
                        inputs.setdefault(name, SourceFile(found, name))
        for name, file_path in files_of(self._catalogue, frontend).items():
            inputs[f"files/{name}"] = SourceFile(file_path, f"{frontend.name}/{name}")
        environment = environments.name_of(frontend.packages)
        packages = f": {', '.join(frontend.packages)}" if frontend.packages else ""
        hint = f"`doit fetch {FRONTEND}{frontend.name}` makes it{packages}"
        output = f"model.{frontend.makes}"
        action = Action(
            stage="frontend",
            title=f"{frontend.name} {model.name}",
            function="tinyflow.stages.frontend:frontend",
            outputs=(output,),
            parameters={
                **{"frontend": frontend.name, "file": file},
                **{"command": list(frontend.command), "environment": environment},
            },
            inputs=inputs,
            tools=(Tool("environment", environment, hint),),
            timeout_s=frontend.timeout_s,
        )
        return self._known.add(action).output(output)

    def cut(self, resolved: ResolvedBench, model: Output, first: int, last: int) -> Action:
        """Some layers of the model as a model."""
        layers = f"layer {first}" if first == last else f"layers {first} to {last}"
        return self._known.isolated(
            "cut",
            f"cut {layers} of {resolved.model.name}",
            ("model.tflite",),
            {"model.tflite": model},
            parameters={"first": first, "last": last},
            tools=READER_TOOLS,
            timeout_s=resolved.model.timeout_s,
        )

    def quantise(self, model: Model, folder: Path, source: Output) -> Action:
        """The float model in int8, by the recipe's samples."""
        return self._known.isolated(
            "quantise",
            f"quantise {model.name}",
            ("model.tflite", "quantise.json"),
            {"model.tflite": source, **self._samples(model, folder)},
            parameters={"seed": model.samples.seed, "input_format": model.samples.format},
            tools=READER_TOOLS + REFERENCE_TOOLS,
            timeout_s=model.timeout_s,
        )

    def export_onnx(self, model: Model, source: Output) -> Action:
        """The model as ONNX files."""
        return self._known.isolated(
            "export_onnx",
            f"export {model.name} to ONNX",
            ("model.onnx", "model_float.onnx", "export_onnx.json"),
            {"model.tflite": source},
            tools=(*READER_TOOLS, *REFERENCE_TOOLS, *onnx_tools()),
            timeout_s=model.timeout_s,
        )

    def _samples(self, model: Model, folder: Path) -> dict[str, Input]:
        files = find_samples(model, folder, self._mirrors)
        return {f"samples/{index}.bin": SourceFile(path, f"{index}.bin") for index, path in enumerate(files)}

    def labelled(self, model: Model, folder: Path, source: Output, count: int, part: int) -> Action:
        """The labelled samples of a model's recipe as the network `source` takes them, `part` of `count` at a time."""
        asked = model.accuracy
        assert asked is not None
        path, name = find_data(model, folder, self._mirrors), asked.data
        parameters: dict[str, JSON] = {
            **{"name": name, "member": asked.member, "task": asked.task, "count": count, "part": part},
            "form": {each: getattr(asked, each) for each in ("format", "divide", "channels")}
            | {"classes": list(asked.classes)},
        }
        inputs: dict[str, Input] = {"model.tflite": source}
        if asked.sha256 is not None and not (path is not None and path.is_dir()):
            inputs["data"] = self._data(model, path).output("data")
        elif path is None:
            parameters["is_missing"] = True
        elif path.suffix == ".csv":
            parameters |= {"name": PurePath(name).parent.as_posix(), "table": path.name}
            inputs["data"] = SourceFile(path.parent, "data/")
        else:
            inputs["data"] = SourceFile(path, "data")
        parts = [f"{number}.bin" for number in range(-(-count // part))]
        real = ["real.bin"] if asked.task == "anomaly" else []
        return self._known.isolated(
            "labelled",
            f"labelled samples of {model.name}",
            ("labels.json", *real, *parts),
            inputs,
            parameters=parameters,
            tools=READER_TOOLS + REFERENCE_TOOLS,
            timeout_s=_DATA_S,
        )

    def _data(self, model: Model, path: Path | None) -> Action:
        """The file of labelled samples that a recipe pins."""
        asked = model.accuracy
        assert asked is not None
        urls = [] if path is not None else [f"{mirror}/{asked.data}" for mirror in self._mirrors.urls] + [*asked.urls]
        stored = self._store.sound_path(f"sha256:{asked.sha256}") if path is None else path
        return self._known.add(
            Action(
                stage="fetch",
                title=f"fetch labelled samples of {model.name}",
                function="tinyflow.stages.fetch:data",
                outputs=("data",),
                parameters={"name": asked.data, "sha256": asked.sha256, "urls": [] if stored is not None else urls},
                inputs={} if stored is None else {"mirror": SourceFile(stored, "data")},
                timeout_s=_DATA_S,
                isolated=True,
            )
        )

    def answers(self, name: str, source: Output, given: Output, timeout_s: float) -> Action:
        """What an interpreter computes of a part of the labelled samples."""
        return self._known.isolated(
            "answers",
            f"answers of {name}",
            ("outputs.bin",),
            {"model.tflite": source, "given.bin": given},
            tools=READER_TOOLS + REFERENCE_TOOLS,
            timeout_s=timeout_s,
        )

    def convert(
        self,
        model: Model,
        folder: Path,
        source: Output,
        part_name: str = "",
        *,
        is_interpreted: bool = False,
        given: Mapping[str, Output] = MappingProxyType({}),
    ) -> Action:
        """The graph, inputs for it, and what it must give; a part, which has a name, gets made-up inputs alone.

        `is_interpreted`: an interpreter runs the file, so that it needn't be one that we can read. `given`:
        `inputs.bin` of another form of the model, in place of inputs of its own.
        """
        samples = model.samples
        real = self._samples(model, folder) if not part_name and not given else {}
        return self._known.isolated(
            "convert",
            f"convert {part_name or model.name}",
            ("graph.json", "inputs.bin", "reference.bin", "reference.json"),
            {"model.tflite": source, **real, **given},
            parameters={
                **{"samples": samples.count, "seed": samples.seed, "input_format": samples.format},
                **({"is_interpreted": True} if is_interpreted else {}),
            },
            tools=READER_TOOLS + REFERENCE_TOOLS,
            timeout_s=model.timeout_s,
        )

    def intermediates(self, resolved: ResolvedBench, converted: Action, model: Output) -> Action:
        """What each layer of the model that the backend reads must compute of the first sample."""
        return self._known.isolated(
            "intermediates",
            f"intermediates {resolved.part_name}",
            ("intermediates.bin", "intermediates.json"),
            {"model.tflite": model, **{name: converted.output(name) for name in ("inputs.bin", "reference.json")}},
            tools=READER_TOOLS + REFERENCE_TOOLS,
            timeout_s=resolved.model.timeout_s,
        )

    def transforms(self, resolved: ResolvedBench, model: Output) -> list[Action]:
        """The stages that change the model for the backend, in order; the reference is the model as it came.

        It is tidied first, unless a feature says otherwise or an interpreter, a reference itself, runs the file.
        """
        is_plain = resolved.settings.tidy == "off" or resolved.backend.machine is not None
        made: list[Action] = []
        for name in (*(() if is_plain else ("tidy",)), *resolved.settings.transforms):
            made.append(self.transform(name, resolved.part_name, model))
            model = made[-1].output("model.tflite")
        if resolved.settings.patch is not None:
            made.append(self.transform("patch", resolved.part_name, model, grid=resolved.settings.patch))
        return made

    def transform(self, name: str, title: str, model: Output, **parameters: JSON) -> Action:
        """One stage from `model.tflite` to `model.tflite`, which says in a JSON file what it did."""
        outputs = ("model.tflite", f"{name}.json")
        inputs = {"model.tflite": model}
        return self._known.isolated(name, f"{name} {title}", outputs, inputs, parameters=parameters, tools=READER_TOOLS)


def onnx_tools() -> tuple[Tool, ...]:
    """What importing ONNX needs; not a constant, for it takes a while to tell how it is installed."""
    return (Tool("package", "onnx", pip_install("onnx")), Tool("optional package", "onnxruntime"))


def _imported(action: Action, model: Model) -> Action:
    """The same for an ONNX file, of which a `.tflite` is made."""
    return replace(
        action,
        function="tinyflow.stages.from_onnx:fetch",
        outputs=("model.tflite", "model.onnx", "origin.json"),
        parameters={**action.parameters, "tolerance": model.tolerance},
        tools=(*action.tools, *REFERENCE_TOOLS, *onnx_tools()),
    )
