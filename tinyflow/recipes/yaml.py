"""YAML text to plain values, each with its line and column; all that is doubtful is refused, all refusals at once.

PyYAML's parser (libyaml where its wheel has it) gives events; values are made here, so that none of YAML 1.1's traps
is left: no key counts twice, no `no` becomes false, no `010` becomes 8. Anchors, aliases, tags and further documents
are refused too. It knows nothing of what a recipe may hold.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NamedTuple, NoReturn

import yaml
from yaml.events import (
    AliasEvent,
    CollectionStartEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

from tinyflow.core.errors import RecipeError
from tinyflow.core.safe_text import is_encodable

Value = Any  # str, int, float, bool, None, list[Value] or dict[str, Value]
Steps = tuple[Any, ...]  # keys and indices from the top to a value: ("memory", 1, "length")

# Both classes have the same `parse`; libyaml's is ten times as fast.
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
# A recipe needs five; the limit keeps hostile text from exhausting the stack.
_DEPTH_LIMIT = 20
# Brackets left open, in text too, that no parser is given: with thousands of them some releases of libyaml refuse in
# words of their own, and others take long. Below that any parser is quick, and the depth limit is exact.
_BRACKETS_LIMIT = 100
# Python refuses to read integers of more than 4300 digits; no size, address or seed has more than 20.
_DIGITS_LIMIT = 40

_INTEGER = re.compile(r"[-+]?(0|[1-9][0-9]*)|0x[0-9a-fA-F]+")
_FLOAT = re.compile(r"[-+]?([0-9]+\.[0-9]*|\.[0-9]+|[0-9]+(?=[eE]))([eE][-+]?[0-9]+)?")
_LEADING_ZERO = re.compile(r"[-+]?0[0-9_]+|0o[0-7]+")
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_DOUBTFUL_WORDS = {"yes": "true", "on": "true", "no": "false", "off": "false"}


class Place(NamedTuple):
    """Where something is in a file; both count from 1."""

    line: int
    column: int


class Problem(NamedTuple):
    """One refusal and its place."""

    place: Place
    text: str


@dataclass
class Document:
    """A file's value and where each part of it stands."""

    value: Value = None
    places: dict[Steps, Place] = field(default_factory=dict)  # of each value
    keys: dict[Steps, Place] = field(default_factory=dict)  # of each mapping's keys
    words: dict[Place, str] = field(default_factory=dict)  # those that stand for nothing, or are a truth value
    problems: list[Problem] = field(default_factory=list)

    def place(self, steps: Steps) -> Place:
        """Where the value at `steps` stands, or the nearest value around it."""
        while steps and steps not in self.places:
            steps = steps[:-1]
        return self.places.get(steps, Place(1, 1))


def refuse(file: str, problems: list[Problem]) -> NoReturn:
    """Raise one RecipeError that lists all problems in the order of the file, each as `file:line:column: text`."""
    ordered = sorted(set(problems))
    where = [f"{file}:{problem.place.line}:{problem.place.column}" for problem in ordered]
    rest = [f"{place}: {problem.text}" for place, problem in zip(where[1:], ordered[1:], strict=True)]
    raise RecipeError("\n".join([ordered[0].text, *rest]), where=where[0])


def parse(content: bytes) -> Document:
    """Read one document. Nothing is raised: what is wrong is in `problems`, and `value` holds what could be read."""
    document = Document()
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError as error:
        before = content[: error.start].decode("utf-8")
        document.problems.append(Problem(_end_of(before), "not UTF-8 text"))
        return document
    try:
        _check_brackets(text)
        _Composer(document, yaml.parse(text, Loader=_LOADER)).compose()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        place = Place(mark.line + 1, mark.column + 1) if mark else Place(1, 1)
        document.problems.append(Problem(place, f"not YAML: {error.problem or error.context}"))
    except yaml.reader.ReaderError as error:
        place = _end_of(text[: error.position])
        document.problems.append(Problem(place, f"character U+{_code_point(error):04X} can't be in YAML"))
    except _TooDeepError as error:
        document.problems.append(Problem(error.place, f"nested more than {_DEPTH_LIMIT} levels deep"))
    return document


class _TooDeepError(Exception):
    def __init__(self, place: Place) -> None:
        super().__init__()
        self.place = place


def _check_brackets(text: str) -> None:
    """Raise _TooDeepError, whichever parser there is, for more open brackets than any recipe has."""
    opened: list[int] = []
    for bracket in re.finditer(r"[\[\]{}]", text):
        if bracket[0] in "[{":
            opened.append(bracket.start())
            if len(opened) > _BRACKETS_LIMIT:
                raise _TooDeepError(_end_of(text[: opened[_DEPTH_LIMIT]]))
        elif opened:
            opened.pop()


