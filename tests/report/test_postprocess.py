"""Steps of a suite's recipe: each makes the table that its words promise."""

from __future__ import annotations

from typing import Any

import pytest

from tinyflow.core.errors import UsageError
from tinyflow.recipes.schema import Against, Group, Pivot, Step
from tinyflow.report.frame import Frame
from tinyflow.report.postprocess import apply

COLUMNS = ("bench", "model", "backend", "target", "features", "ram_bytes", "invoke_s")


def row(model: str, backend: str, ram: int | None, **more: Any) -> dict[str, Any]:
    """One bench on one chip."""
    naming = {"bench": f"{model}-{backend}-chip", "model": model, "backend": backend, "target": "chip", "features": ""}
    return naming | ({} if ram is None else {"ram_bytes": ram}) | more


FRAME = Frame(
    COLUMNS,
    (
        row("vww", "one", 4096, invoke_s=0.002),
        row("vww", "two", 2048),
        row("aww", "one", 1024),
        row("aww", "two", 1024),
        row("ic", "two", None),
    ),
)


def test_steps_are_done_in_order() -> None:
    """Each works on what the one before it made."""
    made = apply(
        [
            Step(where="ram_bytes > 1KiB"),
            Step(compute={"half": "ram_bytes / 2"}),
            Step(rename={"half": "half_bytes"}),
            Step(sort=("half_bytes",)),
            Step(choose=("bench", "half_*")),
        ],
        FRAME,
    )
    assert list(made) == [
        {"bench": "vww-two-chip", "half_bytes": 1024.0},
        {"bench": "vww-one-chip", "half_bytes": 2048.0},
    ]


def test_scaling_puts_the_unit_in_the_name() -> None:
    """Bytes to KiB, seconds to ms, anything to thousands; what is not measured stays so."""
    made = apply([Step(scale={"ram_bytes": "KiB", "invoke_s": "ms"})], FRAME)
    assert made.columns[-2:] == ("ram_KiB", "invoke_ms")
    assert (made[0]["ram_KiB"], made[0]["invoke_ms"]) == (4.0, 2.0)
    assert "ram_KiB" not in made[4] or made[4]["ram_KiB"] is None


@pytest.mark.parametrize(
    ("aggregate", "value"),
    [("mean", 2560), ("geomean", 2048), ("median", 2560), ("sum", 5120), ("min", 1024), ("max", 4096), ("count", 2)],
)
def test_groups_take_what_was_asked(aggregate: Any, value: float) -> None:
    """Rows without a value don't count."""
    made = apply([Step(group=Group(by=("backend",), take={"ram_bytes": aggregate}))], FRAME)
    assert made[0] == {"backend": "one", "ram_bytes": pytest.approx(value)}
    assert [row["backend"] for row in made] == ["one", "two"]


def test_pivot_makes_columns_of_values() -> None:
    """A cell for each pair; empty where no row is."""
    made = apply([Step(pivot=Pivot(rows=("model",), columns="backend", values="ram_bytes"))], FRAME)
    assert made.columns == ("model", "one", "two")
    assert list(made)[:2] == [{"model": "vww", "one": 4096, "two": 2048}, {"model": "aww", "one": 1024, "two": 1024}]


@pytest.mark.parametrize(("how", "value"), [("ratio", 0.5), ("difference", -2048), ("percent", -50)])
def test_rows_are_compared_with_their_counterpart(how: Any, value: float) -> None:
    """The row that differs in the named column only; none where there is no such row."""
    made = apply([Step(compare=Against(to={"backend": "one"}, columns=("ram_bytes",), how=how))], FRAME)
    assert made[1][f"ram_bytes_{how}"] == value
    assert f"ram_bytes_{how}" not in made[4]


@pytest.mark.parametrize(
    ("step", "what"),
    [
        (Step(pivot=Pivot(rows=("target",), columns="backend", values="ram_bytes")), "two rows for (chip, "),
        (Step(compare=Against(to={"backend": "three"}, columns=("ram_bytes",))), "no row has backend three"),
        (Step(scale={"ram_bytes": "furlong"}), 'unknown unit "furlong"'),
        (Step(group=Group(by=("backnd",), take={"ram_bytes": "sum"})), 'unknown column "backnd"'),
        (Step(group=Group(by=("backend",), take={"bench": "mean"})), "bench holds texts"),
        (Step(where="ram_bytes <"), "is not an expression"),
    ],
)
def test_a_step_that_cannot_be_done_is_named(step: Step, what: str) -> None:
    """By its number, since a recipe may have many."""
    with pytest.raises(UsageError) as refusal:
        apply([Step(sort=("bench",)), step], FRAME)
    assert refusal.value.what.startswith("step 2: ")
    assert what in refusal.value.what


def test_a_step_is_one_operation() -> None:
    """Two in one would have no order."""
    with pytest.raises(ValueError, match="exactly one operation"):
        Step(where="1", sort=("bench",))
    with pytest.raises(ValueError, match="exactly one operation"):
        Step()


@pytest.mark.parametrize("place", ["rows", "columns", "values"])
def test_a_pivot_of_a_column_that_is_not_there_is_refused(place: str) -> None:
    """Wherever it is named, with the columns that there are."""
    pivot: dict[str, Any] = {"rows": ("model",), "columns": "backend", "values": "ram_bytes"}
    wrong = ("model", "ram_byte") if place == "rows" else "ram_byte"
    with pytest.raises(UsageError, match="ram_byte"):
        apply([Step(pivot=Pivot(**{**pivot, place: wrong}))], FRAME)


def test_columns_of_absent_engines_are_no_mistake() -> None:
    """A view may ask for what none of these rows has; what nobody has is not in the table."""
    every = FRAME.with_metrics()
    asked = Step(choose=("backend", "form", "install_bytes"))
    nothing = apply([Step(where="install_bytes > 0"), asked], every).known()
    assert (nothing.columns, nothing.rows) == (("backend", "form", "install_bytes"), ())
    some = apply([asked], every).known()
    assert some.columns == ("backend",) and len(some.rows) == len(FRAME)
