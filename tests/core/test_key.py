"""Action ids and keys: everything that decides the outputs is in them, nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tests_support import NO_MEMO

from tinyflow.core import key
from tinyflow.core.action import Action, SourceFile, Tool, canonical
from tinyflow.core.errors import ToolError

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5) | st.floats(allow_nan=False, allow_infinity=False),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
parameters = st.dictionaries(st.text(max_size=5), json_values, max_size=4)


def action(**changes: Any) -> Action:
    """An action with some fields changed."""
    fields: dict[str, Any] = {"stage": "s", "title": "t", "function": "test_key:action", "outputs": ("o",)}
    return Action(**(fields | changes))


def text(**changes: Any) -> str:
    """Its key text."""
    inputs = changes.pop("digests", {})
    made = action(**changes)
    return key.key_text(made, inputs, key.toolset_facts(made, NO_MEMO)[0])


@given(parameters, parameters)
def test_different_parameters_have_different_texts(one: dict[str, Any], two: dict[str, Any]) -> None:
    """No two values share a key text, however their texts are made up."""
    same = canonical(one) == canonical(two)
    assert (text(parameters=one) == text(parameters=two)) == same
    assert (action(parameters=one).id == action(parameters=two).id) == same


@given(parameters)
def test_text_has_one_fact_a_line(values: dict[str, Any]) -> None:
    """Whatever a value holds, it can't begin a line of its own."""
    for line in text(parameters=values).rstrip("\n").split("\n"):
        assert line.split(" ")[0] in {"tinyflow", "stage", "implementation", "environment", "parameter", "output"}


@given(parameters)
def test_order_of_keys_is_no_difference(values: dict[str, Any]) -> None:
    """The order in which a mapping was filled is not in the id nor in the key."""
    backwards = dict(reversed(values.items()))
    assert action(parameters=values).id == action(parameters=backwards).id
    assert text(parameters=values) == text(parameters=backwards)


def test_title_and_limits_are_not_in_the_key() -> None:
    """What decides no output leaves id and key alone."""
    assert action(title="other", timeout_s=1, isolated=True).id == action().id
    assert text(title="other", timeout_s=1, isolated=True) == text()


def test_id_has_no_path_of_this_machine(tmp_path: Path) -> None:
    """A source file counts by its name, wherever it lies."""
    ids = {action(inputs={"x": SourceFile(tmp_path / place, "x.c")}).id for place in ("a", "b")}
    assert len(ids) == 1


@pytest.mark.parametrize(
    ("changes", "fact"),
    [
        ({"parameters": {"level": 3}}, "parameter level: 2 → 3"),
        ({"parameters": {}}, "parameter level: gone, was 2"),
        ({"digests": {"x": "sha256:b"}}, "input x: sha256:a → sha256:b"),
        ({"outputs": ("o", "p")}, "output p: new"),
    ],
)
def test_differences_name_fact_old_and_new(changes: dict[str, Any], fact: str) -> None:
    """A changed fact is told in one line."""
    before: dict[str, Any] = {"parameters": {"level": 2}, "digests": {"x": "sha256:a"}}
    [line] = [line for line in key.differences(text(**before), text(**(before | changes))) if not line.endswith("{}")]
    assert line == fact


def test_changed_tool_version_is_told() -> None:
    """The version of a tool is a fact of its own."""
    now = text(tools=(Tool("package", "pytest"),))
    then = "\n".join('tool pytest "0.1"' if line.startswith("tool ") else line for line in now.splitlines()) + "\n"
    [line] = key.differences(then, now)
    assert line == f'tool pytest: "0.1" → {json.dumps(pytest.__version__)}'


def test_missing_package_is_named() -> None:
    """A tool that is not installed is an error with exit status 3."""
    with pytest.raises(ToolError, match="no-such-thing is not installed") as caught:
        text(tools=(Tool("package", "no-such-thing"),))
    assert caught.value.exit_status == 3
