"""Text to values: what is doubtful is refused, at its place."""

from __future__ import annotations

import json
from typing import Any

import pytest
import yaml as pyyaml
from hypothesis import given
from hypothesis import strategies as st

from tinyflow.core.errors import RecipeError
from tinyflow.recipes import yaml
from tinyflow.recipes.yaml import Place

# Without characters that no YAML file may hold, and without line ends, which YAML folds.
_TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc", "Cn", "Co", "Zl", "Zp"), exclude_characters="\ufeff"))
_SCALARS = st.none() | st.booleans() | st.integers(-(2**64), 2**64) | st.floats(allow_nan=False, allow_infinity=False)
_TREES = st.recursive(
    _SCALARS | _TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(_TEXT, inner, max_size=4),
    max_leaves=12,
)


def _faults(text: str) -> list[tuple[int, int, str]]:
    found = sorted(yaml.parse(text.encode()).problems)
    return [(problem.place.line, problem.place.column, problem.text) for problem in found]


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0x08000000", 0x08000000),
        ("-12", -12),
        ("1.0e6", 1e6),
        ("2e3", 2000.0),
        ("1:30", "1:30"),
        ("2026-01-01", "2026-01-01"),
        ("512KiB", "512KiB"),
        ("'010'", "010"),
        ('"no"', "no"),
        ("True", True),
        ("~", None),
        ("", None),
        ("1_000", "1_000"),
        (".inf", ".inf"),
    ],
)
def test_scalars_follow_the_core_schema_of_yaml_1_2(text: str, value: object) -> None:
    """Numbers, truth values and null are those of YAML 1.2; sexagesimals, dates and underscores are text."""
    document = yaml.parse(f"a: {text}\n".encode())
    assert {"a": value} == document.value
    assert type(value) is type(document.value["a"])
    assert document.problems == []


@pytest.mark.parametrize("word", ["yes", "No", "ON", "off"])
def test_words_that_yaml_1_1_takes_for_truth_values_are_refused(word: str) -> None:
    """Neither reading is taken, since half of all readers would be surprised."""
    ((line, column, text),) = _faults(f"a:\n  - {word}\n")
    assert (line, column) == (2, 5)
    assert f'"{word}" is a truth value to some readers' in text


@pytest.mark.parametrize("number", ["010", "-07", "0o17", "00"])
def test_numbers_that_may_be_octal_are_refused(number: str) -> None:
    """`010` is eight or ten, depending on the reader."""
    ((_, column, text),) = _faults(f"a: {number}\n")
    assert column == 4
    assert "octal" in text


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("a: 1\nb: 2\na: 3\n", (3, 1, 'key "a" a second time; the first is on line 1')),
        ("a: &x 1\n", (1, 4, 'anchor "&x"; recipes have none')),
        ("a: *x\n", (1, 4, 'alias "*x"; write the value again')),
        ("a: !!int 1\n", (1, 4, 'tag "tag:yaml.org,2002:int"; recipes have none')),
        ("a: 1\n---\nb: 2\n", (2, 1, "a second document; one recipe is one file")),
        ("? [a]\n: b\n", (1, 3, "a key must be plain text")),
        (f"a: {'9' * 5000}\n", (1, 4, "a number too large for any chip")),
        ("a: 1e999\n", (1, 4, "a number too large for any chip")),
        ("a: \x01\n", (1, 4, "character U+0001 can't be in YAML")),
        ("[" * 5000, (1, 21, "nested more than 20 levels deep")),
    ],
)
def test_what_recipes_have_no_use_for_is_refused_at_its_place(text: str, fault: tuple[int, int, str]) -> None:
    """Line and column are those of the offending part."""
    assert [fault] == _faults(text)


