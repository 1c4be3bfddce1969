"""The key of an action: a readable text of everything its outputs depend on, and that text's digest."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any

from tinyflow.core import digest, identity
from tinyflow.core.action import JSON, Action, canonical

# A new number leaves all old results behind: raise it when the text's form or an action's environment changes.
KEY_VERSION = 1


Fact = tuple[str, str, str]  # section, name, value


def key_text(action: Action, inputs: Mapping[str, str], toolset: Iterable[Fact]) -> str:
    """The text: one fact a line, `section name value`, values as JSON, so that no value can pass for another line.

    `inputs` gives each input's digest, `toolset` the facts that come from neither these nor the action's own value.
    """
    return (
        "\n".join(f"{section} {name} {value}".rstrip() for section, name, value in _facts(action, inputs, toolset))
        + "\n"
    )


def toolset_facts(action: Action, memo: digest.Memo) -> tuple[tuple[Fact, ...], Mapping[Path, digest.Stamp]]:
    """The facts of machine, tools and our code, and stamps of our modules. Raises ToolError where a tool is missing."""
    modules, stamps = identity.of_modules((action.function, *action.implementation), memo)
    facts = (
        ("implementation", "core", str(identity.CORE_VERSION)),
        ("implementation", "modules", modules),
        ("environment", "machine", canonical(identity.of_machine())),
    )
    tools = sorted(action.tools, key=lambda tool: (tool.kind, tool.name))
    return (*facts, *(("tool", tool.name, canonical(identity.of_tool(tool, memo))) for tool in tools)), stamps


def _facts(action: Action, inputs: Mapping[str, str], toolset: Iterable[Fact]) -> Iterator[Fact]:
    yield "tinyflow", "key", str(KEY_VERSION)
    yield "stage", action.stage, action.function
    yield from toolset
    for place, value in _leaves(action.parameters, ()):
        yield "parameter", canonical(place), canonical(value)
    for name in sorted(inputs):
        yield "input", canonical(name), inputs[name]
    for name in sorted(action.outputs):
        yield "output", canonical(name), ""


def _leaves(value: JSON, place: tuple[str | int, ...]) -> Iterator[tuple[tuple[str | int, ...], JSON]]:
    """A value's leaves with their places; an empty list or mapping is a leaf, for it must show."""
    if isinstance(value, Mapping) and value:
        for name in sorted(value):
            yield from _leaves(value[name], (*place, name))
    elif isinstance(value, (list, tuple)) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, (*place, index))
    else:
        yield place, value


def differences(before: str, after: str) -> list[str]:
    """What changed between two key texts, one line a fact: `parameter options.dsp: false → true`."""
    old, new = _parse(before), _parse(after)
    lines = []
    for fact in sorted(old.keys() | new.keys()):
        if fact not in old:
            lines.append(f"{fact}: new, {new[fact]}".rstrip(" ,"))
        elif fact not in new:
            lines.append(f"{fact}: gone, was {old[fact]}".removesuffix(", was "))
        elif old[fact] != new[fact]:
            lines.append(f"{fact}: {old[fact]} → {new[fact]}")
    return lines


def _parse(text: str) -> dict[str, str]:
    """Fact (section and name, as people write it) → value."""
    facts = {}
    for section, name, value in facts_of(text):
        dotted = ".".join(map(str, name)) if isinstance(name, list) else name
        facts[f"{section} {dotted}"] = value
    return facts


def facts_of(text: str) -> Iterator[tuple[str, Any, str]]:
    """Section, name (of a parameter the list of its place) and value of each line of a text. Raises ValueError."""
    for line in text.rstrip("\n").split("\n"):
        section, _, rest = line.partition(" ")
        if rest.startswith(('"', "[")):
            name, end = json.JSONDecoder().raw_decode(rest)
        else:
            name, end = rest.partition(" ")[0], (rest + " ").index(" ")
        yield section, name, rest[end:].strip()


def tools_of(texts: Iterable[str]) -> dict[str, str]:
    """Name → version, or digest and version text, of all tools in some texts."""
    facts = (fact for text in texts for fact in facts_of(text))
    found = {name: json.loads(value) for section, name, value in facts if section == "tool"}
    return dict(sorted(found.items()))
