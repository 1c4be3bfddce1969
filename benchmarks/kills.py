"""Kill a session at random moments, many times over, and count what went wrong: wrong outputs, finished work lost.

`python benchmarks/kills.py [kills] [seed]` prints the counts. Each round edits a source, starts a session in a child
process, kills it with SIGKILL after a random time, and then lets a session finish; its outputs are compared with values
computed without any cache. An action that had finished before the kill must not run again.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from tinyflow.core.action import Action, Input, SourceFile, Workspace
from tinyflow.core.execute import Session
from tinyflow.core.states import UP_TO_DATE

_SOURCES = 4
_ACTIONS = 12
_LONGEST_RUN_S = 0.08  # a little more than a whole run takes, so that some kills come after its end


def mix(workspace: Workspace) -> None:
    """Write a digest of all inputs and the number; note that it ran."""
    text = "".join(f"{name}={path.read_text()};" for name, path in sorted(workspace.inputs.items()))
    workspace.outputs["mixed"].write_text(_mixed(text, workspace.parameters["number"]))
    with Path(workspace.parameters["trace"]).open("a") as trace:
        trace.write(f"{workspace.parameters['number']}\n")


def _mixed(text: str, number: int) -> str:
    return hashlib.sha256(f"{number}:{text}".encode()).hexdigest()


@dataclass
class Tally:
    """What was seen."""

    kills: int = 0
    wrong: int = 0
    lost: int = 0
    not_settled: int = 0


@dataclass
class Graph:
    """Random actions over a few sources; each takes some sources and some earlier actions."""

    folder: Path
    inputs: list[list[int]] = field(default_factory=list)  # below _SOURCES: a source; above: an action
    function: str = f"{__name__}:mix"

    @classmethod
    def random(cls, folder: Path, chance: random.Random, function: str = f"{__name__}:mix") -> Graph:
        """A graph of `_ACTIONS` actions."""
        numbers = range(_SOURCES, _SOURCES + _ACTIONS)
        graph = cls(folder, [chance.sample(range(number), chance.randint(1, 3)) for number in numbers], function)
        for number in range(_SOURCES):
            graph.edit(number, "first")
        return graph

    @property
    def trace(self) -> Path:
        """The numbers of the actions that ran."""
        return self.folder / "trace"

    def edit_any(self, chance: random.Random, text: str) -> None:
        """Change one of the sources."""
        self.edit(chance.randrange(_SOURCES), text)

    def edit(self, source: int, text: str) -> None:
        """Change a source."""
        (self.folder / f"source{source}").write_text(text)

    def actions(self) -> list[Action]:
        """The actions, each after those that it needs."""
        made: dict[int, Action] = {}
        for number, wanted in enumerate(self.inputs, _SOURCES):
            inputs: dict[str, Input] = {
                str(one): made[one].output("mixed")
                if one in made
                else SourceFile(self.folder / f"source{one}", f"source{one}")
                for one in wanted
            }
            made[number] = Action(
                stage="mix",
                title=f"mix {number}",
                function=self.function,
                outputs=("mixed",),
                parameters={"number": number, "trace": str(self.trace)},
                inputs=inputs,
            )
        return list(made.values())

    def expected(self) -> list[str]:
        """What the actions must write, computed without a cache."""
        texts = [(self.folder / f"source{number}").read_text() for number in range(_SOURCES)]
        for number, wanted in enumerate(self.inputs, _SOURCES):
            named = sorted((str(one), texts[one]) for one in wanted)
            texts.append(_mixed("".join(f"{name}={text};" for name, text in named), number))
        return texts[_SOURCES:]

    def session(self) -> Session:
        """A session over this folder's cache and state."""
        return Session(self.folder / "cache", self.folder / "state")


def run_and_kill(graph: Graph, after_s: float) -> set[int]:
    """Run all actions in a child process, kill it; the numbers of the actions that it said were finished."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        session = graph.session()
        for number, action in enumerate(graph.actions(), _SOURCES):
            session.execute(action)
            os.write(writer, f"{number}\n".encode())
        os._exit(0)
    os.close(writer)
    time.sleep(after_s)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    with os.fdopen(reader) as said:
        return {int(line) for line in said.read().split()}


def finish(graph: Graph, finished: set[int], tally: Tally) -> None:
    """Complete the work and compare; then once more, when nothing may run."""
    graph.trace.unlink(missing_ok=True)
    session, actions = graph.session(), graph.actions()
    for action in actions:
        session.execute(action)
    ran = {int(line) for line in graph.trace.read_text().split()} if graph.trace.exists() else set()
    tally.lost += len(ran & finished)
    outputs = [session.output_path(action, "mixed").read_text() for action in actions]
    tally.wrong += sum(one != other for one, other in zip(outputs, graph.expected(), strict=True))
    session.close()
    session = graph.session()
    tally.not_settled += sum(session.execute(action).outcome != UP_TO_DATE for action in graph.actions())
    session.close()


def torment(kills: int, seed: int, folder: Path) -> Tally:
    """So many rounds over one graph; each source text is new, so that each round has work to do."""
    chance = random.Random(seed)
    graph = Graph.random(folder, chance)
    tally = Tally()
    for round_ in range(kills):
        graph.edit_any(chance, f"round {round_} of {seed}")
        finished = run_and_kill(graph, chance.uniform(0, _LONGEST_RUN_S))
        tally.kills += 1
        finish(graph, finished, tally)
    return tally


def main(words: Sequence[str]) -> int:
    """Print the tally; the exit status is 1 if anything went wrong."""
    kills, seed = (int(words[0]) if words else 1000), (int(words[1]) if len(words) > 1 else 1)
    with tempfile.TemporaryDirectory() as folder:
        tally = torment(kills, seed, Path(folder))
    print(
        f"{tally.kills} kills: {tally.wrong} wrong outputs, {tally.lost} finished actions lost, "
        f"{tally.not_settled} actions that ran again without need"
    )
    return int(bool(tally.wrong or tally.lost or tally.not_settled))


if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).parent))
    import kills as module  # stage functions are found by the name of their module

    sys.exit(module.main(sys.argv[1:]))
