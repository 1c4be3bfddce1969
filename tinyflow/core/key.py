"""The key of an action: a readable text of everything its outputs hang on, and that text's digest."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from tinyflow.core import digest, identity
from tinyflow.core.action import JSON, Action, canonical

# A new number leaves all old results behind: raise it when the text's form or an action's environment changes.
KEY_VERSION = 1


def key_text(action: Action, inputs: Mapping[str, str], memo: digest.Memo) -> str:
    """The text: one fact a line, `section name value`, values as JSON, so that no value can pass for another line.

    `inputs` gives each input's digest. Raises ToolError where a tool is missing.
    """
    return (
        "\n".join(f"{section} {name} {value}".rstrip() for section, name, value in _facts(action, inputs, memo)) + "\n"
    )


def _facts(action: Action, inputs: Mapping[str, str], memo: digest.Memo) -> Iterator[tuple[str, str, str]]:
    yield "tinyflow", "key", str(KEY_VERSION)
    yield "stage", action.stage, action.function
    yield "implementation", "core", str(identity.CORE_VERSION)
    yield "implementation", "modules", identity.of_modules((action.function, *action.implementation), memo)
    yield "environment", "machine", canonical(identity.of_machine())
    for tool in sorted(action.tools, key=lambda tool: (tool.kind, tool.name)):
        yield "tool", tool.name, canonical(identity.of_tool(tool, memo))
    for name, value in _leaves(action.parameters):
        yield "parameter", canonical(name), value
    for name in sorted(inputs):
        yield "input", canonical(name), inputs[name]
    for name in sorted(action.outputs):
        yield "output", canonical(name), ""


def _leaves(value: JSON, name: str = "") -> Iterator[tuple[str, str]]:
    """A value's leaves with their dotted names; an empty list or mapping is a leaf, for it must show."""
    if isinstance(value, Mapping) and value:
        for key in sorted(value):
            yield from _leaves(value[key], f"{name}.{key}" if name else key)
    elif isinstance(value, (list, tuple)) and value:
        for index, item in enumerate(value):
            yield from _leaves(item, f"{name}[{index}]")
    else:
        yield name, canonical(value)


def differences(before: str, after: str) -> list[str]:
    """What changed between two key texts, one line a fact: `parameter "options.dsp": false → true`."""
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
    """Fact (`section name`) → value; names that are JSON may hold spaces."""
    facts = {}
    for line in text.splitlines():
        section, _, rest = line.partition(" ")
        end = rest.index('"', 1) + 1 if rest.startswith('"') else (rest + " ").index(" ")
        facts[f"{section} {rest[:end]}"] = rest[end:].strip()
    return facts
