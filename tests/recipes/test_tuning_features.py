"""Which benches can be tuned; the others are told why not."""

from __future__ import annotations

import pytest

from tinyflow.core.errors import UsageError
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue, data_folder
from tinyflow.recipes.resolve import resolve

CATALOGUE = Catalogue([data_folder() / "recipes"])


@pytest.mark.parametrize(
    ("bench", "reason"),
    [
        ("aww-tvmaotplus-host+tuned", "instruction set host"),
        ("aww-tvmaotplus-host+tune.16", "instruction set host"),
        ("aww-tinyc-stm32f7+tuned", "backend tinyc"),
        ("aww-tvmaotplus-stm32f7+tune.16+tuned", "both set tuning"),
        ("aww-tvmaotplus-stm32f7+tune", "needs"),
        ("aww-tvmaotplus-stm32f7+tune.many", "many"),
    ],
)
def test_what_cannot_be_tuned_is_refused(bench: str, reason: str) -> None:
    """With the name at fault, and a hint."""
    with pytest.raises(UsageError, match=reason.replace(".", r"\.")) as caught:
        resolve(parse(bench), CATALOGUE)
    assert caught.value.hint


@pytest.mark.parametrize("bench", ["aww-tvmaot-stm32f4", "aww-tvmllvm-stm32f7+dsp", "aww-tvmaotplus-esp32c3+opt.Os"])
def test_records_are_looked_for_where_they_belong(bench: str) -> None:
    """By processor, the compiler of the kernels and level; a search's trials are any number."""
    resolved = resolve(parse(f"{bench}+tune.24"), CATALOGUE)
    assert resolved.settings.tuning == "24"
    place = resolve(parse(f"{bench}+tuned"), CATALOGUE).tuning_place
    assert place == resolved.tuning_place
    assert place["toolchain"] == ("llvm" if "llvm" in bench else "zig")
    assert place["optimise"] == ("Os" if "Os" in bench else "O3")
