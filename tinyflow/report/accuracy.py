"""Accuracy for people: the sides beside each other, classes, what was taken for what. Reads accuracy.json."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from tinyflow.report.metrics import BY_NAME
from tinyflow.report.rows import spell_accuracy, spell_agreement
from tinyflow.report.tables import aligned

Document = Mapping[str, Any]

_FIGURES = {"top1": "top-1", "top5": "top-5", "auc": "AUC"}
_SIDES = ("float", "reference", "firmware")
_MOST_IN_PAGE = 50  # classes up to which a page has the confusion
_NONE = "-"


def accuracy_text(bench: str, document: Document) -> str:
    """What is printed and kept beside the JSON."""
    lines = [f"{bench}: {spell_accuracy({'accuracy': document})}", _of(document)]
    for title, table in tables(document):
        lines += ["", title, *aligned(table, [False, *(True,) * (len(table[0]) - 1)])]
    wrong = document.get("wrong", ())
    if wrong:
        named = ", ".join(
            f"{one['sample']} ({name_of(document, one['label'])} as {name_of(document, one['taken_for'])})"
            for one in wrong
        )
        lines += ["", f"wrong, the first {len(wrong)}: {named}"]
    return "\n".join(lines) + "\n"


def _of(document: Document) -> str:
    """Where the samples are from, and how far the firmware is from the reference on them."""
    told = f"{document['samples']:,} of {document['of']:,} samples of {document['data']}"
    if document["inferences"] != document["samples"]:
        told += f", {document['inferences']:,} windows"
    agreeing = document["agreement"]
    if not agreeing["differing"]:
        return f"{told}; all outputs equal the reference's ({document['reference']})"
    return f"{told}; {agreeing['differing']:,} outputs differ from the reference's: {spell_agreement(agreeing)}"


def tables(document: Document) -> Iterator[tuple[str, Sequence[Sequence[str]]]]:
    """A title and lines of cells, headings first."""
    sides = [side for side in _SIDES if side in document["sides"]]
    names = [name for name in _FIGURES if any(name in document["sides"][side] for side in sides)]
    yield (
        "How right they are",
        [
            ["", *(_FIGURES[name] for name in names)],
            *([side, *(_spell(name, document["sides"][side].get(name)) for name in names)] for side in sides),
        ],
    )
    if "by_class" in document:
        yield (
            "By class",
            [
                ["class", "precision", "recall", "samples", "most taken for"],
                *(
                    [
                        name_of(document, index),
                        *(_spell("top1", each[name]) for name in ("precision", "recall")),
                        f"{each['support']:,}",
                        f"{name_of(document, each['mistaken_for'])}, {each['times']:,} times"
                        if each["times"]
                        else _NONE,
                    ]
                    for index, each in enumerate(document["by_class"])
                ),
            ],
        )


def confusion(document: Document) -> dict[str, Any] | None:
    """The confusion with names, and for each count which share of its row it is; None where there is no room."""
    table = document.get("confusion")
    if not table or len(table) > _MOST_IN_PAGE:
        return None
    names = [name_of(document, index) for index in range(len(table))]
    lines = [
        {"name": name, "cells": [(count, round(100 * count / (sum(row) or 1))) for count in row]}
        for name, row in zip(names, table, strict=True)
    ]
    return {"names": names, "lines": lines}


def name_of(document: Document, label: int) -> str:
    """A class by its name, or its number."""
    classes = document["classes"]
    return str(classes[label]) if label < len(classes) else str(label)


def _spell(metric: str, value: float | None) -> str:
    return _NONE if value is None else BY_NAME[metric].format(value)
