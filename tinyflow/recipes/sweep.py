"""A suite that is typed: benches or models, and what is to be combined with them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import product

from tinyflow.core.errors import UsageError
from tinyflow.recipes.bench import Bench, parse, spell_feature
from tinyflow.recipes.catalogue import KINDS, Catalogue
from tinyflow.recipes.own_model import is_path
from tinyflow.recipes.schema import Backend, Feature, Matrix, Model, Recipe, Suite, Target
from tinyflow.recipes.suite import combine

NAME = "sweep"
_WITHOUT = "+"  # as `doit compare + +dsp` has it


def typed_suite(
    catalogue: Catalogue,
    words: Iterable[str],
    features: Iterable[str],
    backends: Iterable[str] = (),
    targets: Iterable[str] = (),
    name: str = NAME,
) -> Suite:
    """All combinations: each bench or model with each backend and target, and with one entry of each of `features`.

    One of these is a list, `opt.O2,O3` or `+,dsp`. Without targets, or backends, a bench has its own, and always what
    features it has that aren't varied. Raises UsageError, also for names that are none; what doesn't go together is a
    row.
    """
    axes = [_axis(catalogue, text) for text in features]
    found: dict[str, None] = {}
    for word in words:
        own = _bench(catalogue, word)
        kept = _beside(own, axes)
        matrix = Matrix(
            models=(own.model,),
            backends=_names(catalogue, Backend, backends, own.backend, word),
            targets=_names(catalogue, Target, targets, own.target, word),
            features=tuple((*kept, *(each for entry in point for each in entry)) for point in product(*axes)),
        )
        found |= {str(parse(text)): None for text, _ in combine(matrix)}
    return Suite(name=name, description="Typed on the command line", include=tuple(found), unsupported="rows")


def _bench(catalogue: Catalogue, word: str) -> Bench:
    """The bench that is varied; of a model alone it has neither backend nor target."""
    if is_path(word) or catalogue.has(Model, word):
        return Bench(f"./{word}" if is_path(word) and "/" not in word else word, "", "")
    if "-" not in word:
        catalogue.path(Model, word)  # refuses it
    return parse(word.removeprefix("bench:"))


def _beside(own: Bench, axes: Sequence[Sequence[Sequence[str]]]) -> list[str]:
    """The bench's own features that are not varied."""
    varied = {each.partition(".")[0] for axis in axes for entry in axis for each in entry}
    return [spell_feature(name, value) for name, value in own.features if name not in varied]


def _names(catalogue: Catalogue, kind: type[Recipe], given: Iterable[str], own: str, word: str) -> tuple[str, ...]:
    """The backends or targets to combine."""
    names = tuple(dict.fromkeys(name for text in given for name in _split(text))) or ((own,) if own else ())
    noun, plural, *_ = KINDS[kind]
    if not names:
        raise UsageError(f"{word} with which {plural}?", hint=f"for example --{noun} {_EXAMPLES[kind]}")
    for name in names:
        catalogue.path(kind, name)  # refuses one that isn't there
    return names


_EXAMPLES: dict[type[Recipe], str] = {Backend: "tinyc,tvmaotplus", Target: "stm32f4,stm32f7"}


def _axis(catalogue: Catalogue, text: str) -> list[tuple[str, ...]]:
    """`opt.O2,O3`: O2 or O3; `+,dsp,dsp+opt.O2`: none, one, or both."""
    entries: list[tuple[str, ...]] = []
    before = ""  # whose values may follow
    for word in _split(text):
        if word == _WITHOUT:
            entries.append(())
            continue
        parts = tuple(word.split("+"))
        if before and len(parts) == 1 and "." not in word and word in catalogue.get(Feature, before).values:
            parts = (f"{before}.{word}",)
        for part in parts:
            _check(catalogue, part, before)
        before = parts[0].partition(".")[0] if len(parts) == 1 and "." in parts[0] else ""
        entries.append(parts)
    return entries


def _check(catalogue: Catalogue, part: str, before: str) -> None:
    """UsageError for a feature that there isn't, and for a value that it hasn't."""
    name, _, value = part.partition(".")
    if before and not value and not catalogue.has(Feature, name):
        name, value = before, name
    feature = catalogue.get(Feature, name)
    if not value and feature.default is None and (feature.values or feature.value):
        raise UsageError(f'feature "{name}" needs a value', hint=f"it has {', '.join(feature.values) or feature.value}")
    if value and not feature.value and value not in feature.values:
        hint = f"it has {', '.join(feature.values)}" if feature.values else f"write {name}"
        raise UsageError(f'feature "{name}" has no value "{value}"', hint=hint)


def _split(text: str) -> list[str]:
    found = [word.strip() for word in text.split(",")]
    if not all(found):
        raise UsageError(f'"{text}" has an empty entry', hint="for example --feature opt.O2,O3; + means without")
    return found