class _Composer:
    """Makes values of one stream of parser events."""

    def __init__(self, document: Document, events: Iterator[Event]) -> None:
        self.document = document
        self.events = events

    def compose(self) -> None:
        documents = 0
        for event in self.events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1:
                    self._refuse(_place(event), "a second document; one recipe is one file")
                    return
            elif isinstance(event, NodeEvent):  # the start of a value
                self.document.value = self._value(event, ())

    def _value(self, event: Event, steps: Steps) -> Value:
        place = _place(event)
        self.document.places.setdefault(steps, place)
        self._refuse_odd(event, place)
        if isinstance(event, (MappingStartEvent, SequenceStartEvent)) and len(steps) >= _DEPTH_LIMIT:
            raise _TooDeepError(place)
        if isinstance(event, MappingStartEvent):
            return self._mapping(steps)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(steps)
        return self._scalar(event, place) if isinstance(event, ScalarEvent) else None

    def _refuse_odd(self, event: Event, place: Place) -> None:
        """Refuse indirection, and letters that are none."""
        if isinstance(event, AliasEvent):
            self._refuse(place, f'alias "*{event.anchor}"; write the value again')
        elif isinstance(event, NodeEvent) and event.anchor is not None:
            self._refuse(place, f'anchor "&{event.anchor}"; recipes have none')
        if isinstance(event, (ScalarEvent, CollectionStartEvent)) and event.tag is not None:
            self._refuse(place, f'tag "{event.tag}"; recipes have none')
        if isinstance(event, ScalarEvent) and not is_encodable(event.value):
            self._refuse(place, 'half of a surrogate pair, such as "\\ud800", is not a character')

    def _mapping(self, steps: Steps) -> dict[str, Value]:
        entries: dict[str, Value] = {}
        for event in self.events:
            if isinstance(event, MappingEndEvent):
                break
            self._entry(event, steps, entries)
        return entries

    def _entry(self, event: Event, steps: Steps, entries: dict[str, Value]) -> None:
        place = _place(event)
        if not isinstance(event, ScalarEvent):
            self._refuse(place, "a key must be plain text")
            self._value(event, (*steps, None))
            self._value(next(self.events), (*steps, None))
            return
        self._refuse_odd(event, place)
        key, steps = event.value, (*steps, event.value)
        value = self._value(next(self.events), steps)
        if key in entries:
            first = self.document.keys[steps]
            self._refuse(place, f'key "{key}" a second time; the first is on line {first.line}')
            return
        self.document.keys[steps] = place
        entries[key] = value

    def _sequence(self, steps: Steps) -> list[Value]:
        items: list[Value] = []
        for event in self.events:
            if isinstance(event, SequenceEndEvent):
                break
            items.append(self._value(event, (*steps, len(items))))
        return items

    def _scalar(self, event: ScalarEvent, place: Place) -> Value:
        """The value of plain text by YAML 1.2's core schema; quoted text stays text."""
        text = event.value
        if event.style:  # quoted or block text
            return text
        if text.lower() in _DOUBTFUL_WORDS:
            word = _DOUBTFUL_WORDS[text.lower()]
            self._refuse(place, f'"{text}" is a truth value to some readers, text to others; write {word}, or quote it')
        elif _LEADING_ZERO.fullmatch(text):
            self._refuse(place, f'"{text}" is octal to some readers, decimal to others; drop the zero, or quote it')
        if text.lower() in _WORDS:
            self.document.words[place] = text
            return _WORDS[text.lower()]
        if _INTEGER.fullmatch(text) or _FLOAT.fullmatch(text):
            return self._number(text, place)
        return text

    def _number(self, text: str, place: Place) -> int | float:
        number = float(text) if _FLOAT.fullmatch(text) else int(text[:_DIGITS_LIMIT], 0)
        if len(text) > _DIGITS_LIMIT or abs(number) == float("inf"):
            self._refuse(place, "a number too large for any chip")
            return 0
        return number

    def _refuse(self, place: Place, text: str) -> None:
        self.document.problems.append(Problem(place, text))


def _place(event: Event) -> Place:
    mark = event.start_mark
    return Place(mark.line + 1, mark.column + 1) if mark is not None else Place(1, 1)


def _end_of(text: str) -> Place:
    return Place(text.count("\n") + 1, len(text) - (text.rfind("\n") + 1) + 1)


def _code_point(error: yaml.reader.ReaderError) -> int:
    return error.character if isinstance(error.character, int) else ord(error.character)
