"""`doit schema`: what recipes may hold, as JSON schemas for editors. Runs nothing."""

from __future__ import annotations

from typing import Any

from tinyflow.core.errors import UsageError
from tinyflow.flow.atomic_files import write_if_changed
from tinyflow.flow.commands.command import OwnCommand
from tinyflow.flow.messages import shown
from tinyflow.flow.new_project import schema_files
from tinyflow.recipes.catalogue import KINDS
from tinyflow.recipes.suggest import hint_for


class Schema(OwnCommand):
    """Prints one schema, or writes them all into the project."""

    doc_purpose = "JSON schemas of recipes, for editors"
    doc_usage = "[KIND]"
    doc_description = f"""\
With a KIND ({", ".join(kind.noun for kind in KINDS.values())}) print its schema;
without write all of them to recipes/schemas/. A recipe asks for its own in its first line:
# yaml-language-server: $schema=../schemas/model.json
Example: doit schema model"""

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Print or write."""
        del params
        if len(args) > 1:
            raise UsageError(f'schema takes one kind, not "{args[1]}" as well', hint="or none, for all")
        kinds = [kind.noun for kind in KINDS.values()]
        if args and args[0] not in kinds:
            raise UsageError(f'unknown kind of recipe "{args[0]}"', hint=hint_for(args[0], kinds, "kinds"))
        files = schema_files()
        if args:
            print(files[f"{args[0]}.json"], end="")
            return 0
        folder = self.loader.project.root / "recipes" / "schemas"
        folder.mkdir(parents=True, exist_ok=True)
        for name, text in files.items():
            write_if_changed(folder / name, text)
        print(f"{len(files)} schemas in {shown(folder)}")
        return 0
