"""Which files each build system wants besides the sources: a template for each, and its place in the folder."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from tinyflow.core.action import Workspace
from tinyflow.core.errors import ModelError
from tinyflow.stages.firmware import examples
from tinyflow.toolchains import script

# place → template; `{prefix}` is the network's
_HEADER = "header.h.j2"
_ALL = MappingProxyType({"README.md": "README.md.j2", "NOTICE": "NOTICE.j2", "src/{prefix}.h": _HEADER})
_MAIN = "main.c.j2"
_FORMS: Mapping[str, Mapping[str, str]] = {
    "c": {"example/main.c": _MAIN},
    "cmake": {
        "example/main.c": _MAIN,
        "CMakeLists.txt": "cmake/CMakeLists.txt.j2",
        "chip/gcc.cmake": "cmake/gcc.cmake.j2",
    },
    "zephyr": {
        "CMakeLists.txt": "zephyr/CMakeLists.txt.j2",
        "Kconfig": "zephyr/Kconfig.j2",
        "zephyr/module.yml": "zephyr/module.yml.j2",
        "samples/{prefix}/CMakeLists.txt": "zephyr/sample.cmake.j2",
        "samples/{prefix}/prj.conf": "zephyr/prj.conf.j2",
        "samples/{prefix}/src/main.c": _MAIN,
    },
    "esp-idf": {
        "CMakeLists.txt": "esp-idf/CMakeLists.txt.j2",
        "idf_component.yml": "esp-idf/idf_component.yml.j2",
        "examples/{prefix}/CMakeLists.txt": "esp-idf/example.cmake.j2",
        "examples/{prefix}/main/CMakeLists.txt": "esp-idf/main.cmake.j2",
        "examples/{prefix}/main/main.c": _MAIN,
    },
    "arduino": {
        "library.properties": "arduino/library.properties.j2",
        "examples/{prefix}/{prefix}.ino": _MAIN,
    },
    "platformio": {
        "library.json": "platformio/library.json.j2",
        "examples/{prefix}/platformio.ini": "platformio/platformio.ini.j2",
        "examples/{prefix}/src/main.c": _MAIN,
    },
    "cmsis-pack": {"tinyflow.{prefix}.pdsc": "cmsis-pack/pack.pdsc.j2", "example/main.c": _MAIN},
}
# What begins an example for a platform that has start-up code of its own.
_ENTRIES = {"arduino": "sketch", "esp-idf": "app_main"}
# Forms for the bare chip, with its start-up code and linker script.
_WITH_CHIP = ("c", "cmake")
_WITHOUT_OBJECTS = ("arduino", "platformio")


def files_of(workspace: Workspace, description: Mapping[str, Any]) -> dict[str, str]:
    """All files that are no sources of the bench.

    Raises RecipeError for a template that can't be filled in, ModelError for objects where a form takes none and for a
    network that the example isn't for.
    """
    form = description["form"]
    if description["objects"] and form in _WITHOUT_OBJECTS:
        known = ", ".join(name for name in _FORMS if name not in _WITHOUT_OBJECTS)
        hint = f"--for {known}, or a backend that writes C"
        raise ModelError(f"form {form} takes sources only; {description['bench']} has objects", hint=hint)
    files = _filled(workspace, {**_ALL, **_FORMS[form]}, description)
    return {**files, "LICENSE": workspace.inputs["LICENSE"].read_text(encoding="utf-8")}


def program_of(workspace: Workspace, network: Mapping[str, Any]) -> dict[str, str]:
    """The example's sources and the network's header, for a bare chip."""
    places = {"{prefix}.h": _HEADER, "main.c": _MAIN}
    return _filled(workspace, places, {**network, "form": "c", "run": {"stack_bytes": None}})


def _filled(workspace: Workspace, wanted: Mapping[str, str], description: Mapping[str, Any]) -> dict[str, str]:
    """These templates, and the example's files beside its `main`."""
    templates, name = workspace.inputs["templates/"], workspace.parameters["example"]
    examples.check(name, description)
    beside, example = examples.files_of(name, description, templates)
    form = description["form"]
    values = {
        **{**description, "entry": _ENTRIES.get(form, "main"), "has_chip": has_chip(form), "example": example},
        "beside": sorted(beside),
        "to_take": sorted(one for one in beside if "_recording." not in one),
        "example_sources": ["main.c", *sorted(one for one in beside if one.endswith(".c"))],
    }
    files = {place.format(**description): script.fill(templates / name, values) for place, name in wanted.items()}
    main = next(place for place, name in wanted.items() if name == _MAIN)
    folder = posixpath.dirname(main.format(**description))
    return {**files, **{posixpath.join(folder, name): text for name, text in beside.items()}}


def has_chip(form: str) -> bool:
    """Whether a form has what a chip needs before `main`, or its build system brings that."""
    return form in _WITH_CHIP
