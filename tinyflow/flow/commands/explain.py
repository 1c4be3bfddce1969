"""`doit explain`: why an action would run, or how it last came to its outputs. Runs nothing."""

from __future__ import annotations

from typing import Any

from tinyflow.flow.commands.command import OwnCommand
from tinyflow.flow.planning.plan import task_name


class Explain(OwnCommand):
    """Prints the facts of the stored key text that differ from the one before."""

    doc_purpose = "why an action would run, or why it ran"
    doc_usage = "BENCH|SUITE|STAGE:ID..."
    doc_description = """\
One action alone is named as `doit plan` lists it: generate:1a2b3c4d.
Example: doit explain bench:vww-tvmaot-stm32f7"""

    def execute(self, params: dict[str, Any], args: list[str]) -> int:
        """Explain each action; for one that was named alone, those before it are only looked at."""
        del params
        self.require(args, "explain what?", "explain bench:vww-tvmaot-stm32f7")
        loader = self.loader
        selection = loader.selector.select(args, is_bare_fine=True)
        loader.remember(args)
        shown = {action.id for bench in selection.benches.values() for action in bench.actions}
        shown |= {action.id for action in selection.actions}
        for action in selection.all_actions.values():
            lines = loader.session.explain(action)
            if action.id in shown:
                print(f"{task_name(action)}  {action.title}")
                for line in lines:
                    print(f"  {line}")
        return 0
