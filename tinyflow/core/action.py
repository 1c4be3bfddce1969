"""What an action is: a stage with its parameters, tools and named inputs, as an immutable value.

An action runs nothing and reads no file; `execute` does. Its id is known before anything runs.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from json import JSONEncoder, encoder
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple, Union

from tinyflow.core.errors import RecipeError

if TYPE_CHECKING:
    from tinyflow.core.partial_results import PartialResults

LOCAL_MARK = "keep-local"
HOME = "home"
ASIDE_FOLDER = "aside"
JSON = Any  # what json.dumps takes: str, int, float, bool, None, lists and string-keyed mappings of these

_ENCODER = JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)
# What `encode` makes anew for each text; one for all takes a third of the time. CPython has it, in all versions so far.
_make_encoder = getattr(encoder, "c_make_encoder", None)
_chunks = _make_encoder and _make_encoder(
    None, _ENCODER.default, encoder.encode_basestring, None, ":", ",", True, False, False
)


def canonical(value: JSON) -> str:
    """The one JSON text of a value: sorted keys, no spaces, no NaN; TypeError for anything that is not JSON."""
    return "".join(_chunks(value, 0)) if _chunks is not None else _ENCODER.encode(value)


class SourceFile(NamedTuple):
    """A file (or, where `path` is a folder, a tree) that no action makes, such as a kernel's C source.

    `name` stands for it in action ids, so it must be the same on every machine: relative, never absolute.
    """

    path: Path
    name: str


class Output(NamedTuple):
    """One named output of another action, used as an input. Plans have very many, hence no dataclass."""

    action: Action
    name: str


Input = Union[SourceFile, Output]


@dataclass(frozen=True, slots=True)
class Tool:
    """A program or package whose identity belongs in the key.

    `kind` is `package` (a Python distribution: its version), `optional package` (the same, or that it is absent),
    `binary` (a program on PATH: digest and version text), or `environment` (a Python environment: what is in it).
    """

    kind: str
    name: str
    hint: str = field(default="", compare=False)  # what to do where it is missing


@dataclass(frozen=True, eq=False, slots=True)
class Action:
    """One step of work. Two actions with equal ids are the same task.

    `function` is `module:name` of a function that takes one `Workspace`. Names in `inputs` and `outputs` are relative
    paths; one that ends in `/` is a tree. `implementation` lists modules beyond `function`'s own (a backend chosen by a
    recipe) and template files whose text decides the outputs. Modules that these import count too.
    """

    stage: str
    title: str  # for people; not in the id
    function: str
    outputs: tuple[str, ...]
    parameters: Mapping[str, JSON] = field(default_factory=dict)
    inputs: Mapping[str, Input] = field(default_factory=dict)
    tools: tuple[Tool, ...] = ()
    implementation: tuple[str, ...] = ()
    timeout_s: float = 600.0
    isolated: bool = False  # run in a worker process: heavy imports, native code that may crash
    place: str = ""  # of several machines: HOME, where the user's files are, or what only one has, `board:NAME`

    id: str = field(init=False)  # digest of everything but contents: 64 hexadecimal digits

    def __post_init__(self) -> None:
        try:
            object.__setattr__(self, "id", sha256(self._id_text().encode()).hexdigest())
        except UnicodeEncodeError as error:
            what = f"a name that is not UTF-8: {error.object[max(0, error.start - 20) : error.end + 20]}"
            raise RecipeError(what, where=self.title, hint="rename the file") from None

    def _id_text(self) -> str:
        """All parts between NULs, which none has; what comes any number of times is behind its number.

        An empty run makes one for every action, so it is not JSON, which would take three times as long.
        """
        lists = _lists(self.implementation, self.tools, self.outputs)
        parts = [self.stage, self.function, canonical(self.parameters), lists]
        for name, source in sorted(self.inputs.items()):
            parts += (name, source.name, source.action.id if isinstance(source, Output) else "")
        return "\0".join(parts)

    def output(self, name: str) -> Output:
        """Name one output as an input of another action; KeyError where the action has no such output."""
        if name not in self.outputs:
            raise KeyError(f"{self.stage} has no output {name!r}, only {self.outputs}")
        return Output(self, name)

    @property
    def dependencies(self) -> tuple[Action, ...]:
        """The actions that this one waits for, each once, in the order of the inputs."""
        found = {source.action.id: source.action for source in self.inputs.values() if isinstance(source, Output)}
        return tuple(found.values())


@cache
def _lists(implementation: tuple[str, ...], tools: tuple[Tool, ...], outputs: tuple[str, ...]) -> str:
    """The middle of an id's text. Very many actions have the same."""
    spelled = sorted(f"{tool.kind} {tool.name}" for tool in tools)
    names = (sorted(implementation), spelled, outputs)
    return "\0".join(part for each in names for part in (str(len(each)), *each))