@pytest.mark.parametrize("loader", [yaml._LOADER, pyyaml.SafeLoader, None], ids=["usual", "portable", "none"])
@pytest.mark.parametrize("text", ["[" * 5000, "{" * 5000, "a: {b: [" * 5000, "[\n" * 5000])
def test_nesting_is_bounded_whatever_the_parser(text: str, loader: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """No parser is even asked: what it says, and when, depends on its release."""
    monkeypatch.setattr(yaml, "_LOADER", loader)
    ((_, _, fault),) = _faults(text)
    assert fault == "nested more than 20 levels deep"


def test_brackets_in_text_are_text() -> None:
    """As many as no parser has trouble with."""
    text = f"a: '{'[' * 99}'\nb: '{']{' * 5000}'\n"
    assert _faults(text) == []
    ((_, column, fault),) = _faults("[" * 40)  # the exact limit is the reader's own
    assert (column, fault) == (21, "nested more than 20 levels deep")


def test_bytes_that_are_no_text_are_refused_at_their_place() -> None:
    """UTF-8 is the only encoding."""
    (problem,) = yaml.parse(b"a: 1\nb: \xff\n").problems
    assert yaml.Problem(Place(2, 4), "not UTF-8 text") == problem


def test_a_syntax_error_says_where() -> None:
    """What libyaml complains of keeps its place."""
    ((line, _, text),) = _faults("a: 1\nb: [1\n")
    assert line == 3
    assert text.startswith("not YAML: ")


def test_all_problems_are_said_at_once_in_the_order_of_the_file() -> None:
    """One RecipeError has a line for each."""
    document = yaml.parse(b"a: no\nb: 010\na: 1\n")
    with pytest.raises(RecipeError) as refusal:
        yaml.refuse("recipes/x.yaml", document.problems)
    lines = str(refusal.value).splitlines()
    assert [line.split(": ")[0] for line in lines] == ["recipes/x.yaml:1:4", "recipes/x.yaml:2:4", "recipes/x.yaml:3:1"]


def test_every_value_has_a_place_and_so_has_what_is_missing() -> None:
    """A path that doesn't exist has the place of what is around it."""
    document = yaml.parse(b"memory:\n  - {name: flash, length: 2MiB}\n")
    assert Place(2, 27) == document.place(("memory", 0, "length"))
    assert Place(2, 5) == document.place(("memory", 0, "origin"))
    assert Place(2, 19) == document.keys[("memory", 0, "length")]


@given(_TREES)
def test_json_is_read_as_json(tree: object) -> None:
    """Quoted text stays what it is, numbers keep value and type, structure is kept: YAML 1.2 contains JSON."""
    text = json.dumps({"top": tree}, ensure_ascii=False)
    document = yaml.parse(text.encode())
    assert document.problems == []
    assert text == json.dumps(document.value, ensure_ascii=False)


@given(st.binary(max_size=200) | st.text(alphabet="ab:-[]{}?&*!|>'\"#,%@` \n\t~0x1.e", max_size=60).map(str.encode))
def test_any_bytes_are_read_or_refused(content: bytes) -> None:
    """Nothing but problems comes of nonsense, and every problem lies within the text."""
    for problem in yaml.parse(content).problems:
        assert 1 <= problem.place.line <= content.count(b"\n") + content.count(b"\r") + 3
        assert problem.place.column >= 1


@given(st.text(alphabet="ab:-[]{}?&*!|>'\"#, \n01.e", max_size=60))
def test_both_parsers_of_pyyaml_give_the_same(text: str) -> None:
    """Where libyaml is missing, the same recipes are right and mean the same."""
    content = text.encode()
    native = yaml.parse(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(yaml, "_LOADER", pyyaml.SafeLoader)
        portable = yaml.parse(content)
    if not native.problems and not portable.problems:
        assert native.value == portable.value


@pytest.mark.parametrize("loader", ["CSafeLoader", "SafeLoader"])
@pytest.mark.parametrize("text", ['a: "\\ud800"\n', '"\\udfff": 1\n', 'a: ["x\\udc80"]\n'])
def test_half_a_letter_is_refused(monkeypatch: pytest.MonkeyPatch, loader: str, text: str) -> None:
    """What no file and no key can hold is refused at its place, whichever parser there is."""
    if not hasattr(pyyaml, loader):
        pytest.skip("PyYAML is here without libyaml")
    monkeypatch.setattr(yaml, "_LOADER", getattr(pyyaml, loader))
    document = yaml.parse(text.encode())
    assert [problem.place.line for problem in document.problems] == [1]
