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
from tinyflow.flow.tasks import action_tasks, group_task


def concatenate(workspace: Workspace) -> None:
    """What `echo` and `cat` do for the other tools."""
    texts = [path.read_text() for _, path in sorted(workspace.inputs.items())]
    text = "".join([workspace.parameters["output"], "\n", *texts])
    workspace.outputs["output"].write_text(text)


def actions(made: graph.Steps) -> dict[str, Action]:
    """One action a step."""
    found: dict[str, Action] = {}
    for output, names in made:
        inputs: dict[str, Input] = {
            name: found[name].output("output") if name in found else SourceFile(Path(name), name) for name in names
        }
        found[output] = Action(
            stage=output.rstrip("0123456789_"),
            title=output,
            function="graph_steps:concatenate",
            outputs=("output",),
            parameters={"output": output},
            inputs=inputs,
        )
    return found


class StepLoader(Loader):
    """Selects steps instead of benches."""

    def load_tasks(self, cmd: object, pos_args: list[str]) -> list:
        """All final steps, or the one that was named."""
        del cmd
        made = graph.steps(int(sys.argv[1]))
        known = actions(made)
        wanted = [name.partition(":")[2] for name in pos_args if name != "bench"] or graph.finals(made)
        tasks = action_tasks(in_order(known[name] for name in wanted).values(), self.session, self.ledger)
        pos_args[:] = ["all"]
        return [*tasks, group_task("all", [task.name for task in tasks])]


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    sys.exit(cli.run(["run", "-v", "0", *(sys.argv[2:] or ["bench"])], StepLoader()))
