"""The side of `graph.py` that is ours: its steps as actions, through the loader and command that `doit bench:…` takes.

`python graph_steps.py TASKS [bench:NAME]`, in a folder of its own.
"""

from __future__ import annotations

import sys
from pathlib import Path

import graph

from tinyflow.core.action import Action, Input, SourceFile, Workspace, in_order
from tinyflow.flow import cli
from tinyflow.flow.loader import Loader
from tinyflow.flow.session.tasks import action_tasks, group_task


def concatenate(workspace: Workspace) -> None:
    """What `echo` and `cat` do for the other tools."""
    texts = [path.read_text() for _, path in sorted(workspace.inputs.items())]
    text = "".join([workspace.parameters["output"], "\n", *texts])
    workspace.outputs["output"].write_text(text)


class Steps:
    """Steps to actions; like the planner of benches it makes only those that are asked for, each once."""

    def __init__(self) -> None:
        self._known: dict[str, Action] = {}
        self._source = SourceFile(Path("source"), "source")

    def action(self, output: str) -> Action:
        """The action that makes this output."""
        known = self._known.get(output)
        return known if known is not None else self._known.setdefault(output, self._make(output))

    def _make(self, output: str) -> Action:
        inputs: dict[str, Input] = {
            name: self._source if name == "source" else self.action(name).output("output")
            for name in graph.inputs_of(output)
        }
        return Action(
            stage=sys.intern(output.rstrip("0123456789_")),
            title=output,
            function="graph_steps:concatenate",
            outputs=("output",),
            parameters={"output": output},
            inputs=inputs,
        )


class StepLoader(Loader):
    """Selects steps instead of benches."""

    def load_tasks(self, cmd: object, pos_args: list[str]) -> list:
        """All final steps, or the one that was named."""
        del cmd
        steps = Steps()
        wanted = [name.partition(":")[2] for name in pos_args if name != "bench"] or graph.finals(int(sys.argv[1]))
        tasks = action_tasks(in_order(map(steps.action, wanted)), self.session, self.ledger)
        pos_args[:] = ["all"]
        return [*tasks, group_task("all", [task.name for task in tasks])]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    cli.leave(cli.run(["run", "-v", "0", *(sys.argv[2:] or ["bench"])], StepLoader()))
