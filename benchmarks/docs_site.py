"""What `mkdocs build` adds to docs/: README and its neighbours as pages, and the reference made from the code.

A hook of mkdocs (`hooks:` in mkdocs.yml), which calls `on_files` and `on_page_markdown`.
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

import tinyflow
from tinyflow.flow.cli import run
from tinyflow.flow.command_list import COMMANDS
from tinyflow.flow.loader import Loader
from tinyflow.recipes.catalogue import KINDS
from tinyflow.recipes.validate import json_schema

_CHECKOUT = Path(__file__).parents[1]
_BESIDE = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md", "CHANGELOG.md": "changelog.md"}
"""Files of the checkout's root, and the pages that they are."""


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """The pages that don't lie in docs/."""
    pages = {page: (_CHECKOUT / name).read_text(encoding="utf-8") for name, page in _BESIDE.items()}
    pages |= {"reference/commands.md": commands(), "reference/recipes.md": recipes(), "reference/api.md": api()}
    for page, text in pages.items():
        files.append(File.generated(config, page, content=text))
    return files


def on_page_markdown(markdown: str, page: Page, config: MkDocsConfig, files: Files) -> str:
    """Links as they lie in the checkout become links between pages."""
    del config, files
    if page.file.src_uri in _BESIDE.values():
        markdown = re.sub(r"\]\(docs/", "](", markdown)
    for name, target in _BESIDE.items():
        markdown = re.sub(rf"\]\((\.\./)?{re.escape(name)}", f"]({target}", markdown)
    return markdown


def commands() -> str:
    """`doit help COMMAND` of each."""
    parts = ["# Commands\n\nWhat `doit help COMMAND` says of each.\n"]
    for name in sorted(COMMANDS):
        text = io.StringIO()
        with contextlib.redirect_stdout(text):
            run(["help", name], Loader())
        parts.append(f"## {name}\n\n```text\n{text.getvalue().strip()}\n```\n")
    return "\n".join(parts)


def recipes() -> str:
    """A table of the keys of each kind of recipe, from the schemas that editors get."""
    parts = ["# Recipes\n\nThe keys of each kind of recipe: what `doit schema KIND` says, as tables.\n"]
    for recipe, kind in KINDS.items():
        schema = json_schema(recipe)
        parts.append(f"## {kind.noun}\n\n{schema.get('description', '')}\n\n{_keys(schema)}")
        for name, part in schema.get("$defs", {}).items():
            if "properties" in part:
                parts.append(f"### {name}: part of a {kind.noun}\n\n{part.get('description', '')}\n\n{_keys(part)}")
    return "\n".join(parts)


def _keys(schema: Mapping[str, Any]) -> str:
    rows = ["| key | value | default | meaning |", "| --- | --- | --- | --- |"]
    needed = schema.get("required", ())
    for key, value in schema["properties"].items():
        default = "needed" if key in needed else _shown(value.get("default"))
        meaning = " ".join(value.get("description", "").split())
        rows.append(
            f"| `{key}` | {_cell(', '.join(dict.fromkeys(_types(value))))} | {_cell(default)} | {_cell(meaning)} |"
        )
    return "\n".join(rows) + "\n"


def _types(value: Mapping[str, Any] | bool) -> Iterator[str]:
    """The words for what a key takes."""
    if isinstance(value, bool):
        return
    for choice in value.get("anyOf", ()):
        yield from _types(choice)
    if "$ref" in value:
        yield value["$ref"].rpartition("/")[2]
    elif "enum" in value:
        yield from (f"`{word}`" for word in value["enum"])
    elif "examples" in value:
        yield f"as `{value['examples'][0]}`"
    elif value.get("type") == "array":
        items = ", ".join(dict.fromkeys(_types(value.get("items", {}))))
        yield f"list of {items or 'anything'}"
    elif value.get("type") == "object":
        yield "mapping"
    elif value.get("type", "null") != "null":
        yield value["type"]


def _shown(default: Any) -> str:
    return "" if default is None or default in ([], {}, "") else f"`{default}`"


def _cell(text: str) -> str:
    return text.replace("|", "\\|")


def api() -> str:
    """The Python interface: all of `dir(tinyflow)`, and the protocols that one's own parts are written to."""
    modules = {name: getattr(tinyflow, name) for name in dir(tinyflow) if not name.startswith("_")}
    names = [f"{value.__module__}.{value.__qualname__}" for value in modules.values()]
    names += ["tinyflow.targets.protocol", "tinyflow.toolchains.protocol", "tinyflow.core.action.Workspace"]
    return "# Python\n\n" + "\n\n".join(f"::: {name}" for name in names) + "\n"