def in_order(finals: Iterable[Action]) -> dict[str, Action]:
    """These actions and all that they wait for, by id, each after those that it waits for."""
    found: dict[str, Action] = {}

    def visit(action: Action) -> None:
        for source in action.inputs.values():
            if isinstance(source, Output) and source.action.id not in found:
                visit(source.action)
        found[action.id] = action

    for final in finals:
        if final.id not in found:
            visit(final)
    return found


@dataclass(frozen=True)
class Workspace:
    """What a stage function gets: paths to read, paths to write and a way to run tools. It touches nothing else.

    All paths are absolute and lie below `folder`, a fresh scratch folder. Output folders exist already.
    """

    folder: Path
    parameters: Mapping[str, JSON]
    inputs: Mapping[str, Path]
    outputs: Mapping[str, Path]
    log_path: Path
    timeout_s: float
    parts: PartialResults | None = None  # what of the work is kept as soon as it is made, where there is a cache
    progress_path: Path | None = None  # where a terminal looks how far this is

    def run(self, command: Sequence[str | Path], *, environment: Mapping[str, str] | None = None) -> str:
        """Run a tool in `folder` with a clean environment; its output goes to the log and is returned.

        Paths below `folder` are passed relative to it, so that no artifact learns where it was made.
        Raises ToolError (missing, or a non-zero exit status) and Timeout.
        """
        from tinyflow.core import process

        words = [_spelled(word, self.folder) for word in command]
        return process.run_tool(
            words, folder=self.folder, log_path=self.log_path, timeout_s=self.timeout_s, environment=environment
        )

    def write_json(self, name: str, document: JSON, **options: Any) -> None:
        """Write an output as JSON that any terminal can show; `options` are those of json.dumps."""
        from tinyflow.core import safe_text

        self.outputs[name].write_text(safe_text.json_text(document, **options), encoding="utf-8")

    def keep_local(self) -> None:
        """Say that these outputs depend on more than the key (a server that was away), so nobody else may get them."""
        (self.folder / LOCAL_MARK).touch()

    def keep_on_failure(self, name: str, content: bytes) -> None:
        """Keep some bytes beside the log if this action fails, for somebody to look at."""
        path = self.folder / ASIDE_FOLDER / name
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)

    def progress(self, text: str) -> None:
        """Say how far this is, in one line: to the log, and to whoever looks on."""
        self.log(text)
        self.show(text)

    def show(self, text: str) -> None:
        """The same to whoever looks on alone."""
        if self.progress_path is not None:
            self.progress_path.parent.mkdir(parents=True, exist_ok=True)
            fresh = self.progress_path.with_suffix(".new")
            fresh.write_text(text, encoding="utf-8")
            fresh.replace(self.progress_path)

    def log(self, line: str) -> None:
        """Add one line to the action's log."""
        with self.log_path.open("a", encoding="utf-8") as log:
            log.write(line + "\n")


def _spelled(word: str | Path, folder: Path) -> str:
    """A word of a command line; a path below `folder` becomes relative to it."""
    if isinstance(word, Path) and word.is_relative_to(folder):
        return str(word.relative_to(folder))
    return str(word)
