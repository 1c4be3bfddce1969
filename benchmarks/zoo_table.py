"""`python benchmarks/zoo_table.py > docs/zoo.md`, after `doit suite:zoo`: what that measured, and what it refused."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import tinyflow
from tinyflow.core.units import format_count, format_size
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Model
from tinyflow.report.frame import Row

_RECIPES = Path(__file__).parents[1] / "recipes"
_HEAD = """\
# Networks that people run

    doit suite:zoo

Networks of TFLite Micro's examples, MLPerf Tiny v1.3, microWakeWord, MCUNet, MicroNets and OpenMV, by `tinyc`,
`tinyi` and `tvmaotplus` on stm32f7, esp32c3 and this machine. Each recipe (`recipes/models/`) pins its file by a
commit and a digest; it is downloaded, or taken from a folder of `TINYFLOW_MIRRORS` that has `<model>/<model>.tflite`.
`mobilenet_v2` is built from code. Where neither a mirror nor the network has a file, some others are built from code,
too (the same graph, random weights), and the row says `synthetic`; a model without such code fails. What a backend
doesn't take is a row with the reason, and the exit status of the suite is 1.

Written by `python benchmarks/zoo_table.py > docs/zoo.md` from the rows of the suite.

"""


def document() -> str:
    """docs/zoo.md, from the rows of the suite in this project's build folder."""
    return _HEAD + "\n".join(lines(list(tinyflow.results(suite="zoo")))) + "\n"


def lines(rows: list[Row]) -> Iterator[str]:
    """A table of models for each target, and one of what was refused."""
    catalogue = Catalogue([_RECIPES])
    models, backends, targets = (list(dict.fromkeys(str(row[key]) for row in rows)) for key in _KEYS)
    found = {tuple(row[key] for key in _KEYS): row for row in rows}
    yield from ("## The networks", "", "| model | what it is |", "| --- | --- |")
    for model in models:
        yield f"| `{model}` | {catalogue.get(Model, model).description} |"
    for target in targets:
        yield from ("", f"## On {target}", "", "Instructions of one inference, flash, RAM.", "")
        yield f"| model | {' | '.join(f'`{backend}`' for backend in backends)} | output |"
        yield f"| --- |{' ---: |' * len(backends)} --- |"
        for model in models:
            made = [found.get((model, backend, target), {}) for backend in backends]
            verdicts = dict.fromkeys(str(row["validation"]) for row in made if "validation" in row)
            yield f"| `{model}` | {' | '.join(map(_cell, made))} | {', '.join(verdicts) or '–'} |"
    yield from ("", "## What doesn't run", "", "| model | where | reason |", "| --- | --- | --- |")
    reasons: dict[tuple[str, str], list[str]] = {}
    for row in rows:
        if row["status"] != "ok":
            reason = str(row.get("reason", "the output is wrong")).replace(f" (backend {row['backend']})", "")
            reasons.setdefault((str(row["model"]), reason), []).append(f"{row['backend']}-{row['target']}")
    for (model, reason), places in reasons.items():
        yield f"| `{model}` | {_where(places, backends, targets)} | {reason.replace('|', chr(92) + '|')} |"


_KEYS = ("model", "backend", "target")


def _cell(row: Row) -> str:
    if row.get("status") != "ok":
        return "–"
    sizes = [format_size(int(row[name])) for name in ("rom_bytes", "ram_bytes") if name in row]
    return ", ".join([format_count(float(row["invoke_instructions"])), *sizes])


def _where(places: list[str], backends: list[str], targets: list[str]) -> str:
    """Benches of one model; all targets of a backend are the backend."""
    whole = [name for name in backends if all(f"{name}-{target}" in places for target in targets)]
    return ", ".join([*whole, *(place for place in places if place.split("-")[0] not in whole)])


if __name__ == "__main__":
    print(document(), end="")
