"""`python benchmarks/memory_table.py > docs/memory-table.md`, after `doit suite:memory`: RAM by each way."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path

import tinyflow
from tinyflow.core.units import format_count, format_size
from tinyflow.recipes.bench import parse
from tinyflow.recipes.catalogue import Catalogue
from tinyflow.recipes.schema import Figures, Suite
from tinyflow.report.frame import Row

_RECIPES = Path(__file__).parents[1] / "recipes"
_SUITE = "memory"
_HEAD = """\
# RAM of networks

    doit suite:memory
    doit results --suite memory --columns 'bench,ram_bytes,invoke_instructions,output'

By `tinyc` on stm32f7, a Cortex-M7: data, arena and the stack at its highest, the network's input included; and
instructions of one inference. [memory.md](memory.md) says what each way does. Weights are trained, but for
`mobilenet_v2_144`, whose graph is built from code.

Written by `python benchmarks/memory_table.py > docs/memory-table.md` from the rows of the suite.

"""
_BEST = "least by patches"


def document() -> str:
    """docs/memory-table.md, from the rows of the suite in this project's build folder."""
    return _HEAD + "\n".join(lines(list(tinyflow.results(suite=_SUITE)))) + "\n"


def lines(rows: list[Row]) -> Iterator[str]:
    """Each network by each way; those that others tell of, beside ours; what is quicker in equal memory."""
    catalogue = Catalogue([_RECIPES])
    suite = catalogue.get(Suite, _SUITE)
    assert suite.matrix is not None
    ways = ["+".join(features) for features in suite.matrix.features]
    models = list(dict.fromkeys(str(row["model"]) for row in rows))
    found = {(row["model"], row["features"]): row for row in rows if row["status"] == "ok"}
    yield from ("## By each way", "", f"| model | {' | '.join(_heading(way) for way in ways)} | output |")
    yield f"| --- |{' ---: |' * len(ways)} --- |"
    for model in models:
        made = [found.get((model, way), {}) for way in ways]
        verdicts = dict.fromkeys(str(row["validation"]) for row in made if row)
        yield f"| `{model}` | {' | '.join(map(_cell, made))} | {', '.join(verdicts) or '–'} |"
    for published in suite.published:
        figures = catalogue.get(Figures, str(published.figures))
        yield from ("", "## Beside published figures", "", f"{figures.source}.", "")
        yield from (f"- {note}" for note in figures.notes)
        yield from ("", "| model | who | RAM | ours by rows | ours, fed |", "| --- | --- | ---: | --- | --- |")
        yield from _beside(figures.numbers, [row for row in found.values() if "patch" not in str(row["features"])])
    yield from ("", "## Speed in equal memory", "")
    yield "The least RAM that patches reach, and the quickest by rows in no more; of those in the suite, input in RAM."
    yield from ("", f"| model | {_BEST} | rows | times faster |", "| --- | --- | --- | ---: |")
    for model in models:
        yield from _equal(model, [row for row in found.values() if row["model"] == model])


def _heading(way: str) -> str:
    return f"`+{way}`" if way else "chase"


def _cell(row: Row) -> str:
    return f"{format_size(int(row['ram_bytes']))}, {_count(row)}" if row else "–"


def _count(row: Row) -> str:
    return format_count(float(row["invoke_instructions"]))


def _beside(numbers: Mapping[str, Mapping[str, float]], rows: list[Row]) -> Iterator[str]:
    for name, metrics in numbers.items():
        bench = parse(name)
        ours = [row for row in rows if row["model"] == bench.model]
        fed = [row for row in ours if "feed" in str(row["features"])]
        mine = " | ".join(map(_least, ([row for row in ours if row not in fed], fed)))
        who = bench.backend + "".join(f", {feature} {value}".replace("_", ".") for feature, value in bench.features)
        yield f"| `{bench.model}` | {who} | {format_size(int(metrics['ram_bytes']))} | {mine} |"


def _least(rows: list[Row]) -> str:
    least = min(rows, key=lambda row: row["ram_bytes"], default=None)
    return "–" if least is None else f"{_cell(least)}: {_variant(least)}"


def _equal(model: str, rows: list[Row]) -> Iterator[str]:
    """One row, where patches gain anything."""
    patched = [row for row in rows if "patch" in str(row["features"])]
    if not patched:
        return
    least = min(patched, key=lambda row: row["ram_bytes"])
    others = [row for row in rows if row not in patched and "feed" not in str(row["features"])]
    others = [row for row in others if row["ram_bytes"] <= least["ram_bytes"]]
    if not others:
        return
    quickest = min(others, key=lambda row: row["invoke_instructions"])
    times = least["invoke_instructions"] / quickest["invoke_instructions"]
    cells = [f"{_cell(row)}: {_variant(row)}" for row in (least, quickest)]
    yield f"| `{model}` | {cells[0]} | {cells[1]} | {times:.2f} |"


def _variant(row: Row) -> str:
    return f"`+{row['features']}`" if row["features"] else "chase alone"


if __name__ == "__main__":
    print(document(), end="")
