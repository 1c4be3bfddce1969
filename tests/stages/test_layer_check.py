"""The layer check: each layer is compared by what the plan says lies where; what isn't has a reason."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tinyflow.core.errors import ValidationError
from tinyflow.model.plan_document import Arena, Layer, PlanDocument, Resident
from tinyflow.stages.comparison import Tolerance
from tinyflow.stages.layer_check import LayerCheck

FIRST, SECOND, WIDE = bytes([1, 2, 3, 4, 5, 6]), bytes([9, 8]), bytes([1, 0, 2, 0, 3, 0, 4, 0])


def layer(index: int, *outputs: int) -> Layer:
    """Of a model whose operators are called by letters."""
    return Layer(index=index, operator="ABCDE"[index], functions=["f"], macs=0, outputs=outputs)


def place(*tensors: int, layout: str = "") -> Resident:
    """Where they lie is of no matter here."""
    return Resident(name="", offset=0, bytes=0, first=0, last=0, tensors=tensors, layout=layout)


def checked(folder: Path, steps: int = 0, missing: str = "", **plan: Any) -> LayerCheck:
    """Layers A to E; tensor 2 is [2, 3], 3 another shape of it, 4 is [2], 5 has two bytes each and channels last."""
    known = [(2, 3, FIRST, "int8"), (3, 6, FIRST, "int8"), (4, 2, SECOND, "int8"), (5, 2, WIDE, "int16")]
    names = ("index", "channels", "bytes", "dtype", "name")
    tensors = [dict(zip(names, (i, c, len(data), kind, f"t{i}"), strict=True)) for i, c, data, kind in known]
    content = b"".join(data for _, _, data, _ in known)
    if missing:
        tensors, content = [], b""
    (folder / "intermediates.json").write_text(json.dumps({"tensors": tensors, "missing": missing}))
    (folder / "intermediates.bin").write_bytes(content)
    said = {"backend": "b", "layers": [layer(0, 2), layer(1, 3), layer(2, 4), layer(3), layer(4, 6)], **plan}
    document = PlanDocument(arena=Arena(), **said)
    made = LayerCheck.of({path.name: path for path in folder.iterdir()}, document, Tolerance(document, steps))
    assert made is not None
    return made


def test_layers_are_compared_or_have_a_reason(tmp_path: Path) -> None:
    """All shapes of what lies in one place at once; a layer has no place, no tensors, or no reference."""
    check = checked(tmp_path)
    check.look(layer(0, 2), place(2, 3), FIRST + b"more")
    verdict = check.verdict()
    assert (verdict["compared"], verdict["of"]) == (2, 5)
    assert [(each["layer"], each["why"].split(":")[0]) for each in verdict["unseen"]] == [
        (2, "no place in memory holds what it computes"),
        (3, "it computes no tensor, but may change state"),
        (4, "the reference doesn't tell what it computes"),
    ]
    check.refuse()


def test_a_plan_without_tensors_says_nothing_of_layers(tmp_path: Path) -> None:
    """A generator of one's own."""
    check = checked(tmp_path, layers=[layer(0), layer(1)])
    assert {each["why"] for each in check.verdict()["unseen"]} == {"the plan doesn't tell its tensors"}


@pytest.mark.parametrize(("missing", "unseen"), [("too large", ""), ("", "nothing sees calls")])
def test_one_reason_for_all_is_told(tmp_path: Path, missing: str, unseen: str) -> None:
    """No reference, or nobody who looks."""
    check = checked(tmp_path, missing=missing)
    check.unseen = unseen
    assert {each["why"] for each in check.verdict()["unseen"] if each["layer"] != 3} == {missing or unseen}


def test_the_first_wrong_layer_is_named(tmp_path: Path) -> None:
    """With tensor, element and both values, also where the network's outputs hide it."""
    check = checked(tmp_path)
    check.look(layer(0, 2), place(2), FIRST[:5] + b"\x16")
    check.look(layer(2, 4), place(4), b"\0\0")
    assert check.words() == "the first wrong layer is 0 A: t2[5]: expected 6, got 22"
    with pytest.raises(ValidationError, match="layer 0 A differs from the reference by up to 16") as caught:
        check.refuse()
    assert caught.value.layer == 0


def test_a_wrong_result_over_an_input_says_so(tmp_path: Path) -> None:
    """With its address, and the input that the kernel may have overwritten; not where it lies apart from all."""
    lying = {"x": (8, 6), "y": (12, 2), "far": (40, 2)}  # the layer reads them last
    made = {name: Resident(name=name, offset=a, bytes=n, first=0, last=2) for name, (a, n) in lying.items()}
    over, apart = (Resident(name="z", offset=at, bytes=6, first=2, last=3, tensors=(4,)) for at in (3, 20))
    for output, words in ((over, "at model_arena+4; it lies over x (model_arena+8, 6 bytes): a kernel"), (apart, "")):
        check = checked(tmp_path)
        arena = Arena(symbol="model_arena", bytes=64, tensors=(*made.values(), output))
        check.plan = PlanDocument(backend="b", layers=check.plan.layers, arena=arena)
        check.look(layer(2, 4), output, bytes([9, 7]))
        assert f"t4[1]: expected 8, got 7 {words}".strip() in check.words()
        assert ("lies over" in check.words()) == bool(words)


def test_layers_have_the_tolerance_of_outputs(tmp_path: Path) -> None:
    """In steps, as the backend's recipe or the plan has it."""
    for made in (checked(tmp_path, steps=2), checked(tmp_path, tolerance=2)):
        made.look(layer(2, 4), place(4), b"\x0b\x08")
        made.refuse()


def test_outermost_channels_are_put_in_order(tmp_path: Path) -> None:
    """Of elements of one byte and of two; a flat shape of the same lies in the same order."""
    check = checked(tmp_path)
    check.look(layer(0, 2), place(2, 3, layout="NCHW"), bytes([1, 4, 2, 5, 3, 6]))
    check.look(layer(0, 5), place(5, layout="NCHW"), bytes([1, 0, 3, 0, 2, 0, 4, 0]))
    check.refuse()
    assert check.compared == {2, 3, 5}
    check = checked(tmp_path)
    check.look(layer(0, 2), place(2, layout="NCHW"), FIRST)
    assert check.wrong is not None


def test_who_has_no_intermediates_checks_nothing() -> None:
    """An interpreter's bench."""
    document = PlanDocument(backend="b")
    assert LayerCheck.of({}, document, Tolerance(document, 0)) is None
