"""A few actions over one folder for tests with several processes: `python shared_work.py FOLDER CACHE STATE`.

Every action that runs leaves its name in FOLDER/trace, and takes a moment, so that processes meet.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from tinyflow.core.action import Action, SourceFile, Workspace
from tinyflow.core.execute import Session

LAYERS, WIDTH = 3, 3


def work(workspace: Workspace) -> None:
    """Join the inputs; leave a trace, which no real stage may do."""
    with Path(workspace.parameters["trace"]).open("a") as trace:
        trace.write(workspace.parameters["name"] + "\n")
    time.sleep(0.05)
    texts = [path.read_text() for _, path in sorted(workspace.inputs.items())]
    workspace.outputs["joined"].write_text(workspace.parameters["name"] + "".join(texts))


def actions(folder: Path) -> list[Action]:
    """Layers of actions, each over all of the layer before, the first over FOLDER/source."""
    before: list[Action] = []
    found: list[Action] = []
    for layer in range(LAYERS):
        made = []
        for index in range(WIDTH):
            name = f"work{layer}_{index}"
            source = {"source": SourceFile(folder / "source", "source")}
            made.append(
                Action(
                    stage="work",
                    title=name,
                    function="shared_work:work",
                    outputs=("joined",),
                    parameters={"name": name, "trace": str(folder / "trace")},
                    inputs={action.title: action.output("joined") for action in before} or source,
                )
            )
        found += made
        before = made
    return found


def main(folder: Path, cache: Path, state: Path) -> None:
    """Do it all and print the last outputs."""
    session = Session(cache, state, warn=lambda line: print(line, file=sys.stderr))
    for action in actions(folder):
        session.execute(action)
    print(session.output_path(actions(folder)[-1], "joined").read_text())
    session.close()


if __name__ == "__main__":
    import shared_work  # stage functions are found by the name of their module

    shared_work.main(*map(Path, sys.argv[1:]))
