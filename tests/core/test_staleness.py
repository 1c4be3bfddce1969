"""The look at very many actions at once: the note of an empty run saves work, and nothing that changed escapes it."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given
from hypothesis import strategies as st
from tests_support import examples

from tinyflow.core import digest, identity, staleness
from tinyflow.core.action import Action, SourceFile, Workspace
from tinyflow.core.errors import ToolError
from tinyflow.core.execute import Session


def pair(workspace: Workspace) -> None:
    """Write the text of all inputs, once as a file and once inside a tree."""
    text = "".join(path.read_text() for _, path in sorted(workspace.inputs.items()))
    workspace.outputs["text"].write_text(text)
    (workspace.outputs["tree/"] / "text").write_text(text.upper())


class Pairs:
    """Three sources; three actions over them, the last of which needs the others."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.paths = [folder / f"source{number}" for number in range(3)]
        for number, path in enumerate(self.paths):
            path.write_text(f"source {number}\n")

    def actions(self) -> list[Action]:
        """The actions, made anew as every command makes them."""
        made: list[Action] = []
        for number, path in enumerate(self.paths):
            before = {str(action.parameters["number"]): action.output("text") for action in made} if number == 2 else {}
            made.append(
                Action(
                    stage="pair",
                    title=f"pair {number}",
                    function=f"{__name__}:pair",
                    outputs=("text", "tree/"),
                    parameters={"number": number},
                    inputs={"source": SourceFile(path, "source"), **before},
                )
            )
        return made

    def session(self) -> Session:
        """A session over this folder's cache and state."""
        return Session(self.folder / "cache", self.folder / "state")

    def stale(self) -> list[str]:
        """Titles of what is not up to date, as a new session sees it."""
        session = self.session()
        try:
            return [action.title for action in session.stale(self.actions())]
        finally:
            session.close()

    def build(self) -> None:
        """Execute everything."""
        session = self.session()
        for action in self.actions():
            session.execute(action)
        session.close()

    def blob(self, text: str) -> Path:
        """The blob that holds a text."""
        name = digest.of_bytes(text.encode()).removeprefix("sha256:")
        return self.folder / "cache" / "cas" / name[:2] / name[2:]


@pytest.fixture
def pairs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Pairs:
    """Everything built, and noted to be so."""
    monkeypatch.setattr(staleness, "MANY", 1)
    found = Pairs(tmp_path)
    found.build()
    assert found.stale() == []
    return found


def test_an_empty_run_reads_no_record(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second empty run compares the note of the first; outputs are known all the same."""
    monkeypatch.setattr("tinyflow.core.records.Records.seals", None)  # calling it would fail
    session = pairs.session()
    actions = pairs.actions()
    assert session.stale(actions) == []
    assert session.output_path(actions[2], "text").read_text() == "source 0\nsource 1\nsource 2\n"
    session.copy_output(actions[1], "tree/", pairs.folder / "copy")
    assert (pairs.folder / "copy" / "text").read_text() == "SOURCE 1\n"
    session.close()


def edit(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another text in a source."""
    pairs.paths[1].write_text("edited\n")


def swap(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The same sources, but each for the other action: the set of files and their contents stay."""
    pairs.paths[0], pairs.paths[1] = pairs.paths[1], pairs.paths[0]


def lose_output(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    """An output file is gone."""
    pairs.blob("source 1\n").unlink()


def lose_leaf(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file inside an output tree is gone."""
    pairs.blob("SOURCE 1\n").unlink()


def lose_source(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    """A source is gone."""
    pairs.paths[1].unlink()


def change_machine(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another kind of machine, or any other fact of the maker."""
    monkeypatch.setattr(identity, "of_machine", lambda: "another")


def forget(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    """What one action made is known no longer, since its record was damaged."""
    session = pairs.session()
    with session.records._database as database:
        database.execute("UPDATE records SET digest = '' WHERE id = ?", (pairs.actions()[1].id,))
        database.execute("DELETE FROM notes")
    session.close()


def lose_cache(pairs: Pairs, monkeypatch: pytest.MonkeyPatch) -> None:
    """The whole cache is gone."""
    shutil.rmtree(pairs.folder / "cache")


@pytest.mark.parametrize(
    "change", [edit, swap, lose_output, lose_leaf, lose_source, change_machine, forget, lose_cache]
)
def test_every_change_is_seen(
    pairs: Pairs, monkeypatch: pytest.MonkeyPatch, change: Callable[[Pairs, pytest.MonkeyPatch], None]
) -> None:
    """With the note and without it the same actions are stale, and there are some."""
    change(pairs, monkeypatch)
    with_note = pairs.stale()
    monkeypatch.setattr("tinyflow.core.records.Records.note", lambda self, facts: None)
    assert with_note == pairs.stale() != []


def exchanged(note: str) -> str:
    """A note that gives the first action what the second made."""
    checked, first, second, rest = note.split("\n", 3)
    return "\n".join([checked, second, first, rest])


def cut(text: str, at: int) -> st.SearchStrategy[str]:
    """A text that ends at some place, or has another character or none there."""
    ends = st.sampled_from(["", "0", "\n", " "]).map(lambda other: text[:at] + other + text[at + 1 :])
    return ends | st.just(text[:at])


@examples(40, HealthCheck.function_scoped_fixture)
@given(st.data())
def test_a_damaged_note_is_no_note(pairs: Pairs, data: st.DataObject) -> None:
    """Whatever befell its text, nothing is taken from it that was not written."""
    session = pairs.session()
    ((facts, text),) = session.records._database.execute("SELECT facts, text FROM notes").fetchall()
    damaged = data.draw(st.just(exchanged(text)) | st.integers(0, len(text) - 1).flatmap(lambda at: cut(text, at)))
    pairs.blob("source 0\n").rename(pairs.folder / "aside")
    session.records.put_note(facts, damaged)
    assert session.stale(pairs.actions()) != []
    (pairs.folder / "aside").rename(pairs.blob("source 0\n"))
    session.records.put_note(facts, damaged)
    actions = pairs.actions()
    assert session.stale(actions) == []
    assert session.output_path(actions[0], "text").read_text() == "source 0\n"
    session.records.put_note(facts, text)
    session.close()


def test_code_that_is_edited_while_it_runs_makes_no_result(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was made by nobody knows which code is not kept under the key of the code that was there before."""
    module = tmp_path / "edited_stage.py"
    text = "def stage(workspace):\n    workspace.outputs['text'].write_text('one')\n"
    module.write_text(text + f"    open({str(module)!r}, 'a').write('# edited\\n')\n")
    monkeypatch.syspath_prepend(tmp_path)
    action = Action(stage="odd", title="odd", function="edited_stage:stage", outputs=("text",))
    session = Session(tmp_path / "cache", tmp_path / "state")
    with pytest.raises(ToolError, match="the code of odd was edited while it ran"):
        session.execute(action)
    assert not list((tmp_path / "cache").rglob("results/*/*"))
    session.close()
